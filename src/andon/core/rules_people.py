"""The rules of people's acts and of evidence from outside: approve, reject, waive, signals.

Rules: an approver is a person, never an agent and never an author of the change; a word is bound to the very change
it was given for; a waiver needs a reason (laws 2, 3 and 11).
"""

from __future__ import annotations

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core import verdict as v
from andon.core import workflow as w
from andon.core.errors import EXIT_DENIED, EXIT_USAGE, Rejected
from andon.core.evolve_swarm import waits_for_children
from andon.core.judge import WORK_DIGEST, is_author, is_review_step, judge, overall, protect_digest
from andon.core.routing import Progress, final_submission
from andon.core.rules_step import but_for_findings, record_judgement, step_verdicts


def _refuse_person(progress: Progress, command: c.Approve | c.Reject | c.Waive, act: str) -> Rejected | None:
    if command.agent:
        text = f"{command.actor} is an agent; only a person may {act}"
        return Rejected(kind="not_a_person", message=text, next="ask a person", exit=EXIT_DENIED)
    names = (command.actor, *command.aliases)
    if act != "reject" and is_author(progress.run, names):
        text = f"{command.actor} is an author of run {progress.run.id}'s change and may not {act} it"
        return Rejected(kind="author", message=text, next="ask another person", exit=EXIT_DENIED)
    return None


def _human_step(progress: Progress, name: str | None) -> s.ActiveStep | Rejected | None:
    steps = [x for x in progress.run.active.values() if x.kind == "human" and x.state == s.WAITING]
    if name is not None:
        steps = [x for x in steps if x.step == name]
        if not steps:
            text = f"run {progress.run.id} does not wait for a person at step {name}"
            return Rejected(kind="not_waiting", message=text, next=f"andon show {progress.run.id}")
    if len(steps) > 1:
        names = ", ".join(x.step for x in steps)
        text = f"run {progress.run.id} waits for people at several steps: {names}"
        return Rejected(kind="ambiguous", message=text, next="add --step NAME", exit=EXIT_USAGE)
    return steps[0] if steps else None


def _entitled(progress: Progress, step: s.ActiveStep | None, command: c.Approve | c.Reject) -> Rejected | None:
    definition = progress.workflow.steps[step.step] if step else None
    if definition is None or not definition.by or {command.actor, *command.aliases} & set(definition.by):
        return None
    text = f"step {definition.id} is decided by {', '.join(definition.by)}, not by {command.actor}"
    return Rejected(kind="not_entitled", message=text, next="ask one of them", exit=EXIT_DENIED)


def _subject(progress: Progress, step: s.ActiveStep | None) -> v.Submission:
    lane = step.lane if step else ""
    return progress.run.submissions.get(lane) or final_submission(progress.run)


def approve(progress: Progress, command: c.Approve) -> Rejected | None:
    if refusal := _refuse_person(progress, command, "approve"):
        return refusal
    step = _human_step(progress, command.step)
    if isinstance(step, Rejected):
        return step
    if refusal := _entitled(progress, step, command):
        return refusal
    if step is not None and step.due_at is not None and command.at >= step.due_at:
        text = f"step {step.step} of run {progress.run.id} has expired; it can't be approved any more"
        return Rejected(kind="expired", message=text, next=f"andon show {progress.run.id}")
    gates = [gate for gate in progress.workflow.gates.values() if isinstance(gate, w.ApprovalGate)]
    awaited = any((x.state == s.WAITING and not x.question) or x.kind == "land" for x in progress.run.active.values())
    if step is None and not (gates and awaited):
        text = f"run {progress.run.id} has nothing that waits for an approval"
        return Rejected(kind="not_waiting", message=text, next=f"andon show {progress.run.id}")
    person = _name_for_gates(command, gates)
    progress.emit(
        e.ApprovalRecorded(
            at=command.at,
            actor=command.actor,
            step=step.step if step else "",
            person=person,
            patch=_subject(progress, step).patch,
            message=command.message,
            signed=command.signed,
        )
    )
    settle(progress)
    return None


def _name_for_gates(command: c.Approve, gates: list[w.ApprovalGate]) -> str:
    """The one of the person's names that the gates know, so that `by:` may name any of them."""
    known = {name for gate in gates for name in gate.by}
    return next((name for name in (command.actor, *command.aliases) if name in known), command.actor)


def reject(progress: Progress, command: c.Reject) -> Rejected | None:
    if refusal := _refuse_person(progress, command, "reject"):
        return refusal
    step = _human_step(progress, command.step)
    if isinstance(step, Rejected):
        return step
    if refusal := _entitled(progress, step, command):
        return refusal
    if step is None and not any(isinstance(gate, w.ApprovalGate) for gate in progress.workflow.gates.values()):
        text = f"run {progress.run.id} waits for nobody's approval, so a rejection would hold nothing"
        return Rejected(kind="not_waiting", message=text, next=f"andon run cancel {progress.run.id} stops it")
    progress.emit(
        e.RejectionRecorded(
            at=command.at,
            actor=command.actor,
            step=step.step if step else "",
            person=command.actor,
            patch=_subject(progress, step).patch,
            message=command.message,
        )
    )
    if step is not None:
        outcome = command.outcome or w.REJECTED
        if outcome == w.PASSED:
            return Rejected(kind="bad_outcome", message="a rejection can't be `passed`", exit=EXIT_USAGE)
        choices = {edge.outcome for edge in progress.workflow.out(step.step)} - {w.PASSED}
        if command.outcome is not None and outcome not in choices:
            text = f"step {step.step} has no outcome `{outcome}`; it has: {', '.join(sorted(choices)) or 'none'}"
            return Rejected(kind="unknown_outcome", message=text, next="choose one of these", exit=EXIT_USAGE)
        progress.leave(step.step, outcome, message=command.message or f"rejected by {command.actor}")
    else:
        settle(progress)
    return None


