"""The lease is renewed while a client works; when it is over, the client is stopped, or let finish its own act."""

from __future__ import annotations

import time

import pytest

from andon.agents.launch import keeper
from andon.agents.launch.keeper import Keeper
from andon.agents.launch.process import Cancel
from andon.core.errors import AndonError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "INTERVAL_MIN_S", 0.02)


class Lease:
    """Renews some times, then gives errors."""

    def __init__(self, good: int, exit: int = 4) -> None:
        self.good = good
        self.exit = exit
        self.calls = 0

    def renew(self) -> float:
        self.calls += 1
        if self.calls > self.good:
            raise AndonError("no", exit=self.exit)
        return 0.2


def watched(lease: Lease, *, own: bool = False, seconds: float = 0.5, afterwards_s: float = 0.1) -> tuple[Keeper, str]:
    cancel = Cancel()
    kept = Keeper(lease_s=0.2, renew=lease.renew, left_by_agent=lambda: own, cancel=cancel, afterwards_s=afterwards_s)
    with kept:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not cancel.reason:
            time.sleep(0.01)
    reason = cancel.reason
    cancel.close()
    return kept, reason


def test_it_renews_again_and_again() -> None:
    lease = Lease(good=1000)
    kept, reason = watched(lease)
    assert lease.calls >= 4
    assert (kept.lost, reason) == ("", "")


def test_a_lost_claim_cancels_at_once() -> None:
    lease = Lease(good=1)
    kept, reason = watched(lease, seconds=5)
    assert kept.lost == "no"
    assert reason == "the claim is over: no"
    assert lease.calls == 2


def test_an_unreachable_store_is_asked_until_the_lease_is_out() -> None:
    lease = Lease(good=1, exit=6)
    began = time.monotonic()
    _kept, reason = watched(lease, seconds=5)
    assert lease.calls > 3
    assert "could not be renewed in time" in reason
    assert time.monotonic() - began >= 0.2


def test_an_agent_that_left_its_step_may_finish_its_words() -> None:
    assert watched(Lease(good=0), own=True, seconds=0.3, afterwards_s=30)[1] == ""
    began = time.monotonic()
    assert watched(Lease(good=0), own=True, seconds=5, afterwards_s=0.3)[1] == "the claim is over: no"
    assert time.monotonic() - began >= 0.3


def test_leaving_the_block_does_not_wait_for_the_interval() -> None:
    began = time.monotonic()
    cancel = Cancel()
    with Keeper(lease_s=1000, renew=lambda: 1000, left_by_agent=lambda: False, cancel=cancel):
        pass
    cancel.close()
    assert time.monotonic() - began < 1
