"""What mistral-vibe 3.0.2 really sends to hooks, and the answers that it heeds.

The payloads were recorded from the real program with a scripted model; the answers were heeded by it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from andon.agents.hooks import call as c
from andon.agents.hooks.dialects import vibe

PAYLOADS = Path(__file__).parents[1] / "payloads" / "vibe"
NAMES = sorted(path.stem for path in PAYLOADS.glob("*.json"))


def recorded(name: str) -> c.HookCall:
    payload = json.loads((PAYLOADS / f"{name}.json").read_text())
    return vibe.read(payload["hook_event_name"], payload)


def answer(event: str, decision: c.Decision) -> Any:
    text = vibe.write(vibe.read(event, {}), decision)
    return json.loads(text) if text else None


def tool(name: str) -> tuple[str, tuple[str, ...], str]:
    use = recorded(name).tool
    assert use is not None
    return use.kind, use.paths, use.command


def test_there_are_payloads_of_every_event() -> None:
    assert {name.partition("-")[0] for name in NAMES} == set(vibe.EVENTS)


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_payload_is_understood(name: str) -> None:
    call = recorded(name)
    assert call.moment == vibe.EVENTS[name.partition("-")[0]]
    assert call.session == "457e0ce1-fbca-1bbc-0042-be8bfff4fc90"
    assert call.cwd == "/repo"
    assert (call.tokens, call.subagent, call.blocked_before) == (None, False, False)


def test_tools_are_told_apart() -> None:
    assert tool("pre_tool-bash") == (c.SHELL, (), "echo seen > notes.txt")
    assert tool("pre_tool-bash-in-typescript") == (c.SHELL, (), "echo from-typescript")
    assert tool("pre_tool-write_file") == (c.WRITE, ("greeting.txt",), "")
    assert tool("pre_tool-search_replace") == (c.WRITE, ("notes.txt",), "")
    assert tool("pre_tool-read_file")[0] == c.READ
    assert tool("pre_tool-todo")[0] == c.READ
    assert recorded("post_agent").tool is None


def test_names_that_were_not_met() -> None:
    """From the bundled runtime's table of names, and version 2's plain ones."""
    for name, kind in (
        ("process.start", c.SHELL), ("bash", c.SHELL), ("edit", c.WRITE), ("grep", c.READ), ("process.write", c.UNKNOWN),
        ("linear.create_issue", c.UNKNOWN), ("linear.start", c.UNKNOWN), ("linear.write_file", c.UNKNOWN), ("", c.UNKNOWN),
    ):  # fmt: skip
        use = vibe.read("pre_tool", {"tool_name": name, "tool_input": {"path": "a", "command": "b"}}).tool
        assert use is not None
        assert use.kind == kind, name
        assert use.paths == (("a",) if kind == c.WRITE else ())
        assert use.command == ("b" if kind == c.SHELL else "")


def test_a_nested_agent_is_known_by_its_parent() -> None:
    assert vibe.read("post_agent", {"parent_session_id": "s1"}).subagent


def test_answers_that_the_real_program_heeds() -> None:
    deny = {"decision": "deny", "reason": "why"}
    assert answer("pre_tool", c.Decision(c.DENY, reason="why")) == deny
    assert answer("post_agent", c.Decision(c.CONTINUE, reason="why")) == deny
    context = c.Decision(context="note")
    assert answer("post_tool", context) == {"hook_specific_output": {"additional_context": "note"}}
    ended = c.Decision(c.END, reason="why", notice="A person is called.")
    assert answer("post_agent", ended) == {"system_message": "A person is called."}


def test_silence_lets_all_pass() -> None:
    for event in vibe.EVENTS:
        assert answer(event, c.Decision()) is None
    assert answer("pre_tool", c.Decision(context="nobody reads it there")) is None
    # A block of what already happened would take its output from the agent.
    assert answer("post_tool", c.Decision(c.DENY, reason="too late")) is None


def test_a_denial_without_a_reason_has_one() -> None:
    assert answer("pre_tool", c.Decision(c.DENY))["reason"]
