"""One module for each dialect of model endpoints.

Each has `read(path, body) -> Conversation` and `write(conversation, answer) -> Reply`; `Reply` is the type of the
content and the whole body, for streams as well: a scripted model has thought of everything before it speaks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reply:
    body: bytes
    kind: str = "application/json"
    status: int = 200


def as_json(value: Any, status: int = 200) -> Reply:
    return Reply(json.dumps(value).encode(), status=status)


def as_events(events: list[tuple[str | None, Any]]) -> Reply:
    """Server-sent events: (name or None, data). Data that is a string goes out as it is."""
    out = []
    for name, data in events:
        head = f"event: {name}\n" if name else ""
        out.append(f"{head}data: {data if isinstance(data, str) else json.dumps(data)}\n\n")
    return Reply("".join(out).encode(), kind="text/event-stream")


def flat(content: Any) -> str:
    """The text in a message's content: a string, or a list of parts with `text` or nested `content`."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(filter(None, (flat(part) for part in content)))
    if isinstance(content, dict):
        for key in ("text", "content", "output"):
            if key in content:
                return flat(content[key])
        return json.dumps(content)
    return str(content)
