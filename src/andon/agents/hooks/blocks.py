"""How often a stop may be refused: Andon's own count, since some clients heed a few blocks and others go on for ever.

Three bounds, each ending in a cord for the person, never in success: `bound` times in a row while the same gates stay closed;
as often as the client heeds it (`client_heeds`; 0: always); and TOTAL_FACTOR times the bound for the whole attempt, whatever
changes. Pure.
"""

from __future__ import annotations

DEFAULT_BOUND = 5
MAX_BOUND = 100
TOTAL_FACTOR = 4


class Blocks:
    """The count of one attempt. same: in a row with the same gates closed. row: in a row at all, in one session."""

    __slots__ = ("closed", "row", "same", "session", "total")

    def __init__(self, text: str = "") -> None:
        values = dict(line.partition("=")[::2] for line in text.split("\n"))
        self.session = values.get("session", "")
        self.closed = values.get("closed", "")
        self.same = _number(values.get("same"))
        self.row = _number(values.get("row"))
        self.total = _number(values.get("total"))

    def text(self) -> str:
        return f"session={self.session}\nclosed={self.closed}\nsame={self.same}\nrow={self.row}\ntotal={self.total}\n"

    def block(self, session: str, closed: str, bound: int, client_heeds: int, *, again: bool = True) -> bool:
        """Count one more stop with these gates closed. True: keep the agent working; False: the bound is reached.

        again: a person who is called may give the agent another row. Where nobody can be called, the end stays the end.
        """
        if session != self.session:
            self.session, self.same, self.row = session, 0, 0
        if closed != self.closed:
            self.closed, self.same = closed, 0
        allowed = (
            self.same < bound and self.total < bound * TOTAL_FACTOR and (client_heeds <= 0 or self.row < client_heeds)
        )
        if allowed:
            self.same += 1
            self.row += 1
            self.total += 1
        elif again:
            # A person is called now; what they say may give the agent another row.
            self.same = self.row = 0
        return allowed

    def prompted(self) -> None:
        """A prompt came in: the client counts anew."""
        self.row = 0


def bound_of(value: str | None) -> int:
    """ANDON_HOOK_BLOCKS: a number from 0 (never keep an agent working) to MAX_BOUND; anything else is the default."""
    if value is None or not value.strip().isdecimal():
        return DEFAULT_BOUND
    return min(int(value.strip()[:6]), MAX_BOUND)


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else 0
