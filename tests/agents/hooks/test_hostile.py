"""Whatever a client sends: no dialect raises, every answer is one JSON object or nothing, and decisions survive writing."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import pytest

from andon.agents.hooks import quick_json
from andon.agents.hooks.call import CONTINUE, DENY, END, MOMENTS, PROCEED, Decision, HookCall
from andon.agents.hooks.dialects import DIALECTS, load

BUILT = [name for name in DIALECTS if importlib.util.find_spec(f"andon.agents.hooks.dialects.{DIALECTS[name]}")]
NAMES = (
    "session_id", "sessionId", "session", "conversation_id", "cwd", "workspace_roots", "working_dir", "hook_event_name", "event",
    "tool_name", "toolName", "tool", "tool_input", "toolInput", "toolArgs", "tool_args", "args", "arguments", "input", "command",
    "file_path", "path", "paths", "files", "edits", "changes", "patch", "prompt", "transcript_path", "stop_hook_active",
    "last_assistant_message", "final_text", "reason", "source", "agent_id", "loop_count", "status", "usage", "tokens",
)  # fmt: skip
STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**30, 1.5, "", "x", "\0", "\ud800", "../" * 50, "/" * 300, [], [None], [[[]]], {}, {"": None},
    {"command": None}, {"command": ["git", "push"]}, {"command": {"a": 1}}, {"file_path": 3}, {"path": ["x", 1, None]}, ["git", 1],
    '{"command": "ls"}', '{"command":', "[1, 2]",
)  # fmt: skip


@pytest.fixture(params=BUILT)
def dialect(request: pytest.FixtureRequest) -> Any:
    return load(request.param)


def check_call(call: HookCall) -> None:
    assert isinstance(call, HookCall)
    assert call.moment in MOMENTS
    for text in (call.client, call.event, call.session, call.cwd, call.final_text):
        assert isinstance(text, str)
    assert call.tokens is None or isinstance(call.tokens, int)
    assert isinstance(call.subagent, bool) and isinstance(call.blocked_before, bool)
    if call.tool is not None:
        assert isinstance(call.tool.command, str) and isinstance(call.tool.name, str)
        assert all(isinstance(path, str) for path in call.tool.paths)


def check_text(text: str) -> None:
    assert isinstance(text, str)
    if text:
        assert isinstance(json.loads(text), dict)


def decisions() -> list[Decision]:
    strange = 'quotes " and \\ and \n lines and \x1b[31m and \u202e and \ud800 and é'
    return [
        Decision(answer, reason=reason, context=context, notice=notice)
        for answer in (PROCEED, DENY, CONTINUE, END)
        for reason in ("", strange)
        for context in ("", strange)
        for notice in ("", strange)
    ]


def test_every_dialect_has_what_the_interface_says(dialect: Any) -> None:
    assert dialect.NAME in BUILT
    assert dialect.EVENTS and set(dialect.EVENTS.values()) <= set(MOMENTS)
    assert isinstance(dialect.STOP_BLOCKS, int) and dialect.STOP_BLOCKS >= 0


def test_strange_payloads_are_read(dialect: Any) -> None:
    for event in dialect.EVENTS:
        for name in NAMES:
            for value in STRANGE:
                call = dialect.read(event, {name: value})
                check_call(call)
                assert call.client == dialect.NAME


def test_everything_strange_at_once(dialect: Any) -> None:
    for event in (*dialect.EVENTS, "no such event", ""):
        for value in STRANGE:
            payload = dict.fromkeys(NAMES, value)
            call = dialect.read(event, payload)
            check_call(call)
            assert call.client == dialect.NAME
            for decision in decisions():
                check_text(dialect.write(call, decision))


def test_every_answer_can_be_written_at_every_event(dialect: Any) -> None:
    for event in dialect.EVENTS:
        call = dialect.read(event, {})
        check_call(call)
        for decision in decisions():
            text = dialect.write(call, decision)
            check_text(text)
            if decision.answer == PROCEED and not decision.context and not decision.notice:
                assert not decision.reason or "quotes" not in text, "a mere yes tells nothing"


@pytest.mark.parametrize(
    "data",
    [b"", b" ", b"null", b"[]", b"1", b"{", b'{"a":1} x', b"\xff\xfe", b"{" * 100_000, b"[" * 100_000, b'{"a":' * 50_000, b"\0",
     b'{"a": NaN}x', b"{'a': 1}", b'{"a": 1,}', b'"text"'],
)  # fmt: skip
def test_what_is_no_object_is_an_empty_one(data: bytes) -> None:
    assert quick_json.read(data) == {}


@pytest.mark.parametrize(
    "value", [{}, {"a": [1, 2.5, None, True, False, "x\n\"\\\u202e\U0001f600"], "b": {"c": {}}}, {"": []}, {"n": -(10**20)}]
)  # fmt: skip
def test_quick_json_agrees_with_the_json_module(value: Any) -> None:
    assert quick_json.read(json.dumps(value).encode()) == value
    assert (
        quick_json.read(b"\xef\xbb\xbf  " + json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\r\n") == value
    )
    assert json.loads(quick_json.write(value)) == value
    assert quick_json.write(value).isascii() and "\n" not in quick_json.write(value)
