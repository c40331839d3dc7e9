"""Which test of the base is which test of the change: by place and name, by body, by name alone, by likeness.

A test that was moved or renamed keeps its pair, so that only what is really gone counts as deleted. Must not know rules.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from andon.suspicion.records import TESTS_COMPARED_MAX, Test

LIKENESS_MIN = 0.5
"""Share of equal statements from which a test in the same file is the same one under another name."""


class Paired(Struct, frozen=True, kw_only=True):
    """pairs: (before, after). gone: before only. new: after only."""

    pairs: tuple[tuple[Test, Test], ...]
    gone: tuple[Test, ...]
    new: tuple[Test, ...]


def pair(before: Iterable[Test], after: Iterable[Test]) -> Paired:
    """Pair the tests of all changed files."""
    pairs: list[tuple[Test, Test]] = []
    left, right = list(before), list(after)
    keys: tuple[Callable[[Test], object], ...] = (
        lambda test: (test.path, test.name),
        lambda test: (test.body, test.collected) if test.body and not test.hollow else None,
        lambda test: test.body if test.body and not test.hollow else None,
        lambda test: (test.name, test.collected),
        lambda test: (test.name.rpartition(".")[2], test.collected),
    )
    for key in keys:
        left, right = _by(key, left, right, pairs)
    left, right = _by_likeness(left, right, pairs)
    return Paired(pairs=tuple(pairs), gone=tuple(left), new=tuple(right))


def _by(
    key: Callable[[Test], object], left: list[Test], right: list[Test], pairs: list[tuple[Test, Test]]
) -> tuple[list[Test], list[Test]]:
    waiting: dict[object, list[Test]] = defaultdict(list)
    for test in right:
        waiting[key(test)].append(test)
    taken: set[int] = set()
    rest: list[Test] = []
    for test in left:
        value = key(test)
        found = waiting.get(value) if value is not None else None
        if found:
            other = found.pop(0)
            taken.add(id(other))
            pairs.append((test, other))
        else:
            rest.append(test)
    return rest, [test for test in right if id(test) not in taken]


def _by_likeness(
    left: Sequence[Test], right: Sequence[Test], pairs: list[tuple[Test, Test]]
) -> tuple[list[Test], list[Test]]:
    by_path: dict[str, list[Test]] = defaultdict(list)
    for test in right:
        by_path[test.path].append(test)
    taken: set[int] = set()
    rest: list[Test] = []
    tried: Counter[str] = Counter()
    for test in left:
        tried[test.path] += 1
        if tried[test.path] > TESTS_COMPARED_MAX:
            rest.append(test)
            continue
        candidates = [other for other in by_path[test.path][:TESTS_COMPARED_MAX] if id(other) not in taken]
        best = max(candidates, key=lambda other: likeness(test, other), default=None)
        if best is not None and likeness(test, best) >= LIKENESS_MIN:
            taken.add(id(best))
            pairs.append((test, best))
        else:
            rest.append(test)
    return rest, [test for test in right if id(test) not in taken]


def likeness(one: Test, other: Test) -> float:
    """Share of the statements that both have, 0.0 to 1.0."""
    if not one.parts or not other.parts:
        return 0.0
    return len(one.parts & other.parts) / max(len(one.parts), len(other.parts))
