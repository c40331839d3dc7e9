"""The simulator against what queueing theory says, with fixed seeds. TOLERANCE is what sampling explains at these sizes."""

from __future__ import annotations

import math
import random

import pytest

from andon.core import workflow as w
from andon.core.forecast import report
from andon.core.forecast.given import given, pair_of
from andon.core.forecast.model import build
from andon.core.forecast.report import Crew, Played
from andon.core.forecast.simulate import Simulation
from andon.core.forecast.tally import Tally
from tests.core.harness import workflow

TOLERANCE = 0.03
UNLIMITED = w.Limits(visits=10_000, wall_time_s=1e15, submissions=1000)
SURE = ("red=0", "lost=0")


def agent(name: str, **options: object) -> w.Step:
    return w.Step(id=name, **{"empty": True, "attempts": 1000, **options})  # type: ignore[arg-type]


def play(
    definition: w.Workflow, *assumed: str, tasks: int, workers: dict[str, int] | int = 1, runs: int = 4, seed: int = 7
) -> tuple[Played, list[Tally]]:
    """Replications, with each one's own counts."""
    sure = [f"{x.id}.{what}" for x in definition.steps.values() if x.kind in ("agent", "fanout") for what in SURE]
    told = given(definition, [pair_of(x) for x in (*sure, *assumed)])
    crew = Crew(counts=workers if isinstance(workers, dict) else {"": workers})
    tallies: list[Tally] = []

    class Kept(Simulation):
        def run(self, tasks: int) -> Tally:
            tallies.append(super().run(tasks))
            return tallies[-1]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(report, "Simulation", Kept)
        played = report.play(
            build(definition, told),
            crew,
            tasks,
            runs,
            lambda run, task: random.Random(f"{seed}/{run}/{task}").random,
            lambda *_: None,
        )
    return played, tallies


def mean(played: Played, name: str) -> float:
    return math.fsum(x[name] for x in played.figures) / len(played.figures)


def close(found: float, expected: float, tolerance: float = TOLERANCE) -> bool:
    return abs(found - expected) <= tolerance * expected


def erlang_c(servers: int, load: float) -> float:
    """The chance that a customer of M/M/c must wait; load: arrival rate times service time."""
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    return last / (sum(load**k / math.factorial(k) for k in range(servers)) + last)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (2, 1.2), (5, 3.5)])
def test_waiting_of_many_servers_is_erlangs(servers: int, load: float) -> None:
    one = workflow([agent("work")], [("work", w.END)], limits=UNLIMITED)
    service = 60.0
    assumed = ("work.duration=exponential 60s", f"arrivals=exponential {service / load}s")
    played, _ = play(one, *assumed, tasks=10_000, workers=servers)
    expected = erlang_c(servers, load) * service / (servers - load)
    assert close(mean(played, "hook_mean_s"), expected, 0.06), (mean(played, "hook_mean_s"), expected)
    assert close(mean(played, "worker_utilisation"), load / servers)
    assert close(mean(played, "run_mean_s"), service)
    assert close(mean(played, "throughput_per_hour"), 3600 * load / service)


def test_utilisation_of_a_tandem() -> None:
    """Two stations with their own workers: each is busy with arrival rate times service time, and waits as M/M/1 (Burke)."""
    two = workflow(
        [agent("first", role="a"), agent("second", role="b")],
        [("first", "second"), ("second", w.END)],
        roles={"a": w.Role(), "b": w.Role()},
        limits=UNLIMITED,
    )
    assumed = ("first.duration=exponential 30s", "second.duration=exponential 42s", "arrivals=exponential 60s")
    played, _ = play(two, *assumed, tasks=8000, workers={"a": 1, "b": 1})
    assert close(mean(played, "utilisation:a"), 0.5)
    assert close(mean(played, "utilisation:b"), 0.7)
    assert close(mean(played, "second:wait_mean_s"), 42 * 0.7 / 0.3, 0.06)
    assert report.bottleneck(played)["step"] == "second"


def test_rework_is_geometric_and_a_visit_limit_cuts_it() -> None:
    back = [("make", "look"), ("look", "make", "rework"), ("look", w.END)]
    loop = workflow([agent("make"), agent("look")], back, limits=UNLIMITED)
    played, _ = play(loop, "look.rework=0.4", tasks=4000, workers=9, runs=2)
    assert close(mean(played, "look:visits"), 1 / 0.6)
    assert played.blocked == {}
    limited = workflow([agent("make"), agent("look")], back, limits=w.Limits(visits=3, wall_time_s=1e15))
    played, _ = play(limited, "look.rework=0.4", tasks=4000, workers=9, runs=2)
    assert close(mean(played, "needs_person") / 4000, 0.4**3, 0.06)
    assert set(played.blocked) == {"step make reached its limit of 3 visits"}


def forked(branches: int) -> w.Workflow:
    names = [f"b{number}" for number in range(branches)]
    return workflow(
        [agent("plan"), *(agent(name) for name in names)],
        [("plan", "f"), *(("f", name) for name in names), *((name, "j") for name in names), ("j", w.END)],
        pseudo={"f": "fork", "j": "join"},
        limits=UNLIMITED,
    )


