"""`export` and `import`: all that a workspace holds, as JSON lines (`lines` says what they are).

Theory of operation. An export is one view of the database, in a fixed order, with nothing in it that depends on when or
where it is made: so the export of an import is the same bytes. Projections are not exported; they are rebuilt by replay.
The last line holds the digest of all before it, so that a file that was cut off or altered is found. An import is one
transaction: all of it, or nothing. Memory is bounded by batches, however long the log.

EXPORTED lists the tables that are no projections. A new table must be listed here or in REBUILT; a test asks for it.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import BinaryIO

from msgspec import Struct

from andon.core.errors import EXIT_NO, AndonError, InvariantViolation, UsageError
from andon.store import archive_file, lines, rebuild
from andon.store.archive_file import Builder
from andon.store.errors import corrupt
from andon.store.sqlite import SqliteStore
from andon.store.sqlite_reader import FullEvent, SqliteReader
from andon.store.sqlite_writer import SqliteWriter

Progress = Callable[[str], None]
BATCH = 1000
SAY_EVERY = 200_000
MAX_PROBLEMS = 1000
ELSEWHERE = "import in a repository where nothing was done with Andon yet"

EXPORTED: dict[str, tuple[str, ...]] = {
    "settings": ("key", "value"),
    "counters": ("kind", "value"),
    "definitions": ("digest", "content"),
    "measurements": ("subject_key", "gate_digest", "environment_digest", "verdict"),
}
"""table -> columns, as `export_<table>` gives and `import_<table>` takes them."""
REBUILT = frozenset(
    {"states", "tasks", "task_dependencies", "runs", "steps", "messages", "learnings", "learning_uses"}
    # The full-text index and the tables that SQLite keeps it in.
    | {f"learning_words{part}" for part in ("", "_data", "_idx", "_content", "_docsize", "_config")}
)
OWN_LINES = frozenset({"events", "archives", "archived_runs"})
"""Tables with lines of their own kind."""


class Transferred(Struct, frozen=True, kw_only=True):
    """counts: lines of each kind. sha256: of all lines but the last. problems: what can't be read in it."""

    counts: dict[str, int]
    lines: int
    sha256: str
    problems: tuple[str, ...] = ()
    identical: bool = False
    """nothing was imported, since it was all there"""


# ---------------------------------------------------------------- export


class _Sum:
    """Counts and digests what goes by."""

    def __init__(self, file: BinaryIO | None, progress: Progress | None) -> None:
        self._file, self._progress = file, progress
        self._total = sha256()
        self.lines = 0
        self.problems: list[str] = []

    def write(self, text: bytes, count: int = 1) -> None:
        self._total.update(text)
        if self._file is not None:
            self._file.write(text)
        before, self.lines = self.lines, self.lines + count
        if self._progress is not None and before // SAY_EVERY != self.lines // SAY_EVERY:
            self._progress(f"{self.lines} lines")

    def note(self, problems: list[str]) -> None:
        self.problems += problems[: MAX_PROBLEMS - len(self.problems)]

    @property
    def digest(self) -> str:
        return self._total.hexdigest()


def export(store: SqliteStore, file: BinaryIO | None, progress: Progress | None = None) -> Transferred:
    """Write everything; file None: only what it would be. Raises AndonError when the database can't be read."""
    total = _Sum(file, progress)
    with store.view() as reader:
        counts = _counts(reader)
        total.write(lines.encode(lines.Header(format=lines.FORMAT, counts=counts)))
        for table, columns in EXPORTED.items():
            for values in reader.stream_rows(f"export_{table}", {}):
                row = {name: _plain(value) for name, value in zip(columns, values, strict=True)}
                total.write(lines.encode(lines.RowLine(table=table, row=row)))
        for digest, runs, events, at in reader.all("archives", {}):
            archive = lines.ArchiveLine(digest=digest, runs=runs, events=events, archived_at=at)
            total.write(lines.encode(archive))
            _export_archive(reader, store, archive, total)
        for batch in _batches(reader.stream_rows("export_events", {})):
            text, problems = lines.encode_events(batch)
            total.write(text, len(batch))
            total.note(problems)
    end = lines.EndLine(lines=total.lines, sha256=total.digest)
    if file is not None:
        file.write(lines.encode(end))
    return Transferred(counts=counts, lines=end.lines, sha256=end.sha256, problems=tuple(total.problems))


