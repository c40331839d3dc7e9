"""`andon init --client`: joins the clients' set-ups with the repository, its target branch and the reply.

With `--commit` the commit comes first and the checkouts follow it, as at a landing. What is committed is what the target
branch has plus Andon's own edits, worked out apart from the working tree: so nothing of a person's gets into it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from andon.agents.setup import apply, ledger
from andon.agents.setup.records import ClientSetup
from andon.agents.setup.registry import load_all, names
from andon.agents.setup.shared import SHARED
from andon.app.clients_proof import forget, hook_edits, remember
from andon.core.errors import EXIT_NO, AndonError, UsageError

Commit = Callable[[dict[str, bytes | None], str], str]
"""(contents by path, message) -> the commit on the target branch."""
ReadHead = Callable[[str], bytes | None]
"""A file as the target branch has it."""


def named(arguments: dict[str, Any]) -> list[ClientSetup]:
    """The clients that the caller names. Raises UsageError."""
    words = [word.strip() for text in arguments.get("clients") or [] for word in str(text).split(",")]
    if not any(words):
        known = ", ".join(names())
        raise UsageError(f"--remove needs --client; known are {known}", next="andon init --client NAME --remove")
    return load_all(word for word in words if word)


def configured(root: str) -> list[ClientSetup]:
    """The clients that are set up in a working tree."""
    return [setup for setup in load_all(names()) if apply.present(root, setup)]


def carry_out(
    root: str | None,
    state_dir: str,
    setups: Sequence[ClientSetup],
    *,
    remove: bool,
    commit: Commit | None,
    read_head: ReadHead,
    on_target: bool = True,
) -> dict[str, Any]:
    """Write (or take away) the clients' files; with `commit` on the target branch, too. The reply's part about them.

    on_target: the target branch is checked out here.
    """
    if root is None:
        text = "a bare repository has no working tree to write a client's files in"
        raise UsageError(text, kind="no_worktree", next="run this in a clone, and push what it writes")
    wanted = {setup.name for setup in setups}
    others = [setup for setup in configured(root) if setup.name not in wanted]
    plan = _plan(root, state_dir, setups, others, remove=remove)
    # Worked out before anything is written, from what the branch has then.
    theirs = with_edits(root, state_dir, setups, others, read_head, remove=remove)
    made = None
    if commit is not None:
        made = _commit(root, plan.files, theirs, commit, read_head, sorted(wanted), remove=remove)
    done = plan.carry_out()
    for setup in setups:
        if remove:
            forget(state_dir, setup)
        else:
            hooked = {edit.path for edit in hook_edits(setup)}
            changed = any(one.path in hooked and one.action in (apply.WRITTEN, apply.CHANGED) for one in done)
            remember(state_dir, setup, written=changed)
    open_files = [
        one
        for one in done
        if one.action != apply.LEFT
        and (head := read_head(in_tree(root, one.path))) != one.after
        and not is_theirs_alone(one.path, head, theirs)
    ]
    again = f"andon init --client {','.join(sorted(wanted))}{' --remove' if remove else ''} --commit"
    clean = on_target and all(is_theirs_alone(one.path, one.after, theirs) for one in open_files)
    return {
        "clients": [_described(setup) for setup in setups],
        "files": [{"path": one.path, "action": one.action, "note": one.note} for one in done],
        "removed": remove,
        "commit": made,
        "next": _next([one.path for one in open_files], again if clean else "", setups, remove=remove),
    }


def _plan(
    root: str, state_dir: str, setups: Sequence[ClientSetup], others: Sequence[ClientSetup], *, remove: bool
) -> apply.Plan:
    if remove:
        return apply.plan_removal(root, state_dir, setups, SHARED, keep=others)
    return apply.plan(root, state_dir, setups, SHARED, others=others)


def with_edits(
    root: str,
    state_dir: str,
    setups: Sequence[ClientSetup],
    others: Sequence[ClientSetup],
    read_head: ReadHead,
    *,
    remove: bool = False,
) -> dict[str, bytes | None]:
    """What the edits alone make of the files as the target branch has them, by path; {} where they can't be made.

    Worked out in a directory of its own. Of the working tree only its links are taken over.
    """
    edits = [*(edit for setup in (*setups, *others) for edit in setup.edits), *SHARED]
    with tempfile.TemporaryDirectory(prefix="andon-clients-") as directory:
        top, state = os.path.join(directory, "tree"), os.path.join(directory, "state")
        os.mkdir(top)
        os.mkdir(state)
        known = os.path.join(state_dir, ledger.NAME)
        if os.path.exists(known):
            shutil.copyfile(known, os.path.join(state, ledger.NAME))
        try:
            for path in dict.fromkeys(edit.path for edit in edits):
                _lay_out(top, path, in_tree(root, path), read_head)
            return {one.path: one.after for one in _plan(top, state, setups, others, remove=remove).files}
        except (AndonError, OSError):
            return {}


def is_theirs_alone(path: str, content: bytes | None, theirs: dict[str, bytes | None]) -> bool:
    """Whether this is what the target branch has plus Andon's edits, and nothing else."""
    return path in theirs and theirs[path] == content


