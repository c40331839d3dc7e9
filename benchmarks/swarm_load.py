"""Many workers on one repository, killed at random: `python -m benchmarks.swarm_load` (32 workers, 200 tasks, 64 kills).

Theory of operation. A repository whose gate really checks the tree, one task for each part, workers that are processes, and
`andon lead --watch`. While they work, SIGKILL ends one of them after a random time, chosen by seed: only the very process, by
its number, so that what it started goes on as an orphan, which is the harder case. A successor with another name takes
its place. When every task has landed all stop, and git, the log and the disk are asked what is true: see `problems_of`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from andon.demo.client import COMMAND, Andon, Reply, environment_of, own_python_path
from benchmarks.measure import Row
from benchmarks.swarm_check import problems_of
from benchmarks.swarm_worker import INDEX, Orders, index_of

SPAWN_EVERY = 4
LEAD_SHARE = 0.2
"""Of the kills, those of the lead."""
AHEAD = 2
"""Kills before anything has landed."""
POLL_S = 0.25

WORKFLOW = """---
name: feature
roles: [implementer]
environment: {{isolation: {isolation}}}
limits: {{visits: 50, wall_time: 12h}}
done: [parts]
gates:
  parts: {{run: "sh check.sh"}}
---
# Feature

```mermaid
stateDiagram-v2
    [*] --> implement
    implement --> land
    land --> [*]
```

## implement
```yaml
role: implementer
gates: [parts]
attempts: 30
lease: {lease_s}s
```
Make the part.
"""

CHECK = """#!/bin/sh
# Every part has its line in the index, and every such line its part.
ls parts | sed -n 's/^\\([0-9]*\\)\\.txt$/\\1/p' | sort > "${ANDON_OUT:-$1}/parts"
sed -n 's/^\\([0-9]*\\) done$/\\1/p' index.txt | sort > "${ANDON_OUT:-$1}/index"
cmp "${ANDON_OUT:-$1}/parts" "${ANDON_OUT:-$1}/index"
"""


@dataclass(frozen=True, kw_only=True)
class Size:
    """kills: how many, while there is work. gap_s: mean time between them. lease_s: how long a dead worker's step waits.

    think_s: how long a worker holds a claim before it writes: kills find it there.
    """

    workers: int = 32
    tasks: int = 200
    kills: int = 64
    gap_s: float = 1.0
    think_s: float = 8.0
    lease_s: int = 45
    seed: int = 1
    isolation: str = "sandbox"
    limit_s: float = 1800.0


@dataclass
class Found:
    """What came of it. kills: one line each. answers: (verb, exit, kind) -> how often."""

    seconds: float = 0.0
    landed: int = 0
    kills: list[str] = field(default_factory=list)
    lead_kills: int = 0
    answers: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def tasks_a_minute(self) -> float:
        return self.landed * 60.0 / self.seconds


class Swarm:
    """The processes of one load, and their kills."""

    def __init__(self, directory: Path, size: Size) -> None:
        self.size = size
        self.directory = directory
        self.root = directory / "repo"
        self.logs = directory / "logs"
        self.stop = directory / "stop"
        self.random = random.Random(size.seed)
        self.found = Found()
        self.living: dict[str, subprocess.Popen[bytes]] = {}
        self.generation: Counter[str] = Counter()
        self.start = ""
        self.tasks: dict[str, int] = {}

    # ------------------------------------------------------------ set-up

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, env=environment_of(None), check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def prepare(self) -> None:
        """The repository, its workflow, and the tasks."""
        own_python_path()
        self.root.mkdir(parents=True)
        self.logs.mkdir()
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Pat Person")
        self.git("config", "user.email", "pat@example.com")
        self._write("check.sh", CHECK)
        self._write("parts/README", "One file for each part.\n")
        self._write(INDEX, index_of(self.size.tasks))
        text = WORKFLOW.format(isolation=self.size.isolation, lease_s=self.size.lease_s)
        self._write(".andon/workflows/feature.md", text)
        self.git("add", ".")
        self.git("commit", "-q", "-m", "start")
        person = Andon(None, self.root)
        expect(person.call("init"))
        for number in range(self.size.tasks):
            added = expect(person.call("task", "add", f"Part {number}", "--scope", f"parts/{number}.txt"))
            self.tasks[str(added.data["task"])] = number
        self.start = self.git("rev-parse", "main")

    def _write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    # ------------------------------------------------------------ processes

    def begin(self, slot: str) -> None:
        """Start the lead, or a worker under a name that nobody had before."""
        self.generation[slot] += 1
        name = f"{slot}.{self.generation[slot]}"
        command = [*COMMAND, "lead", "--watch", "--json"]
        if slot != "lead":
            orders = Orders(
                agent=name,
                repository=str(self.root),
                tasks=self.tasks,
                stop=str(self.stop),
                think_s=self.size.think_s,
                spawn=int(slot.removeprefix("worker-")) % SPAWN_EVERY == 0,
            )
            command = [sys.executable, "-m", "benchmarks.swarm_worker", msgspec.json.encode(orders).decode()]
        environment = environment_of("lead" if slot == "lead" else name)
        root = str(Path(__file__).parents[1])
        environment["PYTHONPATH"] = os.pathsep.join([root, environment.get("PYTHONPATH", "")])
        with (self.logs / f"{name}.out").open("wb") as output, (self.logs / f"{name}.err").open("wb") as errors:
            self.living[slot] = subprocess.Popen(
                command,
                cwd=self.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )

    def kill(self, slot: str) -> None:
        """SIGKILL one process by its number, and start its successor."""
        process = self.living[slot]
        self.found.kills.append(f"{slot}.{self.generation[slot]} pid {process.pid}")
        self.found.lead_kills += slot == "lead"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        self.begin(slot)

    def watch(self, slot: str) -> None:
        """A process that ended by itself is a problem, and replaced."""
        code = self.living[slot].poll()
        if code is not None:
            self.found.problems.append(f"{slot}.{self.generation[slot]} ended by itself with {code}")
            self.begin(slot)

    def finish(self) -> None:
        """End everything that was started, politely first."""
        self.stop.touch()
        for process in self.living.values():
            process.send_signal(signal.SIGTERM)
        for process in self.living.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # ------------------------------------------------------------ the load

    def run(self) -> Found:
        """Work, kill, and judge."""
        begun = time.monotonic()
        slots = ["lead", *(f"worker-{number}" for number in range(self.size.workers))]
        try:
            for slot in slots:
                self.begin(slot)
            next_kill = begun + self.random.expovariate(1 / self.size.gap_s)
            while (self.landed() < self.size.tasks) and time.monotonic() - begun < self.size.limit_s:
                time.sleep(POLL_S)
                if time.monotonic() >= next_kill:
                    if (chosen := self.victim()) is not None:
                        self.kill(chosen)
                    next_kill = time.monotonic() + self.random.expovariate(1 / self.size.gap_s)
                for slot in slots:
                    self.watch(slot)
            self.found.seconds = time.monotonic() - begun
            self.found.landed = self.landed()
        finally:
            self.finish()
        settled = Andon("lead", self.root).call("lead")
        if settled.exit_code not in (0, 3):
            self.found.problems.append(f"the last lead ended {settled.exit_code}: {settled.message}")
        self._read_answers()
        self.found.problems += problems_of(self.root, self.start, self.tasks, CHECK)
        return self.found

    def victim(self) -> str | None:
        """Kills are spread over the whole load, however fast the machine is: the workers' over their work, the lead's over the
        landings. None: it is too early for another."""
        size, lead = self.size, round(self.size.kills * LEAD_SHARE)
        if self.found.lead_kills < min(lead, AHEAD + lead * self.landed() / size.tasks):
            return "lead"
        workers = size.kills - lead
        if len(self.found.kills) - self.found.lead_kills < min(workers, AHEAD + workers * self.advanced() / size.tasks):
            return f"worker-{self.random.randrange(size.workers)}"
        return None

    def advanced(self) -> int:
        """About how many tasks were worked: of those that a worker could still tell about."""
        return sum(path.read_bytes().count(b'"verb": "advance", "exit": 0') for path in self.logs.glob("worker-*.out"))

    def landed(self) -> int:
        return int(self.git("rev-list", "--count", f"{self.start}..main"))

    def _read_answers(self) -> None:
        """What the workers were told; a lock of git's or a bug is told by its words."""
        for path in sorted(self.logs.iterdir()):
            for line in path.read_text(errors="replace").splitlines():
                if ".lock" in line or "Traceback" in line or "bug in Andon" in line:
                    self.found.problems.append(f"{path.name}: {line[:300]}")
                if path.suffix == ".out" and line.startswith('{"verb"'):
                    told = json.loads(line)
                    self.found.answers[told["verb"], told["exit"], told["kind"]] += 1
        for (verb, code, kind), count in self.found.answers.items():
            if code not in (0, 3, 4):
                self.found.problems.append(f"{verb} ended {code} ({kind}) {count} times")


