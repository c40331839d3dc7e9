"""The caller's circumstances, and arguments that come from files or standard input."""

from __future__ import annotations

import os
import sys
from typing import Any

from andon.cli.identity import aliases, client_name, who
from andon.core.errors import UsageError
from andon.engine.interface import CallContext

MAX_INPUT_BYTES = 1_000_000


def context(arguments: dict[str, Any], *, person_needed: bool) -> CallContext:
    """Who calls and from where. person_needed: a person's act is never done under an agent's name."""
    explicit = arguments.pop("agent", None)
    name, person = who(explicit)
    run = arguments.pop("run_id", None) or os.environ.get("ANDON_RUN")
    try:
        cwd = os.getcwd()
    except FileNotFoundError:
        raise UsageError(
            "the working directory is gone", kind="no_directory", next="cd to the repository, then try again"
        ) from None
    model = arguments.pop("model", None) or os.environ.get("ANDON_MODEL") or ""
    return CallContext(
        cwd=cwd,
        agent=name,
        person=person,
        aliases=aliases() if person else (),
        run=run,
        client="" if person else client_name(),
        model=model,
    )


def prepare(verb: str, arguments: dict[str, Any]) -> None:
    """Read what stands elsewhere: `--body -` and `--body @FILE`."""
    body = arguments.get("body")
    if not isinstance(body, str) or verb not in ("task_add", "task_edit", "say", "ask", "answer"):
        return
    if body == "-":
        arguments["body"] = sys.stdin.read(MAX_INPUT_BYTES)
    elif body.startswith("@") and verb.startswith("task_"):
        try:
            with open(body[1:], encoding="utf-8", errors="replace") as file:
                arguments["body"] = file.read(MAX_INPUT_BYTES)
        except OSError as error:
            raise UsageError(f"{body[1:]} can't be read: {error.strerror}", next="--body @FILE") from None
