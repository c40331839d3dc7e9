"""`andon init`: a coordination database and workflow files for a repository.

Rules: nothing that is there is overwritten; nothing is committed unless asked for; running it again is harmless, and
after a crash it does what was left undone (the setting `initialising` stands from the first write to the last).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from andon.core.errors import EXIT_USAGE, AndonError
from andon.engine.proof import ensure_keys
from andon.engine.runs import WORKFLOW_DIRECTORY, workflow_names, workflow_path
from andon.engine.services import Services

MakeStarters = Callable[
    [Callable[[str], bytes | None], Callable[[], Sequence[str]]], tuple[Mapping[str, str], Sequence[str]]
]
"""(read, list_files) -> (file texts by workflow name, notes on what was detected)."""


def init(
    services: Services,
    arguments: dict[str, Any],
    *,
    make_starters: MakeStarters,
    install_guard: Callable[[], str | None],
    current_branch: Callable[[], str | None],
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Set the repository up. Returns the reply's body and notes."""
    target = _target(services, arguments.get("target"), current_branch)
    if arguments.get("commit"):
        require_checkout(services, target, current_branch())
    notes: list[str] = []
    with services.store.read() as reader:
        interrupted = reader.setting("initialising") or ""
    fresh = not _workflow_files(services) or bool(interrupted)
    with services.engine.unit() as unit:
        unit.writer.put_setting("target", target)
        if arguments.get("workflow"):
            unit.writer.put_setting("workflow", arguments["workflow"])
        if fresh and not interrupted:
            unit.writer.put_setting("initialising", "yes")
    written, found = _write_starters(services, arguments, make_starters, notes, fresh=fresh, resume=bool(interrupted))
    key = _key(services, notes)
    if arguments.get("guard", True) is not False:
        note = install_guard()
        if note:
            notes.append(note)
    commit = None
    if arguments.get("commit") and written:
        commit = _commit(services, target, written, interrupted, notes)
    if fresh:
        with services.engine.unit() as unit:
            unit.writer.put_setting("initialising", "")
    head = services.git.branch_head(target)
    on_branch = workflow_names(services, head) if head else []
    body: dict[str, Any] = {
        "ok": True,
        "repository": services.git.main_worktree or services.git.common_dir,
        "database": os.path.join(services.state_dir, "andon.db"),
        "target": target,
        "key": key,
        "written": written,
        "workflows": sorted({*on_branch, *found}),
        "commit": commit,
        "next": _next(written, commit, on_branch, target),
    }
    return body, tuple(notes)


def _key(services: Services, notes: list[str]) -> object:
    """The key that signs evidence. A workspace that came from another machine without its keys is set up all the same;
    nothing lands in it until a person brings them or begins a new line."""
    try:
        ensure_keys(services)
    except AndonError as error:
        if error.kind != "no_key":
            raise
        notes.append(f"nothing can land yet: {error.message}; {error.next}")
        return None
    return services.evidence.described()[-1]["id"]


def _next(written: list[str], commit: str | None, on_branch: list[str], target: str) -> str:
    if written and commit is None:
        return f"look at {WORKFLOW_DIRECTORY}/, then: git add .andon && git commit -m 'Andon workflows' (on {target})"
    if not on_branch and commit is None:
        return f"commit a workflow file under {WORKFLOW_DIRECTORY}/ on {target}"
    return "andon task add 'TITLE', then: andon next"


def _target(services: Services, wanted: str | None, current_branch: Callable[[], str | None]) -> str:
    with services.store.read() as reader:
        known = reader.setting("target")
    target = wanted or known or current_branch()
    if target is None:
        raise AndonError(
            "HEAD is detached, so the target branch is not known",
            kind="no_target",
            next="andon init --target BRANCH",
            exit=EXIT_USAGE,
        )
    if services.git.branch_head(target) is None:
        text = f"branch {target} has no commit yet"
        raise AndonError(text, kind="no_target", next=f"make a first commit on {target}", exit=EXIT_USAGE)
    return target


def _workflow_files(services: Services) -> list[str]:
    """The names of the workflow files in the main worktree."""
    directory = os.path.join(services.git.main_worktree or "", WORKFLOW_DIRECTORY)
    if services.git.main_worktree is None or not os.path.isdir(directory):
        return []
    return sorted(x for x in os.listdir(directory) if x.endswith(".md"))


