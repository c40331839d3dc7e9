"""Anthropic's messages, streamed and whole, and the counting of tokens."""

from __future__ import annotations

import json
from typing import Any

from tests.clients.conversation import ASSISTANT, CALL, RESULT, USER, Answer, Conversation, Entry, Tool, Usage
from tests.clients.dialects import Reply, as_events, as_json, flat

NAME = "anthropic"


def read(path: str, body: dict[str, Any]) -> Conversation:
    entries: list[Entry] = []
    for message in body.get("messages", []):
        spoken = ASSISTANT if message.get("role") == "assistant" else USER
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        for block in blocks:
            kind = block.get("type")
            if kind == "text":
                entries.append(Entry(spoken, block["text"]))
            elif kind == "tool_use":
                entries.append(Entry(CALL, f"{block['name']} {json.dumps(block.get('input'))}"))
            elif kind == "tool_result":
                entries.append(Entry(RESULT, flat(block.get("content"))))
    wanted = (body.get("output_format") or (body.get("output_config") or {}).get("format") or {}).get("schema")
    return Conversation(
        dialect=NAME,
        model=str(body.get("model", "")),
        system=flat(body.get("system")),
        entries=tuple(entries),
        tools=tuple(
            Tool(tool["name"], tool.get("input_schema") or {}) for tool in body.get("tools") or () if "name" in tool
        ),
        stream=bool(body.get("stream")),
        answer_schema=wanted,
    )


def counted(usage: Usage) -> dict[str, Any]:
    """Here the cached tokens are counted apart from the input."""
    return {
        "input_tokens": usage.input - usage.cached,
        "cache_read_input_tokens": usage.cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": usage.output,
    }


def write(conversation: Conversation, answer: Answer) -> Reply:
    call = answer.call
    block: dict[str, Any] = {"type": "text", "text": answer.text}
    if call:
        block = {
            "type": "tool_use",
            "id": call.id.replace("call_", "toolu_"),
            "name": call.tool.name,
            "input": call.arguments,
        }
    reason = "tool_use" if call else "end_turn"
    message = {
        "id": f"msg_{answer.id}", "type": "message", "role": "assistant", "model": conversation.model,
        "stop_sequence": None, "usage": counted(answer.usage),
    }  # fmt: skip
    if not conversation.stream:
        return as_json(message | {"content": [block], "stop_reason": reason})
    begun = message | {"content": [], "stop_reason": None, "usage": counted(answer.usage) | {"output_tokens": 1}}
    if call:
        empty, delta = block | {"input": {}}, {"type": "input_json_delta", "partial_json": json.dumps(call.arguments)}
    else:
        empty, delta = block | {"text": ""}, {"type": "text_delta", "text": answer.text}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": None},
            "usage": {"output_tokens": answer.usage.output},
        },
        {"type": "message_stop"},
    ]
    return as_events([(event["type"], event) for event in events])


def count(body: dict[str, Any]) -> Reply:
    return as_json({"input_tokens": 100})
