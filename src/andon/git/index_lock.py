"""Holding the lock of a person's index in a way that survives us: a successor can tell that it was ours.

Theory of operation. Git's lock is the file `index.lock`; a git that is killed leaves it, and the person's next command
fails. So we take it ourselves, as a second name (a hard link) of a file of ours beside it, let git work on a copy of the
index, and put the copy in the index's place. Whoever finds our file knows by it that a lock with the same inode was
ours, and which move of which branch was interrupted. The caller is the only one of us (`sole`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

OWN = "andon-index-lock"
COPY = "andon-index"


class IndexLocked(Exception):
    """Somebody else's git holds the index."""


def interrupted(git_dir: str) -> tuple[str, str] | None:
    """Give up the lock of a predecessor that was killed; (old, new) of the move whose files it was writing."""
    own = os.path.join(git_dir, OWN)
    try:
        with open(own, encoding="ascii", errors="replace") as file:
            old, _, new = file.read(200).strip().partition(" ")
    except OSError:
        return None
    lock = os.path.join(git_dir, "index.lock")
    try:
        if os.path.samefile(lock, own):
            os.unlink(lock)
    except FileNotFoundError:
        pass
    # Files are written between the making of the copy and its taking the index's place.
    midway = os.path.exists(os.path.join(git_dir, COPY))
    for name in (COPY, COPY + ".lock"):
        _unlink(os.path.join(git_dir, name))
    return (old, new) if midway and old and new else None


def forget(git_dir: str) -> None:
    """The interrupted move has been dealt with."""
    _unlink(os.path.join(git_dir, OWN))


@contextmanager
def locked_copy(git_dir: str, old: str, new: str) -> Iterator[str]:
    """The path of a copy of the index, with git's lock held; `keep` puts it in place. Raises IndexLocked, OSError."""
    import shutil

    own, copy, lock = (os.path.join(git_dir, name) for name in (OWN, COPY, "index.lock"))
    with open(own, "w", encoding="ascii") as file:
        file.write(f"{old} {new}\n")
    try:
        _take(own, lock)
        try:
            index = os.path.join(git_dir, "index")
            if os.path.exists(index):
                # With its times: git reads a file again that is as new as the index.
                shutil.copy2(index, copy)
            yield copy
        finally:
            for name in (copy, copy + ".lock", lock):
                _unlink(name)
    finally:
        _unlink(own)


def unlock_copy(git_dir: str) -> None:
    """Remove the lock that a killed git left of the copy."""
    _unlink(os.path.join(git_dir, COPY + ".lock"))


def keep(git_dir: str) -> None:
    """Put the copy in the index's place."""
    os.replace(os.path.join(git_dir, COPY), os.path.join(git_dir, "index"))


def _take(own: str, lock: str) -> None:
    try:
        os.link(own, lock)
    except FileExistsError:
        raise IndexLocked from None
    except OSError:
        # A file system without hard links: then nobody can tell whose the lock is.
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            raise IndexLocked from None


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
