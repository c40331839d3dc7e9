"""From holds and dependencies to waves and added dependencies; tasks are numbers in issue order.

Rules. Dependencies are added from tasks of earlier waves to tasks of later ones, or along one fixed order of all tasks in
which every dependency points forward, so there is never a cycle. Where contracts first take more waves than the tasks as
they are take in issue order, the shared files are put into sequence instead: the result is never worse than issue order, nor
than one at a time. Must not know: predictions, texts.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from andon.core.planning.bounds import Problem, heads_of, problem_of
from andon.core.planning.holds import Hold, Places
from andon.core.planning.shared import CONTRACT_FIRST, SEQUENCE, Shared, shared_places
from andon.core.planning.waves import Cut, cut

MAX_ADDED = 100
"""No task gets more dependencies than this from a plan; the scopes keep apart what is left."""


class Edge(Struct, frozen=True, kw_only=True):
    """task comes after the other one, because of a place."""

    task: int
    after: int
    path: str
    strategy: str


class Draft(Struct, frozen=True, kw_only=True):
    """released: files that a task holds no longer since a first task settles them. greedy: waves that issue order takes.

    before: all dependencies, with those of contracts first.
    """

    before: tuple[tuple[int, ...], ...]
    places: Places
    shared: tuple[Shared, ...]
    released: tuple[frozenset[str], ...]
    cut: Cut
    greedy: int
    added: tuple[Edge, ...]


def draw(holds: Sequence[Hold], before: Sequence[Sequence[int]], workers: int) -> Draft:
    """The best draft of these tasks."""
    places = Places(holds)
    problem = problem_of(before, places.alone, places.shared, workers)
    heads = heads_of(problem)
    shared = shared_places(holds, places, heads)
    plain = cut(problem)
    none: tuple[frozenset[str], ...] = (frozenset(),) * len(holds)
    if any(item.strategy == CONTRACT_FIRST for item in shared):
        shared, edges, released = _contracts(shared, holds, problem, heads)
        freed = Places(holds, released)
        extended = [list(names) for names in problem.before]
        for edge in edges:
            extended[edge.task].append(edge.after)
        eased = problem_of(extended, freed.alone, freed.shared, workers)
        found = cut(eased)
        contracts = [item for item in shared if item.strategy == CONTRACT_FIRST]
        settled = {item.path for item in contracts}
        rest = [item for item in shared_places(holds, freed, heads) if item.path not in settled]
        if found.waves <= min(plain.waves, plain.greedy):
            return Draft(
                before=eased.before,
                places=freed,
                shared=(*contracts, *rest),
                released=released,
                cut=found,
                greedy=plain.greedy,
                added=(*edges, *_sequences(rest, eased, found)),
            )
    shared = [replace(x, strategy=SEQUENCE, first=None) if x.strategy == CONTRACT_FIRST else x for x in shared]
    return Draft(
        before=problem.before,
        places=places,
        shared=tuple(shared),
        released=none,
        cut=plain,
        greedy=plain.greedy,
        added=tuple(_sequences(shared, problem, plain)),
    )


def _contracts(
    shared: Sequence[Shared], holds: Sequence[Hold], problem: Problem, heads: Sequence[int]
) -> tuple[list[Shared], list[Edge], tuple[frozenset[str], ...]]:
    """The first task of each file that is settled first, the dependencies on it, and who releases what."""
    sure = [0] * len(holds)
    for item in shared:
        if item.first is not None:
            sure[item.first] += len(item.tasks)
    # Every dependency, of the tasks or of a contract, leads forward in this order.
    order = [(head, -sure[task], task) for task, head in enumerate(heads)]
    released: list[set[str]] = [set() for _ in holds]
    counts = [0] * len(holds)
    known: list[set[int]] = [set(names) for names in problem.before]
    settled, edges = [], []
    for item in shared:
        if item.strategy != CONTRACT_FIRST:
            settled.append(item)
            continue
        first = min(item.tasks, key=order.__getitem__)
        settled.append(replace(item, first=first))
        behind = _behind(first, problem)
        for task in item.tasks:
            if task == first or counts[task] >= MAX_ADDED:
                continue
            if not holds[task].declared:
                released[task].add(item.path)
            if task not in behind and first not in known[task]:
                known[task].add(first)
                counts[task] += 1
                edges.append(Edge(task=task, after=first, path=item.path, strategy=CONTRACT_FIRST))
    return settled, edges, tuple(map(frozenset, released))


def _behind(first: int, problem: Problem) -> set[int]:
    """The tasks that depend on this one as they are, by whatever way."""
    found: set[int] = set()
    queue = [first]
    while queue:
        for task in problem.after[queue.pop()]:
            if task not in found:
                found.add(task)
                queue.append(task)
    return found


def _sequences(shared: Sequence[Shared], problem: Problem, found: Cut) -> list[Edge]:
    """For each place in sequence: each task after the nearest ones before it, of which it, or they, hold the place alone."""
    known = [set(names) for names in problem.before]
    counts = [0] * len(known)
    edges = []
    for item in shared:
        if item.strategy != SEQUENCE:
            continue
        alone = set(item.alone)
        by_wave: dict[int, list[int]] = {}
        for task in item.tasks:
            by_wave.setdefault(found.wave[task], []).append(task)
        earlier: list[int] = []
        last_alone: list[int] = []
        for wave in sorted(by_wave):
            here = by_wave[wave]
            mine = [task for task in here if task in alone]
            # Whoever holds it with others waits for the last that held it alone, not for those like itself.
            wanted = earlier if mine else last_alone
            for task in here:
                for other in wanted:
                    if other not in known[task] and counts[task] < MAX_ADDED:
                        known[task].add(other)
                        counts[task] += 1
                        edges.append(Edge(task=task, after=other, path=item.path, strategy=SEQUENCE))
            earlier = here
            last_alone = mine or last_alone
    return edges


def reasons_of(draft: Draft, ids: Sequence[str]) -> list[str]:
    """Why each task is in its wave and in none before."""
    wave = draft.cut.wave
    alone: dict[tuple[int, int], int] = {}
    anyhow: dict[tuple[int, int], int] = {}
    for task, number in enumerate(wave):
        for place in draft.places.alone[task]:
            alone[(place, number)] = anyhow[(place, number)] = task
        for place in draft.places.shared[task]:
            anyhow.setdefault((place, number), task)
    found = []
    for task, number in enumerate(wave):
        last = next((other for other in draft.before[task] if wave[other] == number - 1), None)
        if number == 1:
            found.append("nothing before it")
        elif last is not None:
            found.append(f"after {ids[last]}")
        else:
            found.append(_kept_off(draft, ids, task, number - 1, alone, anyhow))
    return found


def _kept_off(
    draft: Draft,
    ids: Sequence[str],
    task: int,
    number: int,
    alone: dict[tuple[int, int], int],
    anyhow: dict[tuple[int, int], int],
) -> str:
    for place in draft.places.alone[task]:
        if (place, number) in anyhow:
            return f"{draft.places.names[place]} is {ids[anyhow[place, number]]}'s in wave {number}"
    for place in draft.places.shared[task]:
        if (place, number) in alone:
            return f"{draft.places.names[place]} is {ids[alone[place, number]]}'s in wave {number}"
    return "no worker is free before"
