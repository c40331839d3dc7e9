"""The clients that Andon can set up, by name; a client's module is loaded when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence

from andon.agents.setup.records import ClientSetup
from andon.core.errors import UsageError

CLIENTS = {
    "claude": "claude",
    "codex": "codex",
    "gemini": "gemini",
    "qwen": "qwen",
    "copilot": "copilot",
    "cursor": "cursor",
    "opencode": "opencode",
    "openhands": "openhands",
    "vibe": "vibe",
    "goose": "goose",
    "aider": "aider",
}
"""Name on the command line -> module of `clients`."""


def load(name: str) -> ClientSetup:
    """One client's set-up. Raises UsageError for a name that is not known."""
    if name not in CLIENTS:
        known = ", ".join(CLIENTS)
        text = f"there is no client {name!r}; known are {known}"
        raise UsageError(text, kind="unknown_client", next="andon init --client NAME")
    module = importlib.import_module(f"andon.agents.setup.clients.{CLIENTS[name]}")
    setup: ClientSetup = module.CLIENT
    return setup


def load_all(names: Iterable[str] = CLIENTS) -> Sequence[ClientSetup]:
    """The clients of these names, each once."""
    return [load(name) for name in dict.fromkeys(names)]
