"""Law 9 made checkable: `replay(events) == projections`, for a whole store, and the repair when it does not hold.

Theory of operation. The log is read once, stream by stream, and folded with `evolve`; only one aggregate is in memory
at a time. A run whose events were archived is folded from its file. `check` looks at a bounded number of streams in one
view: a view that stayed open for long would keep SQLite from ever shortening its write-ahead log. What the fold gives is
compared with the stored state and rows (`check`), or takes their place (`rebuild`, in one transaction). A stream whose
events can't be read is reported and left as it is: the others are mended all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from andon.core import state as s
from andon.core.errors import AndonError, InvariantViolation
from andon.core.evolve import evolve
from andon.core.projection import Row, encode_state, kind_of, rows
from andon.ports import Progress, Store
from andon.store import codec
from andon.store.memory import MemoryReader, MemoryStore
from andon.store.sqlite import SqliteStore
from andon.store.sqlite_reader import SqliteReader
from andon.store.sqlite_writer import SqliteWriter

MAX_DIFFERENCES = 1000
STREAMS_IN_VIEW = 2000
SAY_EVERY = 100_000


class Folded(Struct, frozen=True, kw_only=True):
    """One stream's fold. state None: `problem` says why it could not be folded."""

    stream: str
    seq: int
    state: s.State | None
    problem: str = ""


def check(store: Store, progress: Progress | None = None) -> list[str]:
    """What differs between the log and what was made of it, at most MAX_DIFFERENCES lines; empty when law 9 holds."""
    if isinstance(store, MemoryStore):
        with store.read() as reader:
            return _check_memory(reader)
    found: dict[str, None] = {}
    try:
        for line in _differences(_sqlite(store), progress):
            found[line] = None
            if len(found) >= MAX_DIFFERENCES:
                return [*found, "… and maybe more"]
    except AndonError as error:
        if not found:
            raise
        found[error.message] = None
    return list(found)


def unreadable(store: Store) -> list[str]:
    """Of what `check` finds what no rebuilding heals: streams whose events can't be read any more. Raises AndonError."""
    if isinstance(store, MemoryStore):
        return []
    return list(islice(_unreadable(_sqlite(store)), MAX_DIFFERENCES))


def rebuild(store: Store) -> None:
    """Make states and rows what the log says, in one transaction."""
    if isinstance(store, MemoryStore):
        return
    with _sqlite(store).transaction() as writer:
        rebuild_in(writer)


def rebuild_in(writer: SqliteWriter, progress: Progress | None = None, *, counters: bool = True) -> list[str]:
    """The same inside a transaction; what could not be rebuilt, at most MAX_DIFFERENCES lines.

    counters False: they are known already, and are left as they are.
    """
    highest: dict[str, int] = {}
    problems: list[str] = []
    for count, folded in enumerate(_all_folds(writer), 1):
        if progress is not None and count % SAY_EVERY == 0:
            progress(f"{count} aggregates rebuilt")
        if folded.state is None:
            if len(problems) < MAX_DIFFERENCES:
                problems.append(folded.problem)
            continue
        kind = kind_of(folded.state)
        highest[kind] = max(highest.get(kind, 0), codec.number_of(folded.stream))
        replace(writer, folded.stream, folded.seq, folded.state)
    for table, stream in writer.all("orphans", {"limit": -1}):
        writer.drop_orphan(table, stream)
    writer.run("count_all_dependencies", {})
    for kind, value in highest.items() if counters else ():
        writer.run("raise_counter", {"kind": kind, "value": value})
    return problems


def _sqlite(store: Store) -> SqliteStore:
    if not isinstance(store, SqliteStore):
        raise InvariantViolation(f"no check for {type(store).__name__}")
    return store


# ---------------------------------------------------------------- folding


def _all_folds(reader: SqliteReader) -> Iterator[Folded]:
    """The fold of every stream: those of the log in the order of their births, then the runs that are all archived.

    Events of one stream, and of streams born together, stand near each other: the log's pages are read nearly in order.
    """
    for _position, stream in reader.stream_rows("births", {"after": 0, "limit": -1}):
        yield _fold(reader, stream)
    for (stream,) in reader.stream_rows("unborn", {}):
        yield _fold(reader, stream)
    for (archive,) in reader.stream_rows("archive_digests", {}):
        yield from _archived_folds(reader, archive)


def _fold(reader: SqliteReader, stream: str) -> Folded:
    """The fold of one stream, whatever stands in the way of it."""
    before = _fold_archived(reader, stream)
    seq, position, state, problem = before.seq, 0, before.state, before.problem
    try:
        for place, _stream, number, _cause, data, kind, at, actor in reader.all("events_raw", {"stream": stream}):
            if not problem:
                state, problem = _fold_one(state, stream, seq, (number, place, kind, at, actor, data), position)
            seq, position = number, place
    except AndonError as error:
        problem = f"the events of {stream} can't be read: {error.message}"
    return Folded(stream=stream, seq=seq, state=None if problem else state, problem=problem)


