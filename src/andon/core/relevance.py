"""Which learnings a step is given: relevance = text x scope x usefulness x age, within a budget of tokens.

Theory of operation. The text's part is its BM25 score relative to the best one, weighed by how much of the learning is about
this. The scope's part says how near the place is. Usefulness compares how often a first advance was green for steps of
the same kind that were given a learning with steps from which it was withheld, both as means of Beta posteriors (a few
results move it little). Age halves the rest every half-life since somebody last said that it holds. Of two that contradict only
the stronger is told, with a note. All of it is a pure function of what is handed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from andon.core import globs
from andon.core import learning as k
from andon.core.digests import sha256
from andon.core.words import shared, words_of

DAY_S = 86_400.0
HALF_LIFE_DAYS = 90.0
LEAST = 0.05
"""Below this relevance nothing is told."""
PRIOR = 2.0
"""Green and red first advances that are assumed before anything was measured, each."""
USEFUL_BOUNDS = (0.25, 2.0)
ACCEPTED = 1.25
"""How much more an accepted learning counts than an unreviewed one."""
MANY_MEASURED = 8
CHARS_PER_TOKEN = 4
OVERHEAD_CHARS = 120
"""Of one learning: who found it, where and when."""

_NEAR = {k.PATH: 1.0, k.LABEL: 0.8, k.REPO: 0.5, k.WORKSPACE: 0.4}
_ALONE = {k.PATH: 0.4, k.LABEL: 0.3, k.REPO: 0.0, k.WORKSPACE: 0.0}
"""The text's part of a learning whose words have nothing to do with the task: files and labels speak for themselves."""
_NOWHERE = 0.3
"""How near a path's scope is to work of which no path is known."""


class Place(Struct, frozen=True, kw_only=True):
    """What is asked for. paths: globs or files that the work touches. words: of the task. workflow, step: where it is done."""

    repository: str
    paths: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    workflow: str = ""
    step: str = ""


class Uses(Struct, frozen=True, kw_only=True):
    """How first advances went. given, passed: with it; held, held_passed: where it was withheld; *_advances: up to green."""

    given: int = 0
    passed: int = 0
    held: int = 0
    held_passed: int = 0
    given_advances: int = 0
    held_advances: int = 0

    @property
    def lift(self) -> float:
        """Green first advances with it against without it: a ratio of posterior means, bounded; 1: no difference known."""
        with_it = (self.passed + PRIOR) / (self.given + 2 * PRIOR)
        without = (self.held_passed + PRIOR) / (self.held + 2 * PRIOR)
        low, high = USEFUL_BOUNDS
        return min(high, max(low, with_it / without))

    @property
    def useless(self) -> bool:
        """Given often enough to tell, and no better than without it."""
        return self.given >= MANY_MEASURED and self.held >= MANY_MEASURED // 2 and self.lift <= 1.0


class Chosen(Struct, frozen=True, kw_only=True):
    """A learning that is told. score: its relevance, why: its parts. against: contradicting ones that are not told."""

    learning: k.Learning
    score: float
    why: dict[str, float]
    against: tuple[str, ...] = ()


def nearness(learning: k.Learning, place: Place) -> tuple[float, str]:
    """How near the place is, 0 to 1, and the kind of the scope that says so."""
    best, kind = 0.0, ""
    here = not learning.repository or learning.repository == place.repository
    for scope in learning.scopes:
        found = k.scope_kind(scope)
        value = k.scope_value(scope)
        holds = {
            k.PATH: here and touches(value, place.paths) if found == k.PATH else False,
            k.LABEL: value in place.labels,
            k.REPO: here,
            k.WORKSPACE: True,
        }.get(found, False)
        if holds and _NEAR[found] > best:
            best, kind = _NEAR[found], found
        elif found == k.PATH and here and not place.paths and best < _NOWHERE:
            # Nobody knows yet which files the work touches: the words alone must say that it is about this.
            best, kind = _NOWHERE, k.REPO
    return best, kind


def touches(glob: str, paths: Sequence[str]) -> bool:
    """Whether a glob and one of some paths (which may be globs, too) can mean the same file."""
    return bool(paths) and globs.overlaps((glob,), paths)


def age_factor(learning: k.Learning, now: float, half_life_days: float) -> float:
    days = max(0.0, now - learning.confirmed_at) / DAY_S
    return float(0.5 ** (days / half_life_days)) if half_life_days > 0 else 1.0


def rank(
    learnings: Sequence[k.Learning],
    scores: Mapping[str, float],
    uses: Mapping[str, Uses],
    place: Place,
    now: float,
    half_life_days: float = HALF_LIFE_DAYS,
) -> list[Chosen]:
    """The relevant ones, best first. learnings: all active ones. scores: what full-text search gave. Contradicted: only one."""
    best = max(scores.values(), default=0.0)
    by_id = {x.id: x for x in learnings if x.status == k.ACTIVE}
    against = k.opponents(by_id.values())
    found: list[Chosen] = []
    for learning in by_id.values():
        others = against.get(learning.id, ())
        if any(k.stronger(learning, by_id[name]) is not learning for name in others):
            continue
        near, kind = nearness(learning, place)
        if not near:
            continue
        text = 0.0
        if best > 0 and learning.id in scores:
            text = scores[learning.id] / best * (0.3 + 0.7 * shared(place.words, words_of(learning.text)))
        why = {
            "text": max(text, _ALONE[kind]),
            "scope": near,
            "usefulness": uses.get(learning.id, Uses()).lift,
            "age": age_factor(learning, now, half_life_days),
            "review": ACCEPTED if learning.reviewed_by else 1.0,
        }
        score = why["text"] * why["scope"] * why["usefulness"] * why["age"] * why["review"]
        if score >= LEAST:
            found.append(Chosen(learning=learning, score=score, why=why, against=others))
    return sorted(found, key=lambda item: (-item.score, _number(item.learning.id)))


def _number(name: str) -> int:
    return int(name[1:]) if name[1:].isdecimal() else 0


def cost_tokens(learning: k.Learning) -> int:
    """What telling it costs of the budget, about."""
    return (len(learning.text) + OVERHEAD_CHARS) // CHARS_PER_TOKEN + 1


def within(chosen: Sequence[Chosen], budget_tokens: int) -> list[Chosen]:
    """The best ones that fit together; one too long for the rest is passed over."""
    kept: list[Chosen] = []
    left = budget_tokens
    for item in chosen:
        cost = cost_tokens(item.learning)
        if cost <= left and len(kept) < k.MAX_GIVEN:
            kept.append(item)
            left -= cost
    return kept


def held_out(run: str, step: str, percent: int) -> bool:
    """Whether this step is one of the few that are told nothing, so that there is something to compare with."""
    digest = sha256(f"{run}/{step}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < percent
