"""What a change consists of, for gates and for people: paths with line counts, and the diff as text."""

from __future__ import annotations

import os

from andon.git.patch import DIFF_OPTIONS, GITLINK, Diff, Edits, raw_and_rest
from andon.git.run import Runner
from andon.ports import Change


def changes(diff: Diff, base: str, tree: str) -> list[Change]:
    """Every changed path, in git's order. A submodule counts no lines."""
    out = diff(("-r", "-z", "--raw", "--numstat", *DIFF_OPTIONS), base, tree)
    records, rest = raw_and_rest(out)
    counts: dict[bytes, tuple[int, int]] = {}
    for entry in rest.split(b"\0"):
        if entry:
            added, deleted, path = entry.split(b"\t", 2)
            counts[path] = (-1, -1) if added == b"-" else (int(added), int(deleted))
    found = []
    for record in records:
        link = GITLINK in (record.old_mode, record.new_mode)
        added_lines, deleted_lines = (0, 0) if link else counts.get(record.path, (0, 0))
        found.append(
            Change(
                path=os.fsdecode(record.path),
                old_mode=record.old_mode,
                new_mode=record.new_mode,
                added=added_lines,
                deleted=deleted_lines,
                old_id=record.old,
                new_id=record.new,
            )
        )
    return found


def from_edits(edits: Edits) -> list[Change] | None:
    """The same from edits already read, when all of them are edits of text files; else None."""
    if not all(record.is_text_edit and hunks for record, hunks in edits):
        return None
    return [
        Change(
            path=os.fsdecode(record.path),
            old_mode=record.old_mode,
            new_mode=record.new_mode,
            added=sum(len(hunk.added) for hunk in hunks),
            deleted=sum(len(hunk.removed) for hunk in hunks),
            old_id=record.old,
            new_id=record.new,
        )
        for record, hunks in edits
    ]


def added_lines(edits: Edits) -> dict[str, tuple[tuple[int, int], ...] | None]:
    """The new lines of each path that is still there; None: all of them (a new file, a change of type, a binary file)."""
    found: dict[str, tuple[tuple[int, int], ...] | None] = {}
    for record, hunks in edits:
        if record.status == "D":
            continue
        path = os.fsdecode(record.path)
        if not (record.is_text_edit and hunks):
            # A change of mode alone adds no line.
            found[path] = () if record.old == record.new else None
            continue
        moved, ranges = 0, []
        for hunk in hunks:
            if hunk.added:
                first = hunk.start + moved + 1
                ranges.append((first, first + len(hunk.added) - 1))
            moved += len(hunk.added) - len(hunk.removed)
        found[path] = tuple(ranges)
    return found


def diff_text(plumbing: Runner, base: str, tree: str, max_bytes: int) -> str:
    """The diff for a reader, with renames found, cut at a line's end when it is longer than `max_bytes`."""
    options = [option for option in DIFF_OPTIONS if option not in ("--no-renames", "--full-index")]
    done = plumbing.run("diff-tree", "-r", "-p", "--stat", "-M", *options, base, tree, keep_bytes=max_bytes)
    if not done.cut:
        return done.out.decode("utf-8", "replace")
    whole = done.out[: done.out.rfind(b"\n") + 1] or done.out
    return whole.decode("utf-8", "replace") + f"[… the rest is left out: git diff {base[:12]} {tree[:12]}]\n"
