"""What every lint rule works on: the compiled graph, its neighbours by node, and the way to report.

Must not know: any rule.
"""

from __future__ import annotations

from andon.core import workflow as w
from andon.workflow.compile import Parsed
from andon.workflow.problems import At, Collector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Subject:
    """A compiled workflow under lint. after and before: node -> [(index of edge, edge)]; END is a node too."""

    def __init__(self, parsed: Parsed, workflow: w.Workflow, problems: Collector) -> None:
        self.workflow = workflow
        self.lines = parsed.lines
        self.problems = problems
        self.places = parsed.positions
        self.nodes: tuple[str, ...] = (*workflow.steps, *workflow.pseudo)
        self.after: dict[str, list[tuple[int, w.Edge]]] = {node: [] for node in (*self.nodes, w.END)}
        self.before: dict[str, list[tuple[int, w.Edge]]] = {node: [] for node in (*self.nodes, w.END)}
        for number, edge in enumerate(workflow.edges):
            self.after[edge.source].append((number, edge))
            self.before[edge.target].append((number, edge))

    def at(self, *keys: str) -> At:
        """The first of these places that is known; places are named as in `Parsed.positions`."""
        return next((self.places[key] for key in keys if key in self.places), (1, 1))

    def error(self, rule: str, at: At, message: str, next: str = "") -> None:
        self.problems.add(rule, at, message, next)

    def warn(self, rule: str, at: At, message: str, next: str = "") -> None:
        self.problems.warn(rule, at, message, next)

    def reached(self, first: str) -> set[str]:
        """All nodes on any path from here, this one included."""
        return _closure(first, lambda node: (edge.target for _, edge in self.after[node]))

    def reaching(self, last: str) -> set[str]:
        """All nodes from which a path leads here, this one included."""
        return _closure(last, lambda node: (edge.source for _, edge in self.before[node]))

    def step(self, node: str) -> w.Step | None:
        return self.workflow.steps.get(node)


def _closure(first: str, neighbours: Callable[[str], Iterable[str]]) -> set[str]:
    found = {first}
    todo = [first]
    while todo:
        for node in neighbours(todo.pop()):
            if node not in found:
                found.add(node)
                todo.append(node)
    return found


def components(nodes: Iterable[str], after: dict[str, list[str]]) -> list[list[str]]:
    """Strongly connected components (Tarjan 1972, without recursion); each in no particular order."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[list[str]] = []
    for root in nodes:
        if root in index:
            continue
        work = [(root, 0)]
        while work:
            node, position = work.pop()
            if position == 0:
                index[node] = low[node] = len(index)
                stack.append(node)
                on_stack.add(node)
            following = after.get(node, [])
            if position > 0:
                low[node] = min(low[node], low[following[position - 1]])
            while position < len(following):
                target = following[position]
                position += 1
                if target not in index:
                    work.append((node, position))
                    work.append((target, 0))
                    break
                if target in on_stack:
                    low[node] = min(low[node], index[target])
            else:
                if low[node] == index[node]:
                    component: list[str] = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        component.append(member)
                        if member == node:
                            break
                    found.append(component)
    return found


def has_cycle(component: list[str], after: dict[str, list[str]]) -> bool:
    """Whether a strongly connected component holds a loop (one node alone may point at itself)."""
    return len(component) > 1 or component[0] in after.get(component[0], [])
