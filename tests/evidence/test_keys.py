"""The workspace's keys: how they are made and kept, what is refused, rotation, and whom a retired key still speaks for."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from andon.core.errors import AndonError
from andon.evidence.keys import KeyStore
from tests.e2e.world import World
from tests.evidence.forge import Forger, keep_private
from tests.evidence.scene import Scene, named


def keys_of(world: World) -> Path:
    return world.path / ".git" / "andon" / "keys"


def private_of(world: World) -> Path:
    (path,) = keys_of(world).glob("*.pem")
    return path


def test_init_makes_a_key_for_its_owner_alone(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    assert stat.S_IMODE(os.stat(keys_of(world)).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(private_of(world)).st_mode) == 0o600
    (item,) = world.ok("key", "list")["items"]
    assert item["id"] == f"sha256:{private_of(world).stem}"
    assert (item["state"], item["until"]) == ("current", None)
    before = private_of(world).read_bytes()
    world.ok("init")
    assert private_of(world).read_bytes() == before
    assert world.andon("key", "show", item["id"][:14]).out == world.andon("key", "show").out == item["public"]
    assert world.andon("key", "show", "nothing").exit == 64


def test_an_older_workspace_gets_a_key_at_its_first_landing(tmp_path: Path) -> None:
    scene = Scene(world=World.make(tmp_path, isolation="process"), clone=tmp_path, key=tmp_path)
    shutil.rmtree(keys_of(scene.world))
    import sqlite3

    with sqlite3.connect(scene.world.path / ".git" / "andon" / "andon.db") as database:
        database.execute("DELETE FROM settings WHERE key = 'evidence_line'")
    assert scene.world.ok("doctor")["ok"] is True
    scene.land()
    assert stat.S_IMODE(os.stat(private_of(scene.world)).st_mode) == 0o600
    assert scene.world.ok("verify", "HEAD")["verified"] == 1


def break_key(path: Path, how: str) -> None:
    if how == "readable":
        path.chmod(0o640)
    elif how == "missing":
        path.unlink()
    elif how == "damaged":
        path.write_bytes(path.read_bytes()[:40])
    elif how == "another":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        other = Ed25519PrivateKey.generate()
        path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    elif how == "link":
        path.rename(path.with_suffix(".moved"))
        path.symlink_to(path.with_suffix(".moved"))
    elif how == "ring":
        (path.parent / "ring.json").unlink()
    elif how == "ring damaged":
        ring = path.parent / "ring.json"
        ring.write_bytes(ring.read_bytes().replace(b"a", b"b", 1))
    else:
        shutil.rmtree(path.parent)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("readable", "chmod 600"),
        ("missing", "andon key rotate"),
        ("damaged", "andon key rotate"),
        ("another", "andon key rotate"),
        ("link", "ls -l"),
        ("ring", "ring.json"),
        ("ring damaged", "ring.json"),
        ("all", "ring.json"),
    ],
)
def test_nothing_lands_without_a_good_key_and_nothing_is_lost(tmp_path: Path, how: str, words: str) -> None:
    world = World.make(tmp_path, isolation="process")
    scene = Scene(world=world, clone=tmp_path, key=tmp_path)
    scene.ready()
    head, saved = world.head(), tmp_path / "saved"
    shutil.copytree(keys_of(world), saved)
    break_key(private_of(world), how)
    for _ in range(2):
        result = world.andon("lead", "--json")
        assert result.exit == 1
        (error,) = result.json["errors"]
        assert "key" in error["reason"]
        assert world.head() == head
    doctor = world.andon("doctor", "--json")
    assert doctor.exit == 1
    (check,) = [x for x in doctor.json["checks"] if x["check"] == "evidence keys"]
    assert words in check["message"]
    # Once it is mended the very run lands, with no attempt used up.
    shutil.rmtree(keys_of(world), ignore_errors=True)
    shutil.copytree(saved, keys_of(world))
    assert len(world.ok("lead")["landed"]) == 1
    assert world.ok("verify", "HEAD")["verified"] == 1


@pytest.mark.parametrize("how", ["missing", "damaged", "readable"])
def test_rotation_mends_a_lost_key(tmp_path: Path, how: str) -> None:
    world = World.make(tmp_path, isolation="process")
    scene = Scene(world=world, clone=tmp_path, key=tmp_path)
    first = scene.land()
    break_key(private_of(world), how)
    assert world.person("key", "rotate").exit == 0
    second = scene.land("one\nTWO\nTHREE\nfour\nfive\n")
    items = world.ok("verify", f"{first}~1..{second}")["commits"]
    assert len({item["key"] for item in items}) == 2


def test_rotation_is_a_persons_act(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    before = private_of(world)
    assert world.andon("key", "rotate", "--json").kind == "not_a_person"
    assert world.andon("key", "rotate", "--json", agent="alice").exit == 5
    assert world.person("key", "rotate", answer="no\n").exit == 1
    assert private_of(world) == before
    assert world.person("key", "rotate").exit == 0
    # The retired private key is gone; its public half stays.
    assert not before.exists()
    assert [x["state"] for x in world.ok("key", "list")["items"]] == ["retired", "current"]


def test_old_evidence_stays_verifiable_and_the_present_key_suffices(scene: Scene) -> None:
    assert scene.world.person("key", "rotate").exit == 0
    scene.land("one\nTWO\nTHREE\nfour\nfive\n")
    scene.fetch()
    old_key = scene.key.with_name("old.pem")
    shutil.copy(scene.key, old_key)
    scene.key.write_text(scene.world.andon("key", "show").out)
    body = scene.verify("HEAD~2..HEAD").json
    assert body["ok"] is True
    assert [key["state"] for key in body["keys"]] == ["retired", "current"]
    # Who holds only the retired key is told; a retired key appoints nobody.
    result = scene.verify("HEAD~2..HEAD", key=old_key)
    assert result.exit == 1
    assert "names it as the successor" in named(result.json)
    assert (
        scene.world.andon("verify", "HEAD", "--key", str(old_key), "--key", str(scene.key), cwd=scene.clone).exit == 0
    )


def test_a_retired_key_signs_nothing_new(scene: Scene) -> None:
    """A thief of a retired key: with today's time it is refused, with an old time where later evidence is below it."""
    pem, keyid = keep_private(scene)
    assert scene.world.person("key", "rotate").exit == 0
    scene.land("one\nTWO\nTHREE\nfour\nfive\n")
    scene.fetch()
    scene.key.write_text(scene.world.andon("key", "show").out)
    forger = Forger(scene)
    forger.use(pem, keyid)
    forger.forge(lambda v, s: None)
    assert "was not in use then" in scene.refused()
    old = scene.verify("origin/main~1").json["commits"][0]["at"]

    def backdate(verdicts: list[dict[str, Any]], summary: dict[str, Any]) -> None:
        summary["predicate"]["timeVerified"] = old

    scene.git("reset", "-q", "--hard", "origin/main")
    # On top of what the new key signed: the trailers of the last landing on another commit.
    message = scene.git("log", "-1", "--format=%B")
    (scene.clone / "app.txt").write_text("six\n")
    scene.git("commit", "-q", "-a", "-m", message)
    forge_on_top(forger, scene, backdate)
    said = scene.refused()
    assert f"it is signed by the retired key {keyid}, yet commit" in said


