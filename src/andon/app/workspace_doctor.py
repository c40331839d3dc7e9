"""What `andon doctor` says of the workspace that a repository belongs to, and how it mends it.

Rules: the workspace's store is looked at like the repository's own: the file, then its log against its projections. It is
salvaged only where it is damaged (its file, or events of its log), since all its repositories use it. Whatever is wrong here
is one check that failed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from andon.app.workspace import Registry
from andon.core import reach
from andon.core.errors import AndonError
from andon.engine import homes
from andon.engine.doctor import SALVAGE, following_of
from andon.engine.services import Services
from andon.engine.space import known
from andon.store import rebuild, salvage
from andon.store.sqlite import SqliteStore

MAX_SHOWN = 5
CHECK = "workspace"


def workspace_checks(services: Services, *, mend: bool, save: bool) -> list[dict[str, Any]]:
    """At most one check; none for a repository in no workspace."""
    try:
        space = services.space
        if space is None:
            return []
        store = space.look()
        saved = _saved(services, store) if save else ""
        problem, following = _file(services, store, space.directory, mend=mend)
        if problem:
            return [_failed(f"{space.directory}: {problem}{saved}", following)]
        if not space.identity:
            return []
        problem = _half_superseded(services, mend=mend)
        if problem:
            return [_failed(problem + saved, "andon doctor --mend")]
        sound = _sound(space.directory, space.name)
        return [sound | {"message": sound["message"] + saved}]
    except AndonError as error:
        return [_failed(error.message, error.next if error.next != "andon doctor" else SALVAGE)]


def _failed(text: str, following: str) -> dict[str, Any]:
    return {"check": CHECK, "ok": False, "message": text, "next": following}


def _file(services: Services, store: object, directory: str, *, mend: bool) -> tuple[str, str]:
    """What is wrong with the workspace's store, and what to do; "" when nothing is, or is any more."""
    if not isinstance(store, SqliteStore):
        return "", ""
    problems = _mended(lambda: salvage.problems(store), lambda: salvage.reindex(store), mend=mend)
    if problems:
        return _listed(problems), f"andon doctor --mend; if that is not enough, {SALVAGE}"
    problems = _mended(lambda: rebuild.check(store, services.progress), lambda: rebuild.rebuild(store), mend=mend)
    copy = f"andon import FILE --workspace {directory} in the place of this one"
    return _listed(problems), following_of(problems, lambda: rebuild.unreadable(store), copy)


def _saved(services: Services, store: object) -> str:
    """Replace a damaged database by what can be read of it; in words what came of it, "" where nothing was damaged."""
    if not isinstance(store, SqliteStore) or not _is_damaged(store):
        return ""
    store.close()
    done = salvage.salvage(store.path, services.progress, now=services.clock.now())
    lost = f"; lost: {_listed(done.lost)}" if done.lost else ""
    return f"; saved {done.events} events, the damaged database is kept in {done.kept}{lost}"


def _is_damaged(store: SqliteStore) -> bool:
    try:
        return bool(salvage.problems(store) or rebuild.unreadable(store))
    except AndonError as error:
        return error.kind == "corrupt"


def _listed(lines: Sequence[str]) -> str:
    return "; ".join(lines[:MAX_SHOWN])


def _mended(find: Callable[[], Sequence[str]], heal: Callable[[], None], *, mend: bool) -> Sequence[str]:
    found = find()
    if found and mend:
        heal()
        found = find()
    return found


def _half_superseded(services: Services, *, mend: bool) -> str:
    if mend:
        homes.finish(services)
    with services.store.read() as reader:
        over = reach.half_superseded(known(services, reader, None))
    return "; ".join(f"{older} was superseded by {newer}, and not retired" for older, newer in over.items())


def _sound(directory: str, name: str) -> dict[str, Any]:
    odd = [x["repository"] for x in Registry(directory).described() if x["state"] != "ok"]
    check: dict[str, Any] = {"check": CHECK, "ok": True, "message": f"{directory}, as {name}", "next": ""}
    if odd:
        check |= {
            "message": f"{directory}: {', '.join(odd[:MAX_SHOWN])} missing or not pointing there",
            "next": "andon repo list; andon repo add PATH, or andon repo remove NAME",
            "warning": True,
        }
    return check
