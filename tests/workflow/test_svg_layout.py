"""The layout's promises, on drawn and on random workflows: nothing overlaps, nothing is missing, lines avoid cards."""

from __future__ import annotations

import itertools
import re

import pytest

from andon.core.workflow import Workflow
from andon.workflow.svg.layout import Layout, PlacedEdge, lay_out
from andon.workflow.svg.shapes import Box
from tests.workflow import svg_samples

CASES = {**svg_samples.ALL, **{f"random {seed}": svg_samples.large(seed, 6 + seed) for seed in range(10, 26)}}
LAYOUTS: dict[str, Layout] = {}


@pytest.fixture(params=sorted(CASES))
def case(request: pytest.FixtureRequest) -> tuple[Workflow, Layout]:
    name = request.param
    if name not in LAYOUTS:
        LAYOUTS[name] = lay_out(CASES[name])
    return CASES[name], LAYOUTS[name]


def test_cards_and_other_nodes_do_not_overlap(case: tuple[Workflow, Layout]) -> None:
    _, layout = case
    hits = [(a.id, b.id) for a, b in itertools.combinations(layout.nodes, 2) if a.box.overlaps(b.box)]
    assert hits == []


def test_labels_overlap_neither_cards_nor_each_other(case: tuple[Workflow, Layout]) -> None:
    _, layout = case
    labels = [edge.label for edge in layout.edges if edge.label is not None]
    on_cards = [(x.text, n.id) for x in labels for n in layout.nodes if x.box.overlaps(n.box)]
    on_labels = [(a.text, b.text) for a, b in itertools.combinations(labels, 2) if a.box.overlaps(b.box)]
    assert on_cards == []
    assert on_labels == []


def test_a_phase_holds_its_own_steps_and_no_others(case: tuple[Workflow, Layout]) -> None:
    workflow, layout = case
    for phase in layout.phases:
        for node in layout.nodes:
            if node.id not in workflow.steps:
                continue
            member = workflow.steps[node.id].phase[: len(phase.path)] == phase.path
            if member:
                assert phase.box.holds(node.box), (phase.path, node.id)
            else:
                assert not phase.box.overlaps(node.box), (phase.path, node.id)


def test_phases_are_nested_or_apart(case: tuple[Workflow, Layout]) -> None:
    _, layout = case
    for outer, inner in itertools.combinations(layout.phases, 2):
        if inner.path[: len(outer.path)] == outer.path:
            assert outer.box.holds(inner.box), (outer.path, inner.path)
        else:
            assert not outer.box.overlaps(inner.box), (outer.path, inner.path)


def test_every_step_and_every_edge_is_there(case: tuple[Workflow, Layout]) -> None:
    workflow, layout = case
    ids = [node.id for node in layout.nodes]
    assert len(ids) == len(set(ids))
    assert set(ids) >= {*workflow.steps, *workflow.pseudo}
    assert [edge.edge for edge in layout.edges if edge.edge is not None] == list(workflow.edges)


def test_a_line_crosses_no_card(case: tuple[Workflow, Layout]) -> None:
    _, layout = case
    for edge in layout.edges:
        points = list(_points(edge))
        for node in layout.nodes:
            inner = Box(x=node.box.x + 1, y=node.box.y + 1, width=node.box.width - 2, height=node.box.height - 2)
            if inner.width <= 0 or inner.height <= 0 or node.shape != "card":
                continue
            inside = [p for p in points if inner.overlaps(Box(x=p[0], y=p[1], width=0.01, height=0.01))]
            assert not inside, (edge.source, edge.target, node.id, inside[:3])


def test_everything_lies_on_the_page(case: tuple[Workflow, Layout]) -> None:
    _, layout = case
    page = Box(x=0, y=0, width=layout.width, height=layout.height)
    boxes = [placed.box for placed in (*layout.nodes, *layout.phases)]
    boxes += [edge.label.box for edge in layout.edges if edge.label]
    assert [box for box in boxes if not page.holds(box)] == []
    points = [point for edge in layout.edges for point in _points(edge)]
    assert [(x, y) for x, y in points if not (0 <= x <= layout.width and 0 <= y <= layout.height)] == []


def test_forward_edges_lead_down_and_rework_leads_up(case: tuple[Workflow, Layout]) -> None:
    _, layout = case
    middle = {node.id: node.box.y + node.box.height / 2 for node in layout.nodes}
    for edge in layout.edges:
        if edge.rework:
            assert middle[edge.target] <= middle[edge.source]
        else:
            assert middle[edge.target] > middle[edge.source]


def test_the_main_line_of_a_small_workflow_is_straight() -> None:
    layout = lay_out(svg_samples.small())
    middles = {node.box.x + node.box.width / 2 for node in layout.nodes}
    assert len(middles) == 1
    assert [(edge.source, edge.target) for edge in layout.edges if edge.rework] == [("review", "implement")]


def test_a_workflow_of_one_step_and_one_without_an_end() -> None:
    steps = {"only": svg_samples.Step(id="only")}
    alone = svg_samples.Workflow(name="one", steps=steps, start="only", edges=())
    layout = lay_out(alone)
    assert {node.id for node in layout.nodes} == {"(start)", "only"}


def _points(edge: PlacedEdge) -> list[tuple[float, float]]:
    """Points along the path data, close to each other."""
    points: list[tuple[float, float]] = []
    x = y = 0.0
    for command, body in re.findall(r"([MVHCQ])([^MVHCQ]*)", edge.path):
        numbers = [float(number) for number in body.split()]
        start = (x, y)
        if command == "M":
            x, y = numbers
            points.append((x, y))
            continue
        if command == "V":
            controls = [start, (x, numbers[0])]
        elif command == "H":
            controls = [start, (numbers[0], y)]
        else:
            controls = [start, *zip(numbers[::2], numbers[1::2], strict=True)]
        points += [_bezier(controls, step / 24) for step in range(25)]
        x, y = controls[-1]
    return points


def _bezier(controls: list[tuple[float, float]], t: float) -> tuple[float, float]:
    while len(controls) > 1:
        controls = [(a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t) for a, b in itertools.pairwise(controls)]
    return controls[0]
