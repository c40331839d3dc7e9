"""Text that is safe and plain: what agents wrote must not fool a terminal."""

from __future__ import annotations


def clean(text: str) -> str:
    """Control characters (but new lines and tabs), escape sequences and direction overrides made visible."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if _safe(char) else _visible(char) for char in text)


def _safe(char: str) -> bool:
    if char in "\n\t":
        return True
    code = ord(char)
    if code < 0x20 or 0x7F <= code < 0xA0:
        return False
    return not (0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069 or 0xD800 <= code <= 0xDFFF)


def _visible(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}"


def one_line(text: str, width: int = 0) -> str:
    """The first line, cleaned and cut."""
    line = clean(text).replace("\t", " ").partition("\n")[0]
    return line if not width or len(line) <= width else line[: width - 1] + "…"


def columns(rows: list[list[str]], header: list[str] | None = None) -> str:
    """Aligned plain text."""
    everything = ([header] if header else []) + rows
    if not everything:
        return ""
    widths = [max(len(row[index]) for row in everything) for index in range(len(everything[0]))]
    lines = []
    for row in everything:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
