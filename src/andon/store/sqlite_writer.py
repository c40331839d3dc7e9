"""Writing to SQLite: the `Writer` of the ports, inside one immediate transaction.

Rules: an append is the optimistic check, the events, the state and the aggregate's rows, or nothing; a Conflict leaves
the transaction as it was before the call. `tasks.open_dependencies` is kept here, since it depends on other aggregates.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from andon.core.errors import InvariantViolation
from andon.core.events import Event
from andon.core.projection import Row, kind_of, rows
from andon.core.state import COMPLETED, LANDED, State
from andon.ports import Conflict
from andon.store import codec, errors
from andon.store.sqlite_reader import SQL, SqliteReader

SATISFIED = (LANDED, COMPLETED)
"""Statuses of a task that free those that depend on it; the SQL says the same."""


class SqliteWriter(SqliteReader):
    """The one writer; it sees its own changes."""

    def run_many(self, name: str, parameters: Iterable[Sequence[Any]]) -> None:
        if self._connection is None:
            raise InvariantViolation("a transaction of the store was used after its end")
        try:
            self._connection.executemany(SQL[name], parameters)
        except sqlite3.Error as error:
            raise errors.translate(error, self._path) from error
        except UnicodeError as error:
            raise errors.not_text("a value") from error

    def execute(self, statement: str) -> None:
        """A statement on the schema, within the transaction."""
        if self._connection is None:
            raise InvariantViolation("a transaction of the store was used after its end")
        try:
            self._connection.execute(statement)
        except sqlite3.Error as error:
            raise errors.translate(error, self._path) from error

    # ------------------------------------------------------------ aggregates

    def append(
        self, stream: str, expected_seq: int, events: Sequence[Event], state: State, *, cause: str | None = None
    ) -> None:
        codec.check_append(stream, events, state)
        # All is encoded before anything is written: a text that can't be stored leaves no trace.
        texts = [codec.event_text(stream, event) for event in events]
        values = {
            "stream": stream,
            "kind": kind_of(state),
            "seq": expected_seq + len(events),
            "state": codec.state_text(stream, state),
            "expected": expected_seq,
        }
        if cause is not None and self.caused(cause) is not None:
            raise Conflict(f"cause {cause} has had its effect")
        statement = "advance_state" if expected_seq else "begin_state"
        if self.run(statement, values).rowcount != 1:
            raise Conflict(f"{stream} is not at {expected_seq}")
        # The cause stands at the first event: once in the log, as its uniqueness asks.
        causes = [cause, *[None] * (len(events) - 1)]
        self.run_many(
            "put_event",
            [
                (stream, seq, type(event).__name__, event.at, event.actor, because, text)
                for seq, (event, because, text) in enumerate(zip(events, causes, texts, strict=True), expected_seq + 1)
            ],
        )
        self.replace_rows(stream, state)

    def replace_rows(self, stream: str, state: State) -> None:
        """Make the query tables' rows of one aggregate those of its state."""
        tables = rows(state)
        number = codec.number_of(stream)
        for row in tables.get("tasks", ()):
            self._put_task(row, number, [str(x["depends_on"]) for x in tables.get("task_dependencies", ())])
        for row in tables.get("runs", ()):
            self.run("put_run", {**row, "number": number})
            self.run("drop_steps", {"run": stream})
        for place, row in enumerate(tables.get("steps", ())):
            self.run("put_step", {**row, "number": number, "place": place})
        for place, row in enumerate(tables.get("learning_uses", ())):
            self.run("put_learning_use", {**row, "number": number, "place": place})
        for row in tables.get("messages", ()):
            self.run("put_message", {**row, "number": number})
        for row in tables.get("learnings", ()):
            from andon.store import search

            search.put(self, row, number)

    def _put_task(self, row: Row, number: int, depends_on: list[str]) -> None:
        task = {"task": row["id"]}
        before = self.one("task_status", task)
        self.run("put_task", {**row, "number": number})
        if depends_on != (self.dependencies(str(row["id"])) if before else []):
            self.run("drop_dependencies", task)
            self.run_many("put_dependency", [(row["id"], place, other) for place, other in enumerate(depends_on)])
            self.run("count_dependencies", task)
        if (row["status"] in SATISFIED) != (before is not None and before[0] in SATISFIED):
            self.run("count_dependents", task)

    def drop_orphan(self, table: str, stream: str) -> None:
        """Remove what no event accounts for; for rebuilding only."""
        self.run(f"drop_orphan_{table}", {"stream": stream})

    # ------------------------------------------------------------ the rest

    def put_definition(self, digest: str, content: bytes) -> None:
        self.run("put_definition", {"digest": digest, "content": content})

    def put_setting(self, key: str, value: str) -> None:
        self.run("put_setting", {"key": key, "value": value})

    def next_id(self, kind: str) -> str:
        prefix = codec.prefix_of(kind)
        while True:
            self.run("count_up", {"kind": kind})
            found = self.one("counter", {"kind": kind})
            if found is None:
                raise InvariantViolation(f"the counter of {kind} was not kept")
            stream = f"{prefix}{found[0]}"
            if not self.one("stream_known", {"stream": stream}):
                return stream
