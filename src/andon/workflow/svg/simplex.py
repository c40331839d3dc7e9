"""Network simplex: whole numbers for nodes that keep the edges short.

Given edges (tail, head, length, weight) of an acyclic graph, finds values with value[head] - value[tail] >= length
for every edge that make the sum of weight * (value[head] - value[tail]) least. The drawing uses it twice: for the
ranks of nodes, and for their places along a rank. After Gansner, Koutsofios, North and Vo, "A Technique for Drawing
Directed Graphs" (1993), sections 2 and 4. Deterministic. Must not know: what is drawn.
"""

from __future__ import annotations

from andon.core.errors import InvariantViolation

Edge = tuple[int, int, int, int]
"""tail, head, least length, weight"""

PIVOTS_PER_NODE = 60
"""Pivots tried per node before the (feasible, perhaps not yet shortest) values are taken as they are."""
SEARCH_SIZE = 30
"""Edges with a negative cut value that are compared before one is chosen."""


def solve(count: int, edges: list[Edge]) -> list[int]:
    """The values of nodes 0 … count-1; the least value of each connected part is free, the least of all is 0."""
    if count == 0:
        return []
    joined = edges + [(count, node, 0, 0) for node in range(count)]
    network = _Network(count + 1, joined)
    network.run()
    low = min(network.value[:count])
    return [value - low for value in network.value[:count]]


