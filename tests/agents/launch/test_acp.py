"""ACP with a small agent of our own: words, permissions, files, usage, cancelling, dying, and what is not understood."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.agents.hooks.call import READ, SHELL, UNKNOWN, WRITE, ToolUse
from andon.agents.launch import loop
from andon.agents.launch.drivers import acp
from andon.agents.launch.drivers.acp import AGENTS, AcpSession, Agent, find_agent, outside
from andon.agents.launch.process import Cancel
from andon.agents.launch.records import Usage
from andon.agents.launch.session import Place, Played
from andon.agents.launch.talk import Talk, tool_of, usage_of_session
from andon.app.work.clients import make_tree
from andon.core.errors import UsageError

FAKE = str(Path(__file__).parent / "fake_acp_agent.py")


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    path = tmp_path / "checkout"
    path.mkdir()
    return path


class Scene:
    def __init__(self, name: str, workdir: Path) -> None:
        place = Place(workdir=str(workdir), env=dict(os.environ), logs=str(workdir.parent), name="R1")
        self.session = AcpSession(Agent(command=(sys.executable, FAKE, name), install=""), place, make_tree)
        self.cancel = Cancel()

    def turn(self, prompt: str = "do it", timeout_s: float = 20.0) -> Played:
        return self.session.turn(prompt, timeout_s=timeout_s, cancel=self.cancel)


@pytest.fixture
def scene(workdir: Path) -> Iterator[object]:
    made: list[Scene] = []

    def make(name: str) -> Scene:
        made.append(Scene(name, workdir))
        return made[-1]

    yield make
    for one in made:
        one.session.close()
        one.cancel.close()


def test_turns_of_one_session(scene, workdir: Path) -> None:  # type: ignore[no-untyped-def]
    works = scene("works")
    first = works.turn()
    assert (first.how, first.final_text, first.error) == (loop.TURN_ENDED, "Done, I think.", "")
    assert (workdir / "app.txt").read_text() == "one\nTWO\n"
    assert works.session.remembers
    # The agent counts the whole session; each turn is told its own.
    assert first.usage == works.turn().usage == Usage(input=100, output=10, cached=40)


def test_an_agent_that_tells_its_last_answer_alone(scene) -> None:  # type: ignore[no-untyped-def]
    one = scene("last-answer")
    assert [one.turn().usage.total for _ in range(3)] == [110, 110, 110]


def test_writes_out_of_bounds_are_refused(scene, workdir: Path) -> None:  # type: ignore[no-untyped-def]
    played = scene("trespasses").turn()
    assert "../beyond.txt is outside" in played.final_text
    assert not (workdir.parent / "beyond.txt").exists()
    assert "terminal: -32601" in played.final_text


def test_a_decision_of_the_callers_own_is_asked(scene, workdir: Path) -> None:  # type: ignore[no-untyped-def]
    asked: list[tuple[str, tuple[str, ...]]] = []

    def permits(tool: ToolUse) -> str:
        asked.append((tool.kind, tool.paths))
        return "out of the task's scope"

    place = Place(workdir=str(workdir), env=dict(os.environ), logs=str(workdir.parent), name="R1", permits=permits)
    session = AcpSession(Agent(command=(sys.executable, FAKE, "works"), install=""), place, make_tree)
    cancel = Cancel()
    assert session.turn("x", timeout_s=20, cancel=cancel).how == loop.TURN_ENDED
    session.close()
    cancel.close()
    assert asked == [(WRITE, (str(workdir / "app.txt"),))]
    assert not (workdir / "app.txt").exists()


def test_what_is_not_understood_is_passed_over(scene) -> None:  # type: ignore[no-untyped-def]
    played = scene("odd").turn()
    assert (played.how, played.final_text) == (loop.TURN_ENDED, "fine")
    assert played.usage == Usage(input=7, output=3)


def test_a_turn_that_the_client_ends_early_is_broken(scene) -> None:  # type: ignore[no-untyped-def]
    played = scene("refuses").turn()
    assert (played.how, played.error) == (loop.TURN_BROKEN, "the client ended the turn: refusal")


def test_an_agent_that_dies_is_started_again(scene) -> None:  # type: ignore[no-untyped-def]
    dies = scene("dies")
    first = dies.turn()
    assert first.how == loop.TURN_BROKEN
    assert "ended in the middle" in first.error
    assert not dies.session.remembers
    assert dies.turn().final_text == "alive"


def test_a_turn_out_of_time_keeps_the_session_of_an_agent_that_stops(scene) -> None:  # type: ignore[no-untyped-def]
    polite = scene("stops-when-asked")
    assert polite.turn(timeout_s=1.5).how == loop.TURN_OVERTIME
    assert polite.session.remembers
    assert polite.turn().final_text == "again"


def test_an_agent_that_does_not_stop_is_ended(scene, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(acp, "CANCEL_S", 0.3)
    deaf = scene("never-stops")
    began = time.monotonic()
    assert deaf.turn(timeout_s=1.5).how == loop.TURN_OVERTIME
    assert not deaf.session.remembers
    assert time.monotonic() - began < 8


def test_a_cancel_ends_the_turn(scene, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(acp, "CANCEL_S", 0.3)
    deaf = scene("never-stops")
    threading.Timer(1.0, deaf.cancel.cancel, ["the lease is lost"]).start()
    played = deaf.turn()
    assert (played.how, played.error) == (loop.TURN_CANCELLED, "the lease is lost")


def test_a_client_that_is_not_signed_in_does_not_work(scene) -> None:  # type: ignore[no-untyped-def]
    played = scene("signed-out").turn()
    assert (played.how, played.alive) == (loop.TURN_BROKEN, False)
    assert "Authentication required (it is not signed in)" in played.error


def test_another_version_of_the_protocol_is_refused(scene) -> None:  # type: ignore[no-untyped-def]
    assert "version 9 of the protocol" in scene("future").turn().error


def test_agents_are_found_by_name() -> None:
    assert find_agent("gemini", ("--model", "m")).command == ("gemini", "--acp", "--model", "m")
    assert find_agent("command", ("./mine", "x")).command == ("./mine", "x")
    assert all(agent.install for agent in AGENTS.values())
    # Met in openhands 1.16.0: the program `openhands-acp` that it installs can't be started.
    assert find_agent("openhands", ("--always-approve",)).command == ("openhands", "acp", "--always-approve")
    assert find_agent("goose", ()).command == ("goose", "acp")
    with pytest.raises(UsageError, match="acp:gemini"):
        find_agent("nobody", ())
    with pytest.raises(UsageError):
        find_agent("command", ())


# ---------------------------------------------------------------- what real agents sent


def permission_line(call: dict[str, object]) -> str:
    options = [
        {"optionId": "ok", "name": "", "kind": "allow_once"},
        {"optionId": "no", "name": "", "kind": "reject_once"},
    ]
    params = {"sessionId": "s", "toolCall": call, "options": options}
    return json.dumps({"jsonrpc": "2.0", "id": 0, "method": "session/request_permission", "params": params})


COPILOT_EDIT = {
    "toolCallId": "call_0002", "title": "Create file", "kind": "edit", "status": "pending",
    "rawInput": {"fileName": "/checkout/greeting.txt", "diff": "…"}, "locations": [{"path": "/checkout/greeting.txt"}],
}  # fmt: skip
COPILOT_SHELL = {
    "toolCallId": "call_0001", "title": "as the task asks", "kind": "execute", "status": "pending",
    "rawInput": {"command": "echo hello > shell.txt", "commands": ["echo hello > shell.txt"]},
}  # fmt: skip
GEMINI_SHELL = {
    "toolCallId": "run_shell_command__call_0002", "status": "pending", "title": "echo hello > shell.txt",
    "content": [{"type": "content", "content": {"type": "text", "text": "[current working directory /checkout]"}}],
    "locations": [], "kind": "execute",
}  # fmt: skip


@pytest.mark.parametrize(
    ("call", "kind", "paths", "command"),
    [
        (COPILOT_EDIT, WRITE, ("/checkout/greeting.txt",), ""),
        (COPILOT_SHELL, SHELL, (), "echo hello > shell.txt"),
        (GEMINI_SHELL, SHELL, (), "echo hello > shell.txt"),
        ({"kind": "read", "title": "x", "locations": [{"path": "a"}]}, READ, ("a",), ""),
        ({"title": "x", "rawInput": [1]}, UNKNOWN, (), ""),
        ({"kind": "edit", "content": [{"type": "diff", "path": "b", "newText": ""}]}, WRITE, ("b",), ""),
    ],
)
def test_tools_of_real_agents(call: dict[str, object], kind: str, paths: tuple[str, ...], command: str) -> None:
    tool = tool_of(call)
    assert (tool.kind, tool.paths, tool.command) == (kind, paths, command)


@pytest.mark.parametrize(("refusal", "option"), [("", "ok"), ("no", "no")])
def test_a_permission_is_given_or_refused_once(refusal: str, option: str) -> None:
    talk = Talk(permits=lambda _tool: refusal, write=lambda _path, _text: None)
    (answer,) = talk.receive(permission_line(COPILOT_EDIT))
    assert json.loads(answer)["result"]["outcome"] == {"outcome": "selected", "optionId": option}


def test_no_fitting_option_is_a_cancel() -> None:
    talk = Talk(permits=lambda _tool: "no", write=lambda _path, _text: None)
    line = json.loads(permission_line(COPILOT_EDIT))
    line["params"]["options"] = [{"optionId": "ok", "kind": "allow_always"}]
    (answer,) = talk.receive(json.dumps(line))
    assert json.loads(answer)["result"]["outcome"] == {"outcome": "cancelled"}


@pytest.mark.parametrize(
    "line", ["", "[]", "{", '"x"', "null", '{"id":"text","result":1}', '{"method":5}', '{"id":1,"method":null}']
)
def test_nonsense_is_no_harm(line: str) -> None:
    talk = Talk(permits=lambda _tool: "", write=lambda _path, _text: None)
    assert talk.receive(line) == []


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        (
            {"inputTokens": 300, "outputTokens": 30, "totalTokens": 330, "cachedReadTokens": 120},
            Usage(input=300, output=30, cached=120),
        ),
        (
            {"inputTokens": 60, "outputTokens": 10, "totalTokens": 110, "cachedReadTokens": 40},
            Usage(input=100, output=10, cached=40),
        ),
        ({"inputTokens": 5, "outputTokens": 1, "thoughtTokens": 2, "totalTokens": 8}, Usage(input=5, output=3)),
        (None, Usage()),
    ],
)
def test_usage_whether_or_not_input_holds_what_was_cached(told: object, usage: Usage) -> None:
    assert usage_of_session({"usage": told}) == usage


def test_bounds(workdir: Path) -> None:
    root = str(workdir)
    os.symlink("/etc", workdir / "link")
    for path in ("a.txt", f"{root}/b/c.txt", "./x/../y"):
        assert outside(ToolUse("t", WRITE, (path,)), root) == ""
    for path in ("../a", "/etc/passwd", "link/passwd", ".git/config", ".git"):
        assert outside(ToolUse("t", WRITE, (path,)), root), path
    assert outside(ToolUse("t", READ, ("/etc/passwd",)), root) == ""
