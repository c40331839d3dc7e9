"""A process of its own for tests of concurrency and crashes: python worker.py MODE DATABASE NAME COUNT."""

from __future__ import annotations

import os
import signal
import sys
import time

from andon.core import events as e
from andon.store.sqlite import SqliteStore
from tests.store import samples


def append(store: SqliteStore, name: str, count: int) -> None:
    """`count` transactions: one event on a stream that all share, and one on the worker's own."""
    worst = 0.0
    for number in range(count):
        start = time.perf_counter()
        with store.write() as writer:
            samples.put(writer, "T1", [e.TaskEdited(at=2.0, actor=name, title=f"{name} {number}")])
            samples.put(
                writer, f"T{name}", [e.TaskEdited(at=2.0, actor=name, priority=number % 5)], cause=f"{name}-{number}"
            )
        worst = max(worst, time.perf_counter() - start)
        with store.read() as reader:
            loaded = reader.load("T1")
            assert loaded is not None
            assert len(reader.events("T1", after=loaded.seq)) == 0, "a view is of one moment"
    print(worst)


def die(store: SqliteStore, name: str, count: int) -> None:
    """Append for ever, saying what was committed, until killed."""
    for number in range(count):
        with store.write() as writer:
            samples.put(writer, f"T{name}", [e.TaskEdited(at=2.0, actor=name, title=str(number))])
            samples.put(writer, "T1", [e.TaskEdited(at=2.0, actor=name, title=str(number))])
        print(number, flush=True)


def half(store: SqliteStore, name: str, count: int) -> None:
    """Be killed inside a transaction, with the lock held."""
    with store.write() as writer:
        for number in range(count):
            samples.put(writer, "T1", [e.TaskEdited(at=2.0, actor=name, title="x" * 5000 + str(number))])
        os.kill(os.getpid(), signal.SIGKILL)


def hold(store: SqliteStore, name: str, count: int) -> None:
    """Keep the writers' lock for `count` seconds."""
    with store.write() as writer:
        writer.put_setting("holder", name)
        print("held", flush=True)
        time.sleep(count)


def create(store: SqliteStore, name: str, count: int) -> None:
    """Open a database that may not be there yet."""
    for _ in range(count):
        with store.write() as writer:
            writer.next_id("task")
        with store.read() as reader:
            reader.tasks()
        store.close()
    print(name)


if __name__ == "__main__":
    mode, database, own_name, times = sys.argv[1:5]
    globals()[mode](SqliteStore(database), own_name, int(times))
