"""in-toto statements: one per verdict, and the verification summary of a landed commit.

Rules: predicates are the public ones (test-result v0.1, SLSA verification summary v1) with what only Andon has in fields of
its own, `andon_verdict` and `andon_landing`; a waiver is WARNED there, never PASSED (law 3); no path of this machine is
written. Pure: the same facts give the same statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from andon.core import verdict as v
from andon.core.swarm import ref_of
from andon.evidence.ring import when
from andon.ports import LandingFacts

STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
SUMMARY = "https://slsa.dev/verification_summary/v1"
VERDICT_SCHEMA = "andon/verdict/1"
LANDING_SCHEMA = "andon/landing/1"
LEVEL = "ANDON_DONE_GATES_HOLD"
RESULTS = {v.PASSED: "PASSED", v.WAIVED: "WARNED"}
"""test-result's word for each outcome that opens a gate; every other one is FAILED."""
_LISTS = {"PASSED": "passedTests", "WARNED": "warnedTests", "FAILED": "failedTests"}

TREE_KINDS = frozenset({"run", "artifact", "signal"})
"""Gate kinds whose verdict is bound to the tree; the others are bound to the change."""
PEOPLE_KINDS = frozenset({"review", "approval"})


def tree_subject(tree: str) -> dict[str, Any]:
    return {"name": "tree", "digest": {"gitTree": tree}}


def patch_subject(patch: str) -> dict[str, Any]:
    return {"name": "patch", "digest": {"andonPatch": patch.removeprefix("patch:")}}


def commit_subject(commit: str, content_sha256: str) -> dict[str, Any]:
    """content_sha256: of the commit object's content, as `git cat-file commit` prints it."""
    return {"name": "commit", "digest": {"gitCommit": commit, "sha256": content_sha256}}


def subjects(verdict: v.Verdict, facts: LandingFacts) -> list[dict[str, Any]]:
    """What a verdict is about. A waiver of a gate on the tree holds for this tree and this change alone."""
    if verdict.subject.startswith("git-tree:"):
        return [tree_subject(verdict.subject.removeprefix("git-tree:"))]
    on_tree = kind_of(facts.gates.get(verdict.gate)) in TREE_KINDS
    return [*([tree_subject(facts.tree)] if on_tree else []), patch_subject(verdict.subject)]


def kind_of(gate: Any) -> str:
    """The kind in a gate's definition."""
    return str(gate.get("kind", "")) if isinstance(gate, Mapping) else ""


def verdict_statement(verdict: v.Verdict, facts: LandingFacts, log_digest: str) -> dict[str, Any]:
    """log_digest: "sha256:<hex>" of the whole (bounded) log, "" when there is none."""
    result = RESULTS.get(verdict.outcome, "FAILED")
    return {
        "_type": STATEMENT,
        "subject": subjects(verdict, facts),
        "predicateType": TEST_RESULT,
        "predicate": {
            "result": result,
            "configuration": [
                {
                    "name": verdict.gate,
                    "uri": f"{facts.workflow_uri}#gates.{verdict.gate}",
                    "digest": {"sha256": verdict.gate_digest.removeprefix("sha256:")},
                }
            ],
            _LISTS[result]: [verdict.gate],
            "andon_verdict": {
                "schema": VERDICT_SCHEMA,
                "gate": verdict.gate,
                "outcome": verdict.outcome,
                "summary": verdict.summary,
                "task": facts.task,
                "run": facts.run,
                "parent": facts.head,
                "gateDigest": verdict.gate_digest,
                "environmentDigest": verdict.environment_digest,
                "verifier": verdict.verifier,
                "isolation": verdict.isolation,
                "cached": verdict.cached,
                "durationSeconds": verdict.duration_s,
                "judgedAt": when(verdict.at),
                "logDigest": log_digest,
                "figures": dict(verdict.figures),
                "baseFigures": dict(verdict.base_figures),
                "people": sorted(facts.people.get(verdict.gate, ())),
                "protected": list(facts.protected) if verdict.gate == v.PROTECT_GATE else [],
                "waivedBy": verdict.by,
                "why": verdict.why,
                **_flaky(verdict),
            },
        },
    }


def _flaky(verdict: v.Verdict) -> dict[str, Any]:
    """That the same content was red before; nothing where it was not, as in statements of earlier versions."""
    if not verdict.earlier:
        return {}
    reds = [{"outcome": red.outcome, "summary": red.summary, "judgedAt": when(red.at)} for red in verdict.earlier]
    return {"flaky": bool(verdict.flaky), "earlier": reds}


def summary_statement(
    facts: LandingFacts,
    *,
    commit: str,
    content_sha256: str,
    evidence: str,
    inputs: Mapping[str, str],
    line: str,
    version: str,
) -> dict[str, Any]:
    """inputs: gate -> "sha256:<hex>" of its verdict's envelope. line: the workspace's line of keys."""
    return {
        "_type": STATEMENT,
        "subject": [commit_subject(commit, content_sha256), tree_subject(facts.tree)],
        "predicateType": SUMMARY,
        "predicate": {
            "verifier": {"id": f"urn:andon:workspace:{line}", "version": {"andon": version}},
            "timeVerified": when(facts.at),
            "resourceUri": f"git:{ref_of(facts.target)}",
            "policy": {"uri": facts.workflow_uri, "digest": {"sha256": facts.workflow.removeprefix("sha256:")}},
            "inputAttestations": [
                {"uri": f"verdict:{gate}", "digest": {"sha256": digest.removeprefix("sha256:")}}
                for gate, digest in inputs.items()
            ],
            "verificationResult": "PASSED",
            "verifiedLevels": [LEVEL],
            "andon_landing": {
                "schema": LANDING_SCHEMA,
                "task": facts.task,
                "run": facts.run,
                "step": facts.step,
                "target": facts.target,
                "parent": facts.head,
                "tree": facts.tree,
                "patch": facts.patch,
                "evidence": evidence,
                "workflow": facts.workflow,
                "workflowName": facts.workflow_name,
                "definitions": facts.definitions,
                "environmentDigest": facts.environment_digest,
                "authors": sorted(facts.authors),
                "approvers": {gate: sorted(names) for gate, names in facts.people.items()},
                "waivers": [
                    {"gate": x.gate, "by": x.by, "why": x.why} for x in facts.verdicts if x.outcome == v.WAIVED
                ],
                **_own(facts),
            },
        },
    }


def _own(facts: LandingFacts) -> dict[str, Any]:
    """The commits of children that come along; nothing where none do, as in statements of earlier versions."""
    return {"merged": list(facts.merged), "covers": list(facts.covers)} if facts.merged else {}
