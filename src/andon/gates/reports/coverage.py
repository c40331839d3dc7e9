"""coverage.py's JSON report (`coverage json`): lines and branches are counted file by file, its totals not believed."""

from __future__ import annotations

from typing import Any

from andon.gates.reports import Measured, Unreadable, decode_json


def parse(content: bytes) -> Measured:
    """Rates from 0.0 to 1.0. `branch_rate` only exists when branches were measured: a condition on it then fails
    closed."""
    document = decode_json(content)
    files = document.get("files") if isinstance(document, dict) else None
    if not isinstance(files, dict) or not isinstance(document.get("totals"), dict):
        raise Unreadable("not a coverage.py JSON report: it has no 'files' and 'totals'")
    covered = missing = branches = missing_branches = 0
    has_branches = False
    lines_of: dict[str, tuple[frozenset[int], frozenset[int]]] = {}
    for path, entry in files.items():
        if not isinstance(entry, dict):
            raise Unreadable(f"not a coverage.py JSON report: the entry of {path!r} is no object")
        covered += _length(entry, "executed_lines", path)
        missing += _length(entry, "missing_lines", path)
        lines_of[path] = (_numbers(entry["executed_lines"]), _numbers(entry["missing_lines"]))
        if "executed_branches" in entry:
            has_branches = True
            not_taken = _length(entry, "missing_branches", path)
            branches += _length(entry, "executed_branches", path) + not_taken
            missing_branches += not_taken
    lines = covered + missing
    values: dict[str, Any] = {
        "covered_lines": covered,
        "lines": lines,
        "line_rate": covered / lines if lines else 0.0,
    }
    if has_branches:
        values["branch_rate"] = (branches - missing_branches) / branches if branches else 1.0
    return Measured(
        figures={name: float(value) for name, value in values.items()},
        values=values,
        summary=f"{values['line_rate']:.1%} of {lines} lines covered",
        nothing="" if lines else "the coverage report holds zero lines",
        lines=lines_of,
    )


def _numbers(values: list[Any]) -> frozenset[int]:
    return frozenset(value for value in values if isinstance(value, int))


def _length(entry: dict[str, Any], name: str, path: str) -> int:
    value = entry.get(name)
    if not isinstance(value, list):
        raise Unreadable(f"not a coverage.py JSON report: {path!r} has no list {name!r}")
    return len(value)
