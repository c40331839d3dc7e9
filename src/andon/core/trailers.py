"""The message of a landed commit, and what its trailers say.

Only the last paragraph holds trailers: a task's title and body are its author's words, whatever they look like.
"""

from __future__ import annotations

TASK, RUN, EVIDENCE = "Andon-Task", "Andon-Run", "Andon-Evidence"


def message_of(title: str, body: str, *, task: str, run: str, evidence: str) -> str:
    """The message with which a task's change lands."""
    body = body.strip()
    above = f"{title}\n\n{body}\n\n" if body else f"{title}\n\n"
    return f"{above}{TASK}: {task}\n{RUN}: {run}\n{EVIDENCE}: {evidence}\n"


def trailers(content: bytes) -> dict[str, list[str]]:
    """Andon's trailers in the last paragraph of a commit object's message: name -> values."""
    message = content.partition(b"\n\n")[2].decode("utf-8", "surrogateescape")
    last = message.rstrip("\n").rpartition("\n\n")[2]
    found: dict[str, list[str]] = {}
    for line in last.split("\n"):
        name, colon, value = line.partition(":")
        if colon and name.casefold().startswith("andon-"):
            found.setdefault(name, []).append(value.removeprefix(" "))
    return found
