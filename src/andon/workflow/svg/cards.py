"""The SVG elements of a step's card: outline by kind, icon, title, role, gate chips, and the state of a live run."""

from __future__ import annotations

from andon.core.workflow import Step, Workflow
from andon.workflow.svg import text
from andon.workflow.svg.elements import element, moved, number, rectangle, title, words
from andon.workflow.svg.faces import (
    CHIP_DOT,
    CHIP_HEIGHT,
    CHIP_PADDING,
    ICON,
    ICON_GAP,
    PADDING,
    SUB_LINE,
    TITLE_LINE,
    Chip,
    Face,
    title_of,
)
from andon.workflow.svg.icons import ICONS
from andon.workflow.svg.layout import PlacedNode
from andon.workflow.svg.shapes import Box

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

CUT = 11
"""How much the corners of a human step are cut."""
PILL_HEIGHT = 19
LEFT = PADDING + ICON + ICON_GAP


def card(workflow: Workflow, node: PlacedNode, face: Face, roles: Mapping[str, int], state: str | None) -> str:
    """One step. roles: number of each role's colour. state: of a live run."""
    step = workflow.steps[node.id]
    icon_field = Box(x=PADDING, y=PADDING, width=ICON, height=ICON)
    return element(
        "g",
        title(_said(step, state)),
        _outline(step.kind, face, state),
        rectangle(icon_field, class_="badge", rx=8),
        element("path", class_="icon", transform=moved(PADDING + 6, PADDING + 6), d=ICONS[step.kind]),
        *_lines(step, face, roles),
        *(_chip(chip) for chip in face.chips),
        _pill(face, state) if state else "",
        class_=f"step {step.kind}" + (f" is-{state}" if state else ""),
        data_step=step.id,
        transform=moved(node.box.x, node.box.y),
    )


def _said(step: Step, state: str | None) -> str:
    said = [f"{title_of(step)} ({step.id}): {step.kind} step"]
    if step.role:
        said.append(f"role {step.role}")
    if step.gates:
        said.append(f"gates {', '.join(step.gates)}")
    if state:
        said.append(f"now {state}")
    return "; ".join(said)


def _lines(step: Step, face: Face, roles: Mapping[str, int]) -> list[str]:
    parts: list[str] = []
    y = PADDING + max(0.0, (ICON - len(face.lines) * TITLE_LINE - SUB_LINE) / 2) + 12.5
    for line in face.lines:
        parts.append(words(line, class_="title", x=LEFT, y=y))
        y += TITLE_LINE
    x = LEFT
    if step.kind == "agent" and step.role is not None and step.role in roles:
        parts.append(element("circle", class_=f"role-{roles[step.role]}", cx=LEFT + 4, cy=y - 4.5, r=3.6))
        x += 12
    parts.append(words(face.sub, class_="muted mono" if face.mono else "muted", x=x, y=y - 0.5))
    return parts


def _outline(kind: str, face: Face, state: str | None) -> str:
    w, h = face.width, face.height
    whole = Box(x=0, y=0, width=w, height=h)
    halo = ""
    if state in ("running", "red"):
        around = Box(x=-4, y=-4, width=w + 8, height=h + 8)
        halo = rectangle(around, class_="halo", rx=13, fill="none", stroke_width=2, stroke_opacity=".45")
    if kind == "human":
        path = f"M{CUT} 0H{w - CUT}L{w} {CUT}V{h - CUT}L{w - CUT} {h}H{CUT}L0 {h - CUT}V{CUT}Z"
        return halo + element("path", class_="shape", d=path)
    if kind == "fanout":
        sheets = [rectangle(Box(x=d, y=d, width=w, height=h), class_="shape", rx=10) for d in (6, 3, 0)]
        return halo + "".join(sheets)
    if kind == "workflow":
        rails = element("path", class_="shape", d=f"M5 0V{h}M{number(w - 5)} 0V{h}")
        return halo + rectangle(whole, class_="shape", rx=3) + rails
    radius = {"command": 2.0, "land": min(h / 2, 27)}.get(kind, 10.0)
    return halo + rectangle(whole, class_="shape", rx=radius)


def _chip(chip: Chip) -> str:
    box = Box(x=chip.x, y=chip.y, width=chip.width, height=CHIP_HEIGHT)
    middle = chip.y + CHIP_HEIGHT / 2
    x = chip.x + CHIP_PADDING
    parts = [rectangle(box, rx=6)]
    if chip.gate:
        said = f"gate {chip.gate} ({chip.kind})" + ("; must hold on what lands" if chip.done else "")
        parts.insert(0, title(said))
        name = f"gate-{chip.kind}" + (" sure" if chip.done else "")
        parts.append(element("circle", class_=name, cx=x + 3.5, cy=middle, r=3.2, stroke_width=1.5))
        x += CHIP_DOT
    parts.append(words(chip.label, x=x, y=middle + 3.9))
    return element("g", *parts, class_="chip")


def _pill(face: Face, state: str) -> str:
    width = text.width(state, 11, bold=True) + 16
    x = face.width - width - 10
    field = Box(x=x, y=-10, width=width, height=PILL_HEIGHT)
    return element("g", rectangle(field, rx=PILL_HEIGHT / 2), words(state, x=x + width / 2, y=3.4), class_="state")
