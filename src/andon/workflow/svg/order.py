"""The order of nodes along each rank: few crossings, phases in one piece.

Sweeps down and up, each rank sorted by the mean place of its neighbours in the rank before (barycentre), then swaps of
neighbours; the best order seen is kept. Rules: a phase's nodes are contiguous in every rank, two phases
stand in the same order in every rank, lane ends stay at the side of their card. Deterministic: ties keep the order of
the file. Must not know: places in pixels, SVG.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import pairwise

from andon.workflow.svg.graph import START, Graph

SWEEPS = 14

Links = dict[str, list[str]]
Path = tuple[str, ...]


def arrange(graph: Graph) -> None:
    """Fill `graph.ranks`. May be called again after nodes were added; the present order is then the first guess."""
    work = _Work(graph)
    best = [list(rank) for rank in work.ranks]
    fewest = work.crossings()
    for sweep in range(SWEEPS):
        if fewest == 0 and sweep > 1:
            break
        work.sweep(downwards=sweep % 2 == 0)
        work.swap_neighbours()
        count = work.crossings()
        if count < fewest:
            fewest, best = count, [list(rank) for rank in work.ranks]
    graph.ranks = best


class _Work:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.above: Links = {key: [] for key in graph.nodes}
        self.below: Links = {key: [] for key in graph.nodes}
        for chain in graph.chains:
            for upper, lower in pairwise(chain.nodes):
                self.below[upper].append(lower)
                self.above[lower].append(upper)
        self.left = {key: graph.glued(key, -1)[::-1] for key in graph.nodes}
        self.right = {key: graph.glued(key, 1) for key in graph.nodes}
        self.place: dict[str, float] = {}
        self.ranks = self._first_guess()
        self.siblings: dict[Path, float] = {}
        self._measure()
        for rank in range(len(self.ranks)):
            self._sort(rank, self.place)

    def _first_guess(self) -> list[list[str]]:
        """The order of the last arrangement, new nodes behind; at first that of a walk from the start."""
        count = max(node.rank for node in self.graph.nodes.values()) + 1
        ranks: list[list[str]] = [[] for _ in range(count)]
        known = [key for rank in self.graph.ranks for key in rank]
        seen: set[str] = set()
        for root in (*known, START, *self.graph.nodes):
            todo = [root]
            while todo:
                key = todo.pop()
                if key in seen:
                    continue
                seen.add(key)
                ranks[self.graph.nodes[key].rank].append(key)
                if not known:
                    todo.extend(reversed(self.below[key]))
        return ranks

    def _measure(self) -> None:
        """Note each node's place in its rank, and each phase's mean place over all ranks, which orders siblings."""
        self.place = {key: float(at) for rank in self.ranks for at, key in enumerate(rank)}
        total: dict[Path, float] = {}
        count: dict[Path, int] = {}
        for rank in self.ranks:
            middle = (len(rank) - 1) / 2
            for at, key in enumerate(rank):
                path = self.graph.nodes[key].cluster
                for length in range(1, len(path) + 1):
                    inner = path[:length]
                    total[inner] = total.get(inner, 0.0) + at - middle
                    count[inner] = count.get(inner, 0) + 1
        self.siblings = {path: total[path] / count[path] for path in total}

    def sweep(self, *, downwards: bool) -> None:
        self._measure()
        numbers = range(len(self.ranks)) if downwards else range(len(self.ranks) - 1, -1, -1)
        links = self.above if downwards else self.below
        for number in numbers:
            wish: dict[str, float] = {}
            for key in self.ranks[number]:
                around = links[key]
                wish[key] = sum(self.place[other] for other in around) / len(around) if around else self.place[key]
            self._sort(number, wish)

    def _sort(self, number: int, wish: dict[str, float]) -> None:
        order = self._arranged([key for key in self.ranks[number] if not self.graph.nodes[key].host], (), wish)
        self.ranks[number] = self._with_glued(order)
        for at, key in enumerate(self.ranks[number]):
            self.place[key] = float(at)

    def _with_glued(self, order: list[str]) -> list[str]:
        return [item for key in order for item in (*self.left[key], key, *self.right[key])]

    def _arranged(self, keys: list[str], path: Path, wish: dict[str, float]) -> list[str]:
        """The nodes of one phase in a rank, sorted; inner phases stay in one piece and in their common order."""
        groups: dict[Path | str, list[str]] = {}
        for key in keys:
            inner = self.graph.nodes[key].cluster
            group: Path | str = inner[: len(path) + 1] if len(inner) > len(path) else key
            groups.setdefault(group, []).append(key)
        ordered = sorted(groups, key=lambda group: sum(wish[key] for key in groups[group]) / len(groups[group]))
        inner_phases = [group for group in ordered if isinstance(group, tuple)]
        phases = sorted(inner_phases, key=lambda item: (self.siblings.get(item, 0.0), item))
        following = iter(phases)
        result: list[str] = []
        for group in ordered:
            if isinstance(group, tuple):
                inner_path = next(following)
                result.extend(self._arranged(groups[inner_path], inner_path, wish))
            else:
                result.append(group)
        return result

    def swap_neighbours(self) -> None:
        """Swap neighbours of one phase wherever that alone saves crossings."""
        for number in range(len(self.ranks)):
            order = [key for key in self.ranks[number] if not self.graph.nodes[key].host]
            for at in range(len(order) - 1):
                one, other = order[at], order[at + 1]
                if self.graph.nodes[one].cluster != self.graph.nodes[other].cluster:
                    continue
                before = self._around(number)
                kept = self.ranks[number]
                order[at], order[at + 1] = other, one
                self._take(number, self._with_glued(order))
                if self._around(number) >= before:
                    order[at], order[at + 1] = one, other
                    self._take(number, kept)

    def _take(self, number: int, rank: list[str]) -> None:
        self.ranks[number] = rank
        for at, key in enumerate(rank):
            self.place[key] = float(at)

    def _around(self, number: int) -> int:
        return self._between(number - 1) + self._between(number)

    def crossings(self) -> int:
        return sum(self._between(number) for number in range(len(self.ranks) - 1))

    def _between(self, number: int) -> int:
        """Crossings between a rank and the next."""
        if not 0 <= number < len(self.ranks) - 1:
            return 0
        pairs = sorted((self.place[key], self.place[other]) for key in self.ranks[number] for other in self.below[key])
        seen: list[float] = []
        count = 0
        for _, lower in pairs:
            count += len(seen) - bisect_left(seen, lower + 0.5)
            insort(seen, lower)
        return count
