"""Reading what agents type in a compact form: findings."""

from __future__ import annotations

from typing import Any

from andon.core.errors import UsageError
from andon.core.verdict import Finding

SEVERITIES = ("blocking", "warning", "note")
MAX_FINDINGS = 200


def parse_findings(items: list[Any]) -> tuple[Finding, ...]:
    """Findings from "path:line: severity: text" (path, line and severity may be left out) or from JSON objects."""
    if len(items) > MAX_FINDINGS:
        raise UsageError(f"more than {MAX_FINDINGS} findings in one review", next="name the most important ones")
    return tuple(_from_object(item) if isinstance(item, dict) else _from_text(str(item)) for item in items)


def _from_object(item: dict[str, Any]) -> Finding:
    severity = str(item.get("severity", "warning"))
    if severity not in SEVERITIES or not item.get("message"):
        raise UsageError(f"a finding needs a message and a severity of {', '.join(SEVERITIES)}")
    return Finding(
        message=str(item["message"]), path=str(item.get("path", "")), line=int(item.get("line", 0)), severity=severity
    )


def _from_text(text: str) -> Finding:
    path, line, severity, rest = "", 0, "warning", text.strip()
    head, separator, tail = rest.partition(": ")
    if separator and head not in SEVERITIES and " " not in head:
        name, colon, number = head.rpartition(":")
        path, line = (name, int(number)) if colon and number.isdigit() else (head, 0)
        rest = tail
    head, separator, tail = rest.partition(": ")
    if separator and head in SEVERITIES:
        severity, rest = head, tail
    if not rest:
        raise UsageError(f"finding {text!r} has no text", next="--finding 'path:line: blocking: what is wrong'")
    return Finding(message=rest, path=path, line=line, severity=severity)
