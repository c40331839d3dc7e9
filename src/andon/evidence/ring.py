"""The key ring: which public keys sign a workspace's evidence, and from when until when each did.

Theory of operation. A workspace has one line of keys; the last one signs, the others are retired. The ring lists them all
and is signed by its last key: who trusts that key trusts its word on the retired ones before it, and on nothing after it.
So a verifier that holds the present key can check old evidence; a stolen retired key can't appoint a successor.
Must not know: where rings and private keys are kept.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from andon.core.digests import sha256
from andon.evidence import dsse
from andon.evidence.dsse import Broken

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SCHEMA = "andon/key-ring/1"
PAYLOAD_TYPE = "application/vnd.andon.key-ring+json"
MAX_KEYS = 1000
_BLOCK = re.compile(r"-----BEGIN PUBLIC KEY-----\n.*?-----END PUBLIC KEY-----\n", re.DOTALL)


class RingKey(Struct, frozen=True, kw_only=True, rename={"since": "from"}, forbid_unknown_fields=True):
    """id: "sha256:<hex>" of the DER SubjectPublicKeyInfo. public: its PEM. since, until: RFC 3339; until "" while it signs."""

    id: str
    public: str
    since: str
    until: str = ""


class Ring(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """keys: oldest first; only the last one is not retired."""

    schema: str = SCHEMA
    keys: tuple[RingKey, ...]

    @property
    def line(self) -> str:
        """The identity of the workspace's line of keys: its first key."""
        return self.keys[0].id

    @property
    def current(self) -> RingKey:
        return self.keys[-1]


def when(at: float) -> str:
    """RFC 3339 with microseconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds(text: str) -> float:
    """Seconds since the epoch of what `when` wrote. Raises Broken."""
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        raise Broken(f"{text!r} is not a time") from None
    return moment.timestamp()


def pem_of(key: Ed25519PublicKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def id_of(key: Ed25519PublicKey) -> str:
    """A key's id: the digest of its DER SubjectPublicKeyInfo, as `openssl pkey -pubin -outform DER | sha256sum` has it."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return f"sha256:{sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()}"


def public_key(pem: str) -> Ed25519PublicKey:
    """An ed25519 public key from PEM in its one canonical form. Raises Broken."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise Broken("it is not a public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise Broken("it is not an ed25519 key")
    if pem_of(key) != pem:
        raise Broken("the PEM is not written in its one canonical form")
    return key


def public_keys(text: str) -> dict[str, Ed25519PublicKey]:
    """The keys of a file that holds PEM public keys, one after another, and nothing else. Raises Broken."""
    blocks = _BLOCK.findall(text)
    if not blocks or "".join(blocks) != text:
        raise Broken("it does not hold PEM public keys (BEGIN PUBLIC KEY) and nothing else")
    keys = [public_key(block) for block in blocks]
    return {id_of(key): key for key in keys}


def write(ring: Ring, key: Ed25519PrivateKey) -> bytes:
    """The ring in an envelope signed by its last key."""
    return dsse.sign(dsse.canonical(ring), PAYLOAD_TYPE, key, ring.current.id)


def read(data: bytes) -> Ring:
    """A ring that is whole and signed by its last key; whether that key is trusted is the caller's to say. Raises Broken."""
    envelope, payload = dsse.read(data)
    try:
        ring = msgspec.json.decode(payload, type=Ring)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Broken(f"it is not a key ring: {error}") from None
    if ring.schema != SCHEMA:
        raise Broken(f"it has the schema {ring.schema}, not {SCHEMA}: a newer Andon may read it")
    if not 0 < len(ring.keys) <= MAX_KEYS:
        raise Broken(f"it lists {len(ring.keys)} keys")
    for key in ring.keys:
        if id_of(public_key(key.public)) != key.id:
            raise Broken("the id is not that of the key", f"key {key.id}")
        seconds(key.since)
    for key, following in zip(ring.keys, ring.keys[1:], strict=False):
        if not key.until or seconds(key.until) < seconds(key.since) or seconds(following.since) < seconds(key.until):
            raise Broken("the times of its keys do not follow one another", f"key {key.id}")
    if ring.current.until or len({key.id for key in ring.keys}) != len(ring.keys):
        raise Broken("its last key is retired, or a key is listed twice")
    if envelope.keyid != ring.current.id:
        raise Broken(f"it is signed by {envelope.keyid}, not by its last key", "signatures")
    dsse.verify(envelope, payload, public_key(ring.current.public), PAYLOAD_TYPE)
    return ring
