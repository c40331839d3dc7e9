"""A plan as SVG: a column for each wave, a card for each task, a line for each dependency and each place that keeps two
apart.

Rules: every text is escaped; the same plan gives the same bytes; a task is a group with its id as a data attribute and a
<title> that says all of it; bounded: what does not fit is counted, not drawn. Must not know: how plans are made.
"""

from __future__ import annotations

from itertools import pairwise

from andon.core.planning.plan import Plan, Planned
from andon.core.planning.shared import CONTRACT_FIRST, ONE_OWNER
from andon.workflow.svg import text
from andon.workflow.svg.elements import element, escaped, number, rectangle, title, words
from andon.workflow.svg.shapes import Box
from andon.workflow.svg.style import MONO, SANS

ROOT = "andon-plan"
MAX_WAVES = 60
MAX_IN_WAVE = 40
MAX_LINES = 2_000
MAX_FILES = 2
MAX_LEGEND = 12
MARGIN = 28
CARD_WIDTH = 216
CARD_HEIGHT = 74
GAP_X = 84
GAP_Y = 16
TOP = 104
LEGEND_LINE = 18

_RULES = """.{r} text{{font-family:{sans};font-size:11.5px;fill:{ink}}}
.{r} .mono{{font-family:{mono};font-size:10.5px}}
.{r} .name{{font-size:19px;font-weight:650}}
.{r} .id{{font-weight:650;font-size:12.5px}}
.{r} .muted{{fill:{muted}}}
.{r} .page{{fill:{page}}}
.{r} .column{{fill:{column};stroke:{rim}}}
.{r} .card{{fill:{page};stroke:{rim};stroke-width:1.3}}
.{r} .first .card{{stroke:{contract};stroke-width:2.4}}
.{r} .line{{fill:none;stroke:{line};stroke-width:1.4}}
.{r} .place{{stroke:{shared};stroke-dasharray:5 4}}
.{r} .contract{{stroke:{contract}}}
.{r} .owner{{stroke:{owner};stroke-dasharray:2 3}}"""
_LIGHT = {
    "ink": "#1c2128", "muted": "#57606a", "page": "#ffffff", "column": "#f3f5f8", "rim": "#c4ccd4", "line": "#6b7683",
    "shared": "#b54708", "contract": "#7a3fc9", "owner": "#0b7285",
}  # fmt: skip
_DARK = {
    "ink": "#e6edf3", "muted": "#9aa5b1", "page": "#0d1117", "column": "#171d26", "rim": "#3a4450", "line": "#8792a0",
    "shared": "#f0883e", "contract": "#c297ff", "owner": "#4cc9dc",
}  # fmt: skip


def render_plan(plan: Plan) -> str:
    """An SVG document of the plan. Deterministic."""
    columns = _columns(plan)
    places = _places(columns)
    tallest = max((len(tasks) for tasks in columns), default=0)
    rest = [] if len(columns) == plan.waves else [f"… and {plan.waves - len(columns)} more waves"]
    legend = [*rest, *_legend(plan)]
    bottom = TOP + max(1, tallest) * (CARD_HEIGHT + GAP_Y) + 2 * GAP_Y
    width = max(560, 2 * MARGIN + len(columns) * (CARD_WIDTH + GAP_X) - GAP_X)
    height = bottom + len(legend) * LEGEND_LINE + MARGIN
    heading = f"{len(plan.tasks)} tasks in {plan.waves} waves for {plan.workers} workers"
    figures = (
        f"at least {plan.lower_bound} waves are needed ({plan.distance_percent:g} % above); "
        f"one at a time {plan.one_at_a_time}, in issue order {plan.greedy}"
    )
    firsts = {item.first for item in plan.shared if item.first is not None}
    first_ids = {plan.tasks[task].id for task in firsts}
    parts = [
        title(heading),
        element("desc", escaped(figures)),
        element("style", "\n", _sheet(), "\n"),
        element("rect", class_="page", width=width, height=height, rx=12),
        words(heading, class_="name", x=MARGIN, y=MARGIN + 16),
        words(figures, class_="muted", x=MARGIN, y=MARGIN + 38),
        *(_column(at, tasks, plan, bottom) for at, tasks in enumerate(columns)),
        *_lines(plan, places),
        *(
            _card(task, places[task.id], task.id in first_ids)
            for tasks in columns
            for task in tasks
            if task.id in places
        ),
        *(
            words(text.fit(line, 11.5, width - 2 * MARGIN), x=MARGIN, y=bottom + (at + 1) * LEGEND_LINE)
            for at, line in enumerate(legend)
        ),
    ]
    body = "\n" + "\n".join(part for part in parts if part) + "\n"
    size: dict[str, str | float] = {"viewBox": f"0 0 {width} {height}", "width": width, "height": height}
    svg = element("svg", body, xmlns="http://www.w3.org/2000/svg", class_=ROOT, role="img", aria_label=heading, **size)
    return svg + "\n"


def _sheet() -> str:
    light = _RULES.format(r=ROOT, sans=SANS, mono=MONO, **_LIGHT)
    dark = _RULES.format(r=ROOT, sans=SANS, mono=MONO, **_DARK)
    return f"{light}\n@media (prefers-color-scheme:dark){{\n{dark}\n}}"


