"""Claude Code's payloads, as its documentation and its own schemas (2.1.197) give them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from andon.agents.hooks import call as c
from andon.agents.hooks.call import Decision
from andon.agents.hooks.dialects import claude

COMMON: dict[str, object] = {
    "session_id": "0a1b2c3d-0000-4000-8000-000000000001",
    "transcript_path": "/home/pat/.claude/projects/x/0a1b.jsonl",
    "cwd": "/work/repo",
    "permission_mode": "default",
}


def read(event: str, **more: object) -> c.HookCall:
    return claude.read(event, {**COMMON, "hook_event_name": event, **more})


def written(event: str, decision: Decision, **more: object) -> Any:
    text = claude.write(read(event, **more), decision)
    return json.loads(text) if text else None


def test_what_all_events_have() -> None:
    call = read("SessionStart", source="startup", model="m")
    assert (call.client, call.moment, call.session, call.cwd) == (
        "claude",
        c.SESSION_START,
        COMMON["session_id"],
        "/work/repo",
    )
    assert call.tool is None and call.tokens is None


@pytest.mark.parametrize(
    ("name", "values", "kind", "paths", "command"),
    [
        ("Bash", {"command": "git status", "description": "x", "timeout": 1000}, c.SHELL, (), "git status"),
        ("Write", {"file_path": "/a/b.py", "content": "x"}, c.WRITE, ("/a/b.py",), ""),
        (
            "Edit",
            {"file_path": "b.py", "old_string": "a", "new_string": "b", "replace_all": False},
            c.WRITE,
            ("b.py",),
            "",
        ),
        ("NotebookEdit", {"notebook_path": "/n.ipynb", "new_source": "x"}, c.WRITE, ("/n.ipynb",), ""),
        ("Read", {"file_path": "/a/b.py"}, c.READ, (), ""),
        ("Grep", {"pattern": "x", "path": "/a"}, c.READ, (), ""),
        ("mcp__memory__create", {"path": "/a"}, c.UNKNOWN, (), ""),
    ],
)
def test_tools(name: str, values: dict[str, object], kind: str, paths: tuple[str, ...], command: str) -> None:
    call = read("PreToolUse", tool_name=name, tool_input=values, tool_use_id="toolu_1")
    assert call.moment == c.BEFORE_TOOL and call.tool is not None
    assert (call.tool.name, call.tool.kind, call.tool.paths, call.tool.command) == (name, kind, paths, command)


def test_stops() -> None:
    call = read("Stop", stop_hook_active=True, last_assistant_message="all done")
    assert call.moment == c.STOP and call.blocked_before and call.final_text == "all done" and not call.subagent
    assert read("SubagentStop", stop_hook_active=False, agent_id="a1", agent_type="Explore").subagent


def test_a_denial() -> None:
    answer = written("PreToolUse", Decision(c.DENY, reason="not that"), tool_name="Bash", tool_input={"command": "x"})
    assert answer == {
        "hookSpecificOutput": {
            "hookEventName": "PreToolUse",
            "permissionDecision": "deny",
            "permissionDecisionReason": "not that",
        }
    }


def test_silence_is_a_yes_that_leaves_permissions_to_the_client() -> None:
    for event in claude.EVENTS:
        assert written(event, Decision()) is None


def test_context_and_notices() -> None:
    assert written("SessionStart", Decision(context="hello")) == {
        "hookSpecificOutput": {"hookEventName": "SessionStart", "additionalContext": "hello"}
    }
    assert written("Stop", Decision(notice="waits")) == {"systemMessage": "waits"}


def test_stops_are_answered() -> None:
    assert written("Stop", Decision(c.CONTINUE, reason="tests fail")) == {"decision": "block", "reason": "tests fail"}
    ended = written("Stop", Decision(c.END, notice="called a person"))
    assert ended["continue"] is False and ended["stopReason"] == "called a person" and "decision" not in ended
