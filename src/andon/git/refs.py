"""References: reading them, and moving a branch by compare-and-swap.

Rules: a branch moves by `move_branch` alone (law 7); everything else that Andon keeps lives under `refs/andon/`. What runs
land on is a branch, or an integration reference under `refs/andon/swarm/` (see `core.swarm`): both move in the same way.
"""

from __future__ import annotations

import os

from andon.core.errors import EXIT_NO, AndonError, InvariantViolation
from andon.core.swarm import ref_of
from andon.git.failures import failure, words_of
from andon.git.objects import is_id
from andon.git.run import Finished, Runner
from andon.git.sole import LOCKED, announced, clear_killed_move, drop_own_lock, sole

BRANCHES = "refs/heads/"
OWN = "refs/andon/"
MOVE_TIMEOUT_S = 120.0
_REFUSED = ("aborted by hook", "aborted by the reference-transaction hook")


def read_id(path: str) -> str | None:
    """The object id that a loose reference (or a detached HEAD) file holds; None when it is anything else."""
    try:
        with open(path, "rb") as file:
            text = file.read(100).strip()
    except OSError:
        return None
    return text.decode() if is_id(text) else None


def branch_head(repo: Runner, common_dir: str, branch: str) -> str | None:
    """The commit that a branch is at. A loose reference is read from its file: it always counts before a packed one."""
    if not branch or branch.startswith("-") or ".." in branch:
        return None
    ref = ref_of(branch)
    path = os.path.join(common_dir, *ref.split("/"))
    if ref.startswith(OWN) and points_elsewhere(path):
        return None
    loose = read_id(path)
    if loose is not None:
        return loose
    done = repo.run("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", ok=None)
    return done.text if done.code == 0 else None


def points_elsewhere(path: str) -> bool:
    """Whether a reference is symbolic: what is below refs/andon never is, and whoever moved it would move another."""
    try:
        with open(path, "rb") as file:
            return os.path.islink(path) or file.read(4) == b"ref:"
    except OSError:
        return os.path.islink(path)


def move_branch(
    repo: Runner, hooked: Runner, common_dir: str, branch: str, new: str, expected: str, reason: str
) -> bool:
    """Compare-and-swap of a branch, with the repository's own hooks. False only when it is elsewhere.

    Integration references are Andon's own: they move without hooks, and the guard refuses all others.
    """
    if not (is_id(new) and is_id(expected)):
        raise InvariantViolation(f"branch {branch} can't be moved from {expected!r} to {new!r}: not full object ids")
    text = reason.replace("\n", " ")
    ref = ref_of(branch)
    own = ref.startswith(OWN)
    mover = repo if own else hooked
    command = ("update-ref", *(("--no-deref",) if own else ()), "-m", text, ref, new, expected)
    with sole(common_dir) as alone:
        if alone:
            clear_killed_move(common_dir)
        with announced(common_dir, ref, new):
            done = mover.run(*command, ok=None, timeout_s=MOVE_TIMEOUT_S)
            if done.code < 0 and alone:
                # Git alone was killed (the system may run out of memory): its locks are nobody's now.
                clear_killed_move(common_dir)
        if alone and own and (LOCKED in done.err or done.code < 0):
            # Nobody else writes below refs/andon: the lock is that of a killed git of ours.
            drop_own_lock(common_dir, ref)
            done = mover.run(*command, ok=None, timeout_s=MOVE_TIMEOUT_S)
    if done.code == 0:
        return True
    # What git says about it differs between versions; where the branch is now does not.
    now = branch_head(repo, common_dir, branch)
    if now != expected:
        return now == new
    said = done.err.decode("utf-8", "replace")
    if any(words in said for words in _REFUSED):
        raise AndonError(
            f"a reference-transaction hook refused to move {branch}: {words_of(said, done.code)}",
            kind="branch_refused",
            next="see .git/hooks/reference-transaction; andon doctor",
            exit=EXIT_NO,
        )
    raise failure(("update-ref",), done.code, done.err)


def set_ref(repo: Runner, common_dir: str, ref: str, commit: str) -> None:
    _change_own(repo, common_dir, ref, ("update-ref", "--no-deref", ref, commit))


def delete_ref(repo: Runner, common_dir: str, ref: str) -> None:
    """Remove a reference; one that is not there is no error."""
    _change_own(repo, common_dir, ref, ("update-ref", "--no-deref", "-d", ref))


def _change_own(repo: Runner, common_dir: str, ref: str, command: tuple[str, ...]) -> None:
    done = try_to_change(repo, common_dir, ref, command)
    if done.code != 0:
        raise failure(command, done.code, done.err)


def try_to_change(repo: Runner, common_dir: str, ref: str, command: tuple[str, ...]) -> Finished:
    """Carry out an `update-ref` of a reference that is no branch; a lock that a killed git of ours left is no obstacle."""
    _refuse_branches(ref)
    with sole(common_dir) as alone:
        done: Finished = repo.run(*command, ok=None)
        if (LOCKED in done.err or done.code < 0) and alone and ref.startswith(OWN):
            drop_own_lock(common_dir, ref)
            done = repo.run(*command, ok=None)
    return done


def refs(repo: Runner, prefix: str) -> dict[str, str]:
    """name -> object id of the references below `prefix` (a whole component: refs/andon, refs/andon/submissions)."""
    done = repo.run("for-each-ref", "--format=%(objectname) %(refname)", prefix.rstrip("/"))
    found = {}
    for line in done.out.split(b"\n"):
        if line:
            oid, _, name = line.partition(b" ")
            found[os.fsdecode(name)] = oid.decode()
    return found


def _refuse_branches(ref: str) -> None:
    if not ref.startswith("refs/") or ref.startswith(BRANCHES):
        raise InvariantViolation(f"{ref} is not a reference that may be set without compare-and-swap")
