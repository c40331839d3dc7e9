"""The process between a worker and a client: all that the client starts stays below it, and ends with it.

A program of its own (`python -I -S launcher.py LIFELINE STATUS COMMAND…`): it imports nothing of Andon, so that it starts at
once. As the subreaper of what it starts, it becomes the parent of every process whose own parent has gone: neither `setsid` nor
another environment nor a second fork leads out. It starts the client when a byte comes on LIFELINE, says on STATUS why it
could not, and ends as the client does (same exit code, same signal), after it has killed what the client left. When LIFELINE
ends, it kills the client, too. Who kills this very process first has left the tree; the worker's guard looks for those.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

_PR_SET_CHILD_SUBREAPER = 36
_END_WITHIN_S = 5.0
_EXIT_NOT_STARTED = 127
_IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def main(words: list[str]) -> int:
    lifeline, status, command = int(words[0]), int(words[1]), words[2:]
    _adopt_orphans()
    if not os.read(lifeline, 1):
        return _EXIT_NOT_STARTED
    wake_read, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    # With a handler of its own, the end of a child is told by the pipe.
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    for number in _IGNORED:
        # They are the client's to answer; a handler, unlike ignoring, is not passed on to it.
        signal.signal(number, lambda _number, _frame: None)
    for fd in (lifeline, status):
        os.set_inheritable(fd, False)
    client = os.fork()
    if client == 0:
        _become(command, status)
    os.close(status)
    _let_go_of_output()
    ended = _watch(client, lifeline, wake_read)
    _end_children()
    return _end_like(ended)


def _adopt_orphans() -> None:
    try:
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        # Where the system has no such thing, what left the tree is found by its mark or not at all.
        return


def _become(command: list[str], status: int) -> None:
    try:
        signal.set_wakeup_fd(-1)
        for number in (*_IGNORED, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], command)
    except (OSError, ValueError) as error:
        os.write(status, str(error).encode(errors="replace")[:1000])
    finally:
        os._exit(_EXIT_NOT_STARTED)


def _let_go_of_output() -> None:
    """The client's pipes end when the client closes them."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nowhere, fd)


def _watch(client: int, lifeline: int, wake: int) -> int | None:
    """The wait status of the client; None when the worker let go of the lifeline."""
    while True:
        while True:
            try:
                pid, ended = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return None
            if pid == client:
                return ended
            if pid == 0:
                break
        readable, _, _ = select.select([lifeline, wake], [], [])
        if lifeline in readable and not os.read(lifeline, 1):
            return None
        if wake in readable:
            try:
                os.read(wake, 4096)
            except BlockingIOError:
                continue


def _end_children() -> None:
    """Kill the children until none is left: those of a killed one become ours. Nobody else reaps them, so no id is reused."""
    until = time.monotonic() + _END_WITHIN_S
    while time.monotonic() < until:
        for pid in _children():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)


def _children() -> list[int]:
    own = str(os.getpid())
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if not name.isdecimal():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                parent = file.read().rpartition(b")")[2].split()[1].decode()
        except (OSError, IndexError):
            continue
        if parent == own:
            found.append(int(name))
    return found


def _end_like(ended: int | None) -> int:
    if ended is None:
        return _EXIT_NOT_STARTED
    code = os.waitstatus_to_exitcode(ended)
    if code >= 0:
        return code
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
    except (ImportError, OSError, ValueError):
        pass
    os.kill(os.getpid(), -code)
    return 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
