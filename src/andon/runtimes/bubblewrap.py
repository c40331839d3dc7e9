"""One job in a bubblewrap sandbox: its arguments, its user, and the end of all its processes. See `sandbox.py` for why.

Must not know which level was asked for, nor gates.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from andon.runtimes import layout
from andon.runtimes.limits import limited
from andon.runtimes.supervise import supervise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from andon.ports import Job, JobResult

_NAMESPACES = ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
_ALWAYS = ("--die-with-parent", "--new-session", "--hostname", "andon", "--clearenv")
_GONE_WITHIN_S = 10.0
_NOBODY = 65_534
_system: list[str] | None = None


def run(job: Job, *, bwrap: str, setpriv: str | None, user: int) -> JobResult:
    """Run the job as `user`. setpriv: given when Andon is root, which then hands the job's directories to that user."""
    if setpriv is not None:
        for path in (job.workdir, job.out, *((job.home,) if job.home and job.home_writable else ())):
            _hand_over(path, user)
    files = [_in_memory(content) for content in (_passwd(user), _group(user), _HOSTS, _NSSWITCH)]
    status = _Status()
    try:
        options = _options(job, files, status.write_fd, as_root=setpriv is not None)
        files.append(_in_memory(b"".join(os.fsencode(one) + b"\0" for one in options)))
        inside = [*_unprivileged(setpriv, user), *_job(job, as_root=setpriv is not None)]
        return supervise(
            [bwrap, "--args", str(files[-1]), "--", *inside],
            limits=job.limits,
            tree=lambda pid: _Namespace(pid, status),
            env={"PATH": "/usr/bin:/bin"},
            cwd="/",
            pass_fds=(*files, status.write_fd),
        )
    finally:
        for fd in files:
            os.close(fd)
        status.close()


def _options(job: Job, files: Sequence[int], status_fd: int, *, as_root: bool) -> list[str]:
    global _system
    if _system is None:
        _system = layout.system_arguments()
    options = [*_ALWAYS, *_NAMESPACES, "--info-fd", str(status_fd), "--cap-drop", "ALL"]
    if not job.network:
        options.append("--unshare-net")
    if as_root:
        for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):
            options += ["--cap-add", capability]
    else:
        options += ["--unshare-user", "--uid", str(_NOBODY), "--gid", str(_NOBODY)]
    options += _system
    for fd, name in zip(files, ("passwd", "group", "hosts", "nsswitch.conf"), strict=True):
        # With a network, the machine's own resolution is bound in their place.
        if not (job.network and name in ("hosts", "nsswitch.conf")):
            options += ["--perms", "0644", "--file", str(fd), f"/etc/{name}"]
    if job.network:
        options += layout.network_arguments()
    return options + layout.job_arguments(job)


def _unprivileged(setpriv: str | None, user: int) -> list[str]:
    if setpriv is None:
        return []
    drop = ["--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
    return [setpriv, f"--reuid={user}", f"--regid={user}", *drop, "--"]


def _job(job: Job, *, as_root: bool) -> list[str]:
    env = {"HOME": layout.HOME, "TMPDIR": "/tmp", "USER": "andon", "LOGNAME": "andon", "SHELL": "/bin/sh"}
    env.update(job.env)
    env["ANDON_OUT"] = layout.OUT
    processes = job.limits.processes if as_root or _counts_per_namespace() else None
    return limited(job.command, env, job.limits, processes=processes)


def _counts_per_namespace() -> bool:
    """Since Linux 5.14, RLIMIT_NPROC set inside a user namespace counts the processes in it, not all of the user's."""
    major, _, rest = os.uname().release.partition(".")
    minor = rest.split(".")[0]
    return major.isdecimal() and minor.isdecimal() and (int(major), int(minor)) >= (5, 14)


_HOSTS = b"127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.0.1\tandon\n"
_NSSWITCH = b"passwd: files\ngroup: files\nhosts: files dns\n"


def _passwd(user: int) -> bytes:
    lines = ["root:x:0:0:root:/root:/bin/sh"]
    if user != _NOBODY:
        lines.append(f"nobody:x:{_NOBODY}:{_NOBODY}:nobody:/nonexistent:/usr/sbin/nologin")
    lines.append(f"andon:x:{user}:{user}:andon:{layout.HOME}:/bin/sh")
    return "\n".join([*lines, ""]).encode()


def _group(user: int) -> bytes:
    nogroup = "" if user == _NOBODY else f"nogroup:x:{_NOBODY}:\n"
    return f"root:x:0:\n{nogroup}andon:x:{user}:\n".encode()


def _in_memory(content: bytes) -> int:
    fd = os.memfd_create("andon")
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _hand_over(path: str, user: int) -> None:
    """Give a directory and all in it to the job's user. Links are handed over themselves, not what they point to."""
    if os.lstat(path).st_uid == user:
        return
    with os.scandir(path) as entries:
        if not any(True for _ in entries):
            os.chown(path, user, user, follow_symlinks=False)
            return
    subprocess.run(["/bin/chown", "-Rh", f"{user}:{user}", "--", path], check=True, env={}, stdin=subprocess.DEVNULL)


class _Status:
    """The pipe by which bubblewrap tells the id of the namespace's first process."""

    def __init__(self) -> None:
        self._read_fd, self.write_fd = os.pipe()
        self._open = {self._read_fd, self.write_fd}

    def first_process(self) -> int | None:
        """Wait until bubblewrap has told (before it starts the job) or is gone. Returns a pidfd."""
        # Without our own copy of the write end, the pipe ends when bubblewrap dies before it could tell.
        self._close(self.write_fd)
        text = b""
        until = time.monotonic() + _GONE_WITHIN_S
        while not text.rstrip().endswith(b"}") and (left := until - time.monotonic()) > 0:
            if not select.select([self._read_fd], [], [], left)[0]:
                break
            chunk = os.read(self._read_fd, 4096)
            if not chunk:
                break
            text += chunk
        try:
            return os.pidfd_open(int(json.loads(text)["child-pid"]))
        except (OSError, ValueError, KeyError):
            return None

    def close(self) -> None:
        for fd in tuple(self._open):
            self._close(fd)

    def _close(self, fd: int) -> None:
        if fd in self._open:
            self._open.discard(fd)
            os.close(fd)


class _Namespace:
    """`supervise.Tree` of a PID namespace: when its first process is gone, so is every other."""

    def __init__(self, launcher: int, status: _Status) -> None:
        self._launcher = launcher
        self._first = status.first_process()

    def look(self) -> str | None:
        return None

    def end(self) -> None:
        # The launcher is not reaped before this, so its id is still its own.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._launcher, signal.SIGKILL)
        if self._first is None:
            return
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(self._first, signal.SIGKILL)
        # A pidfd becomes readable after the kernel has ended the whole namespace.
        poll = select.poll()
        poll.register(self._first, select.POLLIN)
        poll.poll(_GONE_WITHIN_S * 1000)
        os.close(self._first)
        self._first = None
