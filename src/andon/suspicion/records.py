"""What the rules read and what they give: changed files, their two sides, tests with their assertions, findings.

Rules. Contents are hostile: a side is decoded and parsed at most once, within named limits, and what can't be read has a
`problem` instead of an exception. Must not know any rule.
"""

from __future__ import annotations

import ast
import re
import warnings
from functools import cached_property

from msgspec import Struct

from andon.core.verdict import Finding
from andon.suspicion.table import RULES

FILE_BYTES_MAX = 1024**2
"""Larger files are not read; they get a finding of rule `not-inspected` when they are source files."""
CHANGE_BYTES_MAX = 32 * 1024**2
TOO_LARGE = f"is larger than {FILE_BYTES_MAX // 1024} KiB"
FILES_MAX = 2000
LINE_CHARACTERS_MAX = 2000
"""A longer line is cut before patterns look at it."""
SHOWN_CHARACTERS_MAX = 80
MESSAGE_CHARACTERS_MAX = 300
FACTS_COMPARED_MAX = 300
"""Assertions of one test that are compared each with each; the others are only counted."""
TESTS_COMPARED_MAX = 400
"""Tests of one file that are compared each with each; the others are matched by name and body only."""

ENCODINGS = frozenset({"utf-8", "utf8", "ascii", "us-ascii", "latin-1", "latin1", "iso-8859-1", "iso-latin-1"})
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


class File(Struct, frozen=True, kw_only=True):
    """A changed path with its contents; None where it does not exist (or is no ordinary file).

    withheld: a side exists and was too large to be read by the caller.
    """

    path: str
    before: bytes | None
    after: bytes | None
    withheld: bool = False


class Side:
    """One side of a changed file. text: "" when absent. problem: why the text could not be read, or ""."""

    def __init__(self, path: str, content: bytes | None) -> None:
        self.path = path
        self.exists = content is not None
        self.problem = ""
        self.text = ""
        if content is None:
            return
        if len(content) > FILE_BYTES_MAX:
            self.problem = TOO_LARGE
        elif b"\0" in content:
            self.problem = "holds null bytes"
        else:
            self._decode(content)

    def _decode(self, content: bytes) -> None:
        encoding = _cookie(content) if self.path.endswith((".py", ".pyi")) else "utf-8"
        if encoding not in ENCODINGS:
            # Some encodings hide code in what looks like comments.
            self.problem = f"has the unusual encoding {encoding!r}"
            return
        try:
            self.text = content.decode("latin-1" if "latin" in encoding or "8859" in encoding else "utf-8-sig")
        except UnicodeDecodeError:
            self.problem = "is not UTF-8"

    @cached_property
    def lines(self) -> list[str]:
        """Without line ends, each cut to LINE_CHARACTERS_MAX; index 0 is line 1."""
        return [line[:LINE_CHARACTERS_MAX] for line in self.text.split("\n")]

    @cached_property
    def tree(self) -> ast.Module | None:
        """The syntax tree of a Python file; None, with `problem` set, when there is none to be had."""
        if not self.exists or self.problem:
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return _without_prefixes(ast.parse(self.text))
        except SyntaxError as error:
            self.problem = f"does not parse (line {error.lineno or 0})"
        except (RecursionError, MemoryError):
            self.problem = "is nested too deeply"
        except ValueError:
            self.problem = "does not parse"
        return None


def _without_prefixes(tree: ast.Module) -> ast.Module:
    """`u"x"` is `"x"`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.kind is not None:
            node.kind = None
    return tree


def _cookie(content: bytes) -> str:
    for line in content.split(b"\n", 2)[:2]:
        found = _COOKIE.match(line)
        if found:
            return found[1].decode("ascii", "replace").lower().replace("_", "-")
    return "utf-8"


class Pair:
    """A changed file with both sides."""

    def __init__(self, file: File) -> None:
        self.path = file.path
        self.before = Side(file.path, file.before)
        self.after = Side(file.path, file.after)
        if file.withheld:
            self.before.problem = self.after.problem = TOO_LARGE
        self.suffix = file.path[file.path.rfind(".") :] if "." in file.path.rsplit("/", 1)[-1] else ""

    @property
    def is_python(self) -> bool:
        return self.suffix in (".py", ".pyi")


class Fact(Struct, frozen=True, kw_only=True):
    """One assertion. key: equal for equal assertions. op: what is demanded. left, right: its operands as text.

    never: why it can't fail, or "". guards: what keeps it from being reached or from failing. slack: a tolerance.
    weight: how many values it compares.
    """

    key: str
    line: int
    shown: str
    op: str
    left: str = ""
    right: str = ""
    never: str = ""
    guards: frozenset[str] = frozenset()
    slack: float = 0.0
    weight: int = 1


class Skip(Struct, frozen=True, kw_only=True):
    """What keeps a test from counting. key: equal for equal marks."""

    key: str
    line: int
    shown: str


class Test:
    """A test, or a helper of tests with assertions (collected: False). Reading it further is put off until it differs."""

    path: str
    name: str
    line: int
    body: str
    skips: tuple[Skip, ...]
    cases: int | None
    hollow: bool
    collected: bool
    by_pattern: bool

    @property
    def facts(self) -> tuple[Fact, ...]:
        raise NotImplementedError

    @property
    def names(self) -> frozenset[str]:
        """Identifiers that the body uses."""
        raise NotImplementedError

    @property
    def parts(self) -> frozenset[str]:
        """Keys of its statements or lines, for likeness."""
        raise NotImplementedError

    @property
    def mocked(self) -> dict[str, int]:
        """Name -> line of what it replaces by a stand-in and calls itself."""
        return {}


def cut(text: str, most: int = SHOWN_CHARACTERS_MAX) -> str:
    """A piece of source on one line, printable and short."""
    line = " ".join(text[: 4 * most].split())
    line = "".join(character if character.isprintable() else "\ufffd" for character in line)
    return line if len(line) <= most else line[: most - 1] + "…"


def printable(path: str) -> str:
    """A path that can stand in JSON and on a terminal."""
    return path if path.isprintable() else ascii(path)[1:-1]


def finding(rule: str, path: str, line: int, message: str) -> Finding:
    """A finding with its rule's severity and a bounded message."""
    return Finding(
        rule=rule,
        path=printable(path),
        line=max(line, 0),
        severity=RULES[rule].severity,
        message=cut(message, MESSAGE_CHARACTERS_MAX),
    )
