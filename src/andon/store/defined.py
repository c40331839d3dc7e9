"""The names that blobs define, in a file of its own in the state directory: derived data, so nothing in it is ever mended.

Rules: a blob's names are found by its id and its path's ending, of which the language is known; they and their words change
only with how they are made, which has a version, so that what is kept is never out of date, whoever wrote it. Whatever is
wrong with the file (damaged, of another version, locked for long) means that nothing is kept; it is made anew. Bounded: what
the tree no longer has goes when it is more than the tree. Must not know: git, how names are read.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Mapping
from contextlib import closing

from andon.core.planning.definitions import Defined
from andon.core.planning.names import VERSION

FORMAT = 1
BUSY_TIMEOUT_S = 10.0
MIN_GONE = 10_000
"""So many blobs that a tree no longer has are always kept."""
_TABLE = (
    "CREATE TABLE defined (suffix TEXT NOT NULL, blob TEXT NOT NULL, names TEXT NOT NULL, words TEXT NOT NULL,"
    " counts BLOB NOT NULL,"
    " PRIMARY KEY (suffix, blob)) WITHOUT ROWID"
)


Key = tuple[str, str]
"""(ending of the path, id of the blob)"""


class DefinedFile:
    """Implements `andon.ports_planning.KeptNames`."""

    def __init__(self, path: str) -> None:
        self.path = path

    def read(self) -> dict[Key, Defined]:
        """All that is kept; nothing where nothing good is."""
        if not os.path.exists(self.path):
            return {}
        try:
            with closing(self._open()) as connection:
                if not self._is_ours(connection):
                    return {}
                rows = connection.execute("SELECT suffix, blob, names, words, counts FROM defined")
                return {(suffix, blob): _defined(*rest) for suffix, blob, *rest in rows}
        except (sqlite3.Error, ValueError, TypeError, AttributeError):
            # What can't be read would otherwise stay behind whatever is added.
            self._throw_away()
            return {}

    def keep(self, fresh: Mapping[Key, Defined], *, gone: Collection[Key] = ()) -> None:
        """Add names, and forget those of blobs that are gone."""
        for _attempt in range(2):
            try:
                with closing(self._open()) as connection:
                    return self._write(connection, fresh, gone if len(gone) > MIN_GONE else ())
            except sqlite3.Error:
                # A plan needs no file: the names are read again the next time.
                self._throw_away()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)

    def _is_ours(self, connection: sqlite3.Connection) -> bool:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return bool(version == FORMAT * 1_000 + VERSION)

    def _write(self, connection: sqlite3.Connection, fresh: Mapping[Key, Defined], gone: Collection[Key]) -> None:
        # Derived data: after a crash of the machine it is made anew, so nothing waits for the disk.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN IMMEDIATE")
        if not self._is_ours(connection):
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                connection.execute(f'DROP TABLE "{name}"')
            connection.execute(_TABLE)
            connection.execute(f"PRAGMA user_version = {FORMAT * 1_000 + VERSION}")
        rows = [
            (
                suffix,
                blob,
                " ".join(one.names),
                " ".join(x for x, _ in one.words),
                bytes(count for _, count in one.words),
            )
            for (suffix, blob), one in fresh.items()
        ]
        connection.executemany("INSERT OR IGNORE INTO defined VALUES (?, ?, ?, ?, ?)", rows)
        connection.executemany("DELETE FROM defined WHERE suffix = ? AND blob = ?", list(gone))
        connection.execute("COMMIT")

    def _throw_away(self) -> None:
        for name in (self.path, self.path + "-journal"):
            try:
                os.unlink(name)
            except OSError:
                pass


def _defined(names: str, words: str, counts: bytes) -> Defined:
    # A file has no more than MAX_NAMES names, so that a count is a byte.
    return Defined(tuple(names.split()), tuple(zip(words.split(), counts, strict=True)))
