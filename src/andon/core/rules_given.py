"""Recording which learnings an attempt was given. It changes nothing about what the step has to show."""

from __future__ import annotations

from andon.core import commands as c
from andon.core import events as e
from andon.core.errors import Rejected
from andon.core.judge import is_review_step
from andon.core.learning import MAX_GIVEN
from andon.core.routing import Progress
from andon.core.rules_step import held_step


def give_learnings(progress: Progress, command: c.GiveLearnings) -> Rejected | None:
    """Once for each claim; nothing when it is recorded already."""
    step = held_step(progress.run, command.step, command.token, command.at, command.actor)
    if isinstance(step, Rejected):
        return step
    known = next((x for x in progress.run.given if x.step == command.step), None)
    if known is not None and (known.asked if command.asked else known.token == command.token):
        return None
    definition = progress.workflow.steps.get(command.step)
    reviewing = definition is not None and is_review_step(progress.workflow, definition)
    progress.emit(
        e.LearningsGiven(
            at=command.at,
            actor=command.actor,
            step=command.step,
            token=command.token,
            learnings=command.learnings[:MAX_GIVEN],
            withheld=command.withheld,
            asked=command.asked,
            measured=not reviewing,
        )
    )
    return None
