"""Places in pixels: x by network simplex, y by ranks, the boxes of phases.

Theory of operation. Every node and both walls of every phase are variables; neighbours in a rank, and walls and what
is inside and outside of them, keep their distances; among all places that do, those are taken that make edges short
and straight. So neither cards nor phases can overlap, whatever the graph. Must not know: SVG.
"""

from __future__ import annotations

from itertools import pairwise

from andon.workflow.svg import simplex, text
from andon.workflow.svg.graph import BAR_MIN, CARD_GAP, Chain, Graph, Node

PHASE_PADDING = 18
PHASE_GAP = 22
PHASE_TITLE = 26
PHASE_TITLE_SIZE = 12.0
PHASE_FOOT = 16
THIN_GAP = 16
GLUE_GAP = 20
RANK_GAP = 38
SHORT_GAP = 26
STEEP = 0.11
"""A gap between ranks is at least this share of the widest step that an edge makes in it, so that curves stay soft."""
STEEP_LIMIT = 40
CENTRING_ROUNDS = 6
LANE_WEIGHT = 4
WALL_WEIGHT = 4
"""How much rework lanes want to be straight and phases want to be narrow, against edges of weight 3 and 12."""
THIN = ("bend", "lane", "holder", "label")

Path = tuple[str, ...]
Constraint = tuple[int, int, int]


def place_x(graph: Graph) -> dict[Path, tuple[int, int]]:
    """Set x of all nodes; returns the left and right walls of the phases. The outermost left wall is at 0."""
    solver = _Across(graph)
    solver.solve()
    solver.centre()
    edge = solver.value[solver.walls[()][0]]
    for key, number in solver.index.items():
        graph.nodes[key].x = solver.value[number] - edge
    return {
        path: (solver.value[left] - edge, solver.value[right] - edge) for path, (left, right) in solver.walls.items()
    }


