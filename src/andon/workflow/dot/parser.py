"""DOT's grammar: from words to a `Graph`, with the scopes of defaults and subgraphs resolved.

Rules: a `node [...]` or `edge [...]` block holds from there to the end of its subgraph; what a statement says itself
wins over defaults, and the scope that came first wins among defaults. Nesting is kept on a stack of our own, so depth
is a limit and never a crash. The first error ends reading. Must not know: pipelines.
"""

from __future__ import annotations

from msgspec.structs import replace

from andon.workflow.dot.graph import Attr, Attrs, DotError, Edge, Graph, Node, Subgraph
from andon.workflow.dot.lexer import END, HTML, MARK, NAME, QUOTED, Token, tokens
from andon.workflow.problems import At, shown

MAX_DEPTH = 32
MAX_NODES = 2_000
MAX_EDGES = 5_000
MAX_ATTRS = 200

_KEYWORDS = ("node", "edge", "graph", "digraph", "subgraph", "strict")


class _Scope:
    """A body that is open. members: nodes mentioned in it, for edges to or from the whole subgraph."""

    def __init__(self, subgraph: int | None, nodes: Attrs, edges: Attrs) -> None:
        self.subgraph = subgraph
        self.nodes = dict(nodes)
        self.edges = dict(edges)
        self.members: dict[str, None] = {}
        # An edge statement that waits for this subgraph to end.
        self.chain: _Chain | None = None


class _Chain:
    """An edge statement under way: each end is a list of node ids. whole: its first end is a subgraph."""

    def __init__(self, at: At) -> None:
        self.ends: list[tuple[list[str], At]] = []
        self.at = at
        self.whole = False
        self.port: At | None = None


def parse(text: str) -> Graph:
    """Read a digraph. Raises DotError."""
    # A byte order mark is invisible and allowed once, at the very start.
    return _Parser(tokens(text.removeprefix("\ufeff"))).graph_file()


