"""Any JSON object. Conditions see it whole as `report`; its numbers, by dotted name, become the verdict's figures."""

from __future__ import annotations

from typing import Any

from andon.gates.reports import Measured, Unreadable, decode_json

FIGURES_MAX = 1000
INTEGER_MAX = 2**63 - 1


def parse(content: bytes) -> Measured:
    document = decode_json(content)
    if not isinstance(document, dict):
        raise Unreadable("the report is JSON, but not an object")
    figures: dict[str, float] = {}
    _collect(document, "report", figures)
    return Measured(
        figures=figures,
        values={"report": document},
        summary=f"report with {len(document)} entries",
        nothing="" if document else "the report is an empty object",
    )


def _collect(value: dict[str, Any], prefix: str, figures: dict[str, float]) -> None:
    for name, inner in value.items():
        if len(figures) >= FIGURES_MAX:
            return
        path = f"{prefix}.{name}"
        if isinstance(inner, bool):
            continue
        if isinstance(inner, (int, float)):
            if isinstance(inner, int) and abs(inner) > INTEGER_MAX:
                raise Unreadable(f"{path} does not fit in 64 bits")
            figures[path] = float(inner)
        elif isinstance(inner, dict):
            _collect(inner, path, figures)


def rebuild(figures: dict[str, float]) -> dict[str, Any]:
    """The numbers of a report as nested objects again: what `base.report` shows. Names with dots stay apart."""
    document: dict[str, Any] = {}
    for path, value in figures.items():
        if not path.startswith("report."):
            continue
        *parents, name = path.split(".")[1:]
        at = document
        for parent in parents:
            inner = at.setdefault(parent, {})
            if not isinstance(inner, dict):
                break
            at = inner
        else:
            at[name] = value
    return document
