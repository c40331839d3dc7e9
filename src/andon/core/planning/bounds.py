"""The problem of cutting waves, and how few waves there can be.

Bounds, each true of every cut: the longest chain of dependencies; the workers, with what must come before and after each task
(identical machines with heads and tails, exact for tasks of length one by Jackson's rule); each place held alone (one
machine, by the same rule); and cliques of tasks of which no two can be in one wave, because of places or of dependencies.
The greatest of them is the lower bound. Must not know: how waves are found.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from msgspec import Struct

from andon.core.errors import InvariantViolation

MAX_CLIQUE_TASKS = 1_500
CLIQUE_STARTS = 40


class Problem(Struct, frozen=True, kw_only=True):
    """before, after: the tasks that each depends on, and those that depend on it. alone, shared: places held, by number.

    A place stands in one of the two at most for each task, and at most once.
    """

    before: tuple[tuple[int, ...], ...]
    after: tuple[tuple[int, ...], ...]
    alone: tuple[tuple[int, ...], ...]
    shared: tuple[tuple[int, ...], ...]
    workers: int

    def reversed(self) -> Problem:
        """The same seen from the end."""
        return Problem(before=self.after, after=self.before, alone=self.alone, shared=self.shared, workers=self.workers)


def problem_of(
    before: Sequence[Sequence[int]], alone: Sequence[Sequence[int]], shared: Sequence[Sequence[int]], workers: int
) -> Problem:
    """The problem; places that only one task holds, or that all hold with others, are left out."""
    after: list[list[int]] = [[] for _ in before]
    for task, names in enumerate(before):
        for name in dict.fromkeys(names):
            after[name].append(task)
    held: dict[int, int] = {}
    strict: set[int] = set()
    for mine, others in zip(alone, shared, strict=True):
        for place in set(mine) | set(others):
            held[place] = held.get(place, 0) + 1
        strict.update(mine)

    def kept(places: Sequence[int], without: Sequence[int] = ()) -> tuple[int, ...]:
        wanted = {place for place in places if held[place] > 1 and place in strict and place not in without}
        # The most contested first: who is kept off twice waits where most others wait.
        return tuple(sorted(wanted, key=lambda place: (-held[place], place)))

    return Problem(
        before=tuple(tuple(dict.fromkeys(names)) for names in before),
        after=tuple(map(tuple, after)),
        alone=tuple(kept(places) for places in alone),
        shared=tuple(kept(places, without=mine) for mine, places in zip(alone, shared, strict=True)),
        workers=workers,
    )


def order_of(problem: Problem) -> list[int]:
    """The tasks so that each comes behind those that it depends on. Raises InvariantViolation for a cycle."""
    missing = [len(before) for before in problem.before]
    found = [task for task, count in enumerate(missing) if not count]
    for task in found:
        for after in problem.after[task]:
            missing[after] -= 1
            if not missing[after]:
                found.append(after)
    if len(found) != len(missing):
        raise InvariantViolation("tasks that wait for one another were to be cut into waves")
    return found


def heads_of(problem: Problem) -> list[int]:
    """How many tasks must come before each one, in a row."""
    heads = [0] * len(problem.before)
    for task in order_of(problem):
        for after in problem.after[task]:
            heads[after] = max(heads[after], heads[task] + 1)
    return heads


def tails_of(problem: Problem) -> list[int]:
    return heads_of(problem.reversed())


def lower_bound(problem: Problem) -> int:
    """No cut has fewer waves than this."""
    count = len(problem.before)
    if not count:
        return 0
    heads, tails = heads_of(problem), tails_of(problem)
    bound = _machines(range(count), heads, tails, problem.workers)
    for holders in _holders(problem):
        if len(holders) > 1:
            bound = max(bound, _machines(holders, heads, tails, 1))
    if count <= MAX_CLIQUE_TASKS:
        for clique in _cliques(problem):
            bound = max(bound, _machines(clique, heads, tails, 1))
    return bound


def _holders(problem: Problem) -> list[list[int]]:
    """For each place the tasks that hold it alone, and one of those that hold it with others."""
    found: dict[int, list[int]] = {}
    for task, places in enumerate(problem.alone):
        for place in places:
            found.setdefault(place, []).append(task)
    first: set[int] = set()
    for task, places in enumerate(problem.shared):
        for place in places:
            if place not in first:
                first.add(place)
                found[place].append(task)
    return list(found.values())


def _machines(tasks: Sequence[int], heads: Sequence[int], tails: Sequence[int], workers: int) -> int:
    """The fewest waves for these tasks when `workers` of them fit into one, each after its head and before its tail.

    Jackson's rule: of those whose head is over, the ones with the longest tails first; optimal for tasks of length one.
    """
    coming = sorted(tasks, key=heads.__getitem__)
    ready: list[tuple[int, int]] = []
    at = wave = bound = 0
    while at < len(coming) or ready:
        if not ready:
            wave = max(wave, heads[coming[at]])
        while at < len(coming) and heads[coming[at]] <= wave:
            heapq.heappush(ready, (-tails[coming[at]], coming[at]))
            at += 1
        wave += 1
        for _ in range(min(workers, len(ready))):
            tail, _task = heapq.heappop(ready)
            bound = max(bound, wave - tail)
    return bound


def _cliques(problem: Problem) -> list[list[int]]:
    """Sets of tasks of which no two can be in one wave, each grown from one of the most entangled tasks."""
    apart = _apart(problem)
    degree = [bits.bit_count() for bits in apart]
    starts = sorted(range(len(apart)), key=lambda task: (-degree[task], task))[:CLIQUE_STARTS]
    found = []
    for start in starts:
        clique, rest = [start], apart[start]
        while rest:
            best = max(_bits(rest), key=lambda task: ((apart[task] & rest).bit_count(), -task))
            clique.append(best)
            rest &= apart[best]
        found.append(clique)
    return found


def _apart(problem: Problem) -> list[int]:
    """For each task the tasks that can't be in its wave, as the bits of a number."""
    count = len(problem.before)
    above = [0] * count
    for task in order_of(problem):
        for after in problem.after[task]:
            above[after] |= above[task] | (1 << task)
    apart = list(above)
    for task, bits in enumerate(above):
        for other in _bits(bits):
            apart[other] |= 1 << task
    alone: dict[int, int] = {}
    anyhow: dict[int, int] = {}
    for task in range(count):
        for place in problem.alone[task]:
            alone[place] = alone.get(place, 0) | 1 << task
        for place in (*problem.alone[task], *problem.shared[task]):
            anyhow[place] = anyhow.get(place, 0) | 1 << task
    for task in range(count):
        for place in problem.alone[task]:
            apart[task] |= anyhow[place]
        for place in problem.shared[task]:
            apart[task] |= alone.get(place, 0)
        apart[task] &= ~(1 << task)
    return apart


def _bits(number: int) -> list[int]:
    found = []
    while number:
        low = number & -number
        found.append(low.bit_length() - 1)
        number ^= low
    return found
