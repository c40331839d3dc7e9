"""What is wrong with a workflow file, and where: the records that parser, compiler and lint share.

Rules: a problem always names a place inside the file (1-based line and column); the same file always gives the same
problems in the same order; their number is bounded. Must not know: how anything is parsed.
"""

from __future__ import annotations

from difflib import get_close_matches

from msgspec import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

ERROR = "error"
WARNING = "warning"

MAX_PROBLEMS = 200
"""Problems reported for one file; what comes after them is left out."""

At = tuple[int, int]
"""A place in the file: line and column, both from 1. A column counts characters."""

START: At = (1, 1)


class Problem(Struct, frozen=True, kw_only=True):
    """One finding. rule: stable id. severity: error | warning. next: what to do about it, or ""."""

    rule: str
    severity: str
    file: str
    line: int
    column: int
    message: str
    next: str = ""

    def text(self) -> str:
        """`file:line:col: rule-id message` on one line."""
        level = "" if self.severity == ERROR else "warning: "
        advice = f" ({self.next})" if self.next else ""
        return f"{self.file}:{self.line}:{self.column}: {self.rule} {level}{self.message}{advice}"


class Collector:
    """Gathers the problems of one file. lines: the file's lines, so that every place lies inside it."""

    def __init__(self, file: str, lines: tuple[str, ...]) -> None:
        self.file = file
        self._lines = lines
        self._found: dict[tuple[int, int, str, str], Problem] = {}

    def add(self, rule: str, at: At, message: str, next: str = "", *, severity: str = ERROR) -> None:
        """Record a problem once."""
        if len(self._found) >= MAX_PROBLEMS:
            return
        line, column = self._inside(at)
        problem = Problem(
            rule=rule,
            severity=severity,
            file=self.file,
            line=line,
            column=column,
            message=" ".join(message.split()),
            next=next,
        )
        self._found.setdefault((line, column, rule, problem.message), problem)

    def warn(self, rule: str, at: At, message: str, next: str = "") -> None:
        self.add(rule, at, message, next, severity=WARNING)

    def extend(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self.add(
                problem.rule, (problem.line, problem.column), problem.message, problem.next, severity=problem.severity
            )

    def _inside(self, at: At) -> At:
        """The nearest place that exists: a library's mark may stand behind the last character."""
        line = min(max(at[0], 1), max(len(self._lines), 1))
        width = len(self._lines[line - 1]) if self._lines else 0
        column = at[1] if line == at[0] else width + 1
        return line, min(max(column, 1), width + 1)

    @property
    def failed(self) -> bool:
        return any(problem.severity == ERROR for problem in self._found.values())

    def sorted(self) -> tuple[Problem, ...]:
        """All problems in the order of the file."""
        return tuple(self._found[key] for key in sorted(self._found))


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """ "did you mean `x`?" for the closest choice, or ""."""
    close = get_close_matches(word[:64], [choice for choice in choices if choice != word], n=1, cutoff=0.7)
    return f"did you mean `{close[0]}`?" if close else ""


def shown(text: str, most: int = 40) -> str:
    """A piece of the file, short enough and safe to quote in a message."""
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= most else one_line[: most - 1] + "…"


def listed(names: Iterable[str], most: int = 12) -> str:
    """Names for a message, cut short when there are many."""
    known = list(names)
    more = f", … ({len(known) - most} more)" if len(known) > most else ""
    return ", ".join(known[:most]) + more if known else "none"
