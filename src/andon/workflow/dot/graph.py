"""A DOT graph as written, every part with its place: what the parser makes and the translation reads.

Shape: attributes are by key; those of `node [...]` and `edge [...]` are merged into each node and edge already. Must not
know: what attributes mean.
"""

from __future__ import annotations

from msgspec import Struct, field

from andon.workflow.problems import START, At


class DotError(Exception):
    """The text is not DOT, or larger than is read. at: where."""

    def __init__(self, at: At, message: str, next: str = "", rule: str = "bad-dot") -> None:
        super().__init__(message)
        self.at = at
        self.message = message
        self.next = next
        self.rule = rule


class Attr(Struct, kw_only=True):
    """One `key=value`. at: of the key. html: the value was written in < >. inherited: from a default block."""

    key: str
    value: str
    at: At
    value_at: At
    html: bool = False
    inherited: bool = False


Attrs = dict[str, Attr]


class Subgraph(Struct, kw_only=True):
    """id: "" when it has none. parent: index of the enclosing subgraph in `Graph.subgraphs`, None at the top."""

    id: str
    at: At
    parent: int | None
    attrs: Attrs = field(default_factory=dict)


class Node(Struct, kw_only=True):
    """at: its statement, or its first mention. subgraph: index of the one it belongs to. elsewhere: statements in others."""

    id: str
    at: At
    attrs: Attrs = field(default_factory=dict)
    declared: bool = False
    subgraph: int | None = None
    elsewhere: list[At] = field(default_factory=list)


class Edge(Struct, kw_only=True):
    """source -> target. at: its arrow's left side. port: the place of a port on either side, which only drawing needs."""

    source: str
    target: str
    at: At
    attrs: Attrs = field(default_factory=dict)
    port: At | None = None


class Graph(Struct, kw_only=True):
    """A digraph. strict: at most one edge between two nodes."""

    id: str = ""
    at: At = START
    strict: bool = False
    attrs: Attrs = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    subgraphs: list[Subgraph] = field(default_factory=list)
