"""The demo's processes: started in sessions of their own, listened to, and never left behind.

Rules: only processes that were started here are ever signalled, by their process group. Must not know: what a
note means.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec

from andon.demo.client import COMMAND, environment_of
from andon.demo.worker import Orders

GRACE_S = 4.0
Note = dict[str, Any]


class Crew:
    """All processes of one demo. `notes` receives what the workers say, each with the worker's character."""

    def __init__(self, repository: Path, logs: Path) -> None:
        self.repository = repository
        self.logs = logs
        self.notes: queue.SimpleQueue[Note] = queue.SimpleQueue()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._listeners: list[threading.Thread] = []

    def start_worker(self, orders: Orders, name: str = "") -> None:
        """Start a worker; `name` tells apart two processes of one agent."""
        process = self._start(
            name or orders.agent,
            [sys.executable, "-m", "andon.demo.worker"],
            orders.agent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        if process.stdin is not None:
            process.stdin.write(msgspec.json.encode(orders))
            process.stdin.close()
        self._listen_in_background(process, orders.character)

    def start_lead(self) -> None:
        """Start the lead, which integrates what is ready until it is stopped."""
        with (self.logs / "lead.out").open("wb") as output:
            self._start("lead", [*COMMAND, "lead", "--watch"], "lead", stdin=subprocess.DEVNULL, stdout=output)

    def _start(self, name: str, command: list[str], agent: str, *, stdin: int, stdout: Any) -> subprocess.Popen[bytes]:
        with (self.logs / f"{name}.log").open("ab") as errors:
            process = subprocess.Popen(
                command,
                cwd=self.repository,
                env=environment_of(agent),
                stdin=stdin,
                stdout=stdout,
                stderr=errors,
                start_new_session=True,
            )
        self._processes[name] = process
        return process

    def _listen_in_background(self, process: subprocess.Popen[bytes], character: str) -> None:
        listener = threading.Thread(target=self._listen, args=(process, character), daemon=True)
        listener.start()
        self._listeners.append(listener)

    def _listen(self, process: subprocess.Popen[bytes], character: str) -> None:
        if process.stdout is None:
            return
        with process.stdout as lines:
            for line in lines:
                try:
                    note = json.loads(line)
                except ValueError:
                    note = {"what": "unexpected", "text": line.decode(errors="replace").strip()}
                self.notes.put({"agent": character, "task": "", "text": "", "character": character, **note})

    def kill(self, name: str) -> None:
        """SIGKILL one worker and all that it started, at once."""
        process = self._processes[name]
        _signal_group(process, signal.SIGKILL)
        process.wait()

    def dead(self) -> list[tuple[str, int]]:
        """Processes that ended by themselves with an error: (name, exit code)."""
        codes = [(name, process.poll()) for name, process in self._processes.items()]
        return [(name, code) for name, code in codes if code not in (None, 0, -signal.SIGKILL)]

    def is_running(self, name: str) -> bool:
        process = self._processes.get(name)
        return process is not None and process.poll() is None

    def running(self) -> set[str]:
        """The names of the processes that run now."""
        return {name for name in self._processes if self.is_running(name)}

    def stop(self) -> None:
        """End every process: politely, and after a short grace with SIGKILL."""
        running = [process for process in self._processes.values() if process.poll() is None]
        for process in running:
            _signal_group(process, signal.SIGTERM)
        for process in running:
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                pass
        for process in running:
            # One that went politely may have left children in its group. Groups of processes that ended long ago are
            # left alone: their number may be somebody else's by now.
            _signal_group(process, signal.SIGKILL)
            process.wait()
        for listener in self._listeners:
            listener.join(GRACE_S)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return
