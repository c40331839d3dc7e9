"""The identity of a change: its content and place, without its base (`patch:<sha256>`).

For each changed path, in byte order and without rename detection: path, modes, kind of change, and
* for a modified text file its hunks without context lines, each as the lines removed and added, the one line above
  and the one below in the old file (or its beginning or end), and the *ordinal*: how many equal blocks (line above,
  removed lines, line below) stand before this one in the old file;
* for every other change the object ids: an id is the whole content.

Two things follow. (1) Any further edit gives another digest: given the old file, block and ordinal fix the place of each
hunk, so the list of hunks fixes the new file. (2) A clean merge onto another base keeps the digest, provided that on
the other side (a) no path of this change was touched, or only other parts of a text file that this change modifies,
with its mode unchanged, (b) no equal block was added or removed above a hunk, and (c) git cuts the merged change into
the same hunks. Where one of these does not hold the digest differs, which is the safe direction: a review is asked for
again. Lines of context are never edited by the other side of a clean merge: git calls adjacent edits a conflict.

Must not know: branches, runs, where the base came from.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from andon.core.digests import sha256
from andon.core.errors import InvariantViolation

VERSION = b"andon.patch/1"
GITLINK = "160000"
LINK = "120000"
NO_FILE = "000000"

# Every option that configuration could set otherwise; attributes do not reach a bare directory without any.
DIFF_OPTIONS = (
    "--no-renames",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--full-index",
    "--no-relative",
    "--diff-algorithm=myers",
    "--no-indent-heuristic",
    "--ignore-submodules=none",
    "--submodule=short",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)


class Record(Struct, frozen=True, kw_only=True):
    """One changed path as `git diff-tree --raw` gives it. status: A, D, M or T (type of file)."""

    old_mode: str
    new_mode: str
    old: str
    new: str
    status: str
    path: bytes

    @property
    def is_text_edit(self) -> bool:
        """Whether both sides are ordinary files with different contents."""
        return self.status == "M" and self.old_mode[:3] == "100" == self.new_mode[:3] and self.old != self.new


class Hunk(Struct, frozen=True, kw_only=True):
    """An edit without context. start: index of the first removed line in the old file (where to insert, if none is).

    Lines carry their line ends, so that a last line without one is a different line.
    """

    start: int
    removed: tuple[bytes, ...]
    added: tuple[bytes, ...]


Edits = list[tuple[Record, list[Hunk]]]
"""Each differing path with its edits."""


Diff = Callable[[Sequence[str], str, str], bytes]
"""(options, base, tree): what `git diff-tree` says."""


def read_edits(diff: Diff, base: str, tree: str) -> Edits:
    """What differs between two trees (or commits)."""
    return parse(diff(("-r", "--raw", "-p", "-U0", "--inter-hunk-context=0", *DIFF_OPTIONS), base, tree))


def digest(found: Edits, read: Callable[[Sequence[str]], dict[str, bytes]]) -> str:
    """ "patch:<sha256>". read: blob ids -> contents."""
    before = read(sorted({record.old for record, hunks in found if hunks}))
    hasher = sha256(VERSION)
    for record, hunks in sorted(found, key=lambda pair: pair[0].path):
        for part in _parts(record, hunks, before):
            hasher.update(b"%d:" % len(part))
            hasher.update(part)
    return f"patch:{hasher.hexdigest()}"


def _parts(record: Record, hunks: list[Hunk], before: dict[str, bytes]) -> Iterator[bytes]:
    """What goes into the digest for one path. Each part is written with its length, so none can pose as two."""
    yield b"path"
    yield record.path
    yield f"{record.old_mode} {record.new_mode} {record.status}".encode()
    if not hunks:
        yield f"{record.old} {record.new}".encode()
        return
    places = _Places(split_lines(before[record.old]))
    for hunk in hunks:
        above, below = places.around(hunk)
        yield b"hunk"
        yield b"%d" % places.ordinal((above, *hunk.removed, below), hunk.start)
        yield above
        yield below
        yield b"%d" % len(hunk.removed)
        yield from hunk.removed
        yield b"%d" % len(hunk.added)
        yield from hunk.added


def split_lines(content: bytes) -> list[bytes]:
    """Lines with their ends; only a line feed ends a line."""
    lines = [line + b"\n" for line in content.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


# No line holds a line feed before its end, so these are equal to none.
_BEGIN = b"\nbegin"
_END = b"\nend"


class _Places:
    """Where equal blocks of lines stand in a file."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self._lines = [_BEGIN, *lines, _END]
        self._index: dict[bytes, list[int]] = {}
        for place, line in enumerate(self._lines):
            self._index.setdefault(line, []).append(place)
        self._known: dict[tuple[bytes, ...], list[int]] = {}

    def around(self, hunk: Hunk) -> tuple[bytes, bytes]:
        """The line above and the line below the edit."""
        return self._lines[hunk.start], self._lines[hunk.start + len(hunk.removed) + 1]

    def ordinal(self, block: tuple[bytes, ...], start: int) -> int:
        """How many equal blocks begin before the one whose line above is at `start` (counted with _BEGIN as 0)."""
        if block not in self._known:
            # Only where its rarest line stands can a block stand.
            rarest = min(range(len(block)), key=lambda at: len(self._index.get(block[at], ())))
            wanted = list(block)
            self._known[block] = [
                place - rarest
                for place in self._index.get(block[rarest], ())
                if place >= rarest and self._lines[place - rarest : place - rarest + len(block)] == wanted
            ]
        places = self._known[block]
        ordinal = bisect_left(places, start)
        if ordinal == len(places) or places[ordinal] != start:
            raise InvariantViolation("an edit is not where git says it is in the old file")
        return ordinal


