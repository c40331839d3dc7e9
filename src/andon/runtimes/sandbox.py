"""Isolation level "sandbox": bubblewrap, as an unprivileged user, without capabilities and, by default, without
network.

How the job becomes unprivileged depends on who Andon is.
* As an ordinary user: bubblewrap unshares a user namespace and the job is user 65534 in it (outside: the user).
* As root: directories above the repository may be open to root alone, so bubblewrap makes the mounts as root,
  keeping only what changing the user takes; `setpriv`, the first program inside, becomes a user id of the job's own,
  drops every capability and the bounding set, and only then is the job's shell started. Files are handed to that id
  first. An id per job keeps RLIMIT_NPROC and signals of one job from touching another.

Traps met: background processes outlive the command unless the namespace's first process is killed (bubblewrap's reaper
waits for all of them), so that process is held by a pidfd and the run ends when it is gone; the exit code 1 of
bubblewrap itself looks like the command's, so a job says when it started (`limits`); variables such as LD_PRELOAD
must not reach bubblewrap or setpriv; a bind's missing parents are made with mode 0700.
`bubblewrap.py` carries a job out. Must not know gates. `probe` runs a real job: what is installed may still not be
allowed to work. Importing this module is cheap; it is on the way of every check.
"""

from __future__ import annotations

import itertools
import os
from _thread import allocate_lock

from andon.core.workflow import ResourceLimits
from andon.ports import Job, JobResult
from andon.runtimes.layout import WORK

INSTALL = "install bubblewrap (Debian and Ubuntu: apt-get install bubblewrap; Fedora: dnf install bubblewrap)"
INSTALL_SETPRIV = "install util-linux (Debian and Ubuntu: apt-get install util-linux)"

TRUSTED = ("/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin", "/run/current-system/sw/bin")
"""Where tools are looked for. Not on PATH: the agent that asks for a gate has its own PATH."""

JOB_USERS_FROM = 1_900_000_000
JOB_USERS = 60_000
NOBODY = 65_534

_PROBE_LIMITS = ResourceLimits(timeout_s=20.0, memory_bytes=1024**3, processes=64, output_bytes=4096)


class SandboxRuntime:
    """Port `Runtime`. family: changes when what a job sees changes, so that older verdicts are not reused.

    bwrap, setpriv: paths, None looks in TRUSTED. remember: a file in which a successful probe is kept until the next
    boot or another bubblewrap; None: probe once per process.
    """

    level = "sandbox"
    family = "bubblewrap/1"

    def __init__(self, *, bwrap: str | None = None, setpriv: str | None = None, remember: str | None = None) -> None:
        self._bwrap = _tool(bwrap or "bwrap")
        self._setpriv = _tool(setpriv or "setpriv")
        self._remember = remember
        self._root = os.geteuid() == 0
        self._lock = allocate_lock()
        self._count = itertools.count(1)
        self._probed = False
        self._reason: str | None = None

    def probe(self) -> str | None:
        """None when a job really ran as an unprivileged user without capabilities, else why not, with what to
        install."""
        with self._lock:
            if not self._probed:
                self._reason = self._probe()
                self._probed = True
            return self._reason

    def inside(self, workdir: str) -> str:
        """Every checkout is seen at the same place."""
        return WORK

    def run(self, job: Job) -> JobResult:
        """Run the job. Writable inside: /andon-work, /out, /tmp, /dev/shm, the home, and writable binds."""
        from andon.runtimes import bubblewrap

        if self._bwrap is None or (self._root and self._setpriv is None):
            return JobResult(status="not_started", reason=self._missing() or "the sandbox is not usable")
        user = self._job_user(job.workdir)
        return bubblewrap.run(job, bwrap=self._bwrap, setpriv=self._setpriv if self._root else None, user=user)

    def _job_user(self, workdir: str) -> int:
        if not self._root:
            return NOBODY
        # A checkout that already belongs to a job (several set-up commands in a row) keeps its user.
        owner = os.lstat(workdir).st_uid
        if JOB_USERS_FROM <= owner < JOB_USERS_FROM + JOB_USERS:
            return owner
        user = JOB_USERS_FROM + (os.getpid() + 31 * next(self._count)) % JOB_USERS
        return user if _has_user(user) else NOBODY

    def _missing(self) -> str | None:
        if self._bwrap is None:
            return f"bubblewrap (bwrap) is not installed: {INSTALL}"
        if self._root and self._setpriv is None:
            return f"setpriv is not installed, and a gate must not run as root: {INSTALL_SETPRIV}"
        return None

    def _probe(self) -> str | None:
        if missing := self._missing():
            return missing
        key = self._probe_key()
        if self._remember is not None and _read_text(self._remember) == key:
            return None
        import tempfile

        with tempfile.TemporaryDirectory(prefix="andon-probe-") as directory:
            work, out = os.path.join(directory, "work"), os.path.join(directory, "out")
            os.mkdir(work)
            os.mkdir(out)
            try:
                result = self.run(Job(command=_PROBE, workdir=work, out=out, env={}, limits=_PROBE_LIMITS))
            except OSError as error:
                # In another sandbox, whose root has no other user to give the files to.
                return f"bubblewrap does not work here: {error.strerror}"
        said = result.output.decode(errors="replace").strip()
        if result.status != "exited":
            return f"bubblewrap does not work here: {result.reason or said}"
        if result.exit_code != 0:
            return f"bubblewrap gives no full isolation here: {said}"
        if self._remember is not None:
            _write_text(self._remember, key)
        return None

    def _probe_key(self) -> str:
        """What a successful probe depends on."""
        facts = [self.family, str(os.geteuid()), os.uname().release, _read_text("/proc/sys/kernel/random/boot_id")]
        for path in (self._bwrap, self._setpriv):
            if path is not None:
                found = os.stat(path)
                facts.append(f"{path}:{found.st_size}:{found.st_mtime_ns}:{found.st_ino}")
        return " ".join(fact.strip() for fact in facts)


_PROBE = (
    'test "$(id -u)" != 0 || { echo "the job is root"; exit 1; }\n'
    "while read -r name value; do case $name in CapEff:|CapPrm:|CapBnd:|CapInh:|CapAmb:)\n"
    '  case $value in *[!0]*) echo "the job has capabilities ($name $value)"; exit 1;; esac;; esac\n'
    "done < /proc/self/status\n"
    "touch /andon-work/x /out/x /tmp/x || exit 1\n"
    'if touch /x 2>/dev/null; then echo "the root directory is writable"; exit 1; fi\n'
)


def _tool(name: str) -> str | None:
    """The path of a program: absolute as it is, else in TRUSTED. None when it can't be executed."""
    for directory in TRUSTED:
        path = os.path.join(directory, name)
        if os.access(path, os.X_OK):
            return path
    return None


def _has_user(user: int) -> bool:
    """Whether this user id exists in Andon's own user namespace (a container may map only the first 65,536)."""
    for line in _read_text("/proc/self/uid_map").splitlines():
        first, _, count = (int(field) for field in line.split())
        if first <= user < first + count:
            return True
    return False


def _read_text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _write_text(path: str, text: str) -> None:
    temporary = f"{path}.{os.getpid()}"
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError:
        # The next process probes again.
        pass
