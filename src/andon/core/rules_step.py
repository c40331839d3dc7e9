"""The rules of a claimed step: holding it, submitting, advancing, and how an attempt ends."""

from __future__ import annotations

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core import verdict as v
from andon.core import workflow as w
from andon.core.errors import EXIT_LOST, EXIT_USAGE, InvariantViolation, Rejected
from andon.core.judge import builtin_verdicts, is_review_step, judge, overall
from andon.core.routing import Progress, final_submission
from andon.core.verdict import Submission, Verdict


def find_step(run: s.Run, step_id: str) -> s.ActiveStep | Rejected:
    step = run.active.get(step_id)
    if step is None:
        text = f"step {step_id} of run {run.id} is not active any more"
        return Rejected(kind="lease_lost", message=text, next="stop; andon next", exit=EXIT_LOST)
    return step


def held_step(run: s.Run, step_id: str, token: int, now: float, actor: str) -> s.ActiveStep | Rejected:
    """The step, if this actor holds its lease with this token now; else `lease_lost` (law 6)."""
    step = find_step(run, step_id)
    if isinstance(step, Rejected):
        return step
    lease = step.lease
    if lease is None or lease.token != token or lease.agent != actor:
        ended = f": {step.reason}" if step.reason else ""
        owner = f"; it is held by {lease.agent} now" if lease else ended
        text = f"lease {token} of step {step_id} of run {run.id} is not valid any more{owner}"
        return Rejected(kind="lease_lost", message=text, next="stop; the work is someone else's", exit=EXIT_LOST)
    if now >= lease.expires_at:
        text = f"lease {token} of step {step_id} of run {run.id} has expired"
        return Rejected(kind="lease_lost", message=text, next="stop; andon next claims work again", exit=EXIT_LOST)
    return step


def end_attempt(
    progress: Progress,
    step: s.ActiveStep,
    how: str,
    *,
    reason: str = "",
    salvage: str = "",
    counts: bool = True,
    to: str = "",
    notes: str = "",
) -> None:
    """End the lease without an outcome; when the attempts are used up, leave by `failed`."""
    if step.lease is None:
        raise InvariantViolation(f"step {step.step} of run {progress.run.id} has no lease to end")
    if step.prepared is not None:
        # A prepared landing is settled by looking at the branch, not by anybody's silence.
        counts = False
    progress.emit(
        e.AttemptEnded(
            at=progress.at,
            actor=progress.actor,
            step=step.step,
            token=step.lease.token,
            how=how,
            reason=reason,
            counts=counts,
            salvage=salvage,
            to=to,
            notes=notes or step.checkpoint,
        )
    )
    definition = progress.workflow.steps.get(step.step)
    limit = definition.attempts if definition else 10
    if counts and progress.run.active[step.step].attempts_used >= limit:
        progress.leave(step.step, w.FAILED, message=f"all {limit} attempts are used up; the last: {reason or how}")


# ---------------------------------------------------------------- submit and advance


def submit(progress: Progress, command: c.Submit) -> Rejected | None:
    """Store a snapshot; nothing is judged."""
    step = held_step(progress.run, command.step, command.token, command.at, command.actor)
    if isinstance(step, Rejected):
        return step
    if is_review_step(progress.workflow, progress.workflow.steps[step.step]):
        text = f"step {step.step} is a review; it has nothing to submit"
        return Rejected(kind="review_step", message=text, next="andon advance [--outcome …] -m REASON")
    _record_submission(progress, step, command.token, command.submission, command.also_by)
    return None


def _record_submission(
    progress: Progress, step: s.ActiveStep, token: int, submission: Submission, also_by: str
) -> None:
    before = progress.run.submissions.get(step.lane)
    unchanged = submission.tree == (before.tree if before else submission.base_tree)
    if unchanged and (before is None or before.patch == submission.patch):
        return
    # A worker may bring a newer base in; one that stands on its visit's own, older base takes nobody back to it.
    if submission.base not in (progress.run.base, step.base):
        progress.emit(
            e.Rebased(at=progress.at, actor=progress.actor, base=submission.base, base_tree=submission.base_tree)
        )
    progress.emit(
        e.Submitted(
            at=progress.at,
            actor=progress.actor,
            step=step.step,
            token=token,
            submission=submission,
            also_by=also_by,
        )
    )


def advance(progress: Progress, command: c.Advance) -> Rejected | None:
    """Leave an agent or command step: by `passed` if every gate opens, by another outcome if the workflow has its edge."""
    step = held_step(progress.run, command.step, command.token, command.at, command.actor)
    if isinstance(step, Rejected):
        return step
    definition = progress.workflow.steps[step.step]
    outcome = command.outcome or w.PASSED
    if refusal := _refuse_outcome(progress, definition, outcome):
        return refusal
    reviewing = is_review_step(progress.workflow, definition)
    if command.submission is not None and not reviewing:
        _record_submission(progress, step, command.token, command.submission, command.also_by)
    if reviewing:
        _record_review(progress, step, definition, command, outcome)
    if outcome != w.PASSED:
        progress.leave(step.step, outcome, message=command.message, notes=command.notes)
        return None
    verdicts = step_verdicts(
        progress, progress.run.active[step.step], command.submission, command.verdicts, command.environment_digest
    )
    state = overall(verdicts)
    progress.emit(
        e.Judged(
            at=command.at,
            actor=command.actor,
            step=step.step,
            verdicts=verdicts,
            environment_digest=command.environment_digest,
            green=state == v.PASSED,
        )
    )
    if state == v.PASSED:
        progress.leave(step.step, w.PASSED, message=command.message, notes=command.notes)
    elif state == v.PENDING:
        _park(progress, step, verdicts, command)
    elif definition.kind == "command":
        _command_failed(progress, progress.run.active[step.step], verdicts)
    elif progress.run.active[step.step].red >= progress.workflow.limits.submissions:
        count = progress.workflow.limits.submissions
        end_attempt(progress, progress.run.active[step.step], "exhausted", reason=f"{count} red submissions")
    return None


