"""How wide text is, and how it is made to fit, without any font at hand.

Rules: widths are estimates for the sans-serif and monospaced fonts that systems use by default, a little on the wide
side, so that what is measured here fits everywhere. Pixels. Must not know: workflows, SVG.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

ELLIPSIS = "…"
_NARROW = frozenset("iljtfrI.,:;'|!()[]{}/\\ `-")
_WIDE = frozenset("mwMW@%&—…")
_MONO_EM = 0.615
_BOLD = 1.1
_FIRST_FULL_WIDTH = 0x2E80
"""From here on (CJK, and the emoji beyond) a character fills a whole em."""


def printable(text: str) -> str:
    """One line of text that may stand in XML: white space folded, control and unpaired characters replaced."""
    folded = " ".join(text.split())
    return "".join(character if _allowed(ord(character)) else "\ufffd" for character in folded)


def _allowed(code: int) -> bool:
    return (0x20 <= code <= 0xD7FF and not 0x7F <= code <= 0x9F) or 0xE000 <= code <= 0xFFFD or code >= 0x10000


def width(text: str, size: float, *, bold: bool = False, mono: bool = False) -> float:
    """Estimated width of one line of text in pixels; size: font size in pixels."""
    if mono:
        return sum(1.0 if ord(c) >= _FIRST_FULL_WIDTH else _MONO_EM for c in text) * size
    return sum(_em(character) for character in text) * size * (_BOLD if bold else 1.0)


def _em(character: str) -> float:
    if character in _NARROW:
        return 0.36
    if character in _WIDE:
        return 0.92
    if ord(character) >= _FIRST_FULL_WIDTH:
        return 1.0
    if character.isupper():
        return 0.7
    return 0.57


def fit(text: str, size: float, limit: float, *, bold: bool = False, mono: bool = False) -> str:
    """The text, or as much of its beginning as fits into `limit` pixels, with an ellipsis."""
    if width(text, size, bold=bold, mono=mono) <= limit:
        return text
    kept = text
    while kept and width(kept.rstrip() + ELLIPSIS, size, bold=bold, mono=mono) > limit:
        kept = kept[:-1]
    return kept.rstrip() + ELLIPSIS


def wrap(text: str, size: float, limit: float, lines: int, *, bold: bool = False) -> list[str]:
    """The text on at most `lines` lines of `limit` pixels; the last one ends in an ellipsis when it is too long.

    Breaks at spaces and after `_`, `-`, `/` and `.`, so that identifiers wrap too.
    """
    done: list[str] = []
    current = ""
    pieces = _pieces(text)
    for index, piece in enumerate(pieces):
        if not current or width((current + piece).rstrip(), size, bold=bold) <= limit:
            current += piece
            continue
        if len(done) == lines - 1:
            current += "".join(pieces[index:])
            break
        done.append(current.rstrip())
        current = piece
    done.append(current.rstrip())
    return [fit(line, size, limit, bold=bold) for line in done]


def _pieces(text: str) -> Sequence[str]:
    pieces: list[str] = []
    current = ""
    for character in text:
        current += character
        if character in " _-/.":
            pieces.append(current)
            current = ""
    return [*pieces, current] if current else pieces
