"""opencode's command line, and what its output means. The outputs were recorded from the real program, 1.18.33."""

from __future__ import annotations

from pathlib import Path

import pytest

from andon.agents.launch.drivers.opencode import DRIVER
from andon.agents.launch.records import Launch, ReadsPrompt, Turn, Usage

OUTPUTS = Path(__file__).parent / "outputs"
SESSION = "ses_e01911b66ffeYJ70SJLzjkb5Ac"


def turn(name: str, exit_code: int) -> Turn:
    reader = DRIVER.reader()
    for line in (OUTPUTS / f"opencode-1.18.33-{name}.jsonl").read_text().splitlines():
        reader.feed(line)
    return reader.turn(exit_code)


def launch(*extra: str, session: str | None = None) -> Launch:
    return Launch(prompt="- do it", workdir="/work", session=session, extra=extra)


def test_commands() -> None:
    assert DRIVER.command(launch()) == ["opencode", "run", "--format", "json", "--dir", "/work", "--title", "Andon"]
    assert DRIVER.command(launch("--auto", session="ses_1")) == [
        "opencode", "run", "--format", "json", "--dir", "/work", "--session", "ses_1", "--auto",
    ]  # fmt: skip
    assert isinstance(DRIVER, ReadsPrompt)
    assert DRIVER.standard_input(launch()) == "- do it"


def test_the_variable_tells_it_the_directory() -> None:
    assert DRIVER.environment(launch()) == {"PWD": "/work"}


def test_a_session_is_the_sum_of_its_steps() -> None:
    assert not DRIVER.cumulative
    assert turn("session", 0) == Turn(session=SESSION, usage=Usage(input=300, output=30, cached=120), final_text="fin")


def test_a_session_that_is_gone_on_with_counts_what_is_new() -> None:
    assert turn("resumed", 0) == Turn(
        session=SESSION, usage=Usage(input=100, output=10, cached=40), final_text="second"
    )


def test_a_turn_that_failed() -> None:
    assert turn("refused", 1).error == "bad key"


def test_a_permission_that_nobody_gave_ends_the_turn() -> None:
    rejected = turn("rejected", 0)
    assert "rejected permission" in rejected.error
    assert rejected.usage.total == 110


def test_a_session_that_is_gone() -> None:
    reader = DRIVER.reader()
    assert reader.turn(1).error == "it ended with exit code 1"
    reader.feed("Error: Session not found")
    assert reader.turn(1).error == "Error: Session not found"


@pytest.mark.parametrize(
    "line", ["", "null", "[]", '{"type":"error"}', '{"type":"error","error":"x"}', '{"type":"text"}']
)
def test_strange_lines(line: str) -> None:
    reader = DRIVER.reader()
    reader.feed(line)
    assert reader.turn(0).error
