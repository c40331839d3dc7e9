"""Measuring: interleaved rounds, medians, ratios."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

HISTORY = Path(__file__).parent / "history.jsonl"


@dataclass(frozen=True, kw_only=True)
class Row:
    """value and floor in the unit named; ratio = value / floor (or floor / value for throughput); limit is the goal."""

    name: str
    value: float
    floor: float
    unit: str
    ratio: float
    limit: float
    better: str = "lower"

    @property
    def met(self) -> bool:
        return self.ratio <= self.limit if self.better == "lower" else self.ratio >= self.limit


def wall_s(command: Sequence[str], *, cwd: str, environment: dict[str, str], expect: Sequence[int] = (0,)) -> float:
    """Wall time of one process, in seconds. Raises when the exit code is not an expected one."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True)
    elapsed = time.perf_counter() - start
    if done.returncode not in expect:
        raise RuntimeError(f"{command} ended {done.returncode}: {done.stdout.decode()} {done.stderr.decode()}")
    return elapsed


def interleaved(subjects: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The median of each subject over rounds; in every round each is measured once, so that drift hits all alike."""
    samples: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, measure in subjects.items():
            samples[name].append(measure())
    return {name: statistics.median(values) for name, values in samples.items()}


def table(rows: Sequence[Row]) -> str:
    lines = [f"{'benchmark':52} {'value':>10} {'floor':>10}  {'ratio':>7} {'goal':>8}"]
    for row in rows:
        sign = "<=" if row.better == "lower" else ">="
        mark = "ok" if row.met else "MISSED"
        lines.append(
            f"{row.name:52} {row.value:>8.2f}{row.unit:<2} {row.floor:>8.2f}{row.unit:<2}"
            f"  {row.ratio:>7.2f} {sign}{row.limit:>5.2f} {mark}"
        )
    return "\n".join(lines)


def keep(rows: Sequence[Row], version: str) -> None:
    """Append this run to the history."""
    entry = {"version": version, "cores": os.cpu_count(), "rows": [asdict(row) for row in rows]}
    with HISTORY.open("a") as file:
        file.write(json.dumps(entry, sort_keys=True) + "\n")
