"""SARIF 2.1.0, as linters and scanners write it: results that stand are counted by level.

Not counted: results that are suppressed, absent from this run, or not failures (`kind`). A report without a run, or
of a tool that says it did not succeed, measured nothing: a scanner that skipped everything has found nothing out.
"""

from __future__ import annotations

from typing import Any

from andon.core.verdict import Finding
from andon.gates.reports import FINDINGS_MAX, Measured, Unreadable, decode_json, shorten

_SEVERITY = {"error": "blocking", "warning": "warning", "note": "note", "none": "note"}


def parse(content: bytes) -> Measured:
    document = decode_json(content)
    runs = document.get("runs") if isinstance(document, dict) else None
    if not isinstance(runs, list) or not str(document.get("version", "")).startswith("2."):
        raise Unreadable("not SARIF 2: it has no 'version' 2.x and 'runs'")
    counts = dict.fromkeys(_SEVERITY, 0)
    findings: list[Finding] = []
    nothing = "" if runs else "the report holds no run of a tool"
    for run in runs:
        if not isinstance(run, dict) or not isinstance(run.get("results", []), list):
            raise Unreadable("not SARIF 2: a run or its results have the wrong shape")
        if any(one.get("executionSuccessful") is False for one in _objects(run.get("invocations"))):
            nothing = "the tool says that its run did not succeed"
        if run.get("results") is None:
            nothing = nothing or "the tool's run has no results, not even none"
        rules = _levels(run)
        for result in _objects(run.get("results")):
            if not _stands(result):
                continue
            level = _level(result, rules)
            counts[level] += 1
            if len(findings) < FINDINGS_MAX:
                findings.append(_finding(result, level))
    total = sum(counts.values())
    values = {"findings": total, "error_findings": counts["error"], "warning_findings": counts["warning"]}
    errors = counts["error"]
    return Measured(
        figures={name: float(value) for name, value in values.items()},
        values=values,
        summary=f"{total} findings: {errors} errors, {counts['warning']} warnings",
        nothing=nothing,
        bad=f"{errors} findings of level error" if errors else "",
        findings=tuple(findings),
    )


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _stands(result: dict[str, Any]) -> bool:
    suppressions = _objects(result.get("suppressions"))
    if any(one.get("status", "accepted") == "accepted" for one in suppressions):
        return False
    return result.get("kind", "fail") == "fail" and result.get("baselineState") != "absent"


def _levels(run: dict[str, Any]) -> dict[str, str]:
    """Default level by rule id; a result without a level takes it from its rule, else it is a warning."""
    driver = run.get("tool", {}).get("driver", {}) if isinstance(run.get("tool"), dict) else {}
    levels: dict[str, str] = {}
    for rule in _objects(driver.get("rules") if isinstance(driver, dict) else None):
        default = rule.get("defaultConfiguration")
        if isinstance(default, dict) and isinstance(default.get("level"), str):
            levels[str(rule.get("id"))] = default["level"]
    return levels


def _level(result: dict[str, Any], rules: dict[str, str]) -> str:
    level = result.get("level") or rules.get(str(result.get("ruleId")), "warning")
    # A level that the standard does not know counts as the worst one.
    return level if level in _SEVERITY else "error"


def _finding(result: dict[str, Any], level: str) -> Finding:
    message = result.get("message")
    text = message.get("text", "") if isinstance(message, dict) else ""
    path, line = "", 0
    for location in _objects(result.get("locations"))[:1]:
        physical = location.get("physicalLocation")
        if isinstance(physical, dict):
            artifact, region = physical.get("artifactLocation"), physical.get("region")
            path = str(artifact.get("uri", "")) if isinstance(artifact, dict) else ""
            start = region.get("startLine") if isinstance(region, dict) else None
            line = start if isinstance(start, int) and start > 0 else 0
    path = path.removeprefix("file:///andon-work/").removeprefix("/andon-work/")
    return Finding(
        message=shorten(str(text)), path=path, line=line, severity=_SEVERITY[level], rule=str(result.get("ruleId", ""))
    )
