"""Running git: `os.posix_spawn` with pipes, since importing `subprocess` alone costs as much as the whole command may.

Rules: nothing of the caller's git environment is inherited (an agent's GIT_DIR or GIT_INDEX_FILE must not mislead us);
output is captured as bytes; a failure is an `AndonError` that names the command and what git said.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Mapping, Sequence

from andon.core.errors import EXIT_UNAVAILABLE, AndonError

TIMEOUT_S = 300.0
PIPE_BYTES = 65_536


def base_environment() -> dict[str, str]:
    """The caller's environment without any GIT_* variable, in the C locale, never asking anything."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_") or key in _CONFIG_SCOPE}
    kept.update(LC_ALL="C", GIT_TERMINAL_PROMPT="0", GIT_OPTIONAL_LOCKS="0")
    return kept


_CONFIG_SCOPE = frozenset({"GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"})
"""Where configuration files are found; tests and machines set these, and no repository content depends on them."""


def find_git() -> str:
    """Absolute path of the git program. Raises AndonError kind "git_missing"."""
    for directory in (os.environ.get("PATH") or os.defpath).split(os.pathsep):
        path = os.path.join(directory or ".", "git")
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    raise AndonError("git is not installed", kind="git_missing", next="install git", exit=EXIT_UNAVAILABLE)


_git: list[str] = []


def spawn(
    args: Sequence[str],
    *,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> tuple[int, bytes, bytes]:
    """Run git with these arguments: (exit code, standard output, standard error)."""
    if not _git:
        _git.append(find_git())
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    actions = [
        (os.POSIX_SPAWN_DUP2, in_read, 0),
        (os.POSIX_SPAWN_DUP2, out_write, 1),
        (os.POSIX_SPAWN_DUP2, err_write, 2),
    ]
    try:
        pid = os.posix_spawn(
            _git[0], ["git", *args], dict(env) if env is not None else base_environment(), file_actions=actions
        )
    except OSError as error:
        for descriptor in (in_read, in_write, out_read, out_write, err_read, err_write):
            os.close(descriptor)
        raise AndonError(f"git can't be started: {error}", kind="git_missing", exit=EXIT_UNAVAILABLE) from error
    for descriptor in (in_read, out_write, err_write):
        os.close(descriptor)
    try:
        out, err = _communicate(in_write, out_read, err_read, stdin, time.monotonic() + timeout_s)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), out, err


def _communicate(into: int, out: int, err: int, data: bytes, deadline: float) -> tuple[bytes, bytes]:
    """Feed and drain the three pipes together, so that none of them can block the others."""
    chunks: dict[int, list[bytes]] = {out: [], err: []}
    poll = select.poll()
    poll.register(out, select.POLLIN | select.POLLHUP)
    poll.register(err, select.POLLIN | select.POLLHUP)
    view = memoryview(data)
    open_in = bool(data)
    if open_in:
        os.set_blocking(into, False)
        poll.register(into, select.POLLOUT | select.POLLERR)
    else:
        os.close(into)
    remaining = {out, err}
    try:
        while remaining or open_in:
            left_ms = (deadline - time.monotonic()) * 1000
            if left_ms <= 0:
                raise AndonError("git took too long", kind="git_failed", next="try again", exit=EXIT_UNAVAILABLE)
            for descriptor, _event in poll.poll(left_ms):
                if descriptor == into:
                    view, open_in = _feed(into, view)
                    if not open_in:
                        poll.unregister(into)
                        os.close(into)
                    continue
                chunk = os.read(descriptor, PIPE_BYTES)
                if chunk:
                    chunks[descriptor].append(chunk)
                else:
                    poll.unregister(descriptor)
                    remaining.discard(descriptor)
    finally:
        if open_in:
            os.close(into)
        os.close(out)
        os.close(err)
    return b"".join(chunks[out]), b"".join(chunks[err])


def _feed(into: int, view: memoryview) -> tuple[memoryview, bool]:
    try:
        written = os.write(into, view[:PIPE_BYTES])
    except BlockingIOError:
        return view, True
    except BrokenPipeError:
        return view, False
    rest = view[written:]
    return rest, bool(rest)
