"""Predicting the files that a task will touch, each with a score and a reason.

Evidence about a file is gathered from what the text names, from past commits with the same words or like messages, from files
that changed together with those, and from imports; a logistic function makes one probability of it. The weights come from a
fit on real histories, see docs/discussion/planning.md; `benchmarks/planning.py` makes the fit and measures it.
Rules: bounded candidates, bounded predictions; only files of the tree; the same input gives the same order.
Must not know: tasks' states, waves.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from andon.core.planning.history import History
from andon.core.planning.mentions import named_in
from andon.core.planning.tree import Tree
from andon.core.planning.words import words_of

CUT = 0.12
"""A file is predicted when it is at least this likely to be touched."""
MAX_PREDICTED = 20
MAX_CANDIDATES = 400
MAX_SEEDS = 6
MAX_LIKE_COMMITS = 12
MAX_COMPANIONS = 20
MIN_SEED = 0.05

FEATURES = ("follows", "like", "together", "share", "most_follows", "best_path")
"""follows: commits with the task's words. like: commits with a like message. together: with likely files. share: of all
commits. most_follows, best_path: as a share of the task's best file."""
FOLLOWS, LIKE, TOGETHER, SHARE, MOST_FOLLOWS, BEST_PATH = range(len(FEATURES))
BIAS = -5.9
WEIGHTS = (3.1, 0.6, 1.1, 3.7, 1.3, 1.8)
SURE_NAMED = 0.85
"""How often a file is touched whose path a text names whole."""
SURE_IMPORTED = 0.15


class Predicted(Struct, frozen=True, kw_only=True):
    """A file that a task will probably touch. score: how likely, up to 1. reason: in a few words."""

    path: str
    score: float
    reason: str


class Evidence:
    """The features of each candidate file, how surely it is named, and what speaks for it in words."""

    __slots__ = ("features", "named", "words")

    def __init__(self) -> None:
        self.features: dict[str, list[float]] = {}
        self.named: dict[str, float] = {}
        self.words: dict[str, str] = {}

    def put(self, path: str, feature: int, value: float, reason: str = "") -> None:
        """Keep the greater value; the reason is that of the first feature that speaks for the file."""
        row = self.features.get(path)
        if row is None:
            row = self.features[path] = [0.0] * len(FEATURES)
        if value > row[feature]:
            row[feature] = value
            if reason:
                self.words.setdefault(path, reason)

    def name(self, path: str, sure: float, reason: str) -> None:
        """The text names the file, or leads to it."""
        self.put(path, BEST_PATH, 0.0)
        if sure > self.named.get(path, 0.0):
            self.named[path] = sure
            self.words[path] = reason

    def score(self, path: str) -> float:
        """The probability that the file is touched: it is named, or the rest speaks for it."""
        total = BIAS
        for weight, value in zip(WEIGHTS, self.features[path], strict=True):
            if value:
                total += weight * math.sqrt(value)
        return 1.0 - (1.0 - self.named.get(path, 0.0)) * (1.0 - 1.0 / (1.0 + math.exp(-total)))


def gather(text: str, tree: Tree, history: History, imports: Mapping[str, Sequence[str]] | None = None) -> Evidence:
    """All that speaks for files of the tree. imports: what files import that a text may name, as far as it was read."""
    evidence = Evidence()
    named = named_in(text, tree)
    for path, strength in named.strengths.items():
        evidence.name(path, strength * SURE_NAMED, named.reasons[path])
    for path, strength in named.strengths.items():
        for other in (imports or {}).get(path, ()):
            evidence.name(other, strength * SURE_IMPORTED, f"{path} imports it")
    words = words_of(text)
    _from_words(words, tree, history, evidence)
    _from_paths(words, tree, evidence)
    strengths = named.strengths
    likely = ((min(1.0, strengths.get(x, 0.0) + row[FOLLOWS] + row[LIKE]), x) for x, row in evidence.features.items())
    _from_companions(heapq.nlargest(MAX_SEEDS, likely), tree, history, evidence)
    best = max((row[FOLLOWS] for row in evidence.features.values()), default=0.0) or 1.0
    for path, row in evidence.features.items():
        row[SHARE], row[MOST_FOLLOWS] = history.share(path), row[FOLLOWS] / best
    return evidence


def _from_words(words: list[str], tree: Tree, history: History, evidence: Evidence) -> None:
    weights = {word: weight for word in words if (weight := history.weight_of(word)) > 0.0}
    total = sum(weights.values())
    if not total:
        return
    sums: dict[str, float] = {}
    best: dict[str, tuple[float, str]] = {}
    for word, weight in weights.items():
        for path, confidence in history.after(word):
            value = weight * confidence
            sums[path] = sums.get(path, 0.0) + value
            if value > best.get(path, (0.0, ""))[0]:
                best[path] = (value, word)
    top = heapq.nlargest(MAX_CANDIDATES, sums.items(), key=lambda item: (item[1], item[0]))
    for path, value in top:
        if path in tree.known:
            evidence.put(path, FOLLOWS, value / total, f"commits that speak of “{best[path][1]}” changed it")
    likeness: dict[str, float] = {}
    for files, value in history.like(weights, MAX_LIKE_COMMITS):
        for path in files:
            likeness[path] = 1.0 - (1.0 - likeness.get(path, 0.0)) * (1.0 - min(0.95, value))
    for path, value in likeness.items():
        if path in tree.known:
            evidence.put(path, LIKE, value, "commits with a like message changed it")


def _from_paths(words: list[str], tree: Tree, evidence: Evidence) -> None:
    sums: dict[str, float] = {}
    for word in words:
        paths, weight = tree.word(word)
        for path in paths:
            sums[path] = sums.get(path, 0.0) + weight
    top = heapq.nlargest(MAX_CANDIDATES // 4, sums.items(), key=lambda item: (item[1], item[0]))
    for path, value in top:
        evidence.put(path, BEST_PATH, value / top[0][1], "its path has the task's words")


def _from_companions(seeds: list[tuple[float, str]], tree: Tree, history: History, evidence: Evidence) -> None:
    for strength, seed in seeds:
        for path, confidence in history.near(seed)[:MAX_COMPANIONS] if strength > MIN_SEED else ():
            if path in tree.known and confidence > MIN_SEED:
                evidence.put(path, TOGETHER, strength * confidence, f"changes together with {seed}")


def predict(
    text: str, tree: Tree, history: History, imports: Mapping[str, Sequence[str]] | None = None, cut: float = CUT
) -> tuple[Predicted, ...]:
    """The files that a task with this text will touch, the likeliest first."""
    evidence = gather(text, tree, history, imports)
    scored = [(score, path) for path in evidence.features if (score := evidence.score(path)) >= cut]
    scored.sort(key=lambda item: (-item[0], item[1]))
    return tuple(
        Predicted(path=path, score=round(score, 3), reason=evidence.words.get(path, "it changes often"))
        for score, path in scored[:MAX_PREDICTED]
    )
