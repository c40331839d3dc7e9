"""The store in memory: the honest twin of the SQLite store, for tests and simulations.

It keeps the same JSON texts, runs the same checks and rolls back the same way. A write works on a copy of the tables
that takes the place of the old ones at the end, so that readers keep the moment at which they began.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import msgspec

from andon.core.errors import AndonError, InvariantViolation
from andon.core.events import Event
from andon.core.learning import ACTIVE, Learning
from andon.core.projection import Row, kind_of, rows
from andon.core.state import COMPLETED, LANDED, LEASED, OPEN, READY, RUN_OPEN, WAITING, State
from andon.core.verdict import Verdict
from andon.ports import Conflict, Loaded, Reader, StoredEvent, Unreadable, Writer
from andon.store import codec
from andon.store.search import plain_search

Key = tuple[str, str, str]


class _Tables:
    """All that is stored. The values are never changed in place."""

    def __init__(self) -> None:
        self.log: list[tuple[int, str, int, str | None, bytes]] = []
        self.streams: dict[str, tuple[int, ...]] = {}
        """stream -> places in the log"""
        self.causes: dict[str, str] = {}
        self.states: dict[str, tuple[int, str, bytes]] = {}
        self.rows: dict[str, dict[tuple[int, str], list[Row]]] = {}
        """table -> (number, stream) -> rows"""
        self.definitions: dict[str, bytes] = {}
        self.settings: dict[str, str] = {}
        self.counters: dict[str, int] = {}
        self.measurements: dict[Key, bytes] = {}
        self.decoded: dict[str, tuple[tuple[int, str, bytes], Loaded]] = {}
        """the states that were read, with the very texts they were read from; shared by all copies"""

    def copy(self) -> _Tables:
        other = _Tables.__new__(_Tables)
        other.__dict__.update({name: value.copy() for name, value in self.__dict__.items() if name != "decoded"})
        other.decoded = self.decoded
        other.rows = {name: streams.copy() for name, streams in self.rows.items()}
        return other


class MemoryReader:
    """A consistent view: all that is read through it is of one moment."""

    def __init__(self, tables: _Tables) -> None:
        self._tables: _Tables | None = tables

    def expire(self) -> None:
        """The transaction is over."""
        self._tables = None

    @property
    def tables(self) -> _Tables:
        if self._tables is None:
            raise InvariantViolation("a transaction of the store was used after its end")
        return self._tables

    # ------------------------------------------------------------ aggregates

    def load(self, stream: str) -> Loaded | None:
        found = self.tables.states.get(stream)
        if found is None:
            return None
        known = self.tables.decoded.get(stream)
        if known is not None and known[0] is found:
            return known[1]
        loaded = codec.read_state(stream, *found)
        self.tables.decoded[stream] = (found, loaded)
        return loaded

    def events(self, stream: str | None = None, *, after: int = 0, limit: int = 1000) -> list[StoredEvent]:
        return [codec.read_event(*values) for values in self._log(stream, max(after, 0), limit)]

    def log(
        self, stream: str | None = None, *, after: int = 0, limit: int = 1000
    ) -> Sequence[StoredEvent | Unreadable]:
        return [codec.read_or_report(*values) for values in self._log(stream, max(after, 0), limit)]

    def _log(self, stream: str | None, after: int, limit: int) -> list[tuple[int, str, int, str | None, bytes]]:
        log = self.tables.log
        if stream is None:
            return log[after : after + limit]
        return [log[place] for place in self.tables.streams.get(stream, ())[after : after + limit]]

    def archived_runs(self) -> int:
        return 0

    def definition(self, digest: str) -> bytes | None:
        return self.tables.definitions.get(digest)

    def caused(self, cause: str) -> str | None:
        return self.tables.causes.get(cause)

    def setting(self, key: str) -> str | None:
        return self.tables.settings.get(key)

    # ------------------------------------------------------------ steps

    def _table(self, name: str) -> list[tuple[int, int, Row]]:
        """(number, place, row) of all rows of a table in natural order. The rows are the store's own."""
        streams = self.tables.rows.get(name)
        if not streams:
            return []
        return [(key[0], place, row) for key in sorted(streams) for place, row in enumerate(streams[key])]

    def rows_of(self, name: str, stream: str) -> list[Row]:
        return self.tables.rows.get(name, {}).get((codec.number_of(stream), stream), [])

    def _steps(self, wanted: Callable[[Row], bool], *order: str) -> list[Row]:
        found = [item for item in self._table("steps") if wanted(item[2])]
        if order:
            found.sort(key=lambda item: ([item[2][name] for name in order], item[0], item[1]))
        return [dict(row) for _number, _place, row in found]

    def ready_steps(
        self,
        *,
        kinds: Sequence[str],
        role: str | None = None,
        task: str | None = None,
        run: str | None = None,
        limit: int = 50,
    ) -> list[Row]:
        def wanted(row: Row) -> bool:
            asked = task in (None, row["task"]) and run in (None, row["run"])
            ready = row["state"] == READY and row["kind"] in kinds
            return ready and asked and (role is None or row["role"] in (role, ""))

        return self._steps(wanted, "priority", "entered_at")[:limit]

    def expired_leases(self, now: float, *, limit: int = 100) -> list[Row]:
        def wanted(row: Row) -> bool:
            return row["state"] == LEASED and row["expires_at"] is not None and float(row["expires_at"]) <= now

        return self._steps(wanted, "expires_at")[:limit]

    def overlong_leases(self, now: float, *, slack_s: float, limit: int = 100) -> list[Row]:
        def wanted(row: Row) -> bool:
            over = row["expires_at"] is not None and row["lease_s"] is not None
            return row["state"] == LEASED and over and float(row["expires_at"]) > now + float(row["lease_s"]) + slack_s  # type: ignore[arg-type]

        return self._steps(wanted, "expires_at")[:limit]

    def due_steps(self, now: float, *, limit: int = 100) -> list[Row]:
        def wanted(row: Row) -> bool:
            due = row["due_at"] is not None and float(row["due_at"]) <= now
            return row["state"] == WAITING and due

        return self._steps(wanted, "due_at")[:limit]

    def steps(self, run: str | None = None, *, state: str | None = None) -> list[Row]:
        return self._steps(lambda row: run in (None, row["run"]) and state in (None, row["state"]))

    def step_at(self, workdir: str) -> Row | None:
        found = self._steps(lambda row: row["state"] == LEASED and row["workdir"] == workdir)
        return found[0] if found else None

    # ------------------------------------------------------------ the queue

    def _of_task(self, row: Row) -> Row:
        found = self.rows_of("tasks", str(row["task"]))
        return found[0] if found else {"title": None, "labels": "[]", "scope": "[]", "parent_run": ""}

    def queued_steps(
        self,
        *,
        role: str | None = None,
        task: str | None = None,
        run: str | None = None,
        labels: Sequence[str] = (),
        each: int = 400,
    ) -> list[Row]:
        def wanted(row: Row) -> bool:
            asked = task in (None, row["task"]) and run in (None, row["run"])
            ready = row["state"] == READY and row["kind"] == "agent" and _run_is_open(self, str(row["run"]))
            has = _has(self._of_task(row)["labels"], labels)
            return ready and asked and has and (role is None or row["role"] in (role, ""))

        found = [item for item in self._table("steps") if wanted(item[2])]
        found.sort(key=lambda item: (item[2]["priority"], item[2]["entered_at"], item[0], item[1]))
        listed = []
        for number, place, row in found:
            of_task = self._of_task(row)
            names = ("run", "step", "task", "role", "priority", "offered_to", "entered_at")
            more = {name: of_task[name] for name in ("title", "labels", "scope", "parent_run")}
            listed.append({**{name: row[name] for name in names}, **more, "number": number, "place": place})
        return _each(listed, each)

    def queued_tasks(self, *, task: str | None = None, labels: Sequence[str] = (), each: int = 400) -> list[Row]:
        found = [row for row in self.ready_tasks(task=task, limit=10**9) if _has(row["labels"], labels)]
        names = ("id", "title", "priority", "workflow", "added_at", "labels", "scope", "parent_run")
        listed = [{**{x: row[x] for x in names}, "number": codec.number_of(str(row["id"]))} for row in found]
        return _each(listed, each)

    def leases(self, now: float) -> list[Row]:
        def wanted(row: Row) -> bool:
            return row["state"] == LEASED and row["kind"] == "agent" and float(row["expires_at"] or 0.0) > now

        found = self._steps(wanted)
        names = ("run", "step", "task", "agent", "role")
        return [
            {**{x: row[x] for x in names}, **{x: self._of_task(row)[x] for x in ("labels", "scope")}} for row in found
        ]

    def landing_tasks(self) -> list[Row]:
        found = self._steps(lambda row: row["state"] in (READY, LEASED) and row["kind"] == "land")
        listed: list[Row] = [
            {"task": row["task"], "run": row["run"], "scope": self._of_task(row)["scope"]} for row in found
        ]
        return sorted(listed, key=lambda row: (str(row["run"]), str(row["task"])))

    def next_moment(self, now: float) -> float | None:
        times = [
            float(row[name] or 0.0)
            for state, name in ((LEASED, "expires_at"), (WAITING, "due_at"))
            for row in self._steps(lambda row, state=state: row["state"] == state)  # type: ignore[misc]
        ]
        return min((at for at in times if at > now), default=None)

    # ------------------------------------------------------------ tasks, runs, messages

    def _open_dependencies(self, task: str) -> int:
        return sum(not self._satisfied(other) for other in self.dependencies(task))

    def _satisfied(self, task: str) -> bool:
        found = self.rows_of("tasks", task)
        return bool(found) and found[0]["status"] in (LANDED, COMPLETED)

    def _tasks(self) -> list[Row]:
        found = [row for _number, _place, row in self._table("tasks")]
        return [{**row, "open_dependencies": self._open_dependencies(str(row["id"]))} for row in found]

    def ready_tasks(self, *, task: str | None = None, limit: int = 50) -> list[Row]:
        found = [row for row in self._tasks() if row["status"] == OPEN and row["open_dependencies"] == 0]
        found = [row for row in found if task in (None, row["id"])]
        found.sort(key=lambda row: int(row["priority"] or 0))
        return found[:limit]

    def tasks(self, *, status: Sequence[str] = (), limit: int = 1000) -> list[Row]:
        return [row for row in self._tasks() if not status or row["status"] in status][:limit]

    def dependencies(self, task: str) -> list[str]:
        found = self.rows_of("task_dependencies", task)
        return [str(row["depends_on"]) for row in found]

    def runs(self, *, status: Sequence[str] = (), limit: int = 1000) -> list[Row]:
        found = [row for _number, _place, row in self._table("runs")]
        return [dict(row) for row in found if not status or row["status"] in status][:limit]

    def next_runs(self, after: tuple[int, str], *, limit: int = 1000) -> list[tuple[int, str]]:
        found = [(number, str(row["id"])) for number, _place, row in self._table("runs")]
        return [pair for pair in found if pair > after][:limit]

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
        def wanted(row: Row) -> bool:
            if thread is not None:
                return bool(thread) and row["thread"] == thread
            return (
                (not recipients or row["recipient"] in recipients)
                and run in (None, row["run"])
                and sender in (None, row["sender"])
                and not (unanswered and row["answered_at"] is not None)
                and not (answered and row["answered_at"] is None)
                and (unacknowledged_by is None or unacknowledged_by not in _acknowledged(row))
            )

        return [dict(row) for _number, _place, row in self._table("messages") if wanted(row)][:limit]

    # ------------------------------------------------------------ learnings, imports

    def _learning_rows(self, status: str | None, run: str | None) -> list[Row]:
        found = [row for _number, _place, row in self._table("learnings")]
        return [row for row in found if status in (None, row["status"]) and run in (None, row["run"])]

    def learnings(
        self, *, status: str | None = None, run: str | None = None, same: str | None = None, limit: int = 10_000
    ) -> list[Learning]:
        found: list[Learning] = []
        for row in self._learning_rows(status, run):
            if same not in (None, row["same"]):
                continue
            try:
                loaded = self.load(str(row["id"]))
            except AndonError:
                continue
            if loaded is not None and isinstance(loaded.state, Learning):
                found.append(loaded.state)
        return found[:limit]

    def count_learnings(self, *, status: str | None = None, run: str | None = None) -> int:
        return len(self._learning_rows(status, run))

    def search_learnings(self, words: Sequence[str], *, limit: int = 200) -> dict[str, float]:
        texts = {str(row["id"]): str(row["words"]) for row in self._learning_rows(ACTIVE, None)}
        return plain_search(texts, words, limit)

    def learning_uses(self, workflow: str | None = None, step: str | None = None) -> list[Row]:
        found: dict[str, dict[str, int]] = {}
        for _number, _place, row in self._table("learning_uses"):
            if row["passed"] is None or workflow not in (None, row["workflow_name"]) or step not in (None, row["step"]):
                continue
            empty = dict.fromkeys(("given", "passed", "given_advances", "held", "held_passed", "held_advances"), 0)
            counts = found.setdefault(str(row["learning"]), empty)
            which, passed = ("held", "held_passed") if row["withheld"] else ("given", "passed")
            counts[which] += 1
            counts[passed] += int(row["passed"])
            counts[f"{which}_advances"] += int(row["advances"] or 0)
        return [{"learning": name, **counts} for name, counts in sorted(found.items())]

    def task_sources(self, tool: str) -> dict[str, str]:
        found = [row for _number, _place, row in self._table("tasks")]
        return {str(row["source"]): str(row["id"]) for row in found if str(row["source"]).startswith(f"{tool}:")}

    # ------------------------------------------------------------ mail

    def messages_waiting(self, recipient: str) -> int:
        found = (row for _number, _place, row in self._table("messages") if row["recipient"] == recipient)
        return sum(1 for row in found if not _acknowledged(row) and row["answered_at"] is None)

    def messages_sent_since(self, sender: str, since: float) -> int:
        found = (row for _number, _place, row in self._table("messages") if row["sender"] == sender)
        return sum(1 for row in found if float(row["sent_at"] or 0.0) > since)

    def agent_seen(self, agent: str) -> bool:
        if any(row["sender"] == agent for _number, _place, row in self._table("messages")):
            return True
        claims = (data for *_place, data in self.tables.log if b'"StepClaimed"' in data)
        return any(msgspec.json.decode(data).get("actor") == agent for data in claims)


