"""Directories that gates work in: fresh checkouts, logs, and their removal.

Rules.
* Everything is private to the user (0700).
* A checkout lives in memory (/dev/shm) where that is a real, executable file system with plenty of room, else below the
  state directory: making and removing thousands of small files is most of what a gate costs, and a disk takes several
  times as long. A gate that turns out red while memory ran short is measured again on disk (`memory_is_short`).
* What is no longer needed is first moved aside, so that it is gone at once, and then removed by a process of its own.
* A checkout is locked by the process that uses it; what a dead process left is found by its free lock and removed.

Must not know gates.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from typing import TYPE_CHECKING

from andon.gates.logs import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY = "/dev/shm"
MEMORY_NEEDED_BYTES = 4 * 1024**3
"""Free in MEMORY, and of the machine, before a checkout is put there."""
MEMORY_SHORT_BYTES = 512 * 1024**2
LEFTOVERS_AFTER_S = 3600.0
_UNNAMED = ".new"

# A job may leave directories that even their owner can't write to.
_REMOVE = 'rm -rf -- "$1" 2>/dev/null || { chmod -R u+rwX -- "$1"; rm -rf -- "$1"; }'


class Places:
    """state_dir: absolute path; made on first use. memory: where checkouts may live in memory, None: nowhere."""

    def __init__(self, state_dir: str, *, memory: str | None = MEMORY) -> None:
        self.state_dir = os.path.abspath(state_dir)
        self._memory_root = memory
        self._memory: str | None = None
        self._removing: list[int] = []
        self._swept: set[str] = set()

    def directory(self, *names: str) -> str:
        """A directory below the state directory, made if it is missing."""
        path = os.path.join(self.state_dir, *names)
        os.makedirs(path, mode=0o700, exist_ok=True)
        return path

    @contextlib.contextmanager
    def scratch(self, *, on_disk: bool = False) -> Iterator[str]:
        """A fresh directory, removed afterwards. on_disk: beside the state directory's other content."""
        root = (None if on_disk else self._in_memory()) or self.state_dir
        parent = os.path.join(root, "checkouts")
        os.makedirs(parent, mode=0o700, exist_ok=True)
        if root not in self._swept:
            self._swept.add(root)
            self._sweep(root)
        path = os.path.join(parent, os.urandom(8).hex())
        # It gets its name once it is locked, so that no other process can take it for a dead one's.
        os.mkdir(path + _UNNAMED, 0o700)
        lock = os.open(path + _UNNAMED, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.rename(path + _UNNAMED, path)
            yield path
        finally:
            self.remove(path, root=root)
            os.close(lock)

    def memory_is_short(self, path: str) -> bool:
        """Whether `path` lies in memory and that is nearly used up: a job may have failed for want of it."""
        if self._memory is None or not path.startswith(self._memory + "/"):
            return False
        return _free(self._memory) < MEMORY_SHORT_BYTES

    def remove(self, path: str, *, root: str | None = None) -> None:
        """Move aside and remove in the background. root: its part of the file system; None: the state directory."""
        trash = os.path.join(root or self.state_dir, "trash")
        os.makedirs(trash, mode=0o700, exist_ok=True)
        aside = os.path.join(trash, os.urandom(8).hex())
        try:
            os.rename(path, aside)
        except FileNotFoundError:
            return
        self._remove_now(aside)

    def settle(self) -> None:
        """Wait for removals under way."""
        for pid in self._removing:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        self._removing.clear()

    def _remove_now(self, path: str) -> None:
        self._reap()
        with contextlib.suppress(OSError):
            null = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
            command = ["/bin/sh", "-c", _REMOVE, "andon", path]
            env = {"PATH": "/usr/bin:/bin"}
            self._removing.append(os.posix_spawn("/bin/sh", command, env, file_actions=null, setpgroup=0))

    def _sweep(self, root: str) -> None:
        """Remove what dead processes left: checkouts that nobody holds, and trash that nobody is removing."""
        before = time.time() - LEFTOVERS_AFTER_S
        for kind in ("checkouts", "trash"):
            parent = os.path.join(root, kind)
            for name in os.listdir(parent) if os.path.isdir(parent) else ():
                path = os.path.join(parent, name)
                with contextlib.suppress(FileNotFoundError):
                    old = os.lstat(path).st_mtime < before
                    if kind == "trash" and old:
                        self._remove_now(path)
                    elif kind == "checkouts" and (old or not name.endswith(_UNNAMED)) and _is_free(path):
                        self.remove(path, root=root)

    def _in_memory(self) -> str | None:
        """This user's directory in memory, or None when there is no room or it can't be trusted."""
        if self._memory_root is None:
            return None
        try:
            if os.statvfs(self._memory_root).f_flag & os.ST_NOEXEC or _free(self._memory_root) < MEMORY_NEEDED_BYTES:
                return None
            path = os.path.join(self._memory_root, f"andon-{os.geteuid()}")
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, 0o700)
            found = os.lstat(path)
        except OSError:
            return None
        # Anyone may create names in /dev/shm; only a directory of our own is used.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            return None
        self._memory = path
        return path

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


def _is_free(path: str) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


def _free(path: str) -> int:
    """Bytes that may still be put there: of the file system, and of the machine's memory."""
    found = os.statvfs(path)
    free = found.f_bavail * found.f_frsize
    with contextlib.suppress(OSError), open("/proc/meminfo", "rb") as file:
        for line in file:
            if line.startswith(b"MemAvailable:"):
                free = min(free, int(line.split()[1]) * 1024)
    return free
