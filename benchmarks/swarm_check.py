"""What must be true after a swarm's load, asked of git, of the log and of the disk; none of it of what Andon says it did.

Rules: each landed tree is checked again by plain git and the gate's own script; the log is read with the store's reader
and must say the same; nothing may lie outside the worktrees. Every problem is one line.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from andon.core import events as e
from andon.demo.client import Andon, environment_of
from andon.ports import StoredEvent
from andon.store.sqlite import SqliteStore

FIELDS = "%H%x1f%P%x1f%(trailers:key=Andon-Task,valueonly,separator=%x20)"
LOCKS_OF_ANDON = frozenset({"andon.db.lock", "lead.lock"})


def problems_of(root: Path, start: str, tasks: dict[str, int], check: str) -> list[str]:
    """All of them."""
    return [
        *_commits(root, start, tasks, check),
        *_log(root, tasks),
        *_disk(root),
    ]


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, env=environment_of(None), capture_output=True, text=True)
    if done.returncode != 0:
        return f"git {' '.join(arguments)} failed: {done.stderr.strip()}"
    return done.stdout.strip()


def _commits(root: Path, start: str, tasks: dict[str, int], check: str) -> list[str]:
    """One commit for each task, in one line, each with its own part and nothing else, and each tree green."""
    problems = []
    seen: Counter[str] = Counter()
    head = start
    for record in _git(root, "log", "--reverse", f"--format={FIELDS}", f"{start}..main").splitlines():
        commit, parents, task = [*record.split("\x1f"), "", ""][:3]
        seen[task] += 1
        if parents != head:
            problems.append(f"commit {commit[:10]} of {task} has the parents {parents}, expected {head}")
        expected = {f"parts/{tasks.get(task)}.txt", "index.txt"}
        changed = set(_git(root, "diff-tree", "--name-only", "-r", "--no-commit-id", head, commit).splitlines())
        if changed != expected:
            problems.append(f"commit {commit[:10]} of {task} changes {sorted(changed)}, expected {sorted(expected)}")
        if not _is_green(root, commit, check):
            problems.append(f"the tree of commit {commit[:10]} of {task} is red")
        head = commit
    problems += [f"task {task} has {seen[task]} commits, expected 1" for task in tasks if seen[task] != 1]
    problems += [f"commits for {task!r}, which is no task" for task in seen if task not in tasks]
    return problems


def _is_green(root: Path, commit: str, check: str) -> bool:
    with tempfile.TemporaryDirectory() as place:
        archive = subprocess.run(["git", "archive", commit], cwd=root, capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", place], input=archive.stdout, check=True)
        with tempfile.TemporaryDirectory() as out:
            return subprocess.run(["sh", "-c", check, "check", out], cwd=place, capture_output=True).returncode == 0


def _log(root: Path, tasks: dict[str, int]) -> list[str]:
    """Events tell one run and one landing for each task, one owner at a time, growing tokens; and doctor finds nothing."""
    problems = []
    runs: Counter[str] = Counter()
    landed: Counter[str] = Counter()
    store = SqliteStore(str(root / ".git" / "andon" / "andon.db"))
    try:
        with store.read() as reader:
            rows = reader.runs(limit=100_000)
            for row in rows:
                runs[str(row["task"])] += 1
                log = reader.log(str(row["id"]), limit=1_000_000)
                problems += [f"{row['id']}: {x.problem}" for x in log if not isinstance(x, StoredEvent)]
                events = [x.event for x in log if isinstance(x, StoredEvent)]
                landed[str(row["task"])] += sum(isinstance(x, e.Landed) for x in events)
                problems += _owners(str(row["id"]), events)
            problems += [f"task {row['id']} is {row['status']}" for row in reader.tasks() if row["status"] != "landed"]
    finally:
        store.close()
    problems += [f"task {task} has {runs[task]} runs, expected 1" for task in tasks if runs[task] != 1]
    problems += [f"task {task} landed {landed[task]} times in the log" for task in tasks if landed[task] != 1]
    doctor = Andon(None, root).call("doctor")
    if doctor.exit_code != 0:
        checks = [x for x in doctor.data.get("checks", []) if not x.get("ok", True)]
        problems.append(f"doctor ended {doctor.exit_code}: {checks or doctor.reason()}")
    return problems


def _owners(run: str, events: list[e.Event]) -> list[str]:
    """One owner of a step at a time, each with a token above all before; nothing is finished that nobody holds."""
    problems = []
    holder: dict[str, int] = {}
    last = 0
    for event in events:
        if isinstance(event, e.StepClaimed):
            if event.step in holder:
                problems.append(f"{run}: step {event.step} was claimed while token {holder[event.step]} held it")
            if event.token <= last:
                problems.append(f"{run}: token {event.token} after {last}")
            holder[event.step], last = event.token, event.token
        elif isinstance(event, e.AttemptEnded):
            if holder.pop(event.step, None) != event.token:
                problems.append(f"{run}: an attempt {event.token} of step {event.step} ended that nobody held")
        elif isinstance(event, e.Submitted) and holder.get(event.step) != event.token:
            problems.append(f"{run}: token {event.token} submitted at step {event.step} without holding it")
        elif isinstance(event, e.StepFinished):
            holder.pop(event.step, None)
    return problems


def _disk(root: Path) -> list[str]:
    """The person's checkout shows the branch's head, no lock was left, and nothing lies beside what Andon names."""
    problems = []
    if dirty := _git(root, "status", "--porcelain"):
        problems.append(f"the checkout of main is dirty: {dirty.splitlines()[:5]}")
    common = root / ".git"
    locks = [path for path in common.rglob("*.lock") if path.name not in LOCKS_OF_ANDON and _is_gits(path, common)]
    problems += [f"a lock was left: {path.relative_to(root)}" for path in locks]
    known = {root.name, f"{root.name}.andon", "logs", "stop"}
    problems += [f"{path.name} lies beside the repository" for path in root.parent.iterdir() if path.name not in known]
    broken = _git(root, "fsck", "--connectivity-only", "--no-dangling", "--no-progress")
    if broken:
        problems.append(f"git fsck: {broken[:300]}")
    return problems


def _is_gits(path: Path, common: Path) -> bool:
    """Locks of git's own files; Andon's files under `andon/` that only end so are not."""
    return path.relative_to(common).parts[0] != "andon"