def _archived_folds(reader: SqliteReader, archive: str) -> Iterator[Folded]:
    """The runs of one archive file; those that have events in the log as well were folded with it."""
    for (stream,) in reader.stream_rows("only_archived", {"archive": archive}):
        yield _fold_archived(reader, stream)


def _fold_archived(reader: SqliteReader, stream: str) -> Folded:
    """The fold of the events that were moved to a file; seq 0 when there are none."""
    state: s.State | None = None
    seq = position = 0
    try:
        for row in reader.archived_events(stream):
            place, _stream, number, _cause, data, kind, at, actor = row
            state, problem = _fold_one(state, stream, seq, (number, place, kind, at, actor, data), position)
            if problem:
                return Folded(stream=stream, seq=seq, state=None, problem=problem)
            seq, position = number, place
    except AndonError as error:
        return Folded(stream=stream, seq=seq, state=None, problem=error.message)
    return Folded(stream=stream, seq=seq, state=state)


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


def _differences(store: SqliteStore, progress: Progress | None) -> Iterator[str]:
    count = 0
    try:
        for streams in _born(store):
            yield from _compare_some(store, streams)
            before, count = count, count + len(streams)
            if progress is not None and before // SAY_EVERY != count // SAY_EVERY:
                progress(f"{count} aggregates replayed")
    except AndonError:
        # A page of the log is damaged: the index tells the streams, so that only its own are missing.
        for streams in _named(store):
            yield from _compare_some(store, streams)
    with store.view() as reader:
        archives = [values[0] for values in reader.all("archive_digests", {})]
    for archive in archives:
        with store.view() as reader:
            for folded in _archived_folds(reader, archive):
                yield from _compare(reader, folded)
    with store.view() as reader:
        for table, stream in reader.all("orphans", {"limit": MAX_DIFFERENCES}):
            yield f"{table} holds {stream}, of which the log knows nothing"
        for task, stored, counted in reader.all("wrong_counts", {"limit": MAX_DIFFERENCES}):
            yield f"tasks: {task} counts {stored} open dependencies instead of {counted}"


def _unreadable(store: SqliteStore) -> Iterator[str]:
    for streams in _born(store):
        with store.view() as reader:
            problems = [x.problem for x in (_fold(reader, stream) for stream in streams) if x.state is None]
        yield from problems
    with store.view() as reader:
        archives = [values[0] for values in reader.all("archive_digests", {})]
    for archive in archives:
        with store.view() as reader:
            problems = [x.problem for x in _archived_folds(reader, archive) if x.state is None]
        yield from problems


def _born(store: SqliteStore) -> Iterator[list[str]]:
    """The streams of the log, some at a time, in the order of their births; at the end those without a first event."""
    position = 0
    while True:
        with store.view() as reader:
            found = reader.all("births", {"after": position, "limit": STREAMS_IN_VIEW})
        if not found:
            break
        position = found[-1][0]
        yield [stream for _position, stream in found]
    with store.view() as reader:
        unborn = [values[0] for values in reader.all("unborn", {})]
    yield unborn


def _named(store: SqliteStore) -> Iterator[list[str]]:
    """The same in the order of their names, from the index alone."""
    after = ""
    while True:
        with store.view() as reader:
            found = [values[0] for values in reader.all("streams", {"after": after, "limit": STREAMS_IN_VIEW})]
        if not found:
            return
        after = found[-1]
        yield found


def _compare_some(store: SqliteStore, streams: list[str]) -> Iterator[str]:
    with store.view() as reader:
        for stream in streams:
            yield from _compare(reader, _fold(reader, stream))


def _compare(reader: SqliteReader, folded: Folded) -> Iterator[str]:
    if folded.state is None:
        yield folded.problem
        return
    yield from _compare_state(reader, folded)
    try:
        yield from _compare_rows(reader, folded.stream, folded.state)
    except AndonError as error:
        yield f"the rows of {folded.stream} can't be read: {error.message}"


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


_ROW_STATEMENTS = {
    "tasks": "task_row",
    "runs": "run_row",
    "steps": "step_rows",
    "messages": "message_row",
    "learnings": "learning_row",
    "learning_uses": "learning_use_rows",
}


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


def replace(writer: SqliteWriter, stream: str, seq: int, state: s.State) -> None:
    """Write a state and its rows, whatever was there."""
    text = encode_state(state).decode()
    writer.run("replace_state", {"stream": stream, "kind": kind_of(state), "seq": seq, "state": text})
    if isinstance(state, s.Run):
        writer.run("drop_learning_uses", {"run": stream})
    writer.replace_rows(stream, state)
