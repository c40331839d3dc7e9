"""Named SQL blocks and numbered migrations, read from the `.sql` files of this package; the database's address.

A block begins with `-- name: NAME`; comment lines are for people and are left out. Must stay light: the hot path reads
its statements by way of this module, so it imports nothing but `os`.
"""

from __future__ import annotations

import os

SCHEMA_VERSION = 6
"""The newest migration; stands in the database as `user_version`."""
APPLICATION_ID = 0x416E646F
""""Ando": stands in the database's header, so that other databases are told apart."""

_HERE = os.path.dirname(__file__)


class Statements(dict[str, str]):
    """block name -> statement. Comments are taken out of a block when it is first asked for: a command needs few of them."""

    def __init__(self, blocks: list[str]) -> None:
        super().__init__()
        parts = [block.partition("\n") for block in blocks]
        self._blocks = {title.strip(): text for title, _, text in parts}

    def __missing__(self, name: str) -> str:
        lines = [line for line in self._blocks[name].splitlines() if not line.lstrip().startswith("--")]
        self[name] = "\n".join(lines).strip()
        return self[name]

    @property
    def names(self) -> list[str]:
        return list(self._blocks)


def statements(name: str) -> Statements:
    """The statements of the file sql/<name>.sql."""
    with open(os.path.join(_HERE, "sql", name + ".sql"), encoding="utf-8") as file:
        return Statements(file.read().split("-- name: ")[1:])


def migrations(after: int) -> list[tuple[int, str]]:
    """(version, script) of each migration newer than `after`, in order."""
    directory = os.path.join(_HERE, "schema")
    found = []
    for name in sorted(os.listdir(directory)):
        version = int(name[:4]) if name.endswith(".sql") else 0
        if version > after:
            with open(os.path.join(directory, name), encoding="utf-8") as file:
                found.append((version, file.read()))
    return found


def uri_of(path: str) -> str:
    """A URI that opens an existing file for reading and writing, and never makes one."""
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return f"file:{quoted}?mode=rw"
