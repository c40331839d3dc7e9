"""Lint rules about the shape of the graph: reachability, dead ends, loops, edges that never fire.

Must not know: gates, YAML, Mermaid.
"""

from __future__ import annotations

from andon.core import workflow as w
from andon.workflow.compile import wait_outcomes
from andon.workflow.front_options import NO_LIMIT
from andon.workflow.problems import did_you_mean, listed
from andon.workflow.rules import Subject, components, has_cycle


def unreachable(subject: Subject) -> None:
    """`unreachable-step`: nothing leads from the start to it."""
    reached = subject.reached(subject.workflow.start)
    for node in subject.nodes:
        if node not in reached:
            kind = subject.workflow.pseudo.get(node, "step")
            text = f"{kind} `{node}` can't be reached from the start"
            subject.error("unreachable-step", subject.at(f"step:{node}"), text, "draw an edge to it, or remove it")


def dead_ends(subject: Subject) -> None:
    """`dead-end`: no way on after passing, or a loop without a way to the end. `unknown-step`: a dead end whose name
    is nearly that of a step with a section, so surely a slip of the pen."""
    reached = subject.reached(subject.workflow.start)
    ending = subject.reaching(w.END)
    for node in subject.nodes:
        if node not in reached:
            continue
        if not any(edge.outcome == w.PASSED for _, edge in subject.after[node]):
            _no_way_on(subject, node)
    after = {node: [edge.target for _, edge in subject.after[node]] for node in subject.nodes}
    for component in components(subject.nodes, after):
        inside = set(component)
        stuck = not inside & ending and inside & reached and has_cycle(component, after)
        if stuck and all(target in inside for node in component for target in after[node]):
            names = [node for node in subject.nodes if node in inside]
            text = f"no path leads from {listed(f'`{name}`' for name in names)} to the end"
            subject.error("dead-end", subject.at(f"step:{names[0]}"), text, "draw an edge that leaves the loop")


def _no_way_on(subject: Subject, node: str) -> None:
    at = subject.at(f"step:{node}")
    known = [name for name in subject.nodes if subject.after[name]]
    bare = f"section:{node}" not in subject.places and not subject.after[node]
    close = did_you_mean(node, known)
    if bare and close and node in subject.workflow.steps:
        subject.error("unknown-step", at, f"step `{node}` has no section and no edge out of it", close)
        return
    kind = subject.workflow.pseudo.get(node, "step")
    text = f"{kind} `{node}` has no edge to go on by after it has passed"
    subject.error("dead-end", at, text, f"add: {node} --> next_step, or {node} --> [*]")


def loops(subject: Subject) -> None:
    """`unbounded-loop`: a loop that no limit on visits bounds."""
    pseudo = subject.workflow.pseudo
    only_pseudo = {node: [edge.target for _, edge in subject.after[node] if edge.target in pseudo] for node in pseudo}
    for component in components(pseudo, only_pseudo):
        if has_cycle(component, only_pseudo):
            names = sorted(component)
            text = f"{listed(names)}: a loop without any step in it; no limit on visits counts its rounds"
            subject.error("unbounded-loop", subject.at(f"step:{names[0]}"), text, "put a step into it, or cut it")
    if subject.workflow.limits.visits < NO_LIMIT:
        return
    after = {node: [edge.target for _, edge in subject.after[node]] for node in subject.nodes}
    for component in components(subject.nodes, after):
        steps = [node for node in subject.nodes if node in set(component) and node in subject.workflow.steps]
        if steps and has_cycle(component, after):
            text = f"the loop through {listed(steps)} has no bound: limits.visits was taken away"
            subject.error("unbounded-loop", subject.at("limits.visits"), text, "give limits: {visits: 5}")


# ---------------------------------------------------------------- edges that never fire


def edges(subject: Subject) -> None:
    """`edge-never-fires`, `missing-outcome-edge` and `choice-without-else`."""
    for node in subject.nodes:
        kind = subject.workflow.pseudo.get(node)
        if kind == "choice":
            _choice(subject, node)
        elif kind is None:
            _doubles(subject, node)
            step = subject.workflow.steps[node]
            for number, edge in subject.after[node]:
                _possible(subject, step, number, edge)
            _missing(subject, step)


def _doubles(subject: Subject, node: str) -> None:
    seen: dict[str, int] = {}
    for number, edge in subject.after[node]:
        if edge.outcome in seen:
            line = subject.at(f"edge:{seen[edge.outcome]}")[0]
            text = f"step `{node}` has an edge for `{edge.outcome}` already, on line {line}; this one never fires"
            subject.error("edge-never-fires", subject.at(f"edge:{number}"), text, "keep one, or use a <<choice>>")
        seen.setdefault(edge.outcome, number)


