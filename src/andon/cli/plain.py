"""Text that is safe and plain: what agents wrote must not fool a terminal."""

from __future__ import annotations


def clean(text: str) -> str:
    """Control characters (but new lines and tabs), escape sequences and direction overrides made visible."""
    if text.isascii() and text.isprintable():
        return text
    # Each character is judged once, however often it stands there.
    unsafe = {ord(char): _visible(char) for char in set(text) if not _safe(char)}
    return text.translate(unsafe) if unsafe else text


def _safe(char: str) -> bool:
    if char in "\n\t":
        return True
    code = ord(char)
    if code < 0x20 or 0x7F <= code < 0xA0:
        return False
    return not any(first <= code <= last for first, last in HIDDEN)


HIDDEN = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x180E, 0x180E), (0x200B, 0x200F),
    (0x2028, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xD800, 0xDFFF), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0),
    (0xFFF9, 0xFFFB), (0xE0000, 0xE007F),
)  # fmt: skip
"""Code points that reorder, hide or join what stands around them, end a line, or are no characters at all."""


def _visible(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def json_text(text: str) -> str:
    """JSON in which no string holds a character that could fool a terminal: each as the escape for it.

    (What JSON forbids raw, below space, is escaped already; an encoder leaves the rest as it is.)
    """
    if text.isascii() and "\x7f" not in text:
        return text
    unsafe = {ord(char): _json_escape(ord(char)) for char in set(text) if not _safe(char)}
    return text.translate(unsafe) if unsafe else text


def _json_escape(code: int) -> str:
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def one_line(text: str, width: int = 0) -> str:
    """The first line, cleaned and cut."""
    line = clean(text).replace("\t", " ").partition("\n")[0]
    return line if not width or len(line) <= width else line[: width - 1] + "…"


def file_name(path: str) -> str:
    """A path in the middle of a line: new lines and tabs, which names of files may hold, are made visible, too."""
    return clean(path).replace("\n", "\\n").replace("\t", "\\t")


MIN_CELL_CHARS = 12
"""No column is made narrower than this to fit; a line that is still too long is cut at its end."""
GAP = "  "


def columns(rows: list[list[str]], header: list[str] | None = None, width: int = 0) -> str:
    """Aligned plain text. width: no line is longer; the widest columns give way first. 0: any width."""
    everything = ([header] if header else []) + rows
    if not everything:
        return ""
    widths = [max(len(row[index]) for row in everything) for index in range(len(everything[0]))]
    if width:
        widths = _fitted(widths, width - len(GAP) * (len(widths) - 1))
    lines = []
    for row in everything:
        cells = [one_line(cell, space).ljust(space) for cell, space in zip(row, widths, strict=True)]
        line = GAP.join(cells).rstrip()
        lines.append(one_line(line, width) if width else line)
    return "\n".join(lines)


def _fitted(widths: list[int], space: int) -> list[int]:
    """The widths, where needed with one upper bound for all, so that they fit into the space."""
    narrow = 0
    left = space
    ordered = sorted(widths)
    # What is narrower than an equal share of the rest keeps its width, and leaves more to the others.
    while narrow < len(ordered) and ordered[narrow] * (len(ordered) - narrow) <= left:
        left -= ordered[narrow]
        narrow += 1
    if narrow == len(ordered):
        return widths
    most = max(MIN_CELL_CHARS, left // (len(ordered) - narrow))
    return [min(wide, most) for wide in widths]
