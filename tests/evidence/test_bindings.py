"""Well-signed evidence that says something else: every binding is checked, and the part that is wrong is named."""

from __future__ import annotations

from typing import Any

import pytest

from andon.core.workflow import digest_of
from tests.evidence.forge import Change, Forger
from tests.evidence.scene import Scene

Statement = dict[str, Any]


def section(statement: Statement) -> Statement:
    found = statement["predicate"]["andon_verdict"]
    assert isinstance(found, dict)
    return found


def landing(summary: Statement) -> Statement:
    found = summary["predicate"]["andon_landing"]
    assert isinstance(found, dict)
    return found


def test_the_forger_alone_changes_nothing(scene: Scene) -> None:
    """Otherwise the other tests here would prove nothing."""
    commit = Forger(scene).forge(lambda verdicts, summary: None)
    assert scene.verify(commit).exit == 0


CASES: dict[str, tuple[Change, str]] = {
    "failed": (lambda v, s: section(v[1]).update(outcome="failed"), "(gate tests) outcome: gate tests is failed"),
    "unmeasured": (lambda v, s: section(v[1]).update(outcome="unmeasured"), "(gate tests) outcome"),
    "pending": (lambda v, s: section(v[2]).update(outcome="pending"), "(gate review) outcome"),
    "invented outcome": (lambda v, s: section(v[1]).update(outcome="fine"), "(gate tests) outcome"),
    "other result": (lambda v, s: v[1]["predicate"].update(result="FAILED"), "(gate tests) result"),
    "done gate left out": (lambda v, s: v.pop(1), "gate tests: there is no good verdict"),
    "protect left out": (lambda v, s: v.pop(0), "gate protect: there is no good verdict"),
    "all left out": (lambda v, s: v.clear(), "gate review: there is no good verdict"),
    "gate twice": (lambda v, s: v.append(v[1]), "gate tests: it has more than one verdict"),
    "unknown gate": (lambda v, s: section(v[1]).update(gate="tets"), "the workflow has no gate tets"),
    "another tree": (lambda v, s: v[1].update(subject=[{"name": "tree", "digest": {"gitTree": "0" * 40}}]), "(gate tests) subject"),
    "patch for tree": (lambda v, s: v[1].update(subject=v[2]["subject"]), "(gate tests) subject"),
    "another patch": (lambda v, s: v[2]["subject"][0]["digest"].update(andonPatch="0" * 64), "(gate review) subject"),
    "another gate definition": (lambda v, s: section(v[1]).update(gateDigest="sha256:" + "0" * 64), "(gate tests) gateDigest"),
    "nothing was protected": (lambda v, s: section(v[0]).update(protected=[], gateDigest=digest_of({"protect": []})), "(gate protect) protected"),
    "another configuration": (lambda v, s: v[1]["predicate"].update(configuration=[]), "(gate tests) configuration"),
    "another run's verdict": (lambda v, s: section(v[1]).update(run="R9"), "(gate tests) run"),
    "another task's verdict": (lambda v, s: section(v[1]).update(task="T9"), "(gate tests) task"),
    "another parent's verdict": (lambda v, s: section(v[1]).update(parent="0" * 40), "(gate tests) parent"),
    "newer verdict": (lambda v, s: section(v[1]).update(schema="andon/verdict/2"), "(gate tests) schema"),
    "author reviews": (lambda v, s: section(v[2]).update(people=["alice"]), "(gate review) people: alice is an author"),
    "author among others": (lambda v, s: section(v[2]).update(people=["alice", "bob"]), "alice is an author"),
    "git author reviews": (lambda v, s: landing(s).update(authors=["zoe"]) or section(v[2]).update(people=["alice"]), "alice is an author"),
    "nobody reviews": (lambda v, s: section(v[2]).update(people=[]), "(gate review) people: 0 of 1"),
    "approvers differ": (lambda v, s: landing(s).update(approvers={"review": ["eve"]}), "summary approvers"),
    "waived by nobody": (lambda v, s: section(v[1]).update(outcome="waived"), "(gate tests) waivedBy: a waiver says"),
    "waived by author": (lambda v, s: section(v[1]).update(outcome="waived", waivedBy="alice", why="x"), "waivedBy: alice is an author"),
    "waiver not summarised": (lambda v, s: section(v[1]).update(outcome="waived", waivedBy="pat", why="x"), "summary waivers"),
    "not passed": (lambda v, s: s["predicate"].update(verificationResult="FAILED"), "verificationResult"),
    "summary of another task": (lambda v, s: landing(s).update(task="T9"), "summary.json task"),
    "summary of another run": (lambda v, s: landing(s).update(run="R9"), "summary.json run"),
    "summary of another tree": (lambda v, s: landing(s).update(tree="0" * 40), "summary.json tree"),
    "summary of another parent": (lambda v, s: landing(s).update(parent="0" * 40), "summary.json parent"),
    "summary of another patch": (lambda v, s: landing(s).update(patch="patch:"), "summary.json patch"),
    "summary of another commit": (lambda v, s: s["subject"][0]["digest"].update(gitCommit="0" * 40), "summary.json subject"),
    "another workflow": (lambda v, s: landing(s).update(workflow="sha256:" + "0" * 64), "the workflow that the summary names is missing"),
    "another policy": (lambda v, s: s["predicate"]["policy"]["digest"].update(sha256="0" * 64), "summary.json policy"),
    "another branch": (lambda v, s: landing(s).update(target="other"), "summary.json resourceUri"),
    "no time": (lambda v, s: s["predicate"].update(timeVerified="today"), "timeVerified"),
    "before the key": (lambda v, s: s["predicate"].update(timeVerified="2001-01-01T00:00:00.000000Z"), "was not in use then"),
    "another predicate": (lambda v, s: s.update(predicateType="https://example.com"), "summary.json payload"),
    "another verdict predicate": (lambda v, s: v[1].update(predicateType="https://example.com"), "line 2 payload"),
    "a part missing": (lambda v, s: section(v[1]).pop("outcome"), "line 2 payload"),
}  # fmt: skip


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene.make(tmp_path_factory.mktemp("landed"))


