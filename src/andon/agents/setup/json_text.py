"""Changing JSON as text: a child added to or taken from a list or an object, a value replaced.

Rules: indentation and line ends are those of the file; comments stay; what was added is taken away to the byte, but for
what stood between the brackets of a container that was empty. Pure; must not know what is added, or why.
"""

from __future__ import annotations

import json
import re
from typing import Any

from andon.agents.setup.jsonc import Child, Node, past_trivia

_COMMENTS_OF_LINE = re.compile(r"(?:[ \t]*(?:/\*(?:(?!\*/)[^\n])*\*/|//[^\r\n]*))+")
_BLANK_LINE = re.compile(r"(?:\r?\n)?[ \t]*\Z")
DEFAULT_INDENT = "  "


def newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def new_document(value: Any) -> str:
    return json.dumps(value, indent=len(DEFAULT_INDENT), ensure_ascii=False) + "\n"


def append(text: str, root: Node, container: Node, value: Any, key: str | None = None) -> str:
    """The text with one more child at the end of a container."""
    unit = _unit(text, root)
    if not container.children:
        return _first(text, container, value, key, unit)
    last = container.children[-1]
    own_line = _indent_before(text, last.start)
    after = last.node.end if last.comma is None else last.comma + 1
    comments = _COMMENTS_OF_LINE.match(text, after)
    place = comments.end() if comments else after
    if own_line is None and comments and "//" in comments[0]:
        own_line = _line_indent(text, container.start) + unit
    if own_line is None:
        added = " " + _rendered(value, key)
    else:
        added = newline(text) + own_line + _rendered(value, key, unit, own_line, newline(text))
    if last.comma is not None:
        return text[:place] + added + "," + text[place:]
    return text[: last.node.end] + "," + text[last.node.end : place] + added + text[place:]


def remove(text: str, container: Node, child: Child) -> str:
    """The text without one child, its comma, and its line."""
    blank = _BLANK_LINE.search(text, 0, child.start)
    start = blank.start() if blank else child.start
    if len(container.children) == 1:
        return _emptied(text, container, child)
    if child.comma is not None:
        return text[:start] + text[child.node.end : child.comma] + text[child.comma + 1 :]
    before = container.children[container.children.index(child) - 1]
    comma = before.comma
    if comma is None or comma >= start:
        return text[:start] + text[child.node.end :]
    return text[:comma] + text[comma + 1 : start] + text[child.node.end :]


def replace(text: str, root: Node, child: Child, value: Any) -> str:
    """The text with another value for a child."""
    indent = _indent_before(text, child.start)
    multiline = indent is not None or "\n" in text[child.node.start : child.node.end]
    if multiline:
        shown = _rendered(value, None, _unit(text, root), _line_indent(text, child.start), newline(text))
    else:
        shown = _rendered(value, None)
    return text[: child.node.start] + shown + text[child.node.end :]


def _first(text: str, container: Node, value: Any, key: str | None, unit: str) -> str:
    """A child for an empty container; comments in it stay before the child."""
    outer = _line_indent(text, container.start)
    inside = container.start + 1
    rest = text[inside : container.end - 1]
    place = inside + len(rest.rstrip())
    line = newline(text)
    added = line + outer + unit + _rendered(value, key, unit, outer + unit, line)
    tail = text[place : container.end - 1]
    return text[:place] + added + (tail if "\n" in tail else line + outer) + text[container.end - 1 :]


def _emptied(text: str, container: Node, child: Child) -> str:
    end = child.node.end if child.comma is None else child.comma + 1
    before, after = text[container.start + 1 : child.start], text[end : container.end - 1]
    if not before.strip() and not after.strip():
        before = after = ""
    return text[: container.start + 1] + before.rstrip() + after + text[container.end - 1 :]


def has_comments(text: str, container: Node) -> bool:
    """Whether an empty container holds comments."""
    inside = text[container.start + 1 : container.end - 1]
    return bool(inside.strip()) and past_trivia(text, container.start + 1) == container.end - 1


def _rendered(value: Any, key: str | None, unit: str = "", indent: str = "", line: str = "\n") -> str:
    shown = json.dumps(value, indent=unit or None, ensure_ascii=False)
    name = "" if key is None else json.dumps(key, ensure_ascii=False) + ": "
    return name + (line + indent).join(shown.split("\n"))


def _unit(text: str, root: Node) -> str:
    """One level of indentation, as the file has it."""
    for child in root.children:
        indent = _indent_before(text, child.start)
        if indent:
            return indent
    return DEFAULT_INDENT


def _indent_before(text: str, position: int) -> str | None:
    """The blanks before this place when nothing else stands before it on its line, else None."""
    start = text.rfind("\n", 0, position) + 1
    blanks = text[start:position]
    return blanks if start and not blanks.strip(" \t") else None


def _line_indent(text: str, position: int) -> str:
    """The blanks at the beginning of the line of this place."""
    start = text.rfind("\n", 0, position) + 1
    line = text[start:position]
    return line[: len(line) - len(line.lstrip(" \t"))]
