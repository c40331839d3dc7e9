"""What git said, as an operational error with the next action.

Rules: git runs in the C locale, so its words are stable; anything not recognised is still reported in git's own words.
Must not know: which operation was under way beyond the name of the git command.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from andon.core.errors import EXIT_NO, EXIT_UNAVAILABLE, AndonError

SAID_LINES = 4

# (words in git's message, kind, what to do now, exit code); the first that matches counts.
_KNOWN: tuple[tuple[tuple[str, ...], str, str, int], ...] = (
    (
        ("dubious ownership",),
        "not_a_repository",
        "if you trust it: git config --global --add safe.directory DIRECTORY",
        EXIT_UNAVAILABLE,
    ),
    (
        ("No space left on device", "Disk quota exceeded", "File too large"),
        "git_failed",
        "make room on the disk, then try again; nothing was lost",
        EXIT_UNAVAILABLE,
    ),
    (("Read-only file system",), "git_failed", "make the repository's disk writable, then try again", EXIT_UNAVAILABLE),
    (
        (".lock': File exists", "Another git process seems to be running"),
        "git_failed",
        "wait for the other git command; if none runs, remove the lock file that is named",
        EXIT_UNAVAILABLE,
    ),
    (
        ("index file corrupt", "bad index file", "index file smaller", "bad signature 0x", "index file open failed"),
        "git_failed",
        "rm the index file, then `git reset` in that worktree (files stay as they are)",
        EXIT_NO,
    ),
    (
        ("unsupported repository", "unknown repository extension", "repo version is"),
        "not_a_repository",
        "install a newer git",
        EXIT_UNAVAILABLE,
    ),
    (("shallow",), "shallow", "git fetch --unshallow", EXIT_NO),
    (
        (
            "missing blob",
            "missing tree",
            "unable to read tree",
            "could not parse",
            "bad object",
            "is corrupt",
            "inflate",
            "unable to read sha1 file",
            "unable to read object",
            "Could not read",
            "unable to find",
            "hash mismatch",
            "promisor remote",
            "unable to read blob",
            "is empty",
        ),
        "git_failed",
        "git fsck; in a partial clone: git fetch --refetch",
        EXIT_NO,
    ),
    (
        (
            "not a valid object name",
            "Not a valid object name",
            "Needed a single revision",
            "unknown revision",
            "bad revision",
            "not a tree object",
            "is not a valid object",
            "not a valid 'tree' object",
        ),
        "unknown_object",
        "git fsck, or fetch what is missing",
        EXIT_NO,
    ),
    (
        ("Permission denied", "insufficient permission", "Operation not permitted"),
        "git_failed",
        "make the named file or directory accessible to you, then try again",
        EXIT_UNAVAILABLE,
    ),
)


def failure(args: Sequence[str], code: int, err: bytes) -> AndonError:
    """An AndonError that names the git command and gives its words. kind: see `_KNOWN`, else "git_failed"."""
    said = err.decode("utf-8", "replace")
    kind, following, exit_code = "git_failed", "andon doctor, and git fsck", EXIT_UNAVAILABLE
    for words, known_kind, known_next, known_exit in _KNOWN:
        if any(word in said for word in words):
            kind, following, exit_code = known_kind, known_next, known_exit
            break
    return AndonError(
        f"git {command_name(args)} failed: {words_of(said, code)}", kind=kind, next=following, exit=exit_code
    )


def command_name(args: Sequence[str]) -> str:
    """The git command among arguments that may begin with options of git itself."""
    at = 0
    while at < len(args) and args[at].startswith("-"):
        at += 2 if args[at] in ("-c", "-C") else 1
    return args[at] if at < len(args) else ""


def words_of(said: str, code: int) -> str:
    """The first lines that are neither hints nor warnings, as one."""
    lines = [line.strip() for line in said.splitlines()]
    lines = [line for line in lines if line and not line.startswith(("hint:", "warning:"))]
    if lines:
        return "; ".join(lines[:SAID_LINES])
    return f"ended by signal {-code}" if code < 0 else f"exit {code}"


def not_writable(path: str, error: OSError) -> AndonError:
    """A file of our own could not be written."""
    return AndonError(
        f"{path} can't be written: {os.strerror(error.errno) if error.errno else error}",
        kind="git_failed",
        next="make room, or make the repository's git directory writable, then try again; nothing was lost",
        exit=EXIT_UNAVAILABLE,
    )
