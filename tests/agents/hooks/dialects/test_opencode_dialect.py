"""What Andon's plugin sends from opencode 1.18.33, recorded in the real program, and what it is answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from andon.agents.hooks import call as c
from andon.agents.hooks.dialects import opencode

PAYLOADS = Path(__file__).parent / "payloads" / "opencode-1.18.33.jsonl"
RECORDED = [json.loads(line) for line in PAYLOADS.read_text().splitlines()]
PATCH = "*** Begin Patch\n*** Update File: a.py\n*** Move to: b.py\n*** End Patch"


def tool(name: str, **args: object) -> tuple[str, tuple[str, ...], str, str]:
    payload: dict[str, object] = {"directory": "/home/agent/repo", "tool": name, "args": args}
    call = opencode.read("ToolBefore", payload)
    assert call.tool is not None
    return call.tool.kind, call.tool.paths, call.tool.command, call.cwd


def test_every_recorded_payload_is_understood() -> None:
    calls = [opencode.read(one["event"], one["payload"]) for one in RECORDED]
    assert {one.moment for one in calls} == {c.SESSION_START, c.BEFORE_TOOL, c.AFTER_TOOL, c.STOP}
    assert len({one.session for one in calls}) == 1
    assert calls[0].session.startswith("ses_")
    assert {one.cwd for one in calls} == {"/home/agent/repo"}
    assert not any(one.subagent for one in calls)
    told = [one.tool.name for one in calls if one.tool and one.moment == c.BEFORE_TOOL]
    assert told == ["bash", "write", "edit", "bash"]
    assert [(one.final_text, one.tokens) for one in calls if one.moment == c.STOP] == [
        ("first stop", 440),
        ("second stop", 660),
        ("third stop", 770),
    ]


def test_tools() -> None:
    here = "/home/agent/repo"
    assert tool("bash", command="ls", description="x") == (c.SHELL, (), "ls", here)
    assert tool("bash", command="ls", workdir="sub") == (c.SHELL, (), "ls", f"{here}/sub")
    assert tool("bash", command="ls", workdir="/tmp") == (c.SHELL, (), "ls", "/tmp")
    assert tool("edit", filePath="/x/a.txt", oldString="a", newString="b") == (c.WRITE, ("/x/a.txt",), "", here)
    assert tool("write", filePath="a.txt", content="") == (c.WRITE, ("a.txt",), "", here)
    assert tool("apply_patch", patchText=PATCH) == (c.WRITE, ("a.py", "b.py"), "", here)
    assert tool("read", filePath="a.txt") == (c.READ, (), "", here)
    assert tool("files_write", path="a.txt") == (c.UNKNOWN, (), "", here)


def test_an_agent_of_a_task_is_told() -> None:
    assert opencode.read("ToolBefore", {"subagent": True}).subagent


@pytest.mark.parametrize("event", [*opencode.EVENTS, "Unheard"])
@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"sessionID": 1, "directory": None, "tool": [], "args": "x", "tokens": "9", "text": 3, "subagent": "yes"},
        {"tool": "bash", "args": {"command": 4, "workdir": 5}, "tokens": True},
        {"tool": "write", "args": {"filePath": None}, "tokens": -1},
        {"tool": "apply_patch", "args": {"patchText": "no patch"}},
    ],
)
def test_strange_payloads_are_read(event: str, payload: dict[str, object]) -> None:
    call = opencode.read(event, payload)
    assert (call.session, call.cwd, call.tokens, call.subagent) == ("", "", None, False)
    assert call.tool is None or (call.tool.paths, call.tool.command) == ((), "")


def test_the_plugin_is_always_answered() -> None:
    call = opencode.read("SessionIdle", {})
    assert json.loads(opencode.write(call, c.Decision())) == {
        "answer": "proceed", "reason": "", "context": "", "notice": "",
    }  # fmt: skip
    decision = c.Decision(c.CONTINUE, reason="two\nlines", context="more", notice="told")
    assert json.loads(opencode.write(call, decision)) == {
        "answer": "continue", "reason": "two\nlines", "context": "more", "notice": "told",
    }  # fmt: skip
