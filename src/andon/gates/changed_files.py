"""What the rules of suspicion and the coverage of changed lines read of a change, fetched from git within limits.

Only ordinary files are read: a link or submodule has no content of its own. Must not know rules or conditions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from andon.suspicion.coverage import Changed, measure
from andon.suspicion.inspection import inspect
from andon.suspicion.records import CHANGE_BYTES_MAX, FILE_BYTES_MAX, FILES_MAX, File

if TYPE_CHECKING:
    from collections.abc import Iterable

    from andon.core.verdict import Finding, Submission
    from andon.gates.run_gate import Measurement
    from andon.ports import Git

ORDINARY = "100"
"""How the modes of ordinary files begin."""


def suspicions(git: Git, base: str, tree: str) -> tuple[Finding, ...]:
    """All findings about a change. Raises AndonError."""
    changes = git.changes(base, tree)
    read = changes[: FILES_MAX + 1]
    wanted: set[str] = set()
    for change in read:
        wanted |= {oid for mode, oid in _sides(change.old_mode, change.old_id, change.new_mode, change.new_id) if mode}
    contents = git.read_blobs(sorted(wanted), max_bytes=min(FILE_BYTES_MAX, CHANGE_BYTES_MAX))
    files = []
    for change in read:
        sides = _sides(change.old_mode, change.old_id, change.new_mode, change.new_id)
        before, after = (contents.get(oid) if ordinary else None for ordinary, oid in sides)
        withheld = any(ordinary and oid not in contents for ordinary, oid in sides)
        files.append(File(path=change.path, before=before, after=after, withheld=withheld))
    return inspect(files)


def _sides(old_mode: str, old_id: str, new_mode: str, new_id: str) -> tuple[tuple[bool, str], tuple[bool, str]]:
    return (old_mode.startswith(ORDINARY), old_id), (new_mode.startswith(ORDINARY), new_id)


def with_changed_lines(
    own: Measurement, git: Git, submission: Submission, *, paths: Iterable[str], root: str
) -> Measurement:
    """The measurement with the figures of changed lines added. Without a readable report there is nothing to add."""
    if own.report is None:
        return own
    ranges = git.added_lines(submission.base, submission.tree)
    by_path = {change.path: change for change in git.changes(submission.base, submission.tree)}
    ordinary = [path for path in ranges if path in by_path and by_path[path].new_mode.startswith(ORDINARY)]
    contents = git.read_blobs(sorted({by_path[path].new_id for path in ordinary}), max_bytes=FILE_BYTES_MAX)
    changed = [Changed(path=path, content=contents.get(by_path[path].new_id), ranges=ranges[path]) for path in ordinary]
    found = measure(changed, own.report.lines, paths=paths, root=root)
    values = {
        "changed_lines": found.lines,
        "changed_lines_covered": found.covered,
        "changed_line_rate": found.rate,
        "changed_files_unmeasured": found.unmeasured,
    }
    report = msgspec.structs.replace(own.report, findings=(*own.report.findings, *found.findings))
    return msgspec.structs.replace(
        own,
        report=report,
        values={**own.values, **values},
        figures={**own.figures, **{name: float(value) for name, value in values.items()}},
    )