def _write_starters(
    services: Services,
    arguments: dict[str, Any],
    make_starters: MakeStarters,
    notes: list[str],
    *,
    fresh: bool,
    resume: bool,
) -> tuple[list[str], list[str]]:
    """Write starter workflows where there are none; the names of what was written and of what is there.

    resume: an earlier call was interrupted; what it wrote counts as written now.
    """
    root = services.git.main_worktree
    if root is None:
        notes.append("a bare repository has no working tree: commit workflow files from a clone")
        return [], []
    there = _workflow_files(services)
    if there and not fresh and not arguments.get("force"):
        return [], [x.removesuffix(".md") for x in there]

    def read(path: str) -> bytes | None:
        try:
            with open(os.path.join(root, path), "rb") as file:
                return file.read(2_000_000)
        except OSError:
            return None

    def list_files() -> list[str]:
        return [path for _mode, _oid, path in services.git.list_files("HEAD")]

    texts, remarks = make_starters(read, list_files)
    notes.extend(remarks)
    only = arguments.get("starters")
    written = []
    for name, text in texts.items():
        if only and name not in only:
            continue
        path = os.path.join(root, workflow_path(name))
        if os.path.exists(path):
            if resume and read(workflow_path(name)) == text.encode():
                written.append(workflow_path(name))
            else:
                notes.append(f"{workflow_path(name)} is there already and was left as it is")
            continue
        _write_whole(services, path, text)
        written.append(workflow_path(name))
    return written, sorted(texts)


def _write_whole(services: Services, path: str, text: str) -> None:
    """Write a file of the working tree: all of it or nothing."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    # Named like the temporary files of the git directory, where it is swept should we be killed.
    temporary = os.path.join(services.state_dir, f"starter.{os.getpid()}-0")
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    try:
        os.rename(temporary, path)
    except OSError:
        # The git directory is on another file system.
        os.unlink(temporary)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def _commit(services: Services, target: str, written: list[str], interrupted: str, notes: list[str]) -> str:
    """Commit the written files on the target branch, without touching anybody's index."""
    root = services.git.main_worktree
    head = services.git.branch_head(target)
    before, _, made = interrupted.partition(" ")
    if made and head == made:
        notes += _refreshed(services, target, before, made)
        return made
    if root is None or head is None:
        raise AndonError(f"there is no commit on {target} to build on", kind="no_target", exit=EXIT_USAGE)
    files: dict[str, bytes | None] = {}
    for path in written:
        with open(os.path.join(root, path), "rb") as file:
            files[path] = file.read()
    commit = _made(services, head, files, "Add Andon workflows\n")
    with services.engine.unit() as unit:
        unit.writer.put_setting("initialising", f"{head} {commit}")
    if not services.git.move_branch(target, new=commit, expected=head, reason="andon: init"):
        raise AndonError(f"{target} was moved meanwhile", kind="conflict", next="andon init --commit", exit=4)
    notes += _refreshed(services, target, head, commit)
    return commit


def _refreshed(services: Services, target: str, old: str, new: str) -> list[str]:
    """Bring the checkouts forward; what is to be said of them."""
    return [note.message for note in services.git.refresh_checkouts(target, old, new)]


def require_checkout(services: Services, target: str, current: str | None) -> None:
    """A commit on another branch would leave the written files untracked here, and git would refuse to switch to it."""
    if services.git.main_worktree is not None and current != target:
        here = f"{current} is checked out" if current else "HEAD is detached"
        text = f"{here} in {services.git.main_worktree}, and --commit commits on {target}; nothing was written"
        raise AndonError(text, kind="other_branch", next=f"git switch {target}, then the same again", exit=EXIT_USAGE)


def commit_files(
    services: Services,
    files: Mapping[str, bytes | None],
    message: str,
    allow_landing: Callable[[str, str, str], AbstractContextManager[None]],
) -> tuple[str, list[str]]:
    """A person's own commit of files (None: removed) on the target branch, and notes on its checkouts, which follow.

    It goes through the guard as a landing does, and never beside one: open runs keep the definitions that they were
    started with, and what they land is merged onto the new head.
    """
    with services.places.only_lead():
        return _commit_files(services, files, message, allow_landing)


def _commit_files(
    services: Services,
    files: Mapping[str, bytes | None],
    message: str,
    allow_landing: Callable[[str, str, str], AbstractContextManager[None]],
) -> tuple[str, list[str]]:
    target = services.target
    head = services.git.branch_head(target)
    if head is None:
        raise AndonError(f"there is no commit on {target} to build on", kind="no_target", exit=EXIT_USAGE)
    commit = _made(services, head, files, message)
    with allow_landing(f"refs/heads/{target}", head, commit):
        moved = services.git.move_branch(target, new=commit, expected=head, reason="andon: init")
    if not moved:
        raise AndonError(f"{target} was moved meanwhile", kind="conflict", next="the same again", exit=4)
    return commit, _refreshed(services, target, head, commit)


def _made(services: Services, head: str, files: Mapping[str, bytes | None], message: str) -> str:
    tree = services.git.tree_with(head, files)
    person = services.git.identity()
    return services.git.commit_tree(tree, [head], message, author=person, committer=person, at=services.clock.now())
