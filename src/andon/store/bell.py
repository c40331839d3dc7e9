"""The bell of a workspace: named pipes in the state directory's `waiters/`, one for each process that waits.

A waiter makes a pipe and sleeps on it; whoever has committed opens each pipe without waiting and writes one byte. A pipe
that nobody reads any more (its process was killed) says so when it is opened, and is removed. When nobody waits, a ring
costs the listing of an empty directory. Where pipes can't be made (some network file systems) a waiter looks every fifth
of a second instead. Nothing is decided here: a lost ring costs time and nothing else, for every waiter also looks by
itself now and then. Must not know: what is waited for.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from collections.abc import Iterator, Set
from contextlib import contextmanager, suppress

MAX_RUNG = 1000
"""Waiters that one ring wakes; the others look by themselves."""
MAX_DRAINED_BYTES = 65_536
DEAF_STEP_S = 0.2

_numbers = iter(range(1, 10**9))


class PipeEar:
    """Reads its pipe; holds the writing end, too, so that the pipe never looks closed."""

    def __init__(self, path: str) -> None:
        hidden = os.path.join(os.path.dirname(path), "." + os.path.basename(path))
        os.mkfifo(hidden, 0o600)
        self._path = path
        self._reading = os.open(hidden, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._writing = os.open(hidden, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        # It gets the name that others look for only when somebody reads it: they would take it for a dead one's.
        os.rename(hidden, path)
        self._poll = select.poll()
        self._poll.register(self._reading, select.POLLIN)

    def wait(self, timeout_s: float) -> bool:
        if not self._poll.poll(max(0, int(timeout_s * 1000))):
            return False
        with suppress(BlockingIOError):
            os.read(self._reading, MAX_DRAINED_BYTES)
        return True

    def close(self) -> None:
        with suppress(OSError):
            os.unlink(self._path)
        os.close(self._reading)
        os.close(self._writing)


class DeafEar:
    """Where no pipe can be made: short sleeps."""

    def wait(self, timeout_s: float) -> bool:
        time.sleep(max(0.0, min(timeout_s, DEAF_STEP_S)))
        return False

    def close(self) -> None:
        return


class PipeBell:
    """directory: of the waiters' pipes; made when the first one waits, for this user alone."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def ring(self, kinds: Set[str]) -> None:
        try:
            names = os.listdir(self._directory)
        except OSError:
            return
        for name in names[:MAX_RUNG]:
            if name.partition("-")[0] in kinds:
                _ring(os.path.join(self._directory, name))

    @contextmanager
    def listen(self, kind: str) -> Iterator[PipeEar | DeafEar]:
        ear = self._ear(kind)
        try:
            yield ear
        finally:
            ear.close()

    def _ear(self, kind: str) -> PipeEar | DeafEar:
        try:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            return PipeEar(os.path.join(self._directory, f"{kind}-{os.getpid()}-{next(_numbers)}"))
        except OSError:
            return DeafEar()


def _ring(path: str) -> None:
    try:
        pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:
            # Nobody reads it: whoever made it is gone.
            with suppress(OSError):
                os.unlink(path)
        return
    try:
        if stat.S_ISFIFO(os.fstat(pipe).st_mode):
            os.write(pipe, b"!")
    except OSError:
        # A full pipe has been rung often enough.
        return
    finally:
        os.close(pipe)
