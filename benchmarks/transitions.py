"""Transitions a second through the whole engine on SQLite, against hand-written SQL that does the same inserts."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import time

from andon.core import commands as c
from andon.core import workflow as w
from andon.core.events import encode
from andon.core.projection import encode_state, rows
from andon.engine.transact import Engine
from andon.store.sqlite import SqliteStore
from benchmarks.measure import Row, interleaved

LIMIT = 0.5
BATCH = 150


def run(rounds: int = 5) -> list[Row]:
    directory = tempfile.mkdtemp(prefix="andon-bench-")
    try:
        medians = interleaved({"engine": lambda: _engine(directory), "floor": lambda: _floor(directory)}, rounds)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    value, floor = medians["engine"], medians["floor"]
    return [
        Row(
            name="claim+release through the engine (synchronous=FULL)",
            value=value / 1000,
            floor=floor / 1000,
            unit="k/",
            ratio=value / floor,
            limit=LIMIT,
            better="higher",
        )
    ]


def _workflow() -> w.Workflow:
    return w.Workflow(
        name="bench",
        start="work",
        steps={"work": w.Step(id="work", attempts=1_000_000)},
        edges=(w.Edge(source="work", target=w.END),),
    )


_counter = iter(range(1_000_000))


def _prepared(path: str) -> tuple[Engine, SqliteStore]:
    store = SqliteStore(path)
    engine = Engine(store, lambda _condition, _facts: False)
    workflow = _workflow()
    with engine.unit() as unit:
        digest = engine.definitions.put(unit.writer, workflow)
        unit.on_task("T1", c.AddTask(at=0.0, actor="b", task="T1", title="t"))
        unit.on_run(
            "R1",
            c.StartRun(
                at=1.0,
                actor="b",
                run="R1",
                task="T1",
                workflow=digest,
                workflow_name="bench",
                definitions="c",
                target="main",
                base="c",
                base_tree="t",
            ),
        )
    return engine, store


def _engine(directory: str) -> float:
    """Transitions a second."""
    engine, store = _prepared(os.path.join(directory, f"engine-{next(_counter)}.db"))
    start = time.perf_counter()
    for number in range(BATCH):
        at = 2.0 + number
        run_after, _ = engine.on_run("R1", c.Claim(at=at, actor="b", step="work", workdir="/w"))
        lease = run_after.active["work"].lease
        if lease is None:
            raise RuntimeError("no lease")
        engine.on_run("R1", c.Release(at=at, actor="b", step="work", token=lease.token))
    elapsed = time.perf_counter() - start
    store.close()
    return 2 * BATCH / elapsed


def _floor(directory: str) -> float:
    """The same rows by hand: one event, one state, one run row, one step row a transaction."""
    engine, store = _prepared(os.path.join(directory, f"shape-{next(_counter)}.db"))
    run_after, _ = engine.on_run("R1", c.Claim(at=2.0, actor="b", step="work", workdir="/w"))
    with store.read() as reader:
        event = encode(reader.events("R1", after=2)[0].event).decode()
    state = encode_state(run_after).decode()
    tables = rows(run_after)
    store.close()
    database = sqlite3.connect(os.path.join(directory, f"floor-{next(_counter)}.db"), isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute(
        "CREATE TABLE events(position INTEGER PRIMARY KEY, stream TEXT, seq INT, type TEXT, at REAL, actor TEXT, "
        "cause TEXT UNIQUE, data TEXT, UNIQUE(stream, seq))"
    )
    database.execute("CREATE TABLE states(stream TEXT PRIMARY KEY, kind TEXT, seq INT, state TEXT)")
    for name, found in tables.items():
        columns = ", ".join(f'"{key}"' for key in found[0])
        database.execute(f"CREATE TABLE {name}({columns})")
        database.execute(f"CREATE INDEX {name}_stream ON {name}({'id' if name == 'runs' else 'run'})")
    start = time.perf_counter()
    for seq in range(2 * BATCH):
        database.execute("BEGIN IMMEDIATE")
        database.execute("SELECT seq, state FROM states WHERE stream = 'R1'").fetchone()
        database.execute(
            "INSERT INTO events(stream, seq, type, at, actor, data) VALUES('R1', ?, 'StepClaimed', 2.0, 'b', ?)",
            (seq, event),
        )
        database.execute("INSERT OR REPLACE INTO states VALUES('R1', 'run', ?, ?)", (seq, state))
        for name, found in tables.items():
            database.execute(f"DELETE FROM {name} WHERE {'id' if name == 'runs' else 'run'} = 'R1'")
            marks = ", ".join("?" * len(found[0]))
            database.executemany(f"INSERT INTO {name} VALUES({marks})", [tuple(row.values()) for row in found])
        database.execute("COMMIT")
    elapsed = time.perf_counter() - start
    database.close()
    return 2 * BATCH / elapsed
