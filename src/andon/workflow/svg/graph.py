"""From a compiled workflow to a layered graph: nodes with ranks, forward chains and rework lanes through the ranks.

Theory of operation. Edges that close a cycle (found by a depth-first walk that follows `passed` first) are rework:
they do not take part in ranking and become lanes at the side of cards. All others run downwards. An edge with
a label is at least two ranks long, so that its label has a place of its own. A long edge is split by bends, one
a rank. Each phase holds a place in every rank that it spans, so that nothing foreign comes to lie in it.

Working records here are mutable on purpose: the later passes fill in order and place. Must not know: SVG.
"""

from __future__ import annotations

from msgspec import Struct, field

from andon.core.workflow import END, PASSED, Edge, Workflow
from andon.workflow.svg import simplex, text
from andon.workflow.svg.faces import Face

START = "(start)"
LABEL_SIZE = 11.0
LABEL_HEIGHT = 20
LABEL_LIMIT = 190
BAR_HEIGHT = 7
BAR_MIN = 124
DIAMOND = 40
DOT = 22
CARD_GAP = 36


class Cluster(Struct):
    """A phase. path: names from the outermost; () is the whole drawing. low, high: first and last rank."""

    path: tuple[str, ...]
    title: str = ""
    low: int = 0
    high: int = -1


class Node(Struct):
    """shape: card | bar | diamond | start | end | bend | label | lane | holder. x, y: centre. host, side: of a lane's
    end, glued to a card's side (-1 left, 1 right)."""

    key: str
    shape: str
    width: int
    height: int
    cluster: tuple[str, ...] = ()
    rank: int = 0
    x: int = 0
    y: int = 0
    host: str = ""
    side: int = 0
    label: str = ""


class Chain(Struct):
    """An edge's way through the ranks: nodes from the upper to the lower one. rework: it is drawn against that order.

    main: it leads on to the end without anything having gone wrong.
    """

    source: str
    target: str
    edge: Edge | None
    label: str
    rework: bool = False
    main: bool = True
    side: int = 1
    nodes: list[str] = field(default_factory=list)

    @property
    def weight(self) -> int:
        """How much the edge wants to be short and straight."""
        if self.rework:
            return 1
        return 12 if self.main else 3


class Graph(Struct):
    """ranks: node keys by rank, in order from left to right."""

    nodes: dict[str, Node]
    chains: list[Chain]
    clusters: dict[tuple[str, ...], Cluster]
    ranks: list[list[str]]

    def glued(self, host: str, side: int) -> list[str]:
        """Keys of the lane ends at one side of a card, the nearest first: lanes are added with the short ones first."""
        return [node.key for node in self.nodes.values() if node.host == host and node.side == side]


def build(workflow: Workflow, faces: dict[str, Face]) -> Graph:
    """The layered graph, with ranks but without order and places."""
    nodes = _nodes(workflow, faces)
    chains = _chains(workflow)
    _rank(nodes, chains)
    clusters = _clusters(workflow, nodes)
    graph = Graph(nodes=nodes, chains=chains, clusters=clusters, ranks=[])
    for number, chain in enumerate(chains):
        if not chain.rework:
            _split(graph, chain, number)
    return graph


def label_of(workflow: Workflow, edge: Edge) -> str:
    """What is written at an edge: its outcome unless `passed`; out of a choice its condition or `else`."""
    kind = workflow.pseudo.get(edge.source)
    if kind == "choice":
        return text.printable(edge.condition) if edge.condition else "else"
    if kind is not None or edge.outcome == PASSED:
        return ""
    return text.printable(edge.outcome)


# ---------------------------------------------------------------- nodes


def _nodes(workflow: Workflow, faces: dict[str, Face]) -> dict[str, Node]:
    nodes = {START: Node(key=START, shape="start", width=DOT, height=DOT)}
    for name, step in workflow.steps.items():
        face = faces[name]
        nodes[name] = Node(key=name, shape="card", width=face.width, height=face.height, cluster=step.phase)
    card = max((face.width for face in faces.values()), default=BAR_MIN)
    for name, kind in workflow.pseudo.items():
        path = _pseudo_phase(workflow, name, kind)
        if kind == "choice":
            nodes[name] = Node(key=name, shape="diamond", width=DIAMOND, height=DIAMOND, cluster=path)
        else:
            width = BAR_MIN + (_branches(workflow, name, kind) - 1) * (card + CARD_GAP)
            nodes[name] = Node(key=name, shape="bar", width=width, height=BAR_HEIGHT, cluster=path)
    if any(edge.target == END for edge in workflow.edges):
        nodes[END] = Node(key=END, shape="end", width=DOT, height=DOT)
    return nodes


