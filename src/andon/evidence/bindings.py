"""What evidence is bound to: the very commit, tree, change, workflow and people. Pure comparisons; each names its part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from andon.core import verdict as v
from andon.core.gate_files import LAST
from andon.core.swarm import ref_of
from andon.core.workflow import ISOLATION_LEVELS, SUSPICION_VERSION, digest_of
from andon.evidence import entry
from andon.evidence.reading import Subject, SummaryStatement, VerdictStatement
from andon.evidence.statements import (
    LANDING_SCHEMA,
    PEOPLE_KINDS,
    RESULTS,
    TREE_KINDS,
    VERDICT_SCHEMA,
    commit_subject,
    kind_of,
    patch_subject,
    tree_subject,
)
from andon.evidence.trust import Problem, TrustedKey

Opened = Sequence[tuple[str, VerdictStatement, TrustedKey]]


class Facts(Struct, frozen=True, kw_only=True):
    """What a commit says by itself. merged: its parents but the first. patch: counted anew from parent and tree.

    author: name and e-mail.
    """

    commit: str
    content_sha256: str
    parent: str
    merged: tuple[str, ...]
    tree: str
    patch: str
    task: str
    run: str
    evidence: str
    author: tuple[str, str]


class _Findings:
    """Problems with their parts."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, part: str, message: str) -> None:
        self.problems.append(Problem(part=part, message=message))

    def same(self, part: str, found: object, expected: object) -> None:
        if found != expected:
            self.add(part, f"it says {_short(found)}, expected {_short(expected)}")


