"""A workspace of several repositories on this machine: its directory, its registry, and which repository points to it.

Theory of operation. A workspace is a directory with a store like a repository's; a setting that no other store has says so.
The registry stands there as events; a repository points back by its git configuration (`git/membership`). Either half alone
counts for nothing: at adding the registry is written first, at removing the pointer goes first, and both commands can be
repeated after a kill. Which repository one is, its own configuration says: the place where it stands makes it no other one.
A repository that was moved or deleted is shown as missing and stops nobody. A workspace stands inside no repository.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from andon.app.conditions import evaluate
from andon.core import commands as c
from andon.core.errors import EXIT_NO, EXIT_USAGE, EXIT_YES, AndonError, Rejected, UsageError
from andon.core.registry import MAX_REPOSITORIES, REGISTERED, Repository, is_name
from andon.engine.interface import Reply
from andon.engine.messages import rfc3339
from andon.engine.space import IDENTITY_SETTING, Space, unusable
from andon.engine.transact import Engine, Unit, unknown
from andon.git import membership
from andon.git.locate import locate
from andon.git.repository import Repository as Git
from andon.store.sqlite import SqliteStore

DATABASE = "andon.db"
IDENTITY_BYTES = 6


def database_of(directory: str) -> str:
    return os.path.join(directory, DATABASE)


def named(cwd: str, directory: str) -> str:
    """A directory that the caller names. Raises UsageError."""
    if not directory:
        raise UsageError("no directory is named", next="--workspace DIR")
    return os.path.realpath(os.path.join(cwd, directory))


def find_space(common_dir: str) -> Space | None:
    """The workspace that a repository says it belongs to; nothing of it is opened yet."""
    found = membership.read(common_dir)
    if found is None:
        return None
    directory, name = found
    store = SqliteStore(database_of(directory))
    return Space(
        directory=directory,
        name=name,
        path=os.path.realpath(common_dir),
        engine=Engine(store, evaluate),
        look=lambda: _look(directory),
    )


def _look(directory: str) -> None:
    """Raises AndonError where opening would make a new store instead of finding one."""
    database = database_of(directory)
    # Where a lock file is, there was a database: the store tells what became of it.
    if not os.path.exists(database) and not os.path.exists(database + ".lock"):
        following = "bring the directory back; or let the repository be alone: andon repo remove"
        raise unusable(f"there is no workspace at {directory}", following)


def store_at(directory: str, *, fresh: bool) -> SqliteStore:
    """The store of a workspace for upkeep. fresh: it may be that nothing is there yet. Raises AndonError."""
    store = SqliteStore(database_of(directory))
    if not fresh:
        _look(directory)
    else:
        _refuse_inside(directory)
    _refuse_repositories(store)
    return store


# ---------------------------------------------------------------- making one


def init(directory: str) -> Reply:
    """Make the directory a workspace; harmless where it is one already."""
    if os.path.exists(directory) and not os.path.isdir(directory):
        raise UsageError(f"{directory} is no directory", next="andon init --workspace DIR")
    _refuse_inside(directory)
    store = SqliteStore(database_of(directory))
    _refuse_repositories(store)
    identity = os.urandom(IDENTITY_BYTES).hex()

    def work(unit: Unit) -> tuple[str, bool]:
        known = unit.writer.setting(IDENTITY_SETTING)
        if known:
            return known, False
        unit.writer.put_setting(IDENTITY_SETTING, identity)
        return identity, True

    (identity, made), _effects = Engine(store, evaluate).transact(work)
    body = {
        "ok": True,
        "workspace": directory,
        "database": database_of(directory),
        "identity": identity,
        "made": made,
        "next": f"andon repo add PATH --workspace {directory}",
    }
    return Reply(exit=EXIT_YES, body=body)


def _refuse_inside(directory: str) -> None:
    """A workspace's files would be untracked ones in the middle of somebody's work, or lost among git's own."""
    if os.path.exists(database_of(directory)):
        # It is one already, from before this was refused; or a repository's store, which is told below.
        return
    around = directory
    while not os.path.isdir(around):
        around = os.path.dirname(around)
    found = locate(around)
    if found is not None:
        place = _shown(found[0])
        text = f"{directory} is inside the repository {place}, and a workspace stands beside repositories"
        following = f"andon init --workspace {os.path.join(os.path.dirname(place), 'workspace')}"
        raise UsageError(text, kind="inside_repository", next=following)


def _refuse_repositories(store: SqliteStore) -> None:
    """A repository's own store is no workspace: its tasks would be everybody's."""
    if not os.path.exists(store.path):
        return
    with store.read() as reader:
        if reader.setting("target") is not None:
            text = f"{store.path} is the store of one repository"
            raise UsageError(text, next="andon init --workspace DIR with a directory of its own")


# ---------------------------------------------------------------- the registry


