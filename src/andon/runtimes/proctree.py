"""The processes of a job that has no namespace of its own: found by session, mark and descent, counted, and killed.

Rules. A process is known by its id and its start time together, so a recycled id is never killed. Reads /proc; where
there is none, only the process group is ended. Must not know jobs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

_END_WITHIN_S = 5.0


def process_limit(processes: int) -> int | None:
    """RLIMIT_NPROC counts all of the user's processes and threads, so the job's share comes on top of those. It does
    not bind root; there, only the look at the tree bounds the number of processes."""
    if os.geteuid() == 0:
        return None
    own = os.geteuid()
    return processes + sum(seen.threads for seen in _all_processes() if seen.owner == own)


class _Seen:
    """One line of /proc: what is needed to tell whose process it is."""

    __slots__ = ("owner", "parent", "pid", "session", "started", "threads")

    def __init__(self, pid: int, owner: int, fields: list[bytes]) -> None:
        # Fields after the command's closing parenthesis, from "state" on: see proc(5).
        self.pid = pid
        self.owner = owner
        self.parent = int(fields[1])
        self.session = int(fields[3])
        self.threads = int(fields[17])
        self.started = int(fields[19])


def _read(pid: int) -> _Seen | None:
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return None
    try:
        owner = os.fstat(fd).st_uid
        fields = os.read(fd, 4096).rpartition(b")")[2].split()
        if fields[:1] in ([b"Z"], [b"X"]):
            return None
        return _Seen(pid, owner, fields)
    except (OSError, IndexError, ValueError):
        return None
    finally:
        os.close(fd)


def _all_processes() -> list[_Seen]:
    try:
        names = os.listdir("/proc")
    except OSError:
        return []
    return [seen for name in names if name.isdecimal() and (seen := _read(int(name))) is not None]


def _is_marked(pid: int, mark: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark in file.read()
    except OSError:
        return False


class MarkedTree:
    """`supervise.Tree`: the job's processes by session, mark and descent."""

    def __init__(self, pid: int, mark: str, processes: int, *, guards: int = 0) -> None:
        self._pid = pid
        self._mark = mark.encode()
        self._processes = processes
        self._guards = guards
        self._self = os.getpid()
        # pid -> start time of processes known to be the job's; a pid with another start time is someone else.
        self._known: dict[int, int] = {}

    def look(self) -> str | None:
        members = self._members()
        if sum(seen.threads for seen in members) > self._processes + self._guards:
            return f"more than {self._processes} processes; it was stopped"
        return None

    def end(self) -> None:
        until = time.monotonic() + _END_WITHIN_S
        while True:
            # Signalling the group is atomic against fork, so the usual case ends here in one round.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGKILL)
            members = [seen for seen in self._members() if seen.pid != self._pid]
            if not members or time.monotonic() > until:
                return
            for seen in members:
                _kill(seen)
            time.sleep(0.002)

    def _members(self) -> list[_Seen]:
        everyone = _all_processes()
        found: dict[int, _Seen] = {}
        for seen in everyone:
            if seen.pid == self._self:
                continue
            known = self._known.get(seen.pid) == seen.started
            if known or seen.pid == self._pid or seen.session == self._pid or _is_marked(seen.pid, self._mark):
                found[seen.pid] = seen
        grew = bool(found)
        while grew:
            grew = False
            for seen in everyone:
                if seen.parent in found and seen.pid not in found:
                    found[seen.pid] = seen
                    grew = True
        self._known.update({seen.pid: seen.started for seen in found.values()})
        return list(found.values())


def _kill(seen: _Seen) -> None:
    """Kill exactly this process: the id is held by a pidfd while its start time is compared."""
    try:
        fd = os.pidfd_open(seen.pid)
    except (AttributeError, OSError):
        return
    try:
        now = _read(seen.pid)
        if now is not None and now.started == seen.started:
            signal.pidfd_send_signal(fd, signal.SIGKILL)
    except OSError:
        pass
    finally:
        os.close(fd)
