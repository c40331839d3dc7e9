"""Importing msgspec without what no command of Andon asks of it: more than a third of what the library costs at the start.

Rules: what stands in for a part of msgspec gives way to the real one as soon as a name that it does not know is asked of it,
or for all of its names. Some is missing for as long as the process lives, and Andon has no use for it (a test sees to that):
msgspec takes no decimal number and no UUID for what it is, and sqlite3.dbapi2 knows `datetime` by its half that is written in
C. Must not know what the records are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

LATER = ("msgspec.inspect", "msgspec._json_schema", "msgspec.toml", "msgspec.yaml")
"""Parts that msgspec's own package imports, for uses that Andon has none of."""


class Later(type(sys)):  # type: ignore[misc]
    """Stands in for a module that nobody has asked anything of yet."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":
            raise AttributeError(name)
        return getattr(real(self.__name__), name)

    def __dir__(self) -> list[str]:
        return dir(real(self.__name__))


def real(name: str) -> Any:
    """The module itself, in the place of what stood in for it."""
    if isinstance(sys.modules.get(name), Later):
        del sys.modules[name]
    return import_module(name)


def import_msgspec() -> None:
    """Import msgspec without typing_extensions, which it would take where it is installed, and without the parts above.

    typing_extensions costs more than msgspec itself, and msgspec needs it on no Python that Andon runs on. Of decimal numbers
    and UUIDs, and of the modules that these import, msgspec wants the types alone. SQLite's module, which every command needs
    as well, and msgspec want the types of `datetime`, which are written in C; up to Python 3.11 its other half, in Python, is
    read and thrown away.
    """
    if "msgspec" in sys.modules:
        return
    for_now = {name: module for name, module in _for_now().items() if name not in sys.modules}
    parts = {name: Later(name) for name in LATER}
    parts["msgspec._json_schema"].schema = _forward("schema")
    parts["msgspec._json_schema"].schema_components = _forward("schema_components")
    sys.modules.update(for_now)
    sys.modules.update(parts)
    try:
        import sqlite3  # noqa: F401

        import msgspec
    finally:
        for name, module in for_now.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
    for name, part in parts.items():
        _place(name, part, msgspec.__path__)


def _place(name: str, part: Later, path: list[str]) -> None:
    """Where the module is that the part stands in for, so that whoever looks for it without importing it finds that."""
    found = (finder.find_spec(name, path) for finder in sys.meta_path if hasattr(finder, "find_spec"))
    part.__spec__ = next((spec for spec in found if spec is not None), None)
    if part.__spec__ is not None:
        part.__file__, part.__loader__ = part.__spec__.origin, part.__spec__.loader


def _for_now() -> dict[str, Any]:
    """What is in the place of modules while msgspec is imported, and of none afterwards."""
    decimal, uuid = Later("decimal"), Later("uuid")
    decimal.Decimal, uuid.UUID, uuid.SafeUUID = NoSuchType, NoSuchType, NoSuchType
    found: dict[str, Any] = {"typing_extensions": None, "decimal": decimal, "uuid": uuid}
    try:
        found["datetime"] = import_module("_datetime")
    except ImportError:
        # Another Python than CPython: what there is will do.
        pass
    return found


class NoSuchType:
    """What msgspec takes for decimal numbers and UUIDs: no record has one, and a test sees to that."""

    unknown = None


def _forward(name: str) -> Callable[..., Any]:
    """A function that another module takes by its name; the real one is looked for when it is called."""

    def call(*args: Any, **named: Any) -> Any:
        return getattr(real("msgspec._json_schema"), name)(*args, **named)

    return call
