"""Workers beside a parent: detached `andon work` processes, one for a child, known by their process id and start.

Theory of operation. A worker is started in a session of its own, in the repository and not in the parent's claim, so that
it outlives the command that started it. A small file says which process it is; a process of that id that began at another
time is somebody else's and is left alone. What such a worker does is judged like anybody's work.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

from andon.core.errors import EXIT_UNAVAILABLE, AndonError

LEFT_OUT = frozenset({"ANDON_RUN", "ANDON_AGENT", "ANDON_LAUNCHED"})
"""What tells of the parent's own claim."""


class Workers:
    """The port `Beside`."""

    def __init__(self, state_dir: str, cwd: str) -> None:
        self._directory = os.path.join(state_dir, "beside")
        self._cwd = cwd

    def check(self, client: str, extra: tuple[str, ...]) -> None:
        from andon.app.work.clients import find_client

        find_client(client, extra)

    def start(self, task: str, client: str, extra: tuple[str, ...]) -> dict[str, str | int]:
        os.makedirs(self._directory, exist_ok=True)
        log = os.path.join(self._directory, f"{task}.log")
        command = [sys.executable, "-m", "andon", "work", "--agent", client, "--task", task, "--once"]
        command += ["--", *extra] if extra else []
        environment = {key: value for key, value in os.environ.items() if key not in LEFT_OUT}
        try:
            with open(log, "ab") as out:
                process = subprocess.Popen(
                    command,
                    cwd=self._cwd,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                )
            record = {"task": task, "pid": process.pid, "began": _began(process.pid), "log": log}
            with open(self._record(task) + ".new", "w", encoding="utf-8") as file:
                json.dump(record, file)
            os.replace(self._record(task) + ".new", self._record(task))
        except OSError as error:
            raise AndonError(
                f"no worker could be started for {task}: {error}",
                kind="not_started",
                next=f"andon work --agent {client} --task {task}",
                exit=EXIT_UNAVAILABLE,
            ) from error
        # It is nobody's child to wait for: it goes on when this command ends.
        process.returncode = 0
        return {"pid": process.pid, "log": log}

    def end(self, task: str) -> None:
        try:
            with open(self._record(task), encoding="utf-8") as file:
                record = json.load(file)
            pid, began = int(record["pid"]), str(record["began"])
        except (OSError, ValueError, KeyError, TypeError):
            return
        try:
            if began and _began(pid) == began:
                os.killpg(pid, signal.SIGTERM)
            os.unlink(self._record(task))
        except OSError:
            # It is gone already, which is all that was wanted.
            return

    def _record(self, task: str) -> str:
        return os.path.join(self._directory, f"{task}.json")


def _began(pid: int) -> str:
    """When a process began, in the system's own measure; "" when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return ""
