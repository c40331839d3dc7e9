"""Waiting: as many looks as things that happen, not as time that passes."""

from __future__ import annotations

from collections.abc import Iterator, Set
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from andon.engine import waiting
from andon.engine.services import Services
from andon.engine.waiting import FALLBACK_S, until
from andon.ports_queue import WORK


class Hour:
    """A clock, a bell and a store in which time passes only while somebody sleeps."""

    def __init__(self, rings_at: tuple[float, ...] = (), moment: float | None = None) -> None:
        self.now = 0.0
        self.rings_at = list(rings_at)
        self.moment = moment
        self.reads = 0
        self.engine = SimpleNamespace(bell=self)
        self.store = self
        self.clock = SimpleNamespace(now=lambda: self.now)

    @contextmanager
    def listen(self, _kind: str) -> Iterator[Hour]:
        yield self

    def ring(self, kinds: Set[str]) -> None:
        return

    def wait(self, timeout_s: float) -> bool:
        end = self.now + timeout_s
        rung = bool(self.rings_at) and self.rings_at[0] <= end
        self.now = self.rings_at.pop(0) if rung else end
        return rung

    @contextmanager
    def read(self) -> Iterator[Any]:
        self.reads += 1
        yield SimpleNamespace(next_moment=lambda now: self.moment if self.moment and self.moment > now else None)


def wait(hour: Hour, ready_at: float, wait_s: float, monkeypatch: pytest.MonkeyPatch) -> tuple[float | None, int]:
    """(when it was found, number of looks)."""
    looks = []
    monkeypatch.setattr(waiting.time, "monotonic", lambda: hour.now)

    def look() -> float | None:
        looks.append(hour.now)
        return hour.now if hour.now >= ready_at else None

    found = until(cast(Services, hour), look, wait_s, about=WORK)
    return found, len(looks)


def test_nothing_happens_and_few_looks_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    hour = Hour()
    found, looks = wait(hour, 1e9, 60.0, monkeypatch)
    assert found is None and hour.now == 60.0
    assert looks <= 60 / FALLBACK_S + 2 and hour.reads <= looks


def test_a_ring_is_answered_at_once_and_costs_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    hour = Hour(rings_at=(1.0, 2.5))
    assert wait(hour, 2.4, 3600.0, monkeypatch) == (2.5, 3)


def test_time_alone_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    found, looks = wait(Hour(moment=3.0), 3.0, 3600.0, monkeypatch)
    assert found is not None and 3.0 <= found < 3.1 and looks == 2


def test_without_a_wait_there_is_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wait(Hour(), 1.0, 0.0, monkeypatch) == (None, 1)
