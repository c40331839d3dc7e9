"""The clients that Andon can set up: the modules of `clients`, each loaded when it is asked for."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable

from andon.agents.setup import clients
from andon.agents.setup.records import ClientSetup
from andon.core.errors import UsageError


def names() -> list[str]:
    """All clients, by the names of the command line."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(clients.__path__))


def load(name: str) -> ClientSetup:
    """One client's set-up. Raises UsageError for a name that is not known."""
    known = names()
    if name not in known:
        text = f"there is no client {name!r}; known are {', '.join(known)}"
        raise UsageError(text, kind="unknown_client", next="andon init --client NAME")
    setup: ClientSetup = importlib.import_module(f"{clients.__name__}.{name.replace('-', '_')}").CLIENT
    return setup


def load_all(wanted: Iterable[str]) -> list[ClientSetup]:
    """The clients of these names, each once."""
    return [load(name) for name in dict.fromkeys(wanted)]
