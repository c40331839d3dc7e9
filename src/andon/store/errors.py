"""SQLite's and the system's errors in plain words: what can't be done, and what to do now.

A bug of ours (a constraint that a store must not run into, a misused connection) is an InvariantViolation.
"""

from __future__ import annotations

import sqlite3

from andon.core.errors import EXIT_UNAVAILABLE, AndonError, InvariantViolation, UsageError

_WORDS = {
    sqlite3.SQLITE_BUSY: ("is locked by another program", "wait a moment and try again"),
    sqlite3.SQLITE_LOCKED: ("is locked by another program", "wait a moment and try again"),
    sqlite3.SQLITE_READONLY: ("can't be written: disk or file is read-only", "make it writable, then try again"),
    sqlite3.SQLITE_PERM: ("can't be used: permission denied", "check the owner and mode of the file and its directory"),
    sqlite3.SQLITE_AUTH: ("can't be used: permission denied", "check the owner and mode of the file and its directory"),
    sqlite3.SQLITE_CANTOPEN: ("can't be opened", "check that its directory exists and that you may write there"),
    sqlite3.SQLITE_IOERR: ("can't be read or written: input/output error", "check the disk, then: andon doctor"),
    sqlite3.SQLITE_FULL: ("can't be written: the disk is full", "free some space, then try again; nothing was lost"),
    sqlite3.SQLITE_PROTOCOL: ("is locked in a way that can't be resolved", "try again"),
    sqlite3.SQLITE_NOLFS: ("is too large for this file system", "move the repository to another file system"),
}
_CORRUPT = {
    sqlite3.SQLITE_CORRUPT: "is damaged",
    sqlite3.SQLITE_NOTADB: "is no SQLite database",
    sqlite3.SQLITE_ERROR: "lacks what it must hold",
    sqlite3.SQLITE_SCHEMA: "was changed by another program while it was read",
}


def translate(error: sqlite3.Error, path: str) -> Exception:
    """The error to raise instead: AndonError "store_unavailable", "corrupt" or "usage"; else InvariantViolation."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    if primary in _WORDS:
        words, action = _WORDS[primary]
        return unavailable(f"the database {path} {words}", action)
    if primary in _CORRUPT:
        return corrupt(f"the database {path} {_CORRUPT[primary]} ({error})")
    if isinstance(error, sqlite3.DataError) or primary == sqlite3.SQLITE_TOOBIG:
        return UsageError(f"that is too large for the database ({error})", next="make it smaller")
    if primary is None and isinstance(error, sqlite3.OperationalError):
        # Raised by Python's own side: text in the file that is no UTF-8.
        return corrupt(f"the database {path} holds text that can't be read ({error})")
    return InvariantViolation(f"{type(error).__name__} on {path}: {error}")


def translate_os(error: OSError, path: str) -> AndonError:
    """The same for the files around the database."""
    reason = error.strerror or str(error)
    return unavailable(f"{path} can't be used: {reason}", "check the disk, and the owner and mode of the directory")


def unavailable(message: str, action: str) -> AndonError:
    return AndonError(message, kind="store_unavailable", next=action, exit=EXIT_UNAVAILABLE)


def corrupt(message: str) -> AndonError:
    return AndonError(message, kind="corrupt", next="andon doctor", exit=EXIT_UNAVAILABLE)


def gone(path: str, how: str) -> AndonError:
    text = f"the database {path} {how}, but it was in use: it was deleted or truncated by something else"
    action = f"restore it from a copy; or start anew: remove {path}*, andon init, andon import FILE"
    return AndonError(text, kind="database_gone", next=action, exit=EXIT_UNAVAILABLE)


def newer(path: str, found: int, known: int) -> AndonError:
    text = f"the database {path} was written by a newer Andon (schema {found}; this one knows up to {known})"
    action = "install the newer Andon; the file was left as it is"
    return AndonError(text, kind="newer_schema", next=action, exit=EXIT_UNAVAILABLE)


def foreign(path: str) -> AndonError:
    text = f"{path} is another program's database"
    return AndonError(text, kind="not_andon", next="move it away, then: andon init", exit=EXIT_UNAVAILABLE)


def not_text(stream: str) -> UsageError:
    return UsageError(f"{stream}: a text holds bytes that are not UTF-8", next="write it in UTF-8")
