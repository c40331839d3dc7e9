"""Tasks: adding, editing, listing, cancelling."""

from __future__ import annotations

from typing import Any

from andon.core import commands as c
from andon.core import state as s
from andon.core.errors import EXIT_USAGE, AndonError, Rejected
from andon.core.swarm import open_children
from andon.engine.messages import rfc3339
from andon.engine.services import Services
from andon.engine.transact import Unit, key_cause, load_run, load_task

MAX_DEPENDENCY_DEPTH = 10_000


def add(services: Services, arguments: dict[str, Any]) -> s.Task:
    """Add a task. Its dependencies must exist and may not lead back to it. A key that was used before gives its task."""
    depends_on = tuple(arguments.get("depends_on") or ())
    cause = key_cause("task", arguments.get("key"))

    def work(unit: Unit) -> s.Task | Rejected:
        known = unit.writer.caused(cause) if cause else None
        if known is not None:
            return load_task(unit.writer, known)
        _check_dependencies(unit, None, depends_on)
        name = unit.writer.next_id("task")
        command = c.AddTask(
            at=services.clock.now(),
            actor=services.caller.agent,
            task=name,
            title=arguments.get("title") or "",
            body=arguments.get("body") or "",
            acceptance=tuple(arguments.get("acceptance") or ()),
            scope=tuple(arguments.get("scope") or ()),
            depends_on=depends_on,
            priority=arguments["priority"] if arguments.get("priority") is not None else 2,
            labels=tuple(arguments.get("labels") or ()),
            workflow=arguments.get("workflow") or "",
            draft=bool(arguments.get("draft")),
            budget=arguments.get("budget"),
        )
        return unit.on_task(name, command, cause=cause)

    task, _effects = services.engine.transact(work)
    if isinstance(task, Rejected):
        raise AndonError.of(task)
    return task


def _check_dependencies(unit: Unit, task: str | None, depends_on: tuple[str, ...]) -> None:
    for name in depends_on:
        load_task(unit.writer, name)
    seen: set[str] = set()
    queue = list(depends_on)
    while queue and len(seen) < MAX_DEPENDENCY_DEPTH:
        name = queue.pop()
        if name == task:
            text = f"task {task} would depend on itself by way of {', '.join(depends_on)}"
            raise AndonError(text, kind="bad_task", next="leave out one of the dependencies", exit=EXIT_USAGE)
        if name not in seen:
            seen.add(name)
            queue.extend((*unit.writer.dependencies(name), *_open_children(unit, name)))


def _open_children(unit: Unit, name: str) -> list[str]:
    """What a task at work waits for beside its dependencies."""
    try:
        task = load_task(unit.writer, name)
        run = load_run(unit.writer, task.run) if task.status == s.RUNNING and task.run else None
    except AndonError:
        # One that can't be read must not keep others from being edited (law 12).
        return []
    return [child.task for swarm in run.swarms.values() for child in open_children(swarm)] if run is not None else []


def edit(services: Services, name: str, arguments: dict[str, Any]) -> s.Task:
    def listed(key: str) -> tuple[str, ...] | None:
        return tuple(arguments[key]) if arguments.get(key) is not None else None

    def work(unit: Unit) -> s.Task | Rejected:
        load_task(unit.writer, name)
        if arguments.get("depends_on") is not None:
            _check_dependencies(unit, name, tuple(arguments["depends_on"]))
        command = c.EditTask(
            at=services.clock.now(),
            actor=services.caller.agent,
            title=arguments.get("title"),
            body=arguments.get("body"),
            acceptance=listed("acceptance"),
            scope=listed("scope"),
            depends_on=listed("depends_on"),
            priority=arguments.get("priority"),
            labels=listed("labels"),
            workflow=arguments.get("workflow"),
            draft=arguments.get("draft"),
            person=services.caller.person,
        )
        return unit.on_task(name, command)

    task, _effects = services.engine.transact(work)
    if isinstance(task, Rejected):
        raise AndonError.of(task)
    return task


def cancel(services: Services, name: str, reason: str) -> s.Task:
    command = c.CancelTask(at=services.clock.now(), actor=services.caller.agent, reason=reason)
    task, effects = services.engine.transact(lambda unit: unit.on_task(name, command))
    if isinstance(task, Rejected):
        raise AndonError.of(task)
    services.after(effects)
    if task.parent_run:
        from andon.engine.system import carry_out_woken

        carry_out_woken(services)
    return task


def describe(task: s.Task) -> dict[str, Any]:
    """The JSON form of a task."""
    return {
        "task": task.id,
        "id": task.id,
        "title": task.title,
        "status": task.status,
        "body": task.body,
        "acceptance": list(task.acceptance),
        "scope": list(task.scope),
        "depends_on": list(task.depends_on),
        "priority": task.priority,
        "labels": list(task.labels),
        "workflow": task.workflow,
        "parent": task.parent or None,
        "parent_run": task.parent_run or None,
        "budget": task.budget,
        "run": task.run or None,
        "commit": task.commit or None,
        "reason": task.reason or None,
        "added_at": rfc3339(task.added_at),
        "added_by": task.added_by,
        "predicted": list(task.predicted),
        "wave": task.wave,
        "edited": list(task.edited),
        "edited_by": task.edited_by or None,
    }
