"""A block of lines of Andon's own between two marker lines, in a file that is otherwise somebody else's.

Taking the block out gives back every byte: a file that ended without a newline does so again, since the block then ends
without one, too. Pure; must not know files.
"""

from __future__ import annotations

import re


class BlockProblem(ValueError):
    """The markers are not as Andon wrote them."""


def put(text: str, begin: str, end: str, body: str) -> str:
    """The text with the block: in the place of the one that is there, else at the end."""
    line = "\r\n" if "\r\n" in text else "\n"
    block = line.join([begin, *body.strip("\n").split("\n"), end])
    found = _span(text, begin, end)
    if found is not None:
        return text[: found[0]] + block + text[found[1] :]
    if not text.strip("\ufeff"):
        return text + block + line
    return text + line + block + line if text.endswith("\n") else text + line + line + block


def take(text: str, begin: str, end: str) -> str:
    """The text without the block and the blank line before it."""
    found = _span(text, begin, end)
    if found is None:
        return text
    before, after = text[: found[0]], text[found[1] :]
    if not after:
        return _chopped(_chopped(before))
    after = _after_newline(after)
    shorter = _chopped(before)
    return (shorter if not shorter or shorter.endswith("\n") else before) + after


def holds(text: str, begin: str, end: str) -> bool:
    return _span(text, begin, end) is not None


def _span(text: str, begin: str, end: str) -> tuple[int, int] | None:
    """From the beginning of the first marker line to the end of the last one, without its newline."""
    begins = [found.start() for found in re.finditer(rf"^{re.escape(begin)}[ \t]*(?=\r?$)", text, re.MULTILINE)]
    ends = [found.end() for found in re.finditer(rf"^{re.escape(end)}[ \t]*(?=\r?$)", text, re.MULTILINE)]
    if not begins and not ends:
        return None
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        line = text.count("\n", 0, min(begins + ends)) + 1
        raise BlockProblem(f"{line}:1: the lines `{begin}` and `{end}` must be there once each, in this order")
    return begins[0], ends[0]


def _chopped(text: str) -> str:
    return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")


def _after_newline(text: str) -> str:
    return text[2:] if text.startswith("\r\n") else text.removeprefix("\n")
