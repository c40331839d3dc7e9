"""Waves: always right, never worse than issue order or one at a time, near the optimum where that can be known."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.core.errors import InvariantViolation
from andon.core.planning.bounds import Problem, lower_bound, problem_of
from andon.core.planning.waves import cut, schedule


def conflict(problem: Problem, one: int, other: int) -> bool:
    mine, yours = set(problem.alone[one]), set(problem.alone[other])
    return bool(mine & (yours | set(problem.shared[other])) or yours & set(problem.shared[one]))


def check(problem: Problem, wave: tuple[int, ...]) -> None:
    members: dict[int, list[int]] = {}
    for task, number in enumerate(wave):
        members.setdefault(number, []).append(task)
        assert all(wave[other] < number for other in problem.before[task])
    assert sorted(members) == list(range(1, len(members) + 1)), "no wave is empty"
    for tasks in members.values():
        assert len(tasks) <= problem.workers
        assert not any(conflict(problem, one, other) for one, other in combinations(tasks, 2))


def optimum(problem: Problem) -> int:
    """The fewest waves, by trying all: for few tasks only."""
    count = len(problem.before)
    everything = (1 << count) - 1
    needs = [sum(1 << other for other in before) for before in problem.before]
    apart = [sum(1 << other for other in range(count) if conflict(problem, task, other)) for task in range(count)]

    @lru_cache(None)
    def rest(done: int) -> int:
        if done == everything:
            return 0
        ready = [task for task in range(count) if not done >> task & 1 and needs[task] & ~done == 0]
        return 1 + min(rest(done | bits) for bits in _sets(tuple(ready), apart, problem.workers))

    return rest(0)


def _sets(ready: tuple[int, ...], apart: list[int], workers: int) -> list[int]:
    """All sets that may be one wave and to which nothing can be added."""
    found: list[int] = []

    def grow(at: int, bits: int, size: int) -> None:
        if size == workers or at == len(ready):
            open_ones = [task for task in ready if not bits >> task & 1 and not apart[task] & bits]
            if bits and (size == workers or not open_ones):
                found.append(bits)
            return
        if not apart[ready[at]] & bits:
            grow(at + 1, bits | 1 << ready[at], size + 1)
        grow(at + 1, bits, size)

    grow(0, 0, 0)
    return found


@st.composite
def problems(draw: st.DrawFn, most: int = 9) -> Problem:
    count = draw(st.integers(1, most))
    places = draw(st.integers(0, 6))
    before = [
        draw(st.lists(st.integers(0, task - 1), max_size=2, unique=True)) if task and draw(st.booleans()) else []
        for task in range(count)
    ]
    # Dependencies may also lead against issue order.
    if draw(st.booleans()):
        before = [[count - 1 - other for other in names] for names in reversed(before)]
    held = st.lists(st.integers(0, places), max_size=3, unique=True)
    alone = [draw(held) for _ in range(count)]
    shared = [draw(held) for _ in range(count)]
    return problem_of(before, alone, shared, draw(st.integers(1, 4)))


@settings(max_examples=300, deadline=None)
@given(problems())
def test_small_problems_against_the_optimum(problem: Problem) -> None:
    found = cut(problem)
    check(problem, found.wave)
    best = optimum(problem)
    assert found.lower_bound <= best <= found.waves <= found.greedy <= len(problem.before)
    assert found.waves <= best + 1
    assert found == cut(problem), "the same tasks, the same waves"


@settings(max_examples=60, deadline=None)
@given(problems(most=40))
def test_larger_problems(problem: Problem) -> None:
    found = cut(problem)
    check(problem, found.wave)
    in_issue_order = schedule(problem, range(len(problem.before)))
    check(problem, tuple(in_issue_order))
    assert found.lower_bound <= found.waves <= max(in_issue_order) == found.greedy


def test_nothing_is_cut_into_nothing() -> None:
    found = cut(problem_of([], [], [], 3))
    assert (found.wave, found.waves, found.lower_bound, found.greedy) == ((), 0, 0, 0)


def test_one_file_of_all_takes_a_wave_for_each() -> None:
    found = cut(problem_of([[]] * 5, [[7]] * 5, [[]] * 5, 3))
    assert found.waves == found.lower_bound == 5


def test_a_directory_as_a_whole_keeps_off_what_is_below_it() -> None:
    # Task 0 holds the directory alone; 1 and 2 hold files below it.
    found = cut(problem_of([[], [], []], [[0], [1], [2]], [[], [0], [0]], 3))
    assert found.waves == 2 and found.wave[1] == found.wave[2] != found.wave[0]


def test_issue_order_is_beaten_where_it_puts_the_long_chain_last() -> None:
    before: list[list[int]] = [[] for _ in range(9)]
    for task in (7, 8):
        before[task] = [task - 1]
    found = cut(problem_of(before, [[]] * 9, [[]] * 9, 3))
    assert (found.waves, found.lower_bound, found.greedy) == (3, 3, 5)


def test_the_gap_to_the_optimum_is_small_on_entangled_tasks() -> None:
    """A fixed sample of hard small ones: all but few are optimal."""
    worse = total = 0
    for seed in range(60):
        number = seed * 7919 + 17
        held = []
        for _task in range(9):
            number = (number * 1103515245 + 12345) % 2**31
            held.append(sorted({number >> 8 & 7, number >> 13 & 7}))
        problem = problem_of([[]] * 9, held, [[]] * 9, 4)
        worse += cut(problem).waves - optimum(problem)
        total += 1
    assert worse <= total // 20


def test_a_circle_is_a_bug() -> None:
    problem = problem_of([[1], [0]], [[], []], [[], []], 2)
    with pytest.raises(InvariantViolation):
        schedule(problem, [0.0, 1.0])
    with pytest.raises(InvariantViolation):
        lower_bound(problem)
