"""Worktrees of attempts: detached, of no branch, each an attempt's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from andon.core.errors import EXIT_UNAVAILABLE, AndonError

if TYPE_CHECKING:
    from andon.git.repository import Repository


def add(repository: Repository, path: str, commit: str, tree: str | None) -> None:
    """A new worktree with HEAD at `commit`; with `tree` its index and files show that tree.

    The registration is written as gitrepository-layout(5) describes it, which leaves one git process instead of four;
    a repository with another reference storage takes the long way.
    """
    if os.path.lexists(path):
        raise AndonError(
            f"{path} is there already", kind="git_failed", next="andon doctor --mend", exit=EXIT_UNAVAILABLE
        )
    if os.path.exists(os.path.join(repository.common_dir, "reftable")):
        repository.run("worktree", "add", "--detach", "--force", "--quiet", "--no-checkout", "--", path, commit)
    else:
        _register(repository.common_dir, path, commit)
    try:
        repository.run("read-tree", "--reset", "-u", tree or commit, worktree=path)
    except AndonError:
        remove(repository, path)
        raise


def _register(common_dir: str, path: str, commit: str) -> None:
    admin = os.path.join(common_dir, "worktrees", os.path.basename(path))
    try:
        os.makedirs(os.path.dirname(admin), exist_ok=True)
        if os.path.isdir(admin):
            # Left by a worktree of this name that is gone: `path` does not exist.
            import shutil

            shutil.rmtree(admin)
        os.makedirs(path)
        os.mkdir(admin)
        for name, text in (("commondir", "../.."), ("gitdir", os.path.join(path, ".git")), ("HEAD", commit)):
            _write(os.path.join(admin, name), text)
        _write(os.path.join(path, ".git"), f"gitdir: {admin}")
    except OSError as error:
        raise AndonError(
            f"worktree {path} could not be made: {error}",
            kind="git_failed",
            next="make room, or make the directory writable",
            exit=EXIT_UNAVAILABLE,
        ) from error


def _write(path: str, line: str) -> None:
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(line + "\n")


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
