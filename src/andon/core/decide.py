"""`decide(state, command) -> events | Rejected`: the rules for tasks, and the way to those for messages and runs.

Theory of operation: a command is checked against the state; the answer is the list of events that make it true, or
the reason why not. Nothing is changed here. The rules for messages stand in `rules_message`; those for runs need the
pinned workflow and stand in `decide_run`.
"""

from __future__ import annotations

from collections.abc import Sequence

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core.errors import EXIT_DENIED, EXIT_USAGE, InvariantViolation, Rejected
from andon.core.rules_message import decide_message as decide_message

MAX_TITLE_CHARS = 500
MAX_TEXT_BYTES = 200_000
MAX_LIST_ITEMS = 500

Decision = list[e.Event] | Rejected


def decide_task(task: s.Task | None, command: c.Command) -> Decision:
    """Commands of a task."""
    if isinstance(command, c.AddTask):
        return _add_task(task, command)
    if task is None:
        raise InvariantViolation(f"{type(command).__name__} for a task that does not exist")
    if isinstance(command, c.EditTask):
        return _edit_task(task, command)
    if isinstance(command, c.ReleaseTask):
        draft = False if task.status == s.DRAFT else None
        return [e.TaskEdited(at=command.at, actor=command.actor, draft=draft)] if draft is False else []
    if isinstance(command, c.CancelTask):
        return _cancel_task(task, command)
    if isinstance(command, c.PlanTask):
        from andon.core.rules_plan import plan_task

        return plan_task(task, command)
    if isinstance(command, c.RememberImport):
        return [e.TaskImported(at=command.at, actor=command.actor, imported=command.imported)]
    if isinstance(command, c.AttachRun):
        return _attach_run(task, command)
    if isinstance(command, c.DetachRun):
        if task.run != command.run:
            raise InvariantViolation(f"run {command.run} ended, but task {task.id} has run {task.run}")
        return [
            e.RunDetached(
                at=command.at,
                actor=command.actor,
                run=command.run,
                outcome=command.outcome,
                commit=command.commit,
                tokens=command.tokens,
                authors=command.authors,
                message=command.message,
                notes=command.notes,
            )
        ]
    raise InvariantViolation(f"no rule for command {type(command).__name__} on a task")


def _refuse_fields(title: str | None, body: str | None, lists: Sequence[Sequence[str] | None]) -> Rejected | None:
    """Named limits on what a task may hold (law 13)."""
    if title is not None and not title.strip():
        return Rejected(kind="bad_task", message="a task needs a title", next="give a title", exit=EXIT_USAGE)
    if title is not None and (len(title) > MAX_TITLE_CHARS or "\n" in title):
        text = f"a title is one line of at most {MAX_TITLE_CHARS} characters"
        return Rejected(kind="bad_task", message=text, next="put the rest into --body", exit=EXIT_USAGE)
    if body is not None and len(body.encode(errors="replace")) > MAX_TEXT_BYTES:
        text = f"the body is larger than {MAX_TEXT_BYTES} bytes"
        return Rejected(kind="bad_task", message=text, next="put it into a file of the repository", exit=EXIT_USAGE)
    if any(items is not None and len(items) > MAX_LIST_ITEMS for items in lists):
        text = f"a list of a task has more than {MAX_LIST_ITEMS} items"
        return Rejected(kind="bad_task", message=text, next="split the task", exit=EXIT_USAGE)
    return None


def _refuse_priority(priority: int | None) -> Rejected | None:
    if priority is not None and not 0 <= priority <= 4:
        text = f"priority {priority} is not between 0 (most urgent) and 4"
        return Rejected(kind="bad_task", message=text, next="use --priority 0 to 4", exit=EXIT_USAGE)
    return None


