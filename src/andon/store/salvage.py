"""What to do about a damaged database file: find the damage, heal what can be healed, save what can be read.

Theory of operation. Only the log, the definitions, settings, counters, measurements and the list of archives must be
saved; all else is rebuilt from them. `salvage` copies the file (and its write-ahead log) away as it is, reads the copy
from both ends of each table through SQLite, then the pages themselves for events and definitions that no tree leads to any
more, builds a new database beside the old one, replays it, and puts it in the old one's place under the writers' lock.
Where events of a stream are lost for good, its last stored state is kept and the loss is reported (law 12).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from hashlib import sha256

from msgspec import Struct

from andon.core import events as e
from andon.core.errors import AndonError
from andon.store import archive, archive_file, codec, errors, rebuild
from andon.store.connection import take
from andon.store.locking import WriteLock
from andon.store.pages import PAGE_BYTES, Pages, Value
from andon.store.sql_text import APPLICATION_ID, SCHEMA_VERSION, uri_of
from andon.store.sqlite import SqliteStore
from andon.store.sqlite_reader import FullEvent
from andon.store.sqlite_writer import SqliteWriter

Progress = Callable[[str], None]
MAX_PROBLEMS = 20
MAX_LOST = 1000
MAX_SALVAGES = 100
BATCH = 500
MAGIC = b"SQLite format 3\x00"
HEADER_BYTES = 100
SCHEMA_PLACE, APPLICATION_PLACE = slice(60, 64), slice(68, 72)
"""Where a header holds user_version and application_id."""
FILE_PAGES, FREE_PAGES = slice(28, 32), slice(32, 40)
"""Where a header says how many pages the file has, and which are free."""
TABLES: dict[str, tuple[str, ...]] = {
    "settings": ("key", "value"),
    "counters": ("kind", "value"),
    "definitions": ("digest", "content"),
    "measurements": ("subject_key", "gate_digest", "environment_digest", "CAST(verdict AS BLOB)"),
    "archives": ("digest", "runs", "events", "archived_at"),
    "archived_runs": ("stream", "archive", "start", "size", "events", "digest"),
    "events": ("position", "stream", "seq", "cause", "CAST(data AS BLOB)", "type", "at", "actor"),
}


class Salvaged(Struct, frozen=True, kw_only=True):
    """events: in the new database. unreachable: of these, found on pages alone. lost: what is missing, one line each."""

    events: int
    unreachable: int
    lost: tuple[str, ...]
    kept: str
    """directory with the damaged file as it was"""


def problems(store: SqliteStore) -> list[str]:
    """What SQLite's own check finds wrong with the file, at most MAX_PROBLEMS lines. Raises AndonError."""
    connection = store.open()
    try:
        found = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({MAX_PROBLEMS})")]
    except sqlite3.Error as error:
        raise errors.translate(error, store.path) from error
    return [] if found == ["ok"] else found


def reindex(store: SqliteStore) -> None:
    """Make all indexes anew from the tables. Raises AndonError when a table's own pages are damaged."""
    with store.alone() as connection:
        store.execute(connection, "REINDEX")


def salvage(path: str, progress: Progress | None = None, *, now: float = 0.0) -> Salvaged:
    """Replace the database by what can be read of it. Raises AndonError when nothing can be done here."""
    lock = WriteLock(path + ".lock")
    take(lock)
    try:
        _refuse(path)
        kept = _keep(path)
        fresh = path + ".new"
        _remove(fresh)
        result = _rebuild(os.path.join(kept, "work.db"), fresh, kept, now, progress)
        for suffix in ("-wal", "-shm"):
            # They belong to the damaged file, which was copied with them; SQLite would play them into the new one.
            if os.path.exists(path + suffix):
                os.unlink(path + suffix)
        os.replace(fresh, path)
        lock.mark()
        _remove(fresh)
        _remove(os.path.join(kept, "work.db"))
        return result
    except OSError as error:
        raise errors.translate_os(error, path) from error
    finally:
        lock.close()


def _refuse(path: str) -> None:
    """What is no damage must not be rebuilt: no file, another program's, one of a newer Andon (its tables are unknown)."""
    if not os.path.isfile(path) or os.path.getsize(path) == 0:
        raise errors.gone(path, "is gone or empty")
    pages = Pages(path)
    try:
        header = pages.page(1)[:HEADER_BYTES]
    finally:
        pages.close()
    if not header.startswith(MAGIC):
        return
    version, application = (int.from_bytes(header[place], "big") for place in (SCHEMA_PLACE, APPLICATION_PLACE))
    if application != APPLICATION_ID:
        raise errors.foreign(path)
    if version > SCHEMA_VERSION:
        raise errors.newer(path, version, SCHEMA_VERSION)


def _keep(path: str) -> str:
    """A directory with the file and its log as they are, and a second copy to work on."""
    for number in range(1, MAX_SALVAGES + 1):
        kept = f"{path}.damaged-{number}"
        try:
            os.mkdir(kept, 0o700)
        except FileExistsError:
            continue
        for suffix in ("", "-wal"):
            if os.path.exists(path + suffix):
                shutil.copyfile(path + suffix, os.path.join(kept, f"andon.db{suffix}"))
                shutil.copyfile(path + suffix, os.path.join(kept, f"work.db{suffix}"))
        return kept
    raise errors.unavailable(f"{MAX_SALVAGES} damaged copies stand beside {path}", "remove those of no use")