def in_tree(root: str, path: str) -> str:
    """The path in the repository that this one leads to."""
    top = os.path.realpath(root)
    below = os.path.relpath(os.path.realpath(os.path.join(top, path)), top)
    return path if below.split("/")[0] == ".." else below


def _lay_out(top: str, path: str, real: str, read_head: ReadHead) -> None:
    content = read_head(real)
    if content is None:
        return
    for name in dict.fromkeys((path, real)):
        os.makedirs(os.path.dirname(os.path.join(top, name)), exist_ok=True)
    with open(os.path.join(top, real), "wb") as file:
        file.write(content)
    if path != real and not os.path.lexists(os.path.join(top, path)):
        os.symlink(os.path.join(top, real), os.path.join(top, path))


def _commit(
    root: str,
    planned: Sequence[apply.Planned],
    theirs: dict[str, bytes | None],
    commit: Commit,
    read_head: ReadHead,
    listed: list[str],
    *,
    remove: bool,
) -> str | None:
    """Commit what the target branch has otherwise. Nothing that a person has not committed goes with it."""
    wanted: dict[str, bytes | None] = {}
    for one in planned:
        path = in_tree(root, one.path)
        head = read_head(path)
        if one.action == apply.LEFT or head == one.after or is_theirs_alone(one.path, head, theirs):
            # The last: Andon's part is there as it shall be. What else was changed in the file is a person's.
            continue
        if head != one.before and not is_theirs_alone(one.path, one.after, theirs):
            text = (
                f"{one.path} holds changes that are not committed and not Andon's, so it can't be committed for you; "
                "nothing was written"
            )
            following = f"commit {one.path} yourself, or put the changes aside (git stash), then the same again"
            raise AndonError(text, kind="not_committed", next=following, exit=EXIT_NO)
        wanted[path] = one.after
    if not wanted:
        return None
    verb = "no longer under" if remove else "under"
    return commit(wanted, f"Clients {verb} Andon: {', '.join(listed)}\n")


def _described(setup: ClientSetup) -> dict[str, Any]:
    return {
        "client": setup.name,
        "title": setup.title,
        "program": setup.program,
        "trust": setup.trust,
        "enforced": list(setup.enforced),
        "limits": list(setup.limits),
        "proven": setup.proven,
    }


def _next(open_paths: list[str], again: str, setups: Sequence[ClientSetup], *, remove: bool) -> str:
    """One line for each thing to do. again: the command that commits the open paths, "" where it would refuse."""
    if open_paths:
        why = (
            "so that they are gone from worktrees"
            if remove
            else "worktrees of `andon next` have only what is committed"
        )
        return f"commit these files on the target branch ({why}): {again or by_hand(open_paths)}"
    if remove:
        return "andon doctor"
    trust = [f"{setup.title}: {setup.trust}" for setup in setups if setup.trust]
    return "\n".join([*trust, "after a first session: andon doctor"])


def by_hand(paths: Sequence[str]) -> str:
    """How a person commits these files. The guard refuses a commit while runs are open, unless it is told otherwise."""
    return f"git add -f {' '.join(_quoted(path) for path in paths)} && ANDON_GUARD=off git commit"


def _quoted(path: str) -> str:
    return path if path.replace("/", "").replace(".", "").replace("-", "").replace("_", "").isalnum() else f"'{path}'"