class _Across:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.index = {key: number for number, key in enumerate(key for rank in graph.ranks for key in rank)}
        self.count = len(self.index)
        self.walls: dict[Path, tuple[int, int]] = {}
        for path in sorted(graph.clusters):
            self.walls[path] = (self.count, self.count + 1)
            self.count += 2
        self.constraints: dict[tuple[int, int], int] = {}
        self.pulls: list[tuple[int, int, int, int]] = []
        """(one, other, offset, weight): other should be at one + offset"""
        self.value: list[int] = []
        self._keep_distances()
        self._keep_walls()
        self._pull_edges()

    def _apart(self, left: int, right: int, distance: int) -> None:
        self.constraints[(left, right)] = max(self.constraints.get((left, right), 0), distance)

    def _keep_distances(self) -> None:
        for rank in self.graph.ranks:
            for one, other in pairwise(rank):
                self._apart_in_rank(self.graph.nodes[one], self.graph.nodes[other])

    def _apart_in_rank(self, one: Node, other: Node) -> None:
        """Two neighbours, or the walls of the outermost phases that part them."""
        shared = 0
        while shared < min(len(one.cluster), len(other.cluster)) and one.cluster[shared] == other.cluster[shared]:
            shared += 1
        left, right = self.index[one.key], self.index[other.key]
        left_half, right_half = (one.width + 1) // 2, (other.width + 1) // 2
        gap = _gap(one, other)
        if len(one.cluster) > shared:
            left, left_half, gap = self.walls[one.cluster[: shared + 1]][1], 0, PHASE_GAP
        if len(other.cluster) > shared:
            right, right_half, gap = self.walls[other.cluster[: shared + 1]][0], 0, PHASE_GAP
        self._apart(left, right, left_half + right_half + gap)

    def _keep_walls(self) -> None:
        for node in self.graph.nodes.values():
            half = (node.width + 1) // 2
            left, right = self.walls[node.cluster]
            padding = PHASE_PADDING if node.cluster else 0
            self._apart(left, self.index[node.key], half + padding)
            self._apart(self.index[node.key], right, half + padding)
        for path, (left, right) in self.walls.items():
            if path:
                outer_left, outer_right = self.walls[path[:-1]]
                padding = PHASE_PADDING if len(path) > 1 else 0
                self._apart(outer_left, left, padding)
                self._apart(right, outer_right, padding)
                title = text.width(self.graph.clusters[path].title, PHASE_TITLE_SIZE, bold=True)
                self._apart(left, right, int(title) + 2 * PHASE_PADDING)
            self.pulls.append((left, right, 0, WALL_WEIGHT if path else 1))

    def _pull_edges(self) -> None:
        for chain in self.graph.chains:
            for upper, lower in pairwise(chain.nodes):
                self._pull(chain, self.graph.nodes[upper], self.graph.nodes[lower])
        for node in self.graph.nodes.values():
            if node.host:
                host = self.graph.nodes[node.host]
                offset = node.side * (host.width // 2 + GLUE_GAP + node.width // 2)
                self.pulls.append((self.index[host.key], self.index[node.key], offset, 1))

    def _pull(self, chain: Chain, one: Node, other: Node) -> None:
        bends = (one.shape in THIN) + (other.shape in THIN)
        weight = LANE_WEIGHT if chain.rework else chain.weight * (1, 1, 3)[bends]
        offset = self._port(one, other.key, downwards=True) - self._port(other, one.key, downwards=False)
        self.pulls.append((self.index[one.key], self.index[other.key], offset, weight))

    def _port(self, node: Node, neighbour: str, *, downwards: bool) -> int:
        """Where on a bar an edge begins or ends, from the bar's centre; elsewhere always in the middle.

        The branches of a fork and a join stand as far apart as cards side by side.
        """
        if node.shape != "bar":
            return 0
        ends: dict[str, list[int]] = {}
        mine = ""
        for chain in self.graph.chains:
            if chain.rework or (chain.nodes[0] if downwards else chain.nodes[-1]) != node.key:
                continue
            next_key = chain.nodes[1] if downwards else chain.nodes[-2]
            end = chain.target if downwards else chain.source
            ends.setdefault(end, []).append(self.index[next_key])
            mine = end if next_key == neighbour else mine
        if len(ends) < 2:
            return 0
        order = sorted(ends, key=lambda end: min(ends[end]))
        pitch = (node.width - BAR_MIN) // (len(order) - 1)
        return int((order.index(mine) - (len(order) - 1) / 2) * pitch)

    def solve(self) -> None:
        edges = [(left, right, distance, 0) for (left, right), distance in self.constraints.items()]
        count = self.count
        for one, other, offset, weight in self.pulls:
            if not weight:
                continue
            # |other - one - offset| as the length of two edges from one extra node.
            base = abs(offset)
            edges.append((count, one, base, weight))
            edges.append((count, other, base + offset, weight))
            count += 1
        self.value = simplex.solve(count, edges)[: self.count]

    def centre(self) -> None:
        """Where a node may be anywhere between two places at no cost, take the middle."""
        pulls: list[list[tuple[int, int, int]]] = [[] for _ in range(self.count)]
        for one, other, offset, weight in self.pulls:
            pulls[one].append((other, -offset, weight))
            pulls[other].append((one, offset, weight))
        lower: list[list[tuple[int, int]]] = [[] for _ in range(self.count)]
        upper: list[list[tuple[int, int]]] = [[] for _ in range(self.count)]
        for (left, right), distance in self.constraints.items():
            lower[right].append((left, distance))
            upper[left].append((right, distance))
        for _ in range(CENTRING_ROUNDS):
            for key, number in self.index.items():
                if self.graph.nodes[key].shape in THIN:
                    # A bend that moves to the middle makes two small bends out of one.
                    continue
                wishes = sorted((self.value[other] + offset, weight) for other, offset, weight in pulls[number])
                if not wishes:
                    continue
                low, high = _median(wishes)
                low = max([low, *(self.value[left] + distance for left, distance in lower[number])])
                high = min([high, *(self.value[right] - distance for right, distance in upper[number])])
                if low < high:
                    self.value[number] = (low + high) // 2


def _gap(one: Node, other: Node) -> int:
    if other.host == one.key or one.host == other.key:
        return GLUE_GAP
    thin = (one.shape in THIN) + (other.shape in THIN)
    return CARD_GAP if thin == 0 else THIN_GAP


def _median(wishes: list[tuple[int, int]]) -> tuple[int, int]:
    """The interval in which the weighted sum of distances is least."""
    total = sum(weight for _, weight in wishes)
    reached = 0
    for at, (place, weight) in enumerate(wishes):
        reached += weight
        if 2 * reached == total:
            return place, wishes[at + 1][0] if at + 1 < len(wishes) else place
        if 2 * reached > total:
            return place, place
    return wishes[-1][0], wishes[-1][0]


# ---------------------------------------------------------------- down the page


class Band:
    """The vertical room of a rank: cards lie between top and bottom; lines are free to bend outside of `clear`."""

    __slots__ = ("bottom", "clear_bottom", "clear_top", "top")

    def __init__(self, top: int, bottom: int, clear_top: int, clear_bottom: int) -> None:
        self.top, self.bottom, self.clear_top, self.clear_bottom = top, bottom, clear_top, clear_bottom


def place_y(graph: Graph) -> tuple[list[Band], dict[Path, tuple[int, int]]]:
    """Set y of all nodes; returns the bands of the ranks and the upper and lower walls of the phases."""
    heads = [0] * len(graph.ranks)
    feet = [0] * len(graph.ranks)
    tops: dict[Path, int] = {}
    bottoms: dict[Path, int] = {}
    for path in sorted(graph.clusters, key=lambda item: (-len(item), item)):
        if not path:
            continue
        cluster = graph.clusters[path]
        inner = [other for other in tops if other[:-1] == path]
        first = [tops[other] for other in inner if graph.clusters[other].low == cluster.low]
        last = [bottoms[other] for other in inner if graph.clusters[other].high == cluster.high]
        tops[path] = PHASE_TITLE + max(first, default=8)
        bottoms[path] = PHASE_FOOT + max(last, default=0)
        heads[cluster.low] = max(heads[cluster.low], tops[path])
        feet[cluster.high] = max(feet[cluster.high], bottoms[path])
    bands: list[Band] = []
    y = 0
    for number, rank in enumerate(graph.ranks):
        if number:
            y += _gap_below(graph, number - 1)
        height = max((graph.nodes[key].height for key in rank), default=0)
        top = y + heads[number]
        bottom = top + height
        bands.append(Band(top, bottom, y, bottom + feet[number]))
        y = bottom + feet[number]
        for key in rank:
            graph.nodes[key].y = (top + bottom) // 2
    walls: dict[Path, tuple[int, int]] = {}
    for path, top in tops.items():
        cluster = graph.clusters[path]
        walls[path] = (bands[cluster.low].top - top, bands[cluster.high].bottom + bottoms[path])
    return bands, walls


def _gap_below(graph: Graph, number: int) -> int:
    """The room between a rank and the next: more where edges go far to the side, less beside bars, dots and labels."""
    widest = 0
    for chain in graph.chains:
        for upper, lower in pairwise(chain.nodes):
            if graph.nodes[upper].rank == number:
                one, other = graph.nodes[upper], graph.nodes[lower]
                if "bar" not in (one.shape, other.shape):
                    widest = max(widest, abs(one.x - other.x))
    cards = all(any(graph.nodes[key].shape == "card" for key in graph.ranks[at]) for at in (number, number + 1))
    return (RANK_GAP if cards else SHORT_GAP) + min(int(widest * STEEP), STEEP_LIMIT)
