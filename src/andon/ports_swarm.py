"""The interface through which a parent has children worked on beside it."""

# A protocol's methods say by `...` that they have no body.
# ruff: noqa: PIE790

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol
else:
    # What a port is matters to type checkers alone, and every command pays for such a class.
    Protocol = object


class Beside(Protocol):
    """Processes on this machine that work on children."""

    def check(self, client: str, extra: tuple[str, ...]) -> None:
        """Raises AndonError kind "no_client" when that client can't be started here."""
        ...

    def start(self, task: str, client: str, extra: tuple[str, ...]) -> dict[str, str | int]:
        """Start a process that works on a task and outlives the caller: {"pid", "log"}."""
        ...

    def end(self, task: str) -> None:
        """End the process that was started for a task, if it is still that one; harmless otherwise."""
        ...
