"""What a repository's own git configuration says of the workspace that it belongs to: `andon.workspace`, `andon.repository`.

Rules: only the file of the repository itself counts, so that all its worktrees agree and a person's other settings can't
move it; the name is written before the directory, which is what decides; a lock of git that a killed one of ours left is
removed, others' never. Must not know: what a workspace is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from andon.core.errors import EXIT_UNAVAILABLE, AndonError
from andon.git.run import Runner
from andon.git.scratch import write_file
from andon.git.sole import sole

DIRECTORY = "andon.workspace"
NAME = "andon.repository"

DEAD_LOCK_S = 1.0
"""A lock that stands unchanged for so long, after one of ours was killed, is that one's: git holds it for an instant."""
POLL_S = 0.02


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
    with _changing(common_dir):
        _git(common_dir, NAME, name, must=True)
        _git(common_dir, DIRECTORY, directory, must=True)


def clear(common_dir: str) -> None:
    """Let it point to none."""
    with _changing(common_dir):
        for key in (DIRECTORY, NAME):
            _git(common_dir, "--unset-all", key)
    if named_in(common_dir) and read(common_dir) is not None:
        text = f"{os.path.join(common_dir, 'config')} can't be changed"
        raise AndonError(text, kind="git_failed", next=f"git config --unset {DIRECTORY}", exit=EXIT_UNAVAILABLE)


def unfinished(common_dir: str) -> bool:
    """Whether one of ours was killed while it changed the configuration: half of it may stand, and a lock of git."""
    return os.path.exists(_announcement(common_dir))


def _announcement(common_dir: str) -> str:
    return os.path.join(common_dir, "andon", "configuring")


@contextmanager
def _changing(common_dir: str) -> Iterator[None]:
    """While the configuration is changed: one of us at a time, and known to the next one should we be killed."""
    path = _announcement(common_dir)
    with sole(common_dir) as alone:
        if alone and os.path.exists(path):
            _drop_dead_lock(os.path.join(common_dir, "config.lock"))
        write_file(path, b"andon\n")
        try:
            yield
        finally:
            try:
                os.unlink(path)
            except OSError:
                # The next one looks at a lock that is not there.
                pass


def _drop_dead_lock(lock: str) -> None:
    """Remove a lock that one of ours left: nobody changes it any more. Another program's is gone, or another one, by then."""
    seen = _which(lock)
    until = time.monotonic() + DEAD_LOCK_S
    while seen is not None and time.monotonic() < until:
        time.sleep(POLL_S)
        if _which(lock) != seen:
            return
    if seen is not None:
        try:
            os.unlink(lock)
        except OSError:
            # Then git says what is in the way.
            return


def _which(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _git(common_dir: str, *args: str, must: bool = False) -> bytes:
    where = ("--git-dir", common_dir)
    done = Runner(where).run("config", "--file", os.path.join(common_dir, "config"), *args, ok=(0,) if must else None)
    return done.out
