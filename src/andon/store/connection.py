"""Opening the database file: creating it, migrating it, and the settings of a connection.

Rules: an up-to-date database costs one PRAGMA to recognise; a newer one is left untouched; migrations run in one
transaction, under the writers' lock. The file itself is never opened by other means than SQLite while it is in use:
closing any other descriptor of it would drop SQLite's own locks.
"""

from __future__ import annotations

import os
import sqlite3

from andon.store import errors
from andon.store.locking import WriteLock
from andon.store.sql_text import APPLICATION_ID, SCHEMA_VERSION, migrations, uri_of

BUSY_TIMEOUT_S = 15.0
"""A backstop only: writers queue at the lock file."""
CACHE_KIB = 8192
WAL_LIMIT_BYTES = 16 * 1024**2


def identity_of(path: str) -> tuple[int, int] | None:
    """Which file it is, whatever its name; None when there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def open_database(path: str, lock: WriteLock) -> sqlite3.Connection:
    """A connection in autocommit mode to an up-to-date database. Raises AndonError."""
    _create_file(path, lock)
    try:
        connection = sqlite3.connect(
            uri_of(path),
            uri=True,
            isolation_level=None,
            timeout=BUSY_TIMEOUT_S,
            cached_statements=256,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise errors.translate(error, path) from error
    try:
        if _version(connection) != SCHEMA_VERSION:
            _migrate(connection, path, lock)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
    except sqlite3.Error as error:
        connection.close()
        raise errors.translate(error, path) from error
    except UnicodeError as error:
        # A damaged schema is quoted in SQLite's message, which Python can't decode then.
        connection.close()
        raise errors.corrupt(f"the database {path} is damaged ({error})") from error
    except BaseException:
        connection.close()
        raise
    return connection


def _create_file(path: str, lock: WriteLock) -> None:
    """An empty file with mode 0600 when there is none; SQLite gives its own files the same mode."""
    # Asked in this order: another process may be making the database at this very moment.
    marked = lock.marked()
    if os.path.isdir(path):
        raise errors.unavailable(
            f"the database {path} can't be opened: it is a directory", "move it away, then restore the database"
        )
    if os.path.exists(path):
        if marked and os.path.getsize(path) == 0:
            # SQLite would throw the log beside it away.
            raise errors.gone(path, "is empty")
        return
    if marked:
        raise errors.gone(path, "is gone")
    directory = os.path.dirname(path) or "."
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
    except OSError as error:
        raise errors.translate_os(error, directory) from error
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        pass  # Another process was first.
    except OSError as error:
        raise errors.translate_os(error, path) from error


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _migrate(connection: sqlite3.Connection, path: str, lock: WriteLock) -> None:
    if _version(connection) > SCHEMA_VERSION:
        raise errors.newer(path, _version(connection), SCHEMA_VERSION)
    take(lock)
    try:
        _migrate_alone(connection, path, lock)
    finally:
        lock.release()


def take(lock: WriteLock) -> None:
    """Take the writers' lock, or say who is in the way."""
    try:
        taken = lock.acquire()
    except OSError as error:
        raise errors.translate_os(error, lock.path) from error
    if not taken:
        text = f"another program has held {lock.path} all the time; it may be stopped or stuck"
        raise errors.unavailable(text, f"see who: fuser -v {lock.path}; then try again")


def _migrate_alone(connection: sqlite3.Connection, path: str, lock: WriteLock) -> None:
    # Another process may have been first.
    version = _version(connection)
    if version == SCHEMA_VERSION:
        return
    if version > SCHEMA_VERSION:
        raise errors.newer(path, version, SCHEMA_VERSION)
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application not in (0, APPLICATION_ID) or (application == 0 and (tables or version)):
        raise errors.foreign(path)
    if application == 0 and lock.marked():
        raise errors.gone(path, "is empty")
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        text = f"the database {path} can't keep a write-ahead log here (the file system may be a network's)"
        raise errors.unavailable(text, "move the repository to a local file system")
    connection.execute("PRAGMA synchronous = FULL")
    script = "".join(text for _version, text in migrations(version))
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE;\n{script}\nPRAGMA application_id = {APPLICATION_ID};\n"
            f"PRAGMA user_version = {SCHEMA_VERSION};\nCOMMIT;"
        )
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    lock.mark()
