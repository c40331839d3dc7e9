"""Coverage of changed lines: which executable lines of a change a report calls covered.

Rules. A line in the middle of a statement stands for the line where the statement begins, as coverage.py counts. A changed
file that the report does not know counts with all its executable changed lines as not covered; but for tests and other
languages than the report's, which no report need know. Without executable changed lines the rate is 1.0: there was nothing to
cover. Must not know how reports are read.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from andon.core.verdict import Finding
from andon.suspicion.languages import is_code, is_test
from andon.suspicion.records import MESSAGE_CHARACTERS_MAX, Side, cut, printable

RULE = "changed-lines-uncovered"
"""Of its findings; they stand in the verdict of the `run` gate that has the report."""
RANGES_SHOWN = 8

Lines = Mapping[str, tuple[frozenset[int], frozenset[int]]]
"""Path as the report spells it -> (executed, missing) lines."""
Ranges = tuple[tuple[int, int], ...]


class Changed(Struct, frozen=True, kw_only=True):
    """One changed file. ranges: its new lines; None for all."""

    path: str
    content: bytes | None
    ranges: Ranges | None


class Covered(Struct, frozen=True, kw_only=True):
    """lines: executable ones that are new. unmeasured: files that the report should know and does not."""

    lines: int
    covered: int
    unmeasured: int
    findings: tuple[Finding, ...]

    @property
    def rate(self) -> float:
        return self.covered / self.lines if self.lines else 1.0


def measure(changed: Sequence[Changed], report: Lines, *, paths: Iterable[str], root: str) -> Covered:
    """paths: all files of the tree. root: where the report's command saw the tree, for absolute paths; "" if unknown."""
    known = _by_path(report, [file.path for file in changed], frozenset(paths), root)
    suffixes = {_suffix(path) for path in report}
    lines = covered = unmeasured = 0
    findings: list[Finding] = []
    for file in changed:
        measured = known.get(file.path)
        if measured is None:
            if _suffix(file.path) not in suffixes or not is_code(file.path) or is_test(file.path):
                continue
            # Fail closed: what nobody measured is not covered.
            missed = _own_lines(file)
            executed: set[int] = set()
            unmeasured += bool(missed)
        else:
            touched = _touched(file)
            executed = touched & measured[0] if touched is not None else set(measured[0])
            missed = touched & measured[1] if touched is not None else set(measured[1])
        lines += len(executed) + len(missed)
        covered += len(executed)
        if missed:
            findings.append(_finding(file.path, sorted(missed), unknown=measured is None))
    return Covered(lines=lines, covered=covered, unmeasured=unmeasured, findings=tuple(findings))


def _suffix(path: str) -> str:
    name = path.rsplit("/", 1)[-1]
    return name[name.rfind(".") :] if "." in name else ""


def _by_path(
    report: Lines, changed: Sequence[str], paths: frozenset[str], root: str
) -> dict[str, tuple[frozenset[int], frozenset[int]]]:
    """Changed path -> its lines. A report made in a directory below the root spells paths from there."""
    found: dict[str, tuple[frozenset[int], frozenset[int]]] = {}
    prefix = root.rstrip("/") + "/"
    for spelled, lines in report.items():
        path = spelled.removeprefix(prefix) if root else spelled
        path = path.removeprefix("./")
        if path not in paths and not path.startswith("/"):
            ending = [one for one in changed if one.endswith("/" + path)]
            path = ending[0] if len(ending) == 1 else path
        found.setdefault(path, lines)
    return found


def _touched(file: Changed) -> set[int] | None:
    """The new lines, and the first lines of the statements that they stand in; None for all."""
    if file.ranges is None:
        return None
    starts = _starts(file) or {}
    found: set[int] = set()
    for first, last in file.ranges:
        for line in range(first, last + 1):
            found.add(starts.get(line, line))
    return found


def _own_lines(file: Changed) -> set[int]:
    """Executable new lines by the file's own account, for a file without data; one at least when it can't be read."""
    if file.content is None:
        return {1}
    starts = _starts(file)
    if starts is not None:
        wanted = None if file.ranges is None else {n for a, b in file.ranges for n in range(a, b + 1)}
        return {start for line, start in starts.items() if wanted is None or line in wanted}
    lines = _text(file).split("\n")
    ranges = file.ranges if file.ranges is not None else ((1, len(lines)),)
    return {n for a, b in ranges for n in range(a, min(b, len(lines)) + 1) if lines[n - 1].strip()}


def _text(file: Changed) -> str:
    return Side(file.path, file.content).text


def _starts(file: Changed) -> dict[int, int] | None:
    """Line -> first line of the statement that it belongs to; None when the file is not Python or does not parse."""
    tree = Side(file.path, file.content).tree if file.path.endswith(".py") else None
    if tree is None:
        return None
    found: dict[int, int] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt) or _is_docstring(node):
            continue
        body = getattr(node, "body", None) or getattr(node, "cases", None)
        inner = body[0] if body else None
        first_inside = getattr(inner, "lineno", None) or getattr(getattr(inner, "pattern", None), "lineno", None)
        last = max(first_inside - 1, node.lineno) if first_inside else node.end_lineno or node.lineno
        for decorator in getattr(node, "decorator_list", ()):
            for line in range(decorator.lineno, (decorator.end_lineno or decorator.lineno) + 1):
                found[line] = decorator.lineno
        for line in range(node.lineno, last + 1):
            # An inner statement on the same line is the same line to coverage.
            found.setdefault(line, node.lineno)
    return found


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _finding(path: str, lines: Sequence[int], *, unknown: bool) -> Finding:
    ranges: list[list[int]] = []
    for line in lines:
        if ranges and line == ranges[-1][1] + 1:
            ranges[-1][1] = line
        else:
            ranges.append([line, line])
    shown = ", ".join(f"{a}-{b}" if a != b else str(a) for a, b in ranges[:RANGES_SHOWN])
    more = " …" if len(ranges) > RANGES_SHOWN else ""
    text = f"{len(lines)} changed lines are not covered: {shown}{more}"
    if unknown:
        text = f"the coverage report does not know this file; {text}"
    return Finding(
        rule=RULE, path=printable(path), line=lines[0], severity="warning", message=cut(text, MESSAGE_CHARACTERS_MAX)
    )
