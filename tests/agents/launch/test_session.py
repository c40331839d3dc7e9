"""A headless client over turns: usage of each turn alone, sessions that are resumed or begun anew, what a turn was."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from andon.agents.launch import loop
from andon.agents.launch.drivers import DRIVERS, find_driver
from andon.agents.launch.process import Cancel
from andon.agents.launch.records import Launch, Turn, Usage
from andon.agents.launch.session import Headless, Place, Played, usage_since
from andon.app.work.clients import make_tree
from andon.core.errors import UsageError


class Told:
    """Reads `KEY VALUE` lines."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def feed(self, line: str) -> None:
        key, _, value = line.partition(" ")
        self.values[key] = value
        if key == "bad":
            raise KeyError(value)

    def turn(self, exit_code: int) -> Turn:
        told = self.values
        return Turn(
            session=told.get("session"),
            usage=Usage(input=int(told.get("input", "0"))),
            final_text=told.get("text", ""),
            error=told.get("error", ""),
        )


class Fake:
    name = program = "fake"
    install = ""
    resumes = True

    def __init__(self, *outputs: str, cumulative: bool = False) -> None:
        self.outputs = list(outputs)
        self.cumulative = cumulative
        self.launches: list[Launch] = []

    def command(self, launch: Launch) -> list[str]:
        self.launches.append(launch)
        return [sys.executable, "-c", f"print({self.outputs.pop(0)!r})"]

    def environment(self, launch: Launch) -> dict[str, str]:
        return {}

    def reader(self) -> Told:
        return Told()


def play(tmp_path: Path, driver: Fake) -> list[Played]:
    place = Place(workdir=str(tmp_path), env=dict(os.environ), logs=str(tmp_path), name="R1-step-1")
    session = Headless(driver, place, make_tree)
    cancel = Cancel()
    played = [session.turn(f"prompt {number}", timeout_s=30, cancel=cancel) for number in range(len(driver.outputs))]
    cancel.close()
    return played


def test_a_count_of_the_whole_session_is_made_one_of_each_turn(tmp_path: Path) -> None:
    turns = ["session s\ninput 100", "session s\ninput 250", "session s\ninput 0\nerror cut", "session s\ninput 400"]
    assert [x.usage.input for x in play(tmp_path, Fake(*turns, cumulative=True))] == [100, 150, 0, 150]
    assert [x.usage.input for x in play(tmp_path, Fake(*turns))] == [100, 250, 0, 400]


def test_another_session_is_counted_from_its_beginning(tmp_path: Path) -> None:
    turns = ["session a\ninput 100", "session b\ninput 60"]
    assert [x.usage.input for x in play(tmp_path, Fake(*turns, cumulative=True))] == [100, 60]


def test_the_session_is_resumed(tmp_path: Path) -> None:
    driver = Fake("session a\ntext one", "text two", "session b\ntext three", "text four")
    play(tmp_path, driver)
    assert [x.session for x in driver.launches] == [None, "a", "a", "b"]


def test_a_session_that_only_fails_is_begun_anew(tmp_path: Path) -> None:
    driver = Fake("session a\ninput 5", "error gone", "error gone", "session b\ninput 5")
    play(tmp_path, driver)
    assert [x.session for x in driver.launches] == [None, "a", "a", None]


def test_what_a_turn_was(tmp_path: Path) -> None:
    fine, failed, mute, odd = play(
        tmp_path, Fake("text good", "input 3\nerror out of credit", "error no login", "bad x\ntext ok")
    )
    assert (fine.how, fine.final_text, fine.alive) == (loop.TURN_ENDED, "good", True)
    assert (failed.how, failed.error, failed.alive) == (loop.TURN_BROKEN, "out of credit", True)
    assert (mute.how, mute.alive) == (loop.TURN_BROKEN, False)
    # A line that its reader does not understand is passed over.
    assert (odd.how, odd.final_text) == (loop.TURN_ENDED, "ok")


def test_prompt_and_log_are_kept_privately(tmp_path: Path) -> None:
    (only,) = play(tmp_path, Fake("text hello"))
    assert Path(only.log).read_text() == "text hello\n"
    prompt = tmp_path / "R1-step-1-1.prompt.md"
    assert prompt.read_text() == "prompt 0"
    assert {os.stat(path).st_mode & 0o777 for path in (only.log, prompt)} == {0o600}


def test_usage_never_goes_back() -> None:
    assert usage_since(Usage(input=5, output=2), Usage(input=3, output=4)) == (
        Usage(output=2),
        Usage(input=5, output=4),
    )


@pytest.mark.parametrize("name", sorted(DRIVERS))
def test_every_driver_that_is_named_is_there(name: str) -> None:
    driver = find_driver(name)
    assert driver.install
    words = driver.command(Launch(prompt="do it", workdir="/w", prompt_file="/l/p", extra=("--extra",)))
    assert words[0] == driver.program
    assert "--extra" in words


def test_an_unknown_driver_is_named_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="claude, codex"):
        find_driver("nobody")
