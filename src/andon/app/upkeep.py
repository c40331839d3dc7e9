"""Upkeep of the store: doctor, export, import, archive. Joins the store's own tools with files and replies."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from andon.core.errors import EXIT_NO, EXIT_YES, UsageError
from andon.engine.interface import Reply
from andon.engine.services import Services
from andon.ports import Progress, Store
from andon.store.sqlite import SqliteStore

DEFAULT_AGE_S = 30 * 86_400.0


def _sqlite(store: Store) -> SqliteStore:
    if not isinstance(store, SqliteStore):
        raise UsageError(f"this is for the embedded store, not for {type(store).__name__}", kind="not_built")
    return store


# ---------------------------------------------------------------- doctor


def doctor(
    services: Services,
    path: str,
    *,
    mend: bool,
    save: bool,
    probes: Callable[[], dict[str, str | None]],
    guard_state: Callable[[], str | None],
    clients: Callable[[], Sequence[dict[str, Any]]],
    workspace: Callable[[], Sequence[dict[str, Any]]],
) -> Reply:
    """Check, with `mend` heal, with `save` first replace a damaged database by what can be read of it.

    A sound one is left as it is: what is damaged may be the workspace's, which `workspace` saves.
    """
    from andon.engine.doctor import doctor as examine
    from andon.store import archive, rebuild, salvage

    store = _sqlite(services.store)
    saved = None
    if save and _is_damaged(store):
        store.close()
        saved = salvage.salvage(path, services.progress, now=services.clock.now())

    def database(healing: bool) -> list[str]:
        found = salvage.problems(store)
        if found and healing:
            salvage.reindex(store)
            found = salvage.problems(store)
        return found

    body = examine(
        services,
        mend=mend,
        database=database,
        compare=lambda: rebuild.check(store, services.progress),
        rebuild=lambda: rebuild.rebuild(store),
        unreadable=lambda: rebuild.unreadable(store),
        archives=lambda: archive.check_files(store),
        probes=probes,
        guard_state=guard_state,
        clients=clients,
        workspace=workspace,
        undelivered=lambda: _undelivered(path, services.clock.now()),
    )
    if saved is not None:
        body["salvage"] = {
            "events": saved.events,
            "unreachable": saved.unreachable,
            "lost": list(saved.lost),
            "kept": saved.kept,
        }
        body["ok"] = body["ok"] and not saved.lost
    return Reply(exit=EXIT_YES if body["ok"] else EXIT_NO, body=body)


def _is_damaged(store: SqliteStore) -> bool:
    from andon.store import rebuild, salvage

    try:
        return bool(salvage.problems(store) or rebuild.check(store))
    except Exception:
        # Whatever keeps us from looking is damage, or salvaging says what else it is.
        return True


def _undelivered(path: str, now: float) -> list[str]:
    import json

    from andon.store import hot

    items = json.loads(hot.status(path, now))["undelivered"]
    return [f"{x['message']} from {x['sender']} to {x['recipient']} ({x['reason']})" for x in items]


# ---------------------------------------------------------------- export and import


def export(store: Store, name: str, progress: Progress | None) -> Reply:
    """Write everything to a file, or to standard output."""
    from andon.store import transfer

    with output(name) as file:
        done = transfer.export(_sqlite(store), file, progress)
    body = _transferred(done, name)
    body["ok"] = not done.problems
    if done.problems:
        text = f"{len(done.problems)} events can't be read; they are in the export as they stand: {done.problems[0]}"
        body["error"] = {"kind": "corrupt", "message": text, "next": "andon doctor"}
    return Reply(exit=EXIT_NO if done.problems else EXIT_YES, body=body)


def import_(
    store: Store,
    name: str,
    progress: Progress | None,
    following: str = "andon init (the guard and the target branch of this repository)",
) -> Reply:
    """Read an export into an empty store. following: what is to be done then."""
    from andon.store import transfer

    with _input(name) as file:
        done = transfer.import_(_sqlite(store), file, progress)
    body = _transferred(done, name) | {"identical": done.identical, "ok": not done.problems}
    if done.problems:
        text = f"{len(done.problems)} problems, all else is there: {done.problems[0]}"
        body["error"] = {"kind": "corrupt", "message": text, "next": "andon doctor"}
    notes = () if done.identical else (f"next: {following}",)
    return Reply(exit=EXIT_NO if done.problems else EXIT_YES, body=body, notes=notes)


def _transferred(done: Any, name: str) -> dict[str, Any]:
    return {
        "ok": True,
        "file": name,
        "lines": done.lines,
        "counts": done.counts,
        "digest": f"sha256:{done.sha256}",
        "problems": list(done.problems),
    }


@contextmanager
def output(name: str, command: str = "andon export") -> Iterator[BinaryIO]:
    """Standard output for "-"; a file appears under its name only when it is complete."""
    if name == "-":
        if sys.stdout.isatty():
            raise UsageError("an export is not for a terminal", next=f"{command} FILE")
        with os.fdopen(os.dup(1), "wb") as file:
            yield file
        return
    part = name if os.path.exists(name) and not os.path.isfile(name) else f"{name}.part"
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            yield file
            file.flush()
            if part != name:
                os.fsync(file.fileno())
        if part != name:
            os.replace(part, name)
    except OSError as error:
        raise UsageError(f"{name} can't be written: {error.strerror}", next=f"{command} FILE") from error
    finally:
        if part != name and os.path.exists(part):
            os.unlink(part)


@contextmanager
def _input(name: str) -> Iterator[BinaryIO]:
    if name == "-" and sys.stdin.isatty():
        raise UsageError("an import reads a file or a pipe", next="andon import FILE")
    try:
        with os.fdopen(os.dup(0), "rb") if name == "-" else open(name, "rb") as file:
            yield file
    except OSError as error:
        raise UsageError(f"{name} can't be read: {error.strerror}", next="andon import FILE") from error


# ---------------------------------------------------------------- archive


def archive(store: Store, now: float, arguments: dict[str, Any], progress: Progress | None) -> Reply:
    """Move the events of runs that ended long ago into archive files."""
    from andon.store import archive as archives

    age_s = arguments.get("older_than_s")
    age_s = DEFAULT_AGE_S if age_s is None else float(age_s)
    if not age_s >= 0:
        raise UsageError("--older-than must not be negative", next="andon archive --older-than 30d")
    sqlite, before, dry = _sqlite(store), now - age_s, bool(arguments.get("dry_run"))
    done = (
        archives.archivable(sqlite, before)
        if dry
        else archives.archive(sqlite, before=before, now=now, progress=progress)
    )
    compacted = bool(arguments.get("compact")) and not dry
    if compacted:
        archives.compact(sqlite)
    body = {
        "ok": True,
        "dry_run": dry,
        "runs": done.runs,
        "events": done.events,
        "files": list(done.files),
        "compacted": compacted,
    }
    return Reply(exit=EXIT_YES, body=body)
