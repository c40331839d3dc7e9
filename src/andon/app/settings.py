"""Where things stand on this machine. Nothing here reads the environment of the agent that calls."""

from __future__ import annotations

import os
import sys


def worktrees_dir(common_dir: str, main_worktree: str | None) -> str:
    """The directory of attempts' worktrees: beside the repository, else (not writable) inside the state directory."""
    root = main_worktree or common_dir
    beside = f"{root.rstrip('/')}.andon"
    parent = os.path.dirname(beside)
    if os.path.isdir(beside) or os.access(parent, os.W_OK):
        return beside
    return os.path.join(common_dir, "andon", "worktrees")


def machine_path() -> tuple[str, ...]:
    """Directories of tools outside the system's default PATH: the Python that Andon itself runs on."""
    found = os.path.dirname(os.path.realpath(os.path.join(sys.base_prefix, "bin", "python3")))
    standard = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}
    return () if found in standard or not os.path.isdir(found) else (found,)


def state_dir(cwd: str) -> str:
    """Where Andon keeps what belongs to the repository around `cwd` on this machine. Raises AndonError outside of one."""
    from andon.git.repository import Repository

    return os.path.join(Repository.find(cwd).common_dir, "andon")