def _counts(reader: SqliteReader) -> dict[str, int]:
    found = reader.rows("export_counts", {})[0]
    return {name: int(value or 0) for name, value in found.items()}


def _export_archive(reader: SqliteReader, store: SqliteStore, archive: lines.ArchiveLine, total: _Sum) -> None:
    directory = archive_file.directory_of(store.path)
    count = 0
    for stream, start, size, events, digest in reader.stream_rows("archive_parts", {"archive": archive.digest}):
        content = archive_file.part_content(directory, archive.digest, start, size, digest, stream)
        total.write(content, events)
        count += events
    if count != archive.events:
        raise corrupt(f"archive {archive.digest} has {count} events of the {archive.events} that it should have")


def _batches(rows: Iterator[FullEvent]) -> Iterator[list[FullEvent]]:
    batch: list[FullEvent] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _plain(value: object) -> lines.Scalar | dict[str, str]:
    if isinstance(value, bytes):
        try:
            return {"utf8": value.decode()}
        except UnicodeError:
            return {"base64": base64.b64encode(value).decode()}
    if value is None or isinstance(value, str | int | float):
        return value
    raise corrupt(f"a value of type {type(value).__name__} in the database")


def _stored(value: lines.Scalar | dict[str, str]) -> object:
    if not isinstance(value, dict):
        return value
    return value["utf8"].encode() if "utf8" in value else base64.b64decode(value["base64"], validate=True)


# ---------------------------------------------------------------- import


class _Input:
    """The lines of an export, checked as they go by: in order, complete, and as they were written."""

    def __init__(self, file: BinaryIO, progress: Progress | None) -> None:
        self._file = file
        self._sum = _Sum(None, progress)
        first = self._next()
        if not isinstance(first, lines.Header):
            raise lines.unreadable(1, "it is no header of an export")
        if first.format != lines.FORMAT:
            text = f"the export has format {first.format}; this Andon knows format {lines.FORMAT}"
            raise UsageError(text, kind="newer_format", next="install the newer Andon, then import again")
        self.counts = first.counts
        self.seen = dict.fromkeys(first.counts, 0)
        self.end: lines.EndLine | None = None

    @property
    def number(self) -> int:
        return self._sum.lines

    def _next(self) -> lines.Line | None:
        """The next line; None at the end line."""
        text = self._file.readline(lines.MAX_LINE_BYTES + 1)
        if not text.endswith(b"\n"):
            if len(text) > lines.MAX_LINE_BYTES:
                raise lines.unreadable(self.number + 1, f"it is longer than {lines.MAX_LINE_BYTES} bytes")
            where = f"in line {self.number + 1}" if text else f"after line {self.number}"
            cut = f"the export ends {where}, without its last line: it was cut off"
            raise UsageError(cut, kind="truncated", next="export again, or use another copy; nothing was imported")
        line = lines.decode(text, self.number + 1)
        if isinstance(line, lines.EndLine):
            self._finish(line)
            return None
        self._sum.write(text)
        return line

    def _finish(self, end: lines.EndLine) -> None:
        if (end.lines, end.sha256) != (self._sum.lines, self._sum.digest):
            text = f"the export was altered or damaged: it is sha256:{self._sum.digest}, not sha256:{end.sha256}"
            raise UsageError(text, kind="bad_export", next="use another copy; nothing was imported")
        if self.seen != self.counts:
            text = f"the export holds {self.seen}, its header says {self.counts}"
            raise UsageError(text, kind="bad_export", next="use another copy; nothing was imported")
        if self._file.read(1):
            raise lines.unreadable(self.number + 2, "there is something behind the last line")
        self.end = end

    def following(self, count: int) -> Iterator[lines.EventLine]:
        """The lines of an archive; they are not counted as events of the log."""
        for _ in range(count):
            line = self._next()
            if not isinstance(line, lines.EventLine):
                raise lines.unreadable(self.number, "an archive's event was expected")
            yield line

    def __iter__(self) -> Iterator[lines.Line]:
        while (line := self._next()) is not None:
            name = _counted(line)
            if name not in self.seen:
                raise lines.unreadable(self.number, "this Andon knows no such line")
            self.seen[name] += 1
            yield line

    def finished(self) -> lines.EndLine:
        if self.end is None:
            raise lines.unreadable(self.number + 1, "the last line is missing")
        return self.end