def forge_on_top(forger: Forger, scene: Scene, backdate: Any) -> None:
    """Consistent evidence for the clone's HEAD, on top of what it was copied from."""
    from andon.git.repository import Repository

    git = Repository.find(str(scene.clone))
    parent, tree = scene.git("rev-parse", "HEAD~1"), scene.git("rev-parse", "HEAD^{tree}")
    patch = git.patch_digest(parent, tree)

    def change(verdicts: list[dict[str, Any]], summary: dict[str, Any]) -> None:
        backdate(verdicts, summary)
        summary["predicate"]["andon_landing"].update(parent=parent, tree=tree, patch=patch)
        for verdict in verdicts:
            verdict["predicate"]["andon_verdict"]["parent"] = parent
            for subject in verdict["subject"]:
                subject["digest"] = (
                    {"gitTree": tree} if subject["name"] == "tree" else {"andonPatch": patch.removeprefix("patch:")}
                )

    forger.forge(change)


def test_a_ring_put_back_to_an_older_one_is_found(scene: Scene) -> None:
    old_ring = scene.read("ring.json")
    assert scene.world.person("key", "rotate").exit == 0
    scene.land("one\nTWO\nTHREE\nfour\nfive\n")
    scene.fetch()
    scene.write("ring.json", old_ring)
    both = scene.key.read_text() + scene.world.andon("key", "show").out
    scene.key.write_text(both)
    said = scene.refused("HEAD~2..HEAD")
    assert "no key ring on the evidence references is signed by it" in said


