"""The history that planning learns from: mined once, then only what came since; anew when history was rewritten.

Rules: what is kept is derived data and is never trusted beyond its mark; a history that can't be mined leaves plans without
it, with a note, never without an answer. Must not know: tasks, how commits are kept.
"""

from __future__ import annotations

from msgspec import Struct

from andon.core.errors import AndonError
from andon.core.planning.history import Commit
from andon.ports import Git
from andon.ports_planning import MinedHistory

MAX_COMMITS = 10_000
"""The newest commits that a plan looks at."""


class Mined(Struct, frozen=True, kw_only=True):
    """commits: oldest first. fresh: how many of them were mined just now. notes: what is missing, in plain words."""

    commits: list[Commit]
    fresh: int
    notes: tuple[str, ...] = ()


def mine(git: Git, kept: MinedHistory, head: str, *, shallow: bool) -> Mined:
    """The history of a commit. shallow: the repository's history ends where it was not fetched."""
    notes = ("the history is shallow: git fetch --unshallow makes predictions better",) if shallow else ()
    mark = f"{head} shallow" if shallow else head
    known, commits = kept.read()
    if known == mark:
        return Mined(commits=commits, fresh=0, notes=notes)
    start, _, edge = known.partition(" ")
    try:
        if start and bool(edge) == shallow and _before(git, start, head):
            fresh = git.commits_since(head, start, limit=MAX_COMMITS)
            kept.keep(mark, fresh, after=known)
            return Mined(commits=[*commits, *fresh][-MAX_COMMITS:], fresh=len(fresh), notes=notes)
        fresh = git.commits_since(head, None, limit=MAX_COMMITS)
    except AndonError as error:
        return Mined(commits=[], fresh=0, notes=(f"the history can't be read, the plan goes without: {error.message}",))
    kept.keep(mark, fresh, after="")
    return Mined(commits=fresh, fresh=len(fresh), notes=notes)


def _before(git: Git, start: str, head: str) -> bool:
    """Whether the mined commits are still part of the history; a commit that is gone is not."""
    try:
        return git.is_ancestor(start, head)
    except AndonError:
        return False
