"""Printing a diagram as Mermaid, so that reading it again gives the same diagram.

Must not know: workflows; it prints what was written, without comments and with even indentation.
"""

from __future__ import annotations

from andon.workflow.diagram import Declaration, Diagram, Direction, Note, Ref, Statement, Styling, Transition

INDENT = "    "


def print_mermaid(diagram: Diagram) -> str:
    """The diagram as a `stateDiagram-v2` text that ends with a line break."""
    lines = ["stateDiagram-v2"]
    for statement in diagram.body:
        lines.extend(_statement(statement, 1))
    return "\n".join(lines) + "\n"


def _ref(ref: Ref) -> str:
    return f"{ref.id}:::{ref.style}" if ref.style else ref.id


def _statement(statement: Statement, depth: int) -> list[str]:
    margin = INDENT * depth
    if isinstance(statement, Transition):
        label = f" : {statement.label}" if statement.label is not None else ""
        return [f"{margin}{_ref(statement.source)} --> {_ref(statement.target)}{label}"]
    if isinstance(statement, Declaration):
        return [margin + _declaration(statement)]
    if isinstance(statement, Note):
        head = f"{margin}note {statement.side} of {statement.ref.id}"
        if not statement.block:
            return [f"{head} : {statement.text}"]
        return [head, *(margin + INDENT + line for line in statement.text.split("\n")), f"{margin}end note"]
    if isinstance(statement, Direction):
        return [f"{margin}direction {statement.value}"]
    if isinstance(statement, Styling):
        return [margin + statement.text]
    name = f'"{statement.title}" as {statement.ref.id}' if statement.title is not None else statement.ref.id
    inner = [line for child in statement.body for line in _statement(child, depth + 1)]
    return [f"{margin}state {name} {{", *inner, f"{margin}}}"]


def _declaration(statement: Declaration) -> str:
    if statement.kind:
        return f"state {statement.ref.id} <<{statement.kind}>>"
    if statement.title is None:
        return _ref(statement.ref)
    if statement.quoted:
        return f'state "{statement.title}" as {statement.ref.id}'
    return f"{_ref(statement.ref)} : {statement.title}"
