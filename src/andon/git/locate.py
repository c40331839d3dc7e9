"""Finding the repository around a directory with `os` alone; the hot path imports nothing else."""

from __future__ import annotations

import os


def locate(start: str) -> tuple[str, str, str | None] | None:
    """(common directory, git directory, worktree or None for a bare repository) around `start`, or None.

    Reads `.git` directories and files and `commondir`. Variables such as GIT_DIR are ignored: an agent sets them.
    """
    directory = os.path.realpath(start)
    while True:
        dot_git = os.path.join(directory, ".git")
        if os.path.isdir(dot_git) and os.path.exists(os.path.join(dot_git, "HEAD")):
            return _common(dot_git), dot_git, directory
        if os.path.isfile(dot_git):
            git_dir = _gitdir(dot_git, directory)
            if git_dir is not None:
                return _common(git_dir), git_dir, directory
        if _is_bare(directory):
            return directory, directory, None
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def _is_bare(directory: str) -> bool:
    names = ("HEAD", "objects", "refs")
    return all(os.path.exists(os.path.join(directory, name)) for name in names)


def _gitdir(path: str, directory: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            line = file.readline().rstrip("\n")
    except OSError:
        return None
    if not line.startswith("gitdir: "):
        return None
    git_dir = os.path.normpath(os.path.join(directory, line[8:]))
    return git_dir if os.path.isdir(git_dir) else None


def _common(git_dir: str) -> str:
    try:
        with open(os.path.join(git_dir, "commondir"), encoding="utf-8", errors="surrogateescape") as file:
            return os.path.normpath(os.path.join(git_dir, file.readline().rstrip("\n")))
    except OSError:
        return git_dir
