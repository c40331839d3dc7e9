"""What a process finds on its machine besides the store and git: lease files of worktrees, and the lead's lock.

The lease's token stands in a file in the worktree's git directory, so that later commands find their claim from the
working directory. A file is never proof of anything: the store alone decides whether a claim is valid (law 6).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from msgspec import Struct

from andon.core.errors import EXIT_NOT_YET, AndonError
from andon.core.verdict import Artifact

LEASE_FILE = "andon-lease"
BOUNDS_FILE = "andon-bounds"
"""Written before the lease file, and read by hooks alone."""


HAND_FILE = "andon-hand"
"""The agent that a person started in the worktree of their own claim; written by its hook, one line."""


class Claim(Struct, frozen=True, kw_only=True):
    """A claim as its worktree's lease file tells it; validity is decided by the store.

    hand: an agent that works on a person's claim in that person's worktree, as the file HAND_FILE tells it.
    """

    run: str
    step: str
    token: int
    agent: str
    workdir: str
    hand: str = ""


class Places(Protocol):
    """The caller's machine. Paths are absolute."""

    def read_lease(self, directory: str) -> Claim | None:
        """The claim of the worktree that `directory` is in or below."""
        ...

    def write_lease(self, claim: Claim, bounds: str = "") -> None:
        """Deliver the claim. bounds: what it may write, for the hooks of agents' clients."""
        ...

    def is_delivered(self, claim: Claim) -> bool:
        """Whether the claim's lease file was ever written: its worktree was complete then. Wherever it lies now."""
        ...

    def claiming(self, *, alone: bool) -> AbstractContextManager[bool]:
        """Held by who makes a claim and its worktree. alone: only if nobody else on this machine does; else False."""
        ...

    def is_directory(self, path: str) -> bool: ...
    def make_parent(self, path: str) -> None: ...
    def artifacts(self, workdir: str, patterns: Sequence[str], limit: int) -> list[Artifact]:
        """The files below `workdir` that these paths and globs name, with their digests. Raises AndonError (exit 64) for
        what is outside, missing or too much."""
        ...

    def only_lead(self) -> AbstractContextManager[None]:
        """One lead at a time on this machine. Raises AndonError kind "lead_busy" (exit 3)."""
        ...


class DiskPlaces:
    """The real ones."""

    def __init__(self, *, state_dir: str, common_dir: str) -> None:
        self._state_dir = state_dir
        self._common_dir = common_dir

    def read_lease(self, directory: str) -> Claim | None:
        return read_lease_file(directory)

    def write_lease(self, claim: Claim, bounds: str = "") -> None:
        git_dir = git_dir_of(claim.workdir)
        if git_dir is None:
            raise AndonError(f"{claim.workdir} is no git worktree", kind="git_failed", next="andon release; andon next")
        values = {
            "run": claim.run,
            "step": claim.step,
            "token": str(claim.token),
            "agent": claim.agent,
            "db": os.path.join(self._state_dir, "andon.db"),
            "common": self._common_dir,
            "workdir": claim.workdir,
            "url": "",
        }
        text = "".join(f"{key}={value}\n" for key, value in values.items())
        if bounds:
            _replace(os.path.join(git_dir, BOUNDS_FILE), bounds)
        # Last of all: from now on the claim is delivered.
        _replace(os.path.join(git_dir, LEASE_FILE), text)

    def is_delivered(self, claim: Claim) -> bool:
        parent = os.path.join(self._common_dir, "worktrees")
        own = git_dir_of(claim.workdir)
        if own is not None and os.path.dirname(own) == parent and _is_of(os.path.join(own, LEASE_FILE), claim):
            return True
        # Whoever works there may have removed what leads to the lease.
        try:
            names = os.listdir(parent)
        except OSError:
            return False
        found = (_parse_lease_file(os.path.join(parent, name, LEASE_FILE), claim.workdir) for name in names)
        wanted = (claim.run, claim.step, claim.token)
        return any(x is not None and (x.run, x.step, x.token) == wanted for x in found)

    @contextmanager
    def claiming(self, *, alone: bool) -> Iterator[bool]:
        path = os.path.join(self._state_dir, "claiming.lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Who only shares it does not wait for long: who has it alone makes one worktree.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
        except BlockingIOError:
            os.close(descriptor)
            yield False
            return
        try:
            yield True
        finally:
            os.close(descriptor)

    def is_directory(self, path: str) -> bool:
        return os.path.isdir(path)

    def make_parent(self, path: str) -> None:
        os.makedirs(os.path.dirname(path), exist_ok=True)

    def artifacts(self, workdir: str, patterns: Sequence[str], limit: int) -> list[Artifact]:
        from andon.engine.artifacts import digested

        return digested(workdir, patterns, limit)

    @contextmanager
    def only_lead(self) -> Iterator[None]:
        path = os.path.join(self._state_dir, "lead.lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise AndonError(
                    "another lead is at work on this repository",
                    kind="lead_busy",
                    next="let it work",
                    exit=EXIT_NOT_YET,
                ) from error
            yield
        finally:
            os.close(descriptor)


# ---------------------------------------------------------------- lease files


def _replace(path: str, text: str) -> None:
    with open(path + ".new", "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    os.replace(path + ".new", path)


def git_dir_of(workdir: str) -> str | None:
    """The git directory of a worktree (read from its `.git` file or directory)."""
    path = os.path.join(workdir, ".git")
    if os.path.isdir(path):
        return path
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            line = file.readline()
    except OSError:
        return None
    if not line.startswith("gitdir:"):
        return None
    return os.path.normpath(os.path.join(workdir, line[7:].strip()))


def read_lease_file(directory: str) -> Claim | None:
    """The claim of the worktree that `directory` is in or below."""
    while True:
        git_dir = git_dir_of(directory) if os.path.lexists(os.path.join(directory, ".git")) else None
        if git_dir is not None:
            return _parse_lease_file(os.path.join(git_dir, LEASE_FILE), directory)
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def _is_of(path: str, claim: Claim) -> bool:
    """Whether this lease file was written for this very claim."""
    found = _parse_lease_file(path, claim.workdir)
    return found is not None and (found.run, found.step, found.token) == (claim.run, claim.step, claim.token)


def _parse_lease_file(path: str, workdir: str) -> Claim | None:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            values = dict(line.rstrip("\n").partition("=")[::2] for line in file if "=" in line)
    except OSError:
        return None
    try:
        return Claim(
            run=values["run"],
            step=values["step"],
            token=int(values["token"]),
            agent=values["agent"],
            workdir=workdir,
            hand=_hand(os.path.join(os.path.dirname(path), HAND_FILE)),
        )
    except (KeyError, ValueError):
        return None


def _hand(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.readline(400).strip()
    except OSError:
        return ""
