"""Walking history: the commits of a name or a range, and first parents. Must not know: what the commits are for."""

from __future__ import annotations

from andon.core.errors import UsageError
from andon.git.run import Runner


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


def lineage(repo: Runner, commit: str, *, limit: int) -> list[str]:
    """The first parents of a commit, the nearest first, without the commit itself."""
    return repo.run("rev-list", "--first-parent", f"--max-count={limit + 1}", commit, "--").text.split()[1:]
