"""Cursor's dialect over payloads written from its documentation; the real program was not met."""

from __future__ import annotations

import json
from typing import Any

import pytest

from andon.agents.hooks import call as c
from andon.agents.hooks.call import Decision
from andon.agents.hooks.dialects import cursor
from andon.agents.setup.clients import cursor as setup

COMMON: dict[str, object] = {
    "conversation_id": "conv-123",
    "generation_id": "gen-456",
    "model": "some-model",
    "cursor_version": "2.0.77",
    "workspace_roots": ["/home/pat/project"],
    "user_email": "pat@example.com",
    "transcript_path": None,
}


def read(event: str, **more: object) -> c.HookCall:
    return cursor.read(event, {**COMMON, "hook_event_name": event, **more})


def written(event: str, decision: Decision, **more: object) -> Any:
    text = cursor.write(read(event, **more), decision)
    return json.loads(text) if text else None


@pytest.mark.parametrize("event", sorted(cursor.EVENTS))
def test_what_all_events_have(event: str) -> None:
    call = read(event)
    assert (call.client, call.session, call.cwd, call.moment) == (
        "cursor", "conv-123", "/home/pat/project", cursor.EVENTS[event],
    )  # fmt: skip
    assert call.subagent == (event == "subagentStop")


@pytest.mark.parametrize(
    ("name", "values", "kind", "paths", "command"),
    [
        ("Shell", {"command": "npm install", "working_directory": "/p"}, c.SHELL, (), "npm install"),
        ("Write", {"file_path": "/p/a.ts", "content": "x"}, c.WRITE, ("/p/a.ts",), ""),
        ("Delete", {"path": "a.ts"}, c.WRITE, ("a.ts",), ""),
        ("Read", {"file_path": "/p/a.ts"}, c.READ, (), ""),
        ("MCP:create_issue", {"title": "x"}, c.UNKNOWN, (), ""),
        ("Write", "no object", c.WRITE, (), ""),
    ],
)
def test_tools(name: str, values: object, kind: str, paths: tuple[str, ...], command: str) -> None:
    tool = read("preToolUse", tool_name=name, tool_input=values, tool_use_id="t1", cwd="/home/pat/project/sub").tool
    assert tool is not None
    assert (tool.name, tool.kind, tool.paths, tool.command) == (name, kind, paths, command)


def test_stops() -> None:
    assert (read("stop", status="completed", loop_count=0).moment, read("stop", loop_count=0).blocked_before) == (
        c.STOP,
        False,
    )
    assert read("stop", status="completed", loop_count=2).blocked_before
    # What the person stopped, or what failed, is not set going again.
    assert read("stop", status="aborted", loop_count=0).moment == c.OTHER
    assert read("stop", status="error", loop_count=0).moment == c.OTHER
    assert cursor.STOP_BLOCKS == setup.LOOP_LIMIT


def test_strange_payloads_are_read() -> None:
    for payload in ({}, {"tool_name": 1}, {"workspace_roots": "x", "conversation_id": 3}, {"workspace_roots": [1]}):
        call = cursor.read("preToolUse", payload)
        assert (call.session, call.cwd, call.tool) == ("", "", None)
    assert cursor.read("afterFileEdit", {}).moment == c.OTHER


def test_answers() -> None:
    assert written("preToolUse", Decision(c.DENY, reason="out of scope"), tool_name="Shell") == {
        "permission": "deny",
        "agent_message": "out of scope",
        "user_message": "out of scope",
    }
    assert written("stop", Decision(c.CONTINUE, reason="tests: failed")) == {"followup_message": "tests: failed"}
    assert written("sessionStart", Decision(context="the brief")) == {"additional_context": "the brief"}
    assert written("stop", Decision(c.END, notice="the bound is reached")) is None
    assert written("stop", Decision(c.CONTINUE, reason="tests"), status="aborted") is None
    for event in cursor.EVENTS:
        assert written(event, Decision()) is None
