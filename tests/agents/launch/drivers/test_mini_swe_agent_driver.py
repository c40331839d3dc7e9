"""mini-swe-agent's driver, on trajectories that mini 2.4.6 left against a scripted endpoint (100 and 10 tokens an answer)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from andon.agents.launch.drivers.mini_swe_agent import DIRECTORY, DRIVER
from andon.agents.launch.records import Driver, Launch, ReadsBeside, Turn, Usage

OUTPUTS = Path(__file__).parent / "outputs"


def read(name: str, exit_code: int, directory: Path) -> Turn:
    launch = Launch(prompt="Do it", workdir="/repo", prompt_file=str(directory / "prompt.md"))
    trajectory = OUTPUTS / f"mini-swe-agent-2.4.6-{name}.trajectory.json"
    if name:
        shutil.copy(trajectory, f"{launch.prompt_file}.trajectory.json")
    reader = DRIVER.reader_for(launch)
    reader.feed("mini-swe-agent (step 1, $0.00):")
    return reader.turn(exit_code)


def test_a_submission(tmp_path: Path) -> None:
    assert read("submitted", 0, tmp_path) == Turn(usage=Usage(input=200, output=20, cached=80))


@pytest.mark.parametrize(
    ("name", "status", "answers"), [("step-limit", "LimitsExceeded", 2), ("no-command", "RepeatedFormatError", 3)]
)
def test_another_end_is_an_error_though_it_exits_with_0(name: str, status: str, answers: int, tmp_path: Path) -> None:
    turn = read(name, 0, tmp_path)
    assert turn.error == f"it ended without a submission ({status})"
    assert turn.usage == Usage(input=100 * answers, output=10 * answers, cached=40 * answers)


def test_a_killed_run_tells_what_it_used(tmp_path: Path) -> None:
    turn = read("submitted", -1, tmp_path)
    assert (turn.error, turn.usage.total) == ("", 220)


def test_no_trajectory(tmp_path: Path) -> None:
    assert read("", 0, tmp_path).error == "it left no trajectory"
    assert read("", 1, tmp_path).error == "it ended with exit code 1"


def test_the_command() -> None:
    driver: Driver = DRIVER
    assert isinstance(driver, ReadsBeside)
    assert not driver.resumes
    words = driver.command(Launch(prompt="-t is no option", workdir="/repo", prompt_file="/logs/p.md"))
    assert words == [
        *("mini", "--yolo", "--exit-immediately", "--task=-t is no option"),
        "--environment-class=andon_environment.AndonEnvironment",
        "--output=/logs/p.md.trajectory.json",
    ]
    extra = ("--environment-class", "docker", "-m", "openai/x")
    own = driver.command(Launch(prompt="x", workdir="/repo", extra=extra))
    assert own == ["mini", "--yolo", "--exit-immediately", "--task=x", *extra]


def test_the_environment_class_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert os.path.exists(os.path.join(DIRECTORY, "andon_environment.py"))
    monkeypatch.setenv("PYTHONPATH", "/mine")
    assert DRIVER.environment(Launch(prompt="", workdir=""))["PYTHONPATH"] == f"{DIRECTORY}{os.pathsep}/mine"
    monkeypatch.delenv("PYTHONPATH")
    assert DRIVER.environment(Launch(prompt="", workdir=""))["PYTHONPATH"] == DIRECTORY
