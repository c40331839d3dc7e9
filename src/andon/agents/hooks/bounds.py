"""What a claim may write, as the claim's own worktree tells it: the file `andon-bounds` beside its lease file.

Written when the claim is made, since scope and protection are pinned with the run, so that a hook need not ask the
store. One fact a line, `key=value`; lists are one line for each item. An early warning only: the gates judge the change.
"""

from __future__ import annotations

import os

from andon.core.globs import Globs

BOUNDS_FILE = "andon-bounds"
LEASE_FILE = "andon-lease"
HAND_FILE = "andon-hand"
"""The agent that a person started in the worktree of their own claim; beside the lease file, one line."""
MAX_BYTES = 262_144


class Claim:
    """One claim as its worktree's files tell it. bounds: lists of globs, each of which must hold a changed path.

    agent: who claimed it. hand: the agent that works on it for the person who claimed it, if any.
    """

    __slots__ = (
        "agent", "bounds", "common", "db", "forbidden", "git_dir", "hand", "protect", "review", "run", "step", "target", "task",
        "token", "workdir",
    )  # fmt: skip

    def __init__(self, workdir: str, git_dir: str, lease: dict[str, str]) -> None:
        self.workdir = workdir
        self.git_dir = git_dir
        self.run = lease.get("run", "")
        self.step = lease.get("step", "")
        self.token = lease.get("token", "")
        self.agent = lease.get("agent", "")
        self.db = lease.get("db", "")
        self.common = lease.get("common", "")
        self.hand = ""
        self.task = ""
        self.target = ""
        self.review = False
        self.bounds: list[list[str]] = []
        self.forbidden: list[str] = []
        self.protect: list[str] = []

    @property
    def key(self) -> str:
        """A name for files about this very attempt."""
        return f"{self.run}.{self.step}.{self.token}"

    def name_among(self, names: tuple[str, ...]) -> str:
        """The one of an agent's names under which it works on this claim; "" when the claim is no affair of its."""
        return self.agent if self.agent in names else self.hand if self.hand in names else ""

    def add(self, line: str) -> None:
        """Take one line of the file in."""
        key, equals, value = line.partition("=")
        if not equals:
            return
        if key == "within":
            self.bounds.append([glob for glob in value.split("\t") if glob])
        elif key == "forbid":
            self.forbidden.append(value)
        elif key == "protect":
            self.protect.append(value)
        elif key == "review":
            self.review = value == "yes"
        elif key == "task":
            self.task = value
        elif key == "target":
            self.target = value


def read_claim(workdir: str, git_dir: str) -> Claim | None:
    """The claim of a worktree; None when it has no lease file that can be read."""
    try:
        lease = dict(line.partition("=")[::2] for line in _lines(os.path.join(git_dir, LEASE_FILE)) if "=" in line)
    except OSError:
        return None
    claim = Claim(workdir, git_dir, lease)
    if not (claim.run and claim.step and claim.token.isdecimal() and claim.agent):
        return None
    try:
        claim.hand = _lines(os.path.join(git_dir, HAND_FILE))[0]
    except OSError:
        # Whoever claimed it works on it alone.
        pass
    try:
        for line in _lines(os.path.join(git_dir, BOUNDS_FILE)):
            claim.add(line)
    except OSError:
        # Made by an older version: then the gates alone say what may be changed.
        pass
    return claim


def _lines(path: str) -> list[str]:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read(MAX_BYTES).split("\n")


def refusal(claim: Claim, path: str) -> str:
    """Why this path (relative to the top of the claim's worktree) may not be changed; "" when it may."""
    if claim.review:
        return (
            f"{claim.step} is a review: what you change here is not submitted. Record what is wrong with "
            "`andon advance --outcome … -m … --finding 'path:line: severity: text'`"
        )
    if is_protected(claim.protect, path):
        return f"{path} is protected: it decides how gates judge, so no task of this workflow may change it"
    for globs in claim.bounds:
        if not Globs(globs).matches(path):
            return f"{path} is outside the scope of {claim.task or 'the task'} ({', '.join(globs)})"
    if claim.forbidden and Globs(claim.forbidden).matches(path):
        return f"{path} is forbidden by a gate of {claim.step}"
    return ""


def is_protected(patterns: list[str], path: str) -> bool:
    """Whether the file as a whole is protected: patterns as in `core.gate_files`, the last that speaks of it decides.

    A pattern of one section, or of new modules, can't be told without both contents: the gate looks at those.
    """
    for pattern in reversed(patterns):
        exclude = pattern.startswith("!")
        body = pattern.removeprefix("!")
        place, mark, section = body.rpartition("#")
        if mark and section == "file":
            if place == path:
                return not exclude
        elif mark and (section == "modules" or place.endswith((".toml", ".json", ".cfg", ".ini"))):
            continue
        elif Globs((body,)).matches(path):
            return not exclude
    return False
