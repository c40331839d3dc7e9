"""kill -9 and a full disk at every boundary of a landing: no landed commit without evidence, and no run lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from andon.git.refs import refs
from andon.git.run import Runner
from tests.e2e.world import World
from tests.evidence.scene import Scene

BOUNDARIES = {
    "before the commit": ("andon.evidence.keeper.EvidenceKeeper.seal", False, False),
    "after the verdicts are signed": ("andon.evidence.keeper.EvidenceKeeper.seal", True, False),
    "after the commit": ("andon.git.repository.Repository.commit_tree", True, False),
    "before it is prepared": ("andon.engine.proof.put", False, False),
    "before the evidence is stored": ("andon.engine.proof.publish", False, False),
    "in the middle of storing it": ("andon.git.refs.try_to_change", False, False),
    "after it is stored": ("andon.engine.proof.publish", True, False),
    "before the branch moves": ("andon.git.repository.Repository.move_branch", False, False),
    "after the branch moved": ("andon.git.repository.Repository.move_branch", True, True),
    "before it is confirmed": ("andon.engine.landing._confirm", False, True),
}
"""name -> (what is killed at, whether after it was done, whether the branch has moved by then)"""

KILLER = """
import importlib, os, sys
name, after = sys.argv.pop(1), sys.argv.pop(1) == "True"
path, _, attribute = name.rpartition(".")
try:
    owner = importlib.import_module(path)
except ModuleNotFoundError:
    module, _, cls = path.rpartition(".")
    owner = getattr(importlib.import_module(module), cls)
real = getattr(owner, attribute)
def killed(*args, **kwargs):
    if after:
        real(*args, **kwargs)
    os.kill(os.getpid(), 9)
setattr(owner, attribute, killed)
import andon.cli.parse
from andon.cli import main
main()
"""


def killed_lead(world: World, where: str, after: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLER, where, str(after), "lead"],
        cwd=world.path,
        env=world.environment,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == -9, (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("name", BOUNDARIES)
def test_a_kill_at_any_boundary(tmp_path: Path, name: str) -> None:
    where, after, moved = BOUNDARIES[name]
    world = World.make(tmp_path, isolation="process")
    scene = Scene(world=world, clone=tmp_path, key=tmp_path)
    scene.ready()
    head = world.head()
    killed_lead(world, where, after)
    assert (world.head() != head) is moved
    if moved:
        # What is on the branch has its evidence already, before anybody settles anything.
        assert world.ok("verify", "main")["verified"] == 1
    world.ok("lead")
    assert world.git("rev-list", "--count", f"{head}..main") == "1"
    assert world.ok("verify", f"{head}..main")["verified"] == 1
    assert world.ok("task", "show", "T1")["status"] == "landed"
    assert [x for x in world.ok("doctor")["checks"] if not x["ok"]] == []


def test_evidence_that_can_not_be_stored_stops_the_landing(tmp_path: Path) -> None:
    """Something in the way of the reference that nobody can take for a lock which a killed git of ours left."""
    world = World.make(tmp_path, isolation="process")
    scene = Scene(world=world, clone=tmp_path, key=tmp_path)
    scene.ready()
    head = world.head()
    line = world.ok("key", "list")["items"][0]["id"].removeprefix("sha256:")[:16]
    lock = world.path / ".git" / "refs" / "andon" / "evidence" / f"{line}.lock"
    lock.mkdir(parents=True)
    for _ in range(2):
        result = world.andon("lead", "--json")
        assert result.exit == 1
        assert "lock" in result.json["errors"][0]["reason"]
        assert world.head() == head
    assert "LandingAbandoned" in world.events("R1")
    lock.rmdir()
    assert len(world.ok("lead")["landed"]) == 1
    assert world.ok("verify", "HEAD")["verified"] == 1


def test_doctor_finds_commits_without_evidence_and_mends_them(tmp_path: Path) -> None:
    world = World.make(tmp_path, isolation="process")
    scene = Scene(world=world, clone=tmp_path, key=tmp_path)
    commit = scene.land()
    (ref,) = refs(Runner(("--git-dir", str(world.path / ".git"))), "refs/andon/evidence")
    world.git("update-ref", "-d", ref, ANDON_GUARD="off")
    result = world.andon("doctor", "--json")
    assert result.exit == 1
    (check,) = [x for x in result.json["checks"] if not x["ok"]]
    assert (check["check"], commit[:12] in check["message"]) == ("evidence", True)
    world.ok("doctor", "--mend")
    assert world.ok("doctor")["ok"] is True
    assert world.ok("verify", "HEAD")["verified"] == 1


def test_a_word_that_comes_in_at_the_last_moment_is_heard(tmp_path: Path) -> None:
    """What is signed is what the core decided on; when they differ nothing is prepared, and the next lead sees it anew."""
    world = World.make(tmp_path, isolation="process")
    scene = Scene(world=world, clone=tmp_path, key=tmp_path)
    scene.ready()
    head = world.head()
    late = KILLER.replace("os.kill(os.getpid(), 9)", "return LATE(*args, **kwargs)").replace(
        "import andon.cli.parse",
        """
from msgspec.structs import replace
def LATE(*args, **kwargs):
    sealed = real(*args, **kwargs)
    facts = sealed.facts
    verdicts = (*facts.verdicts[:-1], replace(facts.verdicts[-1], summary="something else"))
    return replace(sealed, facts=replace(facts, verdicts=verdicts))
import andon.cli.parse
""",
    )
    done = subprocess.run(
        [sys.executable, "-c", late, "andon.evidence.keeper.EvidenceKeeper.seal", "False", "lead", "--json"],
        cwd=world.path,
        env=world.environment | {"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert "came in while it was about to land" in done.stdout, (done.stdout, done.stderr)
    assert world.head() == head
    assert len(world.ok("lead")["landed"]) == 1
