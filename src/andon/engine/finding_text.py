"""What reviewers type as a finding: [path[:line]: ][severity: ]text, or a JSON object with the same parts.

A finding fails closed. A blocking one that is read as less than that opens a gate in silence, so a severity is read
whatever its case, and what may have been meant as a severity without being one is refused with the grammar. A finding
without a severity is minor. Knows nothing of runs or of the store.
"""

from __future__ import annotations

import re
from typing import Any

from andon.core.errors import UsageError
from andon.core.verdict import Finding

SEVERITIES = ("blocking", "major", "minor", "note")
OLDER = "warning"
"""Understood as ever, and kept as it is; between major and minor."""
DEFAULT = "minor"
MAX_FINDINGS = 200
MAX_FINDING_CHARS = 4000
MAX_PATH_CHARS = 1000
MAX_LINE = 10**9
GRAMMAR = f"--finding 'path:line: severity: text' (any but the text may be left out), severity: {', '.join(SEVERITIES)}"
_KNOWN = (*SEVERITIES, OLDER)
_FIELDS = frozenset(Finding.__struct_fields__) - {"rule"}

_SEVERITY = rf"(?P<severity>{'|'.join(_KNOWN)})\s*:\s*"
_LINE = r"\s*:\s*(?P<line>[0-9]{1,9})(?:[-:][0-9]{1,9})?"
"""A line, and perhaps a column or the last line, which are not kept."""
_PATH = r"(?P<path>(?:(?!:\s)[^\n\r])+?)"
_BARE = re.compile(_SEVERITY, re.IGNORECASE)
_PLACED = re.compile(rf"{_PATH}(?:{_LINE})?\s*:\s*{_SEVERITY}", re.IGNORECASE)
_AT_LINE = re.compile(rf"{_PATH}{_LINE}\s*:(?:\s+|$)")
_AT_FILE = re.compile(r"(?P<path>[^\s:]*[./][^\s:]*)\s*:(?:\s+|$)")
_WORD = re.compile(r"(?:.*?:\s)?\s*(?P<word>[\w-]+)\s*:(?:\s|$)")
"""A single word before a colon, in the place of the severity: at the start, or after a first part."""
_GRAVE = r"\b(?:blocking|blocker|blocks|critical|major)\b"
_BETWEEN = rf"(?:^|[\n:])[^\w\n]*{_GRAVE}[^\w\n]*:"
_MEANT = re.compile(rf"\A(?:\S+:[0-9]\S*\s+)?\W*{_GRAVE}|\A[^:\n]*{_GRAVE}[^:\n]*:|{_BETWEEN}", re.IGNORECASE)
"""A grave word where a severity could stand: at the start of the text, before its first colon, or between two."""
_ANOTHER = re.compile(_BETWEEN, re.IGNORECASE)


def parse_findings(items: list[Any]) -> tuple[Finding, ...]:
    """Raises UsageError for what can't be read."""
    if len(items) > MAX_FINDINGS:
        raise UsageError(f"more than {MAX_FINDINGS} findings in one review", next="name the most important ones")
    found = tuple(_from_object(item) if isinstance(item, dict) else _from_text(str(item)) for item in items)
    for finding in found:
        if len(finding.message) > MAX_FINDING_CHARS or len(finding.path) > MAX_PATH_CHARS:
            text = f"a finding has at most {MAX_FINDING_CHARS} characters, and its path {MAX_PATH_CHARS}"
            raise UsageError(text, next="say it shorter, or in the message of the review")
    return found


def _named(text: str) -> str:
    return f"the finding {text if len(text) <= 200 else text[:200] + '…'!r}"


def _refused(why: str) -> UsageError:
    return UsageError(why, kind="bad_input", next=GRAMMAR)


def _from_object(item: dict[str, Any]) -> Finding:
    unknown = sorted(str(x) for x in item.keys() - _FIELDS)
    if unknown:
        raise _refused(f"a finding has no {', '.join(unknown)}; it has {', '.join(sorted(_FIELDS))}")
    severity = str(item.get("severity", DEFAULT)).strip().lower()
    if severity not in _KNOWN or not item.get("message"):
        raise _refused(f"a finding needs a message and a severity of {', '.join(SEVERITIES)}")
    try:
        line = int(item.get("line") or 0)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"the line {item.get('line')!r} of a finding is no number", next='"line": 3') from None
    path = str(item.get("path") or "")
    return Finding(message=str(item["message"]), path=path, line=_line(line), severity=severity)


def _from_text(text: str) -> Finding:
    said = text.strip()
    if len(said) > MAX_FINDING_CHARS + 2 * MAX_PATH_CHARS:
        # Before the expressions below: they look for a severity in the whole text.
        raise UsageError(f"a finding has at most {MAX_FINDING_CHARS} characters", next="say it shorter")
    read = _BARE.match(said) or _PLACED.match(said)
    if read:
        severity, message = read["severity"].lower(), said[read.end() :]
        if _BARE.match(message) or (severity != SEVERITIES[0] and _ANOTHER.search(message)):
            raise _refused(f"{_named(text)} names two severities")
        return _made(text, read, message, severity)
    placed = _AT_LINE.match(said) or _AT_FILE.match(said)
    rest = said[placed.end() :] if placed else said
    word = _WORD.match(rest) if not placed else re.match(r"(?P<word>[\w-]+)\s*:(?:\s|$)", rest)
    if word:
        raise _refused(f"{word['word']!r} of {_named(text)} is no severity")
    if _MEANT.search(rest):
        raise _refused(f"{_named(text)} can't be read: it seems to name a severity, but not where one stands")
    return _made(text, placed, rest, DEFAULT)


def _made(text: str, place: re.Match[str] | None, message: str, severity: str) -> Finding:
    if not message.strip():
        raise _refused(f"{_named(text)} has no text")
    parts = place.groupdict() if place else {}
    path = (parts.get("path") or "").strip()
    return Finding(message=message.strip(), path=path, line=_line(int(parts.get("line") or 0)), severity=severity)


def _line(number: int) -> int:
    return min(max(number, 0), MAX_LINE)
