"""Modules that are imported when something of them is first asked for.

A command is one short process, and what most commands don't need costs each of them time at the start. Where a module is
for some commands only, write

    if TYPE_CHECKING:
        from andon.engine import people
    else:
        people = later("andon.engine.people")

so that readers, type checkers and the layers' check see an ordinary import; a test sees to it that the two name the same
module. Nothing is kept: whatever stands in the module when it is asked is what it gives.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Later:
    """Gives what its module has."""

    __slots__ = ("_module",)

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_module":
            # Asked by who copies it or looks what it is, and not for what the module has.
            raise AttributeError(name)
        return getattr(import_module(self._module), name)


def later(module: str) -> Any:
    """A module that is imported at its first use."""
    return Later(module)
