"""Which of the two stores a learning is written to, and what follows when one there takes the place of one here.

Rules: a learning is in one store, whole. What holds beyond the repository is written to the workspace's, or refused when that
can't be used. Links to the other store are checked before the transaction and kept in the form of `core/reach`. A learning of
the workspace may take the place of the repository's: the new one is written first, and `finish` retires the old one; readers
count it as superseded already, so that a kill between the two changes nothing that anybody is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from andon.core import commands as c
from andon.core import learning as k
from andon.core import reach
from andon.core.errors import AndonError, Rejected, UsageError
from andon.engine.services import Services
from andon.engine.space import Space, known, seen, usable
from andon.engine.transact import Engine, Unit, unknown
from andon.ports import Reader

T = TypeVar("T")


class Home:
    """One of the two stores. space: the workspace, where there is one. kind: of the ids that are given out there."""

    def __init__(self, engine: Engine, space: Space | None, *, shared: bool) -> None:
        self.engine = engine
        self.space = space
        self.shared = shared
        self.kind = reach.SHARED_KIND if shared else "learning"

    def keeps(self, name: str) -> bool:
        return reach.is_shared(name) == self.shared

    def link(self, name: str) -> str:
        """The id as this store writes it."""
        if self.keeps(name) or self.space is None:
            return name
        return reach.away(name, self.space.name if self.shared else self.space.identity)


def for_scopes(services: Services, scopes: Sequence[str]) -> Home:
    """The store for a learning of these scopes. Raises AndonError when it is the workspace's and can't be used."""
    space = services.space
    if space is None or not reach.reaches_beyond(scopes):
        return Home(services.engine, space, shared=False)
    try:
        return Home(space.engine, space, shared=True)
    except AndonError as error:
        text = f"{', '.join(scopes)} reaches beyond this repository, and the workspace can't be used: {error.message}"
        following = f"{error.next}; or record it for this repository alone: --scope repo"
        raise AndonError(text, kind=error.kind, next=following, exit=error.exit) from error


def home_of(services: Services, name: str) -> Home:
    """The store that keeps a learning, by its id. Raises AndonError."""
    space = services.space
    if not reach.is_shared(name):
        return Home(services.engine, space, shared=False)
    if space is None:
        raise unknown("learning", name)
    return Home(space.engine, space, shared=True)


def find(services: Services, name: str) -> k.Learning:
    """A learning of either store as it is seen from here. Raises AndonError kind "unknown_learning"."""
    with home_of(services, name).engine.store.read() as reader:
        return seen(services, load(reader, name))


def load(reader: Reader, name: str) -> k.Learning:
    loaded = reader.load(name)
    if loaded is None or not isinstance(loaded.state, k.Learning):
        raise unknown("learning", name)
    return loaded.state


def active(learning: k.Learning) -> k.Learning:
    if learning.status != k.ACTIVE:
        text = f"learning {learning.id} is retired"
        raise UsageError(text, kind="bad_learning", next=f"andon learn show {learning.id}")
    return learning


def elsewhere(services: Services, home: Home, names: Sequence[str]) -> dict[str, k.Learning]:
    """Those of the named learnings that the other store keeps, each active."""
    return {name: active(find(services, name)) for name in names if not home.keeps(name)}


def refuse_narrower(home: Home, replaced: Sequence[k.Learning]) -> None:
    """What holds here alone does not take the place of what holds in all repositories."""
    for other in replaced:
        if not home.shared and reach.is_shared(other.id):
            text = f"{other.id} holds in the whole workspace: what takes its place must reach as far"
            following = f"add --scope workspace; or for this repository alone: --contradicts {other.id}"
            raise UsageError(text, kind="bad_learning", next=following)


def refuse_move(services: Services, learning: k.Learning, scopes: Sequence[str]) -> None:
    """An edit leaves a learning in its store, and its files those of the repository where it was found."""
    shared = reach.is_shared(learning.id)
    if services.space is None or not scopes:
        return
    again = f"andon learn 'text' --scope {scopes[0]} --supersedes {learning.id}"
    if reach.reaches_beyond(scopes) and not shared:
        text = f"{learning.id} is kept in this repository's store, and {', '.join(scopes)} reaches beyond it"
        raise UsageError(text, kind="bad_learning", next=again)
    if shared and not reach.reaches_beyond(scopes):
        text = f"{learning.id} is kept for the whole workspace, and {', '.join(scopes)} is about one repository"
        raise UsageError(text, kind="bad_learning", next=f"andon learn retire {learning.id}, then learn it anew")
    if shared and reach.is_of_one(scopes) and learning.repository != services.space.name:
        text = f"the files that {learning.id} speaks of are those of {learning.repository}"
        raise UsageError(text, kind="bad_learning", next=f"change it there; or: {again}")


def in_groups(services: Services, names: Sequence[str], act: Callable[[Unit, str], T]) -> dict[str, T]:
    """Act on learnings, those of one store in one transaction; the workspace's first, which may be out of reach."""
    done: dict[str, T] = {}
    for shared in (True, False):
        chosen = [name for name in names if reach.is_shared(name) == shared]
        if chosen:
            engine = home_of(services, chosen[0]).engine
            results, _effects = engine.transact(lambda unit, some=chosen: [act(unit, name) for name in some])  # type: ignore[misc]
            done |= zip(chosen, results, strict=True)
    return done


def finish(services: Services) -> list[str]:
    """Retire what the workspace's learnings have taken the place of. Harmless to repeat; their names."""
    space = usable(services)
    if space is None:
        return []
    with services.store.read() as reader:
        everything = known(services, reader, None)
    over = reach.half_superseded(everything)

    def work(unit: Unit) -> list[str]:
        done = []
        for older, newer in over.items():
            command = c.RetireLearning(
                at=services.clock.now(),
                actor=services.caller.agent,
                reason=f"superseded by {newer}",
                superseded_by=reach.away(newer, space.identity),
                person=services.caller.person,
            )
            if not isinstance(unit.on_learning(older, command), Rejected):
                done.append(older)
        return done

    if not over:
        return []
    done, _effects = services.engine.transact(work)
    return done
