"""Reading from SQLite: the `Reader` of the ports, over one connection inside one transaction.

Rules: every SQLite error becomes one in plain words where it happens, so that a caller who passes over one broken run
goes on with the others (law 12). A reader is used up when its transaction is over.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from andon.core.errors import AndonError, InvariantViolation
from andon.core.learning import Learning
from andon.core.projection import Row
from andon.core.registry import MAX_REPOSITORIES, Repository
from andon.ports import Loaded, StoredEvent, Unreadable
from andon.store import codec, errors
from andon.store.sql_text import statements

SQL = statements("store")
PRIORITIES = range(5)
RawEvent = tuple[int, str, int, str | None, bytes]
"""position, stream, seq, cause, data"""
FullEvent = tuple[int, str, int, str | None, bytes, str, float, str]
"""The same with type, at and actor as they stand in columns of their own."""


class SqliteReader:
    """A consistent view: all that is read through it is of one moment."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection: sqlite3.Connection | None = connection
        self._path = path

    # ------------------------------------------------------------ plumbing

    def expire(self) -> None:
        """The transaction is over."""
        self._connection = None

    def run(self, name: str, parameters: Mapping[str, Any]) -> sqlite3.Cursor:
        """Execute a named statement. Raises AndonError."""
        if self._connection is None:
            raise InvariantViolation("a transaction of the store was used after its end")
        try:
            return self._connection.execute(SQL[name], parameters)
        except sqlite3.Error as error:
            raise errors.translate(error, self._path) from error
        except UnicodeError as error:
            raise errors.not_text("a value") from error

    def all(self, name: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        cursor = self.run(name, parameters)
        try:
            return cursor.fetchall()
        except sqlite3.Error as error:
            raise errors.translate(error, self._path) from error

    def one(self, name: str, parameters: Mapping[str, Any]) -> tuple[Any, ...] | None:
        found = self.all(name, parameters)
        return found[0] if found else None

    def stream_rows(self, name: str, parameters: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """Rows one at a time, for what does not fit into memory."""
        cursor = self.run(name, parameters)
        while True:
            try:
                found = cursor.fetchmany(500)
            except sqlite3.Error as error:
                raise errors.translate(error, self._path) from error
            if not found:
                return
            yield from found

    def rows(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Rows as dictionaries by column; columns that only order them are left out."""
        cursor = self.run(name, parameters)
        names = [column[0] for column in cursor.description]
        try:
            return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
        except sqlite3.Error as error:
            raise errors.translate(error, self._path) from error

    # ------------------------------------------------------------ aggregates

    def load(self, stream: str) -> Loaded | None:
        found = self.one("load", {"stream": stream})
        if found is None:
            return None
        seq, kind, data = found
        return codec.read_state(stream, seq, kind, data)

    def events(self, stream: str | None = None, *, after: int = 0, limit: int = 1000) -> list[StoredEvent]:
        return [codec.read_event(*values) for values in self._log(stream, after, limit)]

    def log(
        self, stream: str | None = None, *, after: int = 0, limit: int = 1000
    ) -> Sequence[StoredEvent | Unreadable]:
        return [codec.read_or_report(*values) for values in self._log(stream, after, limit)]

    def _log(self, stream: str | None, after: int, limit: int) -> list[RawEvent]:
        if stream is None:
            return self.all("events_all", {"after": after, "limit": limit})
        archived = [values[:5] for values in self.archived_events(stream) if values[2] > after][:limit]
        rest = {"stream": stream, "after": after, "limit": limit - len(archived)}
        return archived + self.all("events_stream", rest)

    def archived_events(self, stream: str) -> list[FullEvent]:
        """The events of a run that were moved to a file. Raises AndonError kind "corrupt" when it is not as it was."""
        found = self.one("archived_run", {"stream": stream})
        if found is None:
            return []
        from andon.store import archive_file

        archive, start, size, digest = found
        return archive_file.part(archive_file.directory_of(self._path), archive, start, size, digest, stream)

    def archived_runs(self) -> int:
        found = self.one("archived_count", {})
        return int(found[0]) if found else 0

    def definition(self, digest: str) -> bytes | None:
        found = self.one("definition", {"digest": digest})
        return bytes(found[0]) if found else None

    def caused(self, cause: str) -> str | None:
        found = self.one("cause_seen", {"cause": cause})
        return str(found[0]) if found else None

    def setting(self, key: str) -> str | None:
        found = self.one("setting", {"key": key})
        return str(found[0]) if found else None

    # ------------------------------------------------------------ steps

    def ready_steps(
        self,
        *,
        kinds: Sequence[str],
        role: str | None = None,
        task: str | None = None,
        run: str | None = None,
        limit: int = 50,
    ) -> list[Row]:
        only = {"role": role, "task": task, "run": run, "limit": limit}

        def query(kind: str) -> list[Row]:
            return self.rows("ready_steps", {"kind": kind, **only})

        found = _merged(query, kinds, ("priority", "entered_at", "number", "place"), limit)
        return [_without(row, "number", "place") for row in found]

    def expired_leases(self, now: float, *, limit: int = 100) -> list[Row]:
        return self.rows("expired_leases", {"now": now, "limit": limit})

    def overlong_leases(self, now: float, *, slack_s: float, limit: int = 100) -> list[Row]:
        return self.rows("overlong_leases", {"now": now, "slack": slack_s, "limit": limit})

    def due_steps(self, now: float, *, limit: int = 100) -> list[Row]:
        return self.rows("due_steps", {"now": now, "limit": limit})

    def steps(self, run: str | None = None, *, state: str | None = None) -> list[Row]:
        if run is not None:
            return self.rows("steps_of_run", {"run": run, "state": state})
        if state == "leased":
            return self.rows("steps_leased", {})
        return self.rows("steps_all", {"state": state})

    def step_at(self, workdir: str) -> Row | None:
        try:
            workdir.encode()
        except UnicodeError:
            return None
        found = self.rows("step_at", {"workdir": workdir})
        return found[0] if found else None

    # ------------------------------------------------------------ the queue

    def queued_steps(
        self,
        *,
        role: str | None = None,
        task: str | None = None,
        run: str | None = None,
        labels: Sequence[str] = (),
        each: int = 400,
    ) -> list[Row]:
        only = {"role": role, "task": task, "run": run, "labels": codec.list_text(labels) if labels else None}
        wanted = [{**only, "priority": priority, "each": each} for priority in PRIORITIES]
        return [row for values in wanted for row in self.rows("queued_steps", values)]

    def queued_tasks(self, *, task: str | None = None, labels: Sequence[str] = (), each: int = 400) -> list[Row]:
        only = {"labels": codec.list_text(labels) if labels else None}
        if task is not None:
            return self.rows("queued_task", {**only, "task": task})
        wanted = [{**only, "priority": priority, "each": each} for priority in PRIORITIES]
        return [row for values in wanted for row in self.rows("queued_tasks", values)]

    def leases(self, now: float) -> list[Row]:
        return self.rows("leases", {"now": now})

    def landing_tasks(self) -> list[Row]:
        return self.rows("landing_tasks", {})

    def next_moment(self, now: float) -> float | None:
        found = [at for (at,) in self.all("next_moment", {"now": now}) if isinstance(at, int | float)]
        return min(found, default=None)

    # ------------------------------------------------------------ tasks, runs, messages

    def ready_tasks(self, *, task: str | None = None, limit: int = 50) -> list[Row]:
        return self.rows("ready_tasks", {"task": task, "limit": limit})

    def tasks(self, *, status: Sequence[str] = (), limit: int = 1000) -> list[Row]:
        return self._by_status("tasks", status, limit)

    def runs(self, *, status: Sequence[str] = (), limit: int = 1000) -> list[Row]:
        return self._by_status("runs", status, limit)

    def next_runs(self, after: tuple[int, str], *, limit: int = 1000) -> list[tuple[int, str]]:
        return self.all("next_runs", {"number": after[0], "id": after[1], "limit": limit})

    def _by_status(self, table: str, status: Sequence[str], limit: int) -> list[Row]:
        def query(value: str) -> list[Row]:
            return self.rows(f"{table}_of_status", {"status": value, "limit": limit})

        if status:
            found = _merged(query, status, ("number", "id"), limit)
        else:
            found = self.rows(f"{table}_all", {"limit": limit})
        return [_without(row, "number") for row in found]

    def dependencies(self, task: str) -> list[str]:
        return [str(values[0]) for values in self.all("dependencies", {"task": task})]

    def messages(
        self,
        *,
        recipients: Sequence[str] = (),
        run: str | None = None,
        sender: str | None = None,
        unacknowledged_by: str | None = None,
        unanswered: bool = False,
        answered: bool = False,
        thread: str | None = None,
        limit: int = 200,
    ) -> list[Row]:
        if thread is not None:
            return self.rows("messages_of_thread", {"thread": thread, "limit": limit})
        parameters = {
            "recipients": codec.list_text(recipients) if recipients else None,
            "run": run,
            "sender": sender,
            "by": unacknowledged_by,
            "unanswered": unanswered,
            "answered": answered,
            "limit": limit,
        }
        if recipients:
            return self.rows("messages_to", parameters)
        if run:
            return self.rows("messages_of_run", parameters)
        if sender is not None and answered and not unanswered and run is None:
            return self.rows("messages_answered", parameters)
        return self.rows("messages_all", parameters)

    # ------------------------------------------------------------ learnings, imports

    def learnings(
        self, *, status: str | None = None, run: str | None = None, same: str | None = None, limit: int = 10_000
    ) -> list[Learning]:
        name = "learnings_same" if same is not None and status == "active" and run is None else "learnings"
        found = self.all(name, {"status": status, "run": run, "same": same, "limit": limit})
        return [state for row in found if isinstance(state := _readable(row), Learning)]

    def count_learnings(self, *, status: str | None = None, run: str | None = None) -> int:
        found = self.one("count_learnings", {"status": status, "run": run})
        return int(found[0]) if found else 0

    def search_learnings(self, words: Sequence[str], *, limit: int = 200) -> dict[str, float]:
        from andon.store import search

        return search.search(self, words, limit)

    def learning_uses(self, workflow: str | None = None, step: str | None = None) -> list[Row]:
        return self.rows("learning_uses", {"workflow": workflow, "step": step})

    def repositories(self, *, limit: int = MAX_REPOSITORIES) -> list[Repository]:
        found = self.all("repositories", {"limit": limit})
        return [state for row in found if isinstance(state := _readable(row), Repository)]

    def task_sources(self, tool: str) -> dict[str, str]:
        # ';' is what comes after ':': all sources that begin with "TOOL:".
        found = self.all("task_sources", {"from": f"{tool}:", "to": f"{tool};"})
        return {str(source): str(task) for source, task in found}

    # ------------------------------------------------------------ mail

    def messages_waiting(self, recipient: str) -> int:
        return self._count("messages_waiting", {"recipient": recipient})

    def messages_sent_since(self, sender: str, since: float) -> int:
        return self._count("messages_sent_since", {"sender": sender, "since": since})

    def agent_seen(self, agent: str) -> bool:
        return bool(self._count("agent_seen", {"agent": agent}))

    def _count(self, name: str, parameters: dict[str, str | float]) -> int:
        found = self.one(name, parameters)
        return int(found[0] or 0) if found is not None else 0


def _readable(row: tuple[Any, ...]) -> object:
    """The state of a row, None when it can't be read: one broken learning must not hide the others."""
    try:
        return codec.read_state(*row).state
    except AndonError:
        return None


def _merged(query: Callable[[str], list[Row]], values: Sequence[str], order: tuple[str, ...], limit: int) -> list[Row]:
    """One ordered index scan for each value, merged: no sorting of all that matches."""
    distinct = dict.fromkeys(values)
    if len(distinct) == 1:
        return query(next(iter(distinct)))
    found = [row for value in distinct for row in query(value)]
    found.sort(key=lambda row: [_sortable(row[name]) for name in order])
    return found[:limit]


def _sortable(value: str | int | float | None) -> tuple[bool, float, str]:
    """As SQLite orders: a text in a damaged record comes behind the numbers, and stops no query (law 12)."""
    return (True, 0.0, value) if isinstance(value, str) else (False, float(value or 0), "")


def _without(row: Row, *names: str) -> Row:
    for name in names:
        del row[name]
    return row
