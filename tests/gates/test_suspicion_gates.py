"""Gates with `refuse`, and coverage of changed lines, on a real repository."""

from __future__ import annotations

import json
from typing import Any

import pytest

from andon.core import workflow as core
from andon.core.workflow import DiffGate, gate_digest

TWO = "def test_one():\n    assert f(1) == 1\n\n\ndef test_two():\n    assert f(2) == 2\n"
ONE = "def test_one():\n    assert f(1) == 1\n"


def test_a_refused_rule_closes_the_gate(world: Any, sandbox: Any) -> None:
    base = world.commit({"tests/test_a.py": TWO})
    world.commit({"tests/test_a.py": ONE})
    loud = world.check(sandbox, DiffGate(id="d", refuse=("tests-deleted",)), base=base)
    assert (loud.outcome, loud.summary) == ("failed", "refused: tests-deleted (tests/test_a.py)")
    assert [(x.rule, x.severity) for x in loud.findings] == [("tests-deleted", "blocking")]
    other = world.check(sandbox, DiffGate(id="d", refuse=("tests-skipped",)), base=base)
    assert other.outcome == "passed"
    assert "suspicious: tests-deleted" in other.summary
    assert other.subject == loud.subject


def test_both_reasons_are_told(world: Any, sandbox: Any) -> None:
    base = world.commit({"tests/test_a.py": TWO})
    world.commit({"tests/test_a.py": ONE})
    verdict = world.check(sandbox, DiffGate(id="d", max_lines=1, refuse=("tests-deleted",)), base=base)
    assert verdict.summary.startswith("4 lines changed, at most 1 allowed; refused: tests-deleted")


def test_links_submodules_and_large_files_are_no_trouble(world: Any, sandbox: Any) -> None:
    base = world.commit({"a.py": ("link", "README"), "big.py": "x = 1\n" * 300_000, "b.py": "x = 1\n"})
    world.commit({"a.py": "x = 1\n", "b.py": ("link", "README"), "big.py": "x = 2\n" * 300_000})
    quiet = world.check(sandbox, DiffGate(id="d", max_files=9), base=base)
    assert quiet.outcome == "passed"
    assert [(x.rule, x.path) for x in quiet.findings] == [("not-inspected", "big.py")]
    strict = world.check(sandbox, DiffGate(id="d", refuse=("ignores-added",)), base=base)
    assert (strict.outcome, "big.py" in strict.summary) == ("unmeasured", True)


def test_the_digest_holds_options_and_the_version_of_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, refusing = DiffGate(id="d", max_lines=1), DiffGate(id="d", max_lines=1, refuse=("tests-deleted",))
    before = gate_digest(plain), gate_digest(refusing)
    assert before[0] != before[1] != gate_digest(DiffGate(id="d", max_lines=1, refuse=("tests-fewer",)))
    monkeypatch.setattr(core, "SUSPICION_VERSION", core.SUSPICION_VERSION + 1)
    assert gate_digest(plain) == before[0]
    assert gate_digest(refusing) != before[1]


# ---------------------------------------------------------------- coverage of changed lines


def report(**files: tuple[list[int], list[int]]) -> str:
    entries = {
        name.replace("__", "/") + ".py": {"executed_lines": executed, "missing_lines": missing}
        for name, (executed, missing) in files.items()
    }
    return json.dumps({"files": entries, "totals": {}})


def command(text: str) -> str:
    return f"printf '%s' '{text}' > $ANDON_OUT/c.json"


def test_changed_lines_are_figures_of_a_coverage_report(world: Any, sandbox: Any, run_gate: Any) -> None:
    base = world.commit({"src/a.py": "def f(x):\n    if x:\n        return 1\n    return 2\n"})
    world.commit({"src/a.py": "def f(x):\n    if x:\n        return (\n            3\n        )\n    return 4\n"})
    text = report(src__a=([1, 2, 3], [6]))
    gate = run_gate(command(text), report=("coverage", "c.json"), require="changed_line_rate >= 0.9")
    verdict = world.check(sandbox, gate, base=base)
    assert verdict.outcome == "failed"
    figures = verdict.figures
    # Lines 4 and 5 belong to the statement of line 3.
    assert (figures["changed_lines"], figures["changed_lines_covered"], figures["changed_line_rate"]) == (2, 1, 0.5)
    assert [(x.rule, x.path, x.line) for x in verdict.findings] == [("changed-lines-uncovered", "src/a.py", 6)]
    half = run_gate(command(text), report=("coverage", "c.json"), require="changed_line_rate >= 0.5")
    assert world.check(sandbox, half, base=base).outcome == "passed"


def test_a_file_that_the_report_does_not_know_is_not_covered(world: Any, sandbox: Any, run_gate: Any) -> None:
    base = world.commit({"src/a.py": "x = 1\n", "README": "a\n"})
    files = {"src/b.py": '"""About."""\n\nx = 1\ny = 2\n', "tests/test_b.py": "x = 1\n", "README": "b\n"}
    world.commit(files)
    gate = run_gate(
        command(report(src__a=([1], []))), report=("coverage", "c.json"), require="changed_line_rate == 1.0"
    )
    verdict = world.check(sandbox, gate, base=base)
    assert verdict.outcome == "failed"
    figures = verdict.figures
    assert (figures["changed_lines"], figures["changed_files_unmeasured"]) == (2, 1), (
        "tests and texts need not be known"
    )


def test_no_changed_lines_is_all_covered_and_the_base_counts_in_the_cache(
    world: Any, sandbox: Any, run_gate: Any
) -> None:
    first = world.commit({"src/a.py": "x = 1\n"})
    second = world.commit({"src/a.py": "x = 2\n"})
    gate = run_gate(
        command(report(src__a=([], [1]))), report=("coverage", "c.json"), require="changed_line_rate == 1.0"
    )
    assert world.check(sandbox, gate, base=first).outcome == "failed"
    same = world.check(sandbox, gate, base=second)
    assert (same.outcome, same.cached, same.figures["changed_lines"]) == ("passed", False, 0)
    assert world.check(sandbox, gate, base=first).outcome == "failed"


def test_without_a_report_changed_lines_are_unmeasured(world: Any, sandbox: Any, run_gate: Any) -> None:
    gate = run_gate("true", report=("coverage", "c.json"), require="changed_line_rate == 1.0")
    assert world.check(sandbox, gate, {"src/a.py": "x = 1\n"}).outcome == "unmeasured"
    base = run_gate(
        command(report(a=([1], []))), report=("coverage", "c.json"), require="changed_lines > base.changed_lines"
    )
    assert world.check(sandbox, base).outcome == "unmeasured", "the base has no changed lines"
