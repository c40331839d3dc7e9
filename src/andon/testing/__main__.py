"""`python -m andon.testing`: run seeds, replay one, measure the ablations, soak."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import count, islice

from andon.testing.ablations import ABLATIONS, switched_off
from andon.testing.simulation import Outcome, simulate

SHOWN = 5
BATCH = 50
UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


def main(arguments: list[str] | None = None) -> int:
    """0: the laws held (or every ablation was found); 1: not; 64: bad input."""
    parser = _parser()
    try:
        given = parser.parse_args(arguments)
    except SystemExit as stop:
        return 0 if not stop.code else 64
    if given.ablations:
        return ablations(given.start, given.seeds, given.only)
    if given.seed is not None:
        return replay(given.seed, trace=given.trace)
    if given.soak is not None:
        return soak(given.soak, given.jobs)
    seeds = range(given.start, given.start + given.seeds)
    return _report(_in_batches(iter(seeds), given.jobs))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m andon.testing", description="Simulate Andon under faults.")
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds (default 1000)")
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="replay this one")
    parser.add_argument("--trace", action="store_true", help="with --seed: print all that happened")
    parser.add_argument("--soak", type=_duration, metavar="TIME", help="fresh seeds for this long (90s, 30m, 8h)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes side by side")
    parser.add_argument("--ablations", action="store_true", help="switch each safeguard off; all must be noticed")
    parser.add_argument("--only", metavar="NAME", help="with --ablations: this one")
    return parser


def _duration(text: str) -> float:
    number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS_S else (text, "s")
    try:
        return float(number) * UNITS_S[unit]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is no duration; examples: 90s, 30m, 8h") from error


# ---------------------------------------------------------------- seeds


def _run_batch(seeds: list[int]) -> list[Outcome]:
    return [simulate(seed) for seed in seeds]


def _in_batches(seeds: Iterator[int], jobs: int, *, until: float = float("inf")) -> Iterator[Outcome]:
    """Outcomes in the order of the seeds, several processes side by side."""
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        waiting = []
        while True:
            batch = list(islice(seeds, BATCH)) if time.monotonic() < until else []
            if batch:
                waiting.append(pool.submit(_run_batch, batch))
            if waiting and (not batch or len(waiting) > 2 * jobs):
                yield from waiting.pop(0).result()
            elif not batch:
                return


def _report(outcomes: Iterator[Outcome]) -> int:
    began, seen, bad = time.monotonic(), 0, 0
    counts: dict[str, int] = {}
    for outcome in outcomes:
        seen += 1
        for name, number in outcome.counts.items():
            counts[name] = counts.get(name, 0) + number
        if not outcome.ok:
            bad += 1
            if bad <= SHOWN:
                _show(outcome)
        if sys.stderr.isatty() and seen % 200 == 0:
            print(f"\r{seen} seeds, {bad} bad", end="", file=sys.stderr, flush=True)
    took = time.monotonic() - began
    listed = ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))
    print(f"{seen} seeds in {took:.1f} s ({seen / max(took, 1e-9):.0f} a second): {bad} bad. {listed}")
    return 1 if bad else 0


def _show(outcome: Outcome) -> None:
    print(f"seed {outcome.seed} breaks a law:")
    for violation in outcome.violations[:SHOWN]:
        print(f"  {violation}")
    print(f"  again, with all that happened: python -m andon.testing --seed {outcome.seed} --trace")


def replay(seed: int, *, trace: bool) -> int:
    """One seed again; the trace's hash says that it was the same."""
    outcome = simulate(seed, verbose=trace)
    for line in outcome.lines:
        print(line)
    print(f"seed {seed}: {outcome.parameters}")
    print(f"trace {outcome.trace}")
    if outcome.ok:
        print("the laws held")
        return 0
    _show(outcome)
    return 1


def soak(seconds: float, jobs: int) -> int:
    """Fresh seeds until the time is over."""
    first = random.SystemRandom().randrange(10**9, 10**12)
    print(f"soaking for {seconds:.0f} s from seed {first}", flush=True)
    return _report(_in_batches(count(first), jobs, until=time.monotonic() + seconds))


# ---------------------------------------------------------------- ablations


def ablations(start: int, seeds: int, only: str | None) -> int:
    """A table: how many seeds it took to notice that a safeguard is off."""
    chosen = [x for x in ABLATIONS if only in (None, x.name)]
    if not chosen:
        print(f"there is no ablation {only}; there are: {', '.join(x.name for x in ABLATIONS)}", file=sys.stderr)
        return 64
    missed = 0
    print(f"{'safeguard switched off':28} {'law':>3} {'seeds':>6}  noticed as")
    for ablation in chosen:
        with switched_off(ablation):
            found = next((x for x in map(simulate, range(start, start + seeds)) if not x.ok), None)
        missed += found is None
        told = f"{found.seed - start + 1:6}  {found.violations[0]}" if found else f"{'-':>6}  NOT NOTICED"
        print(f"{ablation.name:28} {ablation.law:3} {told[:150]}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
