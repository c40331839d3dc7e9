"""How a learning's events change it, and what a run keeps of the learnings that its steps were given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from andon.core import events as e
from andon.core import state as s
from andon.core.errors import InvariantViolation
from andon.core.learning import RETIRED, Given, Learning


def _recorded(state: Learning | None, event: e.LearningRecorded) -> Learning:
    if state is not None:
        raise InvariantViolation(f"learning {event.learning} recorded twice")
    return Learning(
        id=event.learning,
        text=event.text,
        scopes=event.scopes,
        repository=event.repository,
        agent=event.actor,
        person=event.person,
        task=event.task,
        run=event.run,
        step=event.step,
        commit=event.commit,
        supersedes=event.supersedes,
        contradicts=event.contradicts,
        reviewed_by=event.actor if event.person else "",
        reviewed_at=event.at if event.person else 0.0,
        recorded_at=event.at,
        confirmed_at=event.at,
        changed_at=event.at,
    )


def _edited(learning: Learning, event: e.LearningEdited) -> Learning:
    fields = ("text", "scopes", "contradicts")
    changes: dict[str, Any] = {name: getattr(event, name) for name in fields if getattr(event, name) is not None}
    return replace(
        learning,
        reviewed_by=event.actor if event.person else "",
        reviewed_at=event.at if event.person else 0.0,
        confirmed_by=(),
        confirmed_at=event.at,
        changed_at=event.at,
        edited_by=event.actor,
        edited_at=event.at,
        **changes,
    )


def _confirmed(learning: Learning, event: e.LearningConfirmed) -> Learning:
    names = tuple(dict.fromkeys((*learning.confirmed_by, event.actor)))
    learning = replace(learning, confirmed_by=names, confirmed_at=event.at, changed_at=event.at)
    return replace(learning, reviewed_by=event.actor, reviewed_at=event.at) if event.person else learning


def _retired(learning: Learning, event: e.LearningRetired) -> Learning:
    return replace(
        learning, status=RETIRED, reason=event.reason, superseded_by=event.superseded_by, changed_at=event.at
    )


LEARNING_EVENTS: dict[type[e.Event], Callable[[Any, Any], s.State]] = {
    e.LearningRecorded: _recorded,
    e.LearningEdited: _edited,
    e.LearningConfirmed: _confirmed,
    e.LearningRetired: _retired,
}


# ---------------------------------------------------------------- of a run


def given(known: tuple[Given, ...], event: e.LearningsGiven) -> tuple[Given, ...]:
    """The run's records after learnings were chosen for an attempt. The first choice for a step is the measured one."""
    before = next((x for x in known if x.step == event.step), None)
    if before is None:
        made = Given(
            step=event.step,
            token=event.token,
            learnings=event.learnings,
            latest=event.learnings,
            withheld=event.withheld,
            asked=event.asked,
            measured=event.measured and not event.asked,
        )
        return (*known, made)
    if event.asked:
        # Whoever looked for itself is no longer one of those who were told nothing.
        after = replace(before, asked=True, measured=before.measured and not (before.withheld and not before.advances))
    else:
        after = replace(before, token=event.token, latest=event.learnings)
    return tuple(after if x is before else x for x in known)


def judged(known: tuple[Given, ...], event: e.Judged) -> tuple[Given, ...]:
    """The records after a step was judged: the first time tells whether its first advance was green."""
    return tuple(
        replace(
            x,
            advances=x.advances + 1,
            passed=event.green if x.passed is None else x.passed,
            green=x.green or event.green,
        )
        if x.step == event.step and not x.green
        else x
        for x in known
    )
