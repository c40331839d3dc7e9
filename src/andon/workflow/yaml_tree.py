"""YAML as a tree with a place for everything: the safe, small part of YAML that option blocks need.

Rules: YAML 1.2's core scalars (only `true` and `false` are booleans: `on`, `yes` and `no` are words; no dates, no
sexagesimal numbers); a duplicate key is an error; anchors, aliases and tags are refused, so that no document grows
when read; depth and size are bounded. The tree is built from PyYAML's event stream without recursion.
"""

from __future__ import annotations

import re

from msgspec import Struct

from andon.workflow.markdown import Block
from andon.workflow.problems import At, Collector, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_DEPTH = 24
MAX_NODES = 20_000
MAX_DIGITS = 18

_INTEGER = re.compile(r"[-+]?[0-9]+$")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})


class Scalar(Struct, frozen=True, kw_only=True):
    """value: None, bool, int, float or str. text: as written, without quotes. inner: where the text itself begins.

    exact: the text stands in the file character for character from `inner`, on one line.
    """

    value: bool | int | float | str | None
    text: str
    at: At
    inner: At
    exact: bool


class Sequence(Struct, frozen=True, kw_only=True):
    items: tuple[Node, ...]
    at: At


class Entry(Struct, frozen=True, kw_only=True):
    key: str
    at: At
    value: Node


class Mapping(Struct, frozen=True, kw_only=True):
    """Entries in file order; keys are unique words."""

    entries: tuple[Entry, ...]
    at: At

    def get(self, key: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.key == key), None)


Node = Scalar | Sequence | Mapping


class _Open:
    """A sequence or mapping under construction."""

    __slots__ = ("at", "key", "mapping", "nodes", "seen")

    def __init__(self, at: At, mapping: bool) -> None:
        self.at = at
        self.mapping = mapping
        self.nodes: list[Any] = []
        self.key: tuple[str | None, At] | None = None
        self.seen: set[str] = set()


class _Refused(Exception):
    """Reading stops here; the problem is already recorded."""


def read(block: Block, problems: Collector) -> Node | None:
    """The tree of a YAML block, or None when it is empty or could not be read."""
    import yaml

    try:
        return _Builder(block, problems).build(yaml.parse(block.text, Loader=yaml.SafeLoader))
    except _Refused:
        return None
    except yaml.reader.ReaderError as error:
        before = block.text[: error.position].split("\n")
        at = (block.line + len(before) - 1, len(before[-1]) + 1)
        problems.add("bad-yaml", at, "this character may not stand in YAML")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (block.line + mark.line, mark.column + 1) if mark else block.at
        problems.add("bad-yaml", at, f"not valid YAML: {error.problem or error.context or 'unreadable'}")
    except yaml.YAMLError as error:
        problems.add("bad-yaml", block.at, f"not valid YAML: {shown(str(error), 120)}")
    except (ValueError, OverflowError, RecursionError) as error:
        # PyYAML lets a few of these through for odd escapes (such as \UFFFFFFFF).
        problems.add("bad-yaml", block.at, f"not valid YAML: {shown(str(error), 120)}")
    return None


class _Builder:
    def __init__(self, block: Block, problems: Collector) -> None:
        self.block = block
        self.lines = block.text.split("\n")
        self.problems = problems
        self.stack: list[_Open] = []
        self.root: Node | None = None
        self.count = 0
        self.documents = 0

    def build(self, events: Any) -> Node | None:
        import yaml

        for event in events:
            at = (self.block.line + event.start_mark.line, event.start_mark.column + 1)
            if isinstance(event, yaml.DocumentStartEvent):
                self.documents += 1
                if self.documents > 1:
                    self._refuse(at, "a block holds one YAML document")
            elif isinstance(event, yaml.AliasEvent):
                self._refuse(at, f"the alias *{shown(str(event.anchor))} is not allowed", "write the value out")
            elif isinstance(event, yaml.NodeEvent):
                self._node(event, at)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._close()
        return self.root

    def _refuse(self, at: At, message: str, next: str = "") -> None:
        self.problems.add("bad-yaml", at, message, next)
        raise _Refused

    def _node(self, event: Any, at: At) -> None:
        import yaml

        self.count += 1
        if self.count > MAX_NODES:
            self._refuse(at, f"a block holds at most {MAX_NODES} values")
        if event.anchor is not None:
            self._refuse(at, f"the anchor &{shown(str(event.anchor))} is not allowed", "write the value out")
        if event.tag is not None:
            self._refuse(at, f"the tag {shown(str(event.tag))} is not allowed", "leave it out")
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, at)
            return
        if len(self.stack) >= MAX_DEPTH:
            self._refuse(at, f"values are nested more than {MAX_DEPTH} deep")
        self.stack.append(_Open(at, isinstance(event, yaml.MappingStartEvent)))

    def _scalar(self, event: Any, at: At) -> None:
        text = event.value
        top = self.stack[-1] if self.stack else None
        if top is not None and top.mapping and top.key is None:
            self._key(top, text, at)
            return
        quoted = event.style in ("'", '"')
        inner = (at[0], at[1] + 1) if quoted else at
        if event.style in ("|", ">"):
            inner = self._block_start(event, at)
        line = self.lines[inner[0] - self.block.line] if inner[0] - self.block.line < len(self.lines) else ""
        exact = "\n" not in text and line.startswith(text, inner[1] - 1)
        value = text if event.style is not None else _resolve(text)
        self._put(Scalar(value=value, text=text, at=at, inner=inner, exact=exact))

    def _block_start(self, event: Any, at: At) -> At:
        """Where the text of a literal block begins: the first line below with something on it."""
        for number in range(event.start_mark.line + 1, len(self.lines)):
            line = self.lines[number]
            if line.strip():
                return (self.block.line + number, len(line) - len(line.lstrip()) + 1)
        return at

    def _key(self, top: _Open, text: str, at: At) -> None:
        if text in top.seen:
            self.problems.add("duplicate-key", at, f"`{shown(text)}` was given before", "keep one of them")
            top.key = (None, at)
            return
        top.seen.add(text)
        top.key = (text, at)

    def _put(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if not top.mapping:
            top.nodes.append(node)
        elif top.key is None:
            self._refuse(node.at, "a key must be a word", "write `key: value`")
        else:
            key, at = top.key
            top.key = None
            if key is not None:
                top.nodes.append(Entry(key=key, at=at, value=node))

    def _close(self) -> None:
        done = self.stack.pop()
        if done.mapping:
            self._put(Mapping(entries=tuple(done.nodes), at=done.at))
        else:
            self._put(Sequence(items=tuple(done.nodes), at=done.at))


def _resolve(text: str) -> bool | int | float | str | None:
    """The value of a plain scalar by YAML 1.2's core schema (decimal numbers only)."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    # Long digit strings are identifiers, not numbers, and Python bounds their conversion.
    if len(text) <= MAX_DIGITS and _INTEGER.match(text) and text.isascii():
        return int(text)
    if len(text) <= 40 and _FLOAT.match(text) and text.isascii() and text.strip("+-.") != "":
        return float(text)
    return text
