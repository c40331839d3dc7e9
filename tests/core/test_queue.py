"""The order among ready work: nothing starves, campaigns get equal shares, and the same question has one answer."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from andon.core import queue
from andon.core.queue import Candidate, Held, Limits

HOUR = 3600.0


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    labels = st.sampled_from([(), ("campaign:a",), ("x", "campaign:b")])
    made = []
    for number in range(draw(st.integers(0, 12))):
        made.append(
            Candidate(
                task=f"T{number}",
                run=draw(st.sampled_from(["", f"R{number}"])),
                priority=draw(st.integers(0, 4)),
                since=float(draw(st.integers(0, 40))) * HOUR,
                number=number,
                labels=draw(labels),
            )
        )
    return made


@given(candidates(), st.randoms())
@settings(max_examples=100, deadline=None)
def test_the_order_is_the_same_however_the_candidates_come(found: list[Candidate], shuffled: random.Random) -> None:
    other = list(found)
    shuffled.shuffle(other)
    held = [Held(task="T90", agent="a", labels=("campaign:a",))]
    assert queue.in_order(found, held, 41 * HOUR, HOUR) == queue.in_order(other, held, 41 * HOUR, HOUR)
    assert sorted(x.task for x in queue.in_order(found, held, 41 * HOUR, HOUR)) == sorted(x.task for x in found)


@given(st.integers(0, 4), st.floats(0.5, 8), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_nothing_starves_however_much_urgent_work_comes_in(priority: int, ageing_hours: float, each: int) -> None:
    """Every hour new work of the highest priority comes in, as much as is taken: the old one goes first in its time."""
    ageing_s = ageing_hours * HOUR
    old = Candidate(task="T1", priority=priority, since=0.0, number=1)
    waiting = [old]
    number, hour = 1, 0
    while old in waiting:
        hour += 1
        assert hour * HOUR <= (priority + 1) * ageing_s + 2 * HOUR, "it starved"
        for _ in range(each):
            number += 1
            waiting.append(Candidate(task=f"T{number}", priority=0, since=hour * HOUR, number=number))
        for _ in range(each):
            waiting.remove(queue.in_order(waiting, [], hour * HOUR, ageing_s)[0])


def test_without_ageing_priority_alone_counts() -> None:
    old = Candidate(task="T1", priority=3, since=0.0, number=1)
    new = Candidate(task="T2", priority=2, since=1e6 * HOUR, number=2)
    assert queue.in_order([old, new], [], 1e6 * HOUR, 0.0)[0] == new
    assert queue.in_order([old, new], [], 1e6 * HOUR, HOUR)[0] == old


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 30), min_size=1), st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_campaigns_share_the_workers(sizes: dict[str, int], workers: int) -> None:
    """However many tasks a campaign has: while it has waiting ones, no other has two leases more."""
    made = []
    for name, size in sizes.items():
        labels = (f"campaign:{name}",) if name != "a" else ()
        for _ in range(size):
            number = len(made)
            made.append(Candidate(task=f"T{number}", priority=2, since=0.0, number=number, labels=labels))
    held: list[Held] = []
    for _ in range(min(workers, len(made))):
        first = queue.in_order(made, held, 1.0, HOUR)[0]
        made.remove(first)
        held.append(Held(task=first.task, agent="x", labels=first.labels))
        leases = Counter(queue.campaign_of(x.labels) for x in held)
        for waiting in {queue.campaign_of(x.labels) for x in made}:
            assert all(leases[waiting] >= count - 1 for count in leases.values())


def test_among_equals_runs_under_way_come_first_and_then_what_waited_longest() -> None:
    task = Candidate(task="T1", priority=2, since=0.0, number=1)
    step = Candidate(task="T2", run="R1", step="review", priority=2, since=9.0, number=1)
    later = Candidate(task="T3", priority=2, since=5.0, number=3)
    urgent = Candidate(task="T4", priority=1, since=9.0, number=4)
    ordered = queue.in_order([later, task, urgent, step], [], 10.0, HOUR)
    assert [x.task for x in ordered] == ["T4", "T2", "T1", "T3"]


@given(st.integers(0, 4), st.integers(0, 4), st.randoms())
@settings(max_examples=60, deadline=None)
def test_a_step_comes_after_the_children_that_can_be_taken(priority: int, other: int, shuffled: random.Random) -> None:
    whole = Candidate(task="T1", run="R1", step="gather", priority=priority, since=0.0, number=1)
    part = Candidate(task="T2", run="R2", step="gather", priority=other, since=1.0, number=2, below=("R1",))
    crumb = Candidate(task="T3", priority=4, since=2.0, number=3, below=("R2", "R1"))
    alien = Candidate(task="T4", run="R4", step="gather", priority=2, since=0.0, number=4)
    found = [whole, part, crumb, alien]
    shuffled.shuffle(found)
    ordered = [x.task for x in queue.in_order(found, [], 3.0, HOUR) if x is not alien]
    assert ordered == ["T3", "T2", "T1"]
    assert queue.in_order([whole, alien], [], 3.0, 0.0)[0].priority == min(priority, 2), "it waits for nobody"


def test_limits_say_what_is_full() -> None:
    held = [Held(task="T1", agent="ann", role="implementer"), Held(task="T2", agent="ann", role="reviewer")]
    limits = Limits(per_agent=2, per_role={"implementer": 1})
    assert "ann holds 2 steps, and next.per_agent is 2" in queue.agent_is_full("ann", held, limits)
    assert not queue.agent_is_full("bob", held, limits) and not queue.agent_is_full("ann", held, Limits())
    assert "next.per_role.implementer is 1" in queue.role_is_full("implementer", held, limits)
    assert not queue.role_is_full("reviewer", held, limits) and not queue.role_is_full("", held, limits)
