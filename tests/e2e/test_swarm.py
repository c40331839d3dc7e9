"""One intent, many children, one result: fan-out, join, cancel and budgets of a tree, through the command line alone."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

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
    status = world.ok("status")["children"]
    assert [(x["task"], x["status"], x["parent"]) for x in status] == [("T2", "open", "T1"), ("T3", "draft", "T1")]
    assert f"T1 {plan['run']}\n    T2 open: one\n    T3 held back: two" in world.andon("status").out
    world.piece("alice")
    assert world.andon("next", "--json", agent="bob").exit == 3
    world.ok("lead")
    world.piece("bob")
    world.ok("lead")
    assert world.where(plan["run"])["step"] == "mend"


def test_a_bad_list_fails_the_step_with_the_reason(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path, f"{SPREAD}\nmax_children: 3")
    for items, words in (
        ("[]", "empty list"),
        ('{"a": 1}', "must hold a list"),
        ("nothing", "no JSON"),
        ([{"title": "x", "wrong": 1}], "unknown key 'wrong'"),
        ([{"title": "x", "key": "k"}, {"title": "y", "key": "k"}], "several items with the key k"),
        (["x"] * 4, "the limit is 3"),
        ('[{"title": "\\ud800"}]', "half of a character"),
        ('[{"title": "x", "scope": ["\\udfff"]}]', "half of a character"),
        ('[{"title": "x", "\\ud800": 1}]', "unknown key"),
    ):
        shown = world.ok("show", world.plan(items)["run"])
        assert shown["status"] == "blocked"
        assert words in shown["reason"]
    assert {x["title"] for x in world.ok("task", "list")["items"]} == {"Many changes"}


def test_a_list_is_checked_by_a_schema_of_the_definitions(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path, f"{SPREAD}\nschema: .andon/schemas/list.json")
    run = world.plan(["only a text"])["run"]
    assert "against .andon/schemas/list.json" in world.ok("show", run)["reason"]


def test_any_is_satisfied_by_one_and_cancels_the_rest(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path, f"{SPREAD}\njoin: any")
    run = world.plan(["one", "two", "three"])["run"]
    other = world.claim("bob")
    world.piece("alice")
    world.ok("lead")
    results = world.children(run)
    assert [x["outcome"] for x in results].count("landed") == 1
    assert [x["outcome"] for x in results].count("cancelled") == 2
    assert "satisfied without it" in next(x["reason"] for x in results if x["outcome"] == "cancelled")
    assert world.where(run)["step"] == "mend"
    late = world.andon("advance", "-m", "x", "--json", agent="bob", cwd=other["workdir"])
    assert late.exit == 4


def test_a_join_that_fails_is_tried_again_without_doing_twice_what_was_done(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path)
    run = world.plan(["one", "two"])["run"]
    first = world.piece("alice")
    world.ok("lead")
    second = next(x["task"] for x in world.children(run) if x["task"] != first["task"])
    assert world.where(run)["reason"] == "waits for 1 child"
    assert "waits for 1 child" in world.andon("status").out
    world.ok("task", "cancel", second, "-m", "no need")
    shown = world.ok("show", run)
    assert shown["status"] == "blocked"
    assert "1 of 2 children ended well" in shown["reason"]
    # What was integrated is the run's change all the same.
    assert "alice.txt" in world.git("ls-tree", "--name-only", shown["submissions"]["main"]["tree"])
    assert world.person("run", "retry", run).exit == 0
    again = world.children(run)
    assert again[0]["task"] == first["task"]
    assert again[0]["outcome"] == "landed"
    assert again[1]["task"] not in (first["task"], second)
    world.piece("bob")
    world.ok("lead")
    assert world.where(run)["step"] == "mend"


def test_a_childs_worker_may_not_review_the_parent(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path, review=True)
    run = world.plan(["one"])["run"]
    world.piece("alice")
    world.ok("lead")
    mend = world.claim("carol")
    world.ok("advance", "-m", "fits", agent="carol", cwd=mend["workdir"])
    refused = world.andon("next", "--role", "reviewer", "--task", "T1", "--json", agent="alice")
    assert refused.exit == 3
    assert "author" in refused.json["error"]["message"]
    assert world.claim("bob", "--role", "reviewer")["run"] == run


@pytest.mark.parametrize("how", ["symbolic", "link"])
def test_an_integration_reference_that_points_to_a_branch_moves_no_branch(tmp_path: Path, how: str) -> None:
    world = Swarm.build(tmp_path)
    world.plan(["one"])
    ref = world.git("for-each-ref", "--format=%(refname)", "refs/andon/swarm")
    good = world.git("rev-parse", ref)
    world.git("branch", "victim", good)
    world.piece("alice")
    if how == "link":
        path = world.path / ".git" / ref
        path.unlink()
        path.symlink_to(world.path / ".git/refs/heads/victim")
    else:
        world.git("symbolic-ref", ref, "refs/heads/victim", ANDON_GUARD="off")
    refused = world.andon("lead", "--json")
    assert refused.exit == 1 and "is gone, or symbolic" in refused.out, refused.out
    assert world.git("rev-parse", "victim") == good
    damaged = _integration_check(world)
    assert not damaged["ok"]
    subprocess.run(["sh", "-c", damaged["next"]], cwd=world.path, env=world.environment, check=True)
    assert world.ok("lead")["landed"]
    assert world.git("rev-parse", "victim") == good != world.git("rev-parse", ref)


def test_nothing_is_built_upon_a_reference_that_others_moved(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path)
    run = world.plan(["one", "two"])["run"]
    ref = world.git("for-each-ref", "--format=%(refname)", "refs/andon/swarm")
    world.piece("alice")
    world.ok("lead")
    good = world.git("rev-parse", ref)
    tree = world.git("rev-parse", "main^{tree}")
    for evil in (
        world.git("commit-tree", tree, "-p", good, "-m", "an outsider's"),
        world.git("rev-parse", f"{good}^"),
    ):
        world.git("update-ref", ref, evil, ANDON_GUARD="off")
        refused = world.andon("next", "--json", agent="bob")
        assert refused.exit == 3 and f"stands at {evil[:12]}" in refused.json["error"]["message"], refused.out
        world.git("update-ref", ref, good, ANDON_GUARD="off")
    world.piece("bob")
    evil = world.git("commit-tree", tree, "-p", good, "-m", "an outsider's")
    world.git("update-ref", ref, evil, ANDON_GUARD="off")
    damaged = _integration_check(world)
    assert not damaged["ok"] and f"stands at {evil[:12]}" in damaged["message"]
    assert damaged["next"] == f"ANDON_GUARD=off git update-ref --no-deref {ref} {good}"
    refused = world.andon("lead", "--json")
    assert refused.exit == 1 and f"git update-ref --no-deref {ref} {good}" in refused.out, refused.out
    world.git("update-ref", "-d", ref, ANDON_GUARD="off")
    gone = _integration_check(world)
    assert not gone["ok"] and f"{ref} of run {run} is gone" in gone["message"]
    subprocess.run(["sh", "-c", gone["next"]], cwd=world.path, env=world.environment, check=True)
    assert _integration_check(world)["ok"]
    world.ok("lead")
    assert world.where(run)["step"] == "mend"


def _integration_check(world: Swarm) -> dict[str, Any]:
    checks = world.andon("doctor", "--json").json["checks"]
    (found,) = [x for x in checks if x["check"] == "integration references"]
    return dict(found)


def test_the_guard_lets_nobody_else_move_an_integration_reference(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path)
    world.plan(["one"])
    ref = world.git("for-each-ref", "--format=%(refname)", "refs/andon/swarm")
    before = world.git("rev-parse", ref)
    evil = world.git("commit-tree", "main^{tree}", "-p", before, "-m", "an outsider's")
    for command in (["update-ref", ref, evil], ["update-ref", "-d", ref], ["push", "-q", ".", f"{evil}:{ref}"]):
        world.git(*command, check=False)
        assert world.git("rev-parse", ref) == before, command
    assert _integration_check(world)["ok"]
    world.piece("alice")
    world.ok("lead")
    assert _integration_check(world)["ok"]


def test_siblings_that_conflict_go_back_to_the_child(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path)
    run = world.plan(["one", "two"])["run"]
    claims = [(agent, world.claim(agent)) for agent in ("alice", "bob")]
    for agent, claim in claims:
        world.write("app.txt", f"{agent}\n", Path(claim["workdir"]))
        world.ok("advance", "-m", "mine", agent=agent, cwd=claim["workdir"])
    assert world.andon("lead", "--json").exit == 1
    again = world.claim("dave")
    assert "conflicts with what landed meanwhile" in again["brief"]
    assert again["task"] in (claims[0][1]["task"], claims[1][1]["task"])
    world.write("app.txt", "both\n", Path(again["workdir"]))
    world.ok("advance", "-m", "both", agent="dave", cwd=again["workdir"])
    world.ok("lead")
    assert world.where(run)["step"] == "mend"


def test_cancelling_a_run_ends_all_below_it(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path)
    run = world.plan(["one", "two"])["run"]
    child = world.claim("alice")
    assert world.person("run", "cancel", run, "-m", "wrong way").exit == 0
    tasks = {x["task"]: x["status"] for x in world.ok("task", "list")["items"]}
    assert tasks.pop("T1") == "ready"
    assert set(tasks.values()) == {"cancelled"}
    assert world.ok("show", child["run"])["outcome"] == "cancelled"
    late = world.andon("advance", "-m", "x", "--json", agent="alice", cwd=child["workdir"])
    assert late.exit == 4


def test_a_budget_is_divided_before_the_fan_out(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path)
    run = world.plan(["one", "two", "three"], "--budget", "4000")["run"]
    assert [x["budget"] for x in world.children(run)] == [1000, 1000, 1000]
    claim = world.claim("alice")
    world.ok("heartbeat", "--tokens", "600", agent="alice", cwd=claim["workdir"])
    world.write("a.txt", "a\n", Path(claim["workdir"]))
    world.ok("advance", "-m", "done", agent="alice", cwd=claim["workdir"])
    world.ok("lead")
    tokens = world.ok("show", run)["tokens"]
    assert tokens == {"own": 0, "children": 600, "reserved": 2000, "left": 1400, "budget": 4000}
    over = world.claim("bob")
    assert world.andon("heartbeat", "--tokens", "1001", "--json", agent="bob", cwd=over["workdir"]).exit == 4
    assert world.ok("show", over["run"])["status"] == "blocked"
    assert next(x for x in world.children(run) if x["task"] == over["task"])["status"] == "blocked"


def test_what_can_not_be_reserved_does_not_start(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path, f"{SPREAD}\ntokens: 5000")
    run = world.plan(["one"], "--budget", "4000")["run"]
    assert "5000 tokens can't be reserved for the children: 4000 are left" in world.ok("show", run)["reason"]


def test_who_hears_that_work_came_back_hears_why(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path, f"{SPREAD}\ntokens: 5000", back=True)
    plan = world.plan(["one"], "--budget", "4000")
    assert (plan["next"]["step"], plan["next"]["state"]) == ("plan", "ready")
    assert "5000 tokens can't be reserved" in plan["next"]["reason"]


def test_a_step_may_be_another_workflow(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path, "kind: workflow\nworkflow: piece")
    run = world.plan("[]", "--accept", "it works")["run"]
    (child,) = world.children(run)
    claim = world.piece("alice")
    assert claim["task"] == child["task"]
    assert "it works" in claim["brief"]
    world.ok("lead")
    assert world.where(run)["step"] == "mend"


def test_children_have_children_to_a_bounded_depth(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path, SPREAD.replace("piece", "many"))
    run = world.plan(["below"])["run"]
    for depth in range(1, 4):
        claim = world.claim("paul")
        assert claim["step"] == "plan"
        world.ok("advance", "-m", "the same list", agent="paul", cwd=claim["workdir"])
        shown = world.ok("show", claim["run"])
        if depth < 3:
            assert shown["status"] == "open"
    assert "nested 3 deep" in shown["reason"]
    text = world.andon("show", run).out
    assert "\n        children of spread" in text


def test_siblings_that_share_their_parents_scope_are_worked_on_side_by_side(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path)
    items = ["one", "two", {"title": "three", "scope": ["a/**"]}, {"title": "four", "scope": ["a/b"]}]
    world.plan(items, "--scope", "**")
    claims = [world.claim(agent)["task"] for agent in ("alice", "bob", "carol")]
    assert claims == ["T2", "T3", "T4"]
    refused = world.andon("next", "--json", agent="dave")
    assert refused.exit == 3
    assert "overlaps" in refused.json["error"]["message"]
