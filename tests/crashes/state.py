"""What a world amounts to: everything that must be the same after a crash as without one.

Left out is what may differ: times, tokens and how many attempts it took, and so the ids of commits that hold a time.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

from andon.core import state as s
from andon.engine.places import LEASE_FILE, git_dir_of, read_lease_file
from andon.store import rebuild
from andon.store.sqlite import SqliteStore
from tests.e2e.world import World


def state_of(world: World) -> dict[str, Any]:
    """The whole of it, as plain values."""
    database = world.path / ".git" / "andon" / "andon.db"
    found: dict[str, Any] = {"git": _git(world)}
    if not database.exists():
        return found
    store = SqliteStore(str(database))
    try:
        with store.read() as reader:
            found["tasks"] = {str(row["id"]): _task(world, _load(reader, str(row["id"]))) for row in reader.tasks()}
            runs = [_load(reader, str(row["id"])) for row in reader.runs()]
            found["runs"] = {run.id: _run(run) for run in runs}
            found["messages"] = sorted(_message(_load(reader, str(row["id"]))) for row in reader.messages())
            found["settings"] = {key: reader.setting(key) for key in ("target", "workflow")}
            found["learnings"] = _learnings(reader)
            found["worktrees"] = _worktrees(world, runs)
        # Law 9, whatever happened.
        assert rebuild.check(store) == []
    finally:
        store.close()
    found["workspace"] = _workspace(world)
    return found


def _learnings(reader: Any) -> list[tuple[Any, ...]]:
    # The workspace's identity is another one each time.
    return [
        (
            x.id,
            x.text,
            x.status,
            x.scopes,
            x.repository,
            x.agent,
            bool(x.reviewed_by),
            re.sub("@.*", "@", x.superseded_by),
        )
        for x in reader.learnings()
    ]


def _workspace(world: World) -> dict[str, Any]:
    """The workspace beside the repository, and what the repository says of it."""
    pointer = [world.git("config", "--get", f"andon.{key}", check=False) for key in ("workspace", "repository")]
    database = world.path.parent / "factory" / "andon.db"
    found: dict[str, Any] = {"pointer": pointer}
    if database.exists():
        store = SqliteStore(str(database))
        try:
            with store.read() as reader:
                found["identity"] = bool(reader.setting("workspace"))
                found["repositories"] = [(x.name, x.status, x.path) for x in reader.repositories()]
                found["learnings"] = _learnings(reader)
            assert rebuild.check(store) == []
        finally:
            store.close()
    return found


def _load(reader: Any, name: str) -> Any:
    loaded = reader.load(name)
    assert loaded is not None
    return loaded.state


def _task(world: World, task: s.Task) -> tuple[Any, ...]:
    landed = world.git("rev-parse", f"{task.commit}^{{tree}}") if task.commit else ""
    text = (task.title, task.body, task.acceptance, task.scope, task.depends_on, task.labels, task.workflow)
    return (*text, task.priority, task.status, task.run, landed, task.reason)


def _run(run: s.Run) -> dict[str, Any]:
    return {
        "task": run.task,
        "workflow": run.workflow,
        "status": (run.status, run.outcome, _plain(run.reason)),
        "active": {name: _step(step) for name, step in run.active.items()},
        "visits": run.visits,
        "submissions": {lane: (x.tree, x.patch, x.by) for lane, x in run.submissions.items()},
        "reviews": [(x.step, x.agent, x.patch, x.approves, x.message) for x in run.reviews],
        # A person's word counts once, however often it is given.
        "approvals": {(x.step, x.person, x.patch, x.approves, x.message) for x in run.approvals},
        "waivers": {(x.gate, x.patch, x.why) for x in run.waivers},
        "signals": {(x.name, x.tree, x.outcome) for x in run.signals},
        "notes": [(x.step, x.agent, x.outcome, _plain(x.message), x.notes) for x in run.notes if "/" not in x.agent],
        "authors": run.authors,
        "landed": run.landed_tree,
        "tokens": run.tokens_used,
    }


def _step(step: s.ActiveStep) -> tuple[Any, ...]:
    # Why an attempt ended is history once the next one is at work.
    reason = "" if step.lease is not None else _plain(step.reason)
    holder = step.lease.agent if step.lease is not None and step.kind == "agent" else ""
    salvage = bool(step.salvage)
    prepared = step.prepared.tree if step.prepared else ""
    return (
        step.kind,
        step.lane,
        step.role,
        step.state,
        reason,
        holder,
        step.offered_to,
        salvage,
        prepared,
    )


def _plain(text: str) -> str:
    """Without ids of commits and numbers of processes."""
    return re.sub(r"\b[0-9a-f]{7,64}\b|:\d+\b", "…", text)


def _message(message: s.Message) -> tuple[str, ...]:
    acknowledged = ",".join(sorted(message.acknowledged))
    return (message.kind, message.sender, message.recipient, message.body, message.run, message.answer, acknowledged)


def _git(world: World) -> dict[str, Any]:
    """What landed, and the person's own checkout."""
    form = "%T %s|%an <%ae>|%cn|%(trailers:key=Andon-Task)%(trailers:key=Andon-Run)"
    salvaged = world.git("for-each-ref", "--format=%(refname)", "refs/andon/salvage").split()
    return {
        "main": world.git("log", f"--format={form}", "main").splitlines(),
        "status": world.git("status", "--porcelain"),
        "branches": world.git("for-each-ref", "--format=%(refname)", "refs/heads").split(),
        # The same work kept twice is kept.
        "salvaged": sorted(
            {f"{name.rsplit('/', 1)[0]} {world.git('rev-parse', name + '^{tree}')}" for name in salvaged}
        ),
        "files": sorted(x.name for x in (world.path / ".andon" / "workflows").glob("*")),
        "hook": (world.path / ".git" / "hooks" / "reference-transaction").exists(),
    }


