"""Virtual time: one heap of (time, seeded tie-break, sequence), and tasks that can be suspended in the middle of a call.

A task is a greenlet, so production code runs as it is and is stopped wherever it touches the world. Only one task runs at
a time; which one is next follows from the seed alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

import greenlet

EPOCH = 1_800_000_000.0
"""virtual seconds since 1970 at which every simulation begins"""


class Killed(BaseException):
    """kill -9: raised where a killed process was suspended; nothing that it does afterwards reaches the world."""


class Scheduler:
    """Runs acts in the order of virtual time."""

    def __init__(self, random: Random) -> None:
        self.now = EPOCH
        self.steps = 0
        self._random = random
        self._heap: list[tuple[float, float, int, Callable[[], None]]] = []
        self._sequence = 0
        self._hub = greenlet.getcurrent()

    def after(self, delay_s: float, act: Callable[[], None]) -> None:
        """Do something later; what is due at the same moment goes in a seeded order."""
        self._sequence += 1
        heapq.heappush(self._heap, (self.now + delay_s, self._random.random(), self._sequence, act))

    def step(self) -> bool:
        """Do the next thing; False when there is none."""
        if not self._heap:
            return False
        when, _tie, _sequence, act = heapq.heappop(self._heap)
        self.now = max(self.now, when)
        self.steps += 1
        act()
        return True

    def run(self, enough: Callable[[], bool], *, limit: int) -> bool:
        """Go on until it is enough; False when `limit` steps were not."""
        for _ in range(limit):
            if enough():
                return True
            if not self.step():
                return enough()
        return enough()

    def drain(self) -> list[Callable[[], None]]:
        """Take out all that was to come, in its order."""
        waiting = [act for _when, _tie, _sequence, act in sorted(self._heap, key=lambda item: item[:3])]
        self._heap.clear()
        return waiting

    # ------------------------------------------------------------ tasks

    def start(self, body: Callable[[], None]) -> greenlet.greenlet:
        """Begin a task now; comes back when it is suspended or done."""
        task = greenlet.greenlet(body, parent=self._hub)
        task.switch()
        return task

    def suspend(self, delay_s: float) -> None:
        """Called by a task: let others go first."""
        task = greenlet.getcurrent()
        self.after(delay_s, lambda: self._resume(task))
        self._hub.switch()

    @staticmethod
    def _resume(task: greenlet.greenlet) -> None:
        if not task.dead:
            task.switch()
