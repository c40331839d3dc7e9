"""One client as a process group of its own: what it prints, how long it may, and its end.

Rules.
* Nothing of a client outlives its turn, nor the worker: the client runs below `launcher.py`, from which nothing that it
  starts can get away, and which ends all of it when the client ends or the worker dies, however it is killed. Should the
  launcher itself be killed, a small guard process and a `Tree` (session, mark, descent) find what they still can.
* An end is TERM for the group, a short time to finish, then KILL for all.
* Lines are bounded in length, output in total, the log in size. What is too long is left out and counted.

Must not know clients, prompts or claims.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from andon.core.errors import EXIT_USAGE, AndonError, InvariantViolation

LINE_BYTES_MAX = 16 * 1024**2
OUTPUT_BYTES_MAX = 1024**3
LOG_BYTES_MAX = 32 * 1024**2
TAIL_BYTES = 8 * 1024
GRACE_S = 5.0
DRAIN_S = 1.0
_CHUNK_BYTES = 65_536
_LOOK_S = 0.5

MARK = "ANDON_JOB"
"""The variable that marks a client's processes, as it marks those of gates."""

ENDED, TIMED_OUT, DIED, CANCELLED = "ended", "timed_out", "died", "cancelled"

_LAUNCHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launcher.py")
LAUNCHER_ENDS_WITHIN_S = 6.0

# Waits for the worker: a line means that the client was ended in order; the end of the pipe means that the worker died.
# The guard is of another session and does not carry the mark, so that it does not end itself. The launcher comes first:
# once it is killed, what it had adopted is nobody's. The group's number is written so as every shell's `kill` reads it.
_GUARD = """
read -r mark || exit 0
read -r group
[ "$group" = done ] && exit 0
read -r done && exit 0
sleep 0.5
for round in 1 2 3; do
  [ -z "$group" ] || kill -KILL "-$group" 2>/dev/null
  for place in /proc/[0-9]*; do
    if grep -qaF -- "$mark" "$place/environ" 2>/dev/null; then kill -KILL "${place#/proc/}" 2>/dev/null; fi
  done
  sleep 0.1
done
"""


class Tree(Protocol):
    """A client's processes; `end` kills all and returns once none is left."""

    def look(self) -> str | None: ...

    def end(self) -> None: ...


TreeMaker = Callable[[int, str], Tree]
"""(first process, mark) -> its tree."""

Started = Callable[[int], None]
"""Is told the first process, before anything of the client's runs."""


class Finish(Struct, frozen=True, kw_only=True):
    """How a client's process ended. how: ended | timed_out | died (by a signal) | cancelled. exit_code: -1 without one.

    reason: in plain words, when it did not end by itself. stderr_tail: the last that it said on standard error.
    """

    how: str
    exit_code: int = -1
    reason: str = ""
    stderr_tail: str = ""
    duration_s: float = 0.0


class Cancel:
    """Ends a client's turn from another thread. The first reason stays."""

    def __init__(self) -> None:
        self.reason = ""
        self._read_fd, self._write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def cancel(self, reason: str) -> None:
        if not self.reason:
            self.reason = reason
            os.write(self._write_fd, b"x")

    def fileno(self) -> int:
        return self._read_fd

    def close(self) -> None:
        os.close(self._read_fd)
        os.close(self._write_fd)


class Log:
    """What a client printed, kept for people up to a size."""

    def __init__(self, path: str | None) -> None:
        self._file = open(path, "ab", opener=_private) if path else None
        self._left = LOG_BYTES_MAX

    def add(self, chunk: bytes) -> None:
        if self._file is None or self._left <= 0:
            return
        self._left -= len(chunk)
        try:
            self._file.write(chunk if self._left > 0 else chunk[: self._left] + b"\n[the rest is left out]\n")
            self._file.flush()
        except OSError:
            # A full disk must not end the client; its output is read all the same.
            self._left = 0

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


