"""OpenAI's responses, streamed and whole."""

from __future__ import annotations

import json
from typing import Any

from tests.clients.conversation import ASSISTANT, CALL, RESULT, USER, Answer, Conversation, Entry, Tool, Usage
from tests.clients.dialects import Reply, as_events, as_json, flat

NAME = "openai-responses"


def read(path: str, body: dict[str, Any]) -> Conversation:
    system = [str(body.get("instructions") or "")]
    entries: list[Entry] = []
    given = body.get("input") or []
    if isinstance(given, str):
        given = [{"type": "message", "role": "user", "content": given}]
    for item in given:
        kind = item.get("type", "message")
        if kind == "message" and item.get("role") in ("system", "developer"):
            system.append(flat(item.get("content")))
        elif kind == "message":
            role = ASSISTANT if item.get("role") == "assistant" else USER
            entries.append(Entry(role, flat(item.get("content"))))
        elif kind.endswith("_output"):
            entries.append(Entry(RESULT, flat(item.get("output"))))
        elif kind.endswith("_call"):
            entries.append(Entry(CALL, f"{item.get('name', kind)} {item.get('arguments') or item.get('input') or ''}"))
    form = (body.get("text") or {}).get("format") or {}
    return Conversation(
        dialect=NAME,
        model=str(body.get("model", "")),
        system="\n".join(filter(None, system)),
        entries=tuple(entries),
        tools=tuple(tools_in(body.get("tools") or [])),
        stream=bool(body.get("stream")),
        answer_schema=form.get("schema"),
    )


def tools_in(offered: list[dict[str, Any]], namespace: str = "") -> list[Tool]:
    found = []
    for tool in offered:
        kind = tool.get("type")
        if kind == "function":
            found.append(Tool(tool["name"], tool.get("parameters") or {}, namespace=namespace))
        elif kind == "custom":
            found.append(Tool(tool["name"], {}, custom=True, namespace=namespace))
        elif kind == "namespace":
            found.extend(tools_in(tool.get("tools") or [], tool["name"]))
    return found


def counted(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.input + usage.output,
    }


def output_item(answer: Answer) -> dict[str, Any]:
    call = answer.call
    if call is None:
        part = {"type": "output_text", "text": answer.text, "annotations": []}
        return {
            "type": "message", "id": f"msg_{answer.id}", "role": "assistant", "status": "completed", "content": [part],
        }  # fmt: skip
    item: dict[str, Any] = {"id": f"fc_{answer.id}", "call_id": call.id, "name": call.tool.name, "status": "completed"}
    if call.tool.namespace:
        item["namespace"] = call.tool.namespace
    if call.tool.custom:
        return item | {"type": "custom_tool_call", "input": call.text}
    return item | {"type": "function_call", "arguments": json.dumps(call.arguments)}


def write(conversation: Conversation, answer: Answer) -> Reply:
    item = output_item(answer)
    begun = {
        "id": f"resp_{answer.id}", "object": "response", "created_at": 1_700_000_000, "model": conversation.model,
        "status": "in_progress", "output": [], "error": None, "parallel_tool_calls": False, "tools": [], "tool_choice": "auto",
    }  # fmt: skip
    whole = begun | {"status": "completed", "output": [item], "usage": counted(answer.usage)}
    if not conversation.stream:
        return as_json(whole)
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": item | {"status": "in_progress"}},
    ]
    place = {"item_id": item["id"], "output_index": 0}
    if item["type"] == "message":
        part = item["content"][0]
        events[-1]["item"] = item | {"status": "in_progress", "content": []}
        events += [
            {"type": "response.content_part.added", **place, "content_index": 0, "part": part | {"text": ""}},
            {"type": "response.output_text.delta", **place, "content_index": 0, "delta": part["text"]},
            {"type": "response.output_text.done", **place, "content_index": 0, "text": part["text"]},
            {"type": "response.content_part.done", **place, "content_index": 0, "part": part},
        ]
    elif item["type"] == "function_call":
        events[-1]["item"] = item | {"status": "in_progress", "arguments": ""}
        events += [
            {"type": "response.function_call_arguments.delta", **place, "delta": item["arguments"]},
            {"type": "response.function_call_arguments.done", **place, "arguments": item["arguments"]},
        ]
    events += [
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    return as_events([(event["type"], event | {"sequence_number": n}) for n, event in enumerate(events)])
