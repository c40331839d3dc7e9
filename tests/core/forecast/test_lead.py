"""Rounds of the lead in a forecast: the merge queue's own rules, against the closed forms and by example."""

from __future__ import annotations

from random import Random

import pytest

from andon.core import merge_queue as q
from andon.core import workflow as w
from andon.core.forecast.lead import Played, play_round
from tests.core.forecast.test_closed_forms import UNLIMITED, close, play
from tests.core.harness import workflow

ROUNDS = 6000


def round_of(faulty: str, *, mode: str = q.EACH, retries: int = 0, parallel: int = 1, flakes: str = "") -> Played:
    """faulty: `.` and `x` by place. flakes: the same, for measurements in their order."""
    left = iter(flakes)
    return play_round(
        [x == "x" for x in faulty],
        lambda _place: 10,
        lambda _place: next(left, ".") == "x",
        mode=mode,
        retries=retries,
        parallel=parallel,
    )


@pytest.mark.parametrize(
    ("faulty", "options", "land", "back", "checks", "ticks"),
    [
        ("....", {}, (0, 1, 2, 3), (), 4, 40),
        ("....", {"parallel": 4}, (0, 1, 2, 3), (), 4, 10),
        ("....", {"mode": q.BATCH}, (0, 1, 2, 3), (), 4, 40),
        (".x..", {"parallel": 4}, (0,), (1,), 4, 10),
        (".x..", {"parallel": 4, "retries": 1}, (0,), (1,), 5, 20),
        (".x..", {}, (0,), (1,), 2, 20),
        # The tip is red, and so is the first half: its first one is green, the second at fault; the second half is green.
        (".x..", {"mode": q.BATCH}, (0, 2, 3), (1,), 6, 60),
        ("xx", {"mode": q.BATCH, "retries": 1}, (), (0, 1), 5, 50),
    ],
)
def test_a_round_by_example(
    faulty: str, options: dict[str, int], land: tuple[int, ...], back: tuple[int, ...], checks: int, ticks: int
) -> None:
    played = round_of(faulty, **options)  # type: ignore[arg-type]
    assert (played.land, played.back, played.checks, played.ticks) == (land, back, checks, ticks)


def test_an_innocent_submission_gets_a_second_try() -> None:
    again = round_of("..", retries=1, flakes="x")
    assert (again.land, again.back, again.checks, again.flaky) == ((0, 1), (), 3, 1)
    twice = round_of("..", retries=1, flakes="xx")
    assert (twice.land, twice.back, twice.flaky) == ((), (0,), 2)


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3])
def test_bisection_costs_what_the_closed_form_says(rate: float) -> None:
    random = Random(f"batch {rate}")
    played = [
        round_of("".join("x" if random.random() < rate else "." for _ in range(8)), mode=q.BATCH) for _ in range(ROUNDS)
    ]
    assert close(sum(x.searched for x in played) / (8 * ROUNDS), q.batch_cost(rate, 3), 0.02)
    assert all(len(x.land) + len(x.back) == 8 for x in played)


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3])
def test_a_window_resolves_what_the_closed_form_says(rate: float) -> None:
    random = Random(f"window {rate}")
    played = [
        round_of("".join("x" if random.random() < rate else "." for _ in range(8)), parallel=8) for _ in range(ROUNDS)
    ]
    decided = sum(len(x.land) + len(x.back) for x in played)
    assert close(decided / ROUNDS, q.window_resolves(rate, 8), 0.02)
    assert close(sum(x.checks for x in played) / decided, q.window_cost(rate, 8), 0.02)


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_flaky_gates_cost_tries_and_seldom_more(retries: int) -> None:
    """With a chance f, a landing costs 1 + f + … + f^r tries, and f^(r+1) go back for nobody's fault."""
    chance, random = 0.25, Random("flaky")
    played = [
        round_of(".", retries=retries, flakes="".join("x" if random.random() < chance else "." for _ in range(4)))
        for _ in range(20_000)
    ]
    assert close(sum(x.checks for x in played) / len(played), sum(chance**n for n in range(retries + 1)), 0.02)
    assert close(sum(len(x.back) for x in played) / len(played), chance ** (retries + 1), 0.1)


def line() -> w.Workflow:
    steps = [w.Step(id="make", attempts=1000), w.Step(id="land", kind="land")]
    return workflow(steps, [("make", "land"), ("land", w.END)], limits=UNLIMITED)


def test_a_killed_lead_costs_time_and_nothing_else() -> None:
    """A share p of the rounds is begun again, each after half of it: (1 + p / (1 - p) / 2) of the time."""
    fixed = ("make.duration=0s", "land.red=0", "land.window=1", "land.duration=60s", "land.lost=0.2")
    _, tallies = play(line(), *fixed, tasks=8000, workers=2, runs=1)
    (tally,) = tallies
    land = tally.steps["land"]
    assert (land.visits, land.red, tally.landed_rounds, sum(tally.blocked.values())) == (8000, 0, 8000, 0)
    assert close(land.lost / (land.lost + 8000), 0.2, 0.05)
    assert close(land.busy / (8000 * 60_000_000), 1 + 0.25 / 2, 0.02)


def test_batches_and_flaky_gates_in_a_whole_forecast() -> None:
    fixed = ("make.duration=0s", "land.red=0.1", "land.window=8", "land.duration=60s", "land.flaky=0.05")
    _, each = play(line(), *fixed, tasks=2000, workers=2, runs=1)
    _, batch = play(line(), *fixed, "land.mode=batch", tasks=2000, workers=2, runs=1)
    for tally in (*each, *batch):
        assert tally.steps["land"].visits == 2000 + tally.steps["land"].red and tally.steps["land"].flaky > 0
    assert batch[0].landed_rounds < each[0].landed_rounds
