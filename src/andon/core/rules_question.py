"""The rules of a step that waits for an answer: parking it, and putting it back to work.

Rules. Parking gives the lease up with the work kept and uses up no attempt. The step waits until its question is answered
or void; then it is ready again, for its asker alone for a while and for anybody of its role afterwards, so that an asker
who is gone strands nothing. A void question is no answer: the step goes on without one, or a person is called, as its
asker wished. How often one visit waits is limited (law 13). Must not know: what was asked, or of whom.
"""

from __future__ import annotations

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core.errors import EXIT_USAGE, Rejected
from andon.core.routing import Progress
from andon.core.rules_step import end_attempt, find_step, held_step

MAX_QUESTIONS = 20
"""How often one visit of a step may wait for an answer."""
OFFER_FIRST_S = 900.0
"""How long a step with an answer is kept for its asker."""
READY, CORD = "ready", "cord"


def park(progress: Progress, command: c.Park) -> Rejected | None:
    """Give the lease up until the question is answered."""
    step = held_step(progress.run, command.step, command.token, command.at, command.actor)
    if isinstance(step, Rejected):
        return step
    if command.on_expiry not in (READY, CORD):
        text = f"{command.on_expiry!r} is neither `{READY}` nor `{CORD}`"
        return Rejected(kind="bad_input", message=text, next="--on-expiry ready|cord", exit=EXIT_USAGE)
    end_attempt(
        progress,
        step,
        "asked",
        reason=f"waits for the answer to {command.question}",
        salvage=command.salvage,
        counts=False,
        to=command.actor,
        notes=command.notes,
        question=command.question,
        due_at=command.due_at,
        on_expiry=command.on_expiry,
    )
    if len(progress.run.active[step.step].asked) > MAX_QUESTIONS:
        progress.block(step.step, f"waited for more than {MAX_QUESTIONS} answers in one visit")
    return None


def resume(progress: Progress, command: c.Resume) -> Rejected | None:
    """The answer is there. A step that waits no more (a person put it back to work) is left as it is."""
    step = find_step(progress.run, command.step)
    if not isinstance(step, Rejected) and step.state == s.WAITING and step.question == command.question:
        _ready(progress, step, "answered", f"{command.actor} answered {command.question}")
    return None


def question_expired(progress: Progress, step: s.ActiveStep) -> None:
    """Silence is no answer: the step goes on without one, or a person is called."""
    text = f"nobody answered {step.question} in time"
    if step.on_expiry == CORD:
        progress.block(step.step, text)
    else:
        _ready(progress, step, "expired", text)


def _ready(progress: Progress, step: s.ActiveStep, how: str, reason: str) -> None:
    progress.emit(
        e.StepResumed(
            at=progress.at,
            actor=progress.actor,
            step=step.step,
            question=step.question,
            how=how,
            reason=reason,
            offered_until=progress.at + OFFER_FIRST_S,
        )
    )
