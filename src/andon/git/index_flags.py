"""Which entries of an index file carry flags that hide edits: assume-unchanged and skip-worktree.

Read from the file itself (gitformat-index(5), versions 2 and 3), since nearly every index has none and asking git costs
a process. Rule: whatever is not understood is answered with "ask git", never with "none".
"""

from __future__ import annotations

import struct

_HEADER = struct.Struct(">4sII")
_FLAGS = struct.Struct(">H")
STAT_BYTES = 40
ASSUME_VALID = 0x8000
EXTENDED = 0x4000
NAME_MASK = 0x0FFF


def may_hide(content: bytes, id_bytes: int) -> bool:
    """Whether some entry may be flagged. id_bytes: 20, or 32 in a SHA-256 repository."""
    if len(content) < _HEADER.size:
        return True
    signature, version, count = _HEADER.unpack_from(content)
    if signature != b"DIRC" or version not in (2, 3):
        return True
    at, flags_at = _HEADER.size, STAT_BYTES + id_bytes
    unpack, size = _FLAGS.unpack_from, len(content)
    for _ in range(count):
        if at + flags_at + 2 > size:
            return True
        (flags,) = unpack(content, at + flags_at)
        if flags & (ASSUME_VALID | EXTENDED):
            # Extended flags are skip-worktree or intent-to-add; git tells them apart.
            return True
        length = flags & NAME_MASK
        if length == NAME_MASK:
            length = content.index(b"\0", at + flags_at + 2) - (at + flags_at + 2)
        # Names end with 1 to 8 NUL bytes, so that entries are multiples of eight bytes.
        at += (flags_at + 2 + length + 8) & ~7
    return False
