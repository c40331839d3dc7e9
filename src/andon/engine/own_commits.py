"""Children's commits that land as their own (`land: each`): which of them come along with their parent's landing.

Theory of operation. The commit that lands the parent has the tree that was tested and, as its first parent, the branch;
what its children integrated on each joined reference is a further parent. So the children's commits, the very ones that were
tested and whose evidence is signed, are in the branch's history, and its first-parent line stays one commit a task.
A reference began with what the parent had submitted by then. That commit has no evidence of its own, so the parent's names
it. Nothing else may come along: where the branch no longer holds what the parent's work was based on (somebody rewrote
it), the history on which the children stand is not brought back, and their work lands in the parent's one commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from andon.core import state as s
    from andon.engine.services import Services

MAX_REFERENCES = 100
"""Joins whose commits come along with one landing; what more were made lands in the parent's commit."""
MAX_COVERED = 100
"""Commits of the parent's own below one reference; there is one, or none."""


class Own(Struct, frozen=True, kw_only=True):
    """What comes along with a landing. parents: the commit's further ones. covers: commits without evidence of their own.

    notes: what does not come along, and why.
    """

    parents: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def own_commits(services: Services, run: s.Run, head: str) -> Own:
    """What comes along when a run lands on this head. What the head holds already does not."""
    git = services.git
    parents: list[str] = []
    covers: list[str] = []
    notes: list[str] = []
    for own in run.own_commits:
        if own.tip in parents or git.is_ancestor(own.tip, head):
            continue
        if len(parents) == MAX_REFERENCES:
            notes.append(f"{run.id}: what was joined after {MAX_REFERENCES} references lands in one commit")
            break
        if not git.is_ancestor(own.base, head):
            notes.append(
                f"{run.id}: what its children landed on {own.ref} lands in one commit, since the history that it stands on"
                f" ({own.base[:12]}) is no longer part of {run.target}"
            )
            continue
        parents.append(own.tip)
        covers += [x for x in git.commits_of(f"{head}..{own.start}", limit=MAX_COVERED) if x not in covers]
    return Own(parents=tuple(parents), covers=tuple(covers), notes=tuple(notes))
