"""`andon workflow simulate` as people call it: from the workflow file alone, and from what a workspace measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World.make(tmp_path_factory.mktemp("world"), isolation="process", done="[review]", implement_gates="[scope]")


def test_a_forecast_from_the_file_alone(world: World) -> None:
    words = ("workflow", "simulate", "feature", "--tasks", "40", "--runs", "5", "--workers", "4", "--seed", "3")
    found = world.ok(*words, "--assume", "price=2", "--what-if", "workers=2,4,8")
    assert (found["tasks"], found["runs"], found["seed"], found["workers"]) == (40, 5, 3, {"any": 4})
    assert (
        found["throughput_per_hour"]["low"]
        < found["throughput_per_hour"]["mean"]
        < found["throughput_per_hour"]["high"]
    )
    assert [x["step"] for x in found["steps"]] == ["implement", "review", "land"]
    assert found["bottleneck"]["step"] == "implement"
    assert found["money"]["mean"] == pytest.approx(found["tokens"]["mean"] * 2e-6, rel=1e-4)
    rates = [x["throughput_per_hour"]["mean"] for x in found["what_if"]["rows"]]
    assert rates == sorted(rates)
    assert rates[1] == found["throughput_per_hour"]["mean"]
    assert {x["source"] for x in found["sources"]} == {"assumed"}
    assert found["measured"] is None
    assert world.ok(*words, "--assume", "price=2", "--what-if", "workers=2,4,8") == found
    shown = world.andon(*words, "--what-if", "land.window=1,4").out
    for part in ("tasks an hour", "bottleneck    implement", "land.window", "assumed"):
        assert part in shown


def test_a_forecast_from_what_was_measured(world: World) -> None:
    world.write("numbers.txt", "implement.duration = 20m..1h\nland.window = 2 # as it is set\n")
    for number in range(5):
        world.ok("task", "add", f"Task {number}")
        claim = world.ok("next", agent="amy")
        (Path(claim["workdir"]) / f"{number}.txt").write_text("new\n")
        world.ok("advance", "-m", "done", agent="amy", cwd=claim["workdir"])
    found = world.ok("workflow", "simulate", "feature", "--workers", "2", "--measured", "--runs", "2", "--tasks", "20")
    source = {(x["step"], x["what"]): (x["source"], x["samples"]) for x in found["sources"]}
    assert found["measured"]["runs"] == 5
    assert source["implement", "duration"] == ("measured", 5)
    assert source["implement", "red"] == ("measured", 5)
    assert source["review", "duration"] == ("assumed", 0)
    words = ("--workers", "implementer=2,reviewer=1", "--measured", "--assume", "numbers.txt")
    found = world.ok("workflow", "simulate", "feature", *words)
    source = {(x["step"], x["what"]): x["source"] for x in found["sources"]}
    assert source["implement", "duration"] == "given"
    assert set(found["utilisation"]["roles"]) == {"implementer", "reviewer"}
    assert "5 samples" in world.andon("workflow", "simulate", "feature", *words).out


def test_what_never_lands_took_no_time(world: World) -> None:
    words = ("workflow", "simulate", "feature", "--tasks", "10", "--runs", "3")
    default = world.ok(*words)
    assert default["workers"] == {"any": 6} and default["throughput_per_hour"]["mean"] > 0
    alone = world.ok(*words, "--workers", "1")
    assert (alone["throughput_per_hour"]["mean"], alone["finished"]["mean"]) == (0, 0)
    assert {x["mean"] for x in (*alone["task_s"].values(), *alone["run_s"].values())} == {None}
    assert alone["reasons"][0]["reason"] == "no worker may do step review"
    text = world.andon(*words, "--workers", "1", "--what-if", "workers=1,2").out
    assert "NO TASK LANDS" in text and "median unknown" in text and "median 0" not in text


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nothing"], "there is no workflow nothing"),
        (["feature", "--tasks", "0"], "--tasks 0: expected 1 to 100000"),
        (["feature", "--tasks", "100000", "--runs", "900"], "more than 2000000 in all"),
        (["feature", "--workers", "many"], "is no number of workers"),
        (["feature", "--workers", "0"], "expected 1 to 10000"),
        (["feature", "--workers", "implementer=2"], "nobody plays reviewer"),
        (["feature", "--workers", "tester=2"], "has no role 'tester'"),
        (["feature", "--assume", "absent.txt"], "neither KEY=VALUE nor a file"),
        (["feature", "--assume", "implement.speed=3"], "has no 'speed'"),
        (["feature", "--what-if", "workers"], "is not KEY=VALUE"),
        (["feature", "--what-if", "workers=2,,3"], "expected 1 to 20 values"),
        (["feature", "--what-if", "speed=2"], "no step or choice 'speed'"),
    ],
)
def test_bad_input_is_told_clearly(world: World, words: list[str], complaint: str) -> None:
    found = world.andon("workflow", "simulate", *words, "--json")
    assert found.exit == 64
    assert complaint in found.json["error"]["message"]
    assert found.json["error"]["next"]
