"""Bringing an agent's worktree from one tree to another, as far as nobody has changed it meanwhile.

Rules: only what differs between the trees is written; whatever else stands there is left alone, and where it is in the way
nothing is written at all. A private index does the work: the worktree's own is the agent's.
"""

from __future__ import annotations

import os

from andon.core.errors import EXIT_NO, AndonError
from andon.git.failures import words_of
from andon.git.run import Runner
from andon.git.scratch import scratch


def bring(worktree: Runner, common_dir: str, path: str, old: str, new: str) -> None:
    """Raises AndonError kind "worktree_changed"."""
    with scratch(common_dir) as directory:
        env = {"GIT_INDEX_FILE": os.path.join(directory, "index")}
        worktree.run("read-tree", old, env=env)
        worktree.run("update-index", "-q", "--refresh", env=env, ok=None)
        done = worktree.run("read-tree", "-m", "-u", old, new, env=env, ok=None)
    if done.code != 0:
        said = words_of(done.err.decode("utf-8", "replace"), done.code)
        raise AndonError(
            f"{path} could not be brought up to date: {said}",
            kind="worktree_changed",
            next="move away what is in the way, then try again",
            exit=EXIT_NO,
        )
