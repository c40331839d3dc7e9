"""Setting the stage: the repository, `andon init`, the workflow, the tasks. And looking at it when the play is over.

Rules: only the public command line and git are used; every fact in the summary is read from Andon's log or from git.
Must not know: workers.
"""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path
from typing import Any

from andon.core.errors import AndonError
from andon.demo import craft, project
from andon.demo.client import Andon, Reply
from andon.demo.ledger import Landed
from andon.demo.tasks import WORKS

FIELDS = (
    "%H%x1f%an%x1f%s%x1f%(trailers:key=Andon-Task,valueonly,separator=%x20)%x1f"
    "%(trailers:key=Andon-Run,valueonly,separator=%x20)%x1f%(trailers:key=Andon-Evidence,valueonly,separator=%x20)%x1e"
)


def expect(reply: Reply, what: str) -> Reply:
    """The reply if the answer was yes; else AndonError "demo" with Andon's own words."""
    if reply.exit_code != 0:
        raise AndonError(f"{what} failed (exit {reply.exit_code}): {reply.reason()}", kind="demo", next="andon doctor")
    return reply


def prepare(source: Path, repository: Path, lease_s: int) -> str:
    """Make the repository of the release, set Andon up in it, and commit the workflow. Returns the head."""
    project.make_repository(source, repository)
    expect(Andon(None, repository).call("init"), "andon init")
    workflow = repository / ".andon" / "workflows" / "feature.md"
    workflow.parent.mkdir(parents=True, exist_ok=True)
    workflow.write_text(workflow_text(lease_s), encoding="utf-8")
    project.git(repository, "add", "--all")
    project.git(repository, "commit", "--quiet", "-m", "The workflow that Andon holds every task to")
    expect(Andon(None, repository).call("workflow", "lint"), "andon workflow lint")
    return project.git(repository, "rev-parse", "HEAD")


def workflow_text(lease_s: int) -> str:
    """The demo's workflow for this machine: gates run with the very Python that runs the demo."""
    text = (Path(__file__).parent / "feature.md").read_text(encoding="utf-8")
    tools = os.path.dirname(os.path.abspath(sys.executable))
    return text.replace("@TOOLS@", tools).replace("@LEASE@", str(lease_s))


def add_tasks(repository: Path) -> dict[str, str]:
    """Add all tasks; returns task id -> key of the work."""
    andon = Andon(None, repository)
    ids: dict[str, str] = {}
    for work in WORKS:
        arguments = [
            "task",
            "add",
            work.title,
            "--body",
            textwrap.fill(work.body, 72),
            "--priority",
            str(work.priority),
        ]
        for text in work.acceptance:
            arguments += ["--accept", text]
        for glob in work.scope:
            arguments += ["--scope", glob]
        for key in work.after:
            arguments += ["--depends-on", ids[key]]
        arguments += ["--workflow", "feature"]
        ids[work.key] = str(expect(andon.call(*arguments), f"adding task {work.key}").data["task"])
    return {name: key for key, name in ids.items()}


def states(repository: Path) -> dict[str, dict[str, Any]]:
    """Task id -> its line in `andon task list`; empty when the answer was no."""
    reply = Andon(None, repository).call("task", "list")
    return {str(item["task"]): item for item in reply.data.get("items", [])}


def landed(repository: Path, since: str, tasks: dict[str, str]) -> list[Landed]:
    """The commits on `main` since `since`, oldest first, as git and Andon's log tell them."""
    text = project.git(repository, "log", "--reverse", f"--format={FIELDS}", f"{since}..main")
    found = []
    for record in filter(None, (part.strip("\n") for part in text.split("\x1e"))):
        commit, author, title, task, run, evidence = (field.strip() for field in record.split("\x1f"))
        found.append(
            Landed(
                task=task,
                key=tasks.get(task, ""),
                run=run,
                commit=commit,
                title=title,
                author=author,
                evidence=evidence,
                tested=_was_tested(repository, run, project.git(repository, "rev-parse", f"{commit}^{{tree}}")),
            )
        )
    return found


def _was_tested(repository: Path, run: str, tree: str) -> bool:
    """Whether the run's log holds a passed verdict of gate `tests` on this very tree."""
    reply = Andon(None, repository).call("log", run)
    for event in reply.data.get("items", []):
        for verdict in event.get("data", {}).get("verdicts", []):
            if (verdict["gate"], verdict["outcome"], verdict["subject"]) == ("tests", "passed", f"git-tree:{tree}"):
                return True
    return False


def verify(repository: Path, since: str, found: list[Landed]) -> tuple[str, list[str]]:
    """Run the real test-suite on the landed head: (pytest's last line, what differs from what should be)."""
    problems = []
    for work in WORKS:
        count = sum(commit.key == work.key for commit in found)
        if count != 1:
            problems.append(f"task {work.key} has {count} commits on main, expected 1")
    problems += [f"commit {x.commit[:10]} has no Andon-Task trailer" for x in found if not x.task]
    problems += [f"commit {x.commit[:10]} has no Andon-Evidence trailer" for x in found if not x.evidence]
    problems += [f"commit {x.commit[:10]} landed a tree that no gate tested" for x in found if not x.tested]
    with project.files_of(repository, since) as before, project.files_of(repository, "main") as after:
        ran = craft.run_tests(after)
        lost = craft.test_ids(before) - craft.test_ids(after)
        unclean = [work.key for work in WORKS if craft.is_clean(work, after)]
    if ran.exit_code != 0:
        problems.append(f"the test-suite is red on the landed head: {craft.last_line(ran.tail)}")
    if lost:
        problems.append(f"{len(lost)} tests of the release are gone: {', '.join(sorted(lost)[:3])}")
    problems += [f"task {key} is not really done on the landed head" for key in unclean]
    if project.git(repository, "status", "--porcelain"):
        problems.append("the checkout of main is dirty")
    return craft.last_line(ran.tail), problems
