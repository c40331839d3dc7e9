"""Whom to believe: the keys that a verifier trusts, from what it holds itself and from the key rings beside the evidence.

Rules: trust starts at keys that the verifier holds (pinned files, else the workspace's own ring), never at a key that merely
travels with the evidence; a ring signed by a trusted key adds the retired keys before it, with their times; a trusted key
that no ring on the references answers for is reported, since a ring may have been removed or put back to an older one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from andon.evidence import entry
from andon.evidence import ring as rings
from andon.evidence.dsse import Broken
from andon.evidence.ring import Ring

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Problem(Struct, frozen=True, kw_only=True):
    """Something that is not as it should be. part: exactly where."""

    part: str
    message: str


class TrustedKey(Struct, frozen=True, kw_only=True):
    """position: in its line, oldest first. since, until: seconds since the epoch; until None while it signs."""

    id: str
    line: str
    position: int
    public: str
    since: float
    until: float | None


class Trust(Struct, frozen=True, kw_only=True):
    keys: dict[str, TrustedKey]
    problems: tuple[Problem, ...] = ()
    succeeded: dict[str, str] = {}
    """untrusted keys that a ring names as successors of pinned ones: id -> the pinned key"""

    def untrusted(self, key: str) -> str:
        """Why a key is not believed."""
        if key in self.succeeded:
            return (
                f"it is signed by {key}, which is not trusted; its ring names it as the successor of "
                f"{self.succeeded[key]}: pin it once you have checked it with its owner"
            )
        return f"it is signed by {key}, which is not trusted"


def public_of(key: TrustedKey) -> Ed25519PublicKey:
    return rings.public_key(key.public)


def build(local: Ring | None, stored: Mapping[str, bytes | None], pinned: Mapping[str, object]) -> Trust:
    """local: the workspace's ring. stored: ring.json by evidence reference (None: missing). pinned: keys by id.

    With pinned keys the workspace's own ring counts for nothing.
    """
    keys: dict[str, TrustedKey] = {}
    problems: list[Problem] = []
    succeeded: dict[str, str] = {}
    if not pinned and local is not None:
        _adopt(local, keys)
    for ref, data in sorted(stored.items()):
        part = f"{ref}:{entry.RING}"
        try:
            ring = _stored(ref, data)
        except Broken as error:
            problems.append(Problem(part=f"{part} {error.part}".strip(), message=error.message))
            continue
        listed = [key.id for key in ring.keys]
        if ring.current.id in pinned:
            _adopt(ring, keys)
        elif not pinned and local is not None and ring.line == local.line:
            if listed != [key.id for key in local.keys][: len(listed)]:
                problems.append(Problem(part=part, message="it lists other keys than the workspace's own ring"))
        else:
            for older in [key for key in listed if key in pinned]:
                succeeded.update(dict.fromkeys(listed[listed.index(older) + 1 :], older))
    for key in pinned:
        if key not in keys:
            text = "no key ring on the evidence references is signed by it or by a trusted successor"
            newer = [new for new, old in succeeded.items() if old == key]
            text += f"; a ring says that {newer[-1]} succeeded it" if newer else ""
            problems.append(Problem(part=f"key {key}", message=text))
    return Trust(keys=keys, problems=tuple(problems), succeeded=succeeded)


def _stored(ref: str, data: bytes | None) -> Ring:
    if data is None:
        raise Broken("there is no key ring")
    ring = rings.read(data)
    if entry.ref_of(ring.line) != ref:
        raise Broken(f"it is the ring of another line of keys, whose place is {entry.ref_of(ring.line)}")
    return ring


def _adopt(ring: Ring, keys: dict[str, TrustedKey]) -> None:
    for position, key in enumerate(ring.keys):
        keys[key.id] = TrustedKey(
            id=key.id,
            line=ring.line,
            position=position,
            public=key.public,
            since=rings.seconds(key.since),
            until=rings.seconds(key.until) if key.until else None,
        )
