"""What OpenHands CLI 1.16.0 really sends to hooks (recorded with a scripted model), and the answers that it heeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from andon.agents.hooks import call as c
from andon.agents.hooks.dialects import openhands

PAYLOADS = Path(__file__).parents[1] / "payloads" / "openhands"
NAMES = sorted(path.stem for path in PAYLOADS.glob("*.json"))


def recorded(name: str) -> c.HookCall:
    payload = json.loads((PAYLOADS / f"{name}.json").read_text())
    return openhands.read(payload["event_type"], payload)


def answer(event: str, decision: c.Decision) -> Any:
    text = openhands.write(openhands.read(event, {}), decision)
    return json.loads(text) if text else None


def test_there_are_payloads_of_every_event() -> None:
    assert {name.partition("-")[0] for name in NAMES} == {*openhands.EVENTS, "SessionStart"}


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_payload_is_understood(name: str) -> None:
    call = recorded(name)
    assert call.moment == openhands.EVENTS.get(name.partition("-")[0], c.OTHER)
    assert (call.session, call.cwd) == ("3714490c-f08c-416e-bba8-998113dfa59f", "/repo")


def tool(name: str, **arguments: Any) -> c.ToolUse:
    use = openhands.read("PreToolUse", {"tool_name": name, "tool_input": arguments}).tool
    assert use is not None
    return use


def test_tools_are_told_apart() -> None:
    shell, editor = recorded("PreToolUse-terminal").tool, recorded("PreToolUse-file_editor").tool
    assert shell is not None and editor is not None
    assert (shell.kind, shell.command[:3]) == (c.SHELL, "env")
    assert (editor.kind, editor.paths) == (c.WRITE, ("/repo/b.txt",))


def test_tools_that_were_not_met() -> None:
    """From the source of its tools."""
    assert tool("file_editor", command="view", path="a").kind == c.READ
    assert tool("terminal", command="y", is_input=True).kind == c.UNKNOWN
    assert tool("write_file", file_path="a").paths == ("a",)
    patch = "*** Begin Patch\n*** Update File: a\n*** Move to: b\n*** Delete File: c\n*** End Patch"
    assert tool("apply_patch", patch=patch).paths == ("a", "b", "c")
    assert tool("grep").kind == c.READ
    assert tool("github_create_issue").kind == c.UNKNOWN


def test_answers_that_the_real_program_heeds() -> None:
    deny = {"decision": "deny", "reason": "why"}
    assert answer("PreToolUse", c.Decision(c.DENY, reason="why")) == deny
    assert answer("Stop", c.Decision(c.CONTINUE, reason="why")) == deny
    assert answer("UserPromptSubmit", c.Decision(context="the brief")) == {"additionalContext": "the brief"}


def test_what_it_would_throw_away_is_not_said() -> None:
    assert answer("PostToolUse", c.Decision(context="2 messages")) is None
    assert answer("Stop", c.Decision(c.END, reason="why", notice="called")) is None
    assert [answer(event, c.Decision()) for event in openhands.EVENTS] == [None] * len(openhands.EVENTS)