class Registry:
    """The registry of one workspace, for somebody who looks from a directory."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        _look(directory)
        self.engine = Engine(SqliteStore(database_of(directory)), evaluate)
        with self.engine.store.read() as reader:
            if not reader.setting(IDENTITY_SETTING):
                raise unusable(f"{directory} holds no workspace", f"andon init --workspace {directory}")

    @classmethod
    def near(cls, cwd: str, wanted: str | None) -> Registry:
        """The named one; else that of the repository around `cwd`; else `cwd` itself. Raises UsageError."""
        if wanted is not None:
            return cls(named(cwd, wanted))
        try:
            found = membership.read(Git.find(cwd).common_dir)
        except AndonError:
            found = None
        if found is not None:
            return cls(found[0])
        if os.path.exists(database_of(cwd)):
            return cls(os.path.realpath(cwd))
        raise UsageError(
            "which workspace? This repository is in none", next="--workspace DIR; andon init --workspace DIR makes one"
        )

    def registered(self) -> list[Repository]:
        with self.engine.store.read() as reader:
            return [x for x in reader.repositories() if x.status == REGISTERED]

    def described(self) -> list[dict[str, Any]]:
        return [_described(self, x) for x in self.registered()]


def add(cwd: str, agent: str, now: float, arguments: dict[str, Any]) -> Reply:
    """Let repositories belong to a workspace: the one around `cwd`, or those of the named directories."""
    registry = Registry.near(cwd, arguments.get("workspace"))
    paths, name = list(arguments.get("paths") or [cwd]), arguments.get("name")
    if name and len(paths) > 1:
        raise UsageError("--name is for one repository", next="add them one by one")
    items, errors = _each(paths, lambda path: _add_one(registry, os.path.join(cwd, path), agent, now, name))
    return _reply(registry, items, errors)


def _add_one(registry: Registry, path: str, agent: str, now: float, name: str | None) -> dict[str, Any]:
    git = Git.find(path)
    place = os.path.realpath(git.common_dir)
    before = membership.read(git.common_dir)
    if (
        before is not None
        and os.path.realpath(before[0]) != registry.directory
        and not _was_moved(registry, before, place)
    ):
        text = f"{_shown(place)} is in the workspace {before[0]}"
        raise UsageError(text, kind="other_workspace", next=f"andon repo remove {_shown(place)}")
    told = before[1] if before is not None else ""
    wanted = name if name is not None else told or _name_from(git)

    def work(unit: Unit) -> Repository | Rejected:
        known = unit.writer.repositories()
        here = next((x for x in known if x.path == place and x.status == REGISTERED), None)
        if here is not None and here.name != wanted:
            if told and not name:
                raise _another(here, told, f"andon repo remove {here.name}, then andon repo add")
            if name:
                raise UsageError(
                    f"{_shown(place)} is registered as {here.name}",
                    kind="name_taken",
                    next=f"andon repo remove {here.name}",
                )
            return here
        if here is None and sum(1 for x in known if x.status == REGISTERED) >= MAX_REPOSITORIES:
            text = f"there are {MAX_REPOSITORIES} repositories in {registry.directory}, the limit"
            raise AndonError(text, kind="limit", next="andon repo remove NAME")
        old = next((x for x in known if x.name == wanted), None)
        # A copy says the same as what it was copied from: only one that is not at its place any more can have moved.
        gone = old is not None and (not os.path.exists(old.path) or _says_another(registry, old) != "")
        moved = gone and wanted in (told, name)
        if old is not None and gone and not moved and old.path != place:
            text = f"the name {wanted} is that of a repository that was at {_shown(old.path)}"
            following = f"andon repo add --name {wanted} if this is it; else --name OTHER"
            raise UsageError(text, kind="name_taken", next=following)
        command = c.AddRepository(at=now, actor=agent, repository=wanted, path=place, moved=moved)
        return unit.on_repository(wanted, command)

    done, _effects = registry.engine.transact(work)
    if isinstance(done, Rejected):
        raise AndonError.of(done)
    if before != (registry.directory, done.name):
        membership.write(git.common_dir, registry.directory, done.name)
    return _described(registry, done)


def _says_another(registry: Registry, known: Repository) -> str:
    """The other name in this workspace that the repository at the place of a known one says it has; "" when it has none."""
    pointed = membership.read(known.path) if os.path.isdir(known.path) else None
    if pointed is None or os.path.realpath(pointed[0]) != registry.directory:
        return ""
    return pointed[1] if pointed[1] != known.name else ""


def _another(known: Repository, says: str, following: str) -> UsageError:
    """Who a repository is, it says itself: the place makes it none that it is not."""
    text = f"{_shown(known.path)} says that it is {says}, and the place is registered as that of {known.name}"
    following = f"if {known.name} is gone: {following}; if this is {known.name}: andon repo add --name {known.name}"
    return UsageError(text, kind="other_repository", next=following)


def _was_moved(registry: Registry, before: tuple[str, str], place: str) -> bool:
    """Whether this is the workspace that the repository points to, at another place."""
    known = any(x.path == place and x.name == before[1] for x in registry.registered())
    return known and not os.path.exists(database_of(before[0]))


def _name_from(git: Git) -> str:
    """The directory's name, made one that the registry takes."""
    base = os.path.basename((git.main_worktree or git.common_dir).rstrip("/")).removesuffix(".git")
    name = "".join(x if x.isascii() and (x.isalnum() or x in "._-") else "-" for x in base).strip("-.")
    return name if is_name(name) else "repository"


