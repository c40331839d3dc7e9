"""The names that the files of a tree define: read once for each blob, and after that only from blobs that are new.

Rules: what is kept is derived data, found by blob, so that it can't be out of date; files that can't be read leave plans
without their names, with a note, never without an answer. Must not know: tasks, how names are kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from andon.core.errors import AndonError
from andon.core.planning.definitions import Defined, Definitions, defined
from andon.core.planning.names import is_read, names_in, suffix_of
from andon.ports import Git
from andon.ports_planning import KeptNames

MAX_FILES = 40_000
"""So many files are read for names, the first by path."""
MAX_FILE_BYTES = 200_000
"""Larger files are kept as files without names: a change of it raises `names.VERSION`, too."""
READ_AT_ONCE = 1_000


class Read(Struct, frozen=True, kw_only=True):
    """fresh: how many blobs were read just now. notes: what is missing, in plain words."""

    definitions: Definitions
    fresh: int
    notes: tuple[str, ...] = ()


def define(git: Git, kept: KeptNames, files: Sequence[tuple[str, str]]) -> Read:
    """What these files define. files: (path, id of the blob)."""
    wanted = {path: (suffix_of(path), blob) for path, blob in files if is_read(path)}
    notes: tuple[str, ...] = ()
    if len(wanted) > MAX_FILES:
        notes = (f"only {MAX_FILES} of {len(wanted)} files were read for the names that they define",)
        wanted = dict(sorted(wanted.items())[:MAX_FILES])
    if not wanted:
        return Read(definitions=Definitions(), fresh=0)
    known = kept.read()
    missing = {key: path for path, key in wanted.items() if key not in known}
    fresh: dict[tuple[str, str], Defined] = {}
    keys = list(missing)
    try:
        for start in range(0, len(keys), READ_AT_ONCE):
            some = keys[start : start + READ_AT_ONCE]
            texts = git.read_blobs(list(dict.fromkeys(blob for _, blob in some)), max_bytes=MAX_FILE_BYTES)
            for key in some:
                # What is too large to be read is kept as a file without names.
                text = texts.get(key[1], b"").decode("utf-8", "replace")
                fresh[key] = defined(names_in(missing[key], text))
    except AndonError as error:
        notes = (*notes, f"not all files can be read for the names that they define: {error.message}")
    now = set(wanted.values())
    gone = [key for key in known if key not in now]
    if fresh or len(gone) > len(now):
        kept.keep(fresh, gone=gone if len(gone) > len(now) else ())
    found = {path: one for path, key in wanted.items() if (one := known.get(key) or fresh.get(key)) is not None}
    return Read(definitions=Definitions(found), fresh=len(fresh), notes=notes)