class _Parser:
    def __init__(self, words: list[Token]) -> None:
        self.words = words
        self.index = 0
        self.graph = Graph()
        self.scopes: list[_Scope] = []
        self.merged: dict[tuple[str, str], Edge] = {}

    # ------------------------------------------------------------ words

    @property
    def here(self) -> Token:
        return self.words[self.index]

    def _keyword(self, *names: str) -> str:
        word = self.here
        lowered = word.text.lower() if word.kind == NAME else ""
        return lowered if lowered in names else ""

    def _mark(self, text: str) -> bool:
        """Take the mark if it stands here."""
        if self.here.kind == MARK and self.here.text == text:
            self.index += 1
            return True
        return False

    def _fail(self, wanted: str, next: str = "") -> DotError:
        found = "the end of the file" if self.here.kind == END else f"`{shown(self.here.text)}`"
        return DotError(self.here.at, f"expected {wanted}, found {found}", next)

    def _id(self, wanted: str) -> Token:
        """A name, number or string; strings may be joined with +."""
        word = self.here
        if word.kind not in (NAME, QUOTED, HTML) or (word.kind == NAME and word.text.lower() in _KEYWORDS):
            raise self._fail(wanted, "put it in quotes" if word.kind == NAME else "")
        self.index += 1
        parts = [word.text]
        while word.kind == QUOTED and self._mark("+"):
            if self.here.kind != QUOTED:
                raise self._fail("a string in quotes after `+`")
            parts.append(self.here.text)
            self.index += 1
        return replace(word, text="".join(parts)) if len(parts) > 1 else word

    # ------------------------------------------------------------ the file

    def graph_file(self) -> Graph:
        self.graph.at = self.here.at
        if self._keyword("strict"):
            self.graph.strict = True
            self.index += 1
        if self._keyword("graph"):
            raise DotError(self.here.at, "an undirected graph is no pipeline", "begin it with digraph")
        if not self._keyword("digraph"):
            raise self._fail("`digraph`", "begin the file with digraph NAME {")
        self.graph.at = self.here.at
        self.index += 1
        if not (self.here.kind == MARK and self.here.text == "{"):
            self.graph.id = self._id("the graph's name or `{`").text
        opened = self.here.at
        if not self._mark("{"):
            raise self._fail("`{`")
        self.scopes.append(_Scope(None, {}, {}))
        while self.scopes:
            if self.here.kind == END:
                raise DotError(self.here.at, f"expected `}}`; the graph of line {opened[0]} is never closed")
            self._statement()
        if self.here.kind != END:
            hint = "keep one graph in a file" if self._keyword("digraph", "graph", "strict") else ""
            raise self._fail("the end of the file", hint)
        return self.graph

    def _statement(self) -> None:
        if self._mark(";") or self._mark(","):
            return
        if self._mark("}"):
            self._close()
            return
        keyword = self._keyword("node", "edge", "graph")
        if keyword:
            self._defaults(keyword)
            return
        if self._keyword("subgraph") or (self.here.kind == MARK and self.here.text == "{"):
            self._open(None)
            return
        if self._keyword("digraph", "strict"):
            raise DotError(self.here.at, f"`{self.here.text}` may not stand inside a graph")
        word = self._id("a node, an edge, a subgraph or `key=value`")
        if self._mark("="):
            self._graph_attribute(word)
            return
        chain = _Chain(word.at)
        self._end_of_edge(chain, word)
        self._go_on(chain)

    # ------------------------------------------------------------ attributes

    def _attributes(self) -> Attrs:
        found: Attrs = {}
        while self._mark("["):
            while not self._mark("]"):
                if self.here.kind == END:
                    raise self._fail("`]`")
                key = self._id("an attribute's name or `]`")
                attr = Attr(key=key.text, value="true", at=key.at, value_at=key.at)
                if self._mark("="):
                    value = self._id(f"a value for `{shown(key.text)}`")
                    attr.value, attr.value_at, attr.html = value.text, value.at, value.kind == HTML
                found[attr.key] = attr
                if len(found) > MAX_ATTRS:
                    raise DotError(key.at, f"more than {MAX_ATTRS} attributes", rule="too-large")
                while self._mark(",") or self._mark(";"):
                    pass
        return found

    def _defaults(self, keyword: str) -> None:
        at = self.here
        self.index += 1
        if self._mark("="):
            raise DotError(at.at, f"`{at.text}` is a word of DOT and no attribute", "put it in quotes")
        if not (self.here.kind == MARK and self.here.text == "["):
            raise self._fail(f"`[` after `{at.text}`", f'a node of this name is written "{at.text}"')
        scope = self.scopes[-1]
        found = self._attributes()
        if keyword == "graph":
            self._home_attrs(scope).update(found)
        else:
            target = scope.nodes if keyword == "node" else scope.edges
            target.update({key: replace(attr, inherited=True) for key, attr in found.items()})

    def _home_attrs(self, scope: _Scope) -> Attrs:
        return self.graph.attrs if scope.subgraph is None else self.graph.subgraphs[scope.subgraph].attrs

    def _graph_attribute(self, key: Token) -> None:
        value = self._id(f"a value for `{shown(key.text)}`")
        attr = Attr(key=key.text, value=value.text, at=key.at, value_at=value.at, html=value.kind == HTML)
        self._home_attrs(self.scopes[-1])[key.text] = attr

    # ------------------------------------------------------------ subgraphs

    def _open(self, chain: _Chain | None) -> None:
        at = self.here.at
        name = ""
        if self._keyword("subgraph"):
            self.index += 1
            if not (self.here.kind == MARK and self.here.text == "{"):
                name = self._id("the subgraph's name or `{`").text
        if not self._mark("{"):
            raise self._fail("`{`")
        if len(self.scopes) > MAX_DEPTH:
            raise DotError(at, f"subgraphs are nested more than {MAX_DEPTH} deep", rule="too-large")
        if len(self.graph.subgraphs) >= MAX_NODES:
            raise DotError(at, f"more than {MAX_NODES} subgraphs", rule="too-large")
        outer = self.scopes[-1]
        self.graph.subgraphs.append(Subgraph(id=name, at=at, parent=outer.subgraph))
        scope = _Scope(len(self.graph.subgraphs) - 1, outer.nodes, outer.edges)
        if chain is None:
            chain = _Chain(at)
            chain.whole = True
        scope.chain = chain
        self.scopes.append(scope)

    def _close(self) -> None:
        scope = self.scopes.pop()
        if scope.subgraph is None or scope.chain is None:
            return
        self.scopes[-1].members.update(scope.members)
        chain = scope.chain
        chain.ends.append((list(scope.members), self.graph.subgraphs[scope.subgraph].at))
        self._go_on(chain)

    # ------------------------------------------------------------ nodes and edges

    def _go_on(self, chain: _Chain) -> None:
        """After one end of an edge statement: further arrows, then the statement's attributes."""
        while self.here.kind == MARK and self.here.text in ("->", "--"):
            if self.here.text == "--":
                raise DotError(self.here.at, "`--` is an undirected edge", "write ->")
            self.index += 1
            if self._keyword("subgraph") or (self.here.kind == MARK and self.here.text == "{"):
                self._open(chain)
                return
            self._end_of_edge(chain, self._id("a node after `->`"))
        attrs = self._attributes() if self.here.kind == MARK and self.here.text == "[" else {}
        if len(chain.ends) > 1:
            self._edges(chain, attrs)
        elif chain.whole:
            if attrs:
                at = next(iter(attrs.values())).at
                raise DotError(at, "a subgraph takes no attributes in brackets", "write graph [...] inside it")
        else:
            self._declare(chain.ends[0][0][0], chain.at, attrs)

    def _end_of_edge(self, chain: _Chain, word: Token) -> None:
        at = self.here.at
        if self._mark(":"):
            self._id("a port's name")
            if self._mark(":"):
                self._id("a compass point")
            chain.port = chain.port or at
        self._mention(word.text, word.at)
        chain.ends.append(([word.text], word.at))

    def _mention(self, name: str, at: At) -> Node:
        node = self.graph.nodes.get(name)
        scope = self.scopes[-1]
        scope.members[name] = None
        if node is None:
            if len(self.graph.nodes) >= MAX_NODES:
                raise DotError(at, f"more than {MAX_NODES} nodes", rule="too-large")
            node = self.graph.nodes[name] = Node(id=name, at=at, attrs=dict(scope.nodes), subgraph=scope.subgraph)
        return node

    def _declare(self, name: str, at: At, attrs: Attrs) -> None:
        """A node statement. It says where the node belongs, which an edge that came first does not."""
        node = self._mention(name, at)
        scope = self.scopes[-1]
        if not node.declared:
            node.declared = True
            node.at = at
            node.subgraph = node.subgraph if scope.subgraph is None else scope.subgraph
        elif scope.subgraph is not None and scope.subgraph != node.subgraph:
            node.elsewhere.append(at)
        node.attrs.update(attrs)
        for key, attr in scope.nodes.items():
            node.attrs.setdefault(key, attr)

    def _edges(self, chain: _Chain, attrs: Attrs) -> None:
        merged = {**self.scopes[-1].edges, **attrs}
        for (sources, at), (targets, _) in zip(chain.ends, chain.ends[1:], strict=False):
            for source in sources:
                for target in targets:
                    self._edge(Edge(source=source, target=target, at=at, attrs=dict(merged), port=chain.port))

    def _edge(self, edge: Edge) -> None:
        key = (edge.source, edge.target)
        if self.graph.strict and key in self.merged:
            self.merged[key].attrs.update(edge.attrs)
            return
        if len(self.graph.edges) >= MAX_EDGES:
            raise DotError(edge.at, f"more than {MAX_EDGES} edges", rule="too-large")
        self.merged[key] = edge
        self.graph.edges.append(edge)