def _command_failed(progress: Progress, step: s.ActiveStep, verdicts: tuple[Verdict, ...]) -> None:
    """A deterministic step that failed would fail again; one that could not be measured is tried again."""
    red = [x for x in verdicts if not x.opens]
    reason = "; ".join(f"{x.gate}: {x.summary}" for x in red)
    if any(x.outcome == v.UNMEASURED for x in red):
        end_attempt(progress, step, "interrupted", reason=reason)
    else:
        progress.leave(step.step, w.FAILED, message=reason)


def step_verdicts(
    progress: Progress,
    step: s.ActiveStep,
    submission: Submission | None,
    measured: tuple[Verdict, ...],
    environment_digest: str,
) -> tuple[Verdict, ...]:
    """All verdicts that decide whether the step may be left by `passed`, judged now."""
    definition = progress.workflow.steps[step.step]
    reviewing = is_review_step(progress.workflow, definition)
    subject = submission or progress.run.submissions.get(step.lane) or final_submission(progress.run)
    if reviewing:
        subject = progress.run.submissions.get(step.lane) or subject
    verdicts = judge(
        progress.workflow,
        progress.run,
        gates_of(progress.workflow, definition),
        subject,
        measured,
        environment_digest,
        progress.at,
    )
    if definition.kind == "command":
        return (_command_verdict(definition, subject, measured), *verdicts)
    if definition.kind != "agent" or reviewing:
        return verdicts
    must_change = None if definition.empty else step
    builtin = builtin_verdicts(progress.workflow, progress.run, must_change, subject, measured, progress.at)
    return (*builtin, *verdicts)


def command_gate(step: w.Step) -> str:
    """The id of the verdict on a command step's own command."""
    return f"run:{step.id}"


def _command_verdict(step: w.Step, subject: Submission, measured: tuple[Verdict, ...]) -> Verdict:
    for verdict in measured:
        if verdict.gate == command_gate(step) and verdict.subject == subject.tree_subject:
            return verdict
    return Verdict(
        gate=command_gate(step),
        outcome=v.UNMEASURED,
        summary="the command was not run",
        subject=subject.tree_subject,
        gate_digest=w.digest_of({"command": step.run}),
    )


def gates_of(workflow: w.Workflow, step: w.Step) -> tuple[str, ...]:
    """The step's own gates, the review gates it answers, and all `done` gates where the next place is the end."""
    ids = list(step.gates)
    ids += [gate.id for gate in workflow.gates.values() if _answers(step, gate)]
    last = any(edge.target == w.END and edge.outcome == w.PASSED for edge in workflow.out(step.id))
    if last and step.kind != "land":
        ids += workflow.done
    return tuple(dict.fromkeys(ids))


def _answers(step: w.Step, gate: w.Gate) -> bool:
    return isinstance(gate, w.ReviewGate) and step.kind == "agent" and step.role == gate.role and gate.count == 1


def _refuse_outcome(progress: Progress, step: w.Step, outcome: str) -> Rejected | None:
    choices = [edge.outcome for edge in progress.workflow.out(step.id)]
    allowed = [x for x in dict.fromkeys((*choices, *step.outcomes)) if x != w.EXPIRED]
    if outcome == w.PASSED or (outcome in allowed and outcome in choices):
        return None
    text = f"step {step.id} has no outcome `{outcome}`; it has: {', '.join(allowed)}"
    return Rejected(kind="unknown_outcome", message=text, next="choose one of these", exit=EXIT_USAGE)


def _record_review(
    progress: Progress, step: s.ActiveStep, definition: w.Step, command: c.Advance, outcome: str
) -> None:
    submission = progress.run.submissions.get(step.lane) or final_submission(progress.run)
    blocking = any(finding.severity == "blocking" for finding in command.findings)
    progress.emit(
        e.ReviewRecorded(
            at=command.at,
            actor=command.actor,
            step=step.step,
            role=definition.role or "",
            agent=command.actor,
            patch=submission.patch,
            approves=outcome == w.PASSED and not blocking,
            findings=command.findings,
            message=command.message,
        )
    )


def _park(progress: Progress, step: s.ActiveStep, verdicts: tuple[Verdict, ...], command: c.Advance) -> None:
    """Only people, reviewers or signals are missing: free the worker; the step goes on by itself when they answer.

    A review that needs more reviewers is offered to the next one instead.
    """
    names = ", ".join(x.gate for x in verdicts if x.outcome == v.PENDING)
    reviewing = is_review_step(progress.workflow, progress.workflow.steps[step.step])
    end_attempt(
        progress,
        progress.run.active[step.step],
        "reviewed" if reviewing else "waiting",
        reason=f"waits for {names}",
        counts=False,
        notes=command.notes or command.message,
    )
