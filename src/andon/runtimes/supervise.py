"""Start one process tree, read what it prints, hold it to its deadline, and end it.

Rules.
* Standard input is empty. Standard output and error are read as they come and kept bounded.
* When the first process ends, the rest of its tree is ended too; a child that keeps a pipe open can't hang the run.
* Every way out (the deadline, too much output, Ctrl-C, a bug) ends the tree first. Nothing here raises for what the
  job did.
* A job that never said `limits.STARTED` did not start; what was printed is then the reason.

How a tree is ended differs by runtime and comes in as a `Tree`. Must not know isolation levels.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Protocol

from andon.core.errors import InvariantViolation
from andon.ports import JobResult
from andon.runtimes.capture import BoundedOutput
from andon.runtimes.limits import STARTED, STREAMED_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from andon.core.workflow import ResourceLimits

WATCH_INTERVAL_S = 0.2
DRAIN_S = 1.0
"""How long pipes are read after the tree was ended; whoever still holds one after that is not waited for."""
_CHUNK_BYTES = 65_536
_WITHOUT_PIDFD_S = 0.02

_FATAL = {
    int(one)
    for one in (
        signal.SIGINT, signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGKILL,
        signal.SIGSEGV, signal.SIGTERM, signal.SIGXCPU, signal.SIGXFSZ, signal.SIGSYS,
    )
}  # fmt: skip
"""Signals that a shell reports as 128 + n. SIGHUP (129) is not among them: git and others exit with 129 on bad
usage."""


class Tree(Protocol):
    """A job's processes, as the runtime knows them."""

    def look(self) -> str | None:
        """Called now and then while the job runs; a text is the reason to stop it."""
        ...

    def end(self) -> None:
        """Kill every process of the job and return once none is left. May be called again."""
        ...


def supervise(
    arguments: Sequence[str],
    *,
    limits: ResourceLimits,
    tree: _TreeMaker,
    env: Mapping[str, str],
    cwd: str | None = None,
    pass_fds: Sequence[int] = (),
    lifeline: bool = False,
) -> JobResult:
    """Run `arguments` to their end. tree: makes the `Tree` once the first process is there. env: of the launcher.

    lifeline: standard input is a pipe that ends when this process does, however it is killed; the job sees to it.
    """
    began = time.monotonic()
    ends = os.pipe() if lifeline else None
    try:
        return _supervise(arguments, limits, tree, env, cwd, pass_fds, ends[0] if ends else subprocess.DEVNULL, began)
    finally:
        for end in ends or ():
            os.close(end)


def _supervise(
    arguments: Sequence[str],
    limits: ResourceLimits,
    tree: _TreeMaker,
    env: Mapping[str, str],
    cwd: str | None,
    pass_fds: Sequence[int],
    stdin: int,
    began: float,
) -> JobResult:
    try:
        process = subprocess.Popen(
            list(arguments),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            pass_fds=tuple(pass_fds),
        )
    except (OSError, ValueError) as error:
        return JobResult(status="not_started", reason=f"could not start: {error}")
    watched = _Watched(process, limits, tree(process.pid))
    try:
        stopped = watched.follow(began + limits.timeout_s)
    finally:
        watched.close()
    return watched.result(stopped, time.monotonic() - began)


class _TreeMaker(Protocol):
    def __call__(self, pid: int, /) -> Tree: ...


