"""Sessions and budgets: how long one claim lasts at the most, and what an attempt and a run may use.

A session bounds drift: whoever has worked on a step for that long hands it over, renewals or not, with the notes that it
left on the way. Its end uses up no attempt, for nothing went wrong; how often it may happen in one visit is bounded all
the same (law 13). A budget bounds cost: an attempt that has passed its tokens is over, and counts as one.
"""

from __future__ import annotations

from msgspec import UNSET

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core import workflow as w
from andon.core.errors import EXIT_USAGE, Rejected
from andon.core.routing import Progress
from andon.core.rules_step import end_attempt

MAX_SESSIONS = 20
"""In one visit of a step; then a person is needed."""
MAX_NOTES_CHARS = 4000


def session_end(definition: w.Step | None, at: float) -> float | None:
    """When a claim of this moment is over whatever its owner does."""
    if definition is None or definition.session_s is UNSET:
        return None
    return at + definition.session_s


def budget_of(definition: w.Step | None) -> int | None:
    return None if definition is None or definition.tokens is UNSET else definition.tokens


def within(expires_at: float, ends_at: float | None) -> float:
    """When a lease is over that would last until `expires_at`."""
    return expires_at if ends_at is None else min(expires_at, ends_at)


def run_out(progress: Progress, step: s.ActiveStep, lease: s.Lease, *, salvage: str = "") -> None:
    """A lease is over: because its owner was silent, or because its session is."""
    if lease.session_ends_at is None or lease.expires_at < lease.session_ends_at:
        end_attempt(progress, step, "expired", reason=f"the lease of {lease.agent} expired", salvage=salvage)
        return
    lasted = f"{lease.session_ends_at - lease.granted_at:.0f} s"
    reason = f"the session of {lease.agent} ended after {lasted}; the work goes on with the next one"
    end_attempt(progress, step, "session", reason=reason, salvage=salvage, counts=False)
    if progress.run.active[step.step].sessions > MAX_SESSIONS:
        progress.block(step.step, f"more than {MAX_SESSIONS} sessions of one visit ended without an outcome")


def note_checkpoint(progress: Progress, step: s.ActiveStep, command: c.Renew) -> Rejected | None:
    """Keep the notes of a renewal."""
    if len(command.notes) > MAX_NOTES_CHARS:
        text = f"checkpoint notes have at most {MAX_NOTES_CHARS} characters, not {len(command.notes)}"
        return Rejected(
            kind="bad_input", message=text, next="keep them short, or put them into a file", exit=EXIT_USAGE
        )
    if command.notes and command.notes != step.checkpoint:
        progress.emit(
            e.CheckpointNoted(
                at=command.at, actor=command.actor, step=step.step, token=command.token, notes=command.notes
            )
        )
    return None


def end_over_budget(progress: Progress, step_id: str, salvage: str) -> None:
    """End an attempt that has used more than its tokens."""
    step = progress.run.active.get(step_id)
    lease = step.lease if step is not None else None
    if step is None or lease is None or lease.budget is None or lease.tokens_used <= lease.budget:
        return
    reason = f"the attempt of {lease.agent} used {lease.tokens_used} tokens; its budget is {lease.budget}"
    end_attempt(progress, step, "budget", reason=reason, salvage=salvage)


def tokens_over(progress: Progress) -> str:
    """Why the run must stop: its tokens, with what is promised to children, are more than a limit; "" while they are not."""
    from andon.core.rules_swarm import spent

    run, used = progress.run, spent(progress.run)
    with_children = " (with what its children used and may use)" if used > run.tokens_used else ""
    for limit, before in _limits(progress):
        if used - before > limit:
            return f"{used - before} tokens were used{with_children}; the limit is {limit}"
    return ""


def tokens_used_up(progress: Progress) -> str:
    """Why no attempt may begin: nothing is left of the run's tokens. What is promised to children is not yet used."""
    used = progress.run.tokens_used + progress.run.children_tokens
    for limit, before in _limits(progress):
        if used - before >= limit:
            return f"{used - before} tokens were used; the limit is {limit}"
    return ""


def _limits(progress: Progress) -> list[tuple[int, int]]:
    """(limit, what was used before it began to count). A person who puts the run back to work gives it the workflow's limit
    anew; what its tree was given is all there is."""
    run, of_workflow = progress.run, progress.workflow.limits.tokens
    found = [] if run.budget is None else [(run.budget, 0)]
    return found if of_workflow is None else [*found, (of_workflow, run.tokens_from)]
