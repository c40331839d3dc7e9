"""`react(state, event) -> effects`: what an event asks of the rest of the world.

A `TaskCommand` is carried out in the same transaction. The others are done after it by the shell; each can be done
again without harm, and `andon lead` and `andon doctor` find what a crash left undone. Work that Andon itself must do
(commands, joins, landings) is no effect of its own: it is a ready step, claimed under a lease like any other, with the
deterministic identity run/step/visit (law 10).
"""

from __future__ import annotations

from msgspec import Struct

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s


class TaskCommand(Struct, frozen=True, kw_only=True):
    """A command for the run's task."""

    task: str
    command: c.Command


class UpdateGuard(Struct, frozen=True, kw_only=True):
    """The set of runs that need the target branch for themselves may have changed."""


class CarryOut(Struct, frozen=True, kw_only=True):
    """A step became ready that Andon carries out itself."""

    run: str
    step: str
    kind: str


Effect = TaskCommand | UpdateGuard | CarryOut


def react(state: s.State, event: e.Event) -> list[Effect]:
    """The effects of an event; `state` is the one after it."""
    if not isinstance(state, s.Run):
        return []
    if isinstance(event, e.RunStarted):
        attach = c.AttachRun(at=event.at, actor=event.actor, run=event.run)
        return [TaskCommand(task=event.task, command=attach), UpdateGuard()]
    if isinstance(event, e.RunEnded):
        detach = c.DetachRun(at=event.at, actor=event.actor, run=state.id, outcome=event.outcome, commit=event.commit)
        return [TaskCommand(task=state.task, command=detach), UpdateGuard()]
    if isinstance(event, e.StepEntered) and event.kind in s.SYSTEM_KINDS:
        return [CarryOut(run=state.id, step=event.step, kind=event.kind)]
    return []
