"""Rules about what existing tests assert: removed, weakened, made empty, or expecting something else.

Equal assertions are set aside first. Of the others those that share an operand are compared; what is then left over is
compared by number and strength. Must not know how assertions are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from andon.core.verdict import Finding
from andon.suspicion.pairing import Paired
from andon.suspicion.records import FACTS_COMPARED_MAX, Fact, Test, finding
from andon.suspicion.tests_rules import told

STRENGTH = {
    "==": 5, "is": 5, "called with": 5, "equals": 5, "fails": 5, "raises": 5, "same items": 4, "~=": 4, "checked by": 4,
    "called once": 3, "matches": 3, "asserts": 3, "in": 2, "not in": 2, "<": 2, "<=": 2, ">": 2, ">=": 2, "isinstance": 2,
    "not": 4, "true": 1, "holds": 1, "!=": 1, "is not": 1, "not isinstance": 1, "called": 1, "nothing": 0,
}  # fmt: skip
OPPOSITE = {"not": "true", "true": "not", "is": "is not", "is not": "is", "in": "not in", "not in": "in"}
EXACT_MIN = 4
"""Strength from which an assertion pins a value."""
ANY_ERROR = frozenset({"Exception", "BaseException"})


def judge(paired: Paired, *, code_changed: bool) -> Iterator[Finding]:
    """code_changed: whether the change touches code outside of tests."""
    for before, after in paired.pairs:
        if before.body == after.body and before.path == after.path:
            continue
        if after.collected or not before.collected:
            yield from compare(before, after, code_changed=code_changed)
        for name, line in after.mocked.items():
            if name not in before.mocked and name in before.names:
                text = f"test `{after.name}` now replaces `{name}`, which it calls itself"
                yield finding("subject-mocked", after.path, line, text)
    for test in paired.new:
        # A new test of equality compares a thing with itself for a reason.
        if (
            test.collected
            and test.facts
            and all(fact.never and (fact.op != "==" or test.by_pattern) for fact in test.facts)
        ):
            fact = test.facts[0]
            text = f"new test `{test.name}` asserts only what can't fail: `{fact.shown}`{told(test)}"
            yield finding("assertions-empty", test.path, fact.line, text)


def compare(before: Test, after: Test, *, code_changed: bool) -> Iterator[Finding]:
    """Findings about one test that was edited."""
    if after.hollow and not before.hollow:
        return
    gone, added = _difference(before.facts, after.facts)
    yield from _guarded(before, after)
    used: set[int] = set()
    left: list[Fact] = []
    near = added[:FACTS_COMPARED_MAX]
    for number, fact in enumerate(gone):
        other = _partner(fact, near, used) if number < FACTS_COMPARED_MAX else None
        if other is None:
            left.append(fact)
            continue
        used.add(id(other))
        yield from _pair(fact, other, before, after, code_changed=code_changed)
    spare = [fact for fact in added if id(fact) not in used and not _empty(fact)]
    wholes = (*near, *after.facts[:FACTS_COMPARED_MAX])
    left = [fact for number, fact in enumerate(left) if number >= FACTS_COMPARED_MAX or not _held(fact, wholes)]
    yield from _left_over(left, spare, before, after)
    yield from _emptied([fact for fact in added if id(fact) not in used], after)


def _difference(before: Sequence[Fact], after: Sequence[Fact]) -> tuple[list[Fact], list[Fact]]:
    """What only one side asserts. What could never fail on the base is nothing to lose."""
    old, new = Counter(fact.key for fact in before), Counter(fact.key for fact in after)
    gone, added = old - new, new - old
    return _take(gone, [fact for fact in before if not fact.never]), _take(added, after)


def _take(counts: Counter[str], facts: Sequence[Fact]) -> list[Fact]:
    counts = Counter(counts)
    found = []
    for fact in facts:
        if counts[fact.key] > 0:
            counts[fact.key] -= 1
            found.append(fact)
    return found


def _empty(fact: Fact) -> bool:
    return bool(fact.never) and fact.op in ("nothing", "==", "is")


def _guarded(before: Test, after: Test) -> Iterator[Finding]:
    """Assertions that stayed, but behind something."""
    old: dict[str, frozenset[str]] = {}
    for fact in before.facts:
        old[fact.key] = fact.guards | old.get(fact.key, frozenset())
    told_of: set[str] = set()
    for fact in after.facts:
        for guard in sorted(fact.guards - old.get(fact.key, fact.guards)):
            if guard not in told_of:
                told_of.add(guard)
                text = f"`{fact.shown}` in test `{after.name}` no longer counts as before: {guard}"
                yield finding("assertions-weakened", after.path, fact.line, text)


def _partner(fact: Fact, added: Sequence[Fact], used: set[int]) -> Fact | None:
    """The new assertion about the same thing: the same operand first, then one that speaks of it inside another."""
    free = [other for other in added if id(other) not in used]
    if fact.op == "raises":
        return next((other for other in free if other.op == "raises"), None)
    same = [other for other in free if other.left == fact.left and other.op == fact.op]
    same = same or [other for other in free if other.left == fact.left]
    if not same:
        names = {text for text in (fact.left, fact.right) if text and not _literal(text)}
        same = [other for other in free if names & {other.left, other.right}]
    return same[0] if same else None


def _literal(text: str) -> bool:
    return text[:1] in "'\"[{(-0123456789" or text in ("None", "True", "False", "...") or text[:2] in ("b'", 'b"')


def _pair(fact: Fact, other: Fact, before: Test, after: Test, *, code_changed: bool) -> Iterator[Finding]:
    where = f"in test `{after.name}`: `{fact.shown}`"
    if other.never:
        text = f"{where} became `{other.shown}`: {other.never}{told(after)}"
        yield finding("assertions-weakened", after.path, other.line, text)
    elif fact.op == other.op == "raises":
        yield from _raises(fact, other, after)
    elif other.op == OPPOSITE.get(fact.op):
        # The contrary is as strict; it is another expectation.
        if code_changed:
            text = f"{where} became `{other.shown}` while the code changed{told(after)}"
            yield finding("expectations-changed", after.path, other.line, text)
    elif STRENGTH.get(other.op, 1) < STRENGTH.get(fact.op, 1):
        if other.guards - fact.guards:
            where += " (now under a condition)"
        text = f"{where} became `{other.shown}`{told(after)}"
        yield finding("assertions-weakened", after.path, other.line, text)
    elif fact.op == other.op == "~=" and other.slack > fact.slack:
        text = f"{where} is now held to {other.slack:g} instead of {fact.slack:g}"
        yield finding("assertions-weakened", after.path, other.line, text)
    elif (
        code_changed
        and fact.left == other.left
        and fact.key != other.key
        and min(STRENGTH.get(fact.op, 1), STRENGTH.get(other.op, 1)) >= EXACT_MIN
    ):
        text = f"{where} became `{other.shown}` while the code changed{told(after)}"
        yield finding("expectations-changed", after.path, other.line, text)


def _raises(fact: Fact, other: Fact, after: Test) -> Iterator[Finding]:
    wider = other.left in ANY_ERROR and fact.left not in ANY_ERROR
    longer = other.left.startswith("(") and fact.left in other.left and fact.left != other.left
    if wider or longer:
        text = f"in test `{after.name}`: `{fact.shown}` was widened to `{other.shown}`"
    elif fact.right and not other.right:
        text = f"in test `{after.name}`: `{fact.shown}` no longer looks at the message"
    else:
        return
    yield finding("assertions-weakened", after.path, other.line, text)


def _held(fact: Fact, others: Sequence[Fact]) -> bool:
    """Whether a whole is now compared of which this was a part: `x.a == 1` in `x == X(1)`."""
    return any(
        other.op in ("==", "checked by")
        and other.left
        and not _literal(other.left)
        and other.left != fact.left
        and fact.left.startswith((other.left + ".", other.left + "["))
        for other in others
    )


def _left_over(left: Sequence[Fact], spare: Sequence[Fact], before: Test, after: Test) -> Iterator[Finding]:
    """Assertions without a counterpart: fewer of them, or none that pins a value any more."""
    if not left:
        return
    weight_before = sum(fact.weight for fact in before.facts if not _empty(fact))
    weight_after = sum(fact.weight for fact in after.facts if not _empty(fact))
    missing = weight_before - weight_after
    if missing > 0:
        more = f" and {missing - 1} more" if missing > 1 else ""
        text = f"test `{after.name}` no longer asserts `{left[0].shown}`{more}{told(after)}"
        yield finding("assertions-removed", after.path, after.line, text)
        return
    strongest = max((STRENGTH.get(fact.op, 1) for fact in spare), default=0)
    lost = [fact for fact in left if STRENGTH.get(fact.op, 1) >= EXACT_MIN]
    if lost and spare and strongest < EXACT_MIN - 1:
        text = f"in test `{after.name}`: `{lost[0].shown}` gave way to `{spare[0].shown}`{told(after)}"
        yield finding("assertions-weakened", after.path, spare[0].line, text)


def _emptied(added: Sequence[Fact], after: Test) -> Iterator[Finding]:
    for fact in added:
        if fact.never and (fact.op == "nothing" or after.by_pattern):
            text = f"`{fact.shown}` in test `{after.name}` can't fail: {fact.never}{told(after)}"
            yield finding("assertions-empty", after.path, fact.line, text)
