"""The state diagram as written: statements in order, phases as trees, each with its place.

Shape: `Diagram.body` holds statements; a `Phase` holds a body of its own. Comments are gone, styling is kept as text.
`without_places` gives the same diagram with every place at 1:1, to compare meaning. Must not know: workflows.
"""

from __future__ import annotations

from msgspec import Struct, field

from andon.workflow.problems import START, At

TERMINAL = "[*]"
"""As a transition's source the start of its phase, as its target the end."""


class Ref(Struct, frozen=True, kw_only=True):
    """A mention of a state. style: a class name given with `:::`, or ""."""

    id: str
    style: str = ""
    at: At = START


class Transition(Struct, frozen=True, kw_only=True, tag=True):
    """source --> target : label. label: None without one."""

    source: Ref
    target: Ref
    label: str | None = None
    at: At = START
    label_at: At = START


class Declaration(Struct, frozen=True, kw_only=True, tag=True):
    """A state on its own line. kind: "", fork, join or choice. title: of `state "title" as id` or `id : title`.

    quoted: the first of the two spellings.
    """

    ref: Ref
    kind: str = ""
    title: str | None = None
    quoted: bool = False
    at: At = START


class Note(Struct, frozen=True, kw_only=True, tag=True):
    """side: left or right. block: written over several lines, closed by `end note`."""

    ref: Ref
    side: str
    text: str
    block: bool = False
    at: At = START


class Direction(Struct, frozen=True, kw_only=True, tag=True):
    value: str
    at: At = START


class Styling(Struct, frozen=True, kw_only=True, tag=True):
    """A classDef, class or style line, as written. names: the states that it is about."""

    text: str
    names: tuple[Ref, ...] = ()
    at: At = START


class Phase(Struct, frozen=True, kw_only=True, tag=True):
    """A composite state. title: of `state "title" as id {`. end: place of its closing brace."""

    ref: Ref
    title: str | None = None
    body: tuple[Statement, ...] = ()
    at: At = START
    end: At = START


Statement = Transition | Declaration | Note | Direction | Styling | Phase


class Diagram(Struct, frozen=True, kw_only=True):
    body: tuple[Statement, ...] = field(default=())
    at: At = START


def without_places(diagram: Diagram) -> Diagram:
    """The same diagram with every place set to the start of the file."""
    return Diagram(body=tuple(_bare(statement) for statement in diagram.body))


def _bare_ref(ref: Ref) -> Ref:
    return Ref(id=ref.id, style=ref.style)


def _bare(statement: Statement) -> Statement:
    if isinstance(statement, Transition):
        source, target = _bare_ref(statement.source), _bare_ref(statement.target)
        return Transition(source=source, target=target, label=statement.label)
    if isinstance(statement, Declaration):
        ref = _bare_ref(statement.ref)
        return Declaration(ref=ref, kind=statement.kind, title=statement.title, quoted=statement.quoted)
    if isinstance(statement, Note):
        ref = _bare_ref(statement.ref)
        return Note(ref=ref, side=statement.side, text=statement.text, block=statement.block)
    if isinstance(statement, Direction):
        return Direction(value=statement.value)
    if isinstance(statement, Styling):
        return Styling(text=statement.text, names=tuple(_bare_ref(ref) for ref in statement.names))
    body = tuple(_bare(inner) for inner in statement.body)
    return Phase(ref=_bare_ref(statement.ref), title=statement.title, body=body)
