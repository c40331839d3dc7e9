"""Claude Code's driver, on what claude 2.1.197 printed against a scripted endpoint (whose every answer counts 100 and 10 tokens)."""

from __future__ import annotations

from pathlib import Path

from andon.agents.launch.drivers.claude import DRIVER
from andon.agents.launch.records import Driver, Launch, ReadsPrompt, Turn, Usage

OUTPUTS = Path(__file__).parent / "outputs"


def read(name: str, exit_code: int = 0, *, lines: int | None = None) -> Turn:
    reader = DRIVER.reader()
    for line in (OUTPUTS / f"claude-2.1.197-{name}.jsonl").read_text().splitlines()[:lines]:
        reader.feed(line)
    return reader.turn(exit_code)


def test_a_run_with_two_tools() -> None:
    turn = read("two-tools")
    assert turn == Turn(
        session="284fe921-c539-4dd4-9586-f50db175c146",
        usage=Usage(input=300, output=30, cached=120),
        final_text="Done: one command, one file.",
    )


def test_a_resumed_run_tells_its_own_usage_alone() -> None:
    turn = read("resumed")
    assert turn.session == "284fe921-c539-4dd4-9586-f50db175c146"
    assert turn.usage == Usage(input=200, output=20, cached=80)
    assert not DRIVER.cumulative


def test_an_error_of_the_endpoint_is_an_error_though_its_subtype_is_success() -> None:
    turn = read("cut-off", 1)
    assert turn.error == "API Error: Unable to connect to API (ECONNRESET)"
    assert turn.final_text == ""
    assert turn.usage == Usage(input=100, output=10, cached=40)


def test_a_killed_run_tells_what_its_messages_told() -> None:
    turn = read("two-tools", -1, lines=4)
    assert turn.session == "284fe921-c539-4dd4-9586-f50db175c146"
    assert turn.usage.input == 200
    assert (turn.error, turn.final_text) == ("", "")
    assert read("two-tools", 0, lines=4).error == "it ended without a result"


def test_a_session_that_is_gone() -> None:
    reader = DRIVER.reader()
    reader.feed(
        '{"type":"result","subtype":"error_during_execution","is_error":true,"num_turns":0,"usage":{"input_tokens":0},'
        '"modelUsage":{},"errors":["No conversation found with session ID: 0"]}'
    )
    assert reader.turn(1).error == "No conversation found with session ID: 0"


def test_the_command() -> None:
    driver: Driver = DRIVER
    assert isinstance(driver, ReadsPrompt)
    first = driver.command(Launch(prompt="do it", workdir="/w"))
    assert first == [
        "claude", "-p", "--output-format", "stream-json", "--verbose", "--permission-mode", "acceptEdits",
        "--allowedTools=Bash(andon:*)",
    ]  # fmt: skip
    again = driver.command(Launch(prompt="more", workdir="/w", session="s1", extra=("--model", "m")))
    assert again[-4:] == ["--resume", "s1", "--model", "m"]
    own = driver.command(Launch(prompt="x", workdir="/w", extra=("--permission-mode", "bypassPermissions")))
    assert "acceptEdits" not in own
    assert driver.standard_input(Launch(prompt="- a prompt", workdir="/w")) == "- a prompt"
