"""Laying out messages and findings for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from andon.cli.plain import clean, one_line

Body = dict[str, Any]
Paint = Callable[..., str]


def undelivered(body: Body) -> str:
    """The part of `status` about messages that reached nobody; "" when there are none."""
    lines = []
    for item in body.get("undelivered", [])[:40]:
        about = f" about {item['run']}" if item.get("run") else ""
        lines.append(
            f"  {item['message']} from {item['sender']} to {item['recipient']}{about}: {one_line(item['reason'])}"
        )
    return "\n".join(lines)


def message(body: Body, paint: Any) -> str:
    """`show M3`: the message, then the conversation that it belongs to."""
    lines = [f"{body['id']} {body['message_kind']} from {body['sender']} to {body['recipient']}", clean(body["body"])]
    lines += [f"answer by {body['answered_by']}: {clean(body['answer'])}"] if body["answer"] else []
    readers = ", ".join(body.get("acknowledged", [])) or "nobody"
    lines.append(f"acknowledged by {readers}" + ("; sent again by its sender" if body.get("redelivered") else ""))
    if len(body.get("messages", [])) > 1:
        lines += ["", paint.head(f"Thread {body['thread']}"), _items(body["messages"], paint)]
    return "\n".join(lines)


def inbox(body: Body, paint: Any) -> str:
    if "thread" in body:
        return _items(body["items"], paint)
    lines = [_items(body["items"], paint)] if body["items"] else []
    left = any(item["id"] not in body.get("acknowledged", ()) for item in body["items"])
    lines += ["acknowledge with: andon inbox --ack all"] if left else [] if body["items"] else ["no messages"]
    return "\n".join(lines)


def _items(items: list[Body], paint: Any) -> str:
    lines = []
    for item in items:
        reply = f" in reply to {item['in_reply_to']}" if item.get("in_reply_to") else ""
        again = ", sent again" if item.get("redelivered") else ""
        lines.append(f"{paint.head(item['id'])} {item['kind']} from {item['sender']}{reply} ({item['sent_at']}{again})")
        lines.append("\n".join(f"  {line}" for line in clean(item["body"]).splitlines()))
        lines += [f"  answer by {item['answered_by']}: {clean(item['answer'])}"] if item["answer"] else []
    return "\n".join(lines)


def ask(body: Body, _paint: Any) -> str:
    text = f"{body['message']} asked of {body['to']}" + (f": {body['answer']}" if body["answer"] else "")
    if body.get("parked"):
        text += f"\n{body['run']} {body['step']} is given up and waits for the answer; it comes back to you first"
    return text


def findings(body: Body, paint: Any) -> str:
    lines = []
    for item in body["items"]:
        line = f":{item['line']}" if item["line"] else ""
        where = f"{clean(item['path'])}{line}: " if item["path"] else ""
        state = paint(item["state"], "31" if item["holds"] else "32" if item["state"] == "resolved" else "33")
        lines.append(f"{paint.head(item['id'])} {state} [{item['severity']}] {where}{clean(item['message'])}")
        lines.append(f"    by {item['agent']} in {item['step']}")
        lines += [f"    resolved by {item['by']}: {clean(item['why'])}"] if item["state"] == "resolved" else []
    return "\n".join(lines) or "no findings"


def finding(body: Body, _paint: Any) -> str:
    left = ", ".join(body["open"])
    return f"{body['run']} {body['finding']} is {body['state']}" + (
        f"; still open and blocking: {left}" if left else ""
    )