def test_a_fork_waits_for_its_slowest_branch() -> None:
    """The longest of k exponentials has the k-th harmonic number for its mean."""
    branches = 5
    durations = [f"b{number}.duration=exponential 60s" for number in range(branches)]
    played, _ = play(
        forked(branches), "plan.duration=0s", "arrivals=exponential 60s", *durations, tasks=3000, workers=60, runs=2
    )
    harmonic = sum(1 / k for k in range(1, branches + 1))
    assert mean(played, "b4:wait_mean_s") < 0.1
    assert close(mean(played, "run_mean_s"), 60 * harmonic)


@pytest.mark.parametrize(
    ("join", "expected"), [("all", 1 / 4 + 1 / 3 + 1 / 2 + 1), ("any", 1 / 4), ("2", 1 / 4 + 1 / 3)]
)
def test_a_fan_out_ends_with_as_many_children_as_it_needs(join: str, expected: float) -> None:
    steps = [agent("plan"), agent("work", kind="fanout", for_each="list.json", join=join)]
    spread = workflow(steps, [("plan", "work"), ("work", w.END)], limits=UNLIMITED)
    assumed = ("plan.duration=0s", "work.width=4", "work.duration=exponential 60s", "arrivals=exponential 60s")
    played, _ = play(spread, *assumed, tasks=3000, workers=60, runs=2)
    assert close(mean(played, "run_mean_s"), 60 * expected)


def test_children_at_most_so_many_at_once() -> None:
    steps = [agent("work", kind="fanout", for_each="list.json", max_parallel=2)]
    spread = workflow(steps, [("work", w.END)], limits=UNLIMITED)
    played, _ = play(spread, "work.width=6", "work.duration=10s", tasks=1, workers=50, runs=1)
    assert mean(played, "run_mean_s") == 30.0


@pytest.mark.parametrize(("window", "chance"), [(1, 0.2), (4, 0.1), (8, 0.3)])
def test_a_speculative_window_of_the_lead(window: int, chance: float) -> None:
    """(1-(1-p)^w)/p are resolved a round, at wp/(1-(1-p)^w) verifications each."""
    line = workflow(
        [w.Step(id="make", attempts=1000), w.Step(id="land", kind="land")],
        [("make", "land"), ("land", w.END)],
        limits=UNLIMITED,
    )
    assumed = (
        "make.duration=0s",
        f"land.red={chance}",
        f"land.window={window}",
        f"land.parallel={window}",
        "land.duration=60s",
        "land.retries=0",
    )
    _, tallies = play(line, *assumed, tasks=8000, workers=2, runs=1)
    per_round = (1 - (1 - chance) ** window) / chance
    for tally in tallies:
        land = tally.steps["land"]
        assert close(land.visits / tally.landed_rounds, per_round, 0.02)
        assert close(land.attempts / land.visits, window / per_round, 0.02)
        assert land.visits == 8000 + land.red
        assert land.busy == tally.landed_rounds * 60_000_000


def test_time_runs_out_for_people() -> None:
    asked = workflow(
        [w.Step(id="ask", kind="human", expires_s=3600.0), agent("late")],
        [("ask", w.END), ("ask", "late", w.EXPIRED), ("late", w.END)],
        limits=UNLIMITED,
    )
    played, _ = play(asked, "ask.duration=exponential 1h", tasks=6000, workers=20, runs=2)
    assert close(mean(played, "late:visits"), math.exp(-1))
    assert close(mean(played, "ask:delay_s"), 3600 * (1 - math.exp(-1)))


def test_attempts_and_red_submissions() -> None:
    tried = workflow(
        [w.Step(id="work", attempts=2, empty=True, gates=("tests",), lease_s=0.0)],
        [("work", w.END), ("work", w.END, w.FAILED)],
        gates=[w.RunGate(id="tests", run="true")],
        limits=UNLIMITED,
    )
    assumed = ("work.lost=0.3", "work.red=0.5", "work.duration=10s", "work.fix=1s")
    played, _ = play(tried, *assumed, tasks=6000, workers=5, runs=2)
    assert close(mean(played, "work:attempts"), 1.3)
    done = 0.7 + 0.3 * 0.7
    assert close(mean(played, "work:red"), done * 1.0), "on average one red submission for each green one"
    assert close(mean(played, "work:verifications"), done * 2.0)


def test_student_t() -> None:
    for degrees, expected in ((1, 12.706), (5, 2.571), (19, 2.093), (100, 1.984)):
        assert report.t_975(degrees) == pytest.approx(expected, abs=0.003)


def test_an_interval_holds_the_true_mean_as_often_as_it_says() -> None:
    held = 0
    for seed in range(200):
        uniform = random.Random(seed).random
        found = report.interval([uniform() for _ in range(20)])
        assert found["low"] is not None and found["high"] is not None
        held += found["low"] <= 0.5 <= found["high"]
    assert 180 <= held <= 199
