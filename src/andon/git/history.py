"""Walking history: the commits of a name or a range, and first parents. Must not know: what the commits are for."""

from __future__ import annotations

import os
import re

from andon.core.errors import UsageError
from andon.git.run import Runner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from andon.core.planning.history import Commit

MAX_LOG_BYTES = 256 * 1024 * 1024
MAX_MESSAGE_CHARS = 4_000
_HEAD = rb"([0-9a-f]{40,64}) (-?\d{1,18})\n"


def commits_of(repo: Runner, text: str, *, limit: int) -> list[str]:
    """A commit, or the commits of A..B with the oldest first. Raises UsageError for anything else, and for too many."""
    start, dots, end = text.partition("..")
    if not dots:
        return [_commit(repo, text)]
    if end.startswith(".") or not start or not end:
        raise UsageError(f"{text} is not a commit or a range A..B", next="for example main~3..main")
    wanted = (_commit(repo, end), f"^{_commit(repo, start)}")
    out = repo.run("rev-list", "--topo-order", "--reverse", *wanted, "--").text.split()
    if len(out) > limit:
        raise UsageError(f"{text} has {len(out)} commits, more than {limit}", next="verify it in parts")
    return out


def _commit(repo: Runner, name: str) -> str:
    if not name or name.startswith(("-", "^")):
        raise UsageError(f"{name!r} names no commit")
    done = repo.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", ok=None)
    if done.code != 0:
        raise UsageError(f"there is no commit {name} here", next="git fetch, or another name")
    return done.text


def commits_since(repo: Runner, head: str, known: str | None, *, limit: int) -> list[Commit]:
    """The newest commits of `head` that are not of `known`, with the paths that each changed; oldest first.

    A commit without a parent here (the first one, or the edge of a shallow clone) would seem to change all files, and is
    left out, as merges are.
    """
    from andon.core.planning.history import Commit

    options = (
        "--no-merges",
        "--no-renames",
        "--no-ext-diff",
        "--name-only",
        "-z",
        "--topo-order",
        f"--max-count={limit}",
    )
    wanted = (head,) if known is None else (head, f"^{known}")
    command = ("-c", "log.showRoot=false", "log", *options, "--format=%x01%H %ct%n%B%x02", *wanted, "--")
    done = repo.run(*command, keep_bytes=MAX_LOG_BYTES)
    found = []
    for part in done.out.split(b"\x01"):
        match = re.match(_HEAD, part)
        text, end, files = part.partition(b"\x02")
        if match is None or not end:
            continue
        message = text[match.end() :].decode("utf-8", "replace")[:MAX_MESSAGE_CHARS]
        paths = tuple(os.fsdecode(path) for path in files.lstrip(b"\0\n").split(b"\0") if path.strip(b"\n"))
        if paths:
            found.append(Commit(id=match.group(1).decode(), at=float(match.group(2)), message=message, files=paths))
    return found[::-1]


def lineage(repo: Runner, commit: str, *, limit: int) -> list[str]:
    """The first parents of a commit, the nearest first, without the commit itself."""
    return repo.run("rev-list", "--first-parent", f"--max-count={limit + 1}", commit, "--").text.split()[1:]
