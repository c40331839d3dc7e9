"""What the history says: which files follow which words, which files change together, which change at all.

Rules. A commit is taken in once, in order, and its weight halves with each HALF_LIFE_S of age: weights grow with time
instead of all being made smaller, so that taking in is all there is. Commits of more than MAX_FILES_TOGETHER files say
nothing about files that belong together and are left out. Confidence is smoothed, so that what was seen once is no
certainty. Everything that is read out is bounded: the best TOP of a list, and no list of a word that stands nearly
everywhere. Must not know: git, tasks.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Iterable

from msgspec import Struct

from andon.core.planning.words import words_of

HALF_LIFE_S = 365 * 86_400.0
MAX_FILES_TOGETHER = 30
SMOOTHING = 1.0
"""So many commits without the file are added to what was seen."""
TOP = 32
MAX_SPREAD = 0.15
"""A word in more than this share of all commits says nothing (once there are more than FEW commits)."""
FEW = 50
MAX_LIKE = 60
"""So many of the newest commits with a word are looked at for likeness."""


class Commit(Struct, frozen=True, kw_only=True):
    """One commit of the history. at: seconds since the epoch. files: the paths that it changed."""

    id: str = ""
    at: float
    message: str
    files: tuple[str, ...]


class History:
    """Counts over commits, each taken in by `add`, the oldest first."""

    def __init__(self, commits: Iterable[Commit] = ()) -> None:
        self.commits = 0
        self._start: float | None = None
        self._now = 0.0
        self._seen = 0.0
        self._files: dict[str, float] = {}
        self._together: dict[str, dict[str, float]] = {}
        self._words: dict[str, float] = {}
        self._spread: dict[str, int] = {}
        self._follow: dict[str, dict[str, float]] = {}
        self._told: dict[str, list[int]] = {}
        self._of: list[tuple[tuple[str, ...], int]] = []
        self._near: dict[str, list[tuple[str, float]]] = {}
        self._after: dict[str, list[tuple[str, float]]] = {}
        for commit in commits:
            self.add(commit)

    def add(self, commit: Commit) -> None:
        """Take in one commit. One that is older than its forerunner counts as of the same time."""
        files = tuple(dict.fromkeys(commit.files))
        if not files or len(files) > MAX_FILES_TOGETHER:
            return
        if self._start is None:
            self._start = commit.at
        self._now = max(self._now, commit.at)
        weight = 2.0 ** ((self._now - self._start) / HALF_LIFE_S)
        self.commits += 1
        self._seen += weight
        self._near.clear()
        self._after.clear()
        words = words_of(commit.message)
        place = len(self._of)
        self._of.append((files, len(words)))
        for word in words:
            self._words[word] = self._words.get(word, 0.0) + weight
            self._spread[word] = self._spread.get(word, 0) + 1
            self._told.setdefault(word, []).append(place)
            follow = self._follow.setdefault(word, {})
            for name in files:
                follow[name] = follow.get(name, 0.0) + weight
        for name in files:
            self._files[name] = self._files.get(name, 0.0) + weight
            if len(files) > 1:
                together = self._together.setdefault(name, {})
                for other in files:
                    if other != name:
                        together[other] = together.get(other, 0.0) + weight

    # ------------------------------------------------------------ reading

    @property
    def _unit(self) -> float:
        """The weight of a commit made now."""
        return 2.0 ** ((self._now - self._start) / HALF_LIFE_S) if self._start is not None else 1.0

    def shares(self, names: Iterable[str]) -> list[float]:
        """For each file the share of commits that touched it."""
        base = self._seen + SMOOTHING * self._unit
        return [self._files.get(name, 0.0) / base for name in names]

    def weight_of(self, word: str) -> float:
        """How much a word tells: its inverse document frequency, 0 for unknown words and for those nearly everywhere."""
        spread = self._spread.get(word, 0)
        if not spread or (self.commits > FEW and spread > MAX_SPREAD * self.commits):
            return 0.0
        return math.log((1 + self.commits) / spread)

    def after(self, word: str) -> list[tuple[str, float]]:
        """(file, confidence) of the files that commits with this word touched, the most certain first."""
        found = self._after.get(word)
        if found is None:
            base = self._words.get(word, 0.0) + SMOOTHING * self._unit
            found = self._after[word] = _best(self._follow.get(word, {}), base)
        return found

    def confidence(self, word: str, name: str) -> float:
        """How certain a commit with this word touches the file."""
        follow = self._follow.get(word)
        return follow.get(name, 0.0) / (self._words[word] + SMOOTHING * self._unit) if follow else 0.0

    def near(self, name: str) -> list[tuple[str, float]]:
        """(file, confidence) of the files that changed together with this one, the most certain first."""
        found = self._near.get(name)
        if found is None:
            base = self._files.get(name, 0.0) + SMOOTHING * self._unit
            found = self._near[name] = _best(self._together.get(name, {}), base)
        return found

    def like(self, words: Collection[str], limit: int) -> list[tuple[tuple[str, ...], float]]:
        """(files, likeness) of the commits whose messages are most like these words, the likest first."""
        score: dict[int, float] = {}
        total = 0.0
        for word in words:
            weight = self.weight_of(word)
            total += weight * weight
            if weight:
                for place in self._told[word][-MAX_LIKE:]:
                    score[place] = score.get(place, 0.0) + weight * weight
        if not score:
            return []
        best = heapq.nlargest(limit, [(value, place) for place, value in score.items()])
        # A long message has any word; it is less like than a short one with the same words in common.
        return [(self._of[place][0], value / total / (1.0 + 0.03 * self._of[place][1])) for value, place in best]

    def most_changed(self, limit: int) -> list[str]:
        """The files that changed most, as of now."""
        return heapq.nsmallest(limit, self._files, key=lambda name: (-self._files[name], name))


def _best(counts: dict[str, float], base: float) -> list[tuple[str, float]]:
    found = heapq.nsmallest(TOP, counts.items(), key=lambda item: (-item[1], item[0]))
    return [(name, count / base) for name, count in found]
