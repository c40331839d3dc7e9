"""OpenHands' driver, on what openhands 1.16.0 printed and kept against a scripted endpoint (100 and 10 tokens an answer)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from andon.agents.launch.drivers.openhands import DRIVER
from andon.agents.launch.records import Driver, Launch, Turn, Usage

OUTPUT = Path(__file__).parent / "outputs" / "openhands-1.16.0-two-tools.txt"
SESSION = "3714490cf08c416ebba8998113dfa59f"
# As its base_state.json holds them, among much else.
STATS = {
    "usage_to_metrics": {
        "agent": {"accumulated_token_usage": {"prompt_tokens": 300, "completion_tokens": 30, "cache_read_tokens": 120}},
        "condenser": {"accumulated_token_usage": {"prompt_tokens": 0, "completion_tokens": 0, "cache_read_tokens": 0}},
    }
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("OPENHANDS_PERSISTENCE_DIR", raising=False)
    monkeypatch.delenv("OPENHANDS_CONVERSATIONS_DIR", raising=False)
    return tmp_path


def read(exit_code: int = 0, *, lines: int | None = None) -> Turn:
    reader = DRIVER.reader()
    for line in OUTPUT.read_text().splitlines()[:lines]:
        reader.feed(line)
    return reader.turn(exit_code)


def test_a_run_with_two_tools(home: Path) -> None:
    place = home / ".openhands/conversations" / SESSION
    place.mkdir(parents=True)
    (place / "base_state.json").write_text(json.dumps({"stats": STATS}))
    usage = Usage(input=300, output=30, cached=120)
    assert read() == Turn(session=SESSION, usage=usage, final_text="All done")
    assert DRIVER.cumulative


def test_a_killed_run_has_no_session() -> None:
    turn = read(-1, lines=12)
    assert (turn.session, turn.usage, turn.error) == (None, Usage(), "")


def test_an_error_of_the_conversation_is_told_though_it_exits_with_0() -> None:
    reader = DRIVER.reader()
    reader.feed(json.dumps({"kind": "ConversationErrorEvent", "code": "LLMError", "detail": "no answer"}))
    assert reader.turn(0).error == "LLMError: no answer"
    assert DRIVER.reader().turn(1).error == "it ended with exit code 1"


def test_the_command() -> None:
    driver: Driver = DRIVER
    first = driver.command(Launch(prompt="Do it", workdir="/repo", prompt_file="/logs/p.md"))
    assert first == ["openhands", "--headless", "--json", "--file", "/logs/p.md"]
    again = driver.command(Launch(prompt="-x", workdir="/repo", session="s1", extra=("--override-with-envs",)))
    assert again == ["openhands", "--headless", "--json", "--task=-x", "--resume", "s1", "--override-with-envs"]
