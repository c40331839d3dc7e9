"""The laws hold in simulated worlds: a fixed set of seeds, and fresh ones; and a seed always tells the same story."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from andon.testing import Parameters, simulate
from andon.testing.parameters import WORKFLOWS
from andon.testing.simulation import Outcome, without

CALM = Parameters(switch=0.0, bugs=0.0, overlap=0.0, people_act=0.0, leads=1)
CHUNK = 50
FIXED = 12
FRESH = 6
FIRST_FRESH = random.SystemRandom().randrange(10**6, 10**12)


def told(outcome: Outcome) -> str:
    listed = "\n  ".join(str(violation) for violation in outcome.violations)
    return f"again: python -m andon.testing --seed {outcome.seed} --trace\n  {listed}"


def holds(first: int, count: int) -> dict[str, int]:
    """The laws hold for these seeds; what happened in them."""
    counts: dict[str, int] = {}
    for seed in range(first, first + count):
        outcome = simulate(seed)
        assert outcome.ok, told(outcome)
        for name, number in outcome.counts.items():
            counts[name] = counts.get(name, 0) + number
    return counts


@pytest.mark.parametrize("chunk", range(FIXED))
def test_fixed_seeds(chunk: int) -> None:
    counts = holds(chunk * CHUNK, CHUNK)
    # A world in which nothing lands or nothing goes wrong proves nothing.
    assert counts["landed"] > CHUNK / 2
    assert counts["kills"] > 0
    assert counts["zombies"] > 0


@pytest.mark.parametrize("chunk", range(FRESH))
def test_fresh_seeds(chunk: int) -> None:
    # Each worker process draws its own; what fails prints its seed.
    assert holds(FIRST_FRESH + chunk * CHUNK, CHUNK)["calls"] > 0


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_calm_world_lands_everything(workflow: str) -> None:
    for seed in range(5):
        outcome = simulate(seed, without(CALM, workflow=workflow, tasks=3))
        assert outcome.ok, told(outcome)
        assert outcome.counts["landed"] == 3
        assert "given up" not in outcome.counts


@pytest.mark.parametrize(
    ("fault", "counted"),
    [
        ({"kill": 0.03}, "kills"),
        ({"switch": 0.2, "zombie": 0.5}, "zombies"),
        ({"switch": 0.3}, "switches"),
        ({"drop": 0.2}, "drops"),
        ({"duplicate": 0.3}, "duplicates"),
        ({"delay": 0.3}, "delays"),
        ({"lose_reply": 0.3}, "lost replies"),
        ({"unmeasured": 0.5}, "unmeasured"),
        ({"race": 1.0}, "races"),
        ({"error": 0.05}, "calls"),
        ({"skew_s": 900.0}, "calls"),
        ({"outsiders": 0.3}, "calls"),
        ({"corrupt": True}, "calls"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else value,
)
def test_each_fault_alone(fault: dict[str, object], counted: str) -> None:
    seen = 0
    for seed in range(8):
        outcome = simulate(seed, without(CALM, tasks=3, calls=60, bugs=0.3, overlap=0.4, people_act=0.3, **fault))
        assert outcome.ok, told(outcome)
        seen += outcome.counts.get(counted, 0)
    assert seen > 0


def test_the_same_seed_is_the_same_story_whatever_the_hash_seed() -> None:
    code = "from andon.testing import simulate; print([simulate(seed).trace for seed in range(6)])"
    stories = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": number, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for number in ("0", "1", "4242")
    }
    assert len(stories) == 1
    assert stories == {f"{[simulate(seed).trace for seed in range(6)]}\n"}
    assert len({simulate(seed).trace for seed in range(6)}) == 6


def test_a_trace_is_readable_and_changes_nothing() -> None:
    quiet, told_all = simulate(3), simulate(3, verbose=True)
    assert quiet.trace == told_all.trace
    assert not quiet.lines
    assert any("RunStarted" in line for line in told_all.lines)
    assert any(" advance " in line for line in told_all.lines)