def post_signal(progress: Progress, command: c.PostSignal) -> Rejected | None:
    wanted = {g.name for g in progress.workflow.gates.values() if isinstance(g, w.SignalGate)}
    wanted |= {step.signal for step in progress.workflow.steps.values() if step.signal}
    if command.name not in wanted:
        text = f"workflow {progress.workflow.name} has no signal {command.name}; it has: {', '.join(sorted(wanted))}"
        return Rejected(kind="unknown_signal", message=text, next="check the name", exit=EXIT_USAGE)
    progress.emit(
        e.SignalRecorded(
            at=command.at,
            actor=command.actor,
            name=command.name,
            tree=command.tree,
            outcome=v.PASSED if command.outcome == v.PASSED else v.FAILED,
            by=command.actor,
            message=command.message,
            url=command.url,
        )
    )
    for step in list(progress.run.active.values()):
        definition = progress.workflow.steps.get(step.step)
        if definition is not None and definition.kind == "wait" and definition.signal == command.name:
            progress.leave(step.step, w.PASSED if command.outcome == v.PASSED else w.FAILED, message=command.message)
    settle(progress)
    return None


def waive(progress: Progress, command: c.Waive) -> Rejected | None:
    if refusal := _refuse_person(progress, command, "waive a gate of"):
        return refusal
    if not command.why.strip():
        return Rejected(kind="no_reason", message="a waiver needs a reason", next="--why TEXT", exit=EXIT_USAGE)
    gate = progress.workflow.gates.get(command.gate)
    builtin = {v.PROTECT_GATE: protect_digest(progress.workflow), v.EMPTY_GATE: WORK_DIGEST}
    digest = w.gate_digest(gate) if gate is not None else builtin.get(command.gate)
    if digest is None:
        names = ", ".join((*progress.workflow.gates, *builtin))
        text = f"workflow {progress.workflow.name} has no gate {command.gate}; it has: {names}"
        return Rejected(kind="unknown_gate", message=text, next="check the name", exit=EXIT_USAGE)
    lanes = {(item.patch, item.tree) for item in progress.run.submissions.values()}
    if len(lanes) != 1:
        text = f"run {progress.run.id} has {len(lanes)} changes under way; a waiver needs exactly one"
        return Rejected(kind="no_subject", message=text, next="waive after something was submitted")
    patch, tree = lanes.pop()
    progress.emit(
        e.GateWaived(
            at=command.at,
            actor=command.actor,
            gate=command.gate,
            patch=patch,
            tree=tree,
            gate_digest=digest,
            person=command.actor,
            why=command.why.strip(),
        )
    )
    settle(progress)
    return None


def settle(progress: Progress) -> None:
    """Let waiting steps go on when what they waited for is there; nobody has to nudge."""
    for step in list(progress.run.active.values()):
        if step.state != s.WAITING or step.question or step.step not in progress.run.active:
            continue
        definition = progress.workflow.steps.get(step.step)
        if definition is None or definition.kind == "wait" or waits_for_children(progress.run, step):
            continue
        if definition.kind == "human":
            _settle_human(progress, step, definition)
        else:
            _settle_parked(progress, step)


def _settle_human(progress: Progress, step: s.ActiveStep, definition: w.Step) -> None:
    subject = _subject(progress, step)
    people = {
        x.person
        for x in progress.run.approvals
        if x.approves and x.step == step.step and x.patch == subject.patch and x.at >= step.entered_at
    }
    if len(people) < definition.count:
        return
    environment = progress.run.environments.get(subject.tree_subject, "")
    verdicts = judge(progress.workflow, progress.run, definition.gates, subject, (), environment, progress.at)
    if overall(verdicts) == v.PASSED:
        progress.leave(step.step, w.PASSED, message=f"approved by {', '.join(sorted(people))}")


def _settle_parked(progress: Progress, step: s.ActiveStep) -> None:
    """An agent step whose own work is green and that waited for others."""
    subject = _subject(progress, step)
    environment = progress.run.environments.get(subject.tree_subject, "")
    measured = tuple(step.verdicts)
    verdicts = step_verdicts(progress, step, subject, measured, environment)
    state = overall(verdicts)
    if state == v.PENDING:
        return
    definition = progress.workflow.steps[step.step]
    if (
        is_review_step(progress.workflow, definition)
        and but_for_findings(progress, step, measured) == v.PASSED != state
    ):
        # The review is given; what earlier reviewers found is not resolved yet.
        return
    record_judgement(progress, step.step, verdicts, environment)
    if state == v.PASSED:
        progress.leave(step.step, w.PASSED, message=step.notes)
    else:
        red = "; ".join(f"{x.gate}: {x.summary}" for x in verdicts if not x.opens)
        progress.emit(e.StepReopened(at=progress.at, actor=progress.actor, step=step.step, reason=red))
