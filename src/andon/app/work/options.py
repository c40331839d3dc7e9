"""What a person asked of a worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from andon.agents.launch.loop import Bounds
from andon.core.errors import UsageError


class Options(Struct, frozen=True, kw_only=True):
    """What a person asked of the worker. name: the agent's name for all claims; None makes one for each.

    limit: claims at most. wait_s: how long to wait for work. budget: model tokens of all claims together.
    """

    client: str
    extra: tuple[str, ...] = ()
    role: str | None = None
    task: str | None = None
    wait_s: float = 0.0
    limit: int | None = None
    watch: bool = False
    name: str | None = None
    bounds: Bounds = Bounds()
    turn_timeout_s: float = 3600.0
    budget: int | None = None
    wait_answer_s: float = 0.0
    model: str = ""


def options_of(arguments: dict[str, Any], model: str = "") -> Options:
    """Options from the command line's arguments. model: as a person told it. Raises UsageError."""
    client = arguments.get("client")
    if not client:
        raise UsageError("andon work needs --agent CLIENT", next="andon work --agent claude")
    for name in ("turns", "limit", "budget"):
        value = arguments.get(name)
        if value is not None and value < 1:
            raise UsageError(f"--{name} {value} is not valid", next=f"--{name} 1 or more")
    if arguments.get("turn_timeout_s") is not None and arguments["turn_timeout_s"] <= 0:
        raise UsageError("--turn-timeout must be more than nothing", next="for example 30m")
    bounds = Bounds(turns=arguments.get("turns") or Bounds().turns)
    return Options(
        client=client,
        extra=tuple(arguments.get("extra") or ()),
        role=arguments.get("role"),
        task=arguments.get("task"),
        wait_s=float(arguments.get("wait_s") or 0.0),
        limit=1 if arguments.get("once") else arguments.get("limit"),
        watch=bool(arguments.get("watch")),
        name=arguments.get("name"),
        bounds=bounds,
        turn_timeout_s=float(arguments.get("turn_timeout_s") or 3600.0),
        budget=arguments.get("budget"),
        wait_answer_s=float(arguments.get("wait_answer_s") or 0.0),
        model=model or model_of(arguments.get("extra") or ()),
    )


def model_of(extra: Sequence[str]) -> str:
    """The model that the client's own options name, "" when they name none."""
    words = [str(x) for x in extra]
    for place, word in enumerate(words):
        if word.startswith("--model="):
            return word.partition("=")[2]
        if word in ("--model", "-m") and place + 1 < len(words):
            return words[place + 1]
    return ""