def _branches(workflow: Workflow, name: str, kind: str) -> int:
    ends = {e.target for e in workflow.edges if e.source == name} if kind == "fork" else set()
    ends |= {e.source for e in workflow.edges if e.target == name} if kind == "join" else set()
    return max(len(ends), 1)


def _pseudo_phase(workflow: Workflow, name: str, kind: str) -> tuple[str, ...]:
    """The phase that a fork, join or choice belongs to: the innermost one that all its inner neighbours share."""
    outward = kind == "fork"
    found: list[tuple[str, ...]] = []
    seen = {name}
    todo = [name]
    while todo:
        node = todo.pop(0)
        for edge in workflow.edges:
            here, there = (edge.source, edge.target) if outward else (edge.target, edge.source)
            if here != node or there in seen:
                continue
            seen.add(there)
            if there in workflow.steps:
                found.append(workflow.steps[there].phase)
            elif there in workflow.pseudo:
                todo.append(there)
    return _common(found)


def _common(paths: list[tuple[str, ...]]) -> tuple[str, ...]:
    if not paths:
        return ()
    shared = paths[0]
    for path in paths[1:]:
        length = 0
        while length < min(len(shared), len(path)) and shared[length] == path[length]:
            length += 1
        shared = shared[:length]
    return shared


# ---------------------------------------------------------------- edges and ranks


def _chains(workflow: Workflow) -> list[Chain]:
    chains = [Chain(source=START, target=workflow.start, edge=None, label="")]
    rework = _closing_edges(workflow)
    onward = _onward(workflow, rework)
    for number, edge in enumerate(workflow.edges):
        chains.append(
            Chain(
                source=edge.source,
                target=edge.target,
                edge=edge,
                label=text.fit(label_of(workflow, edge), LABEL_SIZE, LABEL_LIMIT),
                rework=number in rework,
                main=edge.outcome == PASSED and (edge.target in onward or edge.source not in onward),
            )
        )
    return chains


def _onward(workflow: Workflow, rework: set[int]) -> set[str]:
    """Nodes from which the end is reached by `passed` edges that lead forward."""
    onward = {END}
    before = 0
    while before != len(onward):
        before = len(onward)
        for number, edge in enumerate(workflow.edges):
            if edge.target in onward and edge.outcome == PASSED and number not in rework:
                onward.add(edge.source)
    return onward


def _closing_edges(workflow: Workflow) -> set[int]:
    """Numbers of the edges that lead back to a node on the way to their source."""
    leaving: dict[str, list[int]] = {}
    for number, edge in enumerate(workflow.edges):
        leaving.setdefault(edge.source, []).append(number)
    for numbers in leaving.values():
        numbers.sort(key=lambda number: (workflow.edges[number].outcome != PASSED, number))
    state: dict[str, int] = {}
    closing: set[int] = set()
    for root in (workflow.start, *workflow.steps, *workflow.pseudo):
        if root in state:
            continue
        state[root] = 1
        stack = [(root, 0)]
        while stack:
            node, at = stack.pop()
            numbers = leaving.get(node, [])
            if at == len(numbers):
                state[node] = 2
                continue
            stack.append((node, at + 1))
            target = workflow.edges[numbers[at]].target
            if state.get(target) == 1:
                closing.add(numbers[at])
            elif target not in state:
                state[target] = 1
                stack.append((target, 0))
    return closing


def _rank(nodes: dict[str, Node], chains: list[Chain]) -> None:
    index = {key: number for number, key in enumerate(nodes)}
    edges = [
        (index[chain.source], index[chain.target], 2 if chain.label else 1, chain.weight)
        for chain in chains
        if not chain.rework
    ]
    for key, rank in zip(nodes, simplex.solve(len(nodes), edges), strict=True):
        nodes[key].rank = rank


