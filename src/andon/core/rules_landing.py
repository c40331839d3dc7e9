"""The rules of landing and of joins: what Andon's own hands do under a lease.

Theory of operation. A landing has three durable points: prepared (all `done` gates hold on the merged tree and change),
the branch moved (git, outside), confirmed. A crash between them is settled by looking at the branch: if it holds the
prepared commit the landing is confirmed, else it is abandoned. Nothing lands twice, nothing is forgotten (laws 5, 7, 10).
"""

from __future__ import annotations

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core import verdict as v
from andon.core import workflow as w
from andon.core.errors import EXIT_LOST, InvariantViolation, Rejected
from andon.core.judge import builtin_verdicts, is_review_step, judge, overall
from andon.core.routing import Progress
from andon.core.rules_step import end_attempt, held_step, record_judgement
from andon.core.swarm import CHILD_KINDS
from andon.core.verdict import Submission, Verdict


def landing_gates(workflow: w.Workflow, step: w.Step) -> tuple[str, ...]:
    """The gates that must hold on what lands: all `done` gates and the land step's own."""
    return tuple(dict.fromkeys((*workflow.done, *step.gates)))


def landing_verdicts(
    workflow: w.Workflow,
    run: s.Run,
    step: str,
    what: Submission,
    measured: tuple[Verdict, ...],
    environment_digest: str,
    now: float,
) -> tuple[Verdict, ...]:
    """Verdicts on what would land. Tree-bound ones must have been measured on the merged tree."""
    ids = landing_gates(workflow, workflow.steps[step])
    verdicts = judge(workflow, run, ids, what, measured, environment_digest, now)
    return (*builtin_verdicts(workflow, run, None, what, measured, now), *verdicts)


def landing_refusal(
    workflow: w.Workflow, run: s.Run, step: str, what: Submission, verdicts: tuple[Verdict, ...]
) -> Rejected | None:
    """Why a run may not land with these verdicts: kind "pending_gates" (not yet) or "done_gates" (it goes back)."""
    state = overall(verdicts)
    if state == v.PASSED:
        return None
    closed = "; ".join(f"{x.gate}: {x.outcome}, {x.summary}" for x in verdicts if not x.opens)
    if state == v.PENDING and _can_still_come(workflow, run, run.active[step].lane, what, verdicts):
        text = f"run {run.id} waits to land: {closed}"
        return Rejected(kind="pending_gates", message=text, next=f"andon show {run.id}", exit=3)
    return Rejected(kind="done_gates", message=f"run {run.id} may not land: {closed}", next=f"andon show {run.id}")


def prepare_landing(progress: Progress, command: c.PrepareLanding) -> Rejected | None:
    step = held_step(progress.run, command.step, command.token, command.at, command.actor)
    if isinstance(step, Rejected):
        return step
    if unknown := set(command.merged) - {own.tip for own in progress.run.own_commits}:
        raise InvariantViolation(f"run {progress.run.id} would land with {sorted(unknown)}, which no join of it gave")
    what = Submission(
        commit=command.commit,
        tree=command.tree,
        base=command.head,
        base_tree="",
        patch=command.patch,
        by=command.actor,
        at=command.at,
    )
    verdicts = landing_verdicts(
        progress.workflow, progress.run, step.step, what, command.verdicts, command.environment_digest, command.at
    )
    refusal = landing_refusal(progress.workflow, progress.run, step.step, what, verdicts)
    if refusal is not None:
        return refusal
    record_judgement(progress, step.step, verdicts, command.environment_digest)
    progress.emit(
        e.LandingPrepared(
            at=command.at,
            actor=command.actor,
            step=step.step,
            token=command.token,
            head=command.head,
            commit=command.commit,
            tree=command.tree,
            patch=command.patch,
            merged=command.merged,
        )
    )
    return None


def _can_still_come(
    workflow: w.Workflow, run: s.Run, lane: str, what: Submission, verdicts: tuple[Verdict, ...]
) -> bool:
    """Whether the missing words may be given while the run waits here: an approval of this very change, a signal for this
    very tree. A review may not, nor anything about a change that the merge made another: such work goes back."""
    submitted = run.submissions.get(lane)
    for verdict in verdicts:
        if verdict.opens:
            continue
        gate = workflow.gates.get(verdict.gate)
        if isinstance(gate, w.ApprovalGate) and submitted is not None and submitted.patch == what.patch:
            continue
        if isinstance(gate, w.SignalGate) and submitted is not None and submitted.tree == what.tree:
            continue
        return False
    return True


