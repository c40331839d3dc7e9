"""Built-in suspicion: what in a change looks like a way round its own tests and checks.

    inspect([File(path="tests/test_a.py", before=b"…", after=b"…")])   # findings, each with a rule of `table.RULES`

Theory of operation. Both sides of every changed file are read, nothing else: no other file of the tree, no clock, no
machine; so the findings are a function of the change and may be bound to it. Python is read by its syntax tree, other languages
by patterns of lines; settings are parsed. A finding is a remark, not a proof: it says what was there and what is there now, and
a workflow decides whether it refuses. What can't be read is a finding of rule `not-inspected`, never silence.

Limits are named in `records`. Must not know git, gates, or who made the change.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence

from andon.core.verdict import Finding
from andon.suspicion.records import (
    CHANGE_BYTES_MAX,
    FILES_MAX,
    File,
    Pair,
    Side,
    Test,
    finding,
    printable,
)
from andon.suspicion.table import ALL, FINDINGS_MAX, RULES

__all__ = ["ALL", "FINDINGS_MAX", "RULES", "File", "inspect"]


def inspect(files: Iterable[File]) -> tuple[Finding, ...]:
    """All findings of a change, by path and line; their number is not bounded here. Never raises for what files hold."""
    given = list(files)
    read, problems = _within_limits(given)
    pairs = [Pair(file) for file in read]
    found = [*problems, *_guarded(pairs)]
    found += _unread(pairs)
    unique = dict.fromkeys(found)
    return tuple(sorted(unique, key=lambda item: (item.path, item.line, item.rule, item.message)))


def _within_limits(given: Sequence[File]) -> tuple[list[File], list[Finding]]:
    read: list[File] = []
    problems: list[Finding] = []
    room = CHANGE_BYTES_MAX
    for file in given:
        size = len(file.before or b"") + len(file.after or b"")
        if len(read) >= FILES_MAX or size > room:
            problems.append(finding("not-inspected", file.path, 0, "the change is too large to be read whole"))
            # One such finding says it; the rest would only repeat it.
            break
        room -= size
        read.append(file)
    return read, problems


def _guarded(pairs: Sequence[Pair]) -> Iterator[Finding]:
    """Every family of rules by itself: one that a hostile file takes down says so and leaves the others alone."""
    from andon.suspicion import ignores, loosened, machinery, places

    families: tuple[tuple[str, Callable[[Sequence[Pair]], Iterator[Finding]]], ...] = (
        ("tests and assertions", _of_tests),
        ("ignores", ignores.judge),
        ("settings", loosened.judge),
        ("machinery", machinery.judge),
        ("places", places.judge),
    )
    for name, judge in families:
        try:
            yield from list(judge(pairs))
        except Exception as error:
            # Contents are hostile: whatever they bring down is told, and closes gates that refuse, but stops no run.
            yield finding("not-inspected", "", 0, f"the rules about {name} gave up: {type(error).__name__}")


def _of_tests(pairs: Sequence[Pair]) -> Iterator[Finding]:
    from andon.suspicion import assertion_rules, tests_rules
    from andon.suspicion.languages import is_product
    from andon.suspicion.pairing import pair

    before = [test for one in pairs for test in _tests(one, one.before)]
    after = [test for one in pairs for test in _tests(one, one.after)]
    paired = pair(before, after)
    yield from tests_rules.judge(paired, _removed_code(pairs))
    yield from assertion_rules.judge(paired, code_changed=any(is_product(one.path) for one in pairs))


def _tests(pair: Pair, side: Side) -> list[Test]:
    """Tests of one side; none when it can't be read, which `not-inspected` tells."""
    from andon.suspicion import pattern_tests, python_tests
    from andon.suspicion.languages import is_test, language_of

    if not side.exists or side.problem or pair.before.problem or pair.after.problem:
        return []
    language = language_of(pair.suffix)
    if pair.suffix == ".py" and is_test(pair.path):
        # When one side does not parse there is nothing to compare the other with.
        if (pair.before.exists and pair.before.tree is None) or (pair.after.exists and pair.after.tree is None):
            return []
        try:
            return python_tests.read(pair.path, side.tree) if side.tree is not None else []
        except (RecursionError, MemoryError):
            side.problem = "is nested too deeply"
            return []
    if language is not None and (language.inline or is_test(pair.path)):
        return list(pattern_tests.read(pair.path, side.lines, language))
    return []


def _removed_code(pairs: Sequence[Pair]) -> frozenset[str]:
    """Names of functions and classes that product files defined and no changed product file defines any more."""
    from andon.suspicion.languages import is_product

    before: set[str] = set()
    after: set[str] = set()
    for pair in pairs:
        if pair.suffix == ".py" and is_product(pair.path):
            before |= _defined(pair.before)
            after |= _defined(pair.after)
    return frozenset(before - after)


def _defined(side: Side) -> set[str]:
    tree = side.tree
    if tree is None:
        return set()
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("__")
    }


def _unread(pairs: Sequence[Pair]) -> Iterator[Finding]:
    """Source and settings that could not be read. Python is always parsed, so that broken code is never passed over."""
    from andon.suspicion.languages import is_code
    from andon.suspicion.settings import is_settings

    for pair in pairs:
        if not (is_code(pair.path) or is_settings(pair.path)):
            continue
        for side, where in ((pair.before, " on the base"), (pair.after, "")):
            if pair.is_python and not side.problem and side.exists:
                _ = side.tree
            if side.problem:
                yield finding("not-inspected", pair.path, 0, f"{printable(pair.path)} {side.problem}{where}")
                break