# ---------------------------------------------------------------- reading git's output


def parse(output: bytes) -> list[tuple[Record, list[Hunk]]]:
    """`git diff-tree -r --raw -p -U0` (names quoted, not -z). Binary files, links and whole files have no hunks."""
    lines = output.split(b"\n")
    found: list[Record] = []
    at = 0
    while at < len(lines) and lines[at].startswith(b":"):
        meta, _, name = lines[at].partition(b"\t")
        found.append(_record(meta, unquote(name)))
        at += 1
    patches = _Patches(lines, at + 1)
    pairs: list[tuple[Record, list[Hunk]]] = []
    for record in found:
        # Git shows a change of type as a deletion and an addition.
        hunks = patches.next(record)
        if record.status == "T":
            patches.next(record)
        pairs.append((record, hunks if record.is_text_edit else []))
    if not patches.at_end:
        raise InvariantViolation("git's patch has more files than its list of changes")
    return pairs


class _Patches:
    """The patches of the files, one after the other; the counts in the headers say where each hunk ends."""

    def __init__(self, lines: Sequence[bytes], at: int) -> None:
        self._lines = lines
        self._at = at

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._lines) or self._lines[self._at :] == [b""]

    def next(self, record: Record) -> list[Hunk]:
        """The hunks of the next file, which must be `record`'s."""
        if self.at_end or not self._lines[self._at].startswith(b"diff --git "):
            raise InvariantViolation(f"git's patch does not go with its list of changes at {record.path!r}")
        self._at += 1
        hunks: list[Hunk] = []
        while not self.at_end and not self._lines[self._at].startswith(b"diff --git "):
            line = self._lines[self._at]
            self._at += 1
            if line.startswith(b"index ") and record.is_text_edit:
                ids = line.split(b" ")[1].decode()
                if ids != f"{record.old}..{record.new}":
                    raise InvariantViolation(f"git's patch of {record.path!r} is of other objects")
            elif line.startswith(b"@@ "):
                hunks.append(self._hunk(line))
        return hunks

    def _hunk(self, header: bytes) -> Hunk:
        old, new = header.split(b" ")[1:3]
        old_start, _, old_count = old[1:].partition(b",")
        _new_start, _, new_count = new[1:].partition(b",")
        removed = self._take(b"-", int(old_count or b"1"))
        added = self._take(b"+", int(new_count or b"1"))
        # Git counts lines from 1, and names the line before the place when nothing is removed.
        return Hunk(start=int(old_start) - 1 if removed else int(old_start), removed=removed, added=added)

    def _take(self, sign: bytes, count: int) -> tuple[bytes, ...]:
        taken = self._lines[self._at : self._at + count]
        if len(taken) != count or not all(line.startswith(sign) for line in taken):
            raise InvariantViolation("git's patch has another shape than its header says")
        self._at += count
        lines = [line[1:] + b"\n" for line in taken]
        if self._at < len(self._lines) and self._lines[self._at].startswith(b"\\"):
            # "\ No newline at end of file"
            lines[-1] = lines[-1][:-1]
            self._at += 1
        return tuple(lines)


def _raw(output: bytes, at: int) -> Iterator[tuple[Record, int]]:
    """`:meta NUL path NUL` entries, each with the offset after it."""
    while output[at : at + 1] == b":":
        middle = output.index(b"\0", at)
        end = output.index(b"\0", middle + 1)
        yield _record(output[at:middle], output[middle + 1 : end]), end + 1
        at = end + 1


def raw_and_rest(output: bytes) -> tuple[list[Record], bytes]:
    """The `--raw -z` part of an output, and what follows it."""
    found, at = [], 0
    for record, end in _raw(output, 0):
        found.append(record)
        at = end
    return found, output[at:]


def _record(meta: bytes, path: bytes) -> Record:
    old_mode, new_mode, old, new, status = meta[1:].decode().split(" ")
    return Record(old_mode=old_mode, new_mode=new_mode, old=old, new=new, status=status[0], path=path)


_ESCAPES = {ord(key): value for key, value in zip('abtnvfr"\\', b'\a\b\t\n\v\f\r"\\', strict=True)}


def unquote(name: bytes) -> bytes:
    """A path as git prints it where names end at the line's end: in double quotes with C escapes if need be."""
    if not (name.startswith(b'"') and name.endswith(b'"') and len(name) >= 2):
        return name
    found = bytearray()
    at, end = 1, len(name) - 1
    while at < end:
        byte = name[at]
        if byte != 0x5C:
            found.append(byte)
            at += 1
        elif name[at + 1] in _ESCAPES:
            found.append(_ESCAPES[name[at + 1]])
            at += 2
        else:
            found.append(int(name[at + 1 : at + 4], 8))
            at += 4
    return bytes(found)


def path_text(record: Record) -> str:
    """The path as callers know it."""
    return os.fsdecode(record.path)
