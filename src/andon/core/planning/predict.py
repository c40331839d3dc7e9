"""Predicting the files that a task will touch, each with a score and a reason.

Evidence about a file is gathered from what the text names, from past commits with the same words or like messages, from files
that changed together with those, from the names that files define, and from imports; a logistic function makes one
probability of it. The weights come from a fit on real histories, see docs/discussion/planning.md; `benchmarks/planning.py`
makes the fit and measures it.
Rules: bounded candidates, bounded predictions; only files of the tree; the same input gives the same order.
Must not know: tasks' states, waves.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from andon.core.planning.definitions import Definitions
from andon.core.planning.history import History
from andon.core.planning.mentions import named_in
from andon.core.planning.tree import Tree
from andon.core.planning.words import words_of

CUT = 0.12
"""A file is predicted when it is at least this likely to be touched."""
MAX_PREDICTED = 20
MAX_CANDIDATES = 60
"""So many files are looked at for the words of past messages, and a third as many for the words of paths."""
MAX_SEEDS = 6
MAX_LIKE_COMMITS = 12
MAX_COMPANIONS = 12
MIN_SEED = 0.05
YOUNG_COMMITS = 20
"""The words of so many commits are half believed: where each was used once, every word would be a sure sign."""

FEATURES = ("follows", "like", "together", "share", "most_follows", "best_path", "best_names")
"""follows: commits with the task's words. like: commits with a like message. together: with likely files. share: of all
commits. most_follows, best_path, best_names (of words of paths, of words of defined names): as a share of the task's best."""
FOLLOWS, LIKE, TOGETHER, SHARE, MOST_FOLLOWS, BEST_PATH, BEST_NAMES = range(len(FEATURES))
BIAS = -5.9
WEIGHTS = (3.1, 0.6, 1.1, 3.7, 1.3, 1.8, 1.1)
SURE_NAMED = 0.85
"""How often a file is touched whose path a text names whole."""
SURE_IMPORTED = 0.15
SURE_DEFINED = 0.6
"""How often the one file is touched that defines what a text calls by a name that can be but a name."""
SURE_WORD_DEFINED = 0.08
"""The same of a word that somebody took for a name."""


_FOLLOWS, _LIKE, _TOGETHER, _SHARE, _MOST_FOLLOWS, _BEST_PATH, _BEST_NAMES = WEIGHTS
_sqrt, _exp = math.sqrt, math.exp


class Predicted(Struct, frozen=True, kw_only=True):
    """A file that a task will probably touch. score: how likely, up to 1. reason: in a few words."""

    path: str
    score: float
    reason: str


class Evidence:
    """The features of each candidate file, how surely it is named, and what is needed to say why."""

    __slots__ = ("beside", "features", "named", "names", "words")

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.features: dict[str, list[float]] = {}
        self.named: dict[str, float] = {}
        self.names: dict[str, str] = {}
        """why a file counts as named"""
        self.beside: dict[str, str] = {}
        """the likely file that a file changes together with"""

    def row(self, path: str) -> list[float]:
        found = self.features.get(path)
        if found is None:
            found = self.features[path] = [0.0] * len(FEATURES)
        return found

    def name(self, path: str, sure: float, reason: str) -> None:
        """The text names the file, or leads to it."""
        self.row(path)
        if sure > self.named.get(path, 0.0):
            self.named[path], self.names[path] = sure, reason

    def score(self, path: str) -> float:
        """The probability that the file is touched: it is named, or the rest speaks for it."""
        # This is asked of every candidate of every task: a loop over the features would take three times as long.
        follows, like, together, share, most_follows, best_path, best_names = self.features[path]
        total = (
            BIAS
            + _FOLLOWS * _sqrt(follows)
            + _LIKE * _sqrt(like)
            + _TOGETHER * _sqrt(together)
            + _SHARE * _sqrt(share)
            + _MOST_FOLLOWS * _sqrt(most_follows)
            + _BEST_PATH * _sqrt(best_path)
            + _BEST_NAMES * _sqrt(best_names)
        )
        return 1.0 - (1.0 - self.named.get(path, 0.0)) / (1.0 + _exp(total))

    def reason(self, path: str, history: History) -> str:
        """What speaks most for the file."""
        if path in self.names:
            return self.names[path]
        row = self.features[path]
        told = [weight * _sqrt(value) for weight, value in zip(WEIGHTS, row, strict=True)]
        told[FOLLOWS] += told[MOST_FOLLOWS]
        told[MOST_FOLLOWS] = 0.0
        most = told.index(max(told))
        if most == FOLLOWS:
            said = ((history.weight_of(word) * history.confidence(word, path), word) for word in self.words)
            return f"commits that speak of “{max(said)[1]}” changed it"
        if most == TOGETHER:
            return f"changes together with {self.beside[path]}"
        return {
            LIKE: "commits with a like message changed it",
            SHARE: "it changes often",
            BEST_NAMES: "names that it defines have the task's words",
        }.get(most, "its path has the task's words")


