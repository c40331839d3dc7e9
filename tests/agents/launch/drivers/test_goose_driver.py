"""goose's driver on lines written after its source (stream-json). Not met in the real program."""

from __future__ import annotations

import json

from andon.agents.launch.drivers.goose import DRIVER
from andon.agents.launch.records import Driver, Launch, ReadsBeside, Usage

FIRST = Launch(prompt="Do it", workdir="/repo", prompt_file="/logs/R1-1.prompt.md")


def message(identity: str, text: str) -> str:
    return json.dumps(
        {
            "type": "message",
            "message": {"id": identity, "role": "assistant", "content": [{"type": "text", "text": text}]},
        }
    )


def test_pieces_of_one_message_are_put_together() -> None:
    reader = DRIVER.reader_for(FIRST)
    for line in ("starting session", message("m1", "I look."), message("m2", "All "), message("m2", "done.")):
        reader.feed(line)
    reader.feed(json.dumps({"type": "complete", "total_tokens": 330, "input_tokens": 300, "output_tokens": 30}))
    turn = reader.turn(0)
    assert (turn.final_text, turn.error) == ("All done.", "")
    assert turn.usage == Usage(input=300, output=30)
    assert DRIVER.cumulative


def test_versions_that_tell_a_total_alone() -> None:
    reader = DRIVER.reader_for(FIRST)
    reader.feed(json.dumps({"type": "complete", "total_tokens": 330}))
    assert reader.turn(0).usage.total == 330


def test_an_error_is_told() -> None:
    reader = DRIVER.reader_for(FIRST)
    reader.feed(json.dumps({"type": "error", "error": "no provider"}))
    assert reader.turn(1).error == "no provider"
    assert DRIVER.reader().turn(1).error == "it ended with exit code 1"


def test_its_session_has_a_name_of_its_own_and_is_gone_on_with() -> None:
    driver: Driver = DRIVER
    assert isinstance(driver, ReadsBeside)
    words = driver.command(FIRST)
    name = words[words.index("-n") + 1]
    assert words == [*("goose", "run", "--output-format", "stream-json", "-n", name), "-i", FIRST.prompt_file]
    reader = driver.reader_for(FIRST)
    reader.feed(message("m1", "x"))
    assert reader.turn(0).session == name
    assert driver.reader_for(FIRST).turn(127).session is None
    again = driver.command(
        Launch(prompt="Go on", workdir="/repo", prompt_file="/logs/2", session=name, extra=("--debug",))
    )
    assert again[4:] == ["-n", name, "-r", "--debug", "-i", "/logs/2"]
    other = driver.command(Launch(prompt="Do it", workdir="/other", prompt_file=FIRST.prompt_file))
    assert other[5] != name
