"""Finding the repository around a directory with `os` alone; the hot path imports nothing else.

Rules: no process is started; GIT_* variables are ignored (an agent's GIT_DIR must not mislead us); like git itself,
the search goes upwards and stops at the edge of a file system. Must not know: anything but git's directory layout.
"""

from __future__ import annotations

import os


def locate(start: str) -> tuple[str, str, str | None] | None:
    """(common directory, git directory, worktree) around `start`, or None. All are absolute and without links.

    worktree is None in a bare repository and inside a git directory.
    """
    directory = os.path.realpath(start)
    device = _device(directory)
    while True:
        found = _at(directory)
        if found is not None:
            return found
        parent = os.path.dirname(directory)
        if parent == directory or _device(parent) not in (device, None):
            return None
        directory = parent


def worktree_at(directory: str) -> tuple[str, str, str | None] | None:
    """Like `locate`, but of exactly this directory: what stands around it does not count."""
    return _at(os.path.realpath(directory))


def _at(directory: str) -> tuple[str, str, str | None] | None:
    dot_git = os.path.join(directory, ".git")
    if os.path.isdir(dot_git):
        common = _common(dot_git)
        if _is_git_directory(dot_git, common):
            return common, os.path.realpath(dot_git), directory
    elif os.path.isfile(dot_git):
        git_dir = _linked(dot_git, directory)
        if git_dir is not None:
            return _common(git_dir), git_dir, directory
    common = _common(directory)
    if _is_git_directory(directory, common):
        return common, directory, None
    return None


def _is_git_directory(git_dir: str, common: str) -> bool:
    """What git asks of a git directory: HEAD of its own, objects and references in the common directory."""
    return (
        os.path.lexists(os.path.join(git_dir, "HEAD"))
        and os.path.isdir(os.path.join(common, "objects"))
        and os.path.isdir(os.path.join(common, "refs"))
    )


def _linked(path: str, directory: str) -> str | None:
    """The git directory that a `.git` file names, or None when there is none."""
    line = _first_line(path)
    if line is None or not line.startswith("gitdir: "):
        return None
    git_dir = os.path.realpath(os.path.join(directory, line[8:]))
    return git_dir if _is_git_directory(git_dir, _common(git_dir)) else None


def _common(git_dir: str) -> str:
    line = _first_line(os.path.join(git_dir, "commondir"))
    return os.path.realpath(os.path.join(git_dir, line) if line else git_dir)


def _first_line(path: str) -> str | None:
    """The content of one of git's one-line files; the name in it may itself hold newlines."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read(65_536).rstrip("\r\n")
    except OSError:
        return None


def _device(path: str) -> int | None:
    try:
        return os.stat(path).st_dev
    except OSError:
        return None
