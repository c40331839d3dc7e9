"""Reading statements back: their shapes, and opening an envelope with the keys that are trusted."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Struct, field

from andon.evidence import dsse
from andon.evidence.dsse import Broken
from andon.evidence.statements import STATEMENT, SUMMARY, TEST_RESULT
from andon.evidence.trust import Trust, TrustedKey, public_of


class Subject(Struct, frozen=True, kw_only=True):
    name: str
    digest: dict[str, str]


class Resource(Struct, frozen=True, kw_only=True):
    uri: str
    digest: dict[str, str]
    name: str = ""


class VerdictSection(Struct, frozen=True, kw_only=True, rename="camel"):
    schema: str
    gate: str
    outcome: str
    summary: str
    task: str
    run: str
    parent: str
    gate_digest: str
    environment_digest: str
    isolation: str
    people: tuple[str, ...]
    protected: tuple[str, ...]
    waived_by: str
    why: str


class VerdictPredicate(Struct, frozen=True, kw_only=True):
    result: str
    configuration: tuple[Resource, ...]
    andon_verdict: VerdictSection


class VerdictStatement(Struct, frozen=True, kw_only=True):
    kind: str = field(name="_type")
    predicate_type: str = field(name="predicateType")
    subject: tuple[Subject, ...]
    predicate: VerdictPredicate


class Waived(Struct, frozen=True, kw_only=True):
    gate: str
    by: str
    why: str


class LandingSection(Struct, frozen=True, kw_only=True, rename="camel"):
    schema: str
    task: str
    run: str
    step: str
    target: str
    parent: str
    tree: str
    patch: str
    evidence: str
    workflow: str
    workflow_name: str
    definitions: str
    authors: tuple[str, ...]
    approvers: dict[str, tuple[str, ...]]
    waivers: tuple[Waived, ...]
    merged: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()


class SummaryPredicate(Struct, frozen=True, kw_only=True):
    time_verified: str = field(name="timeVerified")
    resource: str = field(name="resourceUri")
    policy: Resource
    inputs: tuple[Resource, ...] = field(name="inputAttestations")
    result: str = field(name="verificationResult")
    andon_landing: LandingSection


class SummaryStatement(Struct, frozen=True, kw_only=True):
    kind: str = field(name="_type")
    predicate_type: str = field(name="predicateType")
    subject: tuple[Subject, ...]
    predicate: SummaryPredicate


Statement = TypeVar("Statement", VerdictStatement, SummaryStatement)
PREDICATES = {VerdictStatement: TEST_RESULT, SummaryStatement: SUMMARY}


def open_statement(data: bytes, shape: type[Statement], trust: Trust) -> tuple[Statement, TrustedKey]:
    """The statement in an envelope that a trusted key signed, and the key. Raises Broken."""
    envelope, payload = dsse.read(data)
    key = trust.keys.get(envelope.keyid)
    if key is None:
        raise Broken(trust.untrusted(envelope.keyid), "signatures")
    dsse.verify(envelope, payload, public_of(key), dsse.STATEMENT)
    try:
        statement = msgspec.json.decode(payload, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Broken(f"it is not a statement that this version reads: {error}", "payload") from None
    if statement.kind != STATEMENT or statement.predicate_type != PREDICATES[shape]:
        raise Broken(f"it is a {statement.predicate_type}, not a {PREDICATES[shape]}", "payload")
    return statement, key
