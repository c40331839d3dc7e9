"""DSSE envelopes (github.com/secure-systems-lab/dsse, protocol 1.0.2) with one ed25519 signature.

Rules: what is signed is the pre-authentication encoding, never JSON; an envelope has exactly one way to be written, so
that a changed byte is a changed envelope even where base64 or JSON would read it as the same. Must not know: what a
payload means.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

STATEMENT = "application/vnd.in-toto+json"
MAX_BYTES = 4_000_000


class Broken(Exception):
    """Something is not what it should be. part: the exact part, relative to where it was read; "" for the whole."""

    def __init__(self, message: str, part: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.part = part


class Signature(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    keyid: str
    sig: str


class Envelope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """payload and sig are base64. A key id is "sha256:<hex>" of the key's DER SubjectPublicKeyInfo."""

    payload: str
    payloadType: str
    signatures: tuple[Signature, ...]

    @property
    def keyid(self) -> str:
        return self.signatures[0].keyid


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding: what the signature is over."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def canonical(value: object) -> bytes:
    """JSON with sorted keys and without white space."""
    return msgspec.json.encode(value, order="sorted")


def sign(payload: bytes, payload_type: str, key: Ed25519PrivateKey, keyid: str) -> bytes:
    """The bytes of an envelope. Ed25519 is deterministic: the same payload and key give the same bytes."""
    signature = Signature(keyid=keyid, sig=_encode(key.sign(pae(payload_type, payload))))
    return canonical(Envelope(payload=_encode(payload), payloadType=payload_type, signatures=(signature,)))


def read(data: bytes) -> tuple[Envelope, bytes]:
    """The envelope and its payload, not yet verified. Raises Broken."""
    if len(data) > MAX_BYTES:
        raise Broken(f"the envelope has more than {MAX_BYTES} bytes")
    try:
        envelope = msgspec.json.decode(data, type=Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Broken(f"it is not a DSSE envelope: {error}") from None
    if canonical(envelope) != data:
        raise Broken("the envelope is not written in its one canonical form")
    if len(envelope.signatures) != 1:
        raise Broken(f"the envelope has {len(envelope.signatures)} signatures, not one", "signatures")
    return envelope, _decode(envelope.payload, "payload")


def verify(envelope: Envelope, payload: bytes, key: Ed25519PublicKey, payload_type: str) -> None:
    """Raises Broken when the type is another or the signature is not the key's."""
    from cryptography.exceptions import InvalidSignature

    if envelope.payloadType != payload_type:
        raise Broken(f"the payload's type is {envelope.payloadType}, not {payload_type}", "payloadType")
    signature = _decode(envelope.signatures[0].sig, "signature")
    try:
        key.verify(signature, pae(envelope.payloadType, payload))
    except InvalidSignature:
        raise Broken(f"the signature is not that of key {envelope.keyid}", "signature") from None


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str, part: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Broken(f"the {part} is not base64", part) from None
    if _encode(data) != text:
        raise Broken(f"the {part} is not base64 in its one canonical form", part)
    return data
