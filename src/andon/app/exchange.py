"""`task import` and `task export`: finding and reading other tools' files, and writing them; the engine does the rest."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from andon.core import state as s
from andon.core.errors import EXIT_YES, UsageError
from andon.core.imported import Lost
from andon.engine import task_import
from andon.engine.interface import Reply
from andon.engine.services import Services
from andon.exchange import FORMATS, read
from andon.exchange.parts import MAX_FILE_BYTES, SourceFile

MAX_FILES = 20_000
PLACES: dict[str, tuple[tuple[str, str], ...]] = {
    "beads": ((".beads", "issues.jsonl"), (".beads", "beads.jsonl"), ("", "issues.jsonl"), ("", "beads.jsonl")),
    "backlog": (("backlog/tasks", "*.md"), ("tasks", "*.md")),
    "spec-kit": (("specs", "*/tasks.md"), ("", "tasks.md"), ("", "*/tasks.md")),
}
"""Where each tool keeps its files, below the directory that was named; the first place with files counts."""


def import_tasks(services: Services, cwd: str, root: str | None, arguments: dict[str, Any]) -> Reply:
    """Read the file or directory, then import it in one transaction. Raises UsageError."""
    form = arguments.get("format")
    if form is not None and form not in FORMATS:
        raise UsageError(f"the format {form} is not known", kind="bad_input", next=f"--format {'|'.join(FORMATS)}")
    files, found, left_out = _files(arguments["file"], form, cwd, root)
    foreign = read(files, form or found)
    foreign = replace(foreign, lost=(*foreign.lost, *left_out))
    return task_import.apply(
        services,
        foreign,
        labels=tuple(arguments.get("labels") or ()),
        draft=bool(arguments.get("draft")),
        dry_run=bool(arguments.get("dry_run")),
    )


def _files(named: str, form: str | None, cwd: str, root: str | None) -> tuple[list[SourceFile], str | None, list[Lost]]:
    """(files, the format where the place alone tells it, what was left out)."""
    if named == "-":
        if sys.stdin.isatty():
            raise UsageError("task import reads a file or a pipe", next="andon task import FILE")
        return [SourceFile(name="-", text=_decoded(sys.stdin.buffer.read(MAX_FILE_BYTES + 1), "-"))], None, []
    path = os.path.join(cwd, named)
    tops = [os.path.join(os.path.realpath(x), "") for x in (path, root or "")]
    base = root if root is not None and tops[0].startswith(tops[1]) else None
    if not os.path.isdir(path):
        return [_source_file(path, base)], None, []
    places = {kind: found for kind in PLACES if form in (None, kind) and (found := _below(path, kind))}
    if len(places) > 1:
        text = f"{named} holds tasks of several tools: {', '.join(places)}"
        raise UsageError(text, kind="bad_input", next=f"--format {'|'.join(places)}, or name the file")
    kind, paths = next(iter(places.items())) if places else (form, _listed(path, "*.md") + _listed(path, "*.json"))
    if not paths:
        what = f"of {form} " if form else ""
        text = f"no tasks {what}are found in {named}"
        raise UsageError(text, kind="bad_input", next="name the file, and its --format")
    done = []
    if kind == "backlog":
        done = _listed(os.path.join(os.path.dirname(paths[0]), os.pardir, "completed"), "*.md")
    left_out = [lost for x in (*paths, *done) if (lost := _left_out(x, path)) is not None]
    odd = {x.source for x in left_out}
    if odd >= set(paths):
        text = f"no tasks are found in {named}: {left_out[0].source}: {left_out[0].why}"
        raise UsageError(text, kind="bad_input", next="name the file itself, and its --format")
    files = [_source_file(x, base) for x in paths if x not in odd]
    files += [_source_file(os.path.normpath(x), base, done=True) for x in done if x not in odd]
    within = os.path.join(path, "")
    return files, kind, [replace(x, source=x.source.removeprefix(within)) for x in left_out]


def _left_out(file: str, directory: str) -> Lost | None:
    """Why a file of a directory is not read: whoever names a directory means what is in it, wherever links of it lead."""
    real, within = os.path.realpath(file), os.path.realpath(directory)
    if os.path.commonpath((real, within)) != within:
        return Lost(source=file, field="file", why="a link that leads out of the directory; name the file itself")
    if not os.path.isfile(real):
        return Lost(source=file, field="file", why="it is no file")
    return None


def _below(path: str, kind: str) -> list[str]:
    for directory, pattern in PLACES[kind]:
        found = _listed(os.path.join(path, directory), pattern)
        if found:
            return found
    return []


def _listed(directory: str, pattern: str) -> list[str]:
    from glob import escape, glob

    found = sorted(x for x in glob(os.path.join(escape(directory), pattern)) if not os.path.isdir(x))
    if len(found) > MAX_FILES:
        raise UsageError(f"{directory} holds {len(found)} files; at most {MAX_FILES} are read", kind="bad_input")
    return found


def _source_file(path: str, root: str | None, *, done: bool = False) -> SourceFile:
    """A file by its path in the repository, which is the same wherever the command is called from; else by its name."""
    real = os.path.realpath(path)
    parent = os.path.basename(os.path.dirname(real))
    name = os.path.relpath(real, os.path.realpath(root)) if root is not None else f"{parent}/{os.path.basename(real)}"
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}", next="andon task import FILE") from None
    return SourceFile(name=name.replace(os.sep, "/"), text=_decoded(content, name), done=done)


def _decoded(content: bytes, name: str) -> str:
    if len(content) > MAX_FILE_BYTES:
        raise UsageError(f"{name} is larger than {MAX_FILE_BYTES} bytes", kind="bad_input", next="split it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeError:
        line = content.count(b"\n", 0, _bad_byte(content)) + 1
        raise UsageError(f"{name}, line {line}: it is no UTF-8", kind="bad_input", next="mend it") from None


def _bad_byte(content: bytes) -> int:
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return error.start
    return 0


def export_tasks(services: Services, arguments: dict[str, Any]) -> Reply:
    """Write all tasks in the order of their births. Raises UsageError."""
    from andon.app.upkeep import output
    from andon.exchange import beads

    form = arguments.get("format") or "beads"
    if form != "beads":
        raise UsageError(f"tasks are not exported as {form}", kind="bad_input", next="--format beads")
    name = arguments.get("file") or "-"
    if name != "-" and os.path.isfile(name) and not arguments.get("force"):
        # It may be the very list that the tasks were imported from.
        raise UsageError(f"{name} exists", kind="bad_input", next=f"andon task export {name} --force, or another name")
    tasks = list(_tasks(services))
    with output(name, "andon task export") as file:
        for line in beads.write(tasks):
            file.write(line)
    return Reply(exit=EXIT_YES, body={"ok": True, "file": name, "format": form, "tasks": len(tasks)})


def _tasks(services: Services) -> Iterator[s.Task]:
    with services.store.read() as reader:
        for row in reader.tasks(limit=task_import.MAX_EXPORTED):
            loaded = reader.load(str(row["id"]))
            if loaded is not None and isinstance(loaded.state, s.Task):
                yield loaded.state
