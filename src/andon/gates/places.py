"""Directories that gates work in: fresh checkouts, logs, and their removal, below the verifier's state directory.

Rules. Everything is private to the user (0700). A directory that is no longer needed is first moved aside, so that
it is gone at once, and then removed by a process of its own: removing thousands of files would be a good part of a
gate's time. Must not know gates.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from andon.gates.logs import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterator

# A job may leave directories that even their owner can't write to.
_REMOVE = 'rm -rf -- "$1" 2>/dev/null || { chmod -R u+rwX -- "$1"; rm -rf -- "$1"; }'


class Places:
    """state_dir: absolute path; made on first use."""

    def __init__(self, state_dir: str) -> None:
        self.state_dir = os.path.abspath(state_dir)
        self._removing: list[int] = []

    def directory(self, *names: str) -> str:
        """A directory below the state directory, made if it is missing."""
        path = os.path.join(self.state_dir, *names)
        os.makedirs(path, mode=0o700, exist_ok=True)
        return path

    @contextlib.contextmanager
    def scratch(self) -> Iterator[str]:
        """A fresh directory, removed afterwards."""
        path = os.path.join(self.directory("checkouts"), f"{os.getpid()}-{os.urandom(6).hex()}")
        os.mkdir(path, 0o700)
        try:
            yield path
        finally:
            self.remove(path)

    def remove(self, path: str) -> None:
        """Move aside and remove in the background; what a crash leaves is removed by `sweep`."""
        aside = os.path.join(self.directory("trash"), os.urandom(8).hex())
        try:
            os.rename(path, aside)
        except FileNotFoundError:
            return
        self._reap()
        with contextlib.suppress(OSError):
            null = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
            command = ["/bin/sh", "-c", _REMOVE, "andon", aside]
            env = {"PATH": "/usr/bin:/bin"}
            self._removing.append(os.posix_spawn("/bin/sh", command, env, file_actions=null, setpgroup=0))

    def settle(self) -> None:
        """Wait for removals under way."""
        for pid in self._removing:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        self._removing.clear()

    def sweep(self, older_than_s: float) -> None:
        """Remove checkouts and trash that a crashed process left behind."""
        before = time.time() - older_than_s
        for kind in ("checkouts", "trash"):
            parent = self.directory(kind)
            for name in os.listdir(parent):
                path = os.path.join(parent, name)
                with contextlib.suppress(OSError):
                    if os.lstat(path).st_mtime < before:
                        self.remove(path)

    def prune_logs(self, keep: int) -> None:
        """Remove all but the newest `keep` logs."""
        parent = self.directory("logs")
        with os.scandir(parent) as entries:
            logs = sorted(((entry.stat().st_mtime, entry.path) for entry in entries), reverse=True)
        for _, path in logs[keep:]:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def write_log(self, name: str, output: bytes) -> str:
        """Keep a whole (bounded) log, safe to show on a terminal. Returns its path."""
        safe = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)[:60]
        path = os.path.join(self.directory("logs"), f"{safe}-{os.urandom(6).hex()}.log")
        with open(path, "w", encoding="utf-8", errors="replace") as file:
            file.write(sanitize(output))
        return path

    def _reap(self) -> None:
        still = []
        for pid in self._removing:
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG) == (0, 0):
                    still.append(pid)
        self._removing = still
