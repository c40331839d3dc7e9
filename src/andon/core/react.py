"""`react(state, event) -> effects`: what an event asks of the rest of the world.

A `TaskCommand` is carried out in the same transaction. The others are done after it by the shell; each can be done
again without harm, and `andon lead` and `andon doctor` find what a crash left undone. Work that Andon itself must do
(commands, joins, landings) is no effect of its own: it is a ready step, claimed under a lease like any other, with the
deterministic identity run/step/visit (law 10).
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core import swarm as sw


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


class RunCommand(Struct, frozen=True, kw_only=True):
    """A command for the run that a child's task came from. A run that has ended does not listen any more."""

    run: str
    command: c.Command


class CancelChildren(Struct, frozen=True, kw_only=True):
    """These tasks and all below them are not needed. must: all of it, or the event itself does not happen."""

    tasks: tuple[str, ...]
    reason: str
    actor: str
    at: float
    must: bool


class EndProcess(Struct, frozen=True, kw_only=True):
    """A child was cancelled: a process that was started to work on it beside its parent ends."""

    task: str


Effect = TaskCommand | RunCommand | CancelChildren | EndProcess | UpdateGuard | CarryOut


def react(state: s.State, event: e.Event) -> list[Effect]:
    """The effects of an event; `state` is the one after it."""
    if isinstance(state, s.Task):
        return _of_task(state, event)
    if not isinstance(state, s.Run):
        return []
    if isinstance(event, e.RunStarted):
        attach = c.AttachRun(at=event.at, actor=event.actor, run=event.run)
        return [TaskCommand(task=event.task, command=attach), UpdateGuard()]
    if isinstance(event, e.RunEnded):
        detach = _detach(state, event)
        return [*_cancel_children(state, event, ""), TaskCommand(task=state.task, command=detach), UpdateGuard()]
    if isinstance(event, e.StepFinished):
        return _cancel_children(state, event, event.step)
    if isinstance(event, e.ChildrenDropped):
        return [
            CancelChildren(tasks=event.tasks, reason=event.reason, actor=event.actor, at=event.at, must=False),
        ]
    if isinstance(event, e.ChildrenReleased):
        return [TaskCommand(task=x, command=c.ReleaseTask(at=event.at, actor=event.actor)) for x in event.tasks]
    if isinstance(event, e.ChildEnded) and _is_woken(state, event.step):
        return [CarryOut(run=state.id, step=event.step, kind=state.active[event.step].kind)]
    if isinstance(event, e.StepEntered) and event.kind in s.SYSTEM_KINDS:
        return [CarryOut(run=state.id, step=event.step, kind=event.kind)]
    return []


def _is_woken(run: s.Run, step: str) -> bool:
    return step in run.active and run.active[step].state == s.READY


def _detach(run: s.Run, event: e.RunEnded) -> c.DetachRun:
    """What the run's task is told; a child's task hands it on to the parent."""
    told = run.notes[-1] if run.parent and run.notes else None
    spoken = next((note for note in reversed(run.notes) if note.step != "land" and note.message), told)
    return c.DetachRun(
        at=event.at,
        actor=event.actor,
        run=run.id,
        outcome=event.outcome,
        commit=event.commit,
        tokens=run.tokens_used + run.children_tokens,
        authors=run.authors if run.parent else (),
        message=spoken.message if spoken is not None and run.parent else "",
        notes=spoken.notes if spoken is not None and run.parent else "",
    )


def _cancel_children(run: s.Run, event: e.Event, step: str) -> list[Effect]:
    """No child outlives the step that made it."""
    swarms = [swarm for name, swarm in run.swarms.items() if step in ("", name)]
    tasks = tuple(child.task for swarm in swarms for child in sw.open_children(swarm))
    if not tasks:
        return []
    reason = f"run {run.id}, of which it is a part, has ended" if not step else f"step {step} of run {run.id} is over"
    return [CancelChildren(tasks=tasks, reason=reason, actor=event.actor, at=event.at, must=True)]


def _of_task(task: s.Task, event: e.Event) -> list[Effect]:
    """A child that is over is told to its parent."""
    if not task.parent_run or task.status not in s.CLOSED:
        return []
    ended = c.EndChild(
        at=event.at,
        actor=event.actor,
        step=task.parent_step,
        task=task.id,
        run=task.run,
        outcome=task.status,
        tokens=task.tokens_used,
    )
    if isinstance(event, e.TaskCancelled):
        cancelled: c.EndChild = replace(ended, reason=event.reason)
        return [RunCommand(run=task.parent_run, command=cancelled), EndProcess(task=task.id)]
    if isinstance(event, e.RunDetached):
        told: c.EndChild = replace(
            ended, commit=event.commit, message=event.message, notes=event.notes, authors=event.authors
        )
        return [RunCommand(run=task.parent_run, command=told)]
    return []
