"""The writers' queue: an flock on a file beside the database, taken before BEGIN IMMEDIATE.

Why: SQLite's own busy handler polls, and under many writers one of them starves; the kernel queues waiters for an flock
fairly and frees the lock when its holder dies. The wait is bounded. Must stay light (the hot path takes the lock too):
imports no `threading`.
"""

from __future__ import annotations

import _thread
import fcntl
import os

LOCK_TIMEOUT_S = 15.0
MARK = b"andon database\n"


class WriteLock:
    """One holder at a time over all processes. `close` gives up the file; nothing is held afterwards."""

    __slots__ = ("_descriptor", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor = -1

    def acquire(self, timeout_s: float = LOCK_TIMEOUT_S) -> bool:
        """Take the lock; False when somebody else held it all the time. Raises OSError when there can be no file."""
        if self._descriptor < 0:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            descriptor, self._descriptor = self._descriptor, -1
            if not _wait(descriptor, timeout_s):
                return False
            self._descriptor = descriptor
        return True

    def mark(self) -> None:
        """Note in the lock file that the database has been made, so that its loss is told from a first use."""
        if self._descriptor >= 0:
            os.pwrite(self._descriptor, MARK, 0)

    def marked(self) -> bool:
        """Whether a database was ever made here."""
        try:
            with open(self.path, "rb") as file:
                return file.read(len(MARK)) == MARK
        except OSError:
            return False

    def release(self) -> None:
        if self._descriptor >= 0:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _wait(descriptor: int, timeout_s: float) -> bool:
    """Wait for the lock in the kernel's queue, no longer than the time-out. When False, the descriptor is given away.

    A blocking flock has no time-out of its own, so a thread waits; when it is late it drops what it got.
    """
    guard, arrived = _thread.allocate_lock(), _thread.allocate_lock()
    arrived.acquire()
    abandoned = held = False

    def work() -> None:
        nonlocal held
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            return
        with guard:
            if abandoned:
                os.close(descriptor)
                return
            held = True
        arrived.release()

    _thread.start_new_thread(work, ())
    done = False
    try:
        done = arrived.acquire(timeout=timeout_s)
    finally:
        if not done:
            with guard:
                if held:
                    # It came between the time-out (or an interrupt) and now: it is not wanted any more.
                    os.close(descriptor)
                abandoned = True
    return done
