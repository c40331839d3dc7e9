"""Where a forecast's numbers come from: what is given, what the log measured, what is assumed."""

from __future__ import annotations

import random

import pytest

from andon.core import events as e
from andon.core import workflow as w
from andon.core.errors import UsageError
from andon.core.forecast.given import given, pair_of, read_lines
from andon.core.forecast.measured import Measured
from andon.core.forecast.model import build
from andon.core.forecast.spread import DURATION_UNITS, Spread, lognormal, spread_of
from tests.core.harness import World, standard, workflow


def told(*lines: str, definition: w.Workflow | None = None):  # type: ignore[no-untyped-def]
    return given(definition or standard(), [pair_of(line) for line in lines])


@pytest.mark.parametrize(
    ("line", "complaint", "following"),
    [
        ("nonsense", "not KEY=VALUE", "for example"),
        ("=3", "not KEY=VALUE", "for example"),
        ("speed=3", "no step or choice", "implement, review, land"),
        ("plan.duration=3m", "no step or choice 'plan'", "implement, review, land"),
        ("implement.speed=3", "implement has no 'speed'", "duration"),
        ("implement.duration=", "not KEY=VALUE", "for example"),
        ("implement.duration=-3m", "is no spread", "10m..30m"),
        ("implement.duration=nan", "is no spread", "10m..30m"),
        ("implement.duration=30m..10m", "90th percentile no less", "10m..30m"),
        ("implement.duration=exponential 1m 2m", "is no spread", "10m..30m"),
        ("implement.duration=samples", "is no spread", "10m..30m"),
        ("implement.red=1", "from 0 to 0.99", "for example"),
        ("review.rework=120%", "from 0 to 1", "for example"),
        ("land.window=0", "from 1 to 64", "for example"),
        ("land.retries=4", "from 0 to 3", "for example"),
        ("land.mode=bisect", "expected each or batch", "land.mode=batch"),
        ("land.flaky=1", "from 0 to 0.99", "for example"),
        ("price=-1", "from 0 to", "for example price=3"),
        ("speed=3", "no step or choice 'speed'", "name arrivals, price, or STEP.WHAT"),
    ],
)
def test_bad_assumptions_name_what_was_expected(line: str, complaint: str, following: str) -> None:
    with pytest.raises(UsageError) as caught:
        told(line)
    assert caught.value.kind == "bad_input"
    assert complaint in caught.value.message
    assert following in caught.value.next


def test_probabilities_of_the_ways_out_sum_up() -> None:
    with pytest.raises(UsageError, match=r"sum to 1\.2"):
        told("review.rework=0.7", "review.passed=0.5")
    with pytest.raises(UsageError, match=r"all ways out of review sum to 0\.9"):
        told("review.rework=0.4", "review.passed=0.5")
    assert build(standard(), told("review.passed=90%")).steps["review"].outcomes == (("rework", pytest.approx(0.1)),)


def test_a_file_of_assumptions() -> None:
    text = "# measured by hand\nimplement.duration = 20m..1h  # of last week\n\nprice = 3.5\n"
    found = given(standard(), read_lines(text, "numbers"))
    assert found.price == 3.5
    assert found.spreads == {"implement.duration": lognormal(1200, 3600)}
    with pytest.raises(UsageError, match="numbers:2: 'word' is not"):
        read_lines("a=b\nword", "numbers")


@pytest.mark.parametrize(
    ("text", "mean"),
    [("5m", 300.0), ("90", 90.0), ("exponential 2h", 7200.0), ("samples 1s 2s 6s", 3.0), ("10s..30s", None)],
)
def test_spreads_are_drawn_as_they_are_named(text: str, mean: float | None) -> None:
    spread, uniform = spread_of("x.duration", text, DURATION_UNITS), random.Random(1).random
    values = sorted(spread.draw(uniform) for _ in range(20_000))
    assert abs(sum(values) / len(values) / spread.mean - 1) < 0.03
    if mean is None:
        assert abs(values[10_000] / 10 - 1) < 0.03
        assert abs(values[18_000] / 30 - 1) < 0.03
    else:
        assert spread.mean == pytest.approx(mean)


