"""Which scopes may touch the same path: an index of the scopes under lease, asked for each candidate.

Rules. Two scopes overlap unless it is proven that no path is in both: False is never said of scopes that share a path.
Exclusions count where they provably cover all of the other's pattern (`src/**, !src/gen/**` does not meet `src/gen/**`);
two character classes always meet. A task without a scope overlaps with nothing here: nobody said what it touches, and
to hold it back would let only one such task run at a time.

Quick with hundreds of leases and thousands of candidates: patterns are found by the directories that they begin with
(literal segments), and only those whose directories lie on one line are compared in full; each pair once.
Must not know: leases, tasks, the store.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from andon.core.globs import Pattern, may_meet

Owner = TypeVar("Owner", bound=Hashable)


class Included:
    """One pattern of a scope that takes paths in, with the exclusions behind it. text: the pattern's own."""

    __slots__ = ("covers", "literal", "pattern", "text")

    def __init__(self, text: str, pattern: Pattern, covers: tuple[_Cover, ...]) -> None:
        self.text = text
        self.pattern = pattern
        self.covers = covers
        self.literal = literal_of(pattern)

    def meets(self, other: Included) -> bool:
        """Whether a path may be in both, and excluded by neither."""
        if not may_meet(self.pattern, other.pattern):
            return False
        return not any(x.whole(other) for x in self.covers) and not any(x.whole(self) for x in other.covers)


class _Cover:
    """An exclusion of everything at or below a directory. strict: only below it."""

    __slots__ = ("literal", "strict")

    def __init__(self, literal: tuple[str, ...], strict: bool) -> None:
        self.literal = literal
        self.strict = strict

    def whole(self, other: Included) -> bool:
        """Whether it covers every path of the other pattern."""
        own = self.literal
        if other.literal[: len(own)] != own:
            return False
        return not self.strict or len(other.literal) > len(own) or _goes_below(other.pattern)


def literal_of(pattern: Pattern) -> tuple[str, ...]:
    """The literal segments that the pattern begins with."""
    found: list[str] = []
    for segment in pattern.segments:
        if not isinstance(segment, str):
            break
        found.append(segment)
    return tuple(found)


def _goes_below(pattern: Pattern) -> bool:
    """Whether all of its paths lie strictly below the directory that it begins with."""
    rest = pattern.segments[len(literal_of(pattern)) :]
    return pattern.only_below or any(x is not None for x in rest) or bool(rest and rest[-1] is None)


def _cover_of(pattern: Pattern) -> _Cover | None:
    literal, rest = literal_of(pattern), pattern.segments[len(literal_of(pattern)) :]
    if pattern.never or rest not in ((), (None,)):
        return None
    return _Cover(literal, strict=pattern.only_below or bool(rest))


def compiled(scope: Sequence[str]) -> tuple[Included, ...]:
    """The patterns of a scope that take paths in."""
    patterns = [(text, Pattern(text)) for text in scope]
    if patterns and patterns[0][1].exclude:
        # A list that begins with an exclusion begins with everything.
        patterns.insert(0, ("**", Pattern("**")))
    found = []
    for place, (text, pattern) in enumerate(patterns):
        if pattern.exclude or pattern.never:
            continue
        behind = (_cover_of(x) for _text, x in patterns[place + 1 :] if x.exclude)
        found.append(Included(text, pattern, tuple(x for x in behind if x is not None)))
    return tuple(found)


def overlap(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two scopes may share a path; False when one of them is empty."""
    return any(mine.meets(yours) for mine in compiled(one) for yours in compiled(other))


class Occupied(Generic[Owner]):
    """The scopes of several owners (tasks under lease). MAX_KEPT pairs of patterns are remembered."""

    MAX_KEPT = 100_000

    def __init__(self) -> None:
        self._at: dict[tuple[str, ...], list[tuple[Owner, Included]]] = {}
        """literal beginning -> patterns with exactly this one"""
        self._below: dict[tuple[str, ...], list[tuple[Owner, Included]]] = {}
        """directory -> patterns that begin somewhere below it"""
        self._compiled: dict[tuple[str, ...], tuple[Included, ...]] = {}
        self._met: dict[tuple[int, int], bool] = {}

    def add(self, owner: Owner, scope: Sequence[str]) -> None:
        for item in self._compile(scope):
            self._at.setdefault(item.literal, []).append((owner, item))
            for length in range(len(item.literal)):
                self._below.setdefault(item.literal[:length], []).append((owner, item))

    def first(self, scope: Sequence[str], but: Sequence[Owner] = ()) -> tuple[Owner, str] | None:
        """An owner whose scope overlaps with this one, and the pattern of it that does. but: owners that don't count."""
        for item in self._compile(scope):
            for length in range(len(item.literal) + 1):
                if found := self._meeting(item, self._at.get(item.literal[:length], ()), but):
                    return found
            if found := self._meeting(item, self._below.get(item.literal, ()), but):
                return found
        return None

    def _meeting(
        self, item: Included, others: Sequence[tuple[Owner, Included]], but: Sequence[Owner]
    ) -> tuple[Owner, str] | None:
        for owner, other in others:
            if owner not in but and self._meet(item, other):
                return owner, other.text
        return None

    def _meet(self, one: Included, other: Included) -> bool:
        # The records are kept by `_compiled` as long as this index lives, so their ids name them.
        key = (id(one), id(other))
        known = self._met.get(key)
        if known is None:
            known = one.meets(other)
            if len(self._met) < self.MAX_KEPT:
                self._met[key] = known
        return known

    def _compile(self, scope: Sequence[str]) -> tuple[Included, ...]:
        key = tuple(scope)
        found = self._compiled.get(key)
        if found is None:
            found = self._compiled[key] = compiled(key)
        return found