def _short(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()
    return text if len(text) <= 300 else text[:300] + "…"


def _plain(subjects: Sequence[Subject]) -> list[dict[str, Any]]:
    return [{"name": subject.name, "digest": subject.digest} for subject in subjects]


def check_summary(facts: Facts, statement: SummaryStatement, lines: Sequence[bytes], part: str) -> list[Problem]:
    """The summary is of this very commit, and lists exactly these verdicts."""
    found = _Findings()
    predicate, landing = statement.predicate, statement.predicate.andon_landing
    wanted = [commit_subject(facts.commit, facts.content_sha256), tree_subject(facts.tree)]
    found.same(f"{part} subject", _plain(statement.subject), wanted)
    found.same(f"{part} schema", landing.schema, LANDING_SCHEMA)
    found.same(f"{part} verificationResult", predicate.result, "PASSED")
    found.same(f"{part} task", landing.task, facts.task)
    found.same(f"{part} run", landing.run, facts.run)
    found.same(f"{part} evidence", landing.evidence, facts.evidence)
    found.same(f"{part} parent", landing.parent, facts.parent)
    found.same(f"{part} merged", landing.merged, facts.merged)
    if landing.covers and not landing.merged:
        found.add(f"{part} covers", "it names commits that come along, and none do")
    found.same(f"{part} tree", landing.tree, facts.tree)
    found.same(f"{part} patch", landing.patch, facts.patch)
    found.same(f"{part} resourceUri", predicate.resource, f"git:{ref_of(landing.target)}")
    found.same(f"{part} policy", f"sha256:{predicate.policy.digest.get('sha256')}", landing.workflow)
    listed = [f"sha256:{resource.digest.get('sha256')}" for resource in predicate.inputs]
    present = [entry.digest_of(line) for line in lines]
    if listed != present:
        names = [
            f"line {number} ({predicate.inputs[number - 1].uri if number <= len(listed) else 'not listed'})"
            for number in range(1, max(len(listed), len(present)) + 1)
            if listed[number - 1 : number] != present[number - 1 : number]
        ]
        found.add(f"{part} inputAttestations", f"the verdicts are not those it lists: {', '.join(names[:10])}")
    return found.problems


def check_verdicts(
    facts: Facts, statement: SummaryStatement, key: TrustedKey, opened: Opened, stored: tuple[str, bytes | None]
) -> list[Problem]:
    """Every gate that had to hold did, on this very tree or change, by the pinned workflow. stored: (part, JSON)."""
    found = _Findings()
    landing = statement.predicate.andon_landing
    workflow = _workflow(found, stored, landing.workflow)
    if workflow is None:
        return found.problems
    gates: dict[str, Any] = workflow.get("gates") or {}
    step = (workflow.get("steps") or {}).get(landing.step) or {}
    needed = dict.fromkeys((v.PROTECT_GATE, *(workflow.get("done") or ()), *(step.get("gates") or ())))
    seen = [verdict.predicate.andon_verdict.gate for _part, verdict, _key in opened]
    for gate in needed:
        if gate not in seen:
            found.add(f"gate {gate}", "there is no good verdict of this gate, which has to hold on what lands")
    for gate in dict.fromkeys(seen):
        if seen.count(gate) > 1:
            found.add(f"gate {gate}", "it has more than one verdict")
    for part, verdict, signer in opened:
        found.same(f"{part} signatures", signer.id, key.id)
        _check_verdict(found, part, facts, verdict, gates, workflow)
        _check_people(found, part, facts, verdict, gates, landing.authors)
    sections = [verdict.predicate.andon_verdict for _part, verdict, _key in opened]
    people = {x.gate: x.people for x in sections if x.people}
    waivers = [(x.gate, x.waived_by, x.why) for x in sections if x.outcome == v.WAIVED]
    found.same("summary approvers", landing.approvers, people)
    found.same("summary waivers", [(x.gate, x.by, x.why) for x in landing.waivers], waivers)
    return found.problems


def _workflow(found: _Findings, stored: tuple[str, bytes | None], digest: str) -> dict[str, Any] | None:
    part, content = stored
    if content is None:
        found.add(part, "the workflow that the summary names is missing")
        return None
    if entry.digest_of(content) != digest:
        found.add(part, f"its digest is {entry.digest_of(content)}, expected {digest}")
        return None
    try:
        workflow = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        workflow = None
    if not isinstance(workflow, dict):
        found.add(part, "it is not a workflow")
        return None
    return workflow


def _check_verdict(
    found: _Findings,
    part: str,
    facts: Facts,
    verdict: VerdictStatement,
    gates: dict[str, Any],
    workflow: dict[str, Any],
) -> None:
    section = verdict.predicate.andon_verdict
    found.same(f"{part} schema", section.schema, VERDICT_SCHEMA)
    found.same(f"{part} task", section.task, facts.task)
    found.same(f"{part} run", section.run, facts.run)
    found.same(f"{part} parent", section.parent, facts.parent)
    if section.gate in gates:
        definition: object = gates[section.gate]
    elif section.gate == v.PROTECT_GATE:
        # What the gates' commands read was worked out by the version that landed it; the evidence says what it was.
        definition = {"protect": section.protected}
        _check_protected(found, part, section.protected, workflow.get("protect") or [])
    else:
        found.add(f"{part} gate", f"the workflow has no gate {section.gate}")
        return
    known = _digests(definition)
    found.same(
        f"{part} gateDigest", section.gate_digest, section.gate_digest if section.gate_digest in known else known[0]
    )
    configured = [(x.name, f"sha256:{x.digest.get('sha256')}") for x in verdict.predicate.configuration]
    found.same(f"{part} configuration", configured, [(section.gate, section.gate_digest)])
    if section.outcome not in v.OPENING:
        found.add(f"{part} outcome", f"gate {section.gate} is {section.outcome}, which does not open it")
    found.same(f"{part} result", verdict.predicate.result, RESULTS.get(section.outcome, "FAILED"))
    least = (workflow.get("environment") or {}).get("isolation", "")
    if section.outcome == v.PASSED and kind_of(definition) == "run" and _weaker(section.isolation, least):
        found.add(f"{part} isolation", f"it ran in {section.isolation}; the workflow demands {least}")
    on_tree = kind_of(gates.get(section.gate)) in TREE_KINDS
    wanted = [tree_subject(facts.tree)] if on_tree else [patch_subject(facts.patch)]
    if on_tree and section.outcome == v.WAIVED:
        wanted.append(patch_subject(facts.patch))
    found.same(f"{part} subject", _plain(verdict.subject), wanted)


def _digests(definition: object) -> list[str]:
    """What a gate's digest may be, the present one first: rules of suspicion that it refuses by have had several versions."""
    if kind_of(definition) == "diff" and isinstance(definition, dict) and definition.get("refuse"):
        versions = range(SUSPICION_VERSION, 0, -1)
        return [digest_of({"gate": definition, "suspicion": version}) for version in versions]
    return [digest_of(definition)]


def _check_protected(found: _Findings, part: str, stated: Sequence[str], own: Sequence[str]) -> None:
    """The patterns that held include the workflow's own, as the last word, and the definitions themselves."""
    wanted = [*(pattern for pattern in own if pattern != LAST), LAST]
    if list(stated[-len(wanted) :]) != wanted:
        found.add(
            f"{part} protected", f"it ends with {_short(list(stated[-len(wanted) :]))}, expected {_short(wanted)}"
        )


def _weaker(achieved: str, least: str) -> bool:
    """Whether an isolation level is not known to be at least another."""
    return achieved not in ISOLATION_LEVELS or (
        least in ISOLATION_LEVELS and ISOLATION_LEVELS.index(achieved) < ISOLATION_LEVELS.index(least)
    )


def _check_people(
    found: _Findings,
    part: str,
    facts: Facts,
    verdict: VerdictStatement,
    gates: dict[str, Any],
    authors: Sequence[str],
) -> None:
    """Approvers, reviewers and who waived are none of the authors (laws 1 and 11)."""
    section = verdict.predicate.andon_verdict
    gate = gates.get(section.gate) or {}
    own = {*authors, *facts.author}
    for name in section.people:
        if name in own:
            found.add(f"{part} people", f"{name} is an author of the change")
    if section.outcome == v.WAIVED:
        if not section.waived_by or not section.why:
            found.add(f"{part} waivedBy", "a waiver says by whom and why")
        if section.waived_by in own:
            found.add(f"{part} waivedBy", f"{section.waived_by} is an author of the change")
    elif kind_of(gate) in PEOPLE_KINDS:
        if len(set(section.people)) < int(gate.get("count") or 1):
            found.add(f"{part} people", f"{len(set(section.people))} of {gate.get('count') or 1} people")
        entitled = gate.get("by") or []
        for name in section.people:
            if entitled and name not in entitled:
                found.add(f"{part} people", f"{name} may not open this gate")
