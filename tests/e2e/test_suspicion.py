"""Built-in suspicion at the outer edge: a worker who cuts a corner sees the finding, and is refused where the gate says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.e2e.world import World, outcomes

TEST = "from app import double\n\n\ndef test_double():\n    assert double(2) == 4\n\n\ndef test_zero():\n    assert double(0) == 0\n"
SCOPE = "  scope: {diff: {within: task.scope, max_lines: 400}}"


def start(directory: Path, gates: str = "", listed: str = "[tests, scope]") -> tuple[World, Path]:
    world = World.make(directory, gates=gates, implement_gates=listed, isolation="process", init=False)
    world.write("tests/test_app.py", TEST)
    world.write("src/app.py", "def double(x):\n    return 2 * x\n")
    world.git("add", ".")
    world.git("commit", "-q", "-m", "code")
    assert world.andon("init").exit == 0
    world.add_task()
    return world, Path(world.claim("alice", "--role", "implementer")["workdir"])


def findings(body: dict[str, Any], gate: str) -> dict[str, dict[str, Any]]:
    verdict = next(verdict for verdict in body["verdicts"] if verdict["gate"] == gate)
    return {finding["rule"]: finding for finding in verdict["findings"]}


def test_findings_are_told_and_decide_nothing_by_themselves(tmp_path: Path) -> None:
    world, work = start(tmp_path)
    world.write(
        "tests/test_app.py",
        TEST.replace("double(2) == 4", "double(2)").partition("\n\n\ndef test_zero")[0] + "\n",
        work,
    )
    world.write("src/app.py", "import os  # noqa: F401\n\n\ndef double(x):\n    return 2 * x\n", work)
    body = world.ok("check", agent="alice", cwd=work)
    assert outcomes(body)["scope"] == "passed"
    found = findings(body, "scope")
    assert set(found) == {"tests-deleted", "assertions-weakened", "ignores-added"}
    weakened = found["assertions-weakened"]
    assert (weakened["path"], weakened["line"], weakened["severity"]) == ("tests/test_app.py", 5, "warning")
    assert "`double(2) == 4` became `double(2)`" in weakened["message"]
    assert findings(body, "protect") == {}, "told once"
    text = world.andon("check", agent="alice", cwd=work).out
    assert "tests/test_app.py:5: assertions-weakened" in text
    assert "src/app.py:1: ignores-added" in text
    world.ok("advance", "-m", "done", agent="alice", cwd=work)
    brief = world.claim("bob", "--role", "reviewer")["brief"]
    assert "What looks suspicious in it" in brief
    assert "assertions-weakened" in brief


def test_without_a_gate_on_the_change_the_built_in_one_tells(tmp_path: Path) -> None:
    world, work = start(tmp_path, listed="[tests]")
    world.write("tests/test_app.py", TEST.replace("assert double(2) == 4", "pass"), work)
    body = world.ok("check", agent="alice", cwd=work)
    assert set(findings(body, "protect")) == {"tests-emptied"}
    assert outcomes(body)["protect"] == "passed"


def test_a_gate_refuses_what_it_names(tmp_path: Path) -> None:
    gates = "  honest: {diff: {refuse: [tests-deleted, assertions-weakened]}}"
    world, work = start(tmp_path, gates, "[tests, scope, honest]")
    world.write("src/app.py", "def double(x):  # noqa\n    return 2 * x\n", work)
    allowed = world.ok("check", agent="alice", cwd=work)
    assert outcomes(allowed)["honest"] == "passed"
    assert set(findings(allowed, "honest")) == {"ignores-added"}
    world.write("tests/test_app.py", TEST.partition("\n\n\ndef test_zero")[0] + "\n", work)
    refused = world.andon("check", "--json", agent="alice", cwd=work)
    assert refused.exit == 1
    body = refused.json
    assert outcomes(body)["honest"] == "failed"
    assert outcomes(body)["scope"] == "passed"
    assert findings(body, "honest")["tests-deleted"]["severity"] == "blocking"
    assert findings(body, "scope")["tests-deleted"]["severity"] == "warning"
    assert "test_zero" in findings(body, "honest")["tests-deleted"]["message"]
    advanced = world.andon("advance", "-m", "done", "--json", agent="alice", cwd=work)
    assert advanced.exit == 1
    assert outcomes(advanced.json)["honest"] == "failed"
    # Put back, the same work goes through.
    world.write("tests/test_app.py", TEST, work)
    world.ok("advance", "-m", "done", agent="alice", cwd=work)


def test_what_can_not_be_inspected_is_no_pass(tmp_path: Path) -> None:
    gates = "  honest: {diff: {refuse: [tests-deleted]}}"
    world, work = start(tmp_path, gates, "[tests, honest]")
    world.write("tests/test_app.py", "# coding: utf-7\n" + TEST, work)
    result = world.andon("check", "--json", agent="alice", cwd=work)
    assert result.exit == 1
    assert outcomes(result.json)["honest"] == "unmeasured"


def test_an_unknown_rule_is_a_lint_error_with_its_place(tmp_path: Path) -> None:
    world = World.make(tmp_path, init=False)
    world.write_workflow(
        gates="  honest: {diff: {refuse: [tests-deleted, asertions-weakened]}}", implement_gates="[tests, honest]"
    )
    result = world.andon("workflow", "lint", "--json")
    assert result.exit == 1
    (problem,) = [item for item in result.json["items"] if "asertions" in item["message"]]
    lines = (world.path / ".andon/workflows/feature.md").read_text().split("\n")
    assert lines[problem["line"] - 1][problem["column"] - 1 :].startswith("asertions-weakened")
    assert problem["next"] == "did you mean `assertions-weakened`?"
