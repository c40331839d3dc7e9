"""One Andon at a time that changes references or a person's checkout; and the locks of git that a killed one left.

Theory of operation. A git that is killed leaves its lock files, and every later git refuses to work. Whoever is about to
change something takes a lock file of ours first, which the git processes that it starts inherit: as long as one of them
lives, the lock is held. Who holds it therefore knows that a lock of git which one of us made is nobody's any more. Which
ones we made: all below refs/andon (nobody else writes there); for a move of a branch, what the file `andon/moving`
announces; for a checkout see `checkouts`. Locks of others are never touched.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from andon.git.failures import not_writable
from andon.git.scratch import write_file

WAIT_S = 10.0
"""For another one of us; after that nothing is known about locks, and git's own word counts."""
EMPTY_LOCK_S = 10.0
"""An announced lock without content is taken for a dead git's after this time; a living one writes at once."""
POLL_S = 0.01
LOCKED = b".lock': File exists"


@contextmanager
def sole(common_dir: str) -> Iterator[bool]:
    """Hold the lock; False when another one of us held it all the time. Raises AndonError on a disk that is full."""
    path = os.path.join(common_dir, "andon", "git.lock")
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise not_writable(path, error) from error
    try:
        alone = _take(descriptor)
        _HELD.append(descriptor)
        # From here on the git processes that we start hold it as well.
        os.set_inheritable(descriptor, alone)
        yield alone
    finally:
        if descriptor in _HELD:
            _HELD.remove(descriptor)
        os.close(descriptor)


_HELD: list[int] = []


def held() -> bool:
    """Whether this process holds the lock now, so that what it starts would hold it, too."""
    return bool(_HELD)


def _take(descriptor: int) -> bool:
    until = time.monotonic() + WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(POLL_S)


def drop_own_lock(common_dir: str, ref: str) -> None:
    """Remove the lock of a reference below refs/andon. The caller is the only one of us."""
    _unlink(os.path.join(common_dir, ref + ".lock"))


@contextmanager
def announced(common_dir: str, ref: str, new: str) -> Iterator[None]:
    """While we move a branch: what a successor must know should we be killed."""
    path = _announcement(common_dir)
    write_file(path, os.fsencode(f"{new} {ref}\n"))
    try:
        yield
    finally:
        _unlink(path)


def clear_killed_move(common_dir: str) -> None:
    """Remove the locks that a killed move of a branch left. The caller is the only one of us."""
    path = _announcement(common_dir)
    content = _read(path)
    if content is None:
        return
    new, _, ref = os.fsdecode(content).rstrip("\n").partition(" ")
    if ref.startswith("refs/heads/"):
        # A branch that is checked out is moved together with HEAD's log, for which git locks HEAD too.
        for lock in (os.path.join(common_dir, ref + ".lock"), os.path.join(common_dir, "HEAD.lock")):
            if _is_dead(lock, new):
                _unlink(lock)
    _unlink(path)


def _is_dead(lock: str, new: str) -> bool:
    """Whether a lock is that of the announced move: it holds the commit that only we know, or stays empty."""
    while True:
        content = _read(lock)
        if content is None:
            return False
        if content:
            return os.fsdecode(content).strip() == new
        try:
            age_s = time.time() - os.stat(lock).st_mtime
        except FileNotFoundError:
            return False
        if age_s > EMPTY_LOCK_S:
            return True
        time.sleep(POLL_S * 10)


def _announcement(common_dir: str) -> str:
    return os.path.join(common_dir, "andon", "moving")


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read(4096)
    except OSError:
        return None


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        # What is left is looked at again by the next one of us.
        pass
