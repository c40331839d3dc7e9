"""Running git: `os.posix_spawn` with pipes, since importing `subprocess` alone costs as much as a whole command may.

Rules: nothing of the caller's git environment is inherited (an agent's GIT_DIR or GIT_INDEX_FILE must not mislead us);
output is captured as bytes; no pipe can block another; nothing outlives a time-out; the settings of the repository and
the person that could change an answer or start a program are overridden. Must not know: what the commands are for.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the public module makes enumerations of them all
import os
import select
import time
from collections.abc import Mapping, Sequence

from msgspec import Struct

from andon.core.errors import EXIT_UNAVAILABLE, AndonError
from andon.git.failures import failure

TIMEOUT_S = 600.0
GRACE_S = 2.0
PIPE_BYTES = 65_536
ERROR_BYTES = 1_048_576

# Where a person's configuration is found is the person's to say, as with HOME; GIT_CONFIG_COUNT and its like are not.
_CONFIG_SCOPE = frozenset({"GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"})

NEUTRAL = (
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.quotePath=false",
    "-c",
    "core.untrackedCache=false",
    "-c",
    "core.splitIndex=false",
    "-c",
    "submodule.recurse=false",
    "-c",
    "i18n.commitEncoding=UTF-8",
    "-c",
    "gc.auto=0",
    "-c",
    "maintenance.auto=false",
)
NO_HOOKS = ("-c", "core.hooksPath=/dev/null")


class Finished(Struct, frozen=True, kw_only=True):
    """How a git process ended. cut: standard output was longer than wanted, and the process was stopped for that."""

    code: int
    out: bytes
    err: bytes
    cut: bool = False

    @property
    def text(self) -> str:
        """Standard output without white space around it."""
        return os.fsdecode(self.out).strip()


class Runner:
    """Git with the same leading arguments and variables each time."""

    def __init__(self, where: Sequence[str], env: Mapping[str, str] | None = None, *, hooks: bool = False) -> None:
        self.leading = (*where, *NEUTRAL, *(() if hooks else NO_HOOKS))
        self.env = dict(env or {})

    def prepare(self) -> None:
        """What must be there before the first command."""

    def run(
        self,
        *args: str,
        stdin: bytes = b"",
        ok: tuple[int, ...] | None = (0,),
        env: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
        keep_bytes: int | None = None,
    ) -> Finished:
        """Raises AndonError kind "git_failed" when the exit code is not in `ok` (None: any is)."""
        self.prepare()
        environment = base_environment()
        environment.update(self.env)
        if env:
            environment.update(env)
        done = spawn([*self.leading, *args], stdin=stdin, env=environment, timeout_s=timeout_s, keep_bytes=keep_bytes)
        if ok is not None and done.code not in ok and not done.cut:
            raise failure(args, done.code, done.err)
        return done

    def text(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        """Standard output of a command that must succeed, without white space around it."""
        return self.run(*args, stdin=stdin, env=env).text


def base_environment() -> dict[str, str]:
    """The caller's environment without its GIT_* variables, in the C locale, never asking anything."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_") or key in _CONFIG_SCOPE}
    kept.update(LC_ALL="C", GIT_TERMINAL_PROMPT="0", GIT_OPTIONAL_LOCKS="0", GIT_EDITOR=":")
    # Objects and their history are what they are: neither replaced nor grafted.
    kept.update(GIT_NO_REPLACE_OBJECTS="1", GIT_GRAFT_FILE="/dev/null")
    return kept


_programs: dict[str, str] = {}


def find_git() -> str:
    """Absolute path of the git program on PATH. Raises AndonError kind "git_missing".

    Relative entries of PATH are passed over: the working directory is an agent's.
    """
    path = os.environ.get("PATH", os.defpath)
    if path not in _programs:
        for directory in path.split(os.pathsep):
            program = os.path.join(directory, "git")
            if os.path.isabs(directory) and os.path.isfile(program) and os.access(program, os.X_OK):
                _programs[path] = program
                break
        else:
            raise AndonError(
                "git is not installed: there is no program of that name on PATH",
                kind="git_missing",
                next="install git (Debian: apt-get install git)",
                exit=EXIT_UNAVAILABLE,
            )
    return _programs[path]


def spawn(
    args: Sequence[str],
    *,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
    keep_bytes: int | None = None,
    program: str | None = None,
) -> Finished:
    """Run git (or `program`) to its end. keep_bytes: stop it once it printed this much.

    A process that the child leaves behind with our pipes open (a hook may) is not waited for. Raises AndonError kind
    "git_timeout" after `timeout_s`; the child's process group is gone then.
    """
    path = program or find_git()
    ends: list[int] = []
    try:
        for _ in range(3):
            ends += os.pipe()
        in_read, in_write, out_read, out_write, err_read, err_write = ends
        pid = os.posix_spawn(
            path,
            [os.path.basename(path), *args],
            dict(env) if env is not None else base_environment(),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, in_read, 0),
                (os.POSIX_SPAWN_DUP2, out_write, 1),
                (os.POSIX_SPAWN_DUP2, err_write, 2),
            ],
            # A group of its own: a time-out ends git together with the filters and hooks that it started.
            setpgroup=0,
            # Python ignores these two, and what is ignored is inherited.
            setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
        )
    except OSError as error:
        for end in ends:
            os.close(end)
        raise AndonError(
            f"git can't be started: {error}", kind="git_failed", next="try again", exit=EXIT_UNAVAILABLE
        ) from error
    for end in (in_read, out_write, err_write):
        os.close(end)
    return _Conversation(pid, (in_write, out_read, err_read), stdin, keep_bytes).hold(args, timeout_s)