class Lines:
    """Bytes as they come, cut into lines. dropped: lines that were too long."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._skipping = False
        self.dropped = 0

    def add(self, chunk: bytes) -> Iterator[str]:
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            if self._take(chunk[start:end]):
                yield self._line()
            self._skipping = False
            start = end + 1
        self._take(chunk[start:])

    def rest(self) -> Iterator[str]:
        """The last line, if nothing ended it."""
        if self._rest and not self._skipping:
            yield self._line()

    def _take(self, part: bytes) -> bool:
        if self._skipping:
            return False
        self._rest += part
        if len(self._rest) > LINE_BYTES_MAX:
            self._rest.clear()
            self._skipping = True
            self.dropped += 1
            return False
        return True

    def _line(self) -> str:
        text = self._rest.decode(errors="replace").rstrip("\r")
        self._rest.clear()
        return text


class ClientProcess:
    """A started client. Use `close` on every way out."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str,
        make_tree: TreeMaker,
        standard_input: str | None = None,
        talks: bool = False,
        log: str | None = None,
        started: Started | None = None,
    ) -> None:
        """standard_input: its whole input. talks: instead, `send` writes to it while it runs. started: is told the process
        that all of the client's descend from, before the client itself is there. Raises AndonError."""
        mark = os.urandom(16).hex()
        self._log = Log(log)
        self._guard, self._lifeline = _start_guard()
        os.write(self._lifeline, f"{MARK}={mark}\n".encode())
        source: int = subprocess.PIPE if talks else _input(standard_input)
        status, told = os.pipe2(os.O_CLOEXEC)
        line, self._line = os.pipe2(os.O_CLOEXEC)
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", _LAUNCHER, str(line), str(told), *command],
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**env, MARK: mark},
                cwd=cwd,
                start_new_session=True,
                pass_fds=(line, told),
            )
        except (OSError, ValueError) as error:
            os.close(self._line)
            os.close(status)
            self._release_guard()
            self._log.close()
            raise _not_started(command[0], error) from error
        finally:
            os.close(told)
            os.close(line)
            if not talks:
                os.close(source)
        self._began = time.monotonic()
        os.write(self._lifeline, f"{self.process.pid}\n".encode())
        self._tree = make_tree(self.process.pid, mark)
        if self.process.stdout is None or self.process.stderr is None:
            raise InvariantViolation("a client has no pipes")
        self._out, self._err = self.process.stdout.fileno(), self.process.stderr.fileno()
        self._open = {self._out, self._err}
        self._poll = select.poll()
        for fd in self._open:
            os.set_blocking(fd, False)
            self._poll.register(fd, select.POLLIN)
        self._to_send = bytearray()
        self._in = -1
        if talks and self.process.stdin is not None:
            self._in = self.process.stdin.fileno()
            os.set_blocking(self._in, False)
        self._lines = Lines()
        self._tail = bytearray()
        self._total = 0
        self._closed = False
        self._looked_at = 0.0
        self._go(command[0], status, started)

    def _go(self, name: str, status: int, started: Started | None) -> None:
        """Let the launcher start the client. Raises AndonError when it can't."""
        try:
            if started is not None:
                started(self.process.pid)
            os.write(self._line, b"g")
            with open(status, "rb") as told:
                problem = told.read()
        except BaseException:
            self.close()
            raise
        if problem:
            self.close()
            raise _not_started(name, problem.decode(errors="replace"))

    # ------------------------------------------------------------ while it runs

    def send(self, text: str) -> None:
        """Write to its standard input, as fast as it reads (in `read`)."""
        self._to_send += text.encode()
        self._flush()

    def _flush(self) -> None:
        while self._to_send and self._in >= 0:
            try:
                written = os.write(self._in, self._to_send[:_CHUNK_BYTES])
            except BlockingIOError:
                self._poll.register(self._in, select.POLLOUT)
                return
            except OSError:
                self._to_send.clear()
                return
            del self._to_send[:written]
        if self._in >= 0:
            try:
                self._poll.unregister(self._in)
            except KeyError:
                pass

    def read(self, wait_s: float, also: int | None = None) -> list[str]:
        """The lines that came on standard output within `wait_s`. also: a descriptor that ends the wait."""
        if also is not None:
            self._poll.register(also, select.POLLIN)
        found: list[str] = []
        if time.monotonic() >= self._looked_at + _LOOK_S:
            self._tree.look()
            self._looked_at = time.monotonic()
        try:
            events = self._poll.poll(max(0.0, min(wait_s, _LOOK_S)) * 1000)
        finally:
            if also is not None:
                self._poll.unregister(also)
        for fd, _ in events:
            if fd == also:
                continue
            if fd == self._in:
                self._flush()
                continue
            found += self._read_from(fd)
        return found

    def _read_from(self, fd: int) -> list[str]:
        try:
            chunk = os.read(fd, _CHUNK_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            chunk = b""
        if not chunk:
            self._poll.unregister(fd)
            self._open.discard(fd)
            return list(self._lines.rest()) if fd == self._out else []
        self._total += len(chunk)
        self._log.add(chunk)
        if fd == self._out:
            return list(self._lines.add(chunk))
        self._tail += chunk
        del self._tail[: max(0, len(self._tail) - TAIL_BYTES)]
        return []

    @property
    def over(self) -> bool:
        """Whether the first process has ended. It is left unreaped until `close`, so that its id stays its own."""
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    @property
    def too_much(self) -> bool:
        return self._total > OUTPUT_BYTES_MAX

    @property
    def reads_nothing_more(self) -> bool:
        return not self._open

    @property
    def stderr_tail(self) -> str:
        return self._tail.decode(errors="replace").strip()

    # ------------------------------------------------------------ its end

    def terminate(self, on_line: Callable[[str], None], grace_s: float = GRACE_S) -> None:
        """Ask the group to end, and read what it still says, for a short time."""
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
        except (ProcessLookupError, PermissionError):
            pass
        until = time.monotonic() + grace_s
        while not self.over and time.monotonic() < until:
            for line in self.read(0.1):
                on_line(line)

    def close(self, on_line: Callable[[str], None] | None = None) -> None:
        """Kill what is left, read what is left. May be called again."""
        if self._closed:
            return
        self._closed = True
        try:
            self._end_launcher()
            self._tree.end()
            self.process.kill()
            self.process.wait()
            until = time.monotonic() + DRAIN_S
            while self._open and time.monotonic() < until:
                for line in self.read(0.1):
                    if on_line is not None:
                        on_line(line)
        finally:
            for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
                if pipe is not None:
                    try:
                        pipe.close()
                    except OSError:
                        pass
            self._release_guard()
            self._log.close()

    def _end_launcher(self) -> None:
        """It ends all that is below it; killed, it could not."""
        os.close(self._line)
        until = time.monotonic() + LAUNCHER_ENDS_WITHIN_S
        while not self.over and time.monotonic() < until:
            time.sleep(0.002)

    def _release_guard(self) -> None:
        try:
            os.write(self._lifeline, b"done\n")
        except OSError:
            pass
        os.close(self._lifeline)
        self._guard.wait()

    def finish(self, how: str, reason: str) -> Finish:
        """After `close`."""
        code = self.process.returncode
        if how == ENDED and code < 0:
            how, reason = DIED, f"killed by {_signal_name(-code)}"
        return Finish(
            how=how,
            exit_code=code if code >= 0 else -1,
            reason=reason,
            stderr_tail=self.stderr_tail,
            duration_s=time.monotonic() - self._began,
        )


def run_client(
    client: ClientProcess, *, on_line: Callable[[str], None], timeout_s: float, cancel: Cancel, grace_s: float = GRACE_S
) -> Finish:
    """Read a client to its end: its own, the deadline's or a cancel's. Every other way out (Ctrl-C) ends it, too."""
    how, reason = ENDED, ""
    deadline = time.monotonic() + timeout_s
    try:
        while not client.over:
            left = deadline - time.monotonic()
            if cancel.reason:
                how, reason = CANCELLED, cancel.reason
            elif left <= 0:
                how, reason = TIMED_OUT, f"still at work after {timeout_s:g} s; it was stopped"
            elif client.too_much:
                how, reason = CANCELLED, f"it printed more than {OUTPUT_BYTES_MAX // 1024**2} MiB; it was stopped"
            if how != ENDED:
                client.terminate(on_line, grace_s)
                break
            for line in client.read(min(left, 0.05 if client.reads_nothing_more else left), cancel.fileno()):
                on_line(line)
    finally:
        client.close(on_line)
    return client.finish(how, reason)


def _not_started(name: str, problem: object) -> AndonError:
    text = f"{name} could not be started: {problem}"
    return AndonError(text, kind="no_client", next="see that it is installed", exit=EXIT_USAGE)


def _start_guard() -> tuple[subprocess.Popen[bytes], int]:
    """The guard and our end of its lifeline. It is told the client's mark before the client is there, then its group."""
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
    try:
        guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "andon-guard"],
            stdin=read_fd,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin"},
            start_new_session=True,
        )
    finally:
        os.close(read_fd)
    return guard, write_fd


def _input(text: str | None) -> int:
    """A descriptor to read `text` from; nothing when there is none."""
    if text is None:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    fd = os.memfd_create("andon-prompt")
    with open(os.dup(fd), "wb") as file:
        file.write(text.encode())
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
