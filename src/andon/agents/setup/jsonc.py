"""Reading JSON with the place of every part, so that it can be edited as text: what is not touched keeps every byte.

Comments and trailing commas are read, since several clients write them; whether a client reads them is its own matter.
Anything else that is no JSON is refused with line and column. Pure; must not know files or clients.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_DEPTH = 100

_TRIVIA = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_PLAIN = re.compile(r"-?[0-9][0-9.eE+-]*|true|false|null")


class JsonProblem(ValueError):
    """The text is no JSON, or not of the form that is needed. position: an offset in the text."""

    def __init__(self, message: str, text: str, position: int) -> None:
        line = text.count("\n", 0, position) + 1
        column = position - (text.rfind("\n", 0, position) + 1) + 1
        super().__init__(f"{line}:{column}: {message}")
        self.line = line
        self.column = column
        self.message = message


class Node:
    """One value. start, end: offsets. children: of a list or an object, in order. value: as `json` would give it."""

    __slots__ = ("children", "end", "kind", "start", "value")

    def __init__(self, kind: str, start: int) -> None:
        self.kind = kind  # "object", "list" or "plain"
        self.start = start
        self.end = start
        self.value: Any = None
        self.children: list[Child] = []

    def member(self, key: str) -> Child | None:
        """The member of this name; the last one counts, as in every reader."""
        return next((child for child in reversed(self.children) if child.key == key), None)


class Child:
    """An item of a list, or a member of an object. start: of its key, if it has one. comma: the offset of the comma that
    follows, or None."""

    __slots__ = ("comma", "key", "node", "start")

    def __init__(self, key: str | None, start: int, node: Node) -> None:
        self.key = key
        self.start = start
        self.node = node
        self.comma: int | None = None


def parse(text: str) -> Node:
    """The whole text as one value. Raises JsonProblem."""
    reader = _Reader(text)
    node = reader.value(reader.trivia(1 if text.startswith("\ufeff") else 0), 0)
    end = reader.trivia(node.end)
    if end != len(text):
        raise JsonProblem("there is more after the end of the JSON", text, end)
    return node


def past_trivia(text: str, position: int) -> int:
    """The offset after blanks and comments."""
    found = _TRIVIA.match(text, position)
    return found.end() if found else position


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text

    def trivia(self, position: int) -> int:
        end = past_trivia(self.text, position)
        if self.text.startswith("/*", end):
            raise JsonProblem("a comment has no end", self.text, end)
        return end

    def value(self, at: int, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise JsonProblem(f"nested more than {MAX_DEPTH} deep", self.text, at)
        if self.text.startswith("{", at):
            return self._container(Node("object", at), "}", depth)
        if self.text.startswith("[", at):
            return self._container(Node("list", at), "]", depth)
        node = Node("plain", at)
        found = (_STRING if self.text.startswith('"', at) else _PLAIN).match(self.text, at)
        if found is None:
            what = repr(self.text[at]) if at < len(self.text) else "the end of the file"
            raise JsonProblem(f"a JSON value is expected here, not {what}", self.text, at)
        try:
            node.value = json.loads(found[0])
        except ValueError:
            raise JsonProblem("this is no JSON value", self.text, at) from None
        node.end = found.end()
        return node

    def _container(self, node: Node, closing: str, depth: int) -> Node:
        at = self.trivia(node.start + 1)
        while not self.text.startswith(closing, at):
            child = self._child(node.kind, at, depth)
            node.children.append(child)
            at = self.trivia(child.node.end)
            if self.text.startswith(",", at):
                child.comma = at
                at = self.trivia(at + 1)
            elif not self.text.startswith(closing, at):
                what = repr(self.text[at]) if at < len(self.text) else "the end of the file"
                raise JsonProblem(f"',' or '{closing}' is expected here, not {what}", self.text, at)
        node.end = at + 1
        if node.kind == "object":
            node.value = {child.key: child.node.value for child in node.children}
        else:
            node.value = [child.node.value for child in node.children]
        return node

    def _child(self, kind: str, at: int, depth: int) -> Child:
        if kind == "list":
            return Child(None, at, self.value(at, depth + 1))
        found = _STRING.match(self.text, at)
        if found is None:
            what = repr(self.text[at]) if at < len(self.text) else "the end of the file"
            raise JsonProblem(f"a name in double quotes is expected here, not {what}", self.text, at)
        try:
            key = json.loads(found[0])
        except ValueError:
            raise JsonProblem("this is no JSON name", self.text, at) from None
        colon = self.trivia(found.end())
        if not self.text.startswith(":", colon):
            raise JsonProblem("':' is expected here", self.text, colon)
        return Child(key, at, self.value(self.trivia(colon + 1), depth + 1))
