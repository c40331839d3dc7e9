"""What is written on a step's card, and how large the card has to be.

Rules: every card of a drawing has the same width; its height follows from its lines and chips; a step's id or title
is always readable, further text is cut with an ellipsis. Pixels. Must not know: where cards stand, colours.
"""

from __future__ import annotations

from msgspec import Struct

from andon.core.workflow import Step, Workflow
from andon.workflow.svg import text

TITLE_SIZE = 13.5
SUB_SIZE = 11.5
CHIP_SIZE = 11.0
PADDING = 12
ICON = 30
ICON_GAP = 10
TITLE_LINE = 17
SUB_LINE = 16
CHIP_HEIGHT = 20
CHIP_GAP = 5
CHIP_PADDING = 7
CHIP_DOT = 11
MIN_WIDTH = 176
MAX_WIDTH = 248
MAX_CHIP_ROWS = 3


class Chip(Struct, frozen=True, kw_only=True):
    """A gate on a card. x, y: of its upper left corner within the card. done: it is one of the `done` gates."""

    gate: str
    label: str
    kind: str
    x: float
    y: float
    width: float
    done: bool = False


class Face(Struct, frozen=True, kw_only=True):
    """A card's content and size. mono: the second line is code."""

    lines: tuple[str, ...]
    sub: str
    mono: bool
    chips: tuple[Chip, ...]
    width: int
    height: int


def faces(workflow: Workflow) -> dict[str, Face]:
    """The card of every step; all of one width."""
    wanted = max((_wanted(step) for step in workflow.steps.values()), default=MIN_WIDTH)
    width = int(min(max(wanted, MIN_WIDTH), MAX_WIDTH)) // 4 * 4
    return {name: _face(workflow, step, width) for name, step in workflow.steps.items()}


def title_of(step: Step) -> str:
    """The step's title, or its id where it has none."""
    return text.printable(step.title) or text.printable(step.id)


def _wanted(step: Step) -> float:
    sub, mono = sub_line(step)
    words = max(
        text.width(title_of(step), TITLE_SIZE, bold=True),
        text.width(sub, SUB_SIZE, mono=mono),
    )
    return words + 2 * PADDING + ICON + ICON_GAP + 4


def _face(workflow: Workflow, step: Step, width: int) -> Face:
    room = width - 2 * PADDING - ICON - ICON_GAP
    lines = text.wrap(title_of(step), TITLE_SIZE, room, 2, bold=True)
    sub, mono = sub_line(step)
    head = max(ICON, len(lines) * TITLE_LINE + SUB_LINE)
    top = PADDING + head + 9
    chips, rows = _chips(workflow, step, width, top)
    height = PADDING + head + (9 + rows * (CHIP_HEIGHT + CHIP_GAP) - CHIP_GAP if rows else 0) + PADDING
    return Face(
        lines=tuple(lines),
        sub=text.fit(sub, SUB_SIZE, room, mono=mono),
        mono=mono,
        chips=chips,
        width=width,
        height=int(height),
    )


def _chips(workflow: Workflow, step: Step, width: int, top: float) -> tuple[tuple[Chip, ...], int]:
    chips: list[Chip] = []
    x, row = float(PADDING), 0
    right = width - PADDING
    for position, name in enumerate(step.gates):
        label = text.fit(text.printable(name), CHIP_SIZE, right - PADDING - 2 * CHIP_PADDING - CHIP_DOT)
        size = text.width(label, CHIP_SIZE) + 2 * CHIP_PADDING + CHIP_DOT
        if x > PADDING and x + size > right:
            x, row = float(PADDING), row + 1
        rest = len(step.gates) - position
        if row == MAX_CHIP_ROWS:
            return _with_rest(chips, rest, top), MAX_CHIP_ROWS
        gate = workflow.gates.get(name)
        kind = gate.__struct_config__.tag if gate is not None else "unknown"
        y = top + row * (CHIP_HEIGHT + CHIP_GAP)
        done = name in workflow.done
        chips.append(Chip(gate=name, label=label, kind=str(kind), x=x, y=y, width=round(size, 1), done=done))
        x += size + CHIP_GAP
    return tuple(chips), row + 1 if chips else 0


def _with_rest(chips: list[Chip], rest: int, top: float) -> tuple[Chip, ...]:
    """The last chip makes place for one that counts the rest, so that no gate is left out in silence."""
    last = chips.pop()
    label = f"+{rest + 1} more"
    size = text.width(label, CHIP_SIZE) + 2 * CHIP_PADDING
    x = last.x
    if x + size > last.x + last.width and chips and chips[-1].y == last.y:
        x = last.x
    return (*chips, Chip(gate="", label=label, kind="more", x=x, y=last.y, width=round(size, 1)))


def sub_line(step: Step) -> tuple[str, bool]:
    """The card's second line, and whether it is code: who does it, or what is done."""
    if step.kind == "command":
        return text.printable(step.run or "command"), bool(step.run)
    if step.kind == "human":
        who = ", ".join(step.by) if step.by else "a person"
        count = f"{step.count} of " if step.count > 1 else ""
        expiry = f" · within {duration(step.expires_s)}" if step.expires_s is not None else ""
        return text.printable(count + who + expiry), False
    if step.kind == "wait":
        what = f"for {duration(step.for_s)}" if step.for_s is not None else f"for signal {step.signal or '?'}"
        return text.printable(what), False
    if step.kind == "fanout":
        return text.printable(f"each of {step.for_each or '?'} · join {step.join}"), False
    if step.kind == "workflow":
        return text.printable(f"workflow {step.workflow or '?'}"), False
    if step.kind == "publish":
        return "push, open a pull request", False
    if step.kind == "land":
        return "integration queue", False
    return text.printable(step.role or "any agent"), False


def duration(seconds: float | None) -> str:
    """A duration in the largest unit that gives a short number: 40m, 4h, 3d."""
    if seconds is None:
        return "?"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    if seconds >= 3_600:
        return f"{seconds / 3_600:.1f}h"
    return f"{seconds / 60:.1f}m" if seconds >= 60 else f"{seconds:g}s"
