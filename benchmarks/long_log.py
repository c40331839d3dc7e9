"""A log of many events: opening, replaying (`doctor`), exporting and importing it, each in a process of its own.

Goals: the peak memory of each may grow by no more than a quarter from a twentieth of the log to all of it; `andon next` and
`status` open it in the time that they need for a short one. 10,000,000 events unless ANDON_BENCH_EVENTS says otherwise
(a few minutes, and 25 GB of disk in ANDON_BENCH_DIR or the temporary directory).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import history
from benchmarks.command_line import andon_command
from benchmarks.measure import Row

EVENTS = 10_000_000
PART = 20
GROWTH_LIMIT = 1.25
OPEN_LIMIT = 1.5
BY_VERB = {"doctor": ("doctor", "--json"), "export": ("export", "all.jsonl", "--json")}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of one process: its wall time, and the most memory that it held."""

    wall_s: float
    peak_mib: float


def cost(command: Sequence[str], *, cwd: str, expect: Sequence[int] = (0,)) -> Cost:
    """Run a command to its end. Raises when the exit code is not an expected one."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=cwd, stdout=output, stderr=output)
        _pid, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        elapsed = time.perf_counter() - start
        if process.returncode not in expect:
            output.seek(0)
            raise RuntimeError(f"{list(command)} ended {process.returncode}: {output.read(4000).decode()}")
    return Cost(wall_s=elapsed, peak_mib=used.ru_maxrss / 1024)


def prepared(directory: str, events: int) -> str:
    """A repository whose workspace has a log of so many events."""
    root = os.path.join(directory, f"repo-{events}")
    subprocess.run(["git", "init", "-q", "-b", "main", root], check=True)
    subprocess.run(
        ["git", "-c", "user.name=b", "-c", "user.email=b@example.com", "commit", "-q", "--allow-empty", "-m", "start"],
        cwd=root,
        check=True,
    )
    database = os.path.join(root, ".git", "andon", "andon.db")
    if not os.path.exists(database):
        os.makedirs(os.path.dirname(database), mode=0o700, exist_ok=True)
        # In a process of its own: a child's peak as the system counts it begins with that of its parent.
        made = [sys.executable, "-m", "benchmarks.history", database, str(events // history.EVENTS_PER_TASK)]
        subprocess.run(made, check=True)
    # Sets the target branch and the guard, without which doctor is not content.
    subprocess.run([*andon_command(), "init"], cwd=root, check=True, capture_output=True)
    return root


def _say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


def costs(root: str) -> dict[str, Cost]:
    """What each command costs on this workspace; the last one leaves a second workspace with the same content."""
    found = {}
    for name, words in BY_VERB.items():
        found[name] = cost([*andon_command(), *words], cwd=root)
        _say(f"{os.path.basename(root)}: {name} {found[name].wall_s:.1f} s, {found[name].peak_mib:.0f} MiB")
    other = root + "-imported"
    subprocess.run(["git", "clone", "-q", root, other], check=True, capture_output=True)
    found["import"] = cost([*andon_command(), "import", os.path.join(root, "all.jsonl"), "--json"], cwd=other)
    _say(f"{os.path.basename(root)}: import {found['import'].wall_s:.1f} s, {found['import'].peak_mib:.0f} MiB")
    again = os.path.join(root, "again.jsonl")
    cost([*andon_command(), "export", again, "--json"], cwd=other)
    subprocess.run(["cmp", os.path.join(root, "all.jsonl"), again], check=True)
    opened = [cost([*andon_command(), "next", "--json"], cwd=root, expect=(3,)).wall_s for _ in range(7)]
    found["next, nothing ready"] = Cost(wall_s=sorted(opened)[3], peak_mib=0.0)
    return found


def run() -> list[Row]:
    events = int(os.environ.get("ANDON_BENCH_EVENTS", EVENTS))
    directory = tempfile.mkdtemp(prefix="andon-bench-", dir=os.environ.get("ANDON_BENCH_DIR"))
    try:
        small = costs(prepared(directory, events // PART))
        large = costs(prepared(directory, events))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    rows = [
        Row(
            name=f"{name}: peak memory at {events:,} events, against {events // PART:,}",
            value=large[name].peak_mib,
            floor=small[name].peak_mib,
            unit="Mi",
            ratio=large[name].peak_mib / small[name].peak_mib,
            limit=GROWTH_LIMIT,
        )
        for name in ("doctor", "export", "import")
    ]
    rows += [
        Row(
            name=f"{name}: events a second at {events:,}",
            value=events / large[name].wall_s / 1000,
            floor=events / PART / small[name].wall_s / 1000,
            unit="k/",
            ratio=(events / large[name].wall_s) / (events / PART / small[name].wall_s),
            limit=0.5,
            better="higher",
        )
        for name in ("doctor", "export", "import")
    ]
    name = "next, nothing ready"
    value, floor = large[name].wall_s * 1000, small[name].wall_s * 1000
    rows.append(
        Row(
            name=f"{name}, at {events:,} events",
            value=value,
            floor=floor,
            unit="ms",
            ratio=value / floor,
            limit=OPEN_LIMIT,
        )
    )
    return rows
