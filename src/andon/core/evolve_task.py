"""How a task's events change it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from andon.core import events as e
from andon.core import state as s
from andon.core.errors import InvariantViolation


def _task_added(state: s.Task | None, event: e.TaskAdded) -> s.Task:
    if state is not None:
        raise InvariantViolation(f"task {event.task} added twice")
    return s.Task(
        id=event.task,
        title=event.title,
        body=event.body,
        acceptance=event.acceptance,
        scope=event.scope,
        depends_on=event.depends_on,
        priority=event.priority,
        labels=event.labels,
        workflow=event.workflow,
        source=event.source,
        parent=event.parent,
        parent_run=event.parent_run,
        parent_step=event.parent_step,
        depth=event.depth,
        budget=event.budget,
        status=s.DRAFT if event.draft else s.OPEN,
        added_at=event.at,
        added_by=event.actor,
        changed_at=event.at,
    )


def _task_edited(task: s.Task, event: e.TaskEdited) -> s.Task:
    fields = ("title", "body", "acceptance", "scope", "depends_on", "priority", "labels", "workflow")
    changes: dict[str, Any] = {name: getattr(event, name) for name in fields if getattr(event, name) is not None}
    if event.draft is not None and task.status in (s.DRAFT, s.OPEN):
        changes["status"] = s.DRAFT if event.draft else s.OPEN
    if event.depends_on is not None:
        # Whoever writes the list anew decides which of the plan's dependencies stay.
        changes["planned_after"] = tuple(name for name in task.planned_after if name in event.depends_on)
    if task.status == s.RUNNING and (new := [name for name in s.CRITERIA if name in changes]):
        changes |= {"edited": tuple(dict.fromkeys((*task.edited, *new))), "edited_by": event.actor}
    return replace(task, changed_at=event.at, **changes)


def _task_cancelled(task: s.Task, event: e.TaskCancelled) -> s.Task:
    return replace(task, status=s.CANCELLED, reason=event.reason, changed_at=event.at)


def _task_planned(task: s.Task, event: e.TaskPlanned) -> s.Task:
    own = tuple(name for name in task.depends_on if name not in task.planned_after)
    planned = event.wave is not None or bool(event.predicted)
    return replace(
        task,
        depends_on=(*own, *event.after),
        predicted=event.predicted,
        wave=event.wave,
        planned_after=event.after,
        planned_at=event.at if planned else 0.0,
        planned_head=event.head,
        changed_at=event.at,
    )


def _task_imported(task: s.Task, event: e.TaskImported) -> s.Task:
    return replace(task, imported=event.imported)


def _run_attached(task: s.Task, event: e.RunAttached) -> s.Task:
    begun = {"edited": (), "edited_by": ""}
    return replace(task, status=s.RUNNING, run=event.run, runs=task.runs + 1, changed_at=event.at, **begun)


def _run_detached(task: s.Task, event: e.RunDetached) -> s.Task:
    status = {"landed": s.LANDED, "completed": s.COMPLETED}.get(event.outcome, s.OPEN)
    if task.status == s.CANCELLED:
        status = s.CANCELLED
    tokens_used = task.tokens_used + event.tokens
    return replace(task, status=status, commit=event.commit, tokens_used=tokens_used, changed_at=event.at)


TASK_EVENTS: dict[type[e.Event], Callable[[Any, Any], s.State]] = {
    e.TaskAdded: _task_added,
    e.TaskEdited: _task_edited,
    e.TaskCancelled: _task_cancelled,
    e.TaskPlanned: _task_planned,
    e.TaskImported: _task_imported,
    e.RunAttached: _run_attached,
    e.RunDetached: _run_detached,
}