def _columns(plan: Plan) -> list[list[Planned]]:
    columns: list[list[Planned]] = [[] for _ in range(min(plan.waves, MAX_WAVES))]
    for task in plan.tasks:
        if task.wave <= len(columns):
            columns[task.wave - 1].append(task)
    return columns


def _places(columns: list[list[Planned]]) -> dict[str, Box]:
    found = {}
    for at, tasks in enumerate(columns):
        for row, task in enumerate(tasks[:MAX_IN_WAVE]):
            x, y = MARGIN + at * (CARD_WIDTH + GAP_X), TOP + GAP_Y + row * (CARD_HEIGHT + GAP_Y)
            found[task.id] = Box(x=x, y=y, width=CARD_WIDTH, height=CARD_HEIGHT)
    return found


def _column(at: int, tasks: list[Planned], plan: Plan, bottom: float) -> str:
    x = MARGIN + at * (CARD_WIDTH + GAP_X) - 12
    more = len(tasks) - MAX_IN_WAVE
    label = f"Wave {at + 1}" + (f" (and {more} more)" if more > 0 else "")
    box = Box(x=x, y=TOP - 14, width=CARD_WIDTH + 24, height=bottom - TOP)
    return element(
        "g",
        rectangle(box, class_="column", rx=12),
        words(label, class_="id muted", x=x + 12, y=TOP + 4),
        data_wave=str(at + 1),
    )


def _card(task: Planned, box: Box, first: bool) -> str:
    inside = CARD_WIDTH - 20
    likely = [*task.holds, *(x.path for x in task.predicted if x.path not in task.holds)]
    said = [f"{task.id}: {task.title}", f"wave {task.wave}: {task.reason}"]
    said += [f"{name} is at work on {place}" for name, place in task.kept_off[:8]]
    said += [f"{x.path}: {x.score:g}, {x.reason}" for x in task.predicted[:8]]
    lines = [
        words(
            text.fit(f"{task.id} · {text.printable(task.title)}", 12.5, inside, bold=True),
            class_="id",
            x=box.x + 10,
            y=box.y + 19,
        )
    ]
    for row, path in enumerate(likely[:MAX_FILES]):
        more = f" +{len(likely) - MAX_FILES}" if row == MAX_FILES - 1 and len(likely) > MAX_FILES else ""
        shown = _end_of(text.printable(path), inside - text.width(more, 10.5, mono=True)) + more
        lines.append(words(shown, class_="mono muted", x=box.x + 10, y=box.y + 36 + 14 * row))
    lines.append(words(text.fit(task.reason, 11.5, inside), class_="muted", x=box.x + 10, y=box.y + CARD_HEIGHT - 9))
    shape = rectangle(box, class_="card", rx=9)
    return element(
        "g", title("\n".join(said)), shape, *lines, class_="task first" if first else "task", data_task=task.id
    )


def _end_of(path: str, limit: float) -> str:
    """A path's end is what tells; its beginning is cut."""
    kept = path
    while kept and text.width((text.ELLIPSIS if kept != path else "") + kept, 10.5, mono=True) > limit:
        kept = kept[1:]
    return kept if kept == path else text.ELLIPSIS + kept


def _lines(plan: Plan, places: dict[str, Box]) -> list[str]:
    """Own dependencies are not in the plan's records; what it adds, and what its places keep apart, is drawn."""
    found = []
    drawn: set[tuple[str, str]] = set()
    for edge in plan.added:
        if edge.task in places and edge.after in places and (edge.after, edge.task) not in drawn:
            drawn.add((edge.after, edge.task))
            kind = "contract" if edge.strategy == CONTRACT_FIRST else "place"
            found.append(_line(places[edge.after], places[edge.task], kind, f"{edge.after} → {edge.task}: {edge.path}"))
    for item in plan.shared:
        if item.strategy != ONE_OWNER:
            continue
        owners = sorted((plan.tasks[task] for task in item.tasks), key=lambda task: (task.wave, task.id))
        for one, other in pairwise(owners):
            if one.id in places and other.id in places and (one.id, other.id) not in drawn:
                drawn.add((one.id, other.id))
                found.append(_line(places[one.id], places[other.id], "owner", f"{one.id} – {other.id}: {item.path}"))
    return found[:MAX_LINES]


def _line(start: Box, end: Box, kind: str, said: str) -> str:
    x1, y1 = start.x + start.width, start.y + start.height / 2
    x2, y2 = end.x, end.y + end.height / 2
    if x2 <= x1:
        x2 = end.x + end.width
    bend = max(24.0, (x2 - x1) / 2)
    start_at, end_at = f"{number(x1)} {number(y1)}", f"{number(x2)} {number(y2)}"
    path = f"M{start_at}C{number(x1 + bend)} {number(y1)} {number(x2 - bend)} {number(y2)} {end_at}"
    return element("g", title(said), element("path", class_=f"line {kind}", d=path))


def _legend(plan: Plan) -> list[str]:
    lines = []
    for item in plan.shared[:MAX_LEGEND]:
        names = ", ".join(plan.tasks[task].id for task in item.tasks[:12])
        more = f" and {len(item.tasks) - 12} more" if len(item.tasks) > 12 else ""
        lines.append(f"{item.path}: {names}{more}: {item.strategy}")
    if len(plan.shared) > MAX_LEGEND:
        lines.append(f"… and {len(plan.shared) - MAX_LEGEND} more shared places")
    return lines