def test_two_workspaces_write_references_of_their_own(scene: Scene, tmp_path: Path) -> None:
    """A colleague's clone is a workspace too: both may be pushed and fetched without a merge, and both keys pinned."""
    made = scene.world.andon("init", cwd=scene.clone)
    assert made.exit == 0, made.err
    scene.world.andon("task", "add", "Mine", cwd=scene.clone)
    other = World(path=scene.clone, environment=scene.world.environment)
    other.implement(agent="carol", text="1\n")
    other.review(agent="dave")
    other.ok("lead")
    own = scene.key.with_name("own.pem")
    own.write_text(other.andon("key", "show").out)
    assert len(scene.git("for-each-ref", "--format=%(refname)", "refs/andon/evidence").split()) == 2
    for arguments, expected in ((("--key", str(own), "--key", str(scene.key)), 0), (("--key", str(own)), 1), ((), 1)):
        result = other.andon("verify", "HEAD~2..HEAD", *arguments, "--json")
        assert result.exit == expected, (arguments, result.out)
    body = other.andon("verify", "HEAD~2..HEAD", "--key", str(own), "--key", str(scene.key), "--json").json
    # Both workspaces have a T1: a task is one commit in each.
    assert [item["task"] for item in body["commits"]] == ["T1", "T1"]


class TestStore:
    """The directory of keys by itself."""

    def test_a_killed_maker_leaves_nothing_in_the_way(self, tmp_path: Path) -> None:
        store = KeyStore(str(tmp_path))
        os.makedirs(store.directory)
        (tmp_path / "keys" / f"{'a' * 64}.pem").write_text("half")
        (tmp_path / "keys" / "ring.json.new").write_text("half")
        ring = store.create(1.0)
        assert store.signer().ring == ring
        assert sorted(os.listdir(store.directory)) == sorted([f"{ring.line.removeprefix('sha256:')}.pem", "ring.json"])
        assert store.create(2.0) == ring

    def test_private_keys_of_retired_keys_are_found_and_removed(self, tmp_path: Path) -> None:
        store = KeyStore(str(tmp_path))
        store.create(1.0)
        (old,) = [name for name in os.listdir(store.directory) if name.endswith(".pem")]
        kept = (tmp_path / "keys" / old).read_bytes()
        ring = store.rotate(2.0)
        assert store.left_over(ring) == []
        (tmp_path / "keys" / old).write_bytes(kept)
        assert store.left_over(ring) == [str(tmp_path / "keys" / old)]
        assert store.left_over(store.rotate(3.0)) == []

    def test_a_full_disk_changes_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        store = KeyStore(str(tmp_path))
        ring = store.create(1.0)

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(AndonError, match="No space left"):
            store.rotate(2.0)
        monkeypatch.undo()
        assert store.signer().ring == ring
        assert len(os.listdir(store.directory)) == 2

    def test_a_clock_before_the_key_is_refused(self, tmp_path: Path) -> None:
        store = KeyStore(str(tmp_path))
        store.create(10.0)
        with pytest.raises(AndonError, match="clock"):
            store.rotate(9.0)
        assert store.rotate(10.0).current.since == store.ring()[0].keys[0].until
