"""The store under load: 32 processes on one database, and claims with a long history behind them."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from andon.core import commands as c
from andon.core.state import Run
from andon.engine.transact import Engine
from andon.store.sqlite import SqliteStore
from benchmarks import history
from benchmarks.load_worker import claim
from benchmarks.measure import Row

PROCESSES = 32
SECONDS = 10.0
FAIR_PART = 0.1
"""No process may fall below this part of the fair share."""
TASKS = 1_000_000
FEW_TASKS = 1_000
CLAIM_LIMIT = 1.5
ROUNDS = 300
OPEN_RUNS = 200
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True)
class Contention:
    """claims: by each process. doubled: claims that two processes got. worst_s: the longest wait for a claim."""

    claims: list[int]
    errors: list[str]
    doubled: list[str]
    worst_s: float

    @property
    def least_part(self) -> float:
        """The least share of a process, as a part of the fair one."""
        return min(self.claims) * len(self.claims) / max(sum(self.claims), 1)

    @property
    def jain(self) -> float:
        """Jain's index of fairness: 1 when all got the same, 1/n when one got all."""
        return sum(self.claims) ** 2 / (len(self.claims) * sum(x * x for x in self.claims) or 1)


def open_work(path: str, runs: int) -> None:
    """Add tasks whose runs wait to be claimed, behind whatever history is there."""
    store = SqliteStore(path)
    engine = history.engine_of(store)
    with engine.unit() as unit:
        digest = engine.definitions.put(unit.writer, history.workflow())
        for _ in range(runs):
            task, run = unit.writer.next_id("task"), unit.writer.next_id("run")
            history.start_run(unit, task, run, digest, time.time())
    store.close()


def contend(path: str, processes: int, seconds: float) -> Contention:
    """Let many processes claim, renew and release on one database at once."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load_worker", path, f"agent-{number}", str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for number in range(processes)
    ]
    for process in started:
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise RuntimeError("a process did not start")
    for process in started:
        if process.stdin is not None:
            process.stdin.write("go\n")
            process.stdin.flush()
    found = [json.loads(process.communicate(timeout=seconds + 120)[0]) for process in started]
    seen: set[str] = set()
    doubled = [name for result in found for name in result["claims"] if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
    return Contention(
        claims=[len(result["claims"]) for result in found],
        errors=[line for result in found for line in result["errors"]],
        doubled=doubled,
        worst_s=max(result["worst_s"] for result in found),
    )


def _claim_and_release(engine: Engine) -> float:
    start = time.perf_counter()
    run = claim(engine, "bench")
    elapsed = time.perf_counter() - start
    if not isinstance(run, Run) or (lease := run.active["work"].lease) is None:
        raise RuntimeError("nothing to claim")
    engine.on_run(run.id, c.Release(at=time.time(), actor="bench", step="work", token=lease.token, counts=False))
    return elapsed


def claim_medians(paths: dict[str, str], rounds: int) -> dict[str, float]:
    """The median time of a claim on each database, in seconds; measured in turn."""
    engines = {name: history.engine_of(SqliteStore(path)) for name, path in paths.items()}
    samples: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(rounds):
        for name, engine in engines.items():
            samples[name].append(_claim_and_release(engine))
    for engine in engines.values():
        engine.store.close()
    return {name: statistics.median(values) for name, values in samples.items()}


def run_contention() -> list[Row]:
    directory = tempfile.mkdtemp(prefix="andon-bench-")
    try:
        path = os.path.join(directory, "andon.db")
        open_work(path, OPEN_RUNS)
        found = contend(path, PROCESSES, SECONDS)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if found.errors or found.doubled:
        raise RuntimeError(f"errors {found.errors[:5]}, claimed twice {found.doubled[:5]}")
    fair = sum(found.claims) / PROCESSES
    print(f"  Jain {found.jain:.4f}, worst wait {found.worst_s * 1000:.0f} ms", file=sys.stderr)
    return [
        Row(
            name=f"{PROCESSES} processes, {SECONDS:.0f} s: claims of the slowest one",
            value=min(found.claims),
            floor=fair,
            unit="",
            ratio=found.least_part,
            limit=FAIR_PART,
            better="higher",
        )
    ]


def run_claims() -> list[Row]:
    tasks = int(os.environ.get("ANDON_BENCH_TASKS", TASKS))
    directory = tempfile.mkdtemp(prefix="andon-bench-", dir=os.environ.get("ANDON_BENCH_DIR"))
    try:
        paths = {}
        for name, count in (("few", FEW_TASKS), ("many", tasks)):
            paths[name] = os.path.join(directory, f"{name}.db")
            history.make(paths[name], count)
            open_work(paths[name], OPEN_RUNS)
        medians = claim_medians(paths, ROUNDS)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return [
        Row(
            name=f"claim with {tasks:,} tasks of history, against {FEW_TASKS:,}",
            value=medians["many"] * 1000,
            floor=medians["few"] * 1000,
            unit="ms",
            ratio=medians["many"] / medians["few"],
            limit=CLAIM_LIMIT,
        )
    ]
