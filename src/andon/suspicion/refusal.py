"""What a gate makes of findings: which it refuses, which files it could not judge, and what it tells of them.

Must not know gates' records, or how findings are found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from msgspec.structs import replace

from andon.core.verdict import Finding
from andon.suspicion.table import FINDINGS_MAX, RULES

BLOCKING = "blocking"
BLIND = "not-inspected"
SHOWN = 3


def refused(findings: Sequence[Finding], refuse: Collection[str]) -> list[Finding]:
    return [finding for finding in findings if finding.rule in refuse]


def blind(findings: Sequence[Finding], refuse: Collection[str]) -> list[Finding]:
    """Files that one of the refused rules would have read and could not (law 4: that is no pass)."""
    return [finding for finding in findings if finding.rule == BLIND and _concerns(finding.path, refuse)]


def _concerns(path: str, refuse: Collection[str]) -> bool:
    # Imported when something could not be read, which is rare; reading kept findings must stay cheap.
    from andon.suspicion.languages import is_test
    from andon.suspicion.settings import is_settings

    families = {RULES[rule].family for rule in refuse if rule in RULES}
    if not path:
        return bool(families)
    if is_settings(path):
        return any(rule.endswith("-loosened") for rule in refuse)
    if is_test(path):
        return bool(families & {"Tests", "Assertions"}) or bool({"ignores-added", "runner-tampered"} & set(refuse))
    return bool({"ignores-added", "environment-detected"} & set(refuse))


def told(findings: Sequence[Finding], refuse: Collection[str]) -> tuple[Finding, ...]:
    """What the verdict holds: refused ones first and blocking, at most FINDINGS_MAX, the last of which counts the rest."""
    marked = [replace(one, severity=BLOCKING) if one.rule in refuse else one for one in findings]
    order = {BLOCKING: 0, "warning": 1, "note": 2}
    marked.sort(key=lambda one: order.get(one.severity, 3))
    if len(marked) <= FINDINGS_MAX:
        return tuple(marked)
    kept, rest = marked[: FINDINGS_MAX - 1], marked[FINDINGS_MAX - 1 :]
    counts = ", ".join(f"{number} {rule}" for rule, number in Counter(one.rule for one in rest).most_common())
    last = Finding(message=f"{len(rest)} more findings: {counts}", severity=rest[0].severity, rule=rest[0].rule)
    return (*kept, last)


def summary(findings: Sequence[Finding]) -> str:
    """ "2 assertions-weakened (tests/test_a.py:3), ci-changed (.github/workflows/ci.yml)"."""
    first: dict[str, Finding] = {}
    for one in findings:
        first.setdefault(one.rule, one)
    counts = Counter(one.rule for one in findings)
    parts = []
    for rule, one in list(first.items())[:SHOWN]:
        where = f" ({one.path}:{one.line})" if one.line else f" ({one.path})" if one.path else ""
        parts.append((f"{counts[rule]} " if counts[rule] > 1 else "") + rule + where)
    more = f" and {len(first) - SHOWN} more rules" if len(first) > SHOWN else ""
    return ", ".join(parts) + more