def _add_task(task: s.Task | None, command: c.AddTask) -> Decision:
    if task is not None:
        raise InvariantViolation(f"task id {command.task} given out twice")
    lists = (command.acceptance, command.scope, command.depends_on, command.labels)
    if refusal := _refuse_fields(command.title, command.body, lists) or _refuse_priority(command.priority):
        return refusal
    if command.budget is not None and command.budget < 1:
        text = f"a budget of {command.budget} tokens is not possible"
        return Rejected(kind="bad_task", message=text, next="use --budget 1 or more", exit=EXIT_USAGE)
    events: list[e.Event] = [
        e.TaskAdded(
            at=command.at,
            actor=command.actor,
            task=command.task,
            title=command.title.strip(),
            body=command.body,
            acceptance=command.acceptance,
            scope=command.scope,
            depends_on=tuple(dict.fromkeys(command.depends_on)),
            priority=command.priority,
            labels=command.labels,
            workflow=command.workflow,
            draft=command.draft,
            source=command.source,
            parent=command.parent,
            parent_run=command.parent_run,
            parent_step=command.parent_step,
            depth=command.depth,
            budget=command.budget,
        )
    ]
    if command.imported is not None:
        events.append(e.TaskImported(at=command.at, actor=command.actor, imported=command.imported))
    return events


def _closed(task: s.Task) -> Rejected:
    return Rejected(
        kind="task_closed",
        message=f"task {task.id} is {task.status}",
        next=f"andon show {task.id}",
    )


def _edit_task(task: s.Task, command: c.EditTask) -> Decision:
    if task.status in s.CLOSED:
        return _closed(task)
    lists = (command.acceptance, command.scope, command.depends_on, command.labels)
    if refusal := _refuse_fields(command.title, command.body, lists) or _refuse_priority(command.priority):
        return refusal
    if task.status == s.RUNNING and (command.workflow is not None or command.scope is not None):
        text = f"task {task.id} is running in {task.run}: its workflow and scope are pinned"
        return Rejected(kind="task_running", message=text, next=f"andon run cancel {task.run} first")
    if refusal := refuse_criteria(task, command):
        return refusal
    if task.parent_run and (command.draft is not None or command.workflow is not None):
        text = f"task {task.id} is a child of {task.parent_run}, which decides when it starts and what it follows"
        return Rejected(kind="child_task", message=text, next=f"andon show {task.parent_run}")
    if command.depends_on is not None and task.id in command.depends_on:
        return Rejected(kind="bad_task", message=f"task {task.id} can't depend on itself", exit=EXIT_USAGE)
    return [
        e.TaskEdited(
            at=command.at,
            actor=command.actor,
            title=command.title,
            body=command.body,
            acceptance=command.acceptance,
            scope=command.scope,
            depends_on=command.depends_on,
            priority=command.priority,
            labels=command.labels,
            workflow=command.workflow,
            draft=command.draft,
            person=command.person,
        )
    ]


def refuse_criteria(task: s.Task, command: c.EditTask) -> Rejected | None:
    """Agents do not change what a task asks for while one of them works on it: a reviewer judges the work by that."""
    changed = [name for name in s.CRITERIA if getattr(command, name) not in (None, getattr(task, name))]
    if task.status != s.RUNNING or command.person or not changed:
        return None
    text = f"task {task.id} is running in {task.run}: only a person changes its {' and '.join(changed)} now"
    return Rejected(kind="not_a_person", message=text, next="andon ask 'why it should be changed'", exit=EXIT_DENIED)


def _cancel_task(task: s.Task, command: c.CancelTask) -> Decision:
    if task.status in s.CLOSED:
        return _closed(task)
    if task.status == s.RUNNING:
        text = f"task {task.id} is running in {task.run}"
        return Rejected(kind="task_running", message=text, next=f"andon run cancel {task.run} first")
    return [e.TaskCancelled(at=command.at, actor=command.actor, reason=command.reason)]


def _attach_run(task: s.Task, command: c.AttachRun) -> Decision:
    if task.status == s.RUNNING:
        text = f"task {task.id} is already running in {task.run}"
        return Rejected(kind="task_running", message=text, next=f"andon show {task.run}")
    if task.status == s.DRAFT:
        text = f"task {task.id} is a draft"
        return Rejected(kind="task_draft", message=text, next=f"andon task release {task.id}")
    if task.status in s.CLOSED:
        return _closed(task)
    return [e.RunAttached(at=command.at, actor=command.actor, run=command.run)]
