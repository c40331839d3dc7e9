"""Worktrees of attempts: detached, of no branch, each an attempt's own.

Rules: a registration is written as gitrepository-layout(5) describes it, which leaves one git process instead of four
(a repository with another storage of references takes git's own way); nothing that is not a worktree of this repository
is ever removed. Must not know: which attempt a worktree is for.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from andon.core.errors import EXIT_NO, EXIT_UNAVAILABLE, AndonError
from andon.git.failures import not_writable
from andon.git.locate import worktree_at
from andon.git.run import Runner
from andon.git.scratch import discard

NAME_TRIES = 1000


def add(
    repo: Runner, common_dir: str, path: str, commit: str, tree: str | None, runner_at: Callable[[str, str], Runner]
) -> None:
    """A new worktree with HEAD at `commit`; with `tree` its index and files show that tree.

    runner_at: (worktree, git directory) -> git in it. A stale registration of the path is replaced.
    """
    place = os.path.join(os.path.realpath(os.path.dirname(os.path.abspath(path))), os.path.basename(path))
    if os.path.lexists(place) and (not os.path.isdir(place) or os.path.islink(place) or os.listdir(place)):
        raise AndonError(
            f"{place} is there already and is not an empty directory",
            kind="git_failed",
            next=f"move it away, or if nobody needs it: git worktree remove --force {place}",
            exit=EXIT_NO,
        )
    stale = registration(common_dir, place)
    if stale is not None:
        _discard(common_dir, stale)
    try:
        if _needs_git(common_dir):
            repo.run("worktree", "add", "--detach", "--force", "--force", "--quiet", "--no-checkout", place, commit)
            admin = registration(common_dir, place) or os.path.join(place, ".git")
        else:
            admin = _register(common_dir, place, commit)
        runner_at(place, admin).run("read-tree", "--reset", "-u", tree or commit)
    except (AndonError, KeyboardInterrupt):
        remove(common_dir, place)
        raise


def _needs_git(common_dir: str) -> bool:
    """Whether references or settings of worktrees are kept in a way that is git's own business."""
    if os.path.isdir(os.path.join(common_dir, "reftable")):
        return True
    try:
        with open(os.path.join(common_dir, "config"), "rb") as file:
            config = file.read().lower()
    except OSError:
        return True
    return b"worktreeconfig" in config or b"refstorage" in config or b"relativeworktrees" in config


def _register(common_dir: str, place: str, commit: str) -> str:
    """Write a worktree's registration and its `.git` file; the registration's directory."""
    parent = os.path.join(common_dir, "worktrees")
    base = os.path.basename(place)
    try:
        os.makedirs(place, exist_ok=True)
        os.makedirs(parent, exist_ok=True)
        for number in range(NAME_TRIES):
            admin = os.path.join(parent, f"{base}{number or ''}")
            try:
                os.mkdir(admin)
                break
            except FileExistsError:
                continue
        else:
            raise AndonError(
                f"{parent} has {NAME_TRIES} worktrees called {base}",
                kind="git_failed",
                next="git worktree prune",
                exit=EXIT_UNAVAILABLE,
            )
        # Locked until complete, so that nobody's `git worktree prune` takes it for a leftover.
        _write(os.path.join(admin, "locked"), "initializing")
        _write(os.path.join(admin, "commondir"), "../..")
        _write(os.path.join(admin, "gitdir"), os.path.join(place, ".git"))
        _write(os.path.join(admin, "HEAD"), commit)
        _write(os.path.join(place, ".git"), f"gitdir: {admin}")
        os.unlink(os.path.join(admin, "locked"))
    except OSError as error:
        raise not_writable(place, error) from error
    return admin


def _write(path: str, line: str) -> None:
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(line + "\n")


