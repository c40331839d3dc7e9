"""Cutting tasks into waves: as few as possible, under dependencies, shared places and the number of workers.

A wave is a set of tasks that may run side by side: none depends on another, no two hold a place against each other, and
there are no more than there are workers. A task holds places as a database holds locks (Gray et al. 1976, granularity of
locks): a file or directory that it changes is held alone; the directories above it that others hold as a whole are held with
others. Two tasks can't be in one wave when one holds alone what the other holds at all.

The method: list scheduling, wave by wave, by several priority rules (longest way to the end, most contested place, issue
order); the best result is improved by scheduling backwards and forwards again (Li and Willis 1992) and by shaken orders, a
bounded number of times and with a fixed stream of numbers, so that the same tasks get the same waves. Issue order is among
the rules, so that the result is never worse than it. A task that is kept off by a place waits in that place's queue, and one
of each queue is offered at a time: no pass looks at all tasks for every wave.
Must not know: tasks' texts, files, predictions.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from msgspec import Struct

from andon.core.errors import InvariantViolation
from andon.core.planning.bounds import Problem, lower_bound, tails_of

SHAKES = 400
SHAKEN_TASKS = 120_000
"""All shakes together look at no more than about this many tasks."""
STRENGTHS = (1, 2, 4)


class Cut(Struct, frozen=True, kw_only=True):
    """wave: of each task, from 1. greedy: how many waves issue order takes."""

    wave: tuple[int, ...]
    waves: int
    lower_bound: int
    greedy: int


def cut(problem: Problem) -> Cut:
    """The best waves found. Tasks are in issue order."""
    count = len(problem.before)
    if not count:
        return Cut(wave=(), waves=0, lower_bound=0, greedy=0)
    search = _Search(problem)
    greedy = search.attempt([float(task) for task in range(count)])
    bound = lower_bound(problem)
    for rank in _ranks(problem):
        if search.waves <= bound:
            break
        search.attempt(rank)
    search.improve(bound)
    return Cut(wave=tuple(search.best), waves=search.waves, lower_bound=bound, greedy=greedy)


def _ranks(problem: Problem) -> list[list[float]]:
    tails = tails_of(problem)
    load: dict[int, int] = {}
    for held in problem.alone:
        for place in held:
            load[place] = load.get(place, 0) + 1
    most = [max((load[place] for place in held), default=0) for held in problem.alone]
    many = [sum(load[place] for place in held) for held in problem.alone]
    size = float(len(tails) + 1)
    rules: list[list[tuple[int, ...]]] = [
        [(-tail, -most[task], -many[task], task) for task, tail in enumerate(tails)],
        [(-max(tail, most[task]), -tail, -many[task], task) for task, tail in enumerate(tails)],
        [(-tail - most[task], -many[task], task) for task, tail in enumerate(tails)],
        [(-many[task], -tail, task) for task, tail in enumerate(tails)],
    ]
    ranks = []
    for keys in rules:
        rank = [size] * len(keys)
        for place, task in enumerate(sorted(range(len(keys)), key=keys.__getitem__)):
            rank[task] = float(place)
        ranks.append(rank)
    return ranks


class _Search:
    """The best schedule so far, and the ways to a better one."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.backwards = problem.reversed()
        self.best: list[int] = []
        self.waves = len(problem.before) + 1
        self.load = 0

    def attempt(self, rank: Sequence[float]) -> int:
        """Schedule by rank; how many waves that takes."""
        found = schedule(self.problem, rank)
        waves = max(found)
        # Fewer tasks in the last wave: nearer to one wave less.
        last = sum(1 for wave in found if wave == waves)
        if (waves, last) < (self.waves, self.load):
            self.best, self.waves, self.load = found, waves, last
        return waves

    def improve(self, bound: int) -> None:
        count = len(self.best)
        noise = _Noise()
        shakes = min(SHAKES, max(2, SHAKEN_TASKS // count))
        start = self.best
        for shake in range(shakes):
            if self.waves <= bound:
                return
            strength = STRENGTHS[shake % len(STRENGTHS)]
            # The late ones first, seen from the end; then the early ones first, seen from what that gave.
            late = [-wave + strength * noise.next() for wave in start]
            backwards = schedule(self.backwards, late)
            self.attempt([-wave + 0.5 * noise.next() for wave in backwards])
            if shake % 8 == 7:
                start = self.best


class _Noise:
    """A fixed stream of numbers from 0 to 1 (a linear congruence, constants of Knuth's MMIX)."""

    def __init__(self) -> None:
        self.state = 88_172_645_463_325_252

    def next(self) -> float:
        self.state = (self.state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        return (self.state >> 11) / 2**53


def schedule(problem: Problem, rank: Sequence[float]) -> list[int]:
    """The wave of each task when each wave takes, in the order of rank, what is free for it."""
    return _Scheduling(problem, rank).run()


class _Scheduling:
    def __init__(self, problem: Problem, rank: Sequence[float]) -> None:
        self.problem = problem
        self.rank = rank
        self.missing = [len(before) for before in problem.before]
        self.ready = [(rank[task], task) for task, missing in enumerate(self.missing) if not missing]
        heapq.heapify(self.ready)
        self.queues: dict[int, list[tuple[float, int]]] = {}
        self.offered: dict[int, int] = {}
        """place -> the task of its queue that is among the ready ones"""
        self.queue_of: dict[int, int] = {}
        """the reverse"""
        self.alone: set[int] = set()
        self.shared: set[int] = set()

    def run(self) -> list[int]:
        wave_of = [0] * len(self.missing)
        placed = wave = 0
        while placed < len(wave_of):
            wave += 1
            here = self._fill()
            if not here:
                raise InvariantViolation("tasks that wait for one another were to be cut into waves")
            placed += len(here)
            for task in here:
                wave_of[task] = wave
            self._next_wave(here)
        return wave_of

    def _fill(self) -> list[int]:
        here: list[int] = []
        problem = self.problem
        while self.ready and len(here) < problem.workers:
            _, task = heapq.heappop(self.ready)
            place = self._in_the_way(task)
            if place is not None:
                heapq.heappush(self.queues.setdefault(place, []), (self.rank[task], task))
            else:
                here.append(task)
                self.alone.update(problem.alone[task])
                self.shared.update(problem.shared[task])
            came_from = self.queue_of.pop(task, None)
            if came_from is not None:
                del self.offered[came_from]
                if came_from not in self.alone:
                    self._offer(came_from)
        return here

    def _in_the_way(self, task: int) -> int | None:
        for place in self.problem.alone[task]:
            if place in self.alone or place in self.shared:
                return place
        for place in self.problem.shared[task]:
            if place in self.alone:
                return place
        return None

    def _offer(self, place: int) -> None:
        queue = self.queues.get(place)
        # Who waits for this place because it is held with others would be in its own way.
        if queue and place not in self.offered and not self._still_held(queue[0][1], place):
            rank, task = heapq.heappop(queue)
            self.offered[place] = task
            self.queue_of[task] = place
            heapq.heappush(self.ready, (rank, task))

    def _still_held(self, task: int, place: int) -> bool:
        return place in self.alone or (place in self.shared and place in self.problem.alone[task])

    def _next_wave(self, here: list[int]) -> None:
        used = sorted(self.alone | self.shared)
        self.alone, self.shared = set(), set()
        for place in used:
            self._offer(place)
        for task in here:
            for after in self.problem.after[task]:
                self.missing[after] -= 1
                if not self.missing[after]:
                    heapq.heappush(self.ready, (self.rank[after], after))
