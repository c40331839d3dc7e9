"""What each task keeps others off: places it holds, from its declared scope, or from its predictions where it declares none.

Rules. A declared scope is held as it is written, whatever is predicted: `next` goes by it, too. A pattern without wildcards
is a file, or everything below a directory; one with wildcards is the files that it matches now, and when they are more than
MAX_FILES all that lies below its literal beginning. Of predicted files those are held that are at least HOLD likely. Places
become numbers: a file or directory that a task holds, alone; the directories above it that some task holds as a whole, with
others. Must not know: waves.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from andon.core.planning.predict import Predicted
from andon.core.planning.tree import Tree, literal_prefix

HOLD = 0.35
MAX_FILES = 200
DECLARED = 0.9
"""How likely a task touches a file that its scope names."""


class Hold(Struct, frozen=True, kw_only=True):
    """What a task holds: files and directories (without a slash at the end; "" is the root), each with how likely it is
    touched."""

    files: dict[str, float]
    directories: dict[str, float]
    declared: bool


def hold_of(scope: tuple[str, ...], predicted: Sequence[Predicted], tree: Tree) -> Hold:
    """What a task with this scope and these predictions holds."""
    if not scope:
        files = {item.path: item.score for item in predicted if item.score >= HOLD}
        return Hold(files=files, directories={}, declared=False)
    likely = {item.path: item.score for item in predicted}
    files = {}
    directories: dict[str, float] = {}
    excluded = tuple(pattern for pattern in scope if pattern.startswith("!"))
    patterns = [pattern for pattern in scope if not pattern.startswith("!")]
    if scope[0].startswith("!"):
        patterns.append("**")
    for pattern in patterns:
        prefix, literal = literal_prefix(pattern)
        whole = pattern.endswith("/**") and not any(sign in pattern[:-3] for sign in "*?[\\")
        if literal or whole:
            path = prefix.rstrip("/")
            if pattern.endswith("/") or whole or path not in tree.known:
                directories[path] = DECLARED
            else:
                files[path] = DECLARED
            continue
        found = tree.expand((pattern, *excluded))
        if found is None or len(found) > MAX_FILES:
            directories[prefix.rstrip("/")] = DECLARED
        else:
            for path in found:
                files[path] = max(likely.get(path, 0.0), DECLARED / max(1, len(found)) ** 0.5)
    return Hold(files=files, directories=directories, declared=True)


class Places:
    """The holds of all tasks as numbers, the way `bounds.problem_of` wants them."""

    def __init__(self, holds: Sequence[Hold], released: Sequence[frozenset[str]] | None = None) -> None:
        """released: files that a task does not hold after all."""
        self.names: list[str] = []
        """a place's path; directories end in a slash"""
        self._numbers: dict[str, int] = {}
        whole = {path for hold in holds for path in hold.directories}
        self._whole = whole
        self._ways: dict[str, tuple[str, ...]] = {}
        self.alone: list[tuple[int, ...]] = []
        self.shared: list[tuple[int, ...]] = []
        for task, hold in enumerate(holds):
            left = released[task] if released else frozenset()
            files = [path for path in hold.files if path not in left]
            mine = {self._number(path) for path in files if path not in whole}
            mine.update(self._number(path + "/") for path in (*hold.directories, *(x for x in files if x in whole)))
            above = {self._number(way + "/") for path in (*files, *hold.directories) for way in self._above(path)}
            self.alone.append(tuple(sorted(mine)))
            self.shared.append(tuple(sorted(above - mine)))

    def _number(self, name: str) -> int:
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self.names)
            self.names.append(name)
        return number

    def _above(self, path: str) -> tuple[str, ...]:
        """The directories above a path that some task holds as a whole."""
        if not self._whole or not path:
            return ()
        directory = path.rpartition("/")[0]
        found = self._ways.get(directory)
        if found is None:
            here = (directory,) if directory in self._whole else ()
            found = self._ways[directory] = here + (self._above(directory) if directory else ())
        return found
