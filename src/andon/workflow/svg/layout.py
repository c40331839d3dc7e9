"""The finished layout of a workflow's drawing, as records: where each card, phase, line and label stands.

Contract of the layout (tests hold it to this): cards overlap neither each other nor labels; labels do not overlap; a
phase's box holds its own steps and no others; every step and every edge is there. Deterministic. Pixels, origin at the
upper left. Must not know: colours, SVG elements.
"""

from __future__ import annotations

from msgspec import Struct

from andon.core.workflow import Edge, Workflow
from andon.workflow.svg import faces as face_module
from andon.workflow.svg import graph as graph_module
from andon.workflow.svg import order, place, routes
from andon.workflow.svg.graph import Chain, Graph, Node
from andon.workflow.svg.place import Band
from andon.workflow.svg.shapes import Box


class PlacedNode(Struct, frozen=True, kw_only=True):
    """shape: card | bar | diamond | start | end. face: what is on a card."""

    id: str
    shape: str
    box: Box
    face: face_module.Face | None = None


class PlacedPhase(Struct, frozen=True, kw_only=True):
    path: tuple[str, ...]
    title: str
    box: Box


class PlacedLabel(Struct, frozen=True, kw_only=True):
    text: str
    box: Box


class PlacedEdge(Struct, frozen=True, kw_only=True):
    """edge: None for the way from the start. path: SVG path data. tip: of the arrow; angle: its direction, degrees."""

    source: str
    target: str
    edge: Edge | None
    rework: bool
    path: str
    tip: tuple[float, float]
    angle: float
    label: PlacedLabel | None = None


class Layout(Struct, frozen=True, kw_only=True):
    """phases: outer ones first."""

    width: float
    height: float
    nodes: tuple[PlacedNode, ...]
    phases: tuple[PlacedPhase, ...]
    edges: tuple[PlacedEdge, ...]


def lay_out(workflow: Workflow) -> Layout:
    """Place everything that the drawing of a workflow shows."""
    faces = face_module.faces(workflow)
    graph = graph_module.build(workflow, faces)
    order.arrange(graph)
    graph_module.add_lanes(graph, _sides(graph))
    graph_module.add_holders(graph)
    order.arrange(graph)
    across = place.place_x(graph)
    bands, down = place.place_y(graph)
    phases = {
        path: Box(x=left, y=down[path][0], width=right - left, height=down[path][1] - down[path][0])
        for path, (left, right) in across.items()
        if path
    }
    shown = [key for key, node in graph.nodes.items() if node.shape not in place.THIN]
    edges = tuple(_edge(graph, chain, bands) for chain in graph.chains)
    return Layout(
        width=across[()][1],
        height=max(band.clear_bottom for band in bands),
        nodes=tuple(_placed(graph, key, faces.get(key)) for key in shown),
        phases=tuple(
            PlacedPhase(path=path, title=graph.clusters[path].title, box=phases[path])
            for path in sorted(phases, key=lambda item: (len(item), item))
        ),
        edges=edges,
    )


def _sides(graph: Graph) -> dict[int, int]:
    """The side of each rework lane: that of the nearer margin, so that it passes few other cards; right in doubt."""
    sides: dict[int, int] = {}
    for number, chain in enumerate(graph.chains):
        if chain.rework:
            rank = [key for key in graph.ranks[graph.nodes[chain.source].rank] if not graph.nodes[key].label]
            at = rank.index(chain.source)
            sides[number] = -1 if 2 * at < len(rank) - 1 else 1
    return sides


def _placed(graph: Graph, key: str, face: face_module.Face | None) -> PlacedNode:
    node = graph.nodes[key]
    return PlacedNode(id=key, shape=node.shape, box=_box(node), face=face)


def _box(node: Node) -> Box:
    return Box(x=node.x - node.width / 2, y=node.y - node.height / 2, width=node.width, height=node.height)


def _edge(graph: Graph, chain: Chain, bands: list[Band]) -> PlacedEdge:
    route = routes.rework if chain.rework else routes.forward
    path, tip, angle = route(graph, chain, bands)
    label = None
    for key in chain.nodes:
        node = graph.nodes[key]
        if node.label:
            box = _box(node)
            if chain.rework:
                box = routes.lane_label(graph, chain, node)
            label = PlacedLabel(text=node.label, box=box)
    return PlacedEdge(
        source=chain.source,
        target=chain.target,
        edge=chain.edge,
        rework=chain.rework,
        path=path,
        tip=tip,
        angle=angle,
        label=label,
    )
