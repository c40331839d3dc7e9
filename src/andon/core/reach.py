"""How far a learning reaches, and what follows: which store keeps it, and how it is named from elsewhere.

Theory of operation. In a repository that belongs to a workspace there are two stores. What holds in several repositories
(a label, or everywhere) is kept whole in the workspace's, all else in the repository's own. Their ids never meet: L1 is the
repository's, W1 the workspace's. A store that names a learning of another one says whose: `L1@NAME` for a repository's,
`W1@IDENTITY` for a workspace's, so that neither a move to another workspace nor another repository's L1 is mistaken for it.
Whoever looks from a repository sees the plain ids of its own two stores.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from andon.core import learning as k

SHARED_KIND = "shared"
"""The kind of id that a workspace's learnings have."""
_SHARED = "W"


def is_shared(name: str) -> bool:
    """Whether an id is that of a learning in the workspace's store."""
    return name.startswith(_SHARED) and name[1:].partition("@")[0].isdecimal()


def reaches_beyond(scopes: Sequence[str]) -> bool:
    """Whether a learning of these scopes holds in more than one repository."""
    return any(k.scope_kind(scope) in (k.LABEL, k.WORKSPACE) for scope in scopes)


def is_of_one(scopes: Sequence[str]) -> bool:
    """Whether some scope speaks of one repository's files."""
    return any(k.scope_kind(scope) in (k.PATH, k.REPO) for scope in scopes)


def away(name: str, place: str) -> str:
    """How a store names a learning of another one, which belongs to a place."""
    return f"{name}@{place}"


def plain(name: str, places: Sequence[str]) -> str:
    """The id as it is seen from where all these places are at hand; another place's stays what it is."""
    own, _, place = name.partition("@")
    return own if place in places else name


def seen(learning: k.Learning, places: Sequence[str]) -> k.Learning:
    """The learning with the links that can be followed from here under their plain ids."""
    links = (*learning.supersedes, *learning.contradicts, learning.superseded_by)
    if not any("@" in link for link in links):
        return learning
    return replace(
        learning,
        supersedes=tuple(plain(link, places) for link in learning.supersedes),
        contradicts=tuple(plain(link, places) for link in learning.contradicts),
        superseded_by=plain(learning.superseded_by, places),
    )


def half_superseded(learnings: Sequence[k.Learning]) -> dict[str, str]:
    """Active learnings that an active one in the other store has taken the place of: {the old one: the new one}.

    Both stores can't be written at once. Between the two writes, and after a kill there, the new one counts already.
    """
    active = {x.id: x for x in learnings if x.status == k.ACTIVE}
    found: dict[str, str] = {}
    for newer in active.values():
        for name in newer.supersedes:
            older = active.get(name)
            if older is None or is_shared(name) == is_shared(newer.id):
                continue
            waits = name in newer.contradicts and not newer.reviewed_by
            if not waits and not (older.reviewed_by and not newer.reviewed_by):
                found[name] = newer.id
    return found
