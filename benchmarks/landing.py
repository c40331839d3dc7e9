"""What the lead costs for one landing, as a multiple of the bare git commands for the same merge, commit and ref update."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.command_line import WORKFLOW, andon_command, environment_of
from benchmarks.measure import Row, interleaved

LIMIT = 12.0
"""one process of `andon lead` against three bare git commands; most of it is the start of Python and evidence"""


def run(rounds: int = 10) -> list[Row]:
    directory = tempfile.mkdtemp(prefix="andon-bench-")
    try:
        return _run(Path(directory), rounds)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class _Bench:
    """A repository with as many submitted changes as there are rounds."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "repo"
        self.root.mkdir()
        self.environment = environment_of(directory)
        self.andon = andon_command()

    def sh(self, *command: str, cwd: str | None = None) -> str:
        done = subprocess.run(
            command, cwd=cwd or self.root, env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def prepare(self) -> None:
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

    def submit(self, number: int) -> str:
        """Bring one task to its landing; the submission's commit."""
        self.sh(*self.andon, "task", "add", f"Task {number}")
        claim = json.loads(self.sh(*self.andon, "next", "--json"))
        (Path(claim["workdir"]) / f"new{number}.txt").write_text(f"{number}\n")
        self.sh(*self.andon, "advance", cwd=claim["workdir"])
        refs = self.sh("git", "for-each-ref", "--format=%(objectname)", f"refs/andon/submissions/{claim['run']}")
        return refs.splitlines()[0]

    def lead(self) -> float:
        self.submit(self.sequence())
        start = time.perf_counter()
        self.sh(*self.andon, "lead")
        return time.perf_counter() - start

    def bare(self) -> float:
        """The same with git alone, on a branch of its own."""
        submitted = self.submit(self.sequence())
        head = self.sh("git", "rev-parse", "HEAD")
        start = time.perf_counter()
        tree = self.sh("git", "merge-tree", "--write-tree", head, submitted).splitlines()[0]
        commit = self.sh("git", "commit-tree", tree, "-p", head, "-m", "landed")
        self.sh("git", "update-ref", "refs/heads/bare", commit)
        elapsed = time.perf_counter() - start
        self.sh(*self.andon, "lead")
        return elapsed

    def sequence(self) -> int:
        self.count = getattr(self, "count", 0) + 1
        return self.count


def _run(directory: Path, rounds: int) -> list[Row]:
    bench = _Bench(directory)
    bench.prepare()
    medians = interleaved({"lead": bench.lead, "bare": bench.bare}, rounds)
    ratio = medians["lead"] / medians["bare"]
    return [
        Row(
            name="andon lead, one landing, over bare git",
            value=medians["lead"] * 1000,
            floor=medians["bare"] * 1000,
            unit="ms",
            ratio=ratio,
            limit=LIMIT,
        )
    ]
