"""SVG elements as text: one place where everything is escaped and numbers get one form."""

from __future__ import annotations

from html import escape

from andon.workflow.svg import text
from andon.workflow.svg.shapes import Box

Value = str | float
"""Attribute names: `class_` is `class`; other underscores become hyphens. Numbers get at most one decimal."""


def element(name: str, *body: str, **attributes: Value) -> str:
    """One element. body: ready-made elements and escaped text, in order."""
    written = "".join(f' {_attribute(key)}="{_value(value)}"' for key, value in attributes.items())
    return f"<{name}{written}>{''.join(body)}</{name}>" if body else f"<{name}{written}/>"


def rectangle(box: Box, **attributes: Value) -> str:
    """A <rect> at a box."""
    return element("rect", x=box.x, y=box.y, width=box.width, height=box.height, **attributes)


def words(content: str, **attributes: Value) -> str:
    """A <text> with one line."""
    return element("text", escaped(content), **attributes)


def title(content: str) -> str:
    """A <title>: what a pointer or a screen reader gets."""
    return element("title", escaped(content))


def escaped(content: str) -> str:
    """Text as it may stand in an element or an attribute."""
    return escape(text.printable(content), quote=True)


def number(value: float) -> str:
    """A number with at most one decimal, and none that says nothing."""
    written = f"{value:.1f}".rstrip("0").rstrip(".")
    return "0" if written == "-0" else written


def moved(x: float, y: float) -> str:
    """A transform to a place."""
    return f"translate({number(x)} {number(y)})"


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _value(value: Value) -> str:
    return escaped(value) if isinstance(value, str) else number(value)