def _choice(subject: Subject, node: str) -> None:
    """Conditions are tried in file order and the else comes last."""
    seen: dict[str | None, int] = {}
    certain: int | None = None
    for number, edge in subject.after[node]:
        at = subject.at(f"edge:{number}.label", f"edge:{number}")
        if edge.condition in seen:
            line = subject.at(f"edge:{seen[edge.condition]}")[0]
            what = "a second else" if edge.condition is None else "the same condition again"
            text = f"{what} out of choice `{node}` (the first is on line {line}); it never fires"
            subject.error("edge-never-fires", at, text, "keep one")
        elif edge.condition == "false" or (certain is not None and edge.condition is not None):
            text = f"this edge out of choice `{node}` never fires"
            advice = "an earlier condition is always true" if edge.condition != "false" else "leave it out"
            subject.error("edge-never-fires", at, text, advice)
        seen.setdefault(edge.condition, number)
        if edge.condition == "true":
            certain = number
    if certain is not None and None in seen:
        text = f"the `else` out of choice `{node}` never fires"
        at = subject.at(f"edge:{seen[None]}.label", f"edge:{seen[None]}")
        subject.error("edge-never-fires", at, text, "another condition is always true")
    if subject.after[node] and None not in seen and certain is None:
        text = f"choice `{node}` has no `else`: when no condition is true the run stops for a person"
        subject.warn("choice-without-else", subject.at(f"step:{node}"), text, f"add: {node} --> somewhere : else")


def _possible(subject: Subject, step: w.Step, number: int, edge: w.Edge) -> None:
    outcome = edge.outcome
    if outcome == w.PASSED or outcome in step.outcomes:
        return
    at = subject.at(f"edge:{number}.label", f"edge:{number}")
    text = f"{step.kind} step `{step.id}` never ends `{outcome}`, so this edge never fires"
    only = wait_outcomes(step) if step.kind == "wait" else _ONLY.get(step.kind)
    if only is not None and outcome not in only:
        allowed = ", ".join((w.PASSED, *only))
        subject.error("edge-never-fires", at, text, f"{step.kind} steps end: {allowed}")
    elif step.kind == "human":
        _possible_for_people(subject, step, number, outcome)
    elif step.kind == "agent" and outcome == w.EXPIRED:
        advice = "leases that run out use up attempts: label the edge `failed`"
        subject.warn("edge-never-fires", at, text, advice)


_ONLY = {
    "command": (w.FAILED,),
    "land": (w.FAILED, "conflict"),
}
"""Outcomes besides `passed` of steps that Andon carries out by itself."""


def _possible_for_people(subject: Subject, step: w.Step, number: int, outcome: str) -> None:
    at = subject.at(f"edge:{number}.label", f"edge:{number}")
    expiry = step.on_expiry if step.expires_s is not None else None
    if outcome in (w.REJECTED, expiry):
        return
    text = f"human step `{step.id}` never ends `{outcome}`, so this edge never fires"
    if outcome == w.EXPIRED:
        reason = f"on expiry it ends `{step.on_expiry}`" if expiry else "give it expires:"
        subject.error("edge-never-fires", at, text, reason)
    elif outcome == w.FAILED:
        subject.error("edge-never-fires", at, text, "people end a step passed or rejected")
    else:
        unsaid = f"`{outcome}` is not among the outcomes that human step `{step.id}` declares"
        subject.warn("edge-never-fires", at, unsaid, f"add outcomes: [{outcome}]")


def _missing(subject: Subject, step: w.Step) -> None:
    drawn = {edge.outcome for _, edge in subject.after[step.id]}
    for outcome in step.outcomes:
        if outcome not in drawn:
            at = subject.at(f"step:{step.id}.outcomes.{outcome}", f"step:{step.id}")
            text = f"step `{step.id}` may end `{outcome}`, but no edge leads on from that"
            subject.error("missing-outcome-edge", at, text, f"add: {step.id} --> somewhere : {outcome}")
    if step.kind != "human":
        return
    wanted = {w.REJECTED: f"step:{step.id}"}
    if step.expires_s is not None:
        wanted[step.on_expiry] = f"step:{step.id}.expires"
    for outcome, place in wanted.items():
        if outcome not in drawn and outcome not in step.outcomes:
            text = f"when step `{step.id}` ends `{outcome}` the run stops for a person: there is no edge for it"
            subject.warn("missing-outcome-edge", subject.at(place), text, f"add: {step.id} --> somewhere : {outcome}")
