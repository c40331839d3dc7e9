"""A workspace with a long history, made quickly: one task goes through the real core, and its rows are written again and
again under other ids. What comes out is what the engine would have written; `andon doctor` finds no difference.

`python -m benchmarks.history PATH TASKS` makes one: ten events for each task.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from typing import Any

from andon.core import commands as c
from andon.core import workflow as w
from andon.core.errors import Rejected
from andon.core.judge import protect_digest
from andon.core.verdict import PROTECT_GATE, Submission, Verdict
from andon.engine.transact import Engine, Unit
from andon.store.sqlite import SqliteStore

TASK, RUN = "T987654321", "R987654321"
EVENTS_PER_TASK = 10
TASKS_AT_ONCE = 32
"""So many tasks are under way side by side: their events stand interleaved in the log."""
BLOCKS_IN_BATCH = 100


def workflow() -> w.Workflow:
    return w.Workflow(
        name="history",
        start="work",
        steps={"work": w.Step(id="work", role="implementer", attempts=1_000_000, lease_s=600.0)},
        edges=(w.Edge(source="work", target=w.END),),
    )


def engine_of(store: SqliteStore) -> Engine:
    return Engine(store, lambda _condition, _facts: False)


def do(result: Any) -> Any:
    if isinstance(result, Rejected):
        raise RuntimeError(result.message)
    return result


def start_run(unit: Unit, task: str, run: str, digest: str, at: float) -> None:
    """A task and its run, ready to be claimed."""
    do(
        unit.on_task(
            task, c.AddTask(at=at, actor="ann", task=task, title=f"Make part {task} of the thing", scope=("src/**",))
        )
    )
    command = c.StartRun(
        at=at,
        actor="ann",
        run=run,
        task=task,
        workflow=digest,
        workflow_name="history",
        definitions="c" * 40,
        target="main",
        base="c" * 40,
        base_tree="d" * 40,
    )
    do(unit.on_run(run, command))


def _template(path: str) -> dict[str, list[tuple[Any, ...]]]:
    """table -> rows of one finished task, through the core; the database with the workflow in it stays at `path`."""
    store = SqliteStore(path)
    engine = engine_of(store)
    with engine.unit() as unit:
        digest = engine.definitions.put(unit.writer, workflow())
        unit.writer.put_setting("target", "main")
        start_run(unit, TASK, RUN, digest, 1_700_000_000.25)
        claim = c.Claim(at=1_700_000_001.5, actor="agent-1", step="work", workdir=f"/work/repo.andon/{RUN}-work-1")
        do(unit.on_run(RUN, claim))
        submission = Submission(
            commit="e" * 40, tree="f" * 40, base="c" * 40, base_tree="d" * 40, patch=f"patch:{'1' * 64}"
        )
        protect = Verdict(
            gate=PROTECT_GATE,
            outcome="passed",
            summary="no protected path differs",
            subject=submission.patch,
            gate_digest=protect_digest(workflow()),
        )
        advance = c.Advance(
            at=1_700_000_600.75,
            actor="agent-1",
            step="work",
            token=1,
            submission=submission,
            verdicts=(protect,),
            environment_digest="sha256:environment",
            message="the part is made",
        )
        do(unit.on_run(RUN, advance))
    connection = store.open()
    found = {
        table: connection.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()
        for table in ("events", "states", "tasks", "runs")
    }
    if len(found["events"]) != EVENTS_PER_TASK or found["runs"][0][3] != "ended":
        raise RuntimeError(f"the template has {[x[3] for x in found['events']]} and is {found['runs'][0]}")
    for table in found:
        connection.execute(f"DELETE FROM {table}")
    store.close()
    return found


def _renamed(rows: list[tuple[Any, ...]], number: int) -> Iterator[list[Any]]:
    task, run = f"T{number}", f"R{number}"
    for row in rows:
        yield [x.replace(TASK, task).replace(RUN, run) if isinstance(x, str) else x for x in row]


def make(path: str, tasks: int, say: Callable[[str], None] | None = None) -> None:
    """A database with so many finished tasks and their runs."""
    template = _template(path)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA cache_size = -200000")
    indexes = database.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for name, _sql in indexes:
        database.execute(f"DROP INDEX {name}")
    database.execute("BEGIN")
    position = 0
    pending: dict[str, list[Any]] = {table: [] for table in template}
    for first in range(1, tasks + 1, TASKS_AT_ONCE):
        block = range(first, min(first + TASKS_AT_ONCE, tasks + 1))
        for event in template["events"]:
            for number in block:
                position += 1
                (row,) = _renamed([event], number)
                pending["events"].append([position, *row[1:]])
        for number in block:
            pending["states"] += _renamed(template["states"], number)
            for table in ("tasks", "runs"):
                for row in _renamed(template[table], number):
                    pending[table].append([row[0], number, *row[2:]])
        if first // TASKS_AT_ONCE % BLOCKS_IN_BATCH == 0 or block[-1] == tasks:
            _write(database, pending)
            if say is not None and first // TASKS_AT_ONCE % (10 * BLOCKS_IN_BATCH) == 0:
                say(f"{block[-1]} tasks made")
    for kind in ("task", "run"):
        database.execute("INSERT OR REPLACE INTO counters (kind, value) VALUES (?, ?)", (kind, tasks))
    for _name, sql in indexes:
        database.execute(sql)
    database.execute("COMMIT")
    database.execute("PRAGMA journal_mode = WAL")
    database.close()


def _write(database: sqlite3.Connection, pending: dict[str, list[Any]]) -> None:
    for table, rows in pending.items():
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        rows.clear()


if __name__ == "__main__":
    os.makedirs(os.path.dirname(os.path.abspath(sys.argv[1])), exist_ok=True)
    make(sys.argv[1], int(sys.argv[2]), lambda line: print(line, file=sys.stderr))
