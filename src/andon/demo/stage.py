"""Setting the stage: the repository, `andon init`, the workflow, the tasks. And looking at it when the play is over.

Rules: only the public command line and git are used; every fact in the summary is read from Andon's log or from git.
Must not know: workers.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

from andon.core.errors import AndonError
from andon.demo import craft, project
from andon.demo.client import COMMAND, Andon, Reply, environment_of
from andon.demo.ledger import Landed
from andon.demo.swarm import pieces
from andon.demo.tasks import WORKS

SWARM_WORKFLOWS = ("dialects.md", "piece.md")
SWARM_LEASE_S = 15
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
    """Make the repository of the release, set Andon up in it, and commit the workflows. Returns the head."""
    project.make_repository(source, repository)
    expect(Andon(None, repository).call("init"), "andon init")
    write_definitions(repository, lease_s)
    project.git(repository, "add", "--all")
    project.git(repository, "commit", "--quiet", "-m", "The workflows that Andon holds every task to")
    expect(Andon(None, repository).call("workflow", "lint"), "andon workflow lint")
    return project.git(repository, "rev-parse", "HEAD")


def write_definitions(repository: Path, lease_s: int) -> None:
    """The workflows of both acts, and the schema of the list that the second act's planner writes."""
    here, directory = Path(__file__).parent, repository / ".andon"
    for name in ("workflows", "schemas"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    for source, lease in (
        (here / "feature.md", lease_s),
        *((here / "swarm" / x, SWARM_LEASE_S) for x in SWARM_WORKFLOWS),
    ):
        (directory / "workflows" / source.name).write_text(workflow_text(source, lease), encoding="utf-8")
    shutil.copyfile(here / "swarm" / "dialects.schema.json", directory / "schemas" / "dialects.json")


def workflow_text(source: Path, lease_s: int) -> str:
    """A workflow of the demo for this machine: gates run with the very Python that runs the demo."""
    tools = os.path.dirname(os.path.abspath(sys.executable))
    return source.read_text(encoding="utf-8").replace("@TOOLS@", tools).replace("@LEASE@", str(lease_s))


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


def add_intent(repository: Path) -> str:
    """Add the second act's one task; returns its id."""
    arguments = ["task", "add", pieces.TITLE, "--body", textwrap.fill(pieces.BODY, 72), "--workflow", "dialects"]
    return str(expect(Andon(None, repository).call(*arguments), "adding the intent").data["task"])


def shown(repository: Path, *arguments: str) -> str:
    """What a command prints for people."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        check=False,
        cwd=repository,
        env=environment_of(None),
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
    )
    return done.stdout or done.stderr


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
