"""Splitting a Markdown file into what a workflow is made of, as a forge would render it.

Front matter, fenced code blocks and headings are found by CommonMark's rules for them, so that what Andon reads is what
a person sees: nothing inside an HTML comment, another code block or a block of raw HTML counts. Every piece keeps its
place in the file. Must not know: YAML, Mermaid, or what a step is.
"""

from __future__ import annotations

import re

from msgspec import Struct

from andon.workflow.problems import At, Collector

_LINE_END = re.compile(r"\r\n|\r|\n")
_FENCE = re.compile(r"( {0,3})(`{3,}|~{3,})[ \t]*([^\n]*)$")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?$")
_HTML_LINE = re.compile(r" {0,3}</?[A-Za-z][A-Za-z0-9-]*(?:[ \t>]|/>|$)")
_RAW_HTML = (
    (re.compile(r" {0,3}<!--"), "-->"),
    (re.compile(r" {0,3}<(?:script|pre|style|textarea)(?:[ \t>]|$)", re.IGNORECASE), "</"),
    (re.compile(r" {0,3}<\?"), "?>"),
    (re.compile(r" {0,3}<![A-Z]"), ">"),
)


class Block(Struct, frozen=True, kw_only=True):
    """Lines of text with the number of the first (1-based). at: where the block is announced (its fence or ---)."""

    text: str
    line: int
    at: At


class Fence(Struct, frozen=True, kw_only=True):
    """A fenced code block. info: first word of its info string, lower case. end: number of its last line."""

    info: str
    block: Block
    end: int


class Heading(Struct, frozen=True, kw_only=True):
    """level: 1 to 6. at: where its text begins."""

    level: int
    text: str
    at: At


class Document(Struct, frozen=True, kw_only=True):
    """A Markdown file in pieces; `items` are its fences and headings in order."""

    lines: tuple[str, ...]
    front: Block | None
    items: tuple[Fence | Heading, ...]


def split_lines(text: str) -> tuple[str, ...]:
    """Lines without their ends; only LF, CRLF and CR end a line, as in CommonMark."""
    lines = _LINE_END.split(text)
    if len(lines) > 1 and lines[-1] == "":
        lines.pop()
    return tuple(lines)


def read(lines: tuple[str, ...], problems: Collector) -> Document:
    """Split the file. Problems: `no-front-matter`, `unclosed-fence`."""
    front, first = _front_matter(lines, problems)
    items: list[Fence | Heading] = []
    number = first
    while number < len(lines):
        line = lines[number]
        if end := _raw_html(lines, number):
            number = end
        elif opening := _opening(line):
            fence, number = _fence(lines, number, opening, problems)
            items.append(fence)
        else:
            if heading := _heading(line, number):
                items.append(heading)
            number += 1
    return Document(lines=lines, front=front, items=tuple(items))


def _front_matter(lines: tuple[str, ...], problems: Collector) -> tuple[Block | None, int]:
    if not lines or lines[0].rstrip() != "---":
        problems.add(
            "no-front-matter", (1, 1), "the file does not begin with YAML front matter", "begin it with a line ---"
        )
        return None, 0
    for number in range(1, len(lines)):
        if lines[number].rstrip() in ("---", "..."):
            return Block(text="\n".join(lines[1:number]), line=2, at=(1, 1)), number + 1
    problems.add("no-front-matter", (1, 1), "the front matter that begins here has no end", "end it with a line ---")
    return None, len(lines)


def _raw_html(lines: tuple[str, ...], number: int) -> int:
    """The line after a block of raw HTML that begins here, or 0."""
    line = lines[number]
    if not line.lstrip(" ").startswith("<"):
        return 0
    for opening, closing in _RAW_HTML:
        if opening.match(line):
            for at in range(number, len(lines)):
                if closing in (lines[at] if at > number else lines[at].lstrip(" ")[2:]):
                    return at + 1
            return len(lines)
    if _HTML_LINE.match(line):
        for at in range(number, len(lines)):
            if not lines[at].strip():
                return at + 1
        return len(lines)
    return 0


def _opening(line: str) -> re.Match[str] | None:
    match = _FENCE.match(line)
    if match is None or (match[2].startswith("`") and "`" in match[3]):
        return None
    return match


def _fence(lines: tuple[str, ...], number: int, opening: re.Match[str], problems: Collector) -> tuple[Fence, int]:
    marker = opening[2]
    words = opening[3].split()
    at = (number + 1, len(opening[1]) + 1)
    closing = re.compile(r" {0,3}" + re.escape(marker[0]) + "{" + str(len(marker)) + r",}[ \t]*$")
    end = next((n for n in range(number + 1, len(lines)) if closing.match(lines[n])), None)
    if end is None:
        problems.add("unclosed-fence", at, "this code block has no end", f"end it with a line {marker}")
        end = len(lines)
    block = Block(text="\n".join(lines[number + 1 : end]), line=number + 2, at=at)
    return Fence(info=words[0].lower() if words else "", block=block, end=min(end + 1, len(lines))), end + 1


def _heading(line: str, number: int) -> Heading | None:
    match = _HEADING.match(line)
    if match is None:
        return None
    # The closing row of `#` is taken off by hand: as a part of the pattern it would be tried at every blank of the line.
    text = (match[2] or "").rstrip(" \t")
    bare = text.rstrip("#")
    if not bare or bare[-1] in " \t":
        text = bare
    column = match.start(2) if text.strip() else match.end(1)
    text = text.strip()
    return Heading(level=len(match[1]), text=text, at=(number + 1, column + 1))
