"""The SVG document of a laid-out workflow: header, phases, edges and the small nodes. Cards are in `cards`.

Rules: every text is escaped; the same workflow and states give the same bytes; the drawing is in the order phases,
edges, steps; each step and edge is a group with its id or ends as data attributes and a <title>, so that a page
can find and a person can point at it. Must not know: how places were found.
"""

from __future__ import annotations

from andon.core.workflow import END, PASSED, Workflow
from andon.workflow.svg import text
from andon.workflow.svg.cards import card
from andon.workflow.svg.elements import element, escaped, moved, number, rectangle, title, words
from andon.workflow.svg.layout import Layout, PlacedEdge, PlacedLabel, PlacedNode, PlacedPhase
from andon.workflow.svg.place import PHASE_PADDING
from andon.workflow.svg.style import ROLES, ROOT, STATES, style_sheet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MARGIN = 28
HEADER_MIN = 460
NAME_SIZE = 19
NAME_LINE = 26
NOTE_LINE = 18
NOTE_SIZE = 12.5
NOTE_LINES = 3
HEADER_GAP = 20
ARROW_HEAD = "M0 0L-9 -4.6L-7.4 0L-9 4.6Z"


def draw(workflow: Workflow, layout: Layout, states: Mapping[str, str]) -> str:
    """The whole document."""
    known = {step: state for step, state in states.items() if state in STATES and step in workflow.steps}
    roles = {role: index % ROLES for index, role in enumerate(_roles(workflow))}
    inner = max(layout.width, HEADER_MIN)
    header, top = _header(workflow, inner)
    width, height = round(inner + 2 * MARGIN), round(top + layout.height + 2 * MARGIN)
    shift = MARGIN + (inner - layout.width) / 2
    drawing = [
        *(_phase(phase) for phase in layout.phases),
        *(_edge(edge) for edge in layout.edges),
        *(_node(workflow, node, roles, known) for node in layout.nodes),
    ]
    parts = [
        title(f"Workflow {workflow.name}"),
        element("desc", escaped(_description(workflow, known))),
        element("style", "\n", _sheet(workflow, layout, known, len(roles)), "\n"),
        element("rect", class_="page", width=width, height=height, rx=12),
        *header,
        element("g", "\n", "\n".join(drawing), "\n", transform=moved(shift, top + MARGIN)),
    ]
    return (
        element(
            "svg",
            "\n" + "\n".join(parts) + "\n",
            xmlns="http://www.w3.org/2000/svg",
            class_=ROOT,
            viewBox=f"0 0 {width} {height}",
            width=width,
            height=height,
            role="img",
            aria_label=f"Workflow {workflow.name}",
        )
        + "\n"
    )


def _sheet(workflow: Workflow, layout: Layout, states: Mapping[str, str], roles: int) -> str:
    """Only the rules for what occurs."""
    kinds = {step.kind for step in workflow.steps.values()}
    gates = {chip.kind for node in layout.nodes if node.face for chip in node.face.chips}
    return style_sheet(kinds, gates, set(states.values()), min(roles, ROLES))


def _roles(workflow: Workflow) -> list[str]:
    named = [step.role for step in workflow.steps.values() if step.role]
    return list(dict.fromkeys((*workflow.roles, *named)))


def _description(workflow: Workflow, states: Mapping[str, str]) -> str:
    sentences = [workflow.description] if workflow.description else []
    sentences.append(f"{len(workflow.steps)} steps, {len(workflow.edges)} transitions, starting at {workflow.start}.")
    if workflow.done:
        sentences.append(f"Done only when these gates hold: {', '.join(workflow.done)}.")
    if states:
        now = ", ".join(f"{step}: {states[step]}" for step in workflow.steps if step in states)
        sentences.append(f"Now {now}.")
    return " ".join(sentences)


def _header(workflow: Workflow, inner: float) -> tuple[list[str], float]:
    """Name, description and `done` gates; and the height that they take."""
    name = text.fit(text.printable(workflow.name), NAME_SIZE, inner, bold=True)
    y = MARGIN + 14.0
    lines = [words(name, class_="name", x=MARGIN, y=y)]
    y += NAME_LINE
    description = text.printable(workflow.description)
    notes = text.wrap(description, NOTE_SIZE, inner, NOTE_LINES) if description else []
    if workflow.done:
        notes.append(text.fit("done when these hold: " + " · ".join(workflow.done), NOTE_SIZE, inner))
    for note in notes:
        lines.append(words(note, class_="note muted", x=MARGIN, y=y))
        y += NOTE_LINE
    return lines, y - MARGIN - NOTE_LINE + HEADER_GAP


def _phase(phase: PlacedPhase) -> str:
    box = phase.box
    name = words(
        phase.title,
        class_="phase-title",
        x=box.x + PHASE_PADDING - 2,
        y=box.y + 20,
        stroke_width=5,
        stroke_linejoin="round",
        paint_order="stroke",
    )
    path = "/".join(phase.path)
    return element("g", title(f"Phase {phase.title}"), rectangle(box, rx=14), name, class_="phase", data_phase=path)


def _edge(edge: PlacedEdge) -> str:
    outcome = edge.edge.outcome if edge.edge is not None else PASSED
    said = f"{'start' if edge.edge is None else edge.source} → {'end' if edge.target == END else edge.target}"
    if outcome != PASSED:
        said += f": {outcome}"
    if edge.edge is not None and edge.edge.condition:
        said += f" if {edge.edge.condition}"
    head = f"{moved(*edge.tip)} rotate({number(edge.angle)})"
    return element(
        "g",
        title(said),
        element("path", class_="line", d=edge.path),
        element("path", class_="tip", transform=head, d=ARROW_HEAD),
        _label(edge.label) if edge.label else "",
        class_="edge rework" if edge.rework else "edge",
        data_from=edge.source,
        data_to=edge.target,
        data_outcome=outcome,
    )


def _label(label: PlacedLabel) -> str:
    box = label.box
    name = words(label.text, x=box.x + box.width / 2, y=box.y + box.height / 2 + 3.9)
    return element("g", rectangle(box, rx=box.height / 2), name, class_="label")


def _node(workflow: Workflow, node: PlacedNode, roles: Mapping[str, int], states: Mapping[str, str]) -> str:
    if node.face is not None:
        return card(workflow, node, node.face, roles, states.get(node.id))
    box = node.box
    x, y = box.x + box.width / 2, box.y + box.height / 2
    half = box.width / 2
    if node.shape == "start":
        said, drawn = "start", element("circle", class_="start", cx=x, cy=y, r=8)
    elif node.shape == "end":
        ring = element("circle", class_="ring", cx=x, cy=y, r=10)
        said, drawn = "end", ring + element("circle", class_="start", cx=x, cy=y, r=5.5)
    elif node.shape == "bar":
        said, drawn = f"{workflow.pseudo[node.id]} {node.id}", rectangle(box, class_="bar", rx=box.height / 2)
    else:
        corners = ((x, y - half), (x + half, y), (x, y + half), (x - half, y))
        outline = "M" + "L".join(f"{number(a)} {number(b)}" for a, b in corners) + "Z"
        mark = words("?", x=x, y=y + 4.5, text_anchor="middle")
        said, drawn = f"choice {node.id}", element("path", class_="diamond", d=outline) + mark
    return element("g", title(said), drawn, class_="node", data_node=node.id)
