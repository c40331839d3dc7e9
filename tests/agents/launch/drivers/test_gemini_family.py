"""Gemini CLI 0.61.0 and Qwen Code 0.24.4: what the real programs printed against a scripted endpoint (`output/`)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from andon.agents.launch.drivers.gemini import DRIVER as GEMINI
from andon.agents.launch.drivers.qwen import DRIVER as QWEN
from andon.agents.launch.records import Launch, Turn, Usage

OUTPUT = Path(__file__).parent / "output"


def turn(driver: Any, name: str, exit_code: int = 0, lines: slice = slice(None)) -> Turn:
    reader = driver.reader()
    for line in (OUTPUT / f"{name}.jsonl").read_text().splitlines()[lines]:
        reader.feed(line)
    told: Turn = reader.turn(exit_code)
    return told


def launch(prompt: str = "do it", session: str | None = None, extra: tuple[str, ...] = ()) -> Launch:
    return Launch(prompt=prompt, workdir="/repo", session=session, extra=extra)


def test_gemini_reports_a_run() -> None:
    first = turn(GEMINI, "gemini-0.61.0/first")
    assert first.session == "9dd9062e-5b85-4574-a681-1d440446c762"
    # Three requests of 100 tokens each, 7 said and 3 thought.
    assert first.usage == Usage(input=300, output=30, cached=120)
    assert (first.final_text, first.error) == ("All done.", "")


def test_gemini_counts_each_run_by_itself() -> None:
    resumed = turn(GEMINI, "gemini-0.61.0/resumed")
    assert resumed.session == turn(GEMINI, "gemini-0.61.0/first").session
    assert resumed.usage == Usage(input=100, output=10, cached=40)
    assert not GEMINI.cumulative


def test_qwen_reports_a_run() -> None:
    first = turn(QWEN, "qwen-0.24.4/first")
    assert first.session == "d8c32242-8c7b-498c-add3-432a30b895ec"
    assert first.usage == Usage(input=300, output=30, cached=120)
    assert (first.final_text, first.error) == ("All All done.", "")


def test_qwen_counts_the_whole_session() -> None:
    resumed = turn(QWEN, "qwen-0.24.4/resumed")
    # One request more; the client counts one of the stop hook's blocks twice when it takes the session up again.
    assert resumed.usage == Usage(input=500, output=50, cached=200)
    assert QWEN.cumulative


def test_errors_are_told() -> None:
    assert "scripted" in turn(GEMINI, "gemini-0.61.0/error", 144).error
    assert turn(QWEN, "qwen-0.24.4/error", 1).error == "[API Error: 400 scripted]"


@pytest.mark.parametrize(("driver", "name"), [(GEMINI, "gemini-0.61.0/first"), (QWEN, "qwen-0.24.4/first")])
def test_a_run_that_was_cut_off_can_be_taken_up_again(driver: Any, name: str) -> None:
    cut = turn(driver, name, 1, slice(-1))
    assert cut.session == turn(driver, name).session
    assert (cut.usage, cut.error) == (Usage(), "it ended without a result")
    # Killed: the process's end tells more than we could.
    assert turn(driver, name, -9, slice(-1)).error == ""


@pytest.mark.parametrize("driver", [GEMINI, QWEN])
def test_nothing_that_is_no_json_ends_a_reader(driver: Any) -> None:
    reader = driver.reader()
    reader.feed("Warning: 256-color support not detected")
    assert reader.turn(55) == Turn(error="it ended without a result")


@pytest.mark.parametrize("driver", [GEMINI, QWEN])
def test_commands(driver: Any) -> None:
    words = [driver.name, "--output-format", "stream-json"]
    assert driver.command(launch()) == [*words, "--approval-mode", "yolo"]
    assert driver.command(launch(session="S"))[-2:] == ["--resume", "S"]
    # Who launches narrows what the agent may do.
    assert driver.command(launch(extra=("--approval-mode=plan",))) == [*words, "--approval-mode=plan"]
    assert driver.command(launch(extra=("-y",))) == [*words, "-y"]


@pytest.mark.parametrize("driver", [GEMINI, QWEN])
def test_an_at_sign_in_a_prompt_is_no_file(driver: Any) -> None:
    assert driver.standard_input(launch("use @cache; mail a@b.example")) == "use \\@cache; mail a\\@b.example"


def test_gemini_is_trusted_by_its_environment(tmp_path: Path) -> None:
    """By the option `--skip-trust` no hook of the repository would run."""
    elsewhere = Launch(prompt="p", workdir=str(tmp_path))
    assert GEMINI.environment(elsewhere) == {"GEMINI_CLI_TRUST_WORKSPACE": "true"}
    assert "--skip-trust" not in GEMINI.command(launch())


def test_git_hooks_run_in_geminis_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'user.name'='Pat'")
    place = tmp_path / "a place"
    subprocess.run(["git", "init", "-q", str(place)], check=True)
    given = GEMINI.environment(Launch(prompt="p", workdir=str(place)))
    # As the client does for each command.
    emptied = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.hooksPath", "GIT_CONFIG_VALUE_0": ""}

    def git(*words: str) -> str:
        environment = {**os.environ, **given, **emptied}
        done = subprocess.run(["git", *words], cwd=place, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert git("rev-parse", "--git-path", "hooks") == str(place / ".git" / "hooks")
    assert git("config", "user.name") == "Pat"