def _run_is_open(reader: MemoryReader, run: str) -> bool:
    found = reader.rows_of("runs", run)
    return bool(found) and found[0]["status"] == RUN_OPEN


def _has(labels: str | int | float | None, wanted: Sequence[str]) -> bool:
    return not wanted or set(wanted) <= set(msgspec.json.decode(str(labels), type=list[str]))


def _each(rows: list[Row], each: int) -> list[Row]:
    """The first so many rows of every priority; they come in the order of priority."""
    seen: dict[object, int] = {}
    kept = []
    for row in rows:
        seen[row["priority"]] = seen.get(row["priority"], 0) + 1
        if seen[row["priority"]] <= each:
            kept.append(row)
    return kept


def _acknowledged(row: Row) -> list[str]:
    return msgspec.json.decode(str(row["acknowledged"]), type=list[str])


class MemoryWriter(MemoryReader):
    """The one writer; it sees its own changes."""

    def append(
        self, stream: str, expected_seq: int, events: Sequence[Event], state: State, *, cause: str | None = None
    ) -> None:
        codec.check_append(stream, events, state)
        texts = [codec.event_text(stream, event).encode() for event in events]
        text = codec.state_text(stream, state).encode()
        tables = self.tables
        if cause is not None and cause in tables.causes:
            raise Conflict(f"cause {cause} has had its effect")
        known = tables.states.get(stream)
        if (known[0] if known else 0) != expected_seq:
            raise Conflict(f"{stream} is not at {expected_seq}")
        first = len(tables.log)
        for offset, data in enumerate(texts):
            seq = expected_seq + 1 + offset
            tables.log.append((first + offset + 1, stream, seq, cause if offset == 0 else None, data))
        tables.streams[stream] = (*tables.streams.get(stream, ()), *range(first, len(tables.log)))
        if cause is not None:
            tables.causes[cause] = stream
        tables.states[stream] = (expected_seq + len(texts), kind_of(state), text)
        for name, made in rows(state).items():
            tables.rows.setdefault(name, {})[(codec.number_of(stream), stream)] = made

    def put_definition(self, digest: str, content: bytes) -> None:
        self.tables.definitions[digest] = bytes(content)

    def put_setting(self, key: str, value: str) -> None:
        self.tables.settings[key] = value

    def next_id(self, kind: str) -> str:
        prefix = codec.prefix_of(kind)
        while True:
            self.tables.counters[kind] = self.tables.counters.get(kind, 0) + 1
            stream = f"{prefix}{self.tables.counters[kind]}"
            if stream not in self.tables.states:
                return stream


