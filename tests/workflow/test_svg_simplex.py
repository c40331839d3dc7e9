"""Network simplex: feasible, and as short as the optimum (compared with trying every assignment)."""

from __future__ import annotations

import itertools
import random

import pytest

from andon.core.errors import InvariantViolation
from andon.workflow.svg.simplex import Edge, solve


def _cost(values: list[int], edges: list[Edge]) -> int:
    return sum(weight * (values[head] - values[tail]) for tail, head, _, weight in edges)


def _best(count: int, edges: list[Edge], highest: int) -> int:
    feasible = (
        _cost(list(values), edges)
        for values in itertools.product(range(highest + 1), repeat=count)
        if all(values[head] - values[tail] >= length for tail, head, length, _ in edges)
    )
    return min(feasible)


@pytest.mark.parametrize("seed", range(25))
def test_the_sum_of_weighted_lengths_is_the_least_possible(seed: int) -> None:
    chance = random.Random(seed)
    count = chance.randint(2, 5)
    edges = []
    for _ in range(chance.randint(1, 7)):
        tail, head = sorted(chance.sample(range(count), 2))
        edges.append((tail, head, chance.randint(0, 2), chance.randint(0, 4)))
    values = solve(count, edges)
    assert all(values[head] - values[tail] >= length for tail, head, length, _ in edges)
    assert min(values) == 0
    assert _cost(values, edges) == _best(count, edges, 6)


def test_nothing_to_place() -> None:
    assert solve(0, []) == []
    assert solve(3, []) == [0, 0, 0]


def test_a_heavy_edge_is_kept_short() -> None:
    # 0 → 1 → 2 and 0 → 3 → 2: node 3 may stand anywhere between; the heavy edge pulls it down to 2.
    edges = [(0, 1, 3, 1), (1, 2, 3, 1), (0, 3, 1, 1), (3, 2, 1, 5)]
    assert solve(4, edges) == [0, 3, 6, 5]


def test_constraints_in_a_circle_are_a_bug() -> None:
    with pytest.raises(InvariantViolation):
        solve(2, [(0, 1, 1, 1), (1, 0, 1, 1)])