def registration(common_dir: str, place: str) -> str | None:
    """The directory under `worktrees/` that registers a worktree at this path."""
    wanted = os.fsencode(os.path.join(place, ".git"))
    parent = os.path.join(common_dir, "worktrees")
    try:
        names = os.listdir(parent)
    except OSError:
        return None
    for name in names:
        admin = os.path.join(parent, name)
        try:
            with open(os.path.join(admin, "gitdir"), "rb") as file:
                found = file.read().rstrip(b"\r\n")
        except OSError:
            continue
        if not os.path.isabs(found):
            found = os.path.normpath(os.path.join(os.fsencode(admin), found))
        if found == wanted or (os.path.basename(found) == b".git" and _same(found, wanted)):
            return admin
    return None


def _same(one: bytes, other: bytes) -> bool:
    """Whether two `.git` files lie in the same directory, whatever links lead there."""
    return os.path.realpath(os.path.dirname(one)) == os.path.realpath(os.path.dirname(other))


def remove(common_dir: str, path: str) -> None:
    """Remove a worktree and its registration, whatever it holds; harmless when it is gone already."""
    place = os.path.abspath(path)
    admin = registration(common_dir, place)
    if os.path.lexists(place):
        if admin is None and not _is_ours(common_dir, place):
            raise AndonError(
                f"{place} is not a worktree of {common_dir}, so it is not removed",
                kind="not_a_worktree",
                next="remove it by hand if nobody needs it",
                exit=EXIT_NO,
            )
        _discard(common_dir, place)
    # An attempt's name is given once, so a registration of that name that does not say yet where it is was this one's.
    begun = os.path.join(common_dir, "worktrees", os.path.basename(place))
    if admin is not None:
        _discard(common_dir, admin)
    elif os.path.isdir(begun) and not _says_where(begun):
        _discard(common_dir, begun)
    try:
        os.rmdir(os.path.join(common_dir, "worktrees"))
    except OSError:
        pass


def _says_where(admin: str) -> bool:
    """Whether a registration got so far as to name its worktree."""
    try:
        with open(os.path.join(admin, "gitdir"), "rb") as file:
            return file.read().endswith(b"\n")
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _is_ours(common_dir: str, place: str) -> bool:
    """Whether a directory whose registration is gone says itself that it was a worktree of this repository."""
    if os.path.islink(place) or not os.path.isdir(place):
        return False
    try:
        with open(os.path.join(place, ".git"), encoding="utf-8", errors="surrogateescape") as file:
            line = file.read(65_536)
    except OSError:
        # An empty directory is all that is left when a removal was interrupted.
        return not os.listdir(place)
    git_dir = os.path.realpath(os.path.join(place, line.removeprefix("gitdir: ").rstrip("\r\n")))
    return os.path.dirname(git_dir) == os.path.join(common_dir, "worktrees")


def _discard(common_dir: str, path: str) -> None:
    """Remove a directory: gone at once where that is possible, so that no half of it is ever taken for the whole."""
    try:
        discard(common_dir, path)
    except OSError as error:
        raise AndonError(
            f"{path} can't be removed: {error}",
            kind="git_failed",
            next=f"remove it by hand: rm -rf {path}; git worktree prune",
            exit=EXIT_UNAVAILABLE,
        ) from error


def listed(repo: Runner) -> dict[str, str | None]:
    """path -> branch name (None when detached) of every worktree; a bare repository itself is none."""
    found: dict[str, str | None] = {}
    for entry in repo.run("worktree", "list", "--porcelain", "-z").out.split(b"\0\0"):
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


def git_dir_of(common_dir: str, worktree: str) -> tuple[str, str]:
    """(top directory, git directory) of a worktree of this repository.

    Its registration counts when its `.git` file is gone or points elsewhere: whoever works there may have done that.
    """
    if not os.path.isdir(worktree):
        raise AndonError(
            f"the worktree {worktree} is gone",
            kind="not_a_worktree",
            next="andon release, then andon next",
            exit=EXIT_NO,
        )
    found = worktree_at(worktree)
    if found is not None and found[0] == common_dir and found[2] is not None:
        return found[2], found[1]
    admin = registration(common_dir, os.path.abspath(worktree))
    if admin is None:
        raise AndonError(
            f"{worktree} is not a worktree of {common_dir}",
            kind="not_a_worktree",
            next="git worktree list shows those that are",
            exit=EXIT_NO,
        )
    return os.path.realpath(worktree), admin
