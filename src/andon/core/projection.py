"""`rows(state)`: the query tables' rows of one aggregate, as a pure function of its state.

A store replaces all rows of an aggregate whenever it appends events to it, so the tables are always a function of the
log (law 9) and can be rebuilt. Columns that depend on other aggregates (whether a task's dependencies have landed)
are kept by the store in SQL, not here.
"""

from __future__ import annotations

import msgspec

from andon.core import state as s
from andon.core.learning import RETIRED, Learning, normal
from andon.core.registry import Repository
from andon.core.swarm import reason_now

Row = dict[str, str | int | float | None]
Rows = dict[str, list[Row]]


def rows(state: s.State) -> Rows:
    """table -> rows. Tables: tasks, task_dependencies | runs, steps, learning_uses | messages | learnings."""
    if isinstance(state, s.Task):
        return _task_rows(state)
    if isinstance(state, s.Run):
        return _run_rows(state)
    if isinstance(state, Learning):
        return _learning_rows(state)
    if isinstance(state, Repository):
        # A registry is short, and read whole: the states themselves are asked.
        return {}
    return _message_rows(state)


def kind_of(state: s.State) -> str:
    """task | run | message | learning | repository."""
    return type(state).__name__.lower()


def decode_state(kind: str, data: bytes | str) -> s.State:
    """The state behind its JSON. Raises msgspec.ValidationError when it is malformed."""
    state: s.State = msgspec.json.decode(data, type=_TYPES[kind])
    return state


_TYPES: dict[str, type[s.Task | s.Run | s.Message | Learning | Repository]] = {
    "task": s.Task,
    "run": s.Run,
    "message": s.Message,
    "learning": Learning,
    "repository": Repository,
}


def encode_state(state: s.State) -> bytes:
    return msgspec.json.encode(state)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _task_rows(task: s.Task) -> Rows:
    row: Row = {
        "id": task.id,
        "title": task.title,
        "status": task.status,
        "priority": task.priority,
        "workflow": task.workflow,
        "labels": _text(task.labels),
        "scope": _text(task.scope),
        "predicted": _text(task.predicted),
        "wave": task.wave,
        "run": task.run,
        "commit_id": task.commit,
        "source": task.source,
        "parent_run": task.parent_run,
        "added_at": task.added_at,
        "changed_at": task.changed_at,
    }
    return {
        "tasks": [row],
        "task_dependencies": [{"task": task.id, "depends_on": other} for other in dict.fromkeys(task.depends_on)],
    }


def _run_rows(run: s.Run) -> Rows:
    row: Row = {
        "id": run.id,
        "task": run.task,
        "status": run.status,
        "outcome": run.outcome,
        "workflow_name": run.workflow_name,
        "target": run.target,
        "commit_id": run.commit,
        "reason": run.reason,
        "started_at": run.started_at,
        "changed_at": run.changed_at,
    }
    tables: Rows = {"runs": [row], "steps": [_step_row(run, step) for step in run.active.values()]}
    # Without any the table is left out: most runs have none, and are written often.
    if uses := _use_rows(run):
        tables["learning_uses"] = uses
    return tables


def _use_rows(run: s.Run) -> list[Row]:
    """One row for each learning that a measured step was given, or that was withheld from it."""
    return [
        {
            "run": run.id,
            "step": given.step,
            "learning": name,
            "workflow_name": run.workflow_name,
            "withheld": int(given.withheld),
            "advances": given.advances,
            "passed": None if given.passed is None else int(given.passed),
        }
        for given in run.given
        if given.measured
        for name in dict.fromkeys(given.learnings)
    ]


def _step_row(run: s.Run, step: s.ActiveStep) -> Row:
    lease = step.lease
    return {
        "run": run.id,
        "step": step.step,
        "task": run.task,
        "kind": step.kind,
        "role": step.role,
        "state": step.state,
        "priority": run.priority,
        "visit": step.visit,
        "attempt": step.attempt,
        "offered_to": step.offered_to,
        "entered_at": step.entered_at,
        "due_at": step.due_at,
        "agent": lease.agent if lease else None,
        "token": lease.token if lease else None,
        "expires_at": lease.expires_at if lease else None,
        "lease_s": lease.lease_s if lease else None,
        "workdir": lease.workdir if lease else None,
        "prepared_commit": step.prepared.commit if step.prepared else None,
        "reason": reason_now(run.swarms.get(step.step), step.reason),
    }


def _message_rows(message: s.Message) -> Rows:
    row: Row = {
        "id": message.id,
        "kind": message.kind,
        "sender": message.sender,
        "recipient": message.recipient,
        "body": message.body,
        "run": message.run,
        "step": message.step,
        "sent_at": message.sent_at,
        "expires_at": message.expires_at,
        "acknowledged": _text(message.acknowledged),
        "answer": message.answer,
        "answered_by": message.answered_by,
        "answered_at": message.answered_at,
        "thread": message.thread,
        "in_reply_to": message.in_reply_to,
        "repeated": message.repeated,
    }
    return {"messages": [row]}


def _learning_rows(learning: Learning) -> Rows:
    # Only learnings are searched by words, and few commands write them.
    from andon.core.words import words_of

    row: Row = {
        "id": learning.id,
        "status": learning.status,
        "run": learning.run,
        "same": normal(learning.text),
        "words": "" if learning.status == RETIRED else " ".join(words_of(learning.text)),
    }
    return {"learnings": [row]}
