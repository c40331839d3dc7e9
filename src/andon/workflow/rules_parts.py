"""Lint rules about roles, gates and the kinds of steps: references that lead nowhere, parts that nobody can play.

Must not know: paths through the graph.
"""

from __future__ import annotations

from msgspec import UnsetType

from andon.core import workflow as w
from andon.core.swarm import CHILD_KINDS
from andon.workflow.problems import did_you_mean, listed
from andon.workflow.rules import Subject


def references(subject: Subject) -> None:
    """`unknown-gate` and `unknown-role`."""
    workflow = subject.workflow
    for step in workflow.steps.values():
        named = [("gates", name) for name in step.gates]
        if not isinstance(step.handoff_gates, UnsetType):
            named += [("handoff_gates", name) for name in step.handoff_gates]
        for option, name in named:
            if name not in workflow.gates:
                advice = did_you_mean(name, workflow.gates) or "define it under gates:"
                at = subject.at(f"step:{step.id}.{option}.{name}", f"step:{step.id}")
                subject.error(
                    "unknown-gate", at, f"step `{step.id}` names the gate `{name}`, which is not defined", advice
                )
        if step.role is not None:
            _role(subject, step.role, f"step `{step.id}`", f"step:{step.id}.role")
    for gate in workflow.gates.values():
        if isinstance(gate, w.ReviewGate):
            _role(subject, gate.role, f"gate `{gate.id}`", f"gate:{gate.id}.role")
    for name, role in workflow.roles.items():
        for other in role.distinct_from:
            _role(subject, other, f"role `{name}`", f"role:{name}.distinct_from.{other}")


def _role(subject: Subject, role: str, who: str, place: str) -> None:
    if role not in subject.workflow.roles:
        advice = did_you_mean(role, subject.workflow.roles) or "add it under roles:"
        subject.error("unknown-role", subject.at(place), f"{who} names the role `{role}`, which is not defined", advice)


def roles(subject: Subject) -> None:
    """`role-unfillable`: nobody can play this role, or nobody is asked to."""
    workflow = subject.workflow
    for name, role in workflow.roles.items():
        if name in role.distinct_from:
            text = f"role `{name}` must be distinct from itself, so no agent can play it"
            subject.error("role-unfillable", subject.at(f"role:{name}.distinct_from.{name}"), text, "leave it out")
    played = {step.role for step in workflow.steps.values() if step.kind == "agent"}
    used = {gate for step in workflow.steps.values() for gate in step.gates} | set(workflow.done)
    for gate in workflow.gates.values():
        if not isinstance(gate, w.ReviewGate) or gate.id not in used or gate.role not in workflow.roles:
            continue
        if gate.role not in played:
            text = f"no agent step has the role `{gate.role}`, so nobody can give the review `{gate.id}`"
            subject.error(
                "role-unfillable",
                subject.at(f"gate:{gate.id}.role", f"gate:{gate.id}"),
                text,
                f"add a step with role: {gate.role}",
            )
    _all_review(subject)


def _all_review(subject: Subject) -> None:
    """A review needs an author who is somebody else: some step must work in a role that does not review."""
    workflow = subject.workflow
    agents = [step for step in workflow.steps.values() if step.kind == "agent"]
    reviewing = {gate.role: gate for gate in workflow.gates.values() if isinstance(gate, w.ReviewGate)}
    if agents and all(step.role in reviewing for step in agents):
        gate = reviewing[agents[0].role or ""]
        text = f"every agent step has a role that reviews ({listed(sorted(reviewing))}), so nobody makes the change"
        subject.error(
            "role-unfillable",
            subject.at(f"gate:{gate.id}.role", f"gate:{gate.id}"),
            text,
            "give the working steps a role of their own",
        )


def people(subject: Subject) -> None:
    """`human-gate-without-expiry`: a wait for a person that nothing ends."""
    for step in subject.workflow.steps.values():
        if step.kind == "human" and step.expires_s is None:
            text = f"human step `{step.id}` waits without end"
            subject.error("human-gate-without-expiry", subject.at(f"step:{step.id}"), text, "add expires: 2d")
    for gate in subject.workflow.gates.values():
        if isinstance(gate, w.ApprovalGate) and gate.expires_s is None:
            text = f"an approval for gate `{gate.id}` never expires"
            subject.error("human-gate-without-expiry", subject.at(f"gate:{gate.id}"), text, "add expires: 2d")


def gates(subject: Subject) -> None:
    """`no-report`, `unused-gate` and gates that can hold for nothing."""
    used = {gate for step in subject.workflow.steps.values() for gate in step.gates} | set(subject.workflow.done)
    for gate in subject.workflow.gates.values():
        at = subject.at(f"gate:{gate.id}")
        if isinstance(gate, w.RunGate) and gate.report is None and gate.require is None:
            text = f"gate `{gate.id}` is decided by the exit code alone: a command that checks nothing passes"
            subject.warn("no-report", at, text, 'add report: and require:, or require: "output_lines > 0"')
        if isinstance(gate, w.PolicyGate):
            subject.warn("unsupported-kind", at, f"gate `{gate.id}`: policy gates are not carried out yet")
        if gate.id not in used:
            subject.warn("unused-gate", at, f"no step and no `done` names the gate `{gate.id}`", "use it or remove it")


def kinds(subject: Subject) -> None:
    """`unsupported-kind` and `bad-step`: what a kind needs and does not have."""
    for step in subject.workflow.steps.values():
        at = subject.at(f"step:{step.id}.kind", f"step:{step.id}")
        if step.kind == "publish":
            subject.warn("unsupported-kind", at, f"step `{step.id}`: {step.kind} steps are not carried out yet")
        if step.land == "each" and not any(x.kind == "land" for x in subject.workflow.steps.values()):
            text = f"step `{step.id}` says how what children made lands, and this workflow lands nothing"
            subject.warn("unused-option", at, text, "leave land: out")
        if step.kind == "wait" and step.for_s is None and step.signal is None:
            subject.error("bad-step", at, f"wait step `{step.id}` waits for nothing", "add for: 10m, or signal: NAME")
        if step.kind == "fanout" and (step.for_each is None or step.workflow is None):
            subject.error("bad-step", at, f"fanout step `{step.id}` needs `for_each` and `workflow`")
        if step.kind == "workflow" and step.workflow is None:
            subject.error("bad-step", at, f"workflow step `{step.id}` needs `workflow`")
        if step.kind == "fanout" and step.for_each is not None and not _is_plain_path(step.for_each):
            text = f"`for_each` of step `{step.id}` must be the path of a JSON file in the tree, without `..`"
            subject.error("bad-step", at, text, "such as for_each: plan/items.json")
        if step.kind in CHILD_KINDS and step.role is not None:
            text = f"step `{step.id}` has a role, which is its children's workflow's own affair"
            subject.warn("unused-option", at, text, "leave it out")
        if step.kind in CHILD_KINDS and not _can_be_mended(subject, step.id):
            text = f"what the children of step `{step.id}` made can't be mended: no agent step comes right after it"
            subject.warn("no-mender", at, text, "let an agent step with empty: allow follow it")


def _is_plain_path(path: str) -> bool:
    return path.isascii() and path.isprintable() and not path.startswith("/") and ".." not in path.split("/")


def _can_be_mended(subject: Subject, step: str) -> bool:
    """Whether work that comes back from landing finds a step of an agent; else a person is needed."""
    following = next((edge.target for edge in subject.workflow.out(step) if edge.outcome == w.PASSED), w.END)
    found = subject.workflow.steps.get(following)
    return found is None or found.kind == "agent"
