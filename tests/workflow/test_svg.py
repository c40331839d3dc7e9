"""The SVG document: well-formed, complete, escaped, deterministic, legible in both colour schemes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from andon.core.workflow import PASSED, Workflow
from andon.workflow.svg import render_svg
from tests.workflow import svg_samples

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(params=sorted(svg_samples.ALL), scope="module")
def drawn(request: pytest.FixtureRequest) -> tuple[Workflow, ET.Element]:
    workflow = svg_samples.ALL[request.param]
    return workflow, ET.fromstring(render_svg(workflow))


def _texts(root: ET.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def test_it_is_well_formed_and_names_itself(drawn: tuple[Workflow, ET.Element]) -> None:
    workflow, root = drawn
    assert root.tag == f"{SVG}svg"
    first, second = list(root)[:2]
    assert first.tag == f"{SVG}title"
    assert "Workflow " in (first.text or "")
    assert second.tag == f"{SVG}desc"
    assert f"{len(workflow.steps)} steps" in (second.text or "")


def test_every_step_and_every_edge_is_drawn(drawn: tuple[Workflow, ET.Element]) -> None:
    workflow, root = drawn
    groups = list(root.iter(f"{SVG}g"))
    assert {g.get("data-step") for g in groups} - {None} == set(workflow.steps)
    assert {g.get("data-node") for g in groups} >= set(workflow.pseudo)
    drawn = sorted((g.get("data-from"), g.get("data-to"), g.get("data-outcome")) for g in groups if g.get("data-from"))
    wanted = [(edge.source, edge.target, edge.outcome) for edge in workflow.edges]
    assert drawn == sorted([*wanted, ("(start)", workflow.start, PASSED)])


def test_labels_roles_and_gates_can_be_read() -> None:
    root = ET.fromstring(render_svg(svg_samples.medium()))
    texts = _texts(root)
    labels = ["rework", "failed", "expired", "else"]
    assert set(texts) >= {*labels, "implementer", "tests", "scope", "Ship it", "Quality assurance", "maria · within 3d"}


def test_no_gate_is_left_out_in_silence() -> None:
    gates = tuple(f"a_gate_with_a_long_name_{number}" for number in range(20))
    steps = {"only": svg_samples.Step(id="only", gates=gates)}
    texts = _texts(ET.fromstring(render_svg(Workflow(name="w", steps=steps, start="only"))))
    shown = sum(1 for text in texts if text.startswith("a_gate"))
    assert f"+{len(gates) - shown} more" in texts


def test_the_same_workflow_gives_the_same_bytes_in_another_process() -> None:
    here = hashlib.sha256(render_svg(svg_samples.medium()).encode()).hexdigest()
    code = (
        "import hashlib; from tests.workflow import svg_samples; from andon.workflow.svg import render_svg; "
        "print(hashlib.sha256(render_svg(svg_samples.medium()).encode()).hexdigest())"
    )
    for seed in ("1", "2"):
        path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, sys.path)])
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == here


def test_text_is_escaped_and_control_characters_are_replaced() -> None:
    document = render_svg(svg_samples.nested())
    assert "<script" not in document
    assert "\x00" not in document
    assert "\x1b" not in document
    root = ET.fromstring(document)
    assert "The <first> phase" in _texts(root)
    assert 'echo "<hi>" && true' in _texts(root)
    assert root.get("aria-label") == "Workflow odd <&\"'> name"


def test_light_and_dark() -> None:
    drawn = render_svg(svg_samples.small())
    assert "@media (prefers-color-scheme:dark)" in drawn
    assert "system-ui" in drawn


def test_nothing_is_fetched_and_nothing_runs(drawn: tuple[Workflow, ET.Element]) -> None:
    _, root = drawn
    allowed = {"svg", "title", "desc", "style", "g", "rect", "path", "circle", "text"}
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= allowed
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not {name for name in attributes if name.startswith("on") or "href" in name or name == "style"}
    assert "url(" not in (root.find(f"{SVG}style").text or "")  # type: ignore[union-attr]


def test_every_rule_of_the_style_sheet_stays_within_the_drawing() -> None:
    root = ET.fromstring(render_svg(svg_samples.medium(), states={"review": "running"}))
    sheet = root.find(f"{SVG}style")
    assert sheet is not None
    rules = [line for line in (sheet.text or "").splitlines() if "{" in line and not line.startswith("@")]
    assert rules
    assert [line for line in rules if not line.startswith(".andon-workflow ")] == []


def test_a_live_run_is_coloured_and_said_in_words() -> None:
    states = {"break_down": "done", "review": "running", "security": "ready", "qa": "red", "sign_off": "waiting"}
    drawn = render_svg(svg_samples.medium(), states=states)
    root = ET.fromstring(drawn)
    for step, state in states.items():
        (group,) = [g for g in root.iter(f"{SVG}g") if g.get("data-step") == step]
        assert f"is-{state}" in (group.get("class") or "").split()
        assert state in [text.text for text in group.iter(f"{SVG}text")]
        assert f"now {state}" in (group.findtext(f"{SVG}title") or "")
    (untouched,) = [g for g in root.iter(f"{SVG}g") if g.get("data-step") == "triage"]
    assert untouched.get("class") == "step agent"


def test_unknown_steps_and_states_are_ignored() -> None:
    plain = render_svg(svg_samples.small())
    assert render_svg(svg_samples.small(), states={"nobody": "done", "review": "singing"}) == plain


def test_shapes_tell_the_kinds_apart() -> None:
    root = ET.fromstring(render_svg(svg_samples.medium()))
    outlines = {}
    for group in root.iter(f"{SVG}g"):
        kind = (group.get("class") or "").split()
        if kind[:1] == ["step"]:
            shape = next(e for e in group if "shape" in (e.get("class") or "").split())
            outlines[kind[1]] = (shape.tag, shape.get("rx"))
    assert len({outlines[kind] for kind in ("agent", "command", "human", "land")}) == 4
