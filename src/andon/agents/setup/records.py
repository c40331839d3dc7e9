"""How a client's set-up is described: the files to merge into, and what to tell the person.

Data alone, no input or output. `apply` carries it out. Paths are relative to the repository's root; configuration is
written in the repository, never in the person's home (a client that reads none there says so in `limits`).
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class JsonItems(Struct, frozen=True, kw_only=True, tag=True):
    """Add items to the list at a place of a JSON (or JSONC) file: `at` is the path of keys; missing ones are made.

    items: the values to append unless an equal one is there. An item of ours is known by holding `andon hook` in some
    string, so that a renewed one takes the place of an older one.
    """

    path: str
    at: tuple[str, ...]
    items: tuple[Any, ...]


class JsonValue(Struct, frozen=True, kw_only=True, tag=True):
    """Set one value of a JSON file where nothing is set; what is set otherwise stays and is reported."""

    path: str
    at: tuple[str, ...]
    value: Any


class TomlBlock(Struct, frozen=True, kw_only=True, tag=True):
    """A block of TOML text between marker comments, appended to the file; the rest of the file stays byte for byte."""

    path: str
    text: str


class WholeFile(Struct, frozen=True, kw_only=True, tag=True):
    """A file that is Andon's alone (a plugin, a skill). A foreign file of that name stays and is reported."""

    path: str
    text: str
    executable: bool = False


class Section(Struct, frozen=True, kw_only=True, tag=True):
    """A section of a Markdown file between marker comments."""

    path: str
    text: str


Edit = JsonItems | JsonValue | TomlBlock | WholeFile | Section


class OffSwitch(Struct, frozen=True, kw_only=True):
    """A setting of the client's by which its hooks don't run: it has this value, or is a list that holds it.

    paths: files that may set it, in the repository or, after `~/`, in the person's home, where they are only read.
    """

    paths: tuple[str, ...]
    at: tuple[str, ...]
    value: Any


class ClientSetup(Struct, frozen=True, kw_only=True):
    """One client.

    program: its command. install: the line that installs it. edits: what init writes. trust: what the person must do so
    that hooks run at all ("" when nothing). enforced, limits: sentences for doctor and the documentation: what is held
    there and what is not. proven: "real program" or "documentation". switches: what would keep its hooks from running.
    """

    name: str
    title: str
    program: str
    install: str
    edits: tuple[Edit, ...]
    trust: str = ""
    enforced: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    proven: str = "documentation"
    switches: tuple[OffSwitch, ...] = ()
