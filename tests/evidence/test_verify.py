"""`andon verify` at its outer edge: in a stranger's clone with a public key and what git carries, and nothing else."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.world import World
from tests.evidence.scene import Scene, named


def test_a_stranger_verifies_offline(scene: Scene) -> None:
    body = scene.verify().json
    assert body["ok"] is True
    assert (body["verified"], body["failed"], body["unmanaged"]) == (1, 0, 0)
    (item,) = body["commits"]
    assert (item["commit"], item["task"], item["run"]) == (scene.git("rev-parse", "HEAD"), "T1", "R1")
    assert {x["gate"]: x["outcome"] for x in item["gates"]} == {
        "protect": "passed",
        "tests": "passed",
        "review": "passed",
    }
    assert item["authors"] == ["alice"]
    assert [x["people"] for x in item["gates"] if x["gate"] == "review"] == [["bob"]]
    # There is no workspace here, and verifying makes none: only a scratch repository for comparing trees.
    assert os.listdir(scene.clone / ".git" / "andon") == ["plumbing.git"]


def test_what_lands_by_the_workflow_that_init_writes_is_verified(tmp_path: Path) -> None:
    world = World.make(tmp_path, init=False)
    world.git("rm", "-rq", ".andon")
    world.write("pyproject.toml", '[project]\nname = "app"\nversion = "1"\n[tool.pytest.ini_options]\n')
    world.write("app.py", "def one():\n    return 1\n")
    world.write("tests/test_app.py", "import app\n\n\ndef test_one():\n    assert app.one() == 1\n")
    world.git("add", ".")
    world.git("commit", "-qm", "a project")
    world.ok("init", "--commit")
    workflow = world.git("show", "main:.andon/workflows/feature.md")
    assert "refuse:" in workflow
    world.add_task("Say two", "--workflow", "feature")
    claim = world.claim("alice")
    world.write("app.py", "def one():\n    return 1\n\n\ndef two():\n    return 2\n", Path(claim["workdir"]))
    world.ok("advance", "-m", "done", agent="alice", cwd=claim["workdir"])
    while (task := world.ok("task", "show", "T1"))["status"] == "running" and _reviewed(world):
        assert task["run"]
    landed = world.ok("lead")["landed"]
    body = world.ok("verify", "main")
    assert (body["verified"], body["problems"]) == (1, []), landed
    assert "honest" in [x["gate"] for x in body["commits"][0]["gates"]]


def _reviewed(world: World) -> bool:
    """Another agent reviews, where a review is next."""
    claim = world.andon("next", "--json", agent="bob")
    if claim.exit != 0:
        return False
    world.ok("advance", "-m", "right", agent="bob", cwd=claim.json["workdir"])
    return True


def test_a_range_and_commits_that_andon_did_not_land(scene: Scene) -> None:
    scene.land("one\nTWO\nTHREE\nfour\nfive\n")
    scene.fetch()
    body = scene.verify("HEAD~2..HEAD").json
    assert body["ok"] is True
    assert [item["task"] for item in body["commits"]] == ["T1", "T2"]
    scene.git("commit", "-q", "--allow-empty", "-m", "by hand")
    assert "not landed by Andon" in scene.refused("HEAD~3..HEAD")
    allowed = scene.verify("HEAD~3..HEAD", "--allow-unmanaged")
    assert allowed.exit == 0
    assert (allowed.json["verified"], allowed.json["unmanaged"]) == (2, 1)
    # A merge brings in everything that it brings in.
    scene.git("checkout", "-q", "-b", "side", "HEAD~1")
    scene.git("commit", "-q", "--allow-empty", "-m", "on the side")
    scene.git("checkout", "-q", "main")
    scene.git("merge", "-q", "--no-edit", "side")
    assert scene.verify("HEAD~2..HEAD").json["unmanaged"] == 3


@pytest.mark.parametrize(
    "message", ["x\n\n  Andon-Task: T1\n", "x\n\nAndon-Run: R1\n\nmore words\n", "andon-evidence : x\n"]
)
def test_trailers_out_of_place_are_not_waved_through(scene: Scene, message: str) -> None:
    scene.git("commit", "-q", "--allow-empty", "--cleanup=verbatim", "-m", message)
    result = scene.verify("HEAD", "--allow-unmanaged")
    assert result.exit == 1
    assert result.json["commits"][0]["managed"]


def test_bad_input(scene: Scene, tmp_path: Path) -> None:
    for wanted in ("nothing", "HEAD..HEAD", "HEAD...HEAD~1", "..", "-x", "^HEAD", "HEAD~1..nothing"):
        result = scene.verify(wanted)
        assert result.exit == 64, (wanted, result.out)
        assert result.json["ok"] is False
    keyless = scene.world.andon("verify", "HEAD", "--json", cwd=scene.clone)
    assert (keyless.exit, keyless.kind) == (64, "no_trusted_key")
    private = next((scene.world.path / ".git" / "andon" / "keys").glob("*.pem"))
    bad = tmp_path / "bad.pem"
    bad.write_text("nonsense")
    for path in (tmp_path / "missing", bad, private, tmp_path):
        assert scene.verify(key=path).exit == 64


def test_text_for_people(scene: Scene) -> None:
    good = scene.world.andon("verify", "HEAD", "--key", str(scene.key), cwd=scene.clone)
    assert good.exit == 0
    assert "1 verified, 0 failed" in good.out
    bad = scene.world.andon("verify", "HEAD~1..HEAD", "--key", str(other_key(scene)), cwd=scene.clone)
    assert bad.exit == 1
    assert "PROBLEM" in bad.out
    assert "which is not trusted" in bad.out


def other_key(scene: Scene) -> Path:
    scene.world.git("init", "-q", "-b", "main", str(scene.clone.parent / "other"))
    scene.world.git(
        "-c", "user.name=O", "-c", "user.email=o@example.com", "commit", "-q", "--allow-empty", "-m", "start",
        cwd=scene.clone.parent / "other",
    )  # fmt: skip
    made = scene.world.andon("init", cwd=scene.clone.parent / "other")
    assert made.exit == 0, made.err
    path = scene.clone.parent / "other.pem"
    path.write_text(scene.world.andon("key", "show", cwd=scene.clone.parent / "other").out)
    return path


def test_a_key_that_travels_with_the_evidence_is_not_trusted_for_that(scene: Scene) -> None:
    result = scene.verify(key=other_key(scene))
    assert result.exit == 1
    said = named(result.json)
    assert "which is not trusted" in said
    assert "no key ring on the evidence references is signed by it" in said


def test_the_evidence_reference_is_removed(scene: Scene) -> None:
    scene.git("update-ref", "-d", scene.ref)
    result = scene.verify()
    assert result.exit == 1
    assert "no evidence sha256:" in named(result.json)
    assert "refs/andon/evidence/*" in result.json["error"]["next"]


@pytest.mark.parametrize("ending", ["verdicts.jsonl", "summary.json", "ring.json", ".json"])
def test_a_file_of_the_evidence_is_removed(scene: Scene, ending: str) -> None:
    names = [name for name in scene.files() if name.endswith(ending)]
    name = next((x for x in names if x.startswith("workflows/")), names[0]) if ending == ".json" else names[0]
    scene.write(name, None)
    assert name in scene.refused()


def test_evidence_is_swapped_between_commits(scene: Scene) -> None:
    scene.land("one\nTWO\nTHREE\nfour\nfive\n")
    scene.fetch()
    files = scene.files()
    first, second = (entry_of(scene, commit) for commit in ("HEAD~1", "HEAD"))
    for name in ("verdicts.jsonl", "summary.json"):
        scene.write(f"{first}/{name}", files[f"{second}/{name}"])
        scene.write(f"{second}/{name}", files[f"{first}/{name}"])
    said = scene.refused("HEAD~2..HEAD")
    for entry in (first, second):
        assert f"{entry}/verdicts.jsonl: its digest is" in said
        assert f"{entry}/summary.json subject" in said


def entry_of(scene: Scene, commit: str) -> str:
    found = re.search(r"Andon-Evidence: sha256:([0-9a-f]{64})", scene.git("log", "-1", "--format=%B", commit))
    assert found is not None
    return f"landed/{found[1][:2]}/{found[1][2:]}"


def test_an_old_envelope_is_replayed_for_another_tree(scene: Scene) -> None:
    """The trailers of a landed commit on another content: the evidence is whole, and about something else."""
    message = scene.git("log", "-1", "--format=%B")
    (scene.clone / "app.txt").write_text("evil\n")
    scene.git("add", "app.txt")
    scene.git("commit", "-q", "--amend", "-m", message)
    said = scene.refused()
    assert "summary.json subject: it says" in said
    assert "summary.json tree" in said
    assert "summary.json patch" in said
    assert "(gate tests) subject" in said
    assert "(gate review) subject" in said


def test_a_commit_is_amended_moved_or_renamed(scene: Scene) -> None:
    """The same tree and trailers: another author, another message, another parent."""
    for options in (["--author=Mal <mal@example.com>"], ["-m", scene.git("log", "-1", "--format=More%n%n%B")]):
        scene.git("commit", "-q", "--amend", "--allow-empty", *options, *([] if "-m" in options else ["--no-edit"]))
        assert "summary.json subject" in scene.refused()
        scene.git("reset", "-q", "--hard", "ORIG_HEAD" if "-m" in options else "HEAD@{1}")
    landed = scene.git("rev-parse", "origin/main")
    scene.git("reset", "-q", "--hard", "origin/main~1")
    scene.git("commit", "-q", "--allow-empty", "-m", "between")
    scene.git("cherry-pick", landed)
    said = scene.refused()
    assert "summary.json subject" in said
    assert "summary.json parent" in said


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        (b"Andon-Task: T1\n", b"", "trailer Andon-Task: it is missing"),
        (b"Andon-Task: T1\n", b"Andon-Task: T1\nAndon-Task: T2\n", "trailer Andon-Task: it stands there 2 times"),
        (b"Andon-Task: T1\n", b"Andon-Task: T9\n", "summary.json task"),
        (b"Andon-Run: R1\n", b"Andon-Run: R2\n", "summary.json run"),
        (b"Andon-Evidence: sha256:", b"Andon-Evidence: sha512:", "trailer Andon-Evidence"),
        (b"Andon-Evidence: ", b"Andon-Proof: x\nAndon-Evidence: ", "trailer Andon-Proof"),
        (b"Andon-Evidence: ", b"\nAndon-Evidence: ", "trailer Andon-Task: it is missing"),
    ],
)
def test_trailers_are_tampered_with(scene: Scene, old: bytes, new: bytes, part: str) -> None:
    commit = scene.recommit(lambda content: content.replace(old, new))
    assert part in scene.refused(commit)


def test_the_workspace_verifies_with_its_own_keys(scene: Scene) -> None:
    assert scene.world.ok("verify", "HEAD")["verified"] == 1
    # A ring that was put in the place of the workspace's own on the reference is found there too.
    (ref,) = scene.world.git("for-each-ref", "--format=%(refname)", "refs/andon/evidence").split()
    scene.write("ring.json", scene.read("ring.json").replace(b"a", b"b", 1))
    scene.world.git("fetch", "-q", str(scene.clone), f"+{scene.ref}:{ref}")
    result = scene.world.andon("verify", "HEAD", "--json")
    assert result.exit == 1
    assert "ring.json" in named(result.json)


def test_waivers_show_by_whom_and_why(tmp_path: Path) -> None:
    scene = Scene.make(tmp_path, gates='  lint: {run: "false"}', done="[tests, review, lint]", waive="lint")
    (item,) = scene.verify().json["commits"]
    (lint,) = [gate for gate in item["gates"] if gate["gate"] == "lint"]
    assert lint["outcome"] == "waived"
    assert lint["waived_by"]
    assert lint["why"] == "a false alarm"
    lines = scene.read(scene.only("verdicts.jsonl")).split(b"\n")
    number = next(n for n, line in enumerate(lines) if b"lint" in decoded(line))
    for change in ((b"a false alarm", b"a true alarm!"), (b'"waived"', b'"passed"'), (b'"WARNED"', b'"PASSED"')):
        tampered = [*lines]
        tampered[number] = recoded(lines[number], *change)
        scene.write(scene.only("verdicts.jsonl"), b"\n".join(tampered))
        said = scene.refused()
        assert f"verdicts.jsonl line {number + 1} signature" in said
        assert "inputAttestations" in said


def decoded(line: bytes) -> bytes:
    import base64
    import json

    return base64.b64decode(json.loads(line)["payload"]) if line else b""


def recoded(line: bytes, old: bytes, new: bytes) -> bytes:
    """The envelope with its payload changed and the signature left as it was."""
    import base64
    import json

    assert old in decoded(line)
    payload = base64.b64encode(decoded(line).replace(old, new))
    return line.replace(json.loads(line)["payload"].encode(), payload)


def test_a_repository_with_sha256_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = World.git

    def git(self: World, *args: str, **more: Any) -> str:
        return real(self, *(("init", "--object-format=sha256", *args[1:]) if args[0] == "init" else args), **more)

    monkeypatch.setattr(World, "git", git)
    scene = Scene.make(tmp_path)
    (item,) = scene.verify().json["commits"]
    assert item["ok"] is True
    assert len(item["commit"]) == 64


def test_a_shallow_clone_says_what_is_missing(scene: Scene, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    scene.world.git("clone", "-q", "--depth=1", f"file://{scene.clone}", str(shallow))
    scene.world.git("fetch", "-q", f"file://{scene.clone}", "refs/andon/evidence/*:refs/andon/evidence/*", cwd=shallow)
    result = scene.world.andon("verify", "HEAD", "--key", str(scene.key), "--json", cwd=shallow)
    assert result.exit == 1
    assert "commit: " in named(result.json)
    assert os.path.exists(shallow / ".git" / "shallow")
