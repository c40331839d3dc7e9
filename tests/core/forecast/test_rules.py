"""What the simulator keeps of the rules of a real run: who may do what, reviews bound to the change, choices, limits."""

from __future__ import annotations

import math

from andon.core import workflow as w
from andon.core.forecast.report import summary
from tests.core.forecast.test_closed_forms import UNLIMITED, agent, close, mean, play
from tests.core.harness import standard, workflow


def test_one_worker_can_not_review_itself() -> None:
    played, _ = play(standard(), tasks=3, workers=1, runs=1)
    assert played.blocked == {"no worker may do step review": 3}
    assert mean(played, "throughput_per_hour") == 0
    assert summary(played)["reasons"] == [{"reason": "no worker may do step review", "share": 1.0}]
    played, _ = play(standard(), "land.red=0", tasks=3, workers=2, runs=1)
    assert mean(played, "finished") == 3


def test_a_review_by_two_takes_two_others() -> None:
    twice = workflow(
        [w.Step(id="make", role="maker"), w.Step(id="look", role="judge")],
        [("make", "look"), ("look", w.END)],
        gates=[w.ReviewGate(id="look", role="judge", count=2)],
        roles={"maker": w.Role(), "judge": w.Role()},
        limits=UNLIMITED,
    )
    played, _ = play(twice, tasks=20, workers=2, runs=1)
    assert played.blocked == {"no worker may do step look": 20}
    played, _ = play(twice, tasks=20, workers=3, runs=1)
    assert mean(played, "look:attempts") == 2
    assert mean(played, "finished") == 20


def test_a_reworked_change_is_reviewed_again_before_it_lands() -> None:
    """The reviewer's rework goes to a triage that can't pass it, so that every such run makes and reviews it twice."""
    judged = workflow(
        [
            w.Step(id="make", role="maker"),
            w.Step(id="look", role="judge"),
            w.Step(id="triage", empty=True, gates=("look",)),
            w.Step(id="land", kind="land"),
        ],
        [
            ("make", "look"),
            ("look", "triage"),
            ("look", "triage", "rework"),
            ("triage", "land"),
            ("triage", "make", "again"),
            ("land", w.END),
        ],
        gates=[w.ReviewGate(id="look", role="judge")],
        done=("look",),
        roles={"maker": w.Role(), "judge": w.Role()},
        limits=UNLIMITED,
    )
    sure = ("triage.again=0.0001", "land.red=0")
    played, _ = play(judged, "look.rework=0.5", *sure, tasks=2000, workers=20, runs=2)
    assert close(mean(played, "make:visits"), 2.0)
    assert played.blocked == {}


def chosen(condition: str | None) -> w.Workflow:
    return workflow(
        [agent("work"), agent("more")],
        [("work", "c"), ("c", "more", "passed", condition), ("c", w.END), ("more", w.END)],
        pseudo={"c": "choice"},
        limits=UNLIMITED,
    )


def test_choices_by_given_chances_or_evenly() -> None:
    for assumed, expected in ((("c.more=0.2",), 0.2), ((), 0.5)):
        played, _ = play(chosen("figures.x.y > 1"), *assumed, tasks=4000, workers=20, runs=2)
        assert close(mean(played, "more:visits"), expected, 0.05)


def test_waiting_and_commands() -> None:
    line = workflow(
        [
            agent("plan"),
            w.Step(id="build", kind="command", run="make"),
            w.Step(id="rest", kind="wait", for_s=600.0),
            w.Step(id="ship", kind="publish"),
        ],
        [("plan", "build"), ("build", "rest"), ("rest", "ship"), ("ship", w.END)],
        limits=UNLIMITED,
    )
    fixed = ("plan.duration=10s", "build.duration=20s", "ship.duration=5s", "build.red=0", "ship.red=0")
    played, _ = play(line, *fixed, tasks=2, workers=1, runs=1)
    assert mean(played, "run_mean_s") == 635.0
    assert math.isclose(mean(played, "task_p90_s"), 635 + 0.9 * 30)
    assert math.isclose(mean(played, "agent_hours") * 3600, 60.0), "the worker carries the command out"


def test_limits_of_tokens_and_time_need_a_person() -> None:
    short = workflow([agent("work")], [("work", w.END)], limits=w.Limits(tokens=1000, wall_time_s=60.0))
    played, _ = play(short, "work.tokens=2k", "work.duration=10s", tasks=4, workers=1, runs=1)
    assert played.blocked == {"more than the limit of 1000 tokens was used": 4}
    played, _ = play(short, "work.tokens=1k", "work.duration=61s", tasks=4, workers=1, runs=1)
    assert played.blocked == {"the run took longer than its wall-time limit of 60 s": 4}
    played, _ = play(short, "work.tokens=1k", "work.duration=60s", "price=5", tasks=4, workers=1, runs=1)
    money = summary(played)["money"]
    assert money == {"mean": 0.02, "low": None, "high": None}


def test_a_refused_landing_goes_along_its_edge_or_back() -> None:
    def line(*edges: tuple[str, ...]) -> w.Workflow:
        steps = [w.Step(id="make"), agent("triage"), w.Step(id="land", kind="land")]
        return workflow(steps, [("make", "land"), ("land", w.END), ("triage", w.END), *edges], limits=UNLIMITED)

    played, _ = play(line(), "land.red=0.25", tasks=3000, workers=5, runs=2)
    assert close(mean(played, "make:visits"), 1 / 0.75)
    played, _ = play(line(("land", "triage", "failed")), "land.red=0.25", tasks=3000, workers=5, runs=4)
    assert close(mean(played, "triage:visits"), 0.25, 0.06)
    assert mean(played, "make:visits") == 1


def test_a_forecast_is_its_seed() -> None:
    one, again, other = (summary(play(standard(), tasks=50, workers=4, runs=3, seed=seed)[0]) for seed in (1, 1, 2))
    assert one == again
    assert one != other
    # The same on every machine: whole microseconds, and six digits of what is reported.
    assert one["throughput_per_hour"]["mean"] == THROUGHPUT
    assert one["task_s"]["p90"]["mean"] == TASK_P90


def test_a_window_grows_while_all_is_green() -> None:
    """Two, four, eight: four rounds for twenty runs that are there at once; one after the other, each takes its own time."""
    line = workflow([w.Step(id="make"), w.Step(id="land", kind="land")], [("make", "land"), ("land", w.END)])
    fixed = ("make.duration=0s", "land.duration=10s", "land.red=0")
    _, tallies = play(line, *fixed, "land.parallel=8", tasks=22, workers=1, runs=1)
    # The first to come lands alone.
    assert (tallies[0].landed_rounds, tallies[0].steps["land"].busy) == (5, 50_000_000)
    _, tallies = play(line, *fixed, tasks=22, workers=1, runs=1)
    assert tallies[0].steps["land"].busy == 220_000_000


THROUGHPUT, TASK_P90 = 7.44385, 20316.2


def test_the_same_work_with_more_workers() -> None:
    """Common random numbers: what is worked does not depend on how many work, only when."""
    free = workflow([agent("a"), agent("b")], [("a", "b"), ("b", "a", "back"), ("b", w.END)], limits=UNLIMITED)
    few, many = (play(free, tasks=100, workers=count, runs=2)[0] for count in (2, 9))
    assert math.isclose(mean(few, "agent_hours"), mean(many, "agent_hours"))
    assert mean(few, "length_s") > mean(many, "length_s")
