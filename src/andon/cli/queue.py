"""The merge queue for people: what a dry run found, and branches that are frozen."""

from __future__ import annotations

from typing import Any

from andon.cli.plain import clean
from andon.cli.render import Paint

Body = dict[str, Any]
COLORS = {"would land": "32", "merges": "32", "waits": "33"}


def dry_run(body: Body, paint: Paint) -> str:
    """In order: who would land, who would not and why."""
    lines = []
    for item in body["items"]:
        words = paint(item["how"], COLORS.get(item["how"], "31"))
        frozen = ", but the branch is frozen" if item.get("frozen") else ""
        reason = f": {clean(item['reason'])}" if item["reason"] else ""
        lines.append(f"{item.get('position', '-')} {item['task']} ({item['run']}) {words}{frozen}{reason}")
    return "\n".join(lines)


def frozen(body: Body, paint: Paint) -> str:
    if body["frozen"] is None:
        return f"{clean(body['branch'])} goes on: andon lead"
    return f"nothing lands on {clean(body['branch'])}: {clean(body['frozen']['why'])}"