class _Network:
    """The graph, a spanning tree of tight edges, and the tree's numbering (low, lim) and cut values."""

    def __init__(self, count: int, edges: list[Edge]) -> None:
        self.count = count
        self.edges = edges
        self.incident: list[list[int]] = [[] for _ in range(count)]
        for index, (tail, head, _, _) in enumerate(edges):
            self.incident[tail].append(index)
            self.incident[head].append(index)
        self.value = self._longest_paths()
        self.in_tree = [False] * len(edges)
        self.cut = [0] * len(edges)
        self.parent = [-1] * count
        """index of the tree edge to the parent"""
        self.low = [0] * count
        self.lim = [0] * count
        self.order: list[int] = []
        self.next_search = 0

    def run(self) -> None:
        self._tight_tree()
        self._number()
        self._cut_values()
        for _ in range(PIVOTS_PER_NODE * self.count):
            leaving = self._leaving()
            if leaving < 0:
                return
            self._exchange(leaving, self._entering(leaving))

    def _longest_paths(self) -> list[int]:
        waiting = [0] * self.count
        for _, head, _, _ in self.edges:
            waiting[head] += 1
        value = [0] * self.count
        todo = [node for node in range(self.count) if waiting[node] == 0]
        done = 0
        while todo:
            node = todo.pop()
            done += 1
            for index in self.incident[node]:
                tail, head, length, _ = self.edges[index]
                if tail == node:
                    value[head] = max(value[head], value[tail] + length)
                    waiting[head] -= 1
                    if waiting[head] == 0:
                        todo.append(head)
        if done != self.count:
            raise InvariantViolation("the drawing's constraints contradict each other")
        return value

    def _slack(self, index: int) -> int:
        tail, head, length, _ = self.edges[index]
        return self.value[head] - self.value[tail] - length

    def _tight_tree(self) -> None:
        """Grow a tree of tight edges; where none is tight, move the tree until one is."""
        inside = [False] * self.count
        members = [0]
        inside[0] = True
        frontier = [0]
        while True:
            while frontier:
                node = frontier.pop()
                for index in self.incident[node]:
                    tail, head, _, _ = self.edges[index]
                    other = head if tail == node else tail
                    if not inside[other] and self._slack(index) == 0:
                        inside[other] = self.in_tree[index] = True
                        members.append(other)
                        frontier.append(other)
            if len(members) == self.count:
                return
            best, best_slack = -1, 0
            for index, (tail, head, _, _) in enumerate(self.edges):
                if inside[tail] != inside[head]:
                    slack = self._slack(index)
                    if best < 0 or slack < best_slack:
                        best, best_slack = index, slack
            tail, head, _, _ = self.edges[best]
            shift = best_slack if inside[tail] else -best_slack
            for node in members:
                self.value[node] += shift
            frontier.append(tail if inside[tail] else head)

    def _number(self) -> None:
        """Postorder numbers of the tree, rooted at node 0: v is below u when low[u] <= lim[v] <= lim[u]."""
        tree: list[list[int]] = [[] for _ in range(self.count)]
        for index, inside in enumerate(self.in_tree):
            if inside:
                tree[self.edges[index][0]].append(index)
                tree[self.edges[index][1]].append(index)
        self.parent[0] = -1
        number = 1
        self.order = []
        stack = [(0, 0)]
        self.low[0] = 1
        while stack:
            node, at = stack.pop()
            if at < len(tree[node]):
                stack.append((node, at + 1))
                index = tree[node][at]
                if index != self.parent[node]:
                    tail, head, _, _ = self.edges[index]
                    child = head if tail == node else tail
                    self.parent[child] = index
                    self.low[child] = number
                    stack.append((child, 0))
            else:
                self.lim[node] = number
                self.order.append(node)
                number += 1

    def _cut_values(self) -> None:
        for node in self.order[:-1]:
            up = self.parent[node]
            is_tail = self.edges[up][0] == node
            total = self.edges[up][3]
            for index in self.incident[node]:
                if index == up:
                    continue
                tail, _, _, weight = self.edges[index]
                same = (tail == node) == is_tail
                total += weight if same else -weight
                if self.in_tree[index]:
                    total += -self.cut[index] if same else self.cut[index]
            self.cut[up] = total

    def _leaving(self) -> int:
        best, found = -1, 0
        size = len(self.edges)
        for step in range(size):
            index = (self.next_search + step) % size
            if self.in_tree[index] and self.cut[index] < 0:
                if best < 0 or self.cut[index] < self.cut[best]:
                    best = index
                found += 1
                if found >= SEARCH_SIZE:
                    self.next_search = (index + 1) % size
                    break
        return best

    def _entering(self, leaving: int) -> int:
        """The tightest edge that crosses the cut in the other direction."""
        tail, head, _, _ = self.edges[leaving]
        below = tail if self.lim[tail] < self.lim[head] else head
        low, high = self.low[below], self.lim[below]
        wants_tail_inside = below == head
        lim, value = self.lim, self.value
        best, best_slack = -1, 0
        for index, (one, other, length, _) in enumerate(self.edges):
            tail_inside = low <= lim[one] <= high
            if tail_inside == wants_tail_inside and (low <= lim[other] <= high) != tail_inside:
                slack = value[other] - value[one] - length
                if best < 0 or slack < best_slack:
                    best, best_slack = index, slack
        if best < 0:
            raise InvariantViolation("the drawing's network has an edge that nothing can replace")
        return best

    def _exchange(self, leaving: int, entering: int) -> None:
        delta = self._slack(entering)
        tail, head, _, _ = self.edges[leaving]
        if delta:
            below = tail if self.lim[tail] < self.lim[head] else head
            shift = -delta if below == tail else delta
            low, high = self.low[below], self.lim[below]
            for node in range(self.count):
                if low <= self.lim[node] <= high:
                    self.value[node] += shift
        cut = self.cut[leaving]
        one, other, _, _ = self.edges[entering]
        self._update_cuts(one, other, cut, True)
        self._update_cuts(other, one, cut, False)
        self.cut[entering] = -cut
        self.cut[leaving] = 0
        self.in_tree[leaving] = False
        self.in_tree[entering] = True
        self._number()

    def _update_cuts(self, node: int, until: int, cut: int, direction: bool) -> None:
        """Correct the cut values on the way up to the lowest common ancestor with `until`."""
        while not self.low[node] <= self.lim[until] <= self.lim[node]:
            index = self.parent[node]
            tail, head, _, _ = self.edges[index]
            same = direction if node == tail else not direction
            self.cut[index] += cut if same else -cut
            node = head if node == tail else tail
