"""Whatever a client says, and of whatever form: it is read, refused or a turn that broke off; never an exception."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from andon.agents.launch.drivers import DRIVERS, find_driver
from andon.agents.launch.drivers.acp import outside, writer_within
from andon.agents.launch.records import count
from andon.agents.launch.session import _guarded, _told
from andon.agents.launch.talk import Talk, usage_of_session, usage_of_turn
from andon.core.commands import TOKENS_MAX

ODD: list[Any] = [None, True, -5, 10**30, 1.5, "", "x", "a\0b", "\ud800", [], [1], ["a"], {}, {"a": 1}, [[]], [{}]]
DEEP = '{"a":' * 100_000
NUMBERS = ("inputTokens", "outputTokens", "totalTokens", "cachedReadTokens", "thoughtTokens", "cachedWriteTokens")


def messages(odd: Any) -> list[dict[str, Any]]:
    update = [
        {"sessionUpdate": odd},
        {"sessionUpdate": "agent_message_chunk", "content": odd, "_meta": odd},
        {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": odd}, "_meta": {"usage": odd}},
        {"sessionUpdate": "agent_message_chunk", "_meta": {"usage": dict.fromkeys(NUMBERS, odd)}},
        {"sessionUpdate": "tool_call", "toolCallId": odd, "locations": odd, "content": odd, "rawInput": odd},
    ]
    tool = {"toolCallId": odd, "kind": "edit", "locations": [odd, {"path": odd}], "content": [odd, {"type": "diff"}]}
    params = [
        odd,
        {"update": odd},
        {"toolCall": odd, "options": odd},
        {"toolCall": tool, "options": [odd, {"kind": odd}]},
        {"path": odd, "content": odd},
        *({"update": x} for x in update),
    ]
    methods = ("session/update", "session/request_permission", "fs/write_text_file", odd)
    said = [{"method": method, "params": x} for method, x in itertools.product(methods, params)]
    return [*said, *({"id": odd, **x} for x in said), {"id": odd}, {"id": odd, "result": odd, "error": odd}]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_acp_in_every_form(odd: Any, tmp_path: Path) -> None:
    talk = Talk(permits=lambda tool: outside(tool, str(tmp_path)), write=writer_within(str(tmp_path / "in")))
    for message in messages(odd):
        for answer in talk.receive(json.dumps(message)):
            assert json.loads(answer)["jsonrpc"] == "2.0"
            answer.encode(errors="strict") if odd != "\ud800" else None
    assert talk.receive(DEEP) == []
    assert 0 <= talk.used.bounded().total <= TOKENS_MAX
    for told in (
        odd,
        {"usage": odd},
        {"usage": dict.fromkeys(NUMBERS, odd)},
        {"_meta": {"quota": {"token_count": odd}}},
    ):
        result = told if isinstance(told, dict) else {}
        assert usage_of_session(result).bounded().total >= 0
        assert usage_of_turn(result) is None


KEYS = (
    "type",
    "result",
    "usage",
    "message",
    "content",
    "session_id",
    "modelUsage",
    "item",
    "stats",
    "part",
    "error",
    "info",
)


@pytest.mark.parametrize("name", sorted(DRIVERS))
def test_headless_clients_in_every_form(name: str) -> None:
    driver = find_driver(name)
    for odd in ODD:
        reader = driver.reader()
        feed = _guarded(reader.feed)
        for kind in (
            "result",
            "assistant",
            "system",
            "message",
            "turn.completed",
            "item.completed",
            "step_finish",
            odd,
        ):
            feed(json.dumps({**dict.fromkeys(KEYS, odd), "type": kind}))
            feed(
                json.dumps({"type": kind, "message": {"content": [odd], "usage": odd}, "usage": {"input_tokens": odd}})
            )
            feed(json.dumps(odd))
        feed(DEEP)
        turn = _told(reader, 0)
        assert turn.usage.bounded().total >= 0


def test_a_count_is_a_number_within_measure() -> None:
    assert [count(x) for x in (5, "7", 1.9, None, "a", [1], {}, -3, float("nan"))] == [5, 7, 1, 0, 0, 0, 0, 0, 0]
    assert count(10**30) == count(float("inf")) == TOKENS_MAX