def confirm_landing(progress: Progress, command: c.ConfirmLanding) -> Rejected | None:
    """The branch holds the prepared commit. Needs no lease: the fact is in the repository."""
    step = progress.run.active.get(command.step)
    if step is None or step.prepared is None or step.prepared.commit != command.commit:
        text = f"run {progress.run.id} has no prepared landing of {command.commit}"
        return Rejected(kind="not_prepared", message=text, next="andon doctor")
    progress.emit(
        e.Landed(at=command.at, actor=command.actor, step=step.step, commit=command.commit, tree=step.prepared.tree)
    )
    progress.leave(step.step, w.PASSED, message=f"landed as {command.commit}")
    return None


def abandon_landing(progress: Progress, command: c.AbandonLanding) -> Rejected | None:
    step = progress.run.active.get(command.step)
    if step is None or step.prepared is None:
        text = f"run {progress.run.id} has no prepared landing"
        return Rejected(kind="not_prepared", message=text, next="andon doctor")
    if command.commit and step.prepared.commit != command.commit:
        # A lead that was thought dead must not undo its successor's landing.
        text = f"run {progress.run.id} has another landing prepared than {command.commit}"
        return Rejected(kind="not_prepared", message=text, next="stop; another lead is at work", exit=EXIT_LOST)
    progress.emit(e.LandingAbandoned(at=command.at, actor=command.actor, step=step.step, reason=command.reason))
    if step.lease is not None and not command.keep_lease:
        abandoned = progress.run.active[step.step]
        end_attempt(progress, abandoned, "interrupted", reason=command.reason, counts=False)
    return None


def refuse_landing(progress: Progress, command: c.RefuseLanding) -> Rejected | None:
    """Send the work back with the reason: along the land step's own edge, else to the step that submitted it."""
    step = held_step(progress.run, command.step, command.token, command.at, command.actor)
    if isinstance(step, Rejected):
        return step
    if command.verdicts:
        progress.emit(
            e.Judged(
                at=command.at,
                actor=command.actor,
                step=step.step,
                verdicts=command.verdicts,
                environment_digest=command.environment_digest,
                green=False,
            )
        )
    if command.head != progress.run.base:
        progress.emit(e.Rebased(at=command.at, actor=command.actor, base=command.head, base_tree=command.head_tree))
    outcomes = {edge.outcome for edge in progress.workflow.out(step.step)}
    for outcome in (command.how, w.FAILED):
        if outcome in outcomes:
            progress.leave(step.step, outcome, message=command.reason)
            return None
    origin = _mender(progress.workflow, progress.run.submitted_in.get(step.lane))
    if origin is None:
        progress.block(step.step, f"landing was refused, and no step of an agent made the work: {command.reason}")
        return None
    progress.emit(
        e.StepFinished(at=command.at, actor=command.actor, step=step.step, outcome=command.how, message=command.reason)
    )
    progress.walk(origin, step.lane, command.how, command.reason, resend=True)
    return None


def _mender(workflow: w.Workflow, origin: str | None) -> str | None:
    """The step that work goes back to. What children made is not made again: the next step of an agent mends it."""
    seen: set[str] = set()
    while origin is not None and origin not in seen:
        seen.add(origin)
        step = workflow.steps.get(origin)
        if origin == w.END:
            return None
        if step is None or (step.kind not in CHILD_KINDS and not is_review_step(workflow, step)):
            return origin if step is None or len(seen) == 1 or step.kind == "agent" else None
        origin = next((edge.target for edge in workflow.out(origin) if edge.outcome == w.PASSED), None)
    return None


def join_lanes(progress: Progress, command: c.JoinLanes) -> Rejected | None:
    step = held_step(progress.run, command.step, command.token, command.at, command.actor)
    if isinstance(step, Rejected):
        return step
    if step.kind != "join":
        raise InvariantViolation(f"step {step.step} of run {progress.run.id} is not a join")
    if command.submission is None:
        end_attempt(progress, step, "interrupted", reason=command.reason, counts=False)
        progress.block(step.step, f"the branches could not be merged: {command.reason}")
        return None
    for node, lane in progress.joined(step.step, step.lane, command.submission):
        progress.walk(node, lane, w.PASSED)
    return None
