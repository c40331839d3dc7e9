"""Gemini's generateContent, streamed and whole, and the counting of tokens."""

from __future__ import annotations

import json
from typing import Any

from tests.clients.conversation import ASSISTANT, CALL, RESULT, USER, Answer, Conversation, Entry, Tool, Usage
from tests.clients.dialects import Reply, as_events, as_json, flat

NAME = "gemini"


def read(path: str, body: dict[str, Any]) -> Conversation:
    entries: list[Entry] = []
    for content in body.get("contents", []):
        spoken = ASSISTANT if content.get("role") == "model" else USER
        for part in content.get("parts", []):
            if "functionCall" in part:
                call = part["functionCall"]
                entries.append(Entry(CALL, f"{call['name']} {json.dumps(call.get('args'))}"))
            elif "functionResponse" in part:
                entries.append(Entry(RESULT, flat(part["functionResponse"].get("response"))))
            elif part.get("text") and not part.get("thought"):
                entries.append(Entry(spoken, part["text"]))
    tools = [
        Tool(function["name"], function.get("parametersJsonSchema") or function.get("parameters") or {})
        for group in body.get("tools") or ()
        for function in group.get("functionDeclarations") or ()
    ]
    settings = body.get("generationConfig") or {}
    return Conversation(
        dialect=NAME,
        model=path.partition("/models/")[2].partition(":")[0],
        system=flat((body.get("systemInstruction") or {}).get("parts")),
        entries=tuple(entries),
        tools=tuple(tools),
        stream=":streamGenerateContent" in path,
        answer_schema=settings.get("responseJsonSchema") or settings.get("responseSchema"),
    )


def counted(usage: Usage) -> dict[str, Any]:
    return {
        "promptTokenCount": usage.input,
        "cachedContentTokenCount": usage.cached,
        "candidatesTokenCount": usage.output,
        "totalTokenCount": usage.input + usage.output,
    }


def write(conversation: Conversation, answer: Answer) -> Reply:
    part: dict[str, Any] = {"text": answer.text}
    if answer.call:
        part = {"functionCall": {"id": answer.call.id, "name": answer.call.tool.name, "args": answer.call.arguments}}
    candidate = {"index": 0, "content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}
    whole = {
        "candidates": [candidate], "usageMetadata": counted(answer.usage), "modelVersion": conversation.model,
        "responseId": answer.id,
    }  # fmt: skip
    return as_events([(None, whole)]) if conversation.stream else as_json(whole)


def count(body: dict[str, Any]) -> Reply:
    return as_json({"totalTokens": 100})
