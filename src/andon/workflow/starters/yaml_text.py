"""Pieces of YAML text that people read: the plainest form that says exactly this."""

from __future__ import annotations

import re
import textwrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 118
_SAFE = re.compile(r"[A-Za-z0-9_./$+^-][A-Za-z0-9_./$+@^ =<>~;-]*$")
_SPECIAL = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "none", "~", "-", "."})


def word(text: str) -> str:
    """A scalar for a list or a short value: plain where YAML takes it for the same text, else in quotes."""
    number = re.match(r"[-+.]?[0-9]", text)
    plain = _SAFE.match(text) and text.lower() not in _SPECIAL and not number
    if plain and not text.startswith("- ") and ": " not in text and " #" not in text and text == text.strip():
        return text
    return _in_quotes(text)


def _in_quotes(text: str) -> str:
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(character if character.isprintable() else _escape(character) for character in escaped) + '"'


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def scalar(key: str, text: str, indent: int) -> list[str]:
    """A key with a text. One that needs both kinds of quotes becomes a block, in which nothing is escaped."""
    margin = " " * indent
    if '"' in text and "'" in text and text.isprintable():
        return [f"{margin}{key}: |-", f"{margin}  {text}"]
    if key == "require":
        return [f"{margin}{key}: {_in_quotes(text)}"]
    return [f"{margin}{key}: {word(text)}"]


def flow_list(words: Sequence[str]) -> str:
    """A list on one line."""
    return f"[{', '.join(word(item) for item in words)}]"


def option(key: str, words: Sequence[str], indent: int) -> list[str]:
    """A key with a list: on one line if it fits, else an item a line."""
    margin = " " * indent
    line = f"{margin}{key}: {flow_list(words)}"
    if len(line) <= WIDTH and all("'" not in item or '"' not in item for item in words):
        return [line]
    lines = [f"{margin}{key}:"]
    for item in words:
        both = '"' in item and "'" in item and item.isprintable()
        lines += [f"{margin}  - |-", f"{margin}    {item}"] if both else [f"{margin}  - {word(item)}"]
    return lines


def comment(text: str, indent: int) -> str:
    """A comment, wrapped."""
    printable = "".join(character if character.isprintable() else " " for character in " ".join(text.split()))
    prefix = " " * indent + "# "
    return textwrap.fill(printable, WIDTH, initial_indent=prefix, subsequent_indent=prefix, break_long_words=False)
