"""The starters load and lint without a word, whatever was detected, and say what was detected."""

from __future__ import annotations

import pytest

from andon import workflow
from andon.core.workflow import DiffGate, ReviewGate, RunGate, Workflow
from andon.workflow.detect import Detected, DetectedGate
from andon.workflow.starters import NAMES, starters
from andon.workflow.svg import render_svg
from tests.workflow.detect_samples import REPOSITORIES, found


def loaded(repository: str, name: str) -> Workflow:
    return workflow.load(starters(found(REPOSITORIES[repository]))[name], name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("repository", sorted(REPOSITORIES))
def test_every_starter_lints_without_errors_and_warnings(repository: str, name: str) -> None:
    text = starters(found(REPOSITORIES[repository]))[name]
    parsed = workflow.parse(text, name)
    assert [problem.text() for problem in workflow.lint(parsed)] == []
    assert parsed.workflow is not None
    assert "{{" not in text
    assert not [line for line in text.splitlines() if line != line.rstrip()]


@pytest.mark.parametrize("repository", sorted(REPOSITORIES))
def test_what_was_detected_arrives_unchanged(repository: str) -> None:
    detected = found(REPOSITORIES[repository])
    for name in NAMES:
        made = loaded(repository, name)
        assert made.environment.setup == detected.setup
        assert made.environment.reuse == detected.reuse
        assert made.environment.network == ("setup" if detected.setup else "none")
        assert made.protect == detected.protect
        for gate in detected.gates:
            ready = made.gates[gate.id]
            assert isinstance(ready, RunGate)
            assert (ready.run, ready.report, ready.require) == (gate.run, gate.report, gate.require)
            assert gate.id in made.done


def test_feature() -> None:
    made = loaded("pytest package", "feature")
    assert list(made.steps) == ["implement", "review", "land"]
    assert made.done == ("tests", "lint", "types", "honest", "review")
    assert made.steps["implement"].gates == ("tests", "lint", "types", "scope", "honest")
    assert made.gates["scope"] == DiffGate(id="scope", within=("task.scope",), max_lines=800)
    assert made.gates["review"] == ReviewGate(id="review", role="reviewer")
    assert made.roles["reviewer"].distinct_from == ("implementer",)
    assert [(e.source, e.target) for e in made.edges if e.outcome == "rework"] == [("review", "implement")]
    assert all(step.brief for step in made.steps.values())


def test_bugfix_begins_with_a_test_that_fails() -> None:
    made = loaded("pytest package", "bugfix")
    assert list(made.steps) == ["reproduce", "fix", "review", "land"]
    reproduced = made.gates["reproduced"]
    assert isinstance(reproduced, RunGate)
    assert reproduced.require == "exit != 0 && failed > base.failed"
    assert made.steps["reproduce"].gates == ("reproduced", "scope", "honest")
    assert "reproduced" not in made.done


@pytest.mark.parametrize(
    ("repository", "condition"),
    [
        ("npm jest", "exit != 0 && report.numFailedTests > base.report.numFailedTests"),
        ("rspec", "exit != 0 && report.summary.failure_count > base.report.summary.failure_count"),
        ("make", "exit != 0 && base.exit == 0"),
    ],
)
def test_how_a_new_failure_is_seen_depends_on_the_report(repository: str, condition: str) -> None:
    gate = loaded(repository, "bugfix").gates["reproduced"]
    assert isinstance(gate, RunGate)
    assert gate.require == condition


def test_factory() -> None:
    made = loaded("pytest package", "factory")
    assert set(made.roles) == {"product", "implementer", "reviewer", "security", "qa", "triage"}
    assert list(made.phases.values()) == ["Plan", "Build", "Verify"]
    assert made.done == ("tests", "lint", "types", "honest", "review", "security", "qa", "approval")
    assert made.steps["break_down"].empty
    assert made.steps["sign_off"].expires_s == 3 * 86_400
    assert made.steps["triage"].gates == ("honest", "review", "security", "qa")
    ways = {(e.source, e.outcome): e.target for e in made.edges}
    assert ways["implement", "failed"] == "triage"
    assert ways["land", "failed"] == "triage"
    assert ways["sign_off", "rejected"] == "implement"
    assert {made.roles[role].distinct_from for role in ("reviewer", "security", "qa")} == {("implementer",)}


@pytest.mark.parametrize("name", NAMES)
def test_without_a_test_command_the_file_says_what_to_do(name: str) -> None:
    text = starters(Detected())[name]
    assert "TODO: no test command was recognised" in text
    assert "tests" not in workflow.load(text, name).gates
    # Taking the comment signs away gives a workflow that still loads.
    lines = [
        line.replace("  # ", "  ", 1) if line.startswith(("  # tests:", "  #   ")) else line
        for line in text.split("\n")
    ]
    completed = workflow.parse("\n".join(lines), name)
    assert [p.text() for p in workflow.errors(workflow.lint(completed))] == []
    assert completed.workflow is not None
    assert "tests" in completed.workflow.gates


def test_notes_and_reasons_are_comments() -> None:
    detected = found(REPOSITORIES["unittest"])
    text = starters(detected)["feature"]
    assert "# The tests are unittest's own" in text
    assert "# unittest: the test files use it" in text


def test_directories_of_programs() -> None:
    detected = Detected(tools=("cargo",))
    assert "needed here: cargo" in starters(detected)["feature"]
    with_path = Detected(tools=("cargo",), path=("/opt/rust tools/bin",))
    assert workflow.load(starters(with_path)["feature"], "feature").environment.path == ("/opt/rust tools/bin",)


def test_gate_ids_of_the_starters_own_are_not_overwritten() -> None:
    gates = tuple(DetectedGate(id=name, run="x", require="exit == 0") for name in ("review", "scope", "lint"))
    made = workflow.load(starters(Detected(gates=gates))["feature"], "feature")
    assert isinstance(made.gates["review"], ReviewGate)
    assert isinstance(made.gates["lint"], RunGate)


ODD = [
    "echo \"a\" 'b' $c",
    "true",
    "echo: x # y",
    "- x",
    "a\\b",
    "printf '%s\\n' {a,b} [c] & wait | cat > x < y",
    "echo 'it''s'",
    "  spaced  ",
    "naïve “quotes” 漢字 🎉",
    "tab\there",
    "*.txt",
    "0x10",
    "null",
    "no",
    "@x %y `z` !w",
    "a,b",
]


@pytest.mark.parametrize("command", ODD)
def test_any_text_comes_back_as_it_was(command: str) -> None:
    gate = DetectedGate(id="tests", run=command, require='exit == 0 && "a" != "b"', why=f"because of {command}")
    detected = Detected(
        gates=(gate,), setup=(command, "x" * 120), reuse=(command, "y" * 120), protect=(".andon/**", command)
    )
    made = workflow.load(starters(detected)["feature"], "feature")
    ready = made.gates["tests"]
    assert isinstance(ready, RunGate)
    assert (ready.run, ready.require) == (command, gate.require)
    assert made.environment.setup[0] == command
    assert made.environment.reuse[0] == command
    assert made.protect[1] == command


@pytest.mark.parametrize("name", NAMES)
def test_every_starter_can_be_drawn(name: str) -> None:
    made = loaded("pytest package", name)
    drawn = render_svg(made)
    assert all(f'data-step="{step}"' in drawn for step in made.steps)
