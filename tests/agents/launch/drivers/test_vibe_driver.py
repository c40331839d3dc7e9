"""mistral-vibe's driver, on what vibe 3.0.2 printed and left against a scripted endpoint (100 and 10 tokens an answer)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from andon.agents.launch.drivers.vibe import DRIVER
from andon.agents.launch.records import Driver, Launch, ReadsBeside, Turn, Usage

OUTPUTS = Path(__file__).parent / "outputs"


def read(name: str, exit_code: int, directory: Path, *, lines: int | None = None, export: bool = True) -> Turn:
    launch = Launch(prompt="Do it", workdir="/repo", prompt_file=str(directory / "prompt.md"))
    reader = DRIVER.reader_for(launch)
    if export:
        place = Path(f"{launch.prompt_file}.vibe")
        place.mkdir()
        shutil.copy(OUTPUTS / f"vibe-3.0.2-{name}.export.json", place / "export.json")
    for line in (OUTPUTS / f"vibe-3.0.2-{name}.jsonl").read_text().splitlines()[:lines]:
        reader.feed(line)
    return reader.turn(exit_code)


def test_a_run_whose_answers_a_hook_sent_back(tmp_path: Path) -> None:
    assert read("sent-back", 0, tmp_path) == Turn(
        session="302a88f9-a2d2-6d6a-9142-8de16b464b20",
        # Six answers were given; vibe does not count the three that were sent back.
        usage=Usage(input=300, output=30, cached=120),
        final_text="There is nothing more to do.",
    )


def test_a_limit_is_no_success(tmp_path: Path) -> None:
    turn = read("turn-limit", 3, tmp_path)
    assert turn.error == "it stopped at its limit of turns"
    assert turn.usage == Usage(input=200, output=20, cached=80)
    assert not turn.spoilt


def test_a_killed_run_spoils_its_session(tmp_path: Path) -> None:
    turn = read("sent-back", -1, tmp_path, lines=5, export=False)
    assert turn.spoilt
    assert (turn.usage, turn.final_text, turn.error) == (Usage(), "", "")


def test_answers_that_were_sent_back_are_not_its_last_words(tmp_path: Path) -> None:
    lines = (OUTPUTS / "vibe-3.0.2-sent-back.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    discarded = [one for one in told if (one.get("outcome") or {}).get("type") == "discarded"]
    assert len(discarded) == 3
    assert read("sent-back", 0, tmp_path, lines=len(lines) - 1).final_text == ""


def test_a_failing_endpoint_is_told(tmp_path: Path) -> None:
    reader = DRIVER.reader_for(Launch(prompt="", workdir="", prompt_file=str(tmp_path / "p")))
    (tmp_path / "p.vibe").mkdir()
    export = {"outcome": "infrastructure_failure", "error": {"message": "Session broken", "code": "RuntimeError"}}
    (tmp_path / "p.vibe/export.json").write_text(json.dumps(export))
    assert reader.turn(2).error == "Session broken"
    assert DRIVER.reader().turn(1).error == "it ended with exit code 1"


def test_the_command() -> None:
    driver: Driver = DRIVER
    assert isinstance(driver, ReadsBeside)
    first = driver.command(Launch(prompt="Do it", workdir="/repo", prompt_file="/logs/p.md"))
    assert first == [
        *("vibe", "--output", "streaming", "--trust", "--prompt-file", "/logs/p.md"),
        *("--output-dir", "/logs/p.md.vibe"),
    ]
    again = driver.command(Launch(prompt="Go on", workdir="/repo", session="s1", extra=("--agent", "mine")))
    assert again == ["vibe", "--output", "streaming", "--trust", "-p", "Go on", "--resume", "s1", "--agent", "mine"]


def test_what_it_may_run_is_the_persons_choice() -> None:
    named = DRIVER.environment(Launch(prompt="", workdir=""))
    assert "andon" in json.loads(named["VIBE_TOOLS__BASH__ALLOWLIST"])
    for extra in (("--auto-approve",), ("--yolo",), ("--agent", "mine"), ("--agent=mine",)):
        assert DRIVER.environment(Launch(prompt="", workdir="", extra=extra)) == {}
