"""Copilot CLI's dialect over payloads that the real program (1.0.102) gave its hooks, and over some from its documentation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from andon.agents.hooks import call as c
from andon.agents.hooks.call import Decision
from andon.agents.hooks.dialects import copilot

RECORDED = [
    json.loads(line)
    for line in (Path(__file__).parent / "payloads" / "copilot-1.0.102.jsonl").read_text(encoding="utf-8").splitlines()
]
SESSION = "da9643eb-156c-46be-9a05-44a5d6b9cf28"
COMMON: dict[str, object] = {"sessionId": SESSION, "timestamp": 1795269168667, "cwd": "/home/pat/project"}


def recorded(event: str) -> list[c.HookCall]:
    return [copilot.read(event, one["payload"]) for one in RECORDED if one["event"] == event]


def tool(name: str, args: object) -> c.ToolUse:
    found = copilot.read("preToolUse", {**COMMON, "toolName": name, "toolArgs": args}).tool
    assert found is not None
    return found


def written(event: str, decision: Decision, **more: object) -> Any:
    text = copilot.write(copilot.read(event, {**COMMON, **more}), decision)
    return json.loads(text) if text else None


def test_what_all_recorded_events_have() -> None:
    assert {one["event"] for one in RECORDED} >= set(copilot.EVENTS) - {"subagentStop"}
    for one in RECORDED:
        call = copilot.read(one["event"], one["payload"])
        assert (call.client, call.session, call.cwd) == ("copilot", SESSION, "/home/pat/project")
        assert call.moment == copilot.EVENTS[one["event"]]
        assert not call.subagent


def test_recorded_tools() -> None:
    seen = [
        (call.tool.name, call.tool.kind, call.tool.paths, call.tool.command)
        for call in recorded("preToolUse")
        if call.tool
    ]
    assert seen == [
        ("bash", c.SHELL, (), "echo hi > shell.txt; cat shell.txt"),
        ("create", c.WRITE, ("deny.txt",), ""),
        ("create", c.WRITE, ("greeting.txt",), ""),
    ]


def test_recorded_stops() -> None:
    assert [call.blocked_before for call in recorded("agentStop")] == [False, True]


@pytest.mark.parametrize(
    ("name", "args", "kind", "paths", "command"),
    [
        ("edit", {"path": "/a/b.py", "old_str": "x", "new_str": "y"}, c.WRITE, ("/a/b.py",), ""),
        ("edit", '{"path": "b.py"}', c.WRITE, ("b.py",), ""),
        ("edit", "{", c.WRITE, (), ""),
        ("apply_patch", "*** Begin Patch\n*** Update File: a.py\n*** Move to: b.py\n@@\n*** End Patch", c.WRITE, ("a.py", "b.py"), ""),
        ("write_bash", {"shellId": "0", "input": "y{enter}"}, c.SHELL, (), "y{enter}"),
        ("view", {"path": "/a/b.py"}, c.READ, (), ""),
        ("github-create_issue", {"title": "x"}, c.UNKNOWN, (), ""),
        ("bash", None, c.SHELL, (), ""),
    ],
)  # fmt: skip
def test_documented_tools(name: str, args: object, kind: str, paths: tuple[str, ...], command: str) -> None:
    found = tool(name, args)
    assert (found.name, found.kind, found.paths, found.command) == (name, kind, paths, command)


def test_strange_payloads_are_read() -> None:
    for payload in ({}, {"toolName": 1, "toolArgs": []}, {"sessionId": None, "cwd": 3}):
        call = copilot.read("preToolUse", payload)
        assert (call.session, call.cwd, call.tool) == ("", "", None)
    assert copilot.read("newEvent", {}).moment == c.OTHER


def test_answers() -> None:
    assert written("preToolUse", Decision(c.DENY, reason="out of scope"), toolName="bash") == {
        "permissionDecision": "deny",
        "permissionDecisionReason": "out of scope",
    }
    assert written("agentStop", Decision(c.CONTINUE, reason="tests: failed")) == {
        "decision": "block",
        "reason": "tests: failed",
    }
    assert written("sessionStart", Decision(context="the brief")) == {"additionalContext": "the brief"}
    for event in copilot.EVENTS:
        assert copilot.write(copilot.read(event, COMMON), Decision()) == ""
    assert written("agentStop", Decision(c.END, notice="the bound is reached")) is None
    assert written("agentStop", Decision(c.DENY, reason="no")) is None
