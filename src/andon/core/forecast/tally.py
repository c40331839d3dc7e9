"""What one replication of a simulation counts: by step, by run and by worker. Times are whole microseconds."""

from __future__ import annotations

from collections import Counter

TICKS = 1_000_000
"""Microseconds in a second: time is whole, so that equal means equal on every machine."""


class StepTally:
    """waits: of each claim in a run, from when the step could be claimed. busy: worked time.

    delay: time from entry to leaving.
    """

    __slots__ = ("attempts", "busy", "delay", "flaky", "lost", "red", "verifications", "visits", "waits")

    def __init__(self) -> None:
        self.waits: list[int] = []
        self.busy = 0
        self.delay = 0
        self.visits = 0
        self.attempts = 0
        self.red = 0
        self.lost = 0
        self.flaky = 0
        self.verifications = 0


class Tally:
    """hook_waits: of tasks for their first claim. task_times: from when a task was there to its
    end; run_times: from its first claim."""

    def __init__(self, steps: list[str], workers: int) -> None:
        self.steps = {step: StepTally() for step in steps}
        self.worked = [0] * workers
        self.hook_waits: list[int] = []
        self.task_times: list[int] = []
        self.run_times: list[int] = []
        self.blocked: Counter[str] = Counter()
        self.tokens = 0.0
        self.landed_rounds = 0
        self.last_end = 0
        self.now = 0
