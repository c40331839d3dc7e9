"""Codex's command line, and what its output means. The outputs were recorded from the real program, 0.169.0."""

from __future__ import annotations

from pathlib import Path

import pytest

from andon.agents.launch.drivers.codex import DRIVER
from andon.agents.launch.records import Launch, ReadsPrompt, Turn, Usage

OUTPUTS = Path(__file__).parent / "outputs"
SESSION = "01a1fe62-14d6-7631-b61b-037d047b190a"


def turn(name: str, exit_code: int) -> Turn:
    reader = DRIVER.reader()
    for line in (OUTPUTS / f"codex-0.169.0-{name}.jsonl").read_text().splitlines():
        reader.feed(line)
    return reader.turn(exit_code)


def launch(*extra: str, session: str | None = None) -> Launch:
    return Launch(prompt="- do it", workdir="/work", session=session, extra=extra)


def test_commands() -> None:
    assert DRIVER.command(launch()) == ["codex", "exec", "--json", "--sandbox", "workspace-write", "-"]
    assert DRIVER.command(launch("-m", "gpt-5.5", session="s1")) == [
        "codex", "exec", "--json", "--sandbox", "workspace-write", "-m", "gpt-5.5", "resume", "s1", "-",
    ]  # fmt: skip


def test_the_prompt_comes_on_standard_input() -> None:
    assert isinstance(DRIVER, ReadsPrompt)
    assert DRIVER.standard_input(launch()) == "- do it"


@pytest.mark.parametrize(
    "extra",
    [
        ("-s", "danger-full-access"), ("--sandbox=read-only",), ("--dangerously-bypass-approvals-and-sandbox",),
        ("-c", 'sandbox_mode="read-only"'),
    ],
)  # fmt: skip
def test_the_persons_own_sandbox_stays(extra: tuple[str, ...]) -> None:
    assert DRIVER.command(launch(*extra)) == ["codex", "exec", "--json", *extra, "-"]


def test_a_session() -> None:
    assert turn("session", 0) == Turn(
        session=SESSION, usage=Usage(input=700, output=70, cached=280), final_text="Really done."
    )


def test_usage_counts_the_whole_session() -> None:
    assert DRIVER.cumulative
    assert turn("resumed", 0) == Turn(
        session=SESSION, usage=Usage(input=800, output=80, cached=320), final_text="Once more."
    )


def test_a_turn_that_failed() -> None:
    failed = turn("refused", 1)
    assert failed.error.startswith("unexpected status 401 Unauthorized: bad key")
    assert (failed.usage, failed.final_text) == (Usage(), "")


def test_a_turn_that_was_killed() -> None:
    killed = turn("killed", -1)
    assert killed.session == "01a1fe62-42a7-7613-9431-d921b0845594"
    assert "before its turn was complete" in killed.error


def test_a_session_that_is_gone() -> None:
    reader = DRIVER.reader()
    reader.feed("Error: thread/resume: thread/resume failed: no rollout found for thread id 00000000 (code -32600)")
    assert "no rollout found" in reader.turn(1).error


@pytest.mark.parametrize(
    "line", ["", "null", "[]", "{", '{"type":"item.completed","item":null}', '{"type":"turn.failed"}']
)
def test_strange_lines(line: str) -> None:
    reader = DRIVER.reader()
    reader.feed(line)
    assert reader.turn(0).error