def _clusters(workflow: Workflow, nodes: dict[str, Node]) -> dict[tuple[str, ...], Cluster]:
    last = max(node.rank for node in nodes.values())
    clusters: dict[tuple[str, ...], Cluster] = {(): Cluster(path=(), low=0, high=last)}
    for node in nodes.values():
        for length in range(1, len(node.cluster) + 1):
            path = node.cluster[:length]
            title = text.printable(workflow.phases.get(path[-1]) or path[-1])
            cluster = clusters.setdefault(path, Cluster(path=path, title=title, low=node.rank, high=node.rank))
            cluster.low = min(cluster.low, node.rank)
            cluster.high = max(cluster.high, node.rank)
    return clusters


# ---------------------------------------------------------------- splitting long edges


def _split(graph: Graph, chain: Chain, number: int) -> None:
    upper, lower = graph.nodes[chain.source], graph.nodes[chain.target]
    chain.nodes = [upper.key]
    for rank in range(upper.rank + 1, lower.rank):
        labelled = bool(chain.label) and rank == upper.rank + 1
        node = Node(key=f"~{number:04}.{rank:04}", shape="bend", width=1, height=1, rank=rank)
        if labelled:
            node = label_node(node, chain.label)
        node.cluster = cluster_at(graph, upper.cluster, lower.cluster, rank)
        graph.nodes[node.key] = node
        chain.nodes.append(node.key)
    chain.nodes.append(lower.key)


def label_node(node: Node, label: str) -> Node:
    """Make a bend wide enough to carry a label."""
    node.shape, node.label = "label", label
    node.width, node.height = int(text.width(label, LABEL_SIZE)) + 16, LABEL_HEIGHT
    return node


def cluster_at(graph: Graph, upper: tuple[str, ...], lower: tuple[str, ...], rank: int) -> tuple[str, ...]:
    """The phase that an edge from `upper` down to `lower` is in at a rank: it leaves and enters phases by their
    bottom and top only."""
    shared = _common([upper, lower])
    path = upper
    while path != shared and graph.clusters[path].high < rank:
        path = path[:-1]
    while path == lower[: len(path)] and path != lower:
        inner = lower[: len(path) + 1]
        if not graph.clusters[inner].low <= rank:
            break
        path = inner
    return path


def add_lanes(graph: Graph, sides: dict[int, int]) -> None:
    """Give the rework edges their lanes. sides: number of the chain -> -1 (left) or 1 (right) of the cards."""
    for number, chain in sorted(enumerate(graph.chains), key=lambda item: _length(graph, item[1])):
        if not chain.rework:
            continue
        chain.side = sides.get(number, 1)
        upper, lower = graph.nodes[chain.target], graph.nodes[chain.source]
        chain.nodes = []
        for rank in range(upper.rank, lower.rank + 1):
            node = Node(key=f"~{number:04}.{rank:04}", shape="lane", width=1, height=1, rank=rank, side=0)
            node.cluster = cluster_at(graph, upper.cluster, lower.cluster, rank)
            if rank == upper.rank:
                node.host, node.side, node.cluster = upper.key, chain.side, upper.cluster
            if rank == lower.rank:
                node.host, node.side, node.cluster = lower.key, chain.side, lower.cluster
                if chain.label:
                    node = label_node(node, chain.label)
                    node.shape = "lane"
            graph.nodes[node.key] = node
            chain.nodes.append(node.key)


def _length(graph: Graph, chain: Chain) -> int:
    return graph.nodes[chain.source].rank - graph.nodes[chain.target].rank


def add_holders(graph: Graph) -> None:
    """Keep a place for every phase in each rank that it spans, and order all nodes by rank."""
    taken = {
        (node.cluster[:length], node.rank) for node in graph.nodes.values() for length in range(len(node.cluster) + 1)
    }
    for cluster in sorted(graph.clusters.values(), key=lambda item: (-len(item.path), item.path)):
        for rank in range(cluster.low, cluster.high + 1):
            if cluster.path and (cluster.path, rank) not in taken:
                key = "~" + "/".join(cluster.path) + f".{rank:04}"
                graph.nodes[key] = Node(key=key, shape="holder", width=1, height=1, cluster=cluster.path, rank=rank)
                taken |= {(cluster.path[:length], rank) for length in range(len(cluster.path) + 1)}
