"""`land: each`: children's own commits come into the branch's history with the landing of their parent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.swarm_world import SPREAD, Swarm
from tests.evidence.test_crash import killed_lead

EACH = f"{SPREAD}\nland: each"


def mended(world: Swarm, agent: str = "carol", text: str = "") -> str:
    """The step after the join, done; its run."""
    claim = world.claim(agent)
    if text:
        world.write(f"{agent}.txt", text, Path(claim["workdir"]))
    world.ok("advance", "-m", "fits", agent=agent, cwd=claim["workdir"])
    return str(claim["run"])


def parents(world: Swarm, commit: str = "main") -> list[str]:
    return world.git("log", "-1", "--format=%P", commit).split()


def landed(world: Swarm, run: str, step: str = "spread") -> list[str]:
    return [x["commit"] for x in world.children(run, step) if x["commit"]]


def test_children_land_with_their_own_commits(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path, EACH)
    start = world.head()
    run = world.plan(["one", "two"])["run"]
    world.piece("alice")
    world.piece("bob")
    world.ok("lead")
    assert world.head() == start
    tip = world.git("for-each-ref", "--format=%(objectname)", "refs/andon/swarm")
    mended(world, text="it fits\n")
    assert world.ok("lead")["landed"][0]["run"] == run
    # One commit a task in the first-parent line; what it changed is the parent's whole change.
    assert parents(world) == [start, tip]
    assert world.git("rev-list", "--count", "--first-parent", f"{start}..main") == "1"
    assert set(world.git("diff", "--name-only", f"{start}..main").split()) == {
        "alice.txt",
        "bob.txt",
        "carol.txt",
        "list.json",
    }
    children = landed(world, run)
    inside = world.git("rev-list", "--topo-order", f"{start}..main").split()
    assert len(children) == 2
    assert set(children) < set(inside)
    # The parent's work before there were children is the only other one, and the parent's evidence names it.
    (before,) = set(inside) - set(children) - {world.head()}
    verified = world.ok("verify", f"{start}..main")
    assert (verified["verified"], verified["covered"], verified["unmanaged"]) == (3, 1, 0)
    assert {x["commit"]: x["covered_by"] for x in verified["commits"] if x["covered_by"]} == {before: world.head()}
    assert world.ok("verify", before)["covered"] == 1
    assert "whose evidence names it" in world.andon("verify", before).out
    assert world.git("status", "--porcelain") == ""
    assert [x for x in world.ok("doctor")["checks"] if not x["ok"]] == []
    events = world.ok("log", run)["items"]
    assert [x["data"]["merged"] for x in events if x["type"] == "LandingPrepared"] == [[tip]]
