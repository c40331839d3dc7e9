"""The tree's paths, found by name: exact paths, ends of paths, modules, words of paths, globs of scopes.

Rules: every question is answered from an index that was made once; answers are bounded, and what too many paths match is
no answer. Must not know: file contents, git.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from andon.core.globs import Globs
from andon.core.planning.words import words_of

MAX_NAMESAKES = 4
"""A bare file name that more files bear names none of them."""
MAX_WORD_FILES = 300
MAX_EXPANDED = 5_000
"""A scope is expanded to so many files; more than that is everything below the scope's directories."""


class Tree:
    """The files of one tree."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths: tuple[str, ...] = tuple(sorted(set(paths)))
        self.known = frozenset(self.paths)
        self._by_name: dict[str, list[str]] = {}
        self._by_stem: dict[str, list[str]] = {}
        self._by_word: dict[str, list[str]] = {}
        self._lengths: dict[str, float] = {}
        self._scopes: dict[tuple[str, ...], tuple[str, ...] | None] = {}
        for path in self.paths:
            name = path.rpartition("/")[2]
            self._by_name.setdefault(name, []).append(path)
            self._by_stem.setdefault(stem_of(name), []).append(path)
        known: dict[str, tuple[str, ...]] = {}
        for path in self.paths:
            directory, _, name = path.rpartition("/")
            if directory not in known:
                known[directory] = tuple(words_of(directory))
            for word in dict.fromkeys((*words_of(name), *known[directory])):
                self._by_word.setdefault(word, []).append(path)

    # ------------------------------------------------------------ names

    def ending(self, text: str) -> list[str]:
        """The files whose path is this text or ends with it, at a segment's border; none when too many do."""
        if text in self.known:
            return [text]
        found = self._by_name.get(text.rpartition("/")[2], ())
        found = [path for path in found if path.endswith("/" + text)]
        return found if len(found) <= MAX_NAMESAKES else []

    def module(self, text: str) -> list[str]:
        """The files that a dotted name stands for, or stands in: `a.b.c` is a/b/c.py, a/b/c/__init__.py, or c in a/b.py."""
        parts = text.split(".")
        for count in (len(parts), len(parts) - 1):
            if count < (2 if count == len(parts) else 1):
                break
            wanted = "/".join(parts[:count])
            found = [path for path in self._by_stem.get(parts[count - 1], ()) if _ends(without_suffix(path), wanted)]
            found = found or [
                path
                for base in ("__init__", "index", "mod")
                for path in self._by_stem.get(base, ())
                if _ends(path.rpartition("/")[0], wanted)
            ]
            if found and (count > 1 or len(found) == 1):
                return found if len(found) <= MAX_NAMESAKES else []
        return []

    def stem(self, text: str) -> list[str]:
        """The files that bear this name without their suffix; none when too many do."""
        found = self._by_stem.get(text, [])
        return found if len(found) <= MAX_NAMESAKES else []

    def word(self, word: str) -> tuple[Sequence[str], float]:
        """The files with this word in their path, and how much it tells."""
        found = self._by_word.get(word, ())
        if not found or len(found) > MAX_WORD_FILES:
            return (), 0.0
        return found, math.log((1 + len(self.paths)) / len(found))

    # ------------------------------------------------------------ directories and scopes

    def below(self, directory: str, limit: int) -> list[str]:
        """Up to `limit` files below a directory."""
        start = bisect_left(self.paths, directory.rstrip("/") + "/")
        found = []
        for path in self.paths[start : start + limit]:
            if not path.startswith(directory.rstrip("/") + "/"):
                break
            found.append(path)
        return found

    def expand(self, scope: tuple[str, ...]) -> tuple[str, ...] | None:
        """The files that a scope takes in, None when they are more than MAX_EXPANDED. A scope is expanded once."""
        if scope not in self._scopes:
            self._scopes[scope] = self._expanded(scope)
        return self._scopes[scope]

    def _expanded(self, scope: tuple[str, ...]) -> tuple[str, ...] | None:
        found: dict[str, None] = {}
        globs = Globs(scope)
        negative = any(pattern.startswith("!") for pattern in scope)
        prefixes = [""] if negative else [literal_prefix(pattern)[0] for pattern in scope]
        for prefix in dict.fromkeys(prefixes):
            start = bisect_left(self.paths, prefix)
            for place in range(start, len(self.paths)):
                path = self.paths[place]
                if not path.startswith(prefix):
                    break
                if globs.matches(path):
                    found[path] = None
                    if len(found) > MAX_EXPANDED:
                        return None
        return tuple(found)


def literal_prefix(pattern: str) -> tuple[str, bool]:
    """The beginning of a pattern before its first wildcard, cut at a segment's border, and whether that is all of it."""
    body = pattern.removeprefix("!")
    while body.startswith("./"):
        body = body[2:]
    if body in (".", "/"):
        return "", False
    wild = next((at for at, character in enumerate(body) if character in "*?[\\"), None)
    if wild is None:
        return body.strip("/"), True
    return body[: body.rfind("/", 0, wild) + 1].lstrip("/"), False


def as_pattern(path: str) -> str:
    """The glob that means this very path, whatever characters it has; a byte that is no text may be any character."""
    text = "".join(_literal(character) for character in path)
    return "./" + text if path.startswith("!") else text


def _literal(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        # A record holds text; so that such a name is held all the same, its bad bytes match whatever stands there.
        return "?"
    return "\\" + character if character in "*?[\\" else character


def without_suffix(path: str) -> str:
    directory, slash, name = path.rpartition("/")
    return directory + slash + stem_of(name)


def stem_of(name: str) -> str:
    """A file's name without its suffixes; a leading dot stays."""
    return name[:1] + name[1:].partition(".")[0]


def _ends(path: str, wanted: str) -> bool:
    return path == wanted or path.endswith("/" + wanted)
