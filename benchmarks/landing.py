"""What the lead costs for a landed change, as a multiple of the bare git commands for the same merge, commit and ref update.

The floor: for each change the processes `git merge-tree`, `git commit-tree` and `git update-ref`, one after the other, as a
script would run them. The value: one `andon lead` that lands all the changes (`lead`), and the same without the start
of its process, as `andon lead --watch` works (`watch`); both without the run time of gates, of which there are none here that
run a command. Floor and value land the same submissions, in the same run.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.command_line import WORKFLOW, andon_command, environment_of
from benchmarks.measure import Row

LIMIT = 2.0
LIMIT_WITH_START = 3.0
"""the start of Python and of the first git processes, and leaving the line, spread over the changes of one call"""
CHANGES = 40
"""landed by one call: what is done once for a call is spread over them"""


def run(rounds: int = 3) -> list[Row]:
    samples: dict[str, list[float]] = {"bare": [], "lead": [], "watch": []}
    for _ in range(rounds):
        for name in ("lead", "watch"):
            directory = tempfile.mkdtemp(prefix="andon-bench-")
            try:
                bench = Bench(Path(directory))
                bench.prepare(CHANGES)
                samples["bare"].append(bench.bare())
                samples[name].append(bench.lead() if name == "lead" else bench.watch())
            finally:
                shutil.rmtree(directory, ignore_errors=True)
    bare = statistics.median(samples["bare"])
    return [
        _row("a landed change, the lead's process at work", statistics.median(samples["watch"]), bare, LIMIT),
        _row(f"a landed change, `andon lead` of {CHANGES}", statistics.median(samples["lead"]), bare, LIMIT_WITH_START),
    ]


def _row(name: str, value: float, floor: float, limit: float) -> Row:
    return Row(name=name, value=value * 1000, floor=floor * 1000, unit="ms", ratio=value / floor, limit=limit)


class Bench:
    """A repository with submissions that wait to land."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "repo"
        self.root.mkdir()
        self.environment = environment_of(directory)
        self.andon = andon_command()
        self.submissions: list[str] = []

    def sh(self, *command: str, cwd: str | None = None) -> str:
        done = subprocess.run(
            command, cwd=cwd or self.root, env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def prepare(self, changes: int) -> None:
        self.sh("git", "init", "-q", "-b", "main")
        self.sh("git", "config", "user.name", "b")
        self.sh("git", "config", "user.email", "b@example.com")
        for number in range(200):
            (self.root / f"file{number}.txt").write_text(f"{number}\n" * 50)
        (self.root / "a.txt").write_text("a\n")
        (self.root / ".andon/workflows").mkdir(parents=True)
        (self.root / ".andon/workflows/feature.md").write_text(WORKFLOW)
        self.sh("git", "add", ".")
        self.sh("git", "commit", "-q", "-m", "start")
        self.sh(*self.andon, "init")
        self.sh("git", "checkout", "-q", "--detach")
        for number in range(changes):
            self._submit(number)

    def _submit(self, number: int) -> None:
        """Bring one task to its landing, by calls within this process."""
        self._call(str(self.root), "task_add", {"title": f"Task {number}"})
        workdir = str(self._call(str(self.root), "next", {})["workdir"])
        (Path(workdir) / f"new{number}.txt").write_text(f"{number}\n")
        self._call(workdir, "advance", {})
        made = self.sh("git", "for-each-ref", "--format=%(objectname)", f"refs/andon/submissions/R{number + 1}")
        self.submissions.append(made.splitlines()[0])

    def _call(self, cwd: str, verb: str, arguments: dict[str, object]) -> dict[str, object]:
        from andon.app import open_coordinator
        from andon.engine.interface import CallContext

        reply = open_coordinator(CallContext(cwd=cwd, agent="bench")).call(verb, arguments)
        if reply.exit != 0:
            raise RuntimeError(f"{verb}: {reply.body}")
        return dict(reply.body)

    def bare(self) -> float:
        """Seconds a change with git alone, on a branch of its own."""
        head = self.sh("git", "rev-parse", "main")
        self.sh("git", "branch", "bare", head)
        start = time.perf_counter()
        for submitted in self.submissions:
            tree = self.sh("git", "merge-tree", "--write-tree", head, submitted).splitlines()[0]
            commit = self.sh("git", "commit-tree", tree, "-p", head, "-m", "landed")
            self.sh("git", "update-ref", "refs/heads/bare", commit, head)
            head = commit
        return (time.perf_counter() - start) / len(self.submissions)

    def lead(self) -> float:
        """Seconds a change of one whole `andon lead`."""
        start = time.perf_counter()
        self.sh(*self.andon, "lead")
        return self._checked(time.perf_counter() - start)

    def watch(self) -> float:
        """Seconds a change of a lead that is at work already: it has landed one."""
        kept = os.environ.copy()
        os.environ.update(self.environment)
        try:
            self._call(str(self.root), "lead", {"limit": 1})
            start = time.perf_counter()
            self._call(str(self.root), "lead", {})
            return self._checked(time.perf_counter() - start, first=1)
        finally:
            os.environ.clear()
            os.environ.update(kept)

    def _checked(self, elapsed: float, *, first: int = 0) -> float:
        landed = int(self.sh("git", "rev-list", "--count", "main")) - 1
        if landed != len(self.submissions):
            raise RuntimeError(f"{landed} of {len(self.submissions)} changes landed")
        return elapsed / (landed - first)
