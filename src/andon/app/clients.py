"""`andon init --client`: joins the clients' set-ups with the repository, its target branch and the reply.

With `--commit` the commit comes first and the checkouts follow it, as at a landing: so nothing of a person's that is not
committed yet gets into it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from andon.agents.setup import apply
from andon.agents.setup.records import ClientSetup
from andon.agents.setup.registry import load_all, names
from andon.agents.setup.shared import SHARED
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
) -> dict[str, Any]:
    """Write (or take away) the clients' files; with `commit` on the target branch, too. The reply's part about them."""
    if root is None:
        text = "a bare repository has no working tree to write a client's files in"
        raise UsageError(text, kind="no_worktree", next="run this in a clone, and push what it writes")
    wanted = {setup.name for setup in setups}
    others = [setup for setup in configured(root) if setup.name not in wanted]
    if remove:
        plan = apply.plan_removal(root, state_dir, setups, SHARED, keep=others)
    else:
        plan = apply.plan(root, state_dir, setups, SHARED, others=others)
    made = None
    if commit is not None:
        made = _commit(plan.files, commit, read_head, sorted(wanted), remove=remove)
    done = plan.carry_out()
    listed = [{"path": one.path, "action": one.action, "note": one.note} for one in done]
    return {
        "clients": [_described(setup) for setup in setups],
        "files": listed,
        "removed": remove,
        "commit": made,
        "next": _next(done, made, read_head, setups, remove=remove),
    }


def _commit(
    planned: Sequence[apply.Planned], commit: Commit, read_head: ReadHead, listed: list[str], *, remove: bool
) -> str | None:
    """Commit what the target branch has otherwise. Nothing that a person has not committed goes with it."""
    wanted: dict[str, bytes | None] = {}
    for one in planned:
        head = read_head(one.path)
        if one.action == apply.LEFT or head == one.after:
            continue
        if head != one.before and one.before != one.after:
            text = (
                f"{one.path} is not as the target branch has it, so it can't be committed for you; nothing was written"
            )
            raise AndonError(
                text, kind="not_committed", next=f"commit {one.path} first, or leave --commit away", exit=EXIT_NO
            )
        wanted[one.path] = one.after
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


def _next(
    done: Sequence[apply.Planned],
    commit: str | None,
    read_head: ReadHead,
    setups: Sequence[ClientSetup],
    *,
    remove: bool,
) -> str:
    open_paths = [one.path for one in done if one.action != apply.LEFT and read_head(one.path) != one.after]
    if open_paths and commit is None:
        why = (
            "so that they are gone from worktrees"
            if remove
            else "worktrees of `andon next` have only what is committed"
        )
        paths = " ".join(_quoted(path) for path in open_paths)
        return f"commit these files on the target branch ({why}): git add -f {paths} && git commit"
    if remove:
        return "andon doctor"
    trust = [f"{setup.title}: {setup.trust}" for setup in setups if setup.trust]
    return "; ".join([*trust, "after a first session: andon doctor"])


def _quoted(path: str) -> str:
    return path if path.replace("/", "").replace(".", "").replace("-", "").replace("_", "").isalnum() else f"'{path}'"