def again(landed: Scene) -> None:
    """As it was when it landed: the branch and the evidence."""
    landed.git("reset", "-q", "--hard", "origin/main")
    landed.fetch()


@pytest.mark.parametrize("name", CASES)
def test_a_binding_that_does_not_hold_is_named(landed: Scene, name: str) -> None:
    change, part = CASES[name]
    again(landed)
    commit = Forger(landed).forge(change)
    assert part in landed.refused(commit)


def test_a_weaker_workflow_or_isolation(landed: Scene) -> None:
    again(landed)

    def demand(workflow: Statement) -> None:
        workflow["environment"]["isolation"] = "vm"

    commit = Forger(landed).forge(lambda v, s: None, workflow=demand)
    assert "(gate tests) isolation" in landed.refused(commit)
    again(landed)
    commit = Forger(landed).forge(lambda v, s: None, workflow=lambda x: x["gates"]["tests"].update(run="true"))
    assert "(gate tests) gateDigest" in landed.refused(commit)
    again(landed)
    commit = Forger(landed).forge(lambda v, s: None, workflow=lambda x: x["done"].append("scope"))
    assert "gate scope: there is no good verdict" in landed.refused(commit)


def test_a_task_lands_once(landed: Scene) -> None:
    """Two commits, each well evidenced, for one task."""
    again(landed)
    first = landed.git("rev-parse", "HEAD")
    second = Forger(landed).forge(lambda v, s: section(v[1]).update(summary="again"))
    assert landed.verify(second).exit == 0
    merge = landed.git("commit-tree", "HEAD^{tree}", "-p", first, "-p", second, "-m", "both")
    said = landed.refused(f"{first}~1..{merge}", "--allow-unmanaged")
    assert "trailer Andon-Task: task T1 has landed before, as" in said
