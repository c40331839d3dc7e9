"""Commits that are good only as a part of another's landing: children's, and those without evidence of their own.

Theory of operation. The gates of a child held on its parent's integration reference, for its parent's work; on what a child
began with no gate was measured at all. Neither was let onto a branch by that. What lets them in is the parent's landing
onto a branch, a merge commit that has them in its history by a further parent and not by its first one. So such a commit is
good only when that landing is good and part of the very history that is verified. A parent may be a child itself: then
its landing must have been brought along in its turn.

Whatever of A..B leads to a commit of A..B is itself in A..B. So the commits that are asked about hold every landing that
counts, and their parents alone tell what brought what: no question to git, and one pass over them. Must not know of keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from andon.core.swarm import is_integration, run_of
from andon.evidence.trust import Problem

if TYPE_CHECKING:
    from andon.evidence.verifying import Checked

Parents = Mapping[str, Sequence[str]]
ONE_COMMIT = " (with `land: one` children's commits come into no branch: the parent's own holds their work)"


def settle(checked: Sequence[Checked], parents: Parents) -> list[Checked]:
    """What was found about each commit, and whether what lets it in is there. checked: parents before their children."""
    resting = [x for x in checked if not x.problems and (x.covered_by or is_integration(x.target))]
    if not resting:
        return list(checked)
    found = {x.commit: x for x in checked}
    history = _History(resting, found, parents)
    # The newest first: what a landing brought along is judged when that landing is.
    for one in reversed(resting):
        found[one.commit] = _judged(one, history, found)
    return [found[x.commit] for x in checked]


class _History:
    """Which of the commits that rest on others' landings each commit has in its history, as the bits of a number."""

    def __init__(self, resting: Sequence[Checked], found: Mapping[str, Checked], parents: Parents) -> None:
        self._parents = parents
        self._bits = {x.commit: 1 << number for number, x in enumerate(resting)}
        self._held: dict[str, int] = {}
        self.landings: dict[str, list[str]] = {}
        """run -> the commits that say they are its landing"""
        for commit, one in found.items():
            self._held[commit] = self._holds(parents.get(commit, ())) | self._bits.get(commit, 0)
            if one.run and not one.covered_by:
                self.landings.setdefault(one.run, []).append(commit)

    def _holds(self, commits: Sequence[str]) -> int:
        held = 0
        for commit in commits:
            held |= self._held.get(commit, 0)
        return held

    def brought(self, landing: str, commit: str) -> bool:
        """Whether a landing has the commit in its history by a further parent, and not by its first one."""
        parents, bit = self._parents.get(landing, ()), self._bits[commit]
        return bool(self._holds(parents[1:]) & bit) and not self._holds(parents[:1]) & bit


def _judged(one: Checked, history: _History, found: Mapping[str, Checked]) -> Checked:
    candidates = [one.covered_by] if one.covered_by else history.landings.get(run_of(one.target), [])
    present = [landing for landing in candidates if landing in found]
    bringing = [landing for landing in present if history.brought(landing, one.commit)]
    if any(not found[landing].problems for landing in bringing):
        return one
    if bringing:
        return _refused(one, f"the landing that brought it along, {bringing[0]}, is not good itself")
    what, landing, more = f"it landed on {one.target} only", f"the landing of {run_of(one.target)}", ONE_COMMIT
    if one.covered_by:
        what, landing, more = "it has no evidence of its own", "the landing that names it", ""
    if present:
        return _refused(one, f"{what}, and it did not come along with {landing} ({present[0]})")
    landing += f" ({one.covered_by})" if one.covered_by else ""
    text = f"{what}, and {landing} is not in what is verified: verify a range that ends with that landing, or after it"
    return _refused(one, text + more, apart=True)


def _refused(one: Checked, message: str, *, apart: bool = False) -> Checked:
    from msgspec.structs import replace

    part = "covers" if one.covered_by else "target"
    refused: Checked = replace(one, problems=(Problem(part=part, message=message),), apart=apart)
    return refused


__all__ = ["settle"]
