"""JSON without the json module, whose import costs as much as the rest of a hook's call: CPython's own C scanner.

For dialects too: `read` gives {} for whatever is no JSON object, `text` and `fields` take what a client should have put into
it, `write` prints one object on one line. Where the scanner is not there, the json module does the same.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SPACE = " \t\n\r"


class _Context:
    """What the C scanner asks of a decoder."""

    strict = False
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = {"NaN": None, "Infinity": None, "-Infinity": None}.__getitem__


def read(data: bytes) -> dict[str, Any]:
    """The JSON object that the bytes hold; {} when they hold none. Never raises."""
    found = read_object(data)
    return {} if found is None else found


def read_object(data: bytes) -> dict[str, Any] | None:
    """As `read`, with None for bytes that hold no object, so that a caller can tell them from an empty one."""
    try:
        decoded = data.decode("utf-8-sig", "replace").strip(_SPACE)
        if not decoded.startswith("{"):
            return None
        value, end = _scan(decoded)
    except Exception:
        # Not only what a scanner should raise: where json.decoder was never imported, CPython's raises SystemError.
        return None
    return value if end == len(decoded) and isinstance(value, dict) else None


def _scan(text: str) -> tuple[Any, int]:
    try:
        from _json import make_scanner
    except ImportError:
        import json

        return json.loads(text), len(text)
    found: tuple[Any, int] = make_scanner(_Context)(text, 0)  # type: ignore[arg-type]
    return found


def text(values: dict[str, Any], key: str) -> str:
    """What should be a string there; "" for all else."""
    value = values.get(key)
    return value if isinstance(value, str) else ""


def fields(values: dict[str, Any], key: str) -> dict[str, Any]:
    """What should be an object there; {} for all else."""
    value = values.get(key)
    return value if isinstance(value, dict) else {}


def write(value: object) -> str:
    """ASCII alone, on one line."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_string(str(key))}: {write(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(write(item) for item in value) + "]"
    return _string(str(value))


def _string(text: str) -> str:
    try:
        from _json import encode_basestring_ascii
    except ImportError:
        from json.encoder import encode_basestring_ascii
    return str(encode_basestring_ascii(text))