class _Reading:
    """A read transaction; inside another transaction it is that one. (A class since it is entered very often.)"""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._own: MemoryReader | None = None

    def __enter__(self) -> Reader:
        outer = self._store._outer()
        if outer is not None:
            return outer
        self._own = MemoryReader(self._store._tables)
        self._store._thread.current = self._own
        return self._own

    def __exit__(self, *_: object) -> None:
        if self._own is not None:
            self._own.expire()
            self._store._thread.current = None


class MemoryStore:
    """A store that is gone with the process. It may be used by many threads."""

    def __init__(self, *, make_writer: Callable[[_Tables], MemoryWriter] = MemoryWriter) -> None:
        """make_writer: for those who want to watch what is written."""
        self._make_writer = make_writer
        self._tables = _Tables()
        self._writers = threading.Lock()
        self._thread = threading.local()

    def read(self) -> AbstractContextManager[Reader]:
        return _Reading(self)

    @contextmanager
    def write(self) -> Iterator[Writer]:
        with self._transaction() as writer:
            yield writer

    @contextmanager
    def _transaction(self) -> Iterator[MemoryWriter]:
        if self._outer() is not None:
            raise InvariantViolation("a write transaction inside another transaction of the same store")
        with self._writers:
            changed = self._tables.copy()
            writer = self._make_writer(changed)
            self._thread.current = writer
            try:
                yield writer
                self._tables = changed
            finally:
                writer.expire()
                self._thread.current = None

    def _outer(self) -> MemoryReader | None:
        current: MemoryReader | None = getattr(self._thread, "current", None)
        return current

    def close(self) -> None:
        """Nothing is given up: what is stored stays."""

    def log_length(self) -> int:
        return len(self._tables.log)

    def log_texts(self) -> list[bytes]:
        """The JSON of all events, in order."""
        return [data for _position, _stream, _seq, _cause, data in self._tables.log]

    def spoil(self, stream: str, text: bytes) -> None:
        """Put something else in the place of a stored state, as a broken disk would."""
        seq, kind, _text = self._tables.states[stream]
        self._tables.states[stream] = (seq, kind, text)

    # ------------------------------------------------------------ measured verdicts

    def get(self, subject_key: str, gate_digest: str, environment_digest: str) -> Verdict | None:
        outer = self._outer()
        tables = outer.tables if outer is not None else self._tables
        found = tables.measurements.get((subject_key, gate_digest, environment_digest))
        return None if found is None else codec.read_verdict(found)

    def put(self, subject_key: str, gate_digest: str, environment_digest: str, verdict: Verdict) -> None:
        codec.check_measured(verdict)
        key, text = (subject_key, gate_digest, environment_digest), codec.verdict_text(verdict).encode()
        outer = self._outer()
        if isinstance(outer, MemoryWriter):
            outer.tables.measurements[key] = text
            return
        with self._transaction() as writer:
            writer.tables.measurements[key] = text
