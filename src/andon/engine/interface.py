"""The seam between the command line and the engine: one call, with plain JSON on both sides.

`Coordinator.call(verb, arguments) -> Reply` has a local implementation (`engine.coordinator`) and, later, one over HTTP;
so arguments and bodies hold nothing but JSON values, and the caller's circumstances travel in a `CallContext`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Struct


class CallContext(Struct, frozen=True, kw_only=True):
    """Who calls, and from where.

    cwd: absolute directory. agent: name for leases. person: a person at a terminal rather than an agent.
    aliases: the person's other names (login, e-mail). run: ANDON_RUN or --run. client, model: what the agent is made of, as
    far as its session or its worker tells.
    """

    cwd: str
    agent: str | None = None
    person: bool = False
    aliases: tuple[str, ...] = ()
    run: str | None = None
    client: str = ""
    model: str = ""


class Reply(Struct, frozen=True, kw_only=True):
    """exit: of the contract, section 2. body: exactly what --json prints. notes: lines for standard error."""

    exit: int
    body: dict[str, Any]
    notes: tuple[str, ...] = ()


class Coordinator(Protocol):
    """Raises AndonError (operational) and InvariantViolation (a bug)."""

    def call(self, verb: str, arguments: dict[str, Any], progress: Callable[[str], None] | None = None) -> Reply: ...
