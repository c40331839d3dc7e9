"""Law 9 made checkable: `replay(events) == projections`, for a whole store, and the repair when it does not hold.

Theory of operation. The log is read once, stream by stream, and folded with `evolve`; only one aggregate is in memory
at a time. What the fold gives is compared with the stored state and rows (`check`), or takes their place (`rebuild`, in
one transaction). A stream whose events can't be read is reported and left as it is: the others are mended all the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from andon.core import state as s
from andon.core.errors import AndonError, InvariantViolation
from andon.core.evolve import evolve
from andon.core.projection import Row, encode_state, kind_of, rows
from andon.ports import Store
from andon.store import codec
from andon.store.memory import MemoryReader, MemoryStore
from andon.store.sqlite import SqliteStore
from andon.store.sqlite_reader import SqliteReader
from andon.store.sqlite_writer import SqliteWriter

MAX_DIFFERENCES = 1000


class Folded(Struct, frozen=True, kw_only=True):
    """One stream's fold. state None: `problem` says why it could not be folded."""

    stream: str
    seq: int
    state: s.State | None
    problem: str = ""


def check(store: Store) -> list[str]:
    """What differs between the log and what was made of it, at most MAX_DIFFERENCES lines; empty when law 9 holds."""
    if isinstance(store, MemoryStore):
        with store.read() as reader:
            return _check_memory(reader)
    found: list[str] = []
    with _sqlite(store).read() as reader:
        if not isinstance(reader, SqliteReader):
            raise InvariantViolation("a reader of another store")
        for line in _differences(reader):
            found.append(line)
            if len(found) >= MAX_DIFFERENCES:
                found.append("… and maybe more")
                break
    return found


def rebuild(store: Store) -> None:
    """Make states and rows what the log says, in one transaction."""
    if isinstance(store, MemoryStore):
        return
    with _sqlite(store).transaction() as writer:
        highest: dict[str, int] = {}
        for folded in _folds(writer):
            if folded.state is None:
                continue
            kind = kind_of(folded.state)
            highest[kind] = max(highest.get(kind, 0), codec.number_of(folded.stream))
            _replace(writer, folded.stream, folded.seq, folded.state)
        for table, stream in writer.all("orphans", {"limit": -1}):
            writer.drop_orphan(table, stream)
        writer.run("count_all_dependencies", {})
        for kind, value in highest.items():
            writer.run("raise_counter", {"kind": kind, "value": value})


def _sqlite(store: Store) -> SqliteStore:
    if not isinstance(store, SqliteStore):
        raise InvariantViolation(f"no check for {type(store).__name__}")
    return store


# ---------------------------------------------------------------- folding


def _folds(reader: SqliteReader) -> Iterator[Folded]:
    """The fold of each stream, in the order of their names."""
    stream, seq, position, state, problem = "", 0, 0, None, ""
    for name, number, place, kind, at, actor, data in reader.stream_rows("log_by_stream", {}):
        if name != stream:
            if stream:
                yield Folded(stream=stream, seq=seq, state=None if problem else state, problem=problem)
            stream, seq, position, state, problem = name, 0, 0, None, ""
        if not problem:
            state, problem = _fold_one(state, stream, seq, (number, place, kind, at, actor, data), position)
        seq, position = number, place
    if stream:
        yield Folded(stream=stream, seq=seq, state=None if problem else state, problem=problem)


def _fold_one(
    state: s.State | None, stream: str, before: int, row: tuple[int, int, str, float, str, bytes], last: int
) -> tuple[s.State | None, str]:
    """The state after one more event, or the problem with it."""
    seq, position, kind, at, actor, data = row
    if seq != before + 1:
        return None, f"event {before + 1} of {stream} is missing"
    if position <= last:
        return None, f"event {seq} of {stream} stands before its predecessor"
    try:
        event = codec.read_event(position, stream, seq, None, data).event
    except AndonError as error:
        return None, error.message
    if (kind, at, actor) != (type(event).__name__, event.at, event.actor):
        return None, f"event {seq} of {stream}: its columns differ from its content"
    try:
        return evolve(state, event), ""
    except Exception as error:  # Whatever a damaged log makes of one stream, the others are to be looked at too.
        return None, f"event {seq} of {stream} does not follow from what was before: {error}"


# ---------------------------------------------------------------- comparing


def _differences(reader: SqliteReader) -> Iterator[str]:
    for folded in _folds(reader):
        if folded.state is None:
            yield folded.problem
            continue
        yield from _compare_state(reader, folded)
        yield from _compare_rows(reader, folded.stream, folded.state)
    for table, stream in reader.all("orphans", {"limit": MAX_DIFFERENCES}):
        yield f"{table} holds {stream}, of which the log knows nothing"
    for task, stored, counted in reader.all("wrong_counts", {"limit": MAX_DIFFERENCES}):
        yield f"tasks: {task} counts {stored} open dependencies instead of {counted}"


def _compare_state(reader: SqliteReader | MemoryReader, folded: Folded) -> Iterator[str]:
    try:
        loaded = reader.load(folded.stream)
    except AndonError as error:
        yield error.message
        return
    if loaded is None:
        yield f"the state of {folded.stream} is missing"
    elif loaded.seq != folded.seq:
        yield f"the state of {folded.stream} is at {loaded.seq}, the log at {folded.seq}"
    elif loaded.state != folded.state:
        yield f"the state of {folded.stream} is not what its events give"


def _compare_rows(reader: SqliteReader, stream: str, state: s.State) -> Iterator[str]:
    number = codec.number_of(stream)
    for table, wanted in rows(state).items():
        if table == "task_dependencies":
            found = reader.dependencies(stream)
            same = found == [row["depends_on"] for row in wanted]
        else:
            expected: list[Row] = [{**row, "number": number} for row in wanted]
            same = reader.rows(_ROW_STATEMENTS[table], {"id": stream}) == expected
        if not same:
            yield f"{table}: the rows of {stream} are not what its events give"


_ROW_STATEMENTS = {"tasks": "task_row", "runs": "run_row", "steps": "step_rows", "messages": "message_row"}


def _check_memory(reader: object) -> list[str]:
    if not isinstance(reader, MemoryReader):
        raise InvariantViolation("a reader of another store")
    found = []
    for stream, places in reader.tables.streams.items():
        state: s.State | None = None
        for stored in reader.events(stream, limit=len(places)):
            state = evolve(state, stored.event)
        found += list(_compare_state(reader, Folded(stream=stream, seq=len(places), state=state)))
        if state is not None and any(reader.rows_of(name, stream) != made for name, made in rows(state).items()):
            found.append(f"the rows of {stream} are not what its events give")
    return found


# ---------------------------------------------------------------- mending


def _replace(writer: SqliteWriter, stream: str, seq: int, state: s.State) -> None:
    text = encode_state(state).decode()
    writer.run("replace_state", {"stream": stream, "kind": kind_of(state), "seq": seq, "state": text})
    writer.replace_rows(stream, state)
