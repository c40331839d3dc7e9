"""What a text names: paths, file names, modules, directories and identifiers that are the tree's.

Rules: strength says how sure the naming is (1 for a whole path, less for what several files could be meant by); a file that
is named twice has the greater strength. Must not know: history.
"""

from __future__ import annotations

import re

from andon.core.planning.tree import Tree

MAX_TOKENS = 500
MAX_DIRECTORY_FILES = 12
WHOLE_PATH = 1.0
END_OF_PATH = 0.9
MODULE = 0.85
NAME = 0.8
IDENTIFIER = 0.6
DIRECTORY = 0.35

_TOKEN = re.compile(r"[\w@.+\-/]*[\w@+\-]/?", re.ASCII)
_SNAKE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Named:
    """What was named, with what reason."""

    __slots__ = ("reasons", "strengths")

    def __init__(self) -> None:
        self.strengths: dict[str, float] = {}
        self.reasons: dict[str, str] = {}

    def put(self, paths: list[str], strength: float, reason: str) -> None:
        for path in paths:
            share = strength / len(paths) ** 0.5
            if share > self.strengths.get(path, 0.0):
                self.strengths[path] = share
                self.reasons[path] = reason


def named_in(text: str, tree: Tree) -> Named:
    """The files of the tree that a text names."""
    named = Named()
    tokens = dict.fromkeys(match.group().strip(".") for match in _TOKEN.finditer(text[:200_000]))
    for token in list(tokens)[:MAX_TOKENS]:
        if len(token) >= 3:
            _one(token, tree, named)
    return named


def _one(token: str, tree: Tree, named: Named) -> None:
    path = token.removeprefix("./").strip("/")
    if "/" in token:
        if path in tree.known:
            named.put([path], WHOLE_PATH, f"names {path}")
        elif found := tree.ending(path):
            named.put(found, END_OF_PATH, f"names {path}")
        elif (found := tree.below(path, MAX_DIRECTORY_FILES + 1)) and len(found) <= MAX_DIRECTORY_FILES:
            named.put(found, DIRECTORY, f"names {path}/")
        return
    if path in tree.known:
        named.put([path], WHOLE_PATH, f"names {path}")
        return
    if "." in path:
        if found := tree.ending(path):
            named.put(found, NAME, f"names {path}")
        elif found := tree.module(path):
            named.put(found, MODULE, f"names {path}")
        return
    if "_" in path or "-" in path or _is_camel(path):
        for form in dict.fromkeys((path, _SNAKE.sub("_", path).lower(), path.replace("-", "_"))):
            if found := tree.stem(form):
                named.put(found, IDENTIFIER, f"names {path}")
                return


def _is_camel(word: str) -> bool:
    return any(character.isupper() for character in word[1:]) and any(character.islower() for character in word)
