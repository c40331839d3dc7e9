"""`andon workflow import`: reads a pipeline's file, has it translated, writes the workflow file, never over another.

Rules: exit 0 when nothing essential was lost, 1 otherwise; the file is written in both cases when it lints, because what
is missing in it fails closed; with `strict` it is written only if nothing at all had to change.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Any

from andon.core.errors import EXIT_NO, EXIT_USAGE, EXIT_YES, AndonError, UsageError
from andon.engine.runs import workflow_path
from andon.engine.workflows import WorkflowTools

MAX_BYTES = 2_000_000
FORMATS = ("dot",)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


def import_file(
    tools: WorkflowTools,
    cwd: str,
    root: str,
    *,
    file: str,
    output: str | None,
    name: str | None,
    form: str,
    strict: bool,
    force: bool,
) -> tuple[int, dict[str, Any]]:
    """(exit code, body). root: the working tree that the default place is below. Raises AndonError."""
    if form not in FORMATS:
        raise UsageError(f"the format {form} is not known", next=f"--format {FORMATS[0]}")
    named = name or _name_of(file if output in (None, "-") else str(output))
    if not _NAME.fullmatch(named):
        raise UsageError(f"{named!r} is no workflow's name", next="--name NAME: letters, digits, _ and -")
    path = None if output == "-" else os.path.join(cwd, output) if output else os.path.join(root, workflow_path(named))
    if path is not None and os.path.lexists(path) and not force:
        there = f"{_shown(path, cwd)} is there already"
        raise UsageError(there, kind="exists", next="--force writes over it; --name or -o choose another")
    made = tools.imported(_read(os.path.join(cwd, file) if file != "-" else "-"), file, named)
    findings = made["findings"]
    lost = any(item["level"] == "lost" for item in findings)
    altered = any(item["level"] != "drawing" for item in findings)
    good = not altered if strict else not lost
    text: str | None = made["text"] if good or not strict else None
    if text is not None and path is not None:
        _write(path, text, force)
    body = {
        "ok": good and text is not None,
        "file": file,
        "workflow": _shown(path, cwd) if text is not None and path is not None else None,
        "carried": made["carried"],
        "not_carried": findings,
        "added": made["added"],
        "next": _next(named, text is not None, good, strict),
    }
    if path is None and text is not None:
        body["text"] = text
    return (EXIT_YES if body["ok"] else EXIT_NO), body


def _next(name: str, written: bool, good: bool, strict: bool) -> str:
    if not written and strict:
        return "read the list; without --strict the file is written, and what is missing in it fails closed"
    if not written:
        return "change the pipeline where the list points, and import it again"
    return f"andon workflow lint {name}" if good else "read the list, and complete the file where it says TODO"


def _name_of(file: str) -> str:
    """A workflow's name from a file's: what comes before the first ending, with dashes for what may not stand in it."""
    stem = os.path.basename(file).split(".")[0] if file != "-" else "imported"
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-")
    return name if _NAME.fullmatch(name) else f"w-{name}".rstrip("-")[:64]


def _read(path: str) -> str:
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with open(path, "rb") as stream:
                data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        text = f"{path} can't be read: {error.strerror}"
        raise UsageError(text, kind="unreadable", next="give the path of a .dot file") from error
    if len(data) > MAX_BYTES:
        raise UsageError(f"{path} is larger than {MAX_BYTES} bytes", kind="bad_pipeline", next="split it")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        place = f"{before.count(chr(10)) + 1}:{len(before.rpartition(chr(10))[2]) + 1}"
        text = f"{path}:{place}: bad-encoding the file is not UTF-8"
        raise UsageError(text, kind="bad_pipeline", next="save it as UTF-8") from error


def _write(path: str, text: str, force: bool) -> None:
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        # Without force the file must be new at this very moment.
        with open(path, "w" if force else "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        text = f"{path} can't be written: {error.strerror}"
        raise AndonError(text, kind="unwritable", next="choose another place with -o", exit=EXIT_USAGE) from error


def _shown(path: str, cwd: str) -> str:
    relative = os.path.relpath(path, cwd)
    return path if relative.startswith("..") else relative