def _remove(path: str) -> None:
    for suffix in ("", "-wal", "-shm", ".lock"):
        if os.path.exists(path + suffix):
            os.unlink(path + suffix)


def _rebuild(damaged: str, fresh: str, kept: str, now: float, progress: Progress | None) -> Salvaged:
    directory = archive_file.directory_of(fresh)
    # The pages are opened first: SQLite may shorten the write-ahead log when it closes its own copy.
    pages = Pages(os.path.join(kept, "andon.db"))
    store = SqliteStore(fresh)
    _give_header(damaged, store)
    old = sqlite3.connect(uri_of(damaged), uri=True, isolation_level=None)
    try:
        with store.transaction() as writer:
            for table, columns in TABLES.items():
                for batch in _readable(old, table, columns):
                    writer.run_many(f"salvage_{table}", batch)
            known = {str(values[0]) for values in writer.all("archives", {})}
            archive.adopt(writer, directory, known, now)
            reached = _count(writer)
            _from_pages(writer, pages)
            found = _count(writer)
            if progress is not None:
                progress(f"{found} events found, {found - reached} of them on pages that nothing leads to")
            lost = rebuild.rebuild_in(writer, progress)
            lost += _restore_states(writer, old)
        store.open().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        store.close()
        old.close()
        pages.close()
    return Salvaged(events=found, unreachable=found - reached, lost=tuple(lost[:MAX_LOST]), kept=kept)


def _give_header(damaged: str, store: SqliteStore) -> None:
    """Put a sound file header into the working copy when its own makes SQLite refuse the file."""
    old = sqlite3.connect(uri_of(damaged), uri=True, isolation_level=None)
    try:
        old.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return
    except (sqlite3.Error, UnicodeError):
        pass
    finally:
        old.close()
    store.open().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(store.path, "rb") as file:
        header = bytearray(file.read(HEADER_BYTES))
    header[FILE_PAGES] = (os.path.getsize(damaged) // PAGE_BYTES).to_bytes(4, "big")
    header[FREE_PAGES] = bytes(8)
    with open(damaged, "r+b") as file:
        file.write(header)


def _count(writer: SqliteWriter) -> int:
    found = writer.one("export_counts", {})
    return int(found[-1]) if found else 0


def _readable(old: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> Iterator[list[tuple[object, ...]]]:
    """The rows of a table from its beginning and from its end, each up to the first damaged page."""
    for direction in ("ASC", "DESC"):
        order = ", ".join(f"{name} {direction}" for name in _key(table))
        try:
            cursor = old.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY {order}")
            while batch := cursor.fetchmany(BATCH):
                yield batch
            return
        except (sqlite3.Error, UnicodeError):
            continue


def _key(table: str) -> tuple[str, ...]:
    return {"events": ("position",), "definitions": ("rowid",), "measurements": ("rowid",), "states": ("rowid",)}.get(
        table, TABLES.get(table, ("rowid",))[:1]
    )


def _from_pages(writer: SqliteWriter, pages: Pages) -> None:
    events: list[FullEvent] = []
    for rowid, values in pages.records():
        if event := _event(rowid, values):
            events.append(event)
        elif definition := _definition(values):
            writer.run_many("salvage_definitions", [definition])
        if len(events) == BATCH:
            writer.run_many("salvage_unreachable", events)
            events = []
    writer.run_many("salvage_unreachable", events)


def _event(rowid: int, values: list[Value]) -> FullEvent | None:
    """A row of the log, if it is one and is whole: its columns repeat what its content says."""
    if len(values) != 8 or values[0] is not None:
        return None
    _position, stream, seq, kind, at, actor, cause, data = values
    if not (isinstance(stream, str) and isinstance(seq, int) and isinstance(data, str) and isinstance(at, int | float)):
        return None
    try:
        event = e.decode(data)
    except codec.UNREADABLE:
        return None
    if (kind, at, actor) != (type(event).__name__, event.at, event.actor) or not (
        cause is None or isinstance(cause, str)
    ):
        return None
    return (rowid, stream, seq, cause, data.encode(), type(event).__name__, float(at), event.actor)


def _definition(values: list[Value]) -> tuple[str, bytes] | None:
    """A definition that its digest proves."""
    if len(values) != 2:
        return None
    digest, content = values
    if not isinstance(digest, str) or not isinstance(content, bytes):
        return None
    return (digest, content) if digest == f"sha256:{sha256(content).hexdigest()}" else None


def _restore_states(writer: SqliteWriter, old: sqlite3.Connection) -> list[str]:
    """Keep the stored state where the log that is left does not reach as far."""
    lost = []
    columns = ("stream", "seq", "kind", "CAST(state AS BLOB)")
    for batch in _readable(old, "states", columns):
        for stream, seq, kind, data in batch:
            found = writer.one("load", {"stream": stream})
            if found is not None and found[0] >= seq:
                continue
            try:
                state = codec.read_state(str(stream), int(str(seq)), str(kind), bytes(data)).state  # type: ignore[call-overload]
            except AndonError as error:
                lost.append(error.message)
                continue
            rebuild.replace(writer, str(stream), int(str(seq)), state)
            reach = found[0] if found else 0
            lost.append(f"events of {stream} behind {reach} are lost or unreadable; its state at {seq} was kept")
    return lost
