"""Which files of a tree define a name, and which define names with a word.

Rules: a name that many files define points to none of them, and a word that many files' names have tells nothing; a word
tells the more of a file the more of its names have it, and the less the more names it has. Everything that is read out is
bounded. Must not know: how names are read from texts, or kept.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from msgspec import Struct

from andon.core.planning.words import MAX_TEXT_CHARS, words_of

MAX_DEFINING = 3
"""A name that more files define points to none of them."""
MAX_WORD_FILES = 200
TOP = 48
"""So many files are told for a word: those whose names have it most."""
MAX_IDENTIFIERS = 300
"""So many different identifiers of a text are looked for."""
SATURATION = 1.2
"""How many of a file's names must have a word until more of them say little more."""
LENGTH_SHARE = 0.75
"""How much a file with many names must have a word more often; 0 not at all, 1 in proportion."""

_IDENTIFIER = re.compile(r"`?[A-Za-z_$][\w$]{2,79}(?:`|\(\))?", re.ASCII)


class Defined(Struct, frozen=True, array_like=True):
    """What one file defines. words: of its names, each with how many of them have it."""

    names: tuple[str, ...] = ()
    words: tuple[tuple[str, int], ...] = ()


def defined(names: Sequence[str]) -> Defined:
    """The names of a file with their words counted; kept between plans, so a change of it raises `names.VERSION`."""
    counts: dict[str, int] = {}
    for name in names:
        for word in words_of(name):
            counts[word] = counts.get(word, 0) + 1
    return Defined(tuple(names), tuple(counts.items()))


class Definitions:
    """What the files of one tree define."""

    def __init__(self, files: Mapping[str, Defined] | None = None) -> None:
        self.files = len(files or ())
        self._defining: defaultdict[str, list[str]] = defaultdict(list)
        self._by_word: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
        self._told: dict[str, list[tuple[str, float]]] = {}
        files = {path: one for path, one in (files or {}).items() if one.names}
        average = sum(len(one.names) for one in files.values()) / max(1, len(files)) or 1.0
        for path, one in files.items():
            for name in one.names:
                self._defining[name].append(path)
            missing = SATURATION * (1.0 - LENGTH_SHARE + LENGTH_SHARE * len(one.names) / average)
            for word, count in one.words:
                self._by_word[word].append((path, count / (count + missing)))

    def named_in(self, text: str) -> dict[str, tuple[str, int, bool]]:
        """file -> (name, how many files define it, whether it can be but a name), for each defined name that a text has.

        What is written as code, or as no word of a language is, can be but a name.
        """
        found: dict[str, tuple[str, int, bool]] = {}
        tokens = dict.fromkeys(_IDENTIFIER.findall(text[:MAX_TEXT_CHARS])) if self._defining else {}
        for token in list(tokens)[:MAX_IDENTIFIERS]:
            name = token.strip("`()")
            paths = self._defining.get(name, ())
            if not 0 < len(paths) <= MAX_DEFINING:
                continue
            sure = token[-1] in "`)" or "_" in name.strip("_") or _is_mixed(name)
            for path in paths:
                if path not in found or (sure, -len(paths)) > (found[path][2], -found[path][1]):
                    found[path] = name, len(paths), sure
        return found

    def word(self, word: str) -> Sequence[tuple[str, float]]:
        """(file, how much the word speaks for it) of the files whose names have it, the most first."""
        known = self._told.get(word)
        if known is None:
            found = self._by_word.get(word, ())
            weight = math.log((1 + self.files) / len(found)) if 0 < len(found) <= MAX_WORD_FILES else 0.0
            best = sorted(found, key=lambda item: (-item[1], item[0]))[:TOP] if weight else []
            known = self._told[word] = [(path, weight * value) for path, value in best]
        return known


def _is_mixed(name: str) -> bool:
    return any(character.isupper() for character in name[1:]) and any(character.islower() for character in name)
