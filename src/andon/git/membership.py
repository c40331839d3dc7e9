"""What a repository's own git configuration says of the workspace that it belongs to: `andon.workspace`, `andon.repository`.

Rules: only the file of the repository itself counts, so that all its worktrees agree and a person's other settings can't
move it; the name is written before the directory, which is what decides. Must not know: what a workspace is.
"""

from __future__ import annotations

import os

from andon.core.errors import EXIT_UNAVAILABLE, AndonError
from andon.git.run import Runner

DIRECTORY = "andon.workspace"
NAME = "andon.repository"


def named_in(common_dir: str) -> bool:
    """Whether it may be in a workspace at all, without starting git."""
    try:
        with open(os.path.join(common_dir, "config"), "rb") as file:
            return b"workspace" in file.read().lower()
    except OSError:
        return False


def read(common_dir: str) -> tuple[str, str] | None:
    """(the workspace's directory, the name there); None for a repository in no workspace."""
    if not named_in(common_dir):
        return None
    done = _git(common_dir, "-z", "--get-regexp", r"^andon\.(workspace|repository)$")
    found: dict[str, str] = {}
    for item in os.fsdecode(done).split("\0"):
        key, _, value = item.partition("\n")
        found[key] = value
    directory = found.get(DIRECTORY, "")
    return (directory, found.get(NAME, "")) if directory else None


def write(common_dir: str, directory: str, name: str) -> None:
    """Let the repository point to a workspace. Raises AndonError kind "git_failed"."""
    _git(common_dir, NAME, name, must=True)
    _git(common_dir, DIRECTORY, directory, must=True)


def clear(common_dir: str) -> None:
    """Let it point to none."""
    for key in (DIRECTORY, NAME):
        _git(common_dir, "--unset-all", key)
    if named_in(common_dir) and read(common_dir) is not None:
        text = f"{os.path.join(common_dir, 'config')} can't be changed"
        raise AndonError(text, kind="git_failed", next=f"git config --unset {DIRECTORY}", exit=EXIT_UNAVAILABLE)


def _git(common_dir: str, *args: str, must: bool = False) -> bytes:
    where = ("--git-dir", common_dir)
    done = Runner(where).run("config", "--file", os.path.join(common_dir, "config"), *args, ok=(0,) if must else None)
    return done.out
