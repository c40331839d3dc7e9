"""Which scopes may touch the same path: an index of the scopes under lease, asked for each candidate.

Rules. Two scopes overlap unless it is proven that no path is in both: False is never said of scopes that share a path.
Exclusions count where they provably cover all of the other's pattern (`src/**, !src/gen/**` does not meet `src/gen/**`);
two character classes always meet. A task without a scope overlaps with nothing here: nobody said what it touches, and
to hold it back would let only one such task run at a time.

Quick with hundreds of leases and thousands of candidates: patterns are found by the text that all of their paths begin
with, and only those of which one begins with the other's are compared in full.
Must not know: leases, tasks, the store.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterator, Sequence
from typing import Generic, TypeVar

from andon.core.globs import Pattern, may_meet

Owner = TypeVar("Owner", bound=Hashable)


class Included:
    """One pattern of a scope that takes paths in, with the exclusions behind it. text: the pattern's own."""

    __slots__ = ("covers", "literal", "pattern", "stem", "text")

    def __init__(self, text: str, pattern: Pattern, covers: tuple[_Cover, ...]) -> None:
        self.text = text
        self.pattern = pattern
        self.covers = covers
        self.literal = literal_of(pattern)
        self.stem = stem_of(pattern)

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


def stem_of(pattern: Pattern) -> str:
    """What every path of a pattern begins with, as text: its literal segments, and the next one up to its first wildcard."""
    literal = literal_of(pattern)
    rest = pattern.segments[len(literal) :]
    stem = "/".join(literal)
    if not rest or rest[0] is None:
        return stem
    letters = []
    for token in rest[0]:
        if not isinstance(token, str):
            break
        letters.append(token)
    return f"{stem}/{''.join(letters)}" if literal else "".join(letters)


class Occupied(Generic[Owner]):
    """The scopes of several owners (tasks under lease). Ask when all are added."""

    def __init__(self) -> None:
        self._at: dict[str, list[tuple[Owner, Included]]] = {}
        """stem -> patterns with exactly this one"""
        self._stems: list[str] | None = None
        self._lengths: list[int] = []
        self._compiled: dict[tuple[str, ...], tuple[Included, ...]] = {}
        self._free: dict[tuple[str, ...], bool] = {}
        """scope -> whether it overlaps with nobody's"""

    def add(self, owner: Owner, scope: Sequence[str]) -> None:
        for item in self._compile(scope):
            self._at.setdefault(item.stem, []).append((owner, item))
        self._stems = None
        self._free.clear()

    def first(self, scope: Sequence[str], but: Sequence[Owner] = ()) -> tuple[Owner, str] | None:
        """An owner whose scope overlaps with this one, and the pattern of it that does. but: owners that don't count."""
        key = tuple(scope)
        free = self._free.get(key)
        if free is None:
            free = self._free[key] = self._first(key, ()) is None
        return None if free else self._first(key, but)

    def _first(self, scope: tuple[str, ...], but: Sequence[Owner]) -> tuple[Owner, str] | None:
        for item in self._compile(scope):
            for stem in self._on_line(item.stem):
                for owner, other in self._at[stem]:
                    if owner not in but and item.meets(other):
                        return owner, other.text
        return None

    def _on_line(self, stem: str) -> Iterator[str]:
        """The stems that this one begins with, and those that begin with it: no other pattern can share a path."""
        if self._stems is None:
            self._stems = sorted(self._at)
            self._lengths = sorted({len(x) for x in self._stems})
        for length in self._lengths:
            if length > len(stem):
                break
            if stem[:length] in self._at:
                yield stem[:length]
        place = bisect_right(self._stems, stem)
        while place < len(self._stems) and self._stems[place].startswith(stem):
            yield self._stems[place]
            place += 1

    def _compile(self, scope: Sequence[str]) -> tuple[Included, ...]:
        key = tuple(scope)
        found = self._compiled.get(key)
        if found is None:
            found = self._compiled[key] = compiled(key)
        return found
