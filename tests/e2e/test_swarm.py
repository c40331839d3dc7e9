"""One intent, many children, one result: fan-out, join, cancel and budgets of a tree, through the command line alone."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.swarm_world import SPREAD, Swarm


def test_children_are_integrated_first_and_land_as_one_commit(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path)
    start = world.head()
    plan = world.plan(["one", {"title": "two", "body": "the second", "key": "second", "scope": ["b*"]}])
    assert plan["next"]["step"] == "spread"
    first, second = world.piece("alice"), world.piece("bob")
    assert first["run"] != second["run"]
    assert plan["run"] in first["brief"]
    assert world.ok("lead")["landed"]
    assert world.head() == start
    where = world.where(plan["run"])
    assert (where["step"], where["state"]) == ("mend", "ready")
    results = world.children(plan["run"])
    assert [(x["index"], x["key"], x["outcome"], x["message"]) for x in results] == [
        (0, "1", "landed", "alice did it"),
        (1, "second", "landed", "bob did it"),
    ]
    assert all(x["commit"] for x in results)
    mend = world.claim("carol")
    assert mend["run"] == plan["run"]
    assert "alice did it" in mend["brief"]
    assert (Path(mend["workdir"]) / "bob.txt").read_text() == "by bob\n"
    world.ok("advance", "-m", "fits", agent="carol", cwd=mend["workdir"])
    assert world.ok("lead")["landed"][0]["run"] == plan["run"]
    assert world.git("rev-list", "--count", f"{start}..main") == "1"
    assert set(world.git("ls-tree", "--name-only", "main").split()) >= {"alice.txt", "bob.txt", "list.json"}


def test_no_more_than_max_parallel_are_ready_at_once(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path, f"{SPREAD}\nmax_parallel: 1")
    plan = world.plan(["one", "two"])
    world.piece("alice")
    assert world.andon("next", "--json", agent="bob").exit == 3
    world.ok("lead")
    world.piece("bob")
    world.ok("lead")
    assert world.where(plan["run"])["step"] == "mend"