def test_the_log_measures_steps() -> None:
    """Seven runs of the real rules: each implements in 60 s with one red submission, the third is sent back once."""
    measured = Measured("test")
    for number in range(7):
        world = World()
        token = world.claim("implement", "alice")
        world.now += 40
        world.ok(world.advance("implement", token, "alice", "t1", measured="failed"))
        world.now += 20
        world.ok(world.advance("implement", token, "alice", "t2"))
        world.now += 5
        if number == 2:
            token = world.claim("review", "bob")
            world.now += 30
            world.ok(world.advance("review", token, "bob", outcome="rework", message="no"))
            token = world.claim("implement", "alice")
            world.now += 60
            world.ok(world.advance("implement", token, "alice", "t3"))
        token = world.claim("review", "bob")
        world.now += 30
        world.ok(world.advance("review", token, "bob"))
        if number < 3:
            world.land(tree="t3" if number == 2 else "t2", patch="patch:t3" if number == 2 else "patch:t2")
        for event in world.events:
            measured.add(f"R{number}", event)
    assert (measured.runs, len(measured.versions)) == (7, 1)
    implement, review = measured.steps["implement"], measured.steps["review"]
    assert implement.durations == [60.0] * 8
    assert (implement.red, implement.judged, implement.lost) == (7, 15, 0)
    assert review.durations == [30.0] * 8
    assert review.outcomes == {"passed": 7, "rework": 1}
    sources = {(x.step, x.what): x for x in build(standard(), told("review.lost=0"), measured).sources}
    assert (sources["implement", "duration"].source, sources["implement", "duration"].samples) == ("measured", 8)
    assert sources["implement", "red"].value == "0.467"
    assert (sources["review", "rework"].source, sources["review", "rework"].value) == ("measured", "0.125")
    assert (sources["land", "duration"].source, sources["land", "duration"].samples) == ("assumed", 3), "three are few"
    assert sources["implement", "tokens"].source == "assumed"
    assert sources["review", "lost"].source == "given"


def test_what_was_lost_and_what_others_do_is_kept_apart() -> None:
    measured = Measured("test")
    other = World(workflow([w.Step(id="implement")], [("implement", w.END)]))
    other.claim("implement", "alice")
    world = World()
    token = world.claim("implement", "alice")
    world.now += 10
    world.ok(world_release(world, token))
    for event in world.events:
        measured.add("R1", event)
    for event in other.events[1:]:
        measured.add("R2", event)
    log = measured.steps["implement"]
    assert (log.attempts, log.lost, log.durations) == (1, 1, [])


def world_release(world: World, token: int):  # type: ignore[no-untyped-def]
    from andon.core import commands as c

    return c.Release(at=world.now, actor="alice", step="implement", token=token, reason="gone")


def test_tokens_of_an_attempt() -> None:
    measured = Measured("test")
    world = World()
    token = world.claim("implement", "alice")
    events = [
        *world.events,
        e.LeaseRenewed(at=world.now, actor="alice", step="implement", token=token, expires_at=9e9, tokens_used=700),
        e.LeaseRenewed(at=world.now, actor="alice", step="implement", token=token, expires_at=9e9, tokens_used=300),
        e.StepFinished(at=world.now + 9, actor="alice", step="implement", outcome="passed"),
        e.RunEnded(at=world.now + 9, actor="alice", outcome="completed"),
    ]
    for event in events:
        measured.add("R1", event)
    assert measured.steps["implement"].tokens == [1000.0]


def test_very_many_samples_are_cut() -> None:
    spread = spread_of("x", "samples " + " ".join(["1"] * 10_001), DURATION_UNITS)
    assert spread == Spread("samples", (1.0,) * 10_000)
