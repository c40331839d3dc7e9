"""Copilot CLI's driver, on what copilot 1.0.102 printed against a scripted endpoint."""

from __future__ import annotations

import shutil
from pathlib import Path

from andon.agents.launch.drivers.copilot import DRIVER, usage_file
from andon.agents.launch.records import Launch, ReadsBeside, ReadsPrompt, Turn, Usage

OUTPUTS = Path(__file__).parent / "outputs"


def read(name: str, directory: Path, exit_code: int = 0) -> Turn:
    launch = Launch(prompt="x", workdir="/w", prompt_file=str(directory / "prompt.md"))
    beside = OUTPUTS / f"copilot-1.0.102-{name}.usage.json"
    if beside.exists():
        shutil.copy(beside, usage_file(launch))
    reader = DRIVER.reader_for(launch)
    for line in (OUTPUTS / f"copilot-1.0.102-{name}.jsonl").read_text().splitlines():
        reader.feed(line)
    return reader.turn(exit_code)


def test_a_run_with_two_tools(tmp_path: Path) -> None:
    assert read("two-tools", tmp_path) == Turn(
        session="12ea96fa-9036-4394-9349-ebe420618bbb",
        usage=Usage(input=300, output=30, cached=120),
        final_text="Done: one command, one file.",
    )


def test_a_resumed_run_counts_the_whole_session(tmp_path: Path) -> None:
    turn = read("resumed", tmp_path)
    assert turn.session == "12ea96fa-9036-4394-9349-ebe420618bbb"
    assert turn.usage == Usage(input=500, output=50, cached=200)
    assert DRIVER.cumulative


def test_an_error_of_the_endpoint(tmp_path: Path) -> None:
    turn = read("cut-off", tmp_path, 1)
    assert turn.error.startswith("Failed to get response from the AI model")
    assert (turn.final_text, turn.usage) == ("", Usage())


def test_no_sign_in_is_told_on_standard_error_alone() -> None:
    turn = DRIVER.reader().turn(1)
    assert turn.error == "it ended with exit code 1"
    assert DRIVER.reader().turn(0).error == "it ended without a result"


def test_the_command() -> None:
    assert isinstance(DRIVER, ReadsPrompt)
    assert isinstance(DRIVER, ReadsBeside)
    words = DRIVER.command(
        Launch(prompt="x", workdir="/w", session="s1", prompt_file="/l/p", extra=("--allow-all-tools",))
    )
    assert words[-3:] == ["--usage-output-file=/l/p.usage", "--resume=s1", "--allow-all-tools"]
    assert "--allow-tool=shell(andon:*)" in words
