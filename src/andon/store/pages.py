"""Rows read from a database's pages without SQLite, for salvage: nothing is asked of the tree that leads to a page.

Only what the file format fixes (https://www.sqlite.org/fileformat2.html): leaf pages of tables, their cells and records,
overflow chains, and the frames of the write-ahead log that a commit covers. Pages that were given back may still show old
rows; the caller knows which ones it takes.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

PAGE_BYTES = 4096
LEAF = 13
MAX_RECORD_BYTES = 64 * 1024**2
WAL_HEADER, FRAME_HEADER = 32, 24
Value = int | float | str | bytes | None
_BAD = (IndexError, ValueError, struct.error, OverflowError)


class Pages:
    """The pages of a database file, with those of its write-ahead log laid over them."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "rb")
        self.count = os.path.getsize(path) // PAGE_BYTES
        self._wal = open(path + "-wal", "rb") if os.path.exists(path + "-wal") else None
        self._frames = self._committed() if self._wal is not None else {}
        self.count = max(self.count, *self._frames.keys(), 0)

    def close(self) -> None:
        self._file.close()
        if self._wal is not None:
            self._wal.close()

    def _committed(self) -> dict[int, int]:
        """page -> offset of its newest frame that a commit covers."""
        if self._wal is None:
            return {}
        header = self._wal.read(WAL_HEADER)
        if len(header) < WAL_HEADER or struct.unpack(">I", header[8:12])[0] != PAGE_BYTES:
            return {}
        salts, frames, pending = header[16:24], dict[int, int](), dict[int, int]()
        offset = WAL_HEADER
        while True:
            self._wal.seek(offset)
            frame = self._wal.read(FRAME_HEADER + PAGE_BYTES)
            if len(frame) < FRAME_HEADER + PAGE_BYTES or frame[8:16] != salts:
                return frames
            number, size = struct.unpack(">II", frame[:8])
            pending[number] = offset + FRAME_HEADER
            if size:
                frames.update(pending)
                pending.clear()
            offset += FRAME_HEADER + PAGE_BYTES

    def page(self, number: int) -> bytes:
        offset = self._frames.get(number)
        if offset is not None and self._wal is not None:
            self._wal.seek(offset)
            return self._wal.read(PAGE_BYTES)
        self._file.seek((number - 1) * PAGE_BYTES)
        return self._file.read(PAGE_BYTES)

    def records(self) -> Iterator[tuple[int, list[Value]]]:
        """(rowid, values) of every readable cell of every leaf page of a table."""
        for number in range(2, self.count + 1):
            page = self.page(number)
            if len(page) < PAGE_BYTES or page[0] != LEAF:
                continue
            (cells,) = struct.unpack(">H", page[3:5])
            for index in range(min(cells, PAGE_BYTES // 4)):
                try:
                    (start,) = struct.unpack(">H", page[8 + 2 * index : 10 + 2 * index])
                    yield self._cell(page, start)
                except _BAD:
                    continue

    def _cell(self, page: bytes, start: int) -> tuple[int, list[Value]]:
        size, at = _varint(page, start)
        rowid, at = _varint(page, at)
        if size > MAX_RECORD_BYTES:
            raise ValueError("no record is so long")
        most = PAGE_BYTES - 35
        if size <= most:
            payload = page[at : at + size]
        else:
            least = (PAGE_BYTES - 12) * 32 // 255 - 23
            local = least + (size - least) % (PAGE_BYTES - 4)
            local = local if local <= most else least
            (following,) = struct.unpack(">I", page[at + local : at + local + 4])
            payload = page[at : at + local] + self._overflow(following, size - local)
        if len(payload) != size:
            raise ValueError("the record is cut off")
        return rowid, _values(payload)

    def _overflow(self, number: int, size: int) -> bytes:
        parts = []
        while size > 0:
            page = self.page(number)
            if not 1 < number <= self.count or len(page) < PAGE_BYTES:
                raise ValueError("the chain is broken")
            (number,) = struct.unpack(">I", page[:4])
            parts.append(page[4 : 4 + min(size, PAGE_BYTES - 4)])
            size -= len(parts[-1])
        return b"".join(parts)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length number, and where the next one begins."""
    value = 0
    for index in range(8):
        byte = data[at + index]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + index + 1
    return value << 8 | data[at + 8], at + 9


def _values(payload: bytes) -> list[Value]:
    end, at = _varint(payload, 0)
    kinds = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    found: list[Value] = []
    for kind in kinds:
        value, at = _value(payload, kind, at)
        found.append(value)
    return found


def _value(payload: bytes, kind: int, at: int) -> tuple[Value, int]:
    if kind == 0:
        return None, at
    if kind in (8, 9):
        return kind - 8, at
    size = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8}.get(kind, (kind - 12) // 2)
    raw = payload[at : at + size]
    if len(raw) != size or kind in (10, 11):
        raise ValueError("the record is cut off")
    if kind == 7:
        return struct.unpack(">d", raw)[0], at + size
    if kind < 7:
        return int.from_bytes(raw, "big", signed=True), at + size
    return (raw.decode() if kind % 2 else raw), at + size
