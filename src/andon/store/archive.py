"""Moving the events of finished runs from the database to archive files (`archive_file` says what they are).

Theory of operation. A file is written from one view of the database and synchronised; then one transaction takes the
runs out of the log and writes down where they are. A crash in between leaves a file that nothing refers to, and the
next try writes the same one again. The runs' states and rows stay: tasks, dependencies, landed commits and `show` need
no archive. `replay(events) == projections` holds over the log and the archives together (law 9).

A cause that stood in an archived event is forgotten; it belonged to a run that has ended, which takes no command.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from hashlib import sha256

from msgspec import Struct

from andon.core.errors import AndonError, InvariantViolation
from andon.store import archive_file, lines
from andon.store.archive_file import Builder
from andon.store.sqlite import SqliteStore
from andon.store.sqlite_reader import SqliteReader
from andon.store.sqlite_writer import SqliteWriter

MAX_RUNS_IN_FILE = 10_000
MAX_FILE_BYTES = 256 * 1024**2
"""Of a file's content, uncompressed: what one transaction takes out of the log stays of bounded size."""


class Archived(Struct, frozen=True, kw_only=True):
    """What was moved, or would be."""

    runs: int = 0
    events: int = 0
    files: tuple[str, ...] = ()


def archivable(store: SqliteStore, before: float) -> Archived:
    """What `archive` would move now."""
    runs = events = 0
    with store.view() as reader:
        for _number, stream in _candidates(reader, before):
            runs += 1
            events += len(reader.all("events_raw", {"stream": stream}))
    return Archived(runs=runs, events=events)


def archive(store: SqliteStore, *, before: float, now: float, progress: Callable[[str], None] | None) -> Archived:
    """Move the events of all runs that ended at `before` or earlier. Runs whose log can't be read stay where they are."""
    directory = archive_file.directory_of(store.path)
    done = Archived()
    after = (-1, "")
    while True:
        builder = Builder(directory)
        try:
            after = _fill(store, builder, before, after)
            if not builder.parts:
                return done
            digest = builder.finish()
        finally:
            builder.abandon()
        _move(store, builder, digest, now)
        done = Archived(
            runs=done.runs + len(builder.parts),
            events=done.events + builder.events,
            files=(*done.files, archive_file.path_of(directory, digest)),
        )
        if progress is not None:
            progress(f"{done.runs} runs, {done.events} events archived")


def _fill(store: SqliteStore, builder: Builder, before: float, after: tuple[int, str]) -> tuple[int, str]:
    """Add runs until the file is full; gives the last run looked at."""
    with store.view() as reader:
        for number, stream in _candidates(reader, before, after):
            after = (number, stream)
            content, problems = lines.encode_events(reader.all("events_raw", {"stream": stream}))
            if problems or not content:
                continue
            builder.add(stream, content, content.count(b"\n"))
            if len(builder.parts) >= MAX_RUNS_IN_FILE or builder.content_bytes >= MAX_FILE_BYTES:
                break
    return after


def _candidates(reader: SqliteReader, before: float, after: tuple[int, str] = (-1, "")) -> Iterator[tuple[int, str]]:
    while found := reader.all("archivable", {"before": before, "number": after[0], "id": after[1], "limit": 500}):
        yield from found
        after = found[-1]


def _move(store: SqliteStore, builder: Builder, digest: str, now: float) -> None:
    with store.transaction() as writer:
        for part in builder.parts:
            content, problems = lines.encode_events(writer.all("events_raw", {"stream": part.stream}))
            if problems or sha256(content).hexdigest() != part.digest:
                # An ended run takes no more events; whoever wrote one all the same must not lose it.
                raise InvariantViolation(f"run {part.stream} changed while it was archived; nothing was moved")
        values = {"digest": digest, "runs": len(builder.parts), "events": builder.events, "archived_at": now}
        writer.run("put_archive", values)
        writer.run_many(
            "put_archived_run", [(x.stream, digest, x.start, x.size, x.events, x.digest) for x in builder.parts]
        )
        writer.run_many("drop_events", [(part.stream,) for part in builder.parts])


def compact(store: SqliteStore) -> None:
    """Give freed pages back to the file system. Writers wait meanwhile; the disk needs room for a second copy."""
    with store.alone() as connection:
        store.execute(connection, "VACUUM")
        store.execute(connection, "PRAGMA wal_checkpoint(TRUNCATE)")


def check_files(store: SqliteStore) -> list[str]:
    """What is wrong with the archive files: missing, or not the content that their names say."""
    directory = archive_file.directory_of(store.path)
    with store.view() as reader:
        known = [str(values[0]) for values in reader.all("archives", {})]
    found = []
    for digest in known:
        path = archive_file.path_of(directory, digest)
        try:
            actual = archive_file.content_digest(path)
        except OSError as error:
            found.append(f"archive {path} can't be read: {error.strerror}")
        except zlib.error as error:
            found.append(f"archive {path} is damaged: {error}")
        else:
            if actual != digest:
                found.append(f"archive {path} holds something else: its content is sha256:{actual}")
    return found


def adopt(writer: SqliteWriter, directory: str, known: set[str], now: float) -> int:
    """Take up again the files of which a salvaged database knows nothing, where their content is what their names say.

    A file whose runs are in the log all the same (left by a crash) is passed over. Gives the number of runs.
    """
    adopted = 0
    names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
    for name in names:
        digest, path = name.removesuffix(".jsonl.gz"), os.path.join(directory, name)
        try:
            if digest in known or digest == name or archive_file.content_digest(path) != digest:
                continue
            parts = archive_file.parts_of(path)
        except (OSError, zlib.error, AndonError):
            continue
        if not parts or any(writer.one("has_events", {"stream": part.stream}) for part in parts):
            continue
        events = sum(part.events for part in parts)
        writer.run("put_archive", {"digest": digest, "runs": len(parts), "events": events, "archived_at": now})
        rows = [(x.stream, digest, x.start, x.size, x.events, x.digest) for x in parts]
        writer.run_many("salvage_archived_runs", rows)
        adopted += len(parts)
    return adopted


def forgotten_files(store: SqliteStore) -> list[str]:
    """Files in the directory that the database does not refer to: leftovers of a crash, or of an older database."""
    directory = archive_file.directory_of(store.path)
    with store.view() as reader:
        known = {f"{values[0]}.jsonl.gz" for values in reader.all("archives", {})}
    try:
        return sorted(os.path.join(directory, name) for name in os.listdir(directory) if name not in known)
    except FileNotFoundError:
        return []
