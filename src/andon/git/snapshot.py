"""Snapshots of a working tree: what is on disk, as a git tree, without touching anybody's index.

A temporary index starts as a copy of the worktree's own (its stat cache makes this quick), loses the flags that hide
edits, and takes everything that git does not ignore.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from andon.core.errors import AndonError
from andon.git.locate import locate
from andon.git.plumbing import failed

if TYPE_CHECKING:
    from andon.git.repository import Repository

_serial = iter(range(1_000_000_000))


@contextmanager
def temporary_index(repository: Repository) -> Iterator[str]:
    """A path for an index file of our own, removed afterwards."""
    directory = os.path.join(repository.common_dir, "andon", "tmp")
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, f"index-{os.getpid()}-{next(_serial)}")
    try:
        yield path
    finally:
        for name in (path, path + ".lock"):
            try:
                os.unlink(name)
            except FileNotFoundError:
                pass


def write_tree(repository: Repository, worktree: str) -> str:
    """The tree of what the worktree holds: tracked and untracked, not ignored."""
    found = locate(worktree)
    if found is None or found[2] is None:
        raise AndonError(f"{worktree} is not a git worktree", kind="git_failed", next="andon release; andon next")
    with temporary_index(repository) as index:
        env = {"GIT_INDEX_FILE": index}
        if not _copy(os.path.join(found[1], "index"), index):
            repository.run("read-tree", "HEAD", env=env, worktree=worktree)
        _show_hidden(repository, worktree, env)
        code, _out, err = repository.try_run(
            "-c",
            "core.safecrlf=false",
            "-c",
            "advice.addEmbeddedRepo=false",
            "-c",
            "index.threads=1",
            "add",
            "-A",
            ".",
            env=env,
            worktree=found[2],
        )
        if code != 0:
            # A damaged index must not stop a snapshot: start again from the commit.
            repository.run("read-tree", "HEAD", env=env, worktree=worktree)
            code, _out, err = repository.try_run("add", "-A", ".", env=env, worktree=found[2])
        if code != 0:
            raise failed(("add", "-A"), code, err)
        return repository.run("write-tree", env=env, worktree=worktree).decode().strip()


def _copy(source: str, target: str) -> bool:
    """Copy an index with its time stamp.

    Git takes a file that changed in the same instant as the index for possibly changed, and reads it again. A copy with
    a later time stamp would make an edit of the same size in that instant invisible.
    """
    try:
        with open(source, "rb") as file:
            times = os.fstat(file.fileno())
            content = file.read()
    except OSError:
        return False
    with open(target, "wb") as file:
        file.write(content)
    os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
    return True


def _show_hidden(repository: Repository, worktree: str, env: dict[str, str]) -> None:
    """Clear assume-unchanged and skip-worktree, so that the snapshot is the truth of the working tree."""
    code, out, _ = repository.try_run("ls-files", "-v", "-z", env=env, worktree=worktree)
    if code != 0:
        return
    hidden = [x[2:] for x in out.split(b"\0") if x and (x[:1].islower() or x[:1] == b"S")]
    if hidden:
        data = b"".join(path + b"\0" for path in hidden)
        for flag in ("--no-assume-unchanged", "--no-skip-worktree"):
            repository.try_run("update-index", flag, "-z", "--stdin", stdin=data, env=env, worktree=worktree)


def refuse_bad_entries(repository: Repository, base: str, tree: str) -> None:
    """Refuse new embedded repositories (their content would be lost) and new links that point out of the tree."""
    for old_mode, new_mode, _old, new, _status, path in repository._records(base, tree):
        name = os.fsdecode(path)
        if new_mode == "160000" and old_mode != "160000" and not _declared(repository, tree, name):
            raise AndonError(
                f"{name} is a git repository inside the working tree; its content would be lost",
                kind="bad_tree",
                next=f"remove {name}/.git, or declare it as a submodule",
            )
        if new_mode == "120000":
            target = os.fsdecode(repository.read_blobs([new])[new])
            if _escapes(name, target):
                raise AndonError(
                    f"{name} is a symbolic link out of the tree (to {target})",
                    kind="bad_tree",
                    next="link to a path inside the repository",
                )


def _declared(repository: Repository, tree: str, name: str) -> bool:
    modules = repository.read_file(tree, ".gitmodules")
    return modules is not None and f"path = {name}\n".encode() in modules + b"\n"


def _escapes(name: str, target: str) -> bool:
    if os.path.isabs(target):
        return True
    resolved = os.path.normpath(os.path.join(os.path.dirname(name), target))
    return resolved == ".." or resolved.startswith("../") or resolved.split("/")[0] == ".git"
