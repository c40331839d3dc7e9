"""What rests on another's landing, in histories of any shape: against the rule as it is said, asked of the whole history."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise

import pytest

from andon.core.swarm import integration_ref
from andon.evidence.bringing import settle
from andon.evidence.trust import Problem
from andon.evidence.verifying import Checked

BROKEN = (Problem(part="commit", message="broken"),)


@dataclass
class Drawn:
    """A history: parents before their children, and what each commit's own evidence says."""

    parents: dict[str, tuple[str, ...]]
    checked: dict[str, Checked]

    @classmethod
    def of(cls, seed: int, size: int = 14) -> Drawn:
        """Each commit is of a run of its own; a few are children of runs that land later, or are covered by later ones."""
        dice = random.Random(seed)
        names = [f"c{number}" for number in range(size)]
        drawn = cls(
            parents={names[0]: ()}, checked={names[0]: Checked(commit=names[0], managed=False, problems=BROKEN)}
        )
        for number, name in enumerate(names[1:], 1):
            near = names[max(0, number - 4) : number]
            drawn.parents[name] = tuple(dice.sample(near, min(len(near), dice.choice((1, 1, 2, 2, 3)))))
            later = dice.choice(names[number + 1 :] or [""])
            problems = BROKEN if dice.random() < 0.1 else ()
            kind = dice.choice(("branch", "child", "child", "covered")) if later else "branch"
            drawn.checked[name] = Checked(
                commit=name,
                managed=True,
                problems=problems,
                run=f"R-{name}",
                target=integration_ref(f"R-{later}", "spread", 1) if kind == "child" else "main",
                covered_by=later if kind == "covered" else "",
            )
        return drawn

    def history(self, *tips: str) -> set[str]:
        found: set[str] = set()
        left = list(tips)
        while left:
            if (commit := left.pop()) not in found:
                found.add(commit)
                left += self.parents[commit]
        return found

    def is_good(self, commit: str, tip: str) -> bool:
        """The rule: what lets it in is good, brought it along, and is in the history of the tip."""
        one = self.checked[commit]
        by = one.covered_by or (one.target.split("/")[3].removeprefix("R-") if "/" in one.target else "")
        if one.problems or not by:
            return not one.problems
        if by not in self.history(tip) or (self.checked[by].covered_by and not one.covered_by):
            # A commit without evidence of its own is no run's landing.
            return False
        first, *further = self.parents[by]
        is_brought = commit in self.history(*further) and commit not in self.history(first)
        return is_brought and self.is_good(by, tip)


def test_as_the_rule_says_of_every_range() -> None:
    seen = {True: 0, False: 0}
    for seed in range(300):
        drawn = Drawn.of(seed)
        for tip in drawn.parents:
            for start in (None, *drawn.parents):
                inside = drawn.history(tip) - (drawn.history(start) if start else set())
                asked = [drawn.checked[name] for name in drawn.parents if name in inside]
                for one in settle(asked, drawn.parents):
                    expected = drawn.is_good(one.commit, tip)
                    assert (not one.problems) is expected, (seed, start, tip, one)
                    seen[expected] += drawn.checked[one.commit].target != "main"
    # Both answers were given of children's commits.
    assert min(seen.values()) > 500


@pytest.mark.parametrize("last", ["main", integration_ref("R-none", "spread", 1)])
def test_children_of_children_as_deep_as_a_range_is_long(last: str) -> None:
    """One pass, no recursion: each commit is the landing that brought the one before it along."""
    names = [f"c{number}" for number in range(10_000)]
    parents = {name: ("start", before) for before, name in pairwise(["begin", *names])}
    targets = [*(integration_ref(f"R-{name}", "spread", 1) for name in names[1:]), last]
    asked = [
        Checked(commit=name, managed=True, run=f"R-{name}", target=target)
        for name, target in zip(names, targets, strict=True)
    ]
    settled = settle(asked, parents)
    assert [one.commit for one in settled] == names
    assert sum(not one.problems for one in settled) == (10_000 if last == "main" else 0)
    assert settled[-1].apart is (last != "main")
