"""Doing several pieces of long work at a time, each with services of its own (a store connection belongs to one thread)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from andon.engine.services import Services

T = TypeVar("T")


def one_by_one(services: Services, jobs: Sequence[Callable[[Services], T]], parallel: int) -> list[T | Exception]:
    """The same without threads. What a job raises is its result."""
    found: list[T | Exception] = []
    for job in jobs:
        try:
            found.append(job(services))
        except Exception as error:
            found.append(error)
    return found


def in_threads(services: Services, jobs: Sequence[Callable[[Services], T]], parallel: int) -> list[T | Exception]:
    """The results in the order of the jobs, at most so many at a time. A single job needs no thread."""
    if len(jobs) < 2 or parallel < 2:
        return one_by_one(services, jobs, parallel)
    import threading

    found: list[T | Exception] = [RuntimeError("not done")] * len(jobs)
    left = list(range(len(jobs)))
    services.verifier  # noqa: B018  # What every verifier shares on disk is there before there are several.

    def work() -> None:
        other = services.fork()
        try:
            while left:
                try:
                    number = left.pop(0)
                except IndexError:
                    return
                found[number] = one_by_one(other, [jobs[number]], 1)[0]
        finally:
            other.store.close()

    # Of daemons: who interrupts the lead does not wait for gates, whose processes end with it.
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(parallel, len(jobs)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found
