"""The identity of a change: its content and place, without its base.

For each changed path (in byte order, without rename detection): modes, and for text the zero-context hunks, each with one
line of context on either side and its *ordinal*: how many equal preimage blocks stand before it in the file. A clean
three-way merge keeps all of these unless the other side adds an equal-looking block above (then the digest changes,
which is the safe direction). Any edit changes the digest. Binary files count by their blob ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

Record = tuple[str, str, str, str, str, bytes]
"""(old mode, new mode, old id, new id, status, path)"""
Hunk = tuple[int, int, int, int]
"""(old start, old count, new start, new count), 1-based as git prints them"""
GITLINK = "160000"
BEGIN, END = b"\0begin", b"\0end"


def parse_raw(output: bytes) -> list[Record]:
    """`git diff-tree -r -z --raw --no-renames` as records."""
    fields = output.split(b"\0")
    records: list[Record] = []
    for meta, path in zip(fields[0::2], fields[1::2], strict=False):
        old_mode, new_mode, old, new, status = meta.decode().lstrip(":").split(" ")
        records.append((old_mode, new_mode, old, new, status[0], path))
    return records


def digest(
    records: Sequence[Record], read: Callable[[Sequence[str]], dict[str, bytes]], hunks: dict[bytes, list[Hunk]]
) -> str:
    """ "patch:<sha256>". read: blob ids -> contents. hunks: of modified text files by path."""
    wanted = {record[2] for record in records if _is_text_change(record, hunks)}
    wanted |= {record[3] for record in records if _is_text_change(record, hunks)}
    blobs = read(sorted(wanted))
    hasher = hashlib.sha256(b"andon-patch/1\n")
    for record in sorted(records, key=lambda record: record[5]):
        for part in _parts(record, blobs, hunks):
            hasher.update(b"%d:" % len(part))
            hasher.update(part)
    return "patch:" + hasher.hexdigest()


def _is_text_change(record: Record, hunks: dict[bytes, list[Hunk]]) -> bool:
    return record[4] in "MT" and record[5] in hunks


def _parts(record: Record, blobs: dict[str, bytes], hunks: dict[bytes, list[Hunk]]) -> Iterable[bytes]:
    old_mode, new_mode, old, new, status, path = record
    yield b"path"
    yield path
    yield f"{old_mode} {new_mode} {status}".encode()
    if not _is_text_change(record, hunks):
        # Whole files (added, deleted), binary files, links and submodules: the objects are the content.
        yield f"{old} {new}".encode()
        return
    before = blobs[old].split(b"\n")
    after = blobs[new].split(b"\n")
    blocks = _Ordinals(before)
    for old_start, old_count, new_start, new_count in hunks[path]:
        first = old_start - 1 if old_count else old_start
        removed = before[first : first + old_count]
        added_at = new_start - 1 if new_count else new_start
        above = before[first - 1] if first > 0 else BEGIN
        below = before[first + old_count] if first + old_count < len(before) else END
        block = (above, *removed, below)
        yield b"hunk"
        yield b"%d" % blocks.ordinal(block, first - 1)
        yield from (b" " + above, b" " + below)
        yield from (b"-" + line for line in removed)
        yield from (b"+" + line for line in after[added_at : added_at + new_count])


class _Ordinals:
    """Counts equal blocks of lines before a position."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self._lines = [BEGIN, *lines, END]
        self._places: dict[bytes, list[int]] = {}
        for place, line in enumerate(self._lines):
            self._places.setdefault(line, []).append(place)

    def ordinal(self, block: Sequence[bytes], above: int) -> int:
        """How many positions before the one whose first line is `above` (0-based in the file) match the block."""
        at = above + 1
        count = 0
        for place in self._places.get(block[0], ()):
            if place >= at:
                break
            if self._lines[place : place + len(block)] == list(block):
                count += 1
        return count


def parse_hunks(output: bytes, paths: Sequence[bytes]) -> dict[bytes, list[Hunk]]:
    """Hunk headers of `git diff-tree -p -U0 --no-renames`, whose files come in the order of `paths`.

    Files that git holds for binary have no entry.
    """
    found: dict[bytes, list[Hunk]] = {}
    order = iter(paths)
    current: bytes | None = None
    removed = added = 0
    for line in output.split(b"\n"):
        if removed or added:
            if line.startswith(b"-"):
                removed -= 1
            elif line.startswith(b"+"):
                added -= 1
            continue
        if line.startswith(b"diff --git "):
            current = next(order)
        elif line.startswith(b"@@ ") and current is not None:
            hunk = _header(line)
            removed, added = hunk[1], hunk[3]
            found.setdefault(current, []).append(hunk)
    return found


def _header(line: bytes) -> Hunk:
    old, new = line.split(b" ")[1:3]
    old_start, _, old_count = old[1:].partition(b",")
    new_start, _, new_count = new[1:].partition(b",")
    return int(old_start), int(old_count or b"1"), int(new_start), int(new_count or b"1")
