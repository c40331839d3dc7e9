"""Markdown task lists: `- [ ]` and `- [x]`, nested, below headings.

Rules. An item waits for the items nested in it: the whole is done when its parts are. The headings above it (but the first
level, which names the document) become labels. Indented text below it is its body. `(depends on #2, #3)` names other items
by an id that they begin with (`#2`, `ABC-12`, `T012`), else by their place in the file, from 1. What has no id of its own is
known by its headings and title; where these change it is another task. Code blocks and comments hold no tasks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from andon.core.imported import CLOSED, OPEN, ForeignTask
from andon.exchange.parts import CHECKBOX, COMMENT, FENCE, HEADING, Gathered, SourceFile, slug

TOOL = "markdown"
_NAMED = re.compile(r"^\[?(#\d+|[A-Z][A-Z0-9]*-\d+|T\d{3,}[a-z]?)\]?(?::|\.|\s)\s*(?=\S)")
_DEPENDS = re.compile(r"\s*\((?:depends on|after|blocked by|requires):?\s+([^()]*)\)", re.IGNORECASE)
_REFERENCE = re.compile(r"#\d+|[A-Z][A-Z0-9]*-\d+|T\d{3,}[a-z]?")


class Item(Struct, kw_only=True):
    """A line with a box, as found. parent: index of the item that it is nested in."""

    line: int
    indent: int
    done: bool
    text: str
    headings: tuple[tuple[int, str], ...]
    parent: int | None
    body: list[str]


def items_of(text: str) -> list[Item]:
    """All boxes of a text with their headings, nesting and bodies."""
    found: list[Item] = []
    headings: list[tuple[int, str]] = []
    open_items: list[int] = []
    for number, line, fenced in _lines(text):
        heading = None if fenced else HEADING.match(line)
        if heading is not None:
            level = len(heading.group(1))
            headings = [x for x in headings if x[0] < level] + [(level, heading.group(2))]
            open_items = []
            continue
        box = None if fenced else CHECKBOX.match(line)
        indent = len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
        if box is None:
            while line.strip() and open_items and found[open_items[-1]].indent >= indent:
                open_items.pop()
            if open_items:
                found[open_items[-1]].body.append(line)
            continue
        while open_items and found[open_items[-1]].indent >= indent:
            open_items.pop()
        parent = open_items[-1] if open_items else None
        item = Item(
            line=number,
            indent=indent,
            done=box.group(2) != " ",
            text=box.group(3),
            headings=tuple(headings),
            parent=parent,
            body=[],
        )
        found.append(item)
        open_items.append(len(found) - 1)
    return found


def _lines(text: str) -> Iterator[tuple[int, str, bool]]:
    """(number, line, whether it stands in a code block); comments are blanked out, lines stay where they are."""
    blanked = COMMENT.sub(lambda match: "\n" * match.group().count("\n"), text)
    fence = ""
    for number, line in enumerate(blanked.split("\n"), 1):
        mark = FENCE.match(line)
        inside = bool(fence)
        if mark is not None and not fence:
            fence, inside = mark.group(1), True
        elif mark is not None and mark.group(1).startswith(fence):
            fence = ""
        yield number, line.rstrip("\r"), inside


def dedented(lines: Sequence[str]) -> str:
    """Text below an item, without the item's indentation."""
    filled = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    cut = min(filled, default=0)
    return "\n".join(line[cut:].rstrip() for line in lines).strip("\n")


def looks_like(file: SourceFile) -> bool:
    return any(CHECKBOX.match(line) for line in file.text.splitlines())


def read(files: Sequence[SourceFile], gathered: Gathered) -> None:
    for file in files:
        _read_file(file, gathered)


def _read_file(file: SourceFile, gathered: Gathered) -> None:
    items = items_of(file.text)
    names: list[str] = []
    by_reference: dict[str, str] = {}
    seen: dict[str, int] = {}
    for item in items:
        named = _NAMED.match(item.text)
        if named is not None:
            name = named.group(1)
            by_reference.setdefault(name, name)
        else:
            plain = slug(" ".join([*(x for level, x in item.headings if level > 1), _DEPENDS.sub("", item.text)]))
            seen[plain] = seen.get(plain, 0) + 1
            name = plain if seen[plain] == 1 else f"{plain}-{seen[plain]}"
        names.append(name)
    if not any(name.startswith("#") for name in by_reference):
        by_reference |= {f"#{number}": name for number, name in enumerate(names, 1)}
    prefix = f"{TOOL}:{file.name}#"
    nested: dict[int, list[str]] = {}
    for index, item in enumerate(items):
        if item.parent is not None:
            nested.setdefault(item.parent, []).append(prefix + names[index].lstrip("#"))
    for index, item in enumerate(items):
        source = prefix + names[index].lstrip("#")
        depends_on = list(nested.get(index, ()))
        text = item.text
        for match in _DEPENDS.finditer(text):
            for reference in _REFERENCE.findall(match.group(1)):
                target = by_reference.get(reference)
                if target is None:
                    gathered.lose(source, "depends_on", f"{reference} is no item of {file.name}")
                else:
                    depends_on.append(prefix + target.lstrip("#"))
        named = _NAMED.match(text)
        title = _DEPENDS.sub("", text[named.end() :] if named else text).strip()
        place = f"{file.name}, line {item.line}"
        made = ForeignTask(source=source, title=title or text, place=place, body=dedented(item.body))
        gathered.add(
            replace(
                made,
                depends_on=tuple(depends_on),
                labels=tuple(slug(x) for level, x in item.headings if level > 1),
                state=CLOSED if item.done else OPEN,
                reason=f"ticked off in {file.name}",
            )
        )
