"""The merge queue's rules in simulation: what a decided change costs, against the closed forms, by failure rate."""

from __future__ import annotations

from random import Random

from andon.core import merge_queue as q
from benchmarks.measure import Row

RATES = (0.02, 0.1, 0.3)
DEPTH = 3
ROUNDS = 10_000
LIMIT = 1.02
"""simulated over computed, either way"""


def _faulty(random: Random, rate: float, size: int) -> tuple[q.Items, frozenset[str]]:
    items = tuple(str(number) for number in range(size))
    return items, frozenset(item for item in items if random.random() < rate)


def batch_asked(random: Random, rate: float, size: int) -> int:
    """Checks that one batch asks for until its culprits are known. Each change fails by itself at this rate."""
    items, bad = _faulty(random, rate, size)
    going, asked = q.Round(items=items, mode=q.BATCH, retries=0), 0
    while (decision := q.decide(going)).search:
        check = decision.wanted[0]
        asked += 1
        going = going.tell(check, q.GREEN if bad.isdisjoint(check.items) else q.RED)
    return asked


def window_round(random: Random, rate: float, size: int) -> tuple[int, int]:
    """(changes decided, checks made) of one round that measures its whole window at once."""
    items, bad = _faulty(random, rate, size)
    going = q.Round(items=items, retries=0)
    wanted = q.decide(going).wanted
    for check in wanted:
        going = going.tell(check, q.GREEN if bad.isdisjoint(check.items) else q.RED)
    decision = q.decide(going)
    return len(decision.land) + len(decision.back), len(wanted)


def run(rounds: int = 10) -> list[Row]:
    rows, size = [], 2**DEPTH
    for rate in RATES:
        random = Random(f"merge queue {rate}")
        asked = sum(batch_asked(random, rate, size) for _ in range(ROUNDS)) / (ROUNDS * size)
        rows.append(_row(f"batch of {size}, {rate:.0%} fail: checks a change", asked, q.batch_cost(rate, DEPTH)))
        played = [window_round(random, rate, size) for _ in range(ROUNDS)]
        decided = sum(one[0] for one in played)
        text = f"window of {size}, {rate:.0%} fail"
        rows.append(_row(f"{text}: decided a round", decided / ROUNDS, q.window_resolves(rate, size)))
        cost = sum(one[1] for one in played) / decided
        rows.append(_row(f"{text}: checks a change", cost, q.window_cost(rate, size)))
    return rows


def _row(name: str, value: float, floor: float) -> Row:
    return Row(name=name, value=value, floor=floor, unit="", ratio=max(value / floor, floor / value), limit=LIMIT)
