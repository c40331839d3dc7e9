"""The lines of edges: SVG path data that keep clear of cards.

Rules: within a rank's band lines are vertical, and only between bands they bend, so that no line crosses a card or
a phase's title. Forward edges leave at the bottom and arrive at the top; rework leaves and arrives at a side.
"""

from __future__ import annotations

from itertools import pairwise

from andon.workflow.svg.elements import number as _n
from andon.workflow.svg.graph import Chain, Graph, Node
from andon.workflow.svg.place import Band
from andon.workflow.svg.shapes import Box

ARROW = 7
CORNER = 12
BAR_MARGIN = 18
ENTRY_SHARE = 0.68
EXIT_SHARE = 0.36
LOOP_SHARE = 0.2
"""Rework arrives at the lower and leaves at the upper part of a side, so that the two do not cross."""

Point = tuple[float, float]


def forward(graph: Graph, chain: Chain, bands: list[Band]) -> tuple[str, Point, float]:
    """Path data, the arrow's tip and its direction in degrees (0: right, 90: down)."""
    nodes = [graph.nodes[key] for key in chain.nodes]
    first, last = nodes[0], nodes[-1]
    start_x = _port(first, nodes[1].x)
    end_x = _port(last, nodes[-2].x)
    if "bar" in (first.shape, last.shape) and len(nodes) == 2:
        # An edge between a bar and anything else falls straight down where the bar is wide enough.
        start_x = _port(first, end_x)
        end_x = _port(last, start_x)
    start, tip = first.y + first.height / 2, last.y - last.height / 2
    path = [f"M{_n(start_x)} {_n(start)}"]
    x = start_x
    for upper, lower in pairwise(nodes):
        target_x = end_x if lower is last else float(lower.x)
        leave, arrive = bands[upper.rank].clear_bottom, bands[lower.rank].clear_top
        if target_x != x:
            path.append(_bend(x, leave, target_x, arrive))
        x = target_x
    path.append(f"V{_n(tip - ARROW + 1)}")
    return "".join(path), (end_x, tip), 90


def _port(node: Node, towards: float) -> float:
    """Where an edge meets a node: a bar anywhere along it, everything else in its middle."""
    if node.shape != "bar":
        return float(node.x)
    reach = max(node.width / 2 - BAR_MARGIN, 0)
    return min(max(towards, node.x - reach), node.x + reach)


def _bend(x: float, y: float, to_x: float, to_y: float) -> str:
    middle = (y + to_y) / 2
    return f"V{_n(y)}C{_n(x)} {_n(middle)} {_n(to_x)} {_n(middle)} {_n(to_x)} {_n(to_y)}"


def rework(graph: Graph, chain: Chain, bands: list[Band]) -> tuple[str, Point, float]:
    """As `forward`, from the lower card's side up the lane into the upper card's side."""
    nodes = [graph.nodes[key] for key in reversed(chain.nodes)]
    source, target = graph.nodes[chain.source], graph.nodes[chain.target]
    side = chain.side
    leave_y = _side_y(graph, chain, source, EXIT_SHARE if source is not target else LOOP_SHARE)
    arrive_y = _side_y(graph, chain, target, ENTRY_SHARE)
    leave_x = source.x + side * _half(source, leave_y)
    tip = target.x + side * _half(target, arrive_y)
    x = float(nodes[0].x)
    if len(nodes) == 1:
        return _loop(leave_x, leave_y, x, arrive_y, tip, side)
    path = [f"M{_n(leave_x)} {_n(leave_y)}H{_n(x - side * CORNER)}"]
    path.append(f"Q{_n(x)} {_n(leave_y)} {_n(x)} {_n(leave_y - CORNER)}")
    for lower, upper in pairwise(nodes):
        if upper.x != x:
            path.append(_bend(x, bands[lower.rank].clear_top, upper.x, bands[upper.rank].clear_bottom))
        x = float(upper.x)
    path.append(f"V{_n(arrive_y + CORNER)}Q{_n(x)} {_n(arrive_y)} {_n(x - side * CORNER)} {_n(arrive_y)}")
    path.append(f"H{_n(tip + side * (ARROW - 1))}")
    return "".join(path), (tip, arrive_y), 180 if side > 0 else 0


def _loop(leave_x: float, leave_y: float, x: float, arrive_y: float, tip: float, side: int) -> tuple[str, Point, float]:
    inner = x - side * CORNER
    path = (
        f"M{_n(leave_x)} {_n(leave_y)}H{_n(inner)}Q{_n(x)} {_n(leave_y)} {_n(x)} {_n(leave_y + CORNER)}"
        f"V{_n(arrive_y - CORNER)}Q{_n(x)} {_n(arrive_y)} {_n(inner)} {_n(arrive_y)}H{_n(tip + side * (ARROW - 1))}"
    )
    return path, (tip, arrive_y), 180 if side > 0 else 0


def lane_label(graph: Graph, chain: Chain, node: Node) -> Box:
    """The place of a rework label: beside the card that it leaves, where the lane turns upwards."""
    source = graph.nodes[chain.source]
    loop = chain.source == chain.target
    middle = _side_y(graph, chain, source, EXIT_SHARE)
    if loop:
        middle = source.y + ((LOOP_SHARE + ENTRY_SHARE) / 2 - 0.5) * source.height
    return Box(x=node.x - node.width / 2, y=middle - node.height / 2, width=node.width, height=node.height)


def _side_y(graph: Graph, chain: Chain, node: Node, share: float) -> float:
    """The height at which a lane meets a card. Several that leave are staggered, several that arrive come in as one."""
    y = node.y + (share - 0.5) * node.height
    if node.shape != "card" or share == ENTRY_SHARE:
        return y if node.shape == "card" else float(node.y)
    leaving = [c for c in graph.chains if c.rework and c.source == node.key and c.side == chain.side]
    leaving.sort(key=lambda c: node.rank - graph.nodes[c.target].rank)
    return y + leaving.index(chain) * min(22.0, node.height * 0.3 / max(len(leaving) - 1, 1))


def _half(node: Node, y: float) -> float:
    """Half of the node's width at a height: a diamond is narrower away from its middle."""
    if node.shape == "diamond":
        return max(node.width / 2 - abs(y - node.y), 0)
    return node.width / 2
