"""`andon mcp` with the protocol's own client: an agent that has tools and no shell goes through a run."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import jsonschema
import pytest
from mcp import ClientSession, StdioServerParameters, stdio_client

from andon.api.mcp import PLACES, call, commands, schema
from andon.cli.table import AGENTS_TOO, PERSONS_ACTS
from tests.e2e.world import World

Ask = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path, isolation="process", done="[tests]")


def talk(world: World, conversation: Callable[[ClientSession, Ask], Awaitable[None]], **extra: str) -> None:
    """Run a conversation with a server that was started in the repository."""
    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "andon", "mcp"], env=world.environment | extra, cwd=str(world.path)
    )

    async def main() -> None:
        async with stdio_client(parameters) as (read, write), ClientSession(read, write) as session:
            await session.initialize()

            async def ask(name: str, **arguments: Any) -> dict[str, Any]:
                result = await session.call_tool(name, arguments, read_timeout_seconds=60)
                body: dict[str, Any] = result.structured_content  # type: ignore[assignment]
                assert body["exit"] is not None
                assert result.is_error == (body["exit"] in (64, 70))
                return body

            await conversation(session, ask)

    anyio.run(main)


def test_an_agent_without_a_shell_goes_through_a_step(world: World) -> None:
    task = world.add_task()

    async def conversation(session: ClientSession, ask: Ask) -> None:
        claimed = await ask("next", agent="tools-1", role="implementer")
        assert (claimed["exit"], claimed["task"]) == (0, task)
        workdir = claimed["workdir"]
        empty = await ask("advance", agent="tools-1", workdir=workdir, message="done")
        assert (empty["exit"], empty["meaning"]) == (1, "no: fix what is said, then try again")
        world.write("app.txt", "one\nTWO\n", Path(workdir))
        checked = await ask("check", agent="tools-1", workdir=workdir)
        assert checked["ok"] and {x["outcome"] for x in checked["verdicts"]} == {"passed"}
        # The run alone is enough for one who does not name the directory.
        beaten = await ask("heartbeat", agent="tools-1", run=claimed["run"], tokens=12)
        assert beaten["exit"] == 0
        done = await ask("advance", agent="tools-1", workdir=workdir, message="done")
        assert done["exit"] == 0 and done["next"]["step"] == "review"

    talk(world, conversation)
    assert "StepFinished" in world.events("R1")
    (renewed,) = [x["data"]["tokens_used"] for x in world.ok("log", "R1")["items"] if x["type"] == "LeaseRenewed"]
    assert renewed == 12


def test_refusals_are_answers_that_say_how_to_read_them(world: World) -> None:
    async def conversation(session: ClientSession, ask: Ask) -> None:
        nothing = await ask("next", agent="tools-1")
        assert (nothing["exit"], nothing["error"]["kind"]) == (3, "nothing_ready")
        assert nothing["meaning"].startswith("not yet")
        waited = await ask("next", agent="tools-1", wait_s=0.3)
        assert waited["exit"] == 3
        for name, arguments, words in (
            ("check", {"workdir": "/nowhere/at/all"}, "no directory"),
            ("check", {}, "no claim"),
            ("task_add", {}, "title"),
            ("task_add", {"title": ["x"]}, "title"),
            ("task_add", {"title": "x", "colour": "red"}, "colour"),
            ("next", {"wait_s": "soon"}, "soon"),
            ("approve", {"run": "R1"}, "no tool"),
            ("nonsense", {}, "no tool"),
        ):
            body = await ask(name, **arguments)
            assert body["exit"] == 64 and words in body["error"]["message"], (name, body)

    talk(world, conversation)


@pytest.mark.parametrize("variable", ["ANYTHING", "GEMINI_CLI"])
def test_whoever_uses_the_tools_is_an_agent(world: World, variable: str) -> None:
    """Also where a client says what it is and not which session: then least of all the person that started it."""
    world.add_task()

    async def conversation(session: ClientSession, ask: Ask) -> None:
        claimed = await ask("next", role="implementer")
        assert claimed["exit"] == 0

    talk(world, conversation, **{variable: "1"})
    (claimed,) = [x for x in world.ok("log", "R1")["items"] if x["type"] == "StepClaimed"]
    assert claimed["data"]["person"] is False
    assert claimed["actor"].startswith("mcp-")


@pytest.mark.parametrize("variable", ["ANDON_AGENT", "CLAUDE_CODE_SESSION_ID"])
def test_a_server_with_a_session_acts_for_nobody_else(world: World, variable: str) -> None:
    world.add_task()

    async def conversation(session: ClientSession, ask: Ask) -> None:
        claimed = await ask("next", role="implementer")
        world.write("app.txt", "one\nTWO\n", Path(claimed["workdir"]))
        assert (await ask("advance", workdir=claimed["workdir"], message="done"))["exit"] == 0
        own = await ask("next", role="reviewer")
        assert own["exit"] == 3, own
        posing = await ask("next", role="reviewer", agent="bob")
        assert (posing["exit"], posing["error"]["kind"]) == (5, "other_agent")

    talk(world, conversation, **{variable: "a1"})


def test_an_agent_answers_what_was_put_to_it_and_nothing_else(world: World) -> None:
    for recipient in ("bob", "bob", "human"):
        world.andon("ask", "which?", "--to", recipient, "--json", agent="alice")

    async def conversation(session: ClientSession, ask: Ask) -> None:
        done = await ask("answer", agent="bob", message="M1", body="the first")
        assert (done["exit"], done["answer"]) == (0, "the first")
        for message, agent, kind in (
            ("M2", "eve", "not_yours"),
            ("M2", "alice", "own_question"),
            ("M3", "bob", "not_a_person"),
            ("M1", "bob", "answered"),
            ("M9", "bob", "unknown_message"),
        ):
            refused = await ask("answer", agent=agent, message=message, body="x")
            assert (refused["ok"], refused["error"]["kind"]) == (False, kind), refused

    talk(world, conversation)
    shown = world.ok("show", "M3")
    assert not shown["answer"] and world.ok("show", "M1")["answered_by"] == "bob"


def test_reviewers_judge_their_own_findings(world: World) -> None:
    world.add_task("Change the app", "--accept", "line two is loud", "--scope", "app.txt")
    world.implement("alice")
    claim = world.claim("bob", "--role", "reviewer")
    args = ["--outcome", "rework", "-m", "not yet", "--finding", "app.txt:2: blocking: use lower case"]
    world.ok("advance", *args, agent="bob", cwd=claim["workdir"])

    async def conversation(session: ClientSession, ask: Ask) -> None:
        for agent, kind in (("alice", "author"), ("eve", "not_yours")):
            refused = await ask("finding_resolve", agent=agent, run="R1", finding="F1", message="done")
            assert (refused["exit"], refused["error"]["kind"]) == (5, kind)
        silent = await ask("finding_resolve", agent="bob", run="R1", finding="F1")
        assert silent["error"]["kind"] == "no_reason"
        done = await ask("finding_resolve", agent="bob", run="R1", finding="F1", message="it is mended")
        assert (done["exit"], done["state"]) == (0, "resolved")
        again = await ask("finding_reopen", agent="bob", run="R1", finding="F1", message="it is not")
        assert (again["exit"], again["state"]) == (0, "open")

    talk(world, conversation)
    assert [x["state"] for x in world.ok("finding", "list", "R1")["items"]] == ["open"]


def test_no_act_of_a_person_is_a_tool() -> None:
    assert set(commands()) & PERSONS_ACTS == {"answer", "finding_resolve", "finding_reopen"} == AGENTS_TOO
    assert {
        "next",
        "brief",
        "check",
        "advance",
        "submit",
        "handoff",
        "heartbeat",
        "release",
        "say",
        "ask",
        "inbox",
    } <= set(commands())


def test_schemas_are_valid_and_name_the_places() -> None:
    for command in commands().values():
        made = schema(command)
        jsonschema.Draft202012Validator.check_schema(made)
        assert set(PLACES) - {"agent"} <= set(made["properties"])


def test_a_listing_shows_each_tool_with_a_description(world: World) -> None:
    seen: list[Any] = []

    async def conversation(session: ClientSession, ask: Ask) -> None:
        seen.extend((await session.list_tools()).tools)

    talk(world, conversation)
    assert {tool.name for tool in seen} == set(commands())
    assert all(tool.description and tool.input_schema["type"] == "object" for tool in seen)


def test_a_bug_is_told_and_does_not_end_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_context: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("andon.app.open_coordinator", broken)
    body = call("status", {}, "someone")
    assert (body["exit"], body["error"]["kind"]) == (70, "bug")


def test_without_the_package_the_error_names_the_line_to_run(world: World, tmp_path: Path) -> None:
    (tmp_path / "missing").mkdir()
    (tmp_path / "missing" / "mcp.py").write_text("raise ImportError('no mcp', name='mcp')\n")
    path = f"{tmp_path / 'missing'}:{world.environment['PYTHONPATH']}"
    result = world.andon("mcp", "--json", PYTHONPATH=path)
    assert (result.exit, result.kind) == (6, "not_installed")
    assert "andon[mcp]" in result.json["error"]["next"]


def test_a_closed_input_ends_the_server(world: World) -> None:
    result = world.andon("mcp", input="")
    assert (result.exit, result.out) == (0, "")
