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
    return replace(task, changed_at=event.at, **changes)


def _task_cancelled(task: s.Task, event: e.TaskCancelled) -> s.Task:
    return replace(task, status=s.CANCELLED, reason=event.reason, changed_at=event.at)


def _run_attached(task: s.Task, event: e.RunAttached) -> s.Task:
    return replace(task, status=s.RUNNING, run=event.run, runs=task.runs + 1, changed_at=event.at)


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
    e.RunAttached: _run_attached,
    e.RunDetached: _run_detached,
}
