"""`docs/benchmarks.svg`: every row of a run as a bar, from nothing to its goal (the line) and beyond."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from benchmarks.measure import Row

CHART = Path(__file__).parents[1] / "docs" / "benchmarks.svg"
WIDTH, LEFT, ROW, TOP = 860, 380, 22, 46
GOAL_AT = 300
"""where the goal's line stands, in pixels from the left of the bars"""


def draw(rows: Sequence[Row]) -> str:
    """The SVG. A bar that ends left of the line meets its goal; for throughput the bar is goal / ratio, so it reads alike."""
    height = TOP + ROW * len(rows) + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        "<title>Andon's benchmarks: measured ratios against their goals</title>",
        "<style>text{fill:#333}.ok{fill:#4a7}.missed{fill:#c55}.line{stroke:#333;stroke-dasharray:4 3}"
        "@media(prefers-color-scheme:dark){text{fill:#ddd}.line{stroke:#ddd}}</style>",
        '<text x="8" y="20" font-size="14">Ratios against a floor measured in the same run; the dashed line is the goal</text>',
        f'<line class="line" x1="{LEFT + GOAL_AT}" y1="{TOP - 14}" x2="{LEFT + GOAL_AT}" y2="{height - 8}"/>',
    ]
    for number, row in enumerate(rows):
        share = row.ratio / row.limit if row.better == "lower" else row.limit / max(row.ratio, 1e-9)
        length = round(min(share, 1.5) * GOAL_AT, 1)
        y = TOP + ROW * number
        sign = "≤" if row.better == "lower" else "≥"
        parts.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(row.name)}</text>')
        parts.append(
            f'<rect class="{"ok" if row.met else "missed"}" x="{LEFT}" y="{y}" width="{length}" height="{ROW - 7}" rx="2"/>'
        )
        label = f"{row.ratio:.2f} (goal {sign} {row.limit:g})"
        parts.append(f'<text x="{LEFT + length + 6}" y="{y + 12}">{escape(label)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def write(rows: Sequence[Row]) -> None:
    CHART.write_text(draw(rows), encoding="utf-8")
