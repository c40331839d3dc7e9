"""The SQLite store: one file, many processes, one writer at a time.

Theory of operation. Writers queue at a lock file (`locking`) and only then BEGIN IMMEDIATE; a transaction that may
write is never begun deferred, since SQLite refuses to promote a stale reader whatever the time-out. Readers take no
lock: WAL gives each a view of one moment. Commits are synchronous=FULL: what was answered survives a power cut.

Rules: a store belongs to one thread at a time, and opens its one connection on first use. A `read()` inside `read()` or
`write()` joins the transaction it stands in; a `write()` inside either is a bug.
"""

from __future__ import annotations

import os
import sqlite3
from _thread import get_ident
from collections.abc import Iterator
from contextlib import contextmanager

from andon.core.errors import InvariantViolation
from andon.core.verdict import Verdict
from andon.ports import Reader, Writer
from andon.store import codec, errors
from andon.store.connection import identity_of, open_database, take
from andon.store.locking import WriteLock
from andon.store.sqlite_reader import SqliteReader
from andon.store.sqlite_writer import SqliteWriter

_inherited: list[sqlite3.Connection] = []
"""Connections that came through a fork: they must be neither used nor closed here."""

MAX_REOPENED = 5


class SqliteStore:
    """The coordination database of one repository or workspace. Made on first use; mode 0600."""

    def __init__(self, path: str) -> None:
        self.path = os.fspath(path)
        self._lock = WriteLock(self.path + ".lock")
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        self._identity: tuple[int, int] | None = None
        self._current: SqliteReader | None = None
        self._thread = 0

    # ------------------------------------------------------------ transactions

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """A consistent view. Raises AndonError when the database can't be used."""
        outer = self._outer()
        if outer is not None:
            yield outer
            return
        connection = self.open()
        self.execute(connection, "BEGIN")
        reader = self._enter(SqliteReader(connection, self.path))
        try:
            yield reader
        finally:
            self._leave(reader)
            self._roll_back(connection)

    @contextmanager
    def view(self) -> Iterator[SqliteReader]:
        """`read` with the adapter's own type."""
        with self.read() as reader:
            if not isinstance(reader, SqliteReader):
                raise InvariantViolation("a reader of another store")
            yield reader

    @contextmanager
    def write(self) -> Iterator[Writer]:
        """The one writer. All is committed at the end, or nothing when an exception comes out."""
        with self.transaction() as writer:
            yield writer

    @contextmanager
    def transaction(self) -> Iterator[SqliteWriter]:
        """The same with the adapter's own type."""
        if self._outer() is not None:
            raise InvariantViolation("a write transaction inside another transaction of the same store")
        with self.alone() as connection:
            self.execute(connection, "BEGIN IMMEDIATE")
            writer = SqliteWriter(connection, self.path)
            self._enter(writer)
            try:
                yield writer
                self.execute(connection, "COMMIT")
            finally:
                self._leave(writer)
                self._roll_back(connection)

    @contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """Hold the writers' lock, without a transaction: for work on the file as a whole."""
        for _ in range(MAX_REOPENED):
            connection = self.open()
            take(self._lock)
            if self._identity == identity_of(self.path):
                break
            # While this process waited, a salvage put another file in the place of this one.
            self.close()
        else:
            raise errors.unavailable(f"the database {self.path} is replaced all the time", "andon doctor")
        try:
            yield connection
        finally:
            self._lock.release()

    def _outer(self) -> SqliteReader | None:
        if self._current is not None and self._thread != get_ident():
            raise InvariantViolation("a store is used by two threads at once")
        return self._current

    def _enter(self, reader: SqliteReader) -> SqliteReader:
        self._current, self._thread = reader, get_ident()
        return reader

    def _leave(self, reader: SqliteReader) -> None:
        reader.expire()
        self._current = None

    def execute(self, connection: sqlite3.Connection, statement: str) -> None:
        """Execute a statement without parameters. Raises AndonError."""
        try:
            connection.execute(statement)
        except sqlite3.Error as error:
            raise errors.translate(error, self.path) from error

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        """Undo whatever was not committed. SQLite may have done it by itself after an error."""
        if connection.in_transaction:
            self.execute(connection, "ROLLBACK")

    # ------------------------------------------------------------ the connection

    def open(self) -> sqlite3.Connection:
        """The connection, made when there is none in this process. Raises AndonError."""
        if self._connection is not None and self._process != os.getpid():
            _inherited.append(self._connection)
            self._connection = None
            self._lock = WriteLock(self._lock.path)
        if self._connection is not None and self._current is None and self._identity != identity_of(self.path):
            # The file was replaced (by a salvage) or is gone: what went on here would be written to nowhere.
            self.close()
        if self._connection is None:
            self._connection = open_database(self.path, self._lock)
            self._identity = identity_of(self.path)
            self._process = os.getpid()
        return self._connection

    def close(self) -> None:
        """Give up connection and lock file. The store may be used again."""
        if self._connection is not None and self._process == os.getpid():
            try:
                self._connection.close()
            except sqlite3.Error as error:
                raise errors.translate(error, self.path) from error
            finally:
                self._connection = None
                self._lock.close()

    def __del__(self) -> None:
        connection = getattr(self, "_connection", None)
        if connection is not None and self._process == os.getpid():
            connection.close()
            self._lock.close()

    # ------------------------------------------------------------ measured verdicts

    def get(self, subject_key: str, gate_digest: str, environment_digest: str) -> Verdict | None:
        with self.read() as reader:
            if not isinstance(reader, SqliteReader):
                raise InvariantViolation("a reader of another store")
            found = reader.one("measurement", _key(subject_key, gate_digest, environment_digest))
        return codec.read_verdict(found[0]) if found else None

    def put(self, subject_key: str, gate_digest: str, environment_digest: str, verdict: Verdict) -> None:
        codec.check_measured(verdict)
        values = {**_key(subject_key, gate_digest, environment_digest), "verdict": codec.verdict_text(verdict)}
        current = self._outer()
        if isinstance(current, SqliteWriter):
            current.run("put_measurement", values)
            return
        with self.transaction() as writer:
            writer.run("put_measurement", values)


def _key(subject_key: str, gate_digest: str, environment_digest: str) -> dict[str, str]:
    return {
        "subject_key": subject_key,
        "gate_digest": gate_digest,
        "environment_digest": environment_digest,
    }
