"""Worktrees of attempts: detached, of no branch, each an attempt's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from andon.core.errors import EXIT_UNAVAILABLE, AndonError

if TYPE_CHECKING:
    from andon.git.repository import Repository


def add(repository: Repository, path: str, commit: str, tree: str | None) -> None:
    """A new worktree with HEAD at `commit`; with `tree` its index and files show that tree."""
    if os.path.lexists(path):
        raise AndonError(f"{path} is there already", kind="git_failed", next="andon doctor --mend", exit=EXIT_UNAVAILABLE)
    args = ["worktree", "add", "--detach", "--force", "--quiet"]
    if tree is not None:
        args.append("--no-checkout")
    repository.run(*args, "--", path, commit)
    if tree is not None:
        repository.run("read-tree", "--reset", "-u", tree, worktree=path)


def remove(repository: Repository, path: str) -> None:
    """Remove a worktree and its registration; harmless when it is gone already."""
    if os.path.isdir(path):
        repository.try_run("worktree", "remove", "--force", "--force", path)
    if os.path.isdir(path):
        import shutil

        shutil.rmtree(path, ignore_errors=True)
    repository.try_run("worktree", "prune")


def listed(repository: Repository) -> dict[str, str | None]:
    """path -> branch name, None when detached or bare."""
    out = repository.run("worktree", "list", "--porcelain", "-z")
    found: dict[str, str | None] = {}
    for entry in out.split(b"\0\0"):
        path: str | None = None
        branch: str | None = None
        bare = False
        for line in entry.split(b"\0"):
            key, _, value = line.partition(b" ")
            if key == b"worktree":
                path = os.fsdecode(value)
            elif key == b"branch":
                branch = os.fsdecode(value).removeprefix("refs/heads/")
            elif key == b"bare":
                bare = True
        if path is not None and not bare:
            found[path] = branch
    return found
