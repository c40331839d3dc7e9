"""goose's hooks as its documentation describes them; the payloads are its examples. Not met in the real program."""

from __future__ import annotations

import json
from typing import Any

from andon.agents.hooks import call as c
from andon.agents.hooks.dialects import goose

DOCUMENTED_TOOL = {
    "event": "PostToolUse",
    "session_id": "abc-123",
    "matcher_context": "developer__shell",
    "tool_name": "developer__shell",
    "tool_input": {"command": "rg TODO"},
    "working_dir": "/home/you/project",
}
DOCUMENTED_STOP = {
    "event": "Stop",
    "session_id": "abc-123",
    "last_assistant_message": "Done. I updated the file and ran the tests.",
}


def answer(event: str, decision: c.Decision) -> Any:
    text = goose.write(goose.read(event, {}), decision)
    return json.loads(text) if text else None


def tool(name: str, **arguments: Any) -> c.ToolUse:
    use = goose.read("PreToolUse", {"tool_name": name, "tool_input": arguments}).tool
    assert use is not None
    return use


def test_documented_payloads_are_understood() -> None:
    call = goose.read("PostToolUse", DOCUMENTED_TOOL)
    assert (call.moment, call.session, call.cwd) == (c.AFTER_TOOL, "abc-123", "/home/you/project")
    assert call.tool is not None
    assert (call.tool.kind, call.tool.command) == (c.SHELL, "rg TODO")
    stop = goose.read("Stop", DOCUMENTED_STOP)
    assert (stop.moment, stop.cwd, stop.tool) == (c.STOP, "", None)
    assert stop.final_text.startswith("Done.")


def test_documented_tools_are_told_apart() -> None:
    assert tool("developer__write", path="a", content="x").paths == ("a",)
    assert tool("developer__edit", path="a", before="x", after="y").kind == c.WRITE
    assert tool("developer__text_editor", command="view", path="a").kind == c.READ
    assert tool("developer__text_editor", command="str_replace", path="a").kind == c.WRITE
    assert tool("developer__tree", path=".").kind == c.READ
    assert tool("write", path="a").kind == c.WRITE
    assert tool("somebody__shell", command="x").kind == c.UNKNOWN


def test_documented_answers() -> None:
    block = {"decision": "block", "reason": "why"}
    assert answer("PreToolUse", c.Decision(c.DENY, reason="why")) == block
    assert answer("Stop", c.Decision(c.CONTINUE, reason="why")) == block


def test_all_else_is_silence_since_any_other_output_is_no_decision() -> None:
    for event in goose.EVENTS:
        assert answer(event, c.Decision(context="x", notice="y")) is None
    assert answer("Stop", c.Decision(c.END, notice="called")) is None
