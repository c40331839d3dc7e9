"""Clearing up after ended runs: their attempts' worktrees.

Rules: a worktree that somebody holds or whose run goes on is never touched; what was never submitted is stored under
refs/andon/salvage/ before a worktree is removed. Agents may still stand in a worktree just finished, so the lead waits.
"""

from __future__ import annotations

import os

from andon.core import state as s
from andon.core.errors import AndonError
from andon.engine.claims import salvage
from andon.engine.services import Services
from andon.engine.transact import load_run

KEEP_ENDED_S = 3600.0
MAX_REMOVED_AT_ONCE = 50


def leftovers(services: Services, *, older_than_s: float) -> list[tuple[str, str]]:
    """(path, run) of the worktrees of runs that ended at least so long ago."""
    paths = [path for path in services.git.worktrees() if os.path.dirname(path) == services.worktrees_dir]
    if not paths:
        return []
    latest = services.clock.now() - older_than_s
    found = [(path, os.path.basename(path).partition("-")[0]) for path in paths]
    return [(path, run_id) for path, run_id in found if _ended_before(services, run_id, latest)]


def _ended_before(services: Services, run_id: str, latest: float) -> bool:
    try:
        with services.store.read() as reader:
            run = load_run(reader, run_id)
    except AndonError:
        return False
    return run.status == s.RUN_ENDED and run.changed_at <= latest


def tidy(services: Services) -> None:
    """Remove the worktrees of runs that ended a while ago."""
    for path, run_id in leftovers(services, older_than_s=KEEP_ENDED_S)[:MAX_REMOVED_AT_ONCE]:
        remove_worktree(services, path, run_id)


def remove_worktree(services: Services, path: str, run_id: str) -> None:
    """Store what was never submitted, then remove the worktree."""
    try:
        with services.store.read() as reader:
            run = load_run(reader, run_id)
        submission = run.submissions.get("")
        base_tree = submission.tree if submission is not None else run.base_tree
        name = os.path.basename(path).removeprefix(f"{run_id}-") or "ended"
        leftover = s.ActiveStep(step=name, kind="agent", base=run.base, base_tree=base_tree)
        kept = salvage(services, run, leftover, path, must=True)
        if not kept and services.places.is_directory(path) and services.git.worktree_dirty(path, base_tree):
            # What git can't store as it stands (a link out of the tree, a repository inside) is nobody's to throw away.
            services.say(f"{path} was left: what is in it could not be stored; look at it, then git worktree remove it")
            return
        services.git.remove_worktree(path)
    except (AndonError, OSError) as error:
        services.say(f"{path} was left: {error}")