def _counted(line: lines.Line) -> str:
    if isinstance(line, lines.RowLine):
        return line.table
    return "archives" if isinstance(line, lines.ArchiveLine) else "events" if isinstance(line, lines.EventLine) else ""


def import_(store: SqliteStore, file: BinaryIO, progress: Progress | None = None) -> Transferred:
    """Read an export into an empty workspace, or nothing of it. Raises AndonError kind "not_empty" and UsageError.

    A workspace that holds the very same already is left as it is.
    """
    source = _Input(file, progress)
    made: list[str] = []
    try:
        with store.transaction() as writer:
            if writer.one("any_event", {}) is None:
                _load(store, writer, source, made)
                end = source.finished()
                problems = rebuild.rebuild_in(writer, progress, counters=False)
                return Transferred(counts=source.counts, lines=end.lines, sha256=end.sha256, problems=tuple(problems))
    except BaseException:
        for path in made:
            os.unlink(path)
        raise
    finally:
        # One transaction of everything: without this its log would stay as long as it was.
        with store.alone() as connection:
            store.execute(connection, "PRAGMA wal_checkpoint(TRUNCATE)")
    for _line in source:
        pass
    end = source.finished()
    if export(store, None, progress).sha256 != end.sha256:
        text = "this workspace holds other work already; an import needs an empty one"
        raise AndonError(
            text,
            kind="not_empty",
            next="import where nothing was done yet (git clone; andon import FILE)",
            exit=EXIT_NO,
        )
    return Transferred(counts=source.counts, lines=end.lines, sha256=end.sha256, identical=True)


def _load(store: SqliteStore, writer: SqliteWriter, source: _Input, made: list[str]) -> None:
    for table in EXPORTED:
        writer.run(f"clear_{table}", {})
    indexes = writer.all("indexes_of_events", {})
    # Made at the end, by sorting: entry by entry they would be written all over the file.
    for name, _sql in indexes:
        writer.execute(f"DROP INDEX {name}")
    batch: list[FullEvent] = []
    for line in source:
        if isinstance(line, lines.RowLine):
            _load_row(writer, line, source.number)
        elif isinstance(line, lines.ArchiveLine):
            _load_archive(store, writer, line, source, made)
        elif isinstance(line, lines.EventLine):
            batch.append(lines.full_event(line, source.number))
            if len(batch) == BATCH:
                _load_events(writer, batch, source.number)
                batch = []
    _load_events(writer, batch, source.number)
    try:
        for _name, sql in indexes:
            writer.execute(sql)
    except InvariantViolation as error:
        raise lines.unreadable(source.number, f"it or a line before repeats an event: {error}") from error


def _load_row(writer: SqliteWriter, line: lines.RowLine, number: int) -> None:
    columns = EXPORTED.get(line.table)
    if columns is None or set(line.row) != set(columns):
        raise lines.unreadable(number, f"table {line.table} with {', '.join(line.row)} is unknown here")
    try:
        values = {name: _stored(value) for name, value in line.row.items()}
    except (KeyError, ValueError) as error:
        raise lines.unreadable(number, str(error)) from error
    writer.run(f"import_{line.table}", values)


def _load_events(writer: SqliteWriter, batch: list[FullEvent], number: int) -> None:
    try:
        writer.run_many("import_event", batch)
    except Exception as error:
        raise lines.unreadable(number, f"in it or in the {BATCH} lines before: {error}") from error


def _load_archive(
    store: SqliteStore, writer: SqliteWriter, line: lines.ArchiveLine, source: _Input, made: list[str]
) -> None:
    """Write the archive file again, and note its path in `made`; the lines that follow are its content."""
    builder = Builder(archive_file.directory_of(store.path))
    try:
        stream, events = "", list[bytes]()
        for inner in source.following(line.events):
            if inner.stream != stream and events:
                builder.add(stream, b"".join(events), len(events))
                events = []
            stream = inner.stream
            events.append(lines.encode(inner))
        if events:
            builder.add(stream, b"".join(events), len(events))
        digest = builder.finish()
    finally:
        builder.abandon()
    made.append(archive_file.path_of(builder.directory, digest))
    if digest != line.digest:
        raise lines.unreadable(source.number, f"archive {line.digest} became {digest}")
    values = {"digest": digest, "runs": line.runs, "events": line.events, "archived_at": line.archived_at}
    writer.run("put_archive", values)
    writer.run_many(
        "put_archived_run", [(x.stream, digest, x.start, x.size, x.events, x.digest) for x in builder.parts]
    )
