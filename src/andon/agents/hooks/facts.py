"""What a decision rests on: claims, places and names. Gathered by the command line, read by `decide`.

A plain slotted class, since the hot path pays for every import.
"""

from __future__ import annotations

import os

from andon.agents.hooks.bounds import Claim

# Where a path lies.
CLAIM = "claim"  # in the worktree of a claim of this agent
GIT = "git"  # in a git directory of this repository
REPOSITORY = "repository"  # in the main checkout, or another worktree of this repository
TEMPORARY = "temporary"  # where programs keep what is nobody's: temporary directories, caches, clients' own scratch
SETTINGS = "settings"  # the person's own: settings of clients and shells, keys
ELSEWHERE = "elsewhere"

SCRATCH = (
    ".cache", ".npm", ".cargo/registry", ".cargo/git", ".gradle/caches", ".m2/repository", ".pnpm-store", ".bun/install/cache",
    ".nuget/packages", ".claude/plans", ".claude/todos", ".gemini/tmp", ".qwen/tmp", ".copilot/session-state",
    ".local/share/opencode/plans", ".cursor/plans",
)  # fmt: skip
"""Below a person's home: caches, and where clients keep their own plans and notes. All else that begins with a dot there
decides what runs in the person's name."""


class Facts:
    """claims: of this agent, the one at hand first. cwd: the session's directory, without links. name: the agent's.

    fixed: the name was given by ANDON_AGENT. known: it is sure whose call this is.

    worktree: the one around cwd, if any. main: the main checkout, if any.
    """

    __slots__ = (
        "claims",
        "common",
        "cwd",
        "fixed",
        "home",
        "known",
        "main",
        "name",
        "names",
        "temporary",
        "worktree",
        "worktrees",
    )

    def __init__(
        self,
        *,
        common: str,
        cwd: str,
        name: str = "",
        names: tuple[str, ...] = (),
        fixed: bool = False,
        known: bool = True,
        worktree: str | None = None,
        claims: tuple[Claim, ...] = (),
        home: str = "",
        temporary: tuple[str, ...] = (),
    ) -> None:
        self.common = common
        self.cwd = cwd
        self.name = name
        self.names = names or (name,)
        self.fixed = fixed
        self.known = known
        self.worktree = worktree
        self.claims = claims
        self.home = home
        self.temporary = temporary
        self.main = common[:-5] if common.endswith("/.git") else None
        self.worktrees = f"{(self.main or common).rstrip('/')}.andon"

    def place(self, path: str) -> tuple[str, Claim | None]:
        """Where an absolute path lies, and in which claim's worktree."""
        for claim in self.claims:
            if inside(path, claim.workdir):
                own = path[len(claim.workdir) + 1 :]
                return (GIT if own == ".git" or own.startswith(".git/") else CLAIM), claim
        if inside(path, self.common):
            return GIT, None
        if inside(path, self.worktrees) and "/" not in path[len(self.worktrees) + 1 :] and not os.path.isdir(path):
            # Beside the worktrees, in none of them.
            return ELSEWHERE, None
        roots = (self.worktree, self.main, self.worktrees, os.path.join(self.common, "andon", "worktrees"))
        for root in roots:
            if root and inside(path, root):
                return REPOSITORY, None
        below = path[len(self.home.rstrip("/")) + 1 :] if self.home and inside(path, self.home) else ""
        spots = self.temporary
        if below.startswith("."):
            if any(inside(below, name) for name in SCRATCH):
                return TEMPORARY, None
            # A home may lie in a temporary directory, as may a temporary directory in a home: the inner one tells.
            spots = tuple(root for root in spots if root != self.home and inside(root, self.home))
        if any(inside(path, root) for root in spots):
            return TEMPORARY, None
        return (SETTINGS if below.startswith(".") else ELSEWHERE), None


def inside(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def real(path: str, cwd: str) -> str:
    """Absolute and without links, so that no link leads out of bounds unseen."""
    return os.path.realpath(os.path.join(cwd, os.path.expanduser(path) if path.startswith("~") else path))
