"""Reports that a gate's command leaves, turned into figures.

Rules. Test cases are counted, the file's own sums never believed. A report that can't be read, or that measured nothing
(zero tests, everything skipped), is never a success. Reports are made by untrusted code: size, depth and entities are
bounded. Each format has a module with `parse(content) -> Measured`, raising `Unreadable`. Must not know how the report
was produced, or conditions.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from andon.core.verdict import Finding

FINDINGS_MAX = 50
REPORT_BYTES_MAX = 64 * 1024**2
MESSAGE_CHARACTERS_MAX = 300


class Unreadable(Exception):
    """The report is not a report of its format; the text says why, in plain words."""


class Measured(Struct, frozen=True, kw_only=True):
    """What a report says.

    figures: its numbers. values: the same under the names and types that conditions use (core.figures). nothing: why it
    measured nothing, or "". bad: what makes the gate red when there is no condition, or "". summary: one plain line.
    failures: names of what failed, bounded. findings: remarks with places, bounded.
    """

    figures: dict[str, float]
    values: dict[str, Any]
    summary: str
    nothing: str = ""
    bad: str = ""
    failures: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = field(default_factory=tuple)
    lines: dict[str, tuple[frozenset[int], frozenset[int]]] = field(default_factory=dict)
    """of a coverage report: path as it spells it -> (executed, missing) lines"""


def parse(report_format: str, content: bytes) -> Measured:
    """Read a report. Raises Unreadable."""
    if not content.strip():
        raise Unreadable("the report is empty")
    try:
        if report_format == "junit":
            from andon.gates.reports import junit as reader
        elif report_format == "coverage":
            from andon.gates.reports import coverage as reader  # type: ignore[no-redef]
        elif report_format == "sarif":
            from andon.gates.reports import sarif as reader  # type: ignore[no-redef]
        elif report_format == "tap":
            from andon.gates.reports import tap as reader  # type: ignore[no-redef]
        elif report_format == "json":
            from andon.gates.reports import json as reader  # type: ignore[no-redef]
        else:
            raise Unreadable(f"no reader for reports of format {report_format!r}")
        return reader.parse(content)
    except RecursionError as error:
        raise Unreadable("the report is nested too deeply") from error


def tests_measured(
    *,
    tests: int,
    failed: int,
    errors: int,
    skipped: int,
    failures: list[str],
    findings: list[Finding],
) -> Measured:
    """What junit and tap have in common. `failed` includes `errors`, so that "failed == 0" can't hide an error."""
    passed = tests - failed - skipped
    counts = {"tests": tests, "failed": failed, "errors": errors, "skipped": skipped, "passed": passed}
    nothing = ""
    if tests == 0:
        nothing = "the report holds zero tests"
    elif skipped == tests:
        nothing = f"all {tests} tests were skipped" if tests > 1 else "the only test was skipped"
    bad = ""
    if failed:
        shown = ", ".join(failures[:5]) + (" …" if failed > 5 else "")
        bad = f"failed: {failed} of {tests} tests: {shown}"
    return Measured(
        figures={name: float(value) for name, value in counts.items()},
        values=dict(counts),
        summary=f"{passed} passed, {failed} failed, {skipped} skipped",
        nothing=nothing,
        bad=bad,
        failures=tuple(failures[:FINDINGS_MAX]),
        findings=tuple(findings[:FINDINGS_MAX]),
    )


def decode_json(content: bytes) -> Any:
    """Strict JSON: no NaN or Infinity. Raises Unreadable."""
    import json

    def refuse(constant: str) -> Any:
        raise Unreadable(f"{constant} is not JSON")

    try:
        return json.loads(content, parse_constant=refuse)
    except (ValueError, UnicodeDecodeError) as error:
        raise Unreadable(f"not JSON: {error}") from error


def shorten(text: str) -> str:
    """The first line that says something, bounded."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= MESSAGE_CHARACTERS_MAX else line[: MESSAGE_CHARACTERS_MAX - 1] + "…"