def list_of(cwd: str, arguments: dict[str, Any]) -> Reply:
    registry = Registry.near(cwd, arguments.get("workspace"))
    body = {"ok": True, "workspace": registry.directory, "items": registry.described()}
    return Reply(exit=EXIT_YES, body=body)


def remove(cwd: str, agent: str, now: float, arguments: dict[str, Any]) -> Reply:
    """Let repositories be alone again: the one around `cwd`, or those that are named by name or path."""
    names = list(arguments.get("names") or [])
    if not names:
        git = Git.find(cwd)
        pointed = membership.read(git.common_dir)
        if pointed is None and membership.unfinished(git.common_dir):
            membership.clear(git.common_dir)
        if pointed is not None and not arguments.get("workspace"):
            try:
                registry = Registry(pointed[0])
            except AndonError as error:
                # The workspace is out of reach; the repository is free of it all the same.
                membership.clear(git.common_dir)
                note = f"its entry there is left: {error.message}"
                item = {"repository": pointed[1], "path": _shown(git.common_dir), "state": "removed"}
                body = {"ok": True, "workspace": pointed[0], "items": [item]}
                return Reply(exit=EXIT_YES, body=body, notes=(note,))
        else:
            registry = Registry.near(cwd, arguments.get("workspace"))
        names = [cwd]
    else:
        registry = Registry.near(cwd, arguments.get("workspace"))
    items, errors = _each(names, lambda name: _remove_one(registry, cwd, name, agent, now))
    return _reply(registry, items, errors)


def _remove_one(registry: Registry, cwd: str, name: str, agent: str, now: float) -> dict[str, Any]:
    found = _named(registry, cwd, name)
    if _points_here(registry, found) or _half_cleared(found.path):
        membership.clear(found.path)
    command = c.RemoveRepository(at=now, actor=agent)
    done, _effects = registry.engine.transact(lambda unit: unit.on_repository(found.name, command))
    if isinstance(done, Rejected):
        raise AndonError.of(done)
    return _described(registry, done)


def _named(registry: Registry, cwd: str, name: str) -> Repository:
    """The registered repository of this name, or at this path."""
    known = registry.registered()
    by_name = next((x for x in known if x.name == name), None)
    if by_name is not None:
        return by_name
    place = os.path.realpath(os.path.join(cwd, name))
    if os.path.isdir(place):
        try:
            place = os.path.realpath(Git.find(place).common_dir)
        except AndonError:
            pass
    by_path = next((x for x in known if place in (x.path, os.path.dirname(x.path))), None)
    if by_path is None:
        raise unknown("repository", name)
    if says := _says_another(registry, by_path):
        raise _another(by_path, says, f"andon repo remove {by_path.name}")
    return by_path


def _points_here(registry: Registry, repository: Repository) -> bool:
    if not os.path.isdir(repository.path):
        return False
    pointed = membership.read(repository.path)
    return pointed == (registry.directory, repository.name)


def _half_cleared(path: str) -> bool:
    """Whether a removal was killed in the middle: it points nowhere any more, and not all is gone."""
    return membership.unfinished(path) and membership.read(path) is None


def _described(registry: Registry, repository: Repository) -> dict[str, Any]:
    """state: ok | missing | unset (it does not point here: `repo add` again) | removed."""
    state = "removed"
    if repository.status == REGISTERED:
        state = "missing"
        if os.path.isdir(repository.path):
            state = "ok" if _points_here(registry, repository) else "unset"
    return {
        "repository": repository.name,
        "path": _shown(repository.path),
        "state": state,
        "set_up": os.path.exists(os.path.join(repository.path, "andon", DATABASE)),
        "added_by": repository.added_by,
        "added_at": rfc3339(repository.added_at),
    }


def _shown(path: str) -> str:
    """A repository as people know it: the directory that they work in."""
    return os.path.dirname(path) if os.path.basename(path) == ".git" else path


def _each(
    names: Sequence[str], act: Callable[[str], dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[tuple[str, AndonError]]]:
    """Act on each; what is wrong with one stops no other. One alone raises what is wrong."""
    items: list[dict[str, Any]] = []
    errors: list[tuple[str, AndonError]] = []
    for name in names:
        try:
            items.append(act(name))
        except AndonError as error:
            if len(names) == 1:
                raise
            errors.append((name, error))
    return items, errors


def _reply(registry: Registry, items: list[dict[str, Any]], errors: list[tuple[str, AndonError]]) -> Reply:
    body: dict[str, Any] = {"ok": not errors, "workspace": registry.directory, "items": items}
    if errors:
        text = "; ".join(f"{name}: {error.message}" for name, error in errors)
        body["error"] = {"kind": errors[0][1].kind, "message": text, "next": errors[0][1].next}
    usage = bool(errors) and all(error.exit == EXIT_USAGE for _name, error in errors)
    return Reply(exit=EXIT_USAGE if usage else EXIT_NO if errors else EXIT_YES, body=body)
