"""The registry of a workspace: which repositories belong to it, and under which names. Its rules, and what events change.

Theory of operation. A name stands for one repository for good, since learnings carry it: a name that is known is taken again
only from the same place, or by what is said to be the same repository at another one. Where a repository really is, and
whether it points back to the workspace, the caller knows. Must not know: git, directories, the store.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from andon.core import events_registry as e
from andon.core.errors import EXIT_USAGE, InvariantViolation, Rejected

if TYPE_CHECKING:
    from andon.core import commands as c
    from andon.core.event import Event

REGISTERED = "registered"
REMOVED = "removed"

MAX_NAME_CHARS = 100
MAX_PATH_CHARS = 4096
MAX_REPOSITORIES = 10_000
"""Repositories of one workspace."""
_PREFIX = "repo:"


class Repository(Struct, frozen=True, kw_only=True):
    """A repository of the workspace. id: the name behind a prefix. path: its git directory. status: registered | removed."""

    id: str
    path: str
    status: str = REGISTERED
    added_by: str = ""
    added_at: float = 0.0
    changed_at: float = 0.0

    @property
    def name(self) -> str:
        return self.id.removeprefix(_PREFIX)


def stream_of(name: str) -> str:
    """The id of a repository of this name."""
    return _PREFIX + name


def is_name(text: str) -> bool:
    """Letters, digits, dots, dashes and underscores; no dot or dash first, so that it is neither a path nor an option."""
    plain = text.replace("-", "a").replace("_", "a").replace(".", "a")
    return 0 < len(text) <= MAX_NAME_CHARS and plain.isascii() and plain.isalnum() and text[0] not in "-."


# ---------------------------------------------------------------- deciding


def decide_repository(known: Repository | None, command: c.Command) -> list[Event] | Rejected:
    """Commands of a repository in the registry."""
    from andon.core import commands as c

    if isinstance(command, c.AddRepository):
        return _add(known, command)
    if known is None:
        raise InvariantViolation(f"{type(command).__name__} for a repository that was never added")
    if isinstance(command, c.RemoveRepository):
        return [] if known.status == REMOVED else [e.RepositoryRemoved(at=command.at, actor=command.actor)]
    raise InvariantViolation(f"no rule for command {type(command).__name__} on a repository")


def _add(known: Repository | None, command: c.AddRepository) -> list[Event] | Rejected:
    if not is_name(command.repository):
        text = f"{command.repository[:MAX_NAME_CHARS]!r} is no name for a repository"
        following = "--name NAME, of letters, digits, dots, dashes and underscores"
        return Rejected(kind="bad_input", message=text, next=following, exit=EXIT_USAGE)
    if len(command.path) > MAX_PATH_CHARS:
        text = f"a path has at most {MAX_PATH_CHARS} characters"
        return Rejected(kind="bad_input", message=text, next="move the repository to a shorter path", exit=EXIT_USAGE)
    if known is not None and known.path != command.path and not command.moved:
        was = "was" if known.status == REMOVED else "is"
        text = f"the name {command.repository} {was} that of another repository: {known.path}"
        return Rejected(kind="name_taken", message=text, next="andon repo add --name NAME", exit=EXIT_USAGE)
    if known is None or known.status == REMOVED:
        added = e.RepositoryAdded(at=command.at, actor=command.actor, repository=command.repository, path=command.path)
        return [added]
    if known.path == command.path:
        return []
    return [e.RepositoryMoved(at=command.at, actor=command.actor, path=command.path)]


# ---------------------------------------------------------------- what events change


def _added(known: Repository | None, event: e.RepositoryAdded) -> Repository:
    if known is not None and known.status != REMOVED:
        raise InvariantViolation(f"repository {event.repository} added twice")
    return Repository(
        id=stream_of(event.repository), path=event.path, added_by=event.actor, added_at=event.at, changed_at=event.at
    )


def _moved(known: Repository, event: e.RepositoryMoved) -> Repository:
    return replace(known, path=event.path, changed_at=event.at)


def _removed(known: Repository, event: e.RepositoryRemoved) -> Repository:
    return replace(known, status=REMOVED, changed_at=event.at)


REPOSITORY_EVENTS: dict[type[Event], Callable[[Any, Any], Any]] = {
    e.RepositoryAdded: _added,
    e.RepositoryMoved: _moved,
    e.RepositoryRemoved: _removed,
}
