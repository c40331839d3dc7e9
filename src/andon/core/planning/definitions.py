"""The names that a tree's files define, and the words that files say of themselves: which files a task's words point to.

Rules: a name that many files define points to none of them; a word counts the more the fewer files have it; everything that
is read out is bounded. The index of words is made at the first question. Must not know: how outlines are read or kept.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from andon.core.planning.outline import Outline
from andon.core.planning.words import words_of

MAX_DEFINING = 3
"""A name that more files define points to none of them."""
MAX_WORD_FILES = 400

_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]{2,79}", re.ASCII)


class Definitions:
    """What the files of one tree define."""

    def __init__(self, outlines: Mapping[str, Outline] | None = None) -> None:
        self._outlines = outlines or {}
        self._defining: dict[str, list[str]] = {}
        for path, outline in self._outlines.items():
            for name in outline.names:
                self._defining.setdefault(name, []).append(path)
        self._by_word: dict[str, list[tuple[str, float]]] | None = None
        self._by_said: dict[str, list[str]] | None = None

    def __len__(self) -> int:
        return len(self._outlines)

    def defining(self, name: str) -> Sequence[str]:
        """The files that define a name; none when too many do."""
        found = self._defining.get(name, ())
        return found if len(found) <= MAX_DEFINING else ()

    def word(self, word: str) -> tuple[Sequence[tuple[str, float]], float]:
        """The files of whose defined names some have the word, each with how much of it, and how much the word tells."""
        if self._by_word is None:
            self._by_word = self._index()
        found = self._by_word.get(word, ())
        if not found or len(found) > MAX_WORD_FILES:
            return (), 0.0
        return found, math.log((1 + len(self._outlines)) / len(found))

    def said(self, word: str) -> tuple[Sequence[str], float]:
        """The files that say the word of themselves, and how much it tells."""
        if self._by_said is None:
            self._by_said = {}
            for path, outline in self._outlines.items():
                for one in outline.said:
                    self._by_said.setdefault(one, []).append(path)
        found = self._by_said.get(word, ())
        if not found or len(found) > MAX_WORD_FILES:
            return (), 0.0
        return found, math.log((1 + len(self._outlines)) / len(found))

    def _index(self) -> dict[str, list[tuple[str, float]]]:
        """A word counts the more of a file's names have it, and the less the more names there are."""
        known = {name: words_of(name) for name in self._defining}
        average = sum(len(outline.names) for outline in self._outlines.values()) / (len(self._outlines) or 1) or 1.0
        found: dict[str, list[tuple[str, float]]] = {}
        for path, outline in self._outlines.items():
            counts: dict[str, int] = {}
            for name in outline.names:
                for word in known[name]:
                    counts[word] = counts.get(word, 0) + 1
            long = 1.2 * (0.25 + 0.75 * len(outline.names) / average)
            for word, count in counts.items():
                found.setdefault(word, []).append((path, count / (count + long)))
        return found
