"""The fault-injecting layer: one `andon` command with a fault at one write boundary of it or of its git processes."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).with_name("faults.c")
SHARED_BYTES = 16 + 4 * 4096
TIMEOUT_S = 120.0


def build(directory: Path) -> Path:
    """Compile the library. A machine without a compiler fails the tests with the install line."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "the tests of crashes need a C compiler: apt-get install gcc libc6-dev"
    library = directory / "faults.so"
    command = [compiler, "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(library), str(SOURCE)]
    done = subprocess.run([*command, "-ldl", "-lpthread"], capture_output=True, text=True)
    assert done.returncode == 0, f"faults.c can't be compiled (apt-get install gcc libc6-dev): {done.stderr}"
    return library


@dataclass(frozen=True)
class Boundary:
    """One call that changes the disk. number: from 1, over all processes of the command."""

    number: int
    kind: str
    path: str


@dataclass
class Outcome:
    """How a command ended. exit: negative when it was killed."""

    exit: int
    out: str
    err: str
    boundaries: list[Boundary] = field(default_factory=list)
    reached: int = 0

    def __str__(self) -> str:
        return f"exit {self.exit}\n{self.out}\n{self.err}"


class Layer:
    """Runs commands under faults. roots: only what lies below these directories counts."""

    def __init__(self, library: Path, directory: Path, roots: list[Path]) -> None:
        self.library = library
        self.directory = directory
        self.started = 0
        self.shared = directory / "faults.shared"
        self.record = directory / "faults.record"
        self.roots = roots

    def environment(self, action: str, at: int, ahead_s: int, only: str) -> dict[str, str]:
        return {
            "FAULTS_ONLY": only,
            "LD_PRELOAD": str(self.library),
            "FAULTS_ACTION": action,
            "FAULTS_AT": str(at),
            "FAULTS_AHEAD_S": str(ahead_s),
            "FAULTS_SHARED": str(self.shared),
            "FAULTS_RECORD": str(self.record),
            "FAULTS_ROOTS": ":".join(f"{root}/" for root in self.roots),
        }

    def start(
        self,
        argv: list[str],
        *,
        cwd: Path,
        env: dict[str, str],
        action: str = "",
        at: int = 0,
        ahead_s: int = 0,
        answer: str | None = None,
        only: str = "",
    ) -> Running:
        """answer: what a person types at a terminal; None: no terminal. only: what a path must hold to count."""
        # Each command has a counter of its own: a zombie's goes on when it wakes up.
        self.started += 1
        self.shared.unlink(missing_ok=True)
        self.shared = self.directory / f"faults.shared.{self.started}"
        self.shared.write_bytes(b"\0" * SHARED_BYTES)
        self.record.unlink(missing_ok=True)
        terminal = None
        stdin: int = subprocess.DEVNULL
        stderr: int = subprocess.PIPE
        if answer is not None:
            terminal, slave = os.openpty()
            os.write(terminal, answer.encode())
            stdin = stderr = slave
        process = subprocess.Popen(
            [sys.executable, "-m", "andon", *argv],
            cwd=cwd,
            env=env | self.environment(action, at, ahead_s, only),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        if answer is not None:
            os.close(stdin)
        return Running(self, process, terminal)

    def processes(self, data: bytes | None = None) -> list[int]:
        """Processes that took part in the last command, by id."""
        data = data if data is not None else self.shared.read_bytes()
        count = struct.unpack_from("<q", data, 8)[0]
        return [pid for pid in struct.unpack_from(f"<{min(count, 4096)}i", data, 16) if pid]

    def boundaries(self) -> list[Boundary]:
        if not self.record.exists():
            return []
        lines = self.record.read_text(errors="surrogateescape").splitlines()
        parts = [line.split(" ", 2) for line in lines]
        return [Boundary(number, kind, path) for number, (kind, _pid, path) in enumerate(parts, 1)]

    def count(self) -> int:
        return int(struct.unpack_from("<q", self.shared.read_bytes())[0])


class Running:
    """A command under way."""

    def __init__(self, layer: Layer, process: subprocess.Popen[str], terminal: int | None) -> None:
        self.layer = layer
        self.process = process
        self.terminal = terminal
        self.shared = layer.shared
        self.stopped_processes: list[int] = []

    def stopped(self) -> bool:
        """Wait until it stands still (True) or has ended (False)."""
        found = os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        self.stopped_processes = self.layer.processes()
        return found is not None and found.si_code == os.CLD_STOPPED

    def go_on(self) -> None:
        for pid in reversed(self.stopped_processes):
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass

    def finish(self) -> Outcome:
        try:
            out, err = self.process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            err = f"{err or ''}\nit was still at work after {TIMEOUT_S} s"
        if self.terminal is not None:
            os.close(self.terminal)
        layer = self.layer
        return Outcome(self.process.returncode, out, err or "", layer.boundaries(), layer.count())


def gone(pids: list[int], within_s: float = 5.0) -> list[int]:
    """Those of the processes that are still alive after a moment."""
    until = time.monotonic() + within_s
    while True:
        alive = [pid for pid in pids if _alive(pid)]
        if not alive or time.monotonic() > until:
            return alive
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False
