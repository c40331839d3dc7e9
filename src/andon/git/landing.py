"""Merging with objects only, moving a branch by compare-and-swap, and bringing checkouts along."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from andon.core.errors import EXIT_NO, AndonError
from andon.git.plumbing import failed
from andon.ports import CheckoutNote, Merge

if TYPE_CHECKING:
    from andon.git.repository import Repository


def merge(repository: Repository, ours: str, theirs: str) -> Merge:
    """`git merge-tree --write-tree` under our configuration; conflicted paths carry markers in the tree."""
    args = ("-c", "merge.conflictStyle=merge", "merge-tree", "--write-tree", "-z", "--messages", ours, theirs)
    environment = {"GIT_MERGE_AUTOEDIT": "no"}
    code, out = repository.plumbing.run(*args, ok=(0, 1), env=environment)
    fields = out.split(b"\0")
    tree = fields[0].decode().strip()
    if code == 0:
        return Merge(tree=tree)
    paths: list[str] = []
    for entry in fields[1:]:
        if not entry:
            break
        _meta, tab, path = entry.partition(b"\t")
        if tab:
            paths.append(os.fsdecode(path))
    messages = b" ".join(x for x in fields[len(paths) + 2 :] if b"CONFLICT" in x).decode("utf-8", "replace")
    return Merge(tree=tree, conflicts=tuple(dict.fromkeys(paths)) or ("(unknown)",), messages=messages[:4000])


def move_branch(repository: Repository, branch: str, new: str, expected: str, reason: str) -> bool:
    """Compare-and-swap. The repository's own hooks run; False only when the branch is elsewhere."""
    code, _out, err = repository.try_run("update-ref", "-m", reason, f"refs/heads/{branch}", new, expected, hooks=True)
    if code == 0:
        return True
    if repository.branch_head(branch) != expected:
        return False
    error = failed(("update-ref",), code, err)
    raise AndonError(
        f"branch {branch} could not be moved: {error.message}", kind="branch_refused", next="andon doctor", exit=EXIT_NO
    )


def refresh_checkouts(repository: Repository, branch: str, old: str, new: str) -> list[CheckoutNote]:
    """Bring every checkout of the branch forward, unless that would lose something: then say what to do."""
    return [
        _refresh(repository, path, branch, old, new)
        for path, name in repository.worktrees().items()
        if name == branch and os.path.isdir(path)
    ]


def _refresh(repository: Repository, path: str, branch: str, old: str, new: str) -> CheckoutNote:
    code, _out, err = repository.try_run("read-tree", "-m", "-u", old, new, worktree=path)
    if code == 0:
        return CheckoutNote(path=path, updated=True, message=f"{path} was brought up to date with {branch}")
    said = err.decode("utf-8", "replace").strip().splitlines()
    why = said[0] if said else "git refused"
    return CheckoutNote(
        path=path,
        updated=False,
        message=(
            f"{path} is behind {branch} and was left as it is ({why}); keep your edits with "
            f"`git stash`, then `git reset --hard {branch}` and `git stash pop`"
        ),
    )
