"""One module for each client; each has `DRIVER: Driver`. `command` takes any program; `acp` any that speaks ACP."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Protocol, cast

from andon.agents.launch.records import Driver
from andon.core.errors import UsageError

DRIVERS = {
    "claude": "claude",
    "codex": "codex",
    "copilot": "copilot",
    "gemini": "gemini",
    "goose": "goose",
    "mini-swe-agent": "mini_swe_agent",
    "opencode": "opencode",
    "openhands": "openhands",
    "qwen": "qwen",
    "vibe": "vibe",
}
"""Name on the command line -> module beside this one."""


class _Module(Protocol):
    DRIVER: Driver


def names() -> list[str]:
    """The clients whose modules are there, by the names of the command line."""
    return sorted(name for name, module in DRIVERS.items() if importlib.util.find_spec(f"{__name__}.{module}"))


def find_driver(name: str) -> Driver:
    """The driver of a client. Raises UsageError for an unknown one."""
    module = DRIVERS.get(name)
    try:
        if module is not None:
            found = cast(_Module, importlib.import_module(f"andon.agents.launch.drivers.{module}"))
            return found.DRIVER
    except ModuleNotFoundError as error:
        if error.name != f"andon.agents.launch.drivers.{module}":
            raise
    known = ", ".join(names())
    raise UsageError(
        f"there is no driver for {name}; there are: {known}, command and acp:NAME",
        kind="unknown_client",
        next="andon work --agent command -- PROGRAM … runs any program",
    )
