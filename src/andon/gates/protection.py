"""The built-in gate `protect`: no file that decides how gates judge differs from the base.

Patterns are those of `core.gate_files`. Of a settings file that has a section named, only that section counts; one that
can't be read counts whole. A file that begins to speak of Andon's own variables is refused too: nothing but a gate's
command has business with the report directory. Must not know workflows.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from andon.core.gate_files import FILE, MODULES, SHADOWED
from andon.core.globs import Globs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from andon.ports import Change, Git

_SETTINGS = (".toml", ".json", ".cfg", ".ini")
_NOT_TAKEN = frozenset({"test", "tests"})
REPORT_VARIABLE = re.compile(rb"ANDON_OUT(?![A-Za-z0-9_])")
_READ_AT_ONCE = 50
_PROSE = (".md", ".rst", ".txt")


class Protection:
    """A compiled list of patterns over two trees."""

    def __init__(self, patterns: Sequence[str], git: Git, *, base: str, tree: str) -> None:
        self._git = git
        self._base = base
        self._tree = tree
        self._rules = [_Rule(pattern) for pattern in patterns]

    def offending(self, changes: Sequence[Change]) -> list[str]:
        """The changed paths that are protected, with the section where that is what matters."""
        return [told for change in changes if (told := self._offends(change.path))]

    def reaching_for_reports(self, changes: Sequence[Change]) -> list[str]:
        """Changed files that speak of the report directory's variable and did not do so at the base."""
        paths = [
            one.path
            for one in changes
            if one.new_mode.startswith("100") and not one.path.endswith(_PROSE) and not self._left_free(one.path)
        ]
        speaking: list[str] = []
        for first in range(0, len(paths), _READ_AT_ONCE):
            some = paths[first : first + _READ_AT_ONCE]
            # All in one process, by their names in the tree; a name that would end the line is asked for by itself.
            plain = {f"{self._tree}:{path}": path for path in some if path.isascii() and path.isprintable()}
            contents = {plain[name]: content for name, content in self._git.read_blobs(list(plain)).items()}
            contents.update({path: self._content(self._tree, path) or b"" for path in some if path not in contents})
            speaking += [path for path, content in contents.items() if REPORT_VARIABLE.search(content)]
        return [path for path in speaking if not REPORT_VARIABLE.search(self._content(self._base, path) or b"")]

    def _left_free(self, path: str) -> bool:
        """Whether the author says that tasks may change this path as they like."""
        return any(rule.globs.matches(path) for rule in self._rules if rule.exclude)

    def _offends(self, path: str) -> str:
        for rule in reversed(self._rules):
            if not rule.globs.matches(path):
                continue
            if rule.exclude:
                return ""
            if not rule.section:
                return path
            if rule.section == MODULES:
                if _shadows(path) and self._content(self._base, path) is None:
                    return f"{path} (a runner would load it in place of its own module)"
            elif self._differs(path, rule.section):
                return f"{path} [{rule.section}]"
        return ""

    def _differs(self, path: str, section: str) -> bool:
        try:
            before = _section(path, self._content(self._base, path) or b"", section)
            after = _section(path, self._content(self._tree, path) or b"", section)
        except (ValueError, RecursionError):
            return True
        return bool(before != after)

    def _content(self, treeish: str, path: str) -> bytes | None:
        return self._git.read_file(treeish, path)


class _Rule:
    def __init__(self, pattern: str) -> None:
        self.exclude = pattern.startswith("!")
        body = pattern.removeprefix("!")
        path, mark, section = body.rpartition("#")
        named = bool(mark) and (section in (MODULES, FILE) or path.endswith(_SETTINGS))
        self.section = section if named and section != FILE else ""
        self.globs: Globs | _Directly | _Exactly
        if named and section == FILE:
            self.globs = _Exactly(path)
        elif self.section == MODULES:
            self.globs = _Directly(path)
        else:
            self.globs = Globs((path if named else body,))


class _Exactly:
    """Matches one path, and what stands at it in place of a directory (a link)."""

    def __init__(self, path: str) -> None:
        self._path = path

    def matches(self, path: str) -> bool:
        return path == self._path or self._path.startswith(path + "/")


class _Directly:
    """Matches modules directly in a directory: `dir/x.py` and `dir/x/__init__.py`."""

    def __init__(self, directory: str) -> None:
        self._prefix = directory.lstrip("/")

    def matches(self, path: str) -> bool:
        rest = path.removeprefix(self._prefix)
        if self._prefix and rest == path:
            return False
        folder, _, name = rest.partition("/")
        return not name or (bool(folder) and name.partition(".")[0] == "__init__" and "/" not in name)


def _shadows(path: str) -> bool:
    """Whether a module has the name of one of Python's own or of a test runner's."""
    parts = path.split("/")
    name = parts[-2] if parts[-1].partition(".")[0] == "__init__" and len(parts) > 1 else parts[-1]
    # A name without an ending may be a link to a package.
    if "." in parts[-1] and not path.endswith((".py", ".so", ".pyc", ".pyd")):
        return False
    return name.partition(".")[0] in (sys.stdlib_module_names | SHADOWED) - _NOT_TAKEN


def _ini_section(text: str, section: str) -> list[str] | None:
    """The lines under every header that some reader of such files could take for this one, and under [DEFAULT].

    Readers differ in what may follow a header's bracket; so its beginning decides, and the lines count as they stand.
    """
    found: list[str] = []
    seen = inside = False
    for line in text.splitlines():
        header = line.strip()
        if header.startswith("["):
            name = header[1:].partition("]")[0].strip()
            inside = name in (section, "DEFAULT")
            seen = seen or name == section
        elif inside and header and not header.startswith(("#", ";")):
            found.append(line.rstrip())
    return found if seen or found else None


def _section(path: str, content: bytes, section: str) -> Any:
    """One section of a settings file, None when it has none. Raises ValueError for what can't be parsed."""
    text = content.decode("utf-8")
    if path.endswith((".cfg", ".ini")):
        return _ini_section(text, section)
    if path.endswith(".toml"):
        import tomllib

        value: Any = tomllib.loads(text)
    else:
        import json

        value = json.loads(text) if text.strip() else {}
    for key in section.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