class _Watched:
    """One started process with its two pipes."""

    def __init__(self, process: subprocess.Popen[bytes], limits: ResourceLimits, tree: Tree) -> None:
        self._process = process
        self._tree = tree
        self._limits = limits
        self._everything = BoundedOutput(limits.output_bytes)
        self._stdout = BoundedOutput(limits.output_bytes)
        self._beginning = b""
        self._started = False
        self._ended = False
        if process.stdout is None or process.stderr is None:
            raise InvariantViolation("a supervised process has no pipes")
        self._out_fd = process.stdout.fileno()
        self._open = {self._out_fd, process.stderr.fileno()}
        for fd in self._open:
            os.set_blocking(fd, False)
        self._poll = select.poll()
        for fd in self._open:
            self._poll.register(fd, select.POLLIN)
        self._pidfd = _pidfd(process.pid)
        if self._pidfd is not None:
            self._poll.register(self._pidfd, select.POLLIN)

    def follow(self, deadline: float) -> tuple[str, str] | None:
        """Read until the first process ends. Returns (status, reason) when it had to be stopped."""
        next_look = time.monotonic() + WATCH_INTERVAL_S
        while True:
            now = time.monotonic()
            if now >= deadline:
                return "timed_out", f"still running after {self._limits.timeout_s:g} s; it was stopped"
            if now >= next_look:
                next_look = now + WATCH_INTERVAL_S
                if reason := self._tree.look():
                    return "killed", reason
            wait_s = min(deadline, next_look) - now
            if self._pidfd is None or self._ended:
                wait_s = min(wait_s, _WITHOUT_PIDFD_S)
            self._read(wait_s)
            if self._everything.total > STREAMED_BYTES_MAX:
                return "killed", f"it printed more than {STREAMED_BYTES_MAX // 1024**2} MiB; it was stopped"
            if self._has_ended():
                return None

    def _has_ended(self) -> bool:
        # The first process is left unreaped here, so that its id stays its own until the tree has been ended.
        if self._pidfd is not None and not self._ended:
            return False
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def close(self) -> None:
        """End the tree, read what is left in the pipes, close them."""
        try:
            self._tree.end()
            self._process.kill()
            self._process.wait()
            until = time.monotonic() + DRAIN_S
            while self._open and (left := until - time.monotonic()) > 0:
                self._read(left)
        finally:
            for pipe in (self._process.stdout, self._process.stderr):
                if pipe is not None:
                    pipe.close()
            if self._pidfd is not None:
                os.close(self._pidfd)
                self._pidfd = None

    def _read(self, wait_s: float) -> None:
        for fd, _ in self._poll.poll(max(0.0, wait_s) * 1000):
            if fd == self._pidfd:
                self._poll.unregister(fd)
                self._ended = True
                continue
            try:
                chunk = os.read(fd, _CHUNK_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                chunk = b""
            if not chunk:
                self._poll.unregister(fd)
                self._open.discard(fd)
            elif fd == self._out_fd:
                self._printed(chunk)
            else:
                self._everything.add(chunk)

    def _printed(self, chunk: bytes) -> None:
        if not self._started:
            self._beginning += chunk
            if len(self._beginning) < len(STARTED):
                return
            self._started = self._beginning.startswith(STARTED)
            chunk, self._beginning = self._beginning, b""
            if self._started:
                chunk = chunk[len(STARTED) :]
        self._everything.add(chunk)
        self._stdout.add(chunk)

    def result(self, stopped: tuple[str, str] | None, duration_s: float) -> JobResult:
        status, exit_code, number, reason = self._outcome(stopped)
        return JobResult(
            status=status,
            exit_code=exit_code,
            signal=number,
            output=self._everything.content(),
            stdout=self._stdout.content(),
            truncated=self._everything.dropped,
            duration_s=duration_s,
            reason=reason,
        )

    def _outcome(self, stopped: tuple[str, str] | None) -> tuple[str, int | None, int | None, str]:
        if not self._started:
            said = self._everything.content().decode(errors="replace").strip().splitlines()
            return "not_started", None, None, " / ".join(said[-3:]) or (stopped[1] if stopped else "it ended at once")
        if stopped is not None:
            return stopped[0], None, int(signal.SIGKILL) if stopped[0] == "killed" else None, stopped[1]
        code = self._process.returncode
        number = -code if code < 0 else code - 128
        if number in _FATAL or code < 0:
            return "killed", None, number, _why_killed(number)
        return "exited", code, None, ""


def _why_killed(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    hints = {
        int(signal.SIGKILL): "out of memory, or killed from outside",
        int(signal.SIGXFSZ): "it wrote a file larger than the limit",
        int(signal.SIGXCPU): "it used up its processor time",
        int(signal.SIGSEGV): "it crashed",
        int(signal.SIGABRT): "it crashed or aborted itself",
    }
    hint = hints.get(number)
    return f"killed by {name}" + (f" ({hint})" if hint else "")


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
