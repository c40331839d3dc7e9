"""Prepared changes to files: replace a text, append to a file, make a file, add an entry to the change log.

Rules: an edit that does not find exactly what it expects raises; it never guesses. Must not know: which task it
is for.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from andon.core.errors import AndonError

CHANGE_LOG = "CHANGELOG"
UNRELEASED = "Development Version\n-------------------\n\nBug Fixes\n\n"


class Edit(Struct, frozen=True, kw_only=True):
    """Replace `old` (found exactly once) by `new` in the file at `path`.

    old "": append to the file, or make it when it does not exist.
    """

    path: str
    old: str = ""
    new: str


def apply(edit: Edit, root: Path) -> None:
    """Carry out one edit below `root`. AndonError "demo_edit" when the text to replace is not there exactly once."""
    target = root / edit.path
    text = target.read_text(encoding="utf-8") if target.exists() else ""
    if not edit.old:
        target.write_text(text + edit.new, encoding="utf-8")
        return
    count = text.count(edit.old)
    if count != 1:
        raise AndonError(
            f"{edit.path}: expected the text to replace once, found it {count} times: {edit.old!r}",
            kind="demo_edit",
            next="the prepared edit does not fit this release of the project",
        )
    target.write_text(text.replace(edit.old, edit.new), encoding="utf-8")


def log_change(entry: str, root: Path) -> None:
    """Add an entry at the top of the change log's unreleased section, which is begun when there is none."""
    target = root / CHANGE_LOG
    text = target.read_text(encoding="utf-8")
    if text.startswith(UNRELEASED):
        rest = text.removeprefix(UNRELEASED)
    else:
        rest = "\n\n" + text
    target.write_text(f"{UNRELEASED}* {entry}\n{rest}", encoding="utf-8")


def has_conflict(path: Path) -> bool:
    """Whether a file holds conflict markers."""
    return path.exists() and any(line.startswith(b"<<<<<<<") for line in path.read_bytes().splitlines())
