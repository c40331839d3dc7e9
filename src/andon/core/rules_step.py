"""The rules of a claimed step: holding it, submitting, advancing, and how an attempt ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core import verdict as v
from andon.core import workflow as w
from andon.core.errors import EXIT_DENIED, EXIT_LOST, EXIT_USAGE, InvariantViolation, Rejected
from andon.core.judge import builtin_verdicts, is_review_step, judge, overall
from andon.core.later import later
from andon.core.routing import Progress, final_submission
from andon.core.swarm import refuse_leaving
from andon.core.verdict import Artifact, Submission, Verdict

if TYPE_CHECKING:
    from andon.core import rules_findings
else:
    rules_findings = later("andon.core.rules_findings")


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
    offered_until: float | None = None,
    notes: str = "",
    question: str = "",
    due_at: float | None = None,
    on_expiry: str = "",
    artifacts: tuple[Artifact, ...] = (),
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
            offered_until=offered_until,
            notes=notes or step.checkpoint,
            question=question,
            due_at=due_at,
            on_expiry=on_expiry,
            artifacts=artifacts,
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
    record_submission(progress, step, command.token, command.submission, command.also_by)
    return None


def record_submission(progress: Progress, step: s.ActiveStep, token: int, submission: Submission, also_by: str) -> None:
    before = progress.run.submissions.get(step.lane)
    unchanged = submission.tree == (before.tree if before else submission.base_tree)
    # Two may store the same content at the same moment; whoever comes second is an author no less.
    known = before is None or not also_by or also_by in progress.run.authors
    if unchanged and known and (before is None or before.patch == submission.patch):
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
    if refusal := refuse_leaving(progress.run.swarms.get(step.step), step.visit, passed=outcome == w.PASSED):
        return refusal
    reviewing = is_review_step(progress.workflow, definition)
    if command.submission is not None and not reviewing:
        record_submission(progress, step, command.token, command.submission, command.also_by)
    if reviewing:
        if refusal := _record_review(progress, step, definition, command, outcome):
            return refusal
    elif command.resolve:
        text = f"step {step.step} is no review; its worker resolves no findings"
        return Rejected(kind="author", message=text, next="let the reviewer do it", exit=EXIT_DENIED)
    if outcome != w.PASSED:
        progress.leave(step.step, outcome, message=command.message, notes=command.notes)
        return None
    verdicts = judge_step(progress, step.step, command.submission, command.verdicts, command.environment_digest)
    state = overall(verdicts)
    if state == v.PASSED:
        progress.leave(step.step, w.PASSED, message=command.message, notes=command.notes)
    elif state == v.PENDING:
        _park(progress, step, verdicts, command)
    elif reviewing and _wait_for_others(progress, progress.run.active[step.step], verdicts, command):
        return None
    elif definition.kind == "command":
        fail_or_retry(progress, progress.run.active[step.step], verdicts)
    elif progress.run.active[step.step].red >= progress.workflow.limits.submissions:
        count = progress.workflow.limits.submissions
        end_attempt(progress, progress.run.active[step.step], "exhausted", reason=f"{count} red submissions")
    return None


def fail_or_retry(progress: Progress, step: s.ActiveStep, verdicts: tuple[Verdict, ...]) -> None:
    """A deterministic step that failed would fail again; one that could not be measured is tried again."""
    red = [x for x in verdicts if not x.opens]
    reason = "; ".join(f"{x.gate}: {x.summary}" for x in red)
    if any(x.outcome == v.UNMEASURED for x in red):
        end_attempt(progress, step, "interrupted", reason=reason)
    else:
        progress.leave(step.step, w.FAILED, message=reason)


def judge_step(
    progress: Progress,
    step_id: str,
    submission: Submission | None,
    measured: tuple[Verdict, ...],
    environment_digest: str,
) -> tuple[Verdict, ...]:
    """Judge whether a step may be left by `passed`, and record it."""
    verdicts = step_verdicts(progress, progress.run.active[step_id], submission, measured, environment_digest)
    record_judgement(progress, step_id, verdicts, environment_digest)
    return verdicts


def record_judgement(progress: Progress, step_id: str, verdicts: tuple[Verdict, ...], environment_digest: str) -> None:
    progress.emit(
        e.Judged(
            at=progress.at,
            actor=progress.actor,
            step=step_id,
            verdicts=verdicts,
            environment_digest=environment_digest,
            green=overall(verdicts) == v.PASSED,
        )
    )


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
) -> Rejected | None:
    role = definition.role or ""
    words = c.ResolveFindings(
        at=command.at, actor=command.actor, findings=command.resolve, why=command.message, role=role
    )
    refusal = rules_findings.refuse_findings(progress.run, command.findings) or rules_findings.resolve_findings(
        progress, words
    )
    if refusal is not None:
        return refusal
    submission = progress.run.submissions.get(step.lane) or final_submission(progress.run)
    blocking = any(finding.severity == s.BLOCKING for finding in command.findings)
    progress.emit(
        e.ReviewRecorded(
            at=command.at,
            actor=command.actor,
            step=step.step,
            role=role,
            agent=command.actor,
            patch=submission.patch,
            approves=outcome == w.PASSED and not blocking,
            findings=command.findings,
            message=command.message,
        )
    )
    rules_findings.raise_findings(progress, step.step, role, submission.patch, command.findings)
    if outcome == w.PASSED and not blocking:
        rules_findings.approve_own(progress, command.message)
    return None


def but_for_findings(progress: Progress, step: s.ActiveStep, verdicts: tuple[Verdict, ...]) -> str:
    """How the step's gates would stand if no finding were open: tells what earlier reviewers alone keep closed."""
    run = progress.run
    subject = run.submissions.get(step.lane) or final_submission(run)
    environment = run.environments.get(subject.tree_subject, "")
    cleared = Progress(progress.workflow, replace(run, findings=()), progress.at, progress.actor, progress.evaluate)
    return overall(step_verdicts(cleared, step, subject, verdicts, environment))


def _can_resolve(progress: Progress, role: str) -> bool:
    """Whether an open finding is this reviewer's to resolve."""
    workflow, run, actor = progress.workflow, progress.run, progress.actor
    return any(rules_findings.may_resolve(workflow, run, x, actor, role) for x in run.findings if x.holds)


def _wait_for_others(progress: Progress, step: s.ActiveStep, verdicts: tuple[Verdict, ...], command: c.Advance) -> bool:
    """A review that is given, and that only others' open findings keep red: free the reviewer, who can do no more.

    The step goes to the next reviewer where more are wanted; else it goes on by itself when the findings are resolved.
    """
    without = but_for_findings(progress, step, verdicts)
    if without not in (v.PASSED, v.PENDING) or _can_resolve(progress, step.role):
        return False
    open_ones = ", ".join(x.id for x in progress.run.findings if x.holds)
    end_attempt(
        progress,
        step,
        "waiting" if without == v.PASSED else "reviewed",
        reason=f"waits for {open_ones} to be resolved",
        counts=False,
        notes=command.notes or command.message,
    )
    return True


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
