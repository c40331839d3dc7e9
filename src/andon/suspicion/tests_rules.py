"""Rules about tests as such: deleted, fewer cases, skipped, emptied.

Must not know how tests are read, or what their assertions demand.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from andon.core.verdict import Finding
from andon.suspicion.pairing import Paired
from andon.suspicion.records import TESTS_COMPARED_MAX, Test, finding

ABSORBED_MIN = 0.5
"""Share of a deleted test's names from which a test with more cases is taken to hold it as a case."""
BY_PATTERN = " (by pattern)"


def told(test: Test) -> str:
    """How sure it is."""
    return BY_PATTERN if test.by_pattern else ""


def judge(paired: Paired, removed_code: frozenset[str]) -> Iterator[Finding]:
    """removed_code: names of functions and classes that the change takes out of the product."""
    yield from _deleted(paired, removed_code)
    for before, after in paired.pairs:
        if before.collected and not after.collected:
            how = f"`{after.name}` is not collected" if after.name != before.name else "it is no longer collected"
            yield finding("tests-deleted", after.path, after.line, f"test `{before.name}` no longer runs: {how}")
        if before.cases is not None and after.cases is not None and after.cases < before.cases:
            text = f"test `{after.name}` has {after.cases} cases, {before.cases} before"
            yield finding("tests-fewer", after.path, after.line, text)
        if after.hollow and not before.hollow and before.collected:
            text = f"the body of test `{after.name}` was replaced by nothing{told(after)}"
            yield finding("tests-emptied", after.path, after.line, text)
    yield from _skipped(paired)


def _deleted(paired: Paired, removed_code: frozenset[str]) -> Iterator[Finding]:
    room = _room(paired)
    for test in paired.gone:
        if not test.collected or test.hollow or _absorbed(test, room):
            continue
        gone = sorted(test.names & removed_code)
        if gone:
            text = f"test `{test.name}` is gone, and so is `{gone[0]}`, which it names{told(test)}"
            yield finding("tests-removed-with-code", test.path, 0, text)
        else:
            text = f"test `{test.name}` (line {test.line} on the base) is gone{told(test)}"
            yield finding("tests-deleted", test.path, 0, text)


def _room(paired: Paired) -> dict[str, list[tuple[Test, list[int]]]]:
    """By file: tests that became able to hold others as cases, with how many more cases they have."""
    found: dict[str, list[tuple[Test, list[int]]]] = defaultdict(list)
    for test in paired.new:
        if test.cases is not None and test.cases > 1:
            found[test.path].append((test, [test.cases]))
    for before, after in paired.pairs:
        if before.cases is not None and after.cases is not None and after.cases > before.cases:
            found[after.path].append((after, [after.cases - before.cases]))
    return found


def _absorbed(test: Test, room: dict[str, list[tuple[Test, list[int]]]]) -> bool:
    for other, left in room.get(test.path, [])[:TESTS_COMPARED_MAX]:
        if left[0] > 0 and test.names and len(test.names & other.names) >= ABSORBED_MIN * len(test.names):
            left[0] -= 1
            return True
    return False


def _skipped(paired: Paired) -> Iterator[Finding]:
    """Each new mark once, with how many tests it keeps from counting."""
    marks: dict[tuple[str, int, str], list[Test]] = defaultdict(list)
    shown: dict[tuple[str, int, str], str] = {}
    for before, after in paired.pairs:
        if not before.collected:
            continue
        old = Counter(skip.key for skip in before.skips)
        for skip in after.skips:
            if old[skip.key] > 0:
                old[skip.key] -= 1
            elif not _was_skipped(before, skip.key):
                place = (after.path, skip.line, skip.key)
                marks[place].append(after)
                shown[place] = skip.shown
    for (path, line, key), tests in marks.items():
        names = f"test `{tests[0].name}`" + (f" and {len(tests) - 1} more" if len(tests) > 1 else "")
        how = "are" if len(tests) > 1 else "is"
        text = f"{names} {how} now marked `{shown[(path, line, key)]}`{told(tests[0])}"
        yield finding("tests-skipped", path, line, text)


def _was_skipped(test: Test, key: str) -> bool:
    """Whether the test had the same kind of mark in other words: an edited condition or reason is no new skip."""
    kind = key.partition("(")[0]
    return any(skip.key.partition("(")[0] == kind for skip in test.skips)
