"""The merge queue's rules: who lands, who goes back, in which order; and what it costs, against closed forms."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.core import merge_queue as q
from benchmarks.merge_queue import batch_asked, window_round

KEYS = tuple("abcdefgh")


class Tree:
    """The truth: which submissions are broken alone, which pairs only together, and who waits for a word."""

    def __init__(self, broken: set[str], pairs: set[tuple[str, str]], waiting: set[str]) -> None:
        self.broken = broken
        self.pairs = pairs
        self.waiting = waiting
        self.measured: set[q.Items] = set()

    def outcome(self, items: q.Items) -> str:
        self.measured.add(items)
        held = set(items)
        if held & self.broken or any(held >= set(pair) for pair in self.pairs):
            return q.RED
        return q.HELD if items[-1] in self.waiting else q.GREEN


TREES = st.builds(
    Tree,
    st.sets(st.sampled_from(KEYS), max_size=4),
    st.sets(st.tuples(st.sampled_from(KEYS), st.sampled_from(KEYS)).filter(lambda x: x[0] < x[1]), max_size=3),
    st.sets(st.sampled_from(KEYS), max_size=2),
)


def play(tree: Tree, items: q.Items, mode: str, at_once: int, retries: int = 1) -> q.Decision:
    """One round, with so many checks at a time."""
    going = q.Round(items=items, mode=mode, retries=retries)
    for _ in range(1000):
        decision = q.decide(going)
        if decision.over:
            return decision
        for check in decision.wanted[:at_once]:
            going = going.tell(check, tree.outcome(check.items))
    raise AssertionError("the round never ends")


@given(tree=TREES, mode=st.sampled_from(q.MODES), at_once=st.integers(1, 8), size=st.integers(1, 8))
@settings(max_examples=300, deadline=None)
def test_what_lands_was_measured_and_who_goes_back_is_guilty(tree: Tree, mode: str, at_once: int, size: int) -> None:
    items = KEYS[:size]
    decision = play(tree, items, mode, at_once)
    for place in range(1, len(decision.land) + 1):
        prefix = decision.land[:place]
        assert prefix in tree.measured
        assert tree.outcome(prefix) == q.GREEN
    for back in decision.back:
        assert back.after == decision.land[: len(back.after)]
        assert tree.outcome((*back.after, back.item)) == q.RED
        assert not back.after or tree.outcome(back.after) == q.GREEN
    assert list(decision.land) == sorted(decision.land)
    decided = {*decision.land, *(x.item for x in decision.back), *decision.held}
    assert decided
    assert len(decided) == len(decision.land) + len(decision.back) + len(decision.held)


@given(tree=TREES, mode=st.sampled_from(q.MODES), at_once=st.integers(1, 8))
@settings(max_examples=200, deadline=None)
def test_in_the_end_each_lands_that_is_green_on_what_landed_before_it(tree: Tree, mode: str, at_once: int) -> None:
    """The same as landing one after the other, whatever the window and the way of asking."""
    one_by_one: q.Items = ()
    for key in KEYS:
        if tree.outcome((*one_by_one, key)) == q.GREEN:
            one_by_one += (key,)
    landed: q.Items = ()
    waiting, window, rounds = list(KEYS), q.WINDOW_START, 0
    while waiting:
        rounds += 1
        on_head = Tree(tree.broken, tree.pairs, tree.waiting)
        on_head.outcome = lambda items, landed=landed: tree.outcome((*landed, *items))  # type: ignore[method-assign]
        decision = play(on_head, tuple(waiting[:window]), mode, at_once)
        landed += decision.land
        gone = {*decision.land, *(x.item for x in decision.back), *decision.held}
        waiting = [key for key in waiting if key not in gone]
        window = q.adapted(window, 8, red=bool(decision.back))
    assert rounds <= len(KEYS)
    assert landed == one_by_one


def test_of_a_pair_that_is_broken_only_together_the_first_lands() -> None:
    for mode in q.MODES:
        decision = play(Tree(set(), {("b", "d")}, set()), KEYS[:4], mode, 4)
        assert decision.land == ("a", "b", "c")
        assert decision.back == (q.Back(item="d", after=("a", "b", "c")),)


def test_a_red_one_is_measured_once_more_before_it_goes_back() -> None:
    first = q.Check(after=(), group=("a",))
    going = q.Round(items=("a",)).tell(first, q.RED)
    assert q.decide(going).wanted == (first,)
    assert q.decide(going.tell(first, q.GREEN)).land == ("a",)
    assert [x.item for x in q.decide(going.tell(first, q.RED)).back] == ["a"]
    assert q.decide(q.Round(items=("a",)).tell(first, q.RED, final=True)).over
    assert q.decide(q.Round(items=("a",), retries=0).tell(first, q.RED)).over


def test_only_a_culprit_is_measured_again() -> None:
    """A red tree behind another red one says nothing, and is not measured twice."""
    going = q.Round(items=("a", "b"))
    one, two = q.decide(going).wanted
    going = going.tell(two, q.RED)
    assert q.decide(going).wanted == (one,)
    going = going.tell(one, q.RED).tell(one, q.RED)
    assert q.decide(going).back == (q.Back(item="a", after=()),)


def test_nothing_is_measured_behind_what_is_known_to_be_red() -> None:
    going = q.Round(items=KEYS)
    wanted = q.decide(going).wanted
    assert [check.items for check in wanted] == [KEYS[:n] for n in range(1, 9)]
    assert [check.items for check in q.decide(going.tell(wanted[2], q.RED)).wanted] == [KEYS[:1], KEYS[:2]]


def test_a_batch_asks_for_its_tip_and_then_for_every_tree_that_lands() -> None:
    going = q.Round(items=KEYS[:4], mode=q.BATCH)
    tip = q.decide(going)
    assert [check.items for check in tip.wanted] == [KEYS[:4]]
    assert tip.search
    rest = q.decide(going.tell(tip.wanted[0], q.GREEN))
    assert [check.items for check in rest.wanted] == [KEYS[:n] for n in (1, 2, 3, 4)]
    assert not rest.search


@given(
    entries=st.lists(st.tuples(st.integers(0, 4), st.floats(0, 10_000)), min_size=1, max_size=20),
    now=st.floats(10_000, 20_000),
)
def test_order_is_priority_then_arrival_and_who_waits_rises(entries: list[tuple[int, float]], now: float) -> None:
    waiting = [q.Waiting(key=str(n), priority=p, since=since) for n, (p, since) in enumerate(entries)]
    plain = q.ordered(waiting, now, ageing_s=0)
    assert [(x.priority, x.since) for x in plain] == sorted((x.priority, x.since) for x in waiting)
    old = q.Waiting(key="old", priority=4, since=now - 5 * q.AGEING_S)
    newest = q.Waiting(key="new", priority=0, since=now)
    assert q.ordered([newest, old], now)[0].key == "old"


def test_the_window_doubles_and_halves_within_its_bounds() -> None:
    assert [q.adapted(x, 8, red=False) for x in (1, 2, 4, 8)] == [2, 4, 8, 8]
    assert [q.adapted(x, 8, red=True) for x in (8, 3, 1)] == [4, 1, 1]
    assert q.adapted(8, 2, red=False) == 2


# ---------------------------------------------------------------- closed forms

SEEDS = 6_000


@pytest.mark.parametrize(("rate", "depth"), [(0.02, 3), (0.1, 2), (0.1, 3), (0.3, 3)])
def test_bisection_costs_what_the_closed_form_says(rate: float, depth: int) -> None:
    random = Random(f"batch {rate} {depth}")
    asked = sum(batch_asked(random, rate, 2**depth) for _ in range(SEEDS))
    assert asked / (SEEDS * 2**depth) == pytest.approx(q.batch_cost(rate, depth), rel=0.02)


@pytest.mark.parametrize(("rate", "window"), [(0.02, 8), (0.1, 4), (0.1, 8), (0.3, 8)])
def test_a_window_resolves_what_the_closed_form_says(rate: float, window: int) -> None:
    random = Random(f"window {rate} {window}")
    rounds = [window_round(random, rate, window) for _ in range(SEEDS)]
    decided = sum(one[0] for one in rounds)
    assert decided / SEEDS == pytest.approx(q.window_resolves(rate, window), rel=0.02)
    assert sum(one[1] for one in rounds) / decided == pytest.approx(q.window_cost(rate, window), rel=0.02)
