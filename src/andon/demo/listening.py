"""What both acts of the demo do while their workers are at work: hear what they say, look at the tasks, know when to stop.

Must not know: who is on stage, what a note means.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from pathlib import Path

from andon.demo import stage
from andon.demo.crew import Crew, Note
from andon.demo.ledger import Ledger
from andon.demo.screen import Screen

POLL_S = 1.0


class Listening:
    """An act while it runs. tasks: id -> key, of those that are told of."""

    def __init__(self, repository: Path, backstage: Path, tasks: dict[str, str], screen: Screen) -> None:
        self.repository = repository
        self.backstage = backstage
        self.tasks = tasks
        self.screen = screen
        self.ledger = Ledger()
        self.crew = Crew(repository, backstage)
        self.statuses: dict[str, str] = {}

    def goes_on(self) -> bool:
        """Whether those who are needed are still there; asked about once a second."""
        return not self.crew.dead()

    def landed(self, task: str, commit: str) -> str:
        """A landing in words."""
        return f"landed as {commit}"

    def on_note(self, note: Note) -> None:
        raise NotImplementedError

    def listen_until(self, done: Callable[[], bool], deadline: float) -> bool:
        """False when time is over, or nothing more will happen."""
        polled = 0.0
        while not done():
            if time.monotonic() > deadline:
                return False
            try:
                self.on_note(self.crew.notes.get(timeout=0.2))
            except queue.Empty:
                pass
            if time.monotonic() - polled > POLL_S:
                self._poll()
                polled = time.monotonic()
                if not self.goes_on():
                    return False
        return True

    def end(self) -> None:
        """Everybody goes; what was said last is heard."""
        (self.backstage / "stop").touch()
        self.crew.stop()
        self.drain()

    def drain(self) -> None:
        while True:
            try:
                self.on_note(self.crew.notes.get_nowait())
            except queue.Empty:
                return

    def _poll(self) -> None:
        """Look at the tasks; tell what has landed since."""
        for name, item in stage.states(self.repository).items():
            if (key := self.tasks.get(name)) is None:
                continue
            status = str(item["status"])
            if status == "landed" and self.statuses.get(name) != "landed":
                self.screen.happening("lead", key, self.landed(name, str(item["commit"])[:10]), "landed")
            if status != "running" or name not in self.statuses:
                self.screen.state(key, status)
            self.statuses[name] = status
