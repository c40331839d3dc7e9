"""Tests of files in other languages than Python, by patterns of lines: from one test's first line to the next one's.

Must not know what changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from andon.suspicion.languages import Language
from andon.suspicion.records import Fact, Skip, Test, cut

_COMMENT = re.compile(r"^\s*(?://|/\*|\*(?!/)|#(?!\[|include|define))")
_WORD = re.compile(r"[A-Za-z_]\w{2,}")
_SPACE = re.compile(r"\s+")
_SUBJECT = re.compile(r"\(\s*([^,()]{1,80}(?:\([^()]{0,80}\))?)")
_MARKS = re.compile(r"^\s*(?:@|#\[|\[)")
STRONG, WEAK, SOME = "equals", "holds", "asserts"
MARK_LINES_MAX = 10


class PatternTest(Test):
    """A test as a block of lines. first: 1-based number of its first line (with its marks)."""

    by_pattern = True
    collected = True
    cases = None

    def __init__(self, path: str, name: str, line: int, first: int, lines: Sequence[str], language: Language) -> None:
        self.path = path
        self.name = name
        self.line = line
        self._first = first
        self._language = language
        self._lines = [
            (number, text) for number, text in enumerate(lines, first) if text.strip() and not _comment(text)
        ]
        inside = [text for number, text in self._lines if number > line]
        self.body = "\n".join(_squeeze(text) for text in inside)
        # A test on one line is its own body.
        self.hollow = not any(re.search(r"\w", text) for text in inside) and not language.claim.search(
            lines[line - first]
        )
        self.skips = tuple(
            Skip(key=_squeeze(text), line=number, shown=cut(text))
            for number, text in self._lines
            if language.skip.search(text)
        )

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        return tuple(self._facts())

    def _facts(self) -> Iterator[Fact]:
        language = self._language
        for number, text in self._lines:
            if not language.claim.search(text):
                continue
            never = "it can't fail" if language.never.search(text) else ""
            op = STRONG if language.strong.search(text) else WEAK if language.weak.search(text) else SOME
            subject = _SUBJECT.search(text[language.claim.search(text).start() :])  # type: ignore[union-attr]
            left = _squeeze(subject[1]) if subject else ""
            yield Fact(key=_squeeze(text).rstrip(";"), line=number, shown=cut(text), op=op, left=left, never=never)

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(word for _number, text in self._lines for word in _WORD.findall(text))

    @cached_property
    def parts(self) -> frozenset[str]:
        return frozenset(self.body.split("\n"))


def _comment(text: str) -> bool:
    return bool(_COMMENT.match(text))


def _squeeze(text: str) -> str:
    return _SPACE.sub(" ", text).strip()


def read(path: str, lines: Sequence[str], language: Language) -> list[Test]:
    """All tests of a file; of several with one name the later ones get a number."""
    starts = list(_starts(lines, language))
    found: dict[str, Test] = {}
    for index, (first, line, name) in enumerate(starts):
        end = starts[index + 1][0] - 1 if index + 1 < len(starts) else len(lines)
        unique, number = name, 2
        while unique in found:
            unique, number = f"{name} #{number}", number + 1
        found[unique] = PatternTest(path, unique, line, first, lines[first - 1 : end], language)
    return list(found.values())


def _starts(lines: Sequence[str], language: Language) -> Iterator[tuple[int, int, str]]:
    """(first line with marks, line of the declaration, name), from 1."""
    marked = 0
    for number, text in enumerate(lines, 1):
        if _comment(text):
            continue
        if language.mark is not None:
            if mark := language.mark.search(text):
                marked = number
                # Mark and function may share a line.
                text = text[mark.end() :].lstrip("])")
            if not marked or number - marked > MARK_LINES_MAX:
                continue
        match = language.test.search(text)
        if match:
            groups = match.groupdict()
            name = groups.get("name") or groups.get("method") or ""
            yield _first(lines, number), number, cut(name.strip())
            marked = 0


def _first(lines: Sequence[str], number: int) -> int:
    """The first of the marks right above a declaration."""
    first = number
    while first > 1 and number - first < MARK_LINES_MAX and _MARKS.match(lines[first - 2]):
        first -= 1
    return first