def expect(reply: Reply) -> Reply:
    if reply.exit_code != 0:
        raise RuntimeError(f"exit {reply.exit_code}: {reply.reason()}")
    return reply


def play(directory: Path, size: Size) -> Found:
    """One load in an empty directory."""
    swarm = Swarm(directory, size)
    swarm.prepare()
    return swarm.run()


def run(size: Size | None = None) -> list[Row]:
    size = size or Size()
    directory = Path(tempfile.mkdtemp(prefix="andon-swarm-"))
    try:
        found = play(directory, size)
    finally:
        if not os.environ.get("ANDON_BENCH_KEEP"):
            shutil.rmtree(directory, ignore_errors=True)
    print(
        f"  {found.landed} landed in {found.seconds:.0f} s: {found.tasks_a_minute:.1f} tasks a minute", file=sys.stderr
    )
    print(f"  {len(found.kills)} kills, {found.lead_kills} of the lead; seed {size.seed}", file=sys.stderr)
    for line in found.kills:
        print(f"    killed {line}", file=sys.stderr)
    for (verb, code, kind), count in sorted(found.answers.items()):
        print(f"  {count:6} {verb} -> {code} {kind}", file=sys.stderr)
    for line in found.problems[:50]:
        print(f"  PROBLEM {line}", file=sys.stderr)
    good = found.landed == size.tasks and not found.problems
    return [
        Row(
            name=f"{size.workers} workers, {len(found.kills)} kills: commits for {size.tasks} tasks, no problem",
            value=found.landed if good else 0,
            floor=size.tasks,
            unit="",
            ratio=found.landed / size.tasks if good else 0.0,
            limit=1.0,
            better="higher",
        )
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="many workers on one repository, killed at random")
    standard = Size()
    for name in ("workers", "tasks", "kills", "lease_s", "seed"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(standard, name))
    for name in ("gap_s", "think_s", "limit_s"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=getattr(standard, name))
    parser.add_argument("--isolation", default=standard.isolation)
    rows = run(Size(**vars(parser.parse_args())))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
