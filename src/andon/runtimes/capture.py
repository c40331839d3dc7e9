"""Output of a job, bounded while it streams: the head and the tail are kept, the rest is counted.

A job may print for ever; memory stays at the limit. Must not know who prints.
"""

from __future__ import annotations

HEAD_SHARE = 0.3
"""Share of the limit kept from the beginning; failures are mostly told at the end, so the tail gets the rest."""

_NOTE_BYTES = 64


class BoundedOutput:
    """At most `limit` bytes of everything added. total: all bytes seen."""

    __slots__ = ("_head", "_head_limit", "_limit", "_tail", "total")

    def __init__(self, limit: int) -> None:
        self._limit = max(limit, 4 * _NOTE_BYTES)
        self._head_limit = int(self._limit * HEAD_SHARE)
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def add(self, chunk: bytes) -> None:
        self.total += len(chunk)
        room = self._head_limit - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        if chunk:
            self._tail += chunk
            # Trim seldom, so that a byte is moved about once however small the chunks are.
            keep = self._limit - self._head_limit
            if len(self._tail) > 2 * keep:
                del self._tail[: len(self._tail) - keep]

    @property
    def dropped(self) -> int:
        """How many bytes `content` leaves out."""
        if self.total <= self._limit:
            return 0
        return self.total - self._head_limit - self._tail_room()

    def content(self) -> bytes:
        """What was kept, with one line in place of what was left out."""
        if self.total <= self._limit:
            return bytes(self._head + self._tail)
        note = f"\n[... {self.dropped} bytes left out ...]\n".encode()
        return bytes(self._head) + note + bytes(self._tail[-self._tail_room() :])

    def _tail_room(self) -> int:
        return self._limit - self._head_limit - _NOTE_BYTES