def _worktrees(world: World, runs: list[s.Run]) -> dict[str, Any]:
    """What each worker has before it: the files of its worktree, and that its claim is found from there."""
    found = {}
    for run in runs:
        for step in run.active.values():
            if step.kind != "agent" or step.lease is None:
                continue
            path = step.lease.workdir
            claim = read_lease_file(path)
            known = claim is not None and (claim.run, claim.step, claim.token) == (run.id, step.step, step.lease.token)
            found[f"{run.id} {step.step}"] = (known, _files(Path(path)))
    return found


def _files(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != ".git"
    }


def leftovers(world: World) -> list[str]:
    """What a crash may leave and nobody may be bothered by: locks of git, halves of worktrees, temporary files."""
    common = world.path / ".git"
    found = [str(path) for path in common.rglob("*.lock") if "andon" not in path.relative_to(common).parts]
    found += [
        str(path) for path in (world.path / ".andon").rglob("*") if path.name.startswith(".") or "new" in path.name
    ]
    listed = subprocess.run(
        ["git", "worktree", "list", "--porcelain"],
        cwd=world.path,
        capture_output=True,
        text=True,
        env=world.environment,
    ).stdout
    registered = {line[9:] for line in listed.splitlines() if line.startswith("worktree ")}
    beside = Path(f"{world.path}.andon")
    for path in sorted(beside.glob("*")):
        git_dir = git_dir_of(str(path))
        if str(path) not in registered or git_dir is None or not os.path.exists(os.path.join(git_dir, LEASE_FILE)):
            found.append(f"{path} is half a worktree")
    for admin in sorted((common / "worktrees").glob("*")):
        if (admin / "locked").exists() or not (admin / "gitdir").exists():
            found.append(f"{admin} is half a registration")
        elif not Path((admin / "gitdir").read_text().strip()).exists():
            found.append(f"{admin} registers nothing")
    return found


def temporary_files(world: World) -> list[str]:
    """What is in use for a moment only, and harmless."""
    common = world.path / ".git"
    found = [str(path) for path in (common / "andon" / "tmp").glob("*")]
    found += [str(path) for path in (common / "andon").glob("*.*-*") if path.name.rpartition(".")[2][0].isdigit()]
    return found