class _Conversation:
    """Feeding and draining a child's three pipes until it ends."""

    def __init__(self, pid: int, ends: tuple[int, int, int], stdin: bytes, keep_bytes: int | None) -> None:
        self.pid = pid
        self.into, self.out, self.err = ends
        self.rest = memoryview(stdin)
        self.keep_bytes = keep_bytes
        self.chunks: dict[int, list[bytes]] = {self.out: [], self.err: []}
        self.sizes = {self.out: 0, self.err: 0}
        self.open = set(ends)
        self.cut = False
        self.poll = select.poll()
        for end in ends:
            os.set_blocking(end, False)
        self.pidfd = _pidfd(pid)

    def hold(self, args: Sequence[str], timeout_s: float) -> Finished:
        deadline = time.monotonic() + timeout_s
        status: int | None = None
        try:
            self._register()
            if self._talk(deadline) and (status := self._reap(deadline)) is not None:
                return self._finished(status)
            if self.cut:
                status = self._end()
                return self._finished(status)
            status = self._end()
            raise AndonError(
                f"git {' '.join(args[-4:])} was stopped after {timeout_s:g} s",
                kind="git_timeout",
                next="see what holds the repository or its disk up, then try again",
                exit=EXIT_UNAVAILABLE,
            )
        except BaseException:
            if status is None:
                self._end()
            raise
        finally:
            for end in self.open:
                os.close(end)
            if self.pidfd is not None:
                os.close(self.pidfd)

    def _register(self) -> None:
        self.poll.register(self.out, select.POLLIN)
        self.poll.register(self.err, select.POLLIN)
        if self.rest:
            self.poll.register(self.into, select.POLLOUT)
        else:
            self._close(self.into, registered=False)
        if self.pidfd is not None:
            self.poll.register(self.pidfd, select.POLLIN)

    def _talk(self, deadline: float) -> bool:
        """Until both outputs are closed, or the child has ended; False when time is up or enough was said."""
        while self.out in self.open or self.err in self.open:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            ended = False
            for end, _event in self.poll.poll(left_s * 1000):
                if end == self.pidfd:
                    ended = True
                elif end == self.into:
                    self._feed()
                else:
                    self._drain(end)
            if self.cut:
                return False
            if ended:
                # Whatever the child itself wrote is in the pipes by now.
                for end in (self.out, self.err):
                    if end in self.open:
                        self._drain(end)
                return not self.cut
        return True

    def _feed(self) -> None:
        try:
            written = os.write(self.into, self.rest[:PIPE_BYTES])
        except BlockingIOError:
            return
        except BrokenPipeError:
            # The child needs no more; its exit code says whether that was right.
            self._close(self.into)
            return
        self.rest = self.rest[written:]
        if not self.rest:
            self._close(self.into)

    def _drain(self, end: int) -> None:
        while True:
            try:
                chunk = os.read(end, PIPE_BYTES)
            except BlockingIOError:
                return
            if not chunk:
                self._close(end)
                return
            self.sizes[end] += len(chunk)
            if end == self.err and self.sizes[end] > ERROR_BYTES:
                continue
            self.chunks[end].append(chunk)
            if end == self.out and self.keep_bytes is not None and self.sizes[end] > self.keep_bytes:
                self.cut = True
                return

    def _close(self, end: int, *, registered: bool = True) -> None:
        if registered:
            self.poll.unregister(end)
        self.open.discard(end)
        os.close(end)

    def _reap(self, deadline: float) -> int | None:
        """The child's exit status; None when it has not ended by `deadline`."""
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return status
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return None
            if self.pidfd is not None:
                waiting = select.poll()
                waiting.register(self.pidfd, select.POLLIN)
                waiting.poll(left_s * 1000)
            else:
                time.sleep(0.0005)

    def _end(self) -> int:
        """Stop the child's group: politely, so that git removes its lock files, then for good."""
        self._signal(signal.SIGTERM)
        status = self._reap(time.monotonic() + GRACE_S)
        self._signal(signal.SIGKILL)
        if status is None:
            _, status = os.waitpid(self.pid, 0)
        return status

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass

    def _finished(self, status: int) -> Finished:
        out = b"".join(self.chunks[self.out])
        if self.cut and self.keep_bytes is not None:
            out = out[: self.keep_bytes]
        return Finished(
            code=os.waitstatus_to_exitcode(status), out=out, err=b"".join(self.chunks[self.err]), cut=self.cut
        )


def _pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends, where the system has that."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