def gather(
    text: str,
    tree: Tree,
    history: History,
    imports: Mapping[str, Sequence[str]] | None = None,
    definitions: Definitions | None = None,
) -> Evidence:
    """All that speaks for files of the tree. imports: what files import that a text may name, as far as it was read.

    definitions: what the tree's files define, as far as it was read.
    """
    evidence = Evidence(words_of(text))
    named = named_in(text, tree)
    sure = named.strengths
    for path, strength in sure.items():
        evidence.name(path, strength * SURE_NAMED, named.reasons[path])
        for other in (imports or {}).get(path, ()):
            evidence.name(other, strength * SURE_IMPORTED, f"{path} imports it")
    _from_words(tree, history, evidence)
    _from_paths(tree, evidence)
    if definitions is not None and definitions.files:
        _from_definitions(text, definitions, evidence, sure)
    features = evidence.features
    likely = [(min(1.0, sure.get(path, 0.0) + row[FOLLOWS] + row[LIKE]), path) for path, row in features.items()]
    _from_companions(heapq.nlargest(MAX_SEEDS, likely), tree, history, evidence)
    best = max((row[FOLLOWS] for row in features.values()), default=0.0) or 1.0
    for row, share in zip(features.values(), history.shares(features), strict=True):
        row[SHARE], row[MOST_FOLLOWS] = share, row[FOLLOWS] / best
    believed = history.commits / (history.commits + YOUNG_COMMITS)
    for row in features.values():
        for feature in (FOLLOWS, LIKE, SHARE, MOST_FOLLOWS):
            row[feature] *= believed
    return evidence


def _from_words(tree: Tree, history: History, evidence: Evidence) -> None:
    weights = {word: weight for word in evidence.words if (weight := history.weight_of(word)) > 0.0}
    total = sum(weights.values())
    if not total:
        return
    known, row_of = tree.known, evidence.row
    sums: dict[str, float] = {}
    for word, weight in weights.items():
        for path, confidence in history.after(word):
            sums[path] = sums.get(path, 0.0) + weight * confidence
    for value, path in sorted([(value, path) for path, value in sums.items()], reverse=True)[:MAX_CANDIDATES]:
        if path in known:
            row_of(path)[FOLLOWS] = value / total
    unlike: dict[str, float] = {}
    for files, value in history.like(weights, MAX_LIKE_COMMITS):
        for path in files:
            unlike[path] = unlike.get(path, 1.0) * (1.0 - min(0.95, value))
    for path, value in unlike.items():
        if path in known:
            row_of(path)[LIKE] = 1.0 - value


def _from_paths(tree: Tree, evidence: Evidence) -> None:
    sums: dict[str, float] = {}
    for word in evidence.words:
        paths, weight = tree.word(word)
        # The last come first: where many are alike, `src` and `tests` are likelier than what stands before them.
        if not sums:
            sums = dict.fromkeys(reversed(paths), weight)
            continue
        for path in reversed(paths):
            sums[path] = sums.get(path, 0.0) + weight
    top = sorted(sums, key=sums.__getitem__, reverse=True)[: MAX_CANDIDATES // 3]
    for path in top:
        evidence.row(path)[BEST_PATH] = sums[path] / sums[top[0]]


def _from_definitions(text: str, definitions: Definitions, evidence: Evidence, sure: dict[str, float]) -> None:
    for path, (name, count, can_be_but_a_name) in definitions.named_in(text).items():
        chance = SURE_DEFINED if can_be_but_a_name else SURE_WORD_DEFINED
        chance /= _sqrt(count)
        evidence.name(path, chance, f"defines {name}")
        sure[path] = max(chance, sure.get(path, 0.0))
    sums: dict[str, float] = {}
    for word in evidence.words:
        told = definitions.word(word)
        if not sums:
            sums = dict(told)
            continue
        for path, value in told:
            sums[path] = sums.get(path, 0.0) + value
    top = sorted(sums, key=sums.__getitem__, reverse=True)[: MAX_CANDIDATES // 3]
    for path in top:
        evidence.row(path)[BEST_NAMES] = sums[path] / sums[top[0]]


def _from_companions(seeds: list[tuple[float, str]], tree: Tree, history: History, evidence: Evidence) -> None:
    for strength, seed in seeds:
        for path, confidence in history.near(seed)[:MAX_COMPANIONS]:
            value = strength * confidence
            if value < MIN_SEED:
                break
            if path in tree.known:
                row = evidence.row(path)
                if value > row[TOGETHER]:
                    row[TOGETHER] = value
                    evidence.beside[path] = seed


def predict(
    text: str,
    tree: Tree,
    history: History,
    imports: Mapping[str, Sequence[str]] | None = None,
    definitions: Definitions | None = None,
    cut: float = CUT,
) -> tuple[Predicted, ...]:
    """The files that a task with this text will touch, the likeliest first."""
    evidence = gather(text, tree, history, imports, definitions)
    scored = [(score, path) for path in evidence.features if (score := evidence.score(path)) >= cut]
    scored.sort(key=lambda item: (-item[0], item[1]))
    return tuple(
        Predicted(path=path, score=round(score, 3), reason=evidence.reason(path, history))
        for score, path in scored[:MAX_PREDICTED]
    )
