"""Mined history in a file of its own in the state directory: derived data, so nothing in it is ever mended.

Rules: whatever is wrong with the file (damaged, of another version, locked for long) means that nothing is kept; it is made
anew. What is added is added behind the very mark that the adder read, or not at all, so that two planners can't mix histories.
Bounded: the newest MAX_COMMITS stay. Must not know: git, what the commits are good for.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing

from andon.core.planning.history import Commit

VERSION = 1
MAX_COMMITS = 10_000
BUSY_TIMEOUT_S = 10.0
_TABLES = (
    "CREATE TABLE mark (mark TEXT NOT NULL)",
    "CREATE TABLE commits (number INTEGER PRIMARY KEY, id TEXT NOT NULL, at REAL NOT NULL, message TEXT NOT NULL,"
    " files BLOB NOT NULL)",
)


class MinedFile:
    """Implements `andon.ports_planning.MinedHistory`."""

    def __init__(self, path: str) -> None:
        self.path = path

    def read(self) -> tuple[str, list[Commit]]:
        """(mark, commits, oldest first); ("", []) where nothing good is kept."""
        if not os.path.exists(self.path):
            return "", []
        try:
            with closing(self._open()) as connection:
                mark = self._mark(connection)
                rows = connection.execute("SELECT id, at, message, files FROM commits ORDER BY number").fetchall()
                return mark, [_commit(*row) for row in rows] if mark else []
        except (sqlite3.Error, ValueError, TypeError, AttributeError):
            return "", []

    def keep(self, mark: str, commits: Sequence[Commit], *, after: str) -> None:
        """Add commits behind those with the mark `after`, or take their place where it is ""."""
        try:
            with closing(self._open()) as connection:
                self._write(connection, mark, commits, after)
        except (sqlite3.Error, ValueError, TypeError):
            self._throw_away()
            if not after:
                try:
                    with closing(self._open()) as connection:
                        self._write(connection, mark, commits, after)
                except sqlite3.Error:
                    # A plan needs no file: the history is mined again the next time.
                    self._throw_away()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)

    def _mark(self, connection: sqlite3.Connection) -> str:
        """How far the commits go; "" when the file is new or of another version."""
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != VERSION:
            return ""
        row = connection.execute("SELECT mark FROM mark").fetchone()
        return str(row[0]) if row else ""

    def _write(self, connection: sqlite3.Connection, mark: str, commits: Sequence[Commit], after: str) -> None:
        # Derived data: after a crash of the machine it is made anew, so nothing waits for the disk.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN IMMEDIATE")
        if after and self._mark(connection) != after:
            connection.execute("ROLLBACK")
            return
        if not after:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                connection.execute(f'DROP TABLE "{name}"')
            for statement in _TABLES:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        rows = [(x.id, x.at, x.message, os.fsencode("\0".join(x.files))) for x in commits[-MAX_COMMITS:]]
        connection.executemany("INSERT INTO commits (id, at, message, files) VALUES (?, ?, ?, ?)", rows)
        connection.execute("DELETE FROM commits WHERE number <= (SELECT max(number) FROM commits) - ?", (MAX_COMMITS,))
        connection.execute("DELETE FROM mark")
        connection.execute("INSERT INTO mark (mark) VALUES (?)", (mark,))
        connection.execute("COMMIT")

    def _throw_away(self) -> None:
        for name in (self.path, self.path + "-journal"):
            try:
                os.unlink(name)
            except OSError:
                pass


def _commit(name: str, at: float, message: str, files: bytes) -> Commit:
    return Commit(id=name, at=float(at), message=message, files=tuple(os.fsdecode(files).split("\0")))
