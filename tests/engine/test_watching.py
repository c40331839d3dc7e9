"""The watching lead: as many rounds as things that happen, none too soon after one that decided nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from andon.core.errors import AndonError
from andon.engine import watching
from andon.engine.services import Services
from andon.engine.waiting import FALLBACK_S
from andon.engine.watching import LEAST_BETWEEN_S, Watch
from tests.engine.test_waiting import Hour


def rounds(hour: Hour, until: float, monkeypatch: pytest.MonkeyPatch, *, deciding: tuple[int, ...] = ()) -> list[float]:
    """When rounds begin. deciding: those that land something, by number."""

    def sleep(seconds: float) -> None:
        hour.now += seconds

    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=lambda: hour.now, sleep=sleep))
    watch, begun = Watch(cast(Services, hour)), []
    while True:
        watch.rest()
        if hour.now > until:
            watch.close()
            return begun
        begun.append(hour.now)
        watch.ended(decided=len(begun) - 1 in deciding)


def test_while_nothing_happens_it_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rounds(Hour(), 60.0, monkeypatch) == [x * FALLBACK_S for x in range(13)]


def test_a_ring_is_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rounds(Hour(rings_at=(2.0, 3.5)), 8.0, monkeypatch) == [0.0, 2.0, 3.5]


def test_a_round_that_decided_something_is_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rounds(Hour(rings_at=(2.0,)), 6.0, monkeypatch, deciding=(1, 2)) == [0.0, 2.0, 2.0, 2.0]


def test_rounds_that_ring_the_bell_themselves_do_not_follow_each_other_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ringing = tuple(0.001 * x for x in range(1, 5000))
    begun = rounds(Hour(rings_at=ringing), 4.5, monkeypatch)
    assert begun == pytest.approx([0.0, *(x * LEAST_BETWEEN_S for x in range(1, 5))], abs=0.1)


def test_time_alone_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = rounds(Hour(moment=3.0), 4.0, monkeypatch)
    assert len(begun) == 2 and 3.0 <= begun[1] < 3.1


def test_a_store_that_can_not_be_asked_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_services: Services) -> float:
        raise AndonError("the disk is full", kind="unavailable", next="try again")

    monkeypatch.setattr(watching.waiting, "time_alone_s", broken)
    assert rounds(Hour(), 3.5, monkeypatch) == [0.0, 1.0, 2.0, 3.0]
