"""What CEL conditions may speak of: names and types, shared by lint (which checks types) and gates (which evaluate).

Two environments. A gate's `require` sees the figures of its own report, what every command leaves (`exit`, …) and the
same on the target branch under `base.`. The condition of an edge out of a choice sees facts of the run. Names with
dots are declared as they are ("base.tests"); CEL resolves them as one name.

Types are spelled as text: int | double | bool | string | dyn | list(T) | map(K,V). `declare` turns them into the types
of whichever CEL library the caller imports; this module imports none (it must stay cheap).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

BASE = "base."
"""Prefix of the same figure measured on the target branch."""

COMMAND: dict[str, str] = {
    "exit": "int",
    "output_lines": "int",
    "output_bytes": "int",
    "duration_s": "double",
}
"""Figures of every command, with or without a report."""

TESTS: dict[str, str] = {"tests": "int", "failed": "int", "errors": "int", "skipped": "int", "passed": "int"}
"""Test cases counted in the report. tests = passed + failed + skipped; `errors` are those of `failed` that broke rather
than failed, so that `failed == 0` can't hide an error."""

COVERAGE: dict[str, str] = {"line_rate": "double", "branch_rate": "double", "covered_lines": "int", "lines": "int"}
"""Rates are from 0.0 to 1.0."""

CHANGED: dict[str, str] = {
    "changed_lines": "int",
    "changed_lines_covered": "int",
    "changed_line_rate": "double",
    "changed_files_unmeasured": "int",
}
"""Of a coverage report, on the executable lines that the change adds or edits. The rate of no such lines is 1.0. Lines of a
file that the report does not know count as not covered, and the file as unmeasured. There are none of the base."""

FINDINGS: dict[str, str] = {"findings": "int", "error_findings": "int", "warning_findings": "int"}

REPORTS: dict[str, dict[str, str]] = {
    "junit": TESTS,
    "tap": TESTS,
    "coverage": {**COVERAGE, **CHANGED},
    "sarif": FINDINGS,
    "json": {"report": "dyn"},
}
"""Figures by report format. A JSON report is `report`, whole; its fields have no static type."""

CHOICE: dict[str, str] = {
    "outcome": "string",
    "visits": "map(string,int)",
    "task.priority": "int",
    "task.labels": "list(string)",
    # Figures travel as floating-point numbers. `dyn` lets `figures.tests.failed == 0` stand without a decimal point.
    "figures": "map(string,map(string,dyn))",
}
"""Facts for a condition out of a choice: outcome of the step before it, entries by step, the task, figures by gate."""


def require_variables(report_format: str | None) -> dict[str, str]:
    """Name -> type of all that a gate's `require` may use. report_format: of the gate's report, None without one."""
    own = {**COMMAND, **(REPORTS.get(report_format, {}) if report_format else {})}
    return {**own, **{BASE + name: spelling for name, spelling in own.items() if name not in CHANGED}}


def choice_variables() -> dict[str, str]:
    """Name -> type of all that a condition out of a choice may use."""
    return dict(CHOICE)


def declare(variables: Mapping[str, str], types: Any) -> dict[str, Any]:
    """The variables with a CEL library's types. types: its `Type` class (INT, DOUBLE, …, List(T), Map(K, V))."""
    return {name: _type(spelling, types) for name, spelling in variables.items()}


def _type(spelling: str, types: Any) -> Any:
    if spelling.startswith("list("):
        return types.List(_type(spelling[5:-1], types))
    if spelling.startswith("map("):
        key, value = spelling[4:-1].split(",", 1)
        return types.Map(_type(key, types), _type(value, types))
    return getattr(types, spelling.upper())
