"""How many seeds the simulator runs in a second of one core (the goal is 200)."""

from __future__ import annotations

import time

from andon.testing import simulate
from benchmarks.measure import Row

SEEDS = 400
GOAL = 200.0


def run(seeds: int = SEEDS) -> list[Row]:
    for seed in range(20):
        simulate(seed)
    start = time.process_time()
    for seed in range(seeds):
        outcome = simulate(seed)
        if not outcome.ok:
            raise RuntimeError(f"seed {seed}: {outcome.violations[0]}")
    rate = seeds / (time.process_time() - start)
    return [
        Row(
            name="simulated seeds a second of one core, over 200",
            value=rate,
            floor=GOAL,
            unit="/s",
            ratio=rate / GOAL,
            limit=1.0,
            better="higher",
        )
    ]
