"""What `next` costs: ready work of 100,000 open tasks, overlap against 100 leases, and how soon a waiter wakes up.

The floors are the goals: 20 ms in the store, 100 ms for 2,000 candidates against 100 leases (the most that one `next` looks
at when all of it is held back), 100 ms from a commit to the waiter in another process. A ratio of 1 uses up all of it.
The first three are the processor's time: nothing in them waits.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from types import SimpleNamespace
from typing import Any, cast

from andon.core import commands as c
from andon.core.scopes import Occupied
from andon.engine import offers
from andon.engine.services import Services
from andon.engine.transact import Engine, Unit
from andon.engine.waiting import until
from andon.ports_queue import WORK
from andon.store.bell import PipeBell
from andon.store.sqlite import SqliteStore
from benchmarks.measure import Row

TASKS = int(os.environ.get("ANDON_BENCH_READY", "100000"))
CANDIDATES = 2000
LEASES = 100
ROUNDS = 15
WAKES = 30
GOAL_STORE_MS = 20.0
GOAL_OVERLAP_MS = 100.0
GOAL_WAKE_MS = 100.0


def run() -> list[Row]:
    directory = tempfile.mkdtemp(prefix="andon-bench-")
    try:
        store_ms, order_ms = _ready(os.path.join(directory, "ready.db"))
        wake_ms = _wake(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    found = {
        f"ready work of {TASKS:,} open tasks, in the store": (store_ms, GOAL_STORE_MS),
        f"the same, in the order of next ({CANDIDATES:,} candidates)": (order_ms, 2 * GOAL_STORE_MS),
        f"overlap: {CANDIDATES:,} candidates, {LEASES} leases": (_overlap(), GOAL_OVERLAP_MS),
        "from a commit to a waiter in another process": (wake_ms, GOAL_WAKE_MS),
    }
    return [
        Row(name=name, value=value, floor=goal, unit="ms", ratio=value / goal, limit=1.0)
        for name, (value, goal) in found.items()
    ]


def _nothing(_condition: str, _facts: object) -> bool:
    return False


def _add(unit: Unit, number: int) -> None:
    name = unit.writer.next_id("task")
    scope = (f"src/area{number % 500}/**",) if number % 3 else ()
    command = c.AddTask(
        at=1000.0 + number,
        actor="planner",
        task=name,
        title=f"Task {number}",
        priority=number % 5,
        labels=(f"campaign:{number % 7}",),
        scope=scope,
    )
    unit.on_task(name, command)


def _ready(path: str) -> tuple[float, float]:
    """Milliseconds to read the ready work, and to read and order it."""
    store = SqliteStore(path)
    engine = Engine(store, _nothing)
    for start in range(0, TASKS, 5000):
        with engine.unit() as unit:
            for number in range(start, min(start + 5000, TASKS)):
                _add(unit, number)
    now = 1000.0 + TASKS
    reading, ordering = [], []
    for _ in range(ROUNDS):
        began = time.process_time()
        with store.read() as reader:
            reader.queued_steps(each=offers.EACH)
            reader.queued_tasks(each=offers.EACH)
            reader.leases(now)
        reading.append(time.process_time() - began)
        began = time.process_time()
        with store.read() as reader:
            offers.queue(reader, offers.Wanted(), offers.Surroundings(reader, now), now)
        ordering.append(time.process_time() - began)
    store.close()
    return statistics.median(reading) * 1000, statistics.median(ordering) * 1000


def _overlap() -> float:
    """Milliseconds to find, of so many candidates, those that overlap with no lease."""
    held = [
        (f"T{n}", (f"src/area{n}/**", f"tests/test_area{n}_*.py", "!src/area0/generated/**")) for n in range(LEASES)
    ]
    wanted = [
        (f"src/area{n % 400}/part{n % 9}/*.py", f"tests/test_area{n % 400}_x.py", "docs/*.md")
        for n in range(CANDIDATES)
    ]
    samples = []
    for _ in range(ROUNDS):
        began = time.process_time()
        occupied: Occupied[str] = Occupied()
        for name, scope in held:
            occupied.add(name, scope)
        free = sum(occupied.first(scope) is None for scope in wanted)
        samples.append(time.process_time() - began)
        if free != CANDIDATES * 3 // 4:
            raise RuntimeError(f"{free} of {CANDIDATES} candidates overlap with nothing")

    return statistics.median(samples) * 1000


# ---------------------------------------------------------------- waking up


def _wake(directory: str) -> float:
    """Milliseconds from the end of a commit here until a waiter in another process has found what it made."""
    path = os.path.join(directory, "wake.db")
    bell = PipeBell(os.path.join(directory, "waiters"))
    engine = Engine(SqliteStore(path), _nothing, bell)
    engine.transact(lambda unit: _add(unit, 0))
    command = [sys.executable, "-m", "benchmarks.next_work", path, os.path.join(directory, "waiters")]
    samples = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as waiter:
        if waiter.stdout is None:
            raise RuntimeError("the waiter has no output")
        for number in range(1, WAKES + 1):
            if waiter.stdout.readline() != "waits\n":
                raise RuntimeError("the waiter ended")
            time.sleep(0.05)
            engine.transact(lambda unit, number=number: _add(unit, number))  # type: ignore[misc]
            committed = time.monotonic()
            samples.append(float(waiter.stdout.readline()) - committed)
    return max(0.0, statistics.median(samples)) * 1000


def _wait(path: str, waiters: str) -> None:
    """The waiter: sleeps until there is one task more, WAKES times."""
    store = SqliteStore(path)
    engine = Engine(store, _nothing, PipeBell(waiters))
    parts: Any = SimpleNamespace(engine=engine, store=store, clock=SimpleNamespace(now=time.time))
    for number in range(1, WAKES + 1):

        def look(number: int = number) -> bool | None:
            with store.read() as reader:
                return True if reader.queued_tasks(task=f"T{number + 1}") else None

        sys.stdout.write("waits\n")
        sys.stdout.flush()
        until(cast(Services, parts), look, 60.0, about=WORK)
        sys.stdout.write(f"{time.monotonic()!r}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _wait(*sys.argv[1:])
