"""OpenAI's chat completions, streamed and whole."""

from __future__ import annotations

import json
from typing import Any

from tests.clients.conversation import ASSISTANT, CALL, RESULT, USER, Answer, Conversation, Entry, Tool, Usage
from tests.clients.dialects import Reply, as_events, as_json, flat

NAME = "openai-chat"


def read(path: str, body: dict[str, Any]) -> Conversation:
    system: list[str] = []
    entries: list[Entry] = []
    for message in body.get("messages", []):
        role = message.get("role")
        text = flat(message.get("content"))
        if role in ("system", "developer"):
            system.append(text)
        elif role == "tool":
            entries.append(Entry(RESULT, text))
        elif role == "assistant":
            if text:
                entries.append(Entry(ASSISTANT, text))
            for call in message.get("tool_calls") or ():
                entries.append(Entry(CALL, f"{call['function']['name']} {call['function']['arguments']}"))
        else:
            entries.append(Entry(USER, text))
    wanted = (body.get("response_format") or {}).get("json_schema", {}).get("schema")
    return Conversation(
        dialect=NAME,
        model=str(body.get("model", "")),
        system="\n".join(system),
        entries=tuple(entries),
        tools=tuple(
            Tool(tool["function"]["name"], tool["function"].get("parameters") or {})
            for tool in body.get("tools") or ()
            if tool.get("type") == "function"
        ),
        stream=bool(body.get("stream")),
        answer_schema=wanted,
    )


def counted(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
    }


def write(conversation: Conversation, answer: Answer) -> Reply:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    if answer.call:
        function = {"name": answer.call.tool.name, "arguments": json.dumps(answer.call.arguments)}
        message["tool_calls"] = [{"index": 0, "id": answer.call.id, "type": "function", "function": function}]
    finish = "tool_calls" if answer.call else "stop"
    head = {"id": f"chatcmpl-{answer.id}", "created": 1_700_000_000, "model": conversation.model}
    if not conversation.stream:
        choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
        return as_json(head | {"object": "chat.completion", "choices": [choice], "usage": counted(answer.usage)})
    head["object"] = "chat.completion.chunk"

    def chunk(delta: dict[str, Any], reason: str | None = None) -> tuple[None, dict[str, Any]]:
        return None, head | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    return as_events(
        [
            chunk(message),
            chunk({}, finish),
            (None, head | {"choices": [], "usage": counted(answer.usage)}),
            (None, "[DONE]"),
        ]
    )
