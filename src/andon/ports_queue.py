"""What `next` reads of the store: ready work with what its order depends on, and what is under lease."""

# A protocol's methods say by `...` that they have no body.
# ruff: noqa: PIE790

from __future__ import annotations

from collections.abc import Sequence, Set
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from andon.core.projection import Row

if TYPE_CHECKING:
    from typing import Protocol
else:
    # What a port is matters to type checkers alone, and every command pays for such a class.
    Protocol = object


class QueueReader(Protocol):
    """A part of the `Reader`. Rows carry `labels` and `scope` of their task as JSON lists."""

    def queued_steps(
        self,
        *,
        role: str | None = None,
        task: str | None = None,
        run: str | None = None,
        labels: Sequence[str] = (),
        each: int = 400,
    ) -> list[Row]:
        """Ready steps for agents of open runs: of each priority the `each` that have waited longest.

        role, task, run: only those (a step without a role is for any). labels: only tasks that have all of them.
        Columns: run, step, task, title, role, priority, offered_to, entered_at, number, place, labels, scope,
        parent_run.
        """
        ...

    def queued_tasks(self, *, task: str | None = None, labels: Sequence[str] = (), each: int = 400) -> list[Row]:
        """Open tasks whose dependencies have all landed or completed: of each priority the `each` that came first.

        Columns: id, title, priority, workflow, added_at, number, labels, scope, parent_run.
        """
        ...

    def leases(self, now: float) -> list[Row]:
        """Steps of agents under lease now; one that is over counts no more, even where its run can't be read (law 12).

        Columns: run, step, task, agent, role, labels, scope."""
        ...

    def landing_tasks(self) -> list[Row]:
        """Tasks whose run waits to land, or lands now. Columns: task, run, scope."""
        ...

    def next_moment(self, now: float) -> float | None:
        """When time alone changes something next: a lease is over, a waiting step is due. None: never."""
        ...


WORK = "work"
"""Something became ready, or a lease began or ended."""
MESSAGES = "messages"
"""A message was sent, answered or acknowledged."""


class Ear(Protocol):
    """What a waiter hears with."""

    def wait(self, timeout_s: float) -> bool:
        """Sleep until the bell rings (True; also when it rang since the last call) or the time is over. May wake early."""
        ...


class Bell(Protocol):
    """Wakes processes of this machine that wait for something in the store. A hint: whoever wakes up looks for himself."""

    def ring(self, kinds: Set[str]) -> None:
        """Wake those who listen for one of WORK and MESSAGES. Never raises, never waits."""
        ...

    def listen(self, kind: str) -> AbstractContextManager[Ear]:
        """From now on nothing is missed."""
        ...
