"""The play: who is on stage, what they are told, and what the driver does while they work.

Theory of operation. Each dishonest worker claims its own task first; then the honest implementers and reviewers
start and take whatever is ready. The lead is a process of its own. The play only listens, kills the victim when it
is in the middle of its work, wakes it up again when its task is someone else's, and ends when everything has landed
or time is over. No process outlives it. Must not know: set-up, judgement.
"""

from __future__ import annotations

import time
from pathlib import Path

from andon.demo.crew import Note
from andon.demo.listening import Listening
from andon.demo.screen import Screen
from andon.demo.worker import Orders

LEASE_S = 20
REVIEWERS = ("rhea", "ruth")
IMPLEMENTERS = ("ada", "ben", "cleo", "dora", "emil", "fay", "gus", "hana")
CHEATS = {
    "gate-editor": "CVE-2021-32839",
    "victim": "issue588",
    "test-deleter": "issue399",
    "no-work": "python-3.8",
    "edits-after-green": "ruff-engine",
    "way-round": "issue628",
}
"""Character -> the task that it claims first. Together they hold every task that is ready at the start."""


class Play(Listening):
    """One demo while it runs."""

    def __init__(self, repository: Path, backstage: Path, tasks: dict[str, str], screen: Screen, workers: int) -> None:
        super().__init__(repository, backstage, tasks, screen)
        self.ids = {key: name for name, key in tasks.items()}
        self.workers = workers
        self.late_started = False
        self.honest_started = False

    def orders(self, character: str, agent: str, task: str = "") -> Orders:
        return Orders(
            character=character,
            agent=agent,
            repository=str(self.repository),
            tasks=self.tasks,
            stop=str(self.backstage / "stop"),
            hold=str(self.backstage / "hold"),
            memory=str(self.backstage / "victim.json"),
            lease_s=LEASE_S,
            task=self.ids.get(task, ""),
        )

    # ------------------------------------------------------------ the play

    def run(self, time_limit_s: float) -> list[str]:
        """Until all is done or time is over. Returns what went wrong with the play itself."""
        begun = time.monotonic()
        deadline = begun + time_limit_s
        try:
            for character, task in CHEATS.items():
                self.crew.start_worker(self.orders(character, character, task))
            self.crew.start_lead()
            self.listen_until(
                lambda: len(self._claimed_by_cheats()) == len(CHEATS), min(deadline, time.monotonic() + 30)
            )
            for agent in IMPLEMENTERS[: self.workers]:
                self.crew.start_worker(self.orders("implementer", agent))
            for agent in REVIEWERS:
                self.crew.start_worker(self.orders("reviewer", agent))
            self.honest_started = True
            done = self.listen_until(self._finished, deadline)
            died = [f"process {name} ended with exit code {code}" for name, code in self.crew.dead()]
        finally:
            self.end()
        return (
            died if done else [*died, f"ended unfinished after {time.monotonic() - begun:.0f} s: {self._open_tasks()}"]
        )

    def _claimed_by_cheats(self) -> set[str]:
        return {note["agent"] for note in self.ledger.of("claimed")} & set(CHEATS)

    def _finished(self) -> bool:
        return len(self.statuses) > 0 and not self._open_tasks() and self.ledger.complete()

    def _open_tasks(self) -> str:
        return ", ".join(f"{self.tasks[name]} {status}" for name, status in self.statuses.items() if status != "landed")

    def goes_on(self) -> bool:
        """Whether somebody is there to implement, to review and to land; without them nothing more will happen."""
        running = self.crew.running()
        reviewing = not self.honest_started or running & set(REVIEWERS)
        working = not self.honest_started or running & set(IMPLEMENTERS)
        return not self.crew.dead() and "lead" in running and bool(reviewing) and bool(working)

    # ------------------------------------------------------------ what happens

    def on_note(self, note: Note) -> None:
        self.ledger.add(note)
        what, agent, task = str(note["what"]), str(note["agent"]), str(note["task"])
        if what == "tried":
            refused = note["reply"]["exit"] != 0
            self.screen.happening(agent, task, str(note["text"]))
            verdict = f"REFUSED (exit {note['reply']['exit']})" if refused else "LET THROUGH"
            self.screen.happening(
                "andon", task, f"{verdict} {note['reply']['reason']}", "refused" if refused else "let_through"
            )
        else:
            self.screen.happening(agent, task, str(note["text"]), what)
        if what == "claimed":
            self.screen.state(task, str(note["step"]), agent)
            self._wake_victim(agent, task)
        if what == "half_way":
            self.crew.kill(agent)
            self.screen.happening("demo", task, f"kill -9 {agent}; its lease runs out within {LEASE_S} s", "killed")

    def _wake_victim(self, agent: str, task: str) -> None:
        """The victim's task is someone else's now: let it come back with what it remembers."""
        memory = self.backstage / "victim.json"
        if task == CHEATS["victim"] and agent != "victim" and memory.exists() and not self.late_started:
            self.late_started = True
            self.crew.start_worker(self.orders("late", "victim"), "victim-again")
