"""`land: each`: children's own commits come into the branch's history with the landing of their parent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.swarm_world import SPREAD, Swarm
from tests.e2e.test_lead_queue import set_raw
from tests.evidence.test_crash import killed_lead

EACH = f"{SPREAD}\nland: each"


def mended(world: Swarm, agent: str = "carol", text: str = "", *more: str) -> str:
    """A step after a join, done; its run."""
    claim = world.claim(agent, *more)
    if text:
        world.write(f"{agent}.txt", text, Path(claim["workdir"]))
    world.ok("advance", "-m", "fits", agent=agent, cwd=claim["workdir"])
    return str(claim["run"])


def parents(world: Swarm, commit: str = "main") -> list[str]:
    return world.git("log", "-1", "--format=%P", commit).split()


def own(world: Swarm, run: str, step: str = "spread") -> list[str]:
    """The commits with which children landed."""
    return [x["commit"] for x in world.children(run, step) if x["commit"]]


def history(world: Swarm, commits: str) -> set[str]:
    return set(world.git("rev-list", commits).split())


def good(world: Swarm, commits: str) -> tuple[int, int]:
    """(verified, covered); nothing is wrong, and nothing is let pass."""
    body = world.ok("verify", commits)
    assert (body["failed"], body["unmanaged"], body["problems"]) == (0, 0, [])
    assert len(body["commits"]) == body["verified"] + body["covered"]
    return body["verified"], body["covered"]


def bad(world: Swarm, commits: str) -> set[str]:
    """What is not good though all pass that Andon did not land; something is not."""
    done = world.andon("verify", commits, "--allow-unmanaged", "--json")
    assert done.exit == 1, done.out
    return {x["commit"] for x in done.json["commits"] if not x["ok"]}


def ready(world: Swarm, *agents: str) -> dict[str, Any]:
    """A parent whose children are integrated and whose work waits for the lead."""
    plan = world.plan(list(agents))
    for agent in agents:
        world.piece(agent)
    world.ok("lead")
    mended(world)
    return plan


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
    changed = {"alice.txt", "bob.txt", "carol.txt", "list.json"}
    assert set(world.git("diff", "--name-only", f"{start}..main").split()) == changed
    inside, children = history(world, f"{start}..main"), own(world, run)
    assert len(children) == 2
    assert set(children) < inside
    # The parent's work before there were children is the only other one, and the parent's evidence names it.
    (before,) = inside - set(children) - {world.head()}
    verified = world.ok("verify", f"{start}..main")
    assert {x["commit"]: x["covered_by"] for x in verified["commits"] if x["covered_by"]} == {before: world.head()}
    assert good(world, f"{start}..main") == (3, 1)
    assert "whose evidence names it" in world.andon("verify", f"{start}..main").out
    # That is so because of the parent's landing: without it neither is good, on whatever branch it stands.
    for name, commit in (("covered", before), ("child", tip)):
        world.git("branch", name, commit)
        assert bad(world, commit) == bad(world, name) == {commit}
        assert bad(world, f"{start}..{name}") == history(world, f"{start}..{name}")
    assert world.git("status", "--porcelain") == ""
    assert [x for x in world.ok("doctor")["checks"] if not x["ok"]] == []
    events = world.ok("log", run)["items"]
    assert [x["data"]["merged"] for x in events if x["type"] == "LandingPrepared"] == [[tip]]


def test_children_that_were_not_asked_for_singly_land_as_one(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path, f"{SPREAD}\nland: one")
    start = world.head()
    run = ready(world, "alice", "bob")["run"]
    world.ok("lead")
    assert parents(world) == [start]
    assert good(world, f"{start}..main") == (1, 0)
    # The children's own commits are in no branch, and good nowhere.
    assert own(world, run)
    for child in own(world, run):
        assert bad(world, child) == {child}
    assert "with `land: one`" in world.andon("verify", child).out


def test_it_follows_whatever_landed_meanwhile(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path, EACH, review=True)
    start = world.head()
    run = world.plan(["one"])["run"]
    world.piece("alice")
    world.ok("lead")
    mended(world)
    world.git("commit", "-q", "--allow-empty", "-m", "by hand", ANDON_GUARD="off")
    review = world.claim("bob", "--role", "reviewer")
    assert "alice.txt" in review["brief"]
    world.ok("advance", "-m", "good", agent="bob", cwd=review["workdir"])
    moved = world.head()
    world.ok("lead")
    assert parents(world)[0] == moved
    assert set(own(world, run)) < history(world, f"{start}..main")
    assert good(world, f"{moved}..main") == (2, 1)


def test_history_that_somebody_took_out_of_the_branch_is_not_brought_back(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path, EACH)
    world.git("commit", "-q", "--allow-empty", "-m", "words that should not stand here")
    mistake = world.head()
    run = ready(world, "alice")["run"]
    world.git("reset", "-q", "--hard", "HEAD~1", ANDON_GUARD="off")
    start = world.head()
    done = world.andon("lead")
    assert (done.exit, "is no longer part of main" in done.err) == (0, True)
    assert parents(world) == [start]
    assert world.git("merge-base", mistake, "main") == start
    assert "alice.txt" in world.git("ls-tree", "--name-only", "main").split()
    assert own(world, run)
    assert good(world, f"{start}..main") == (1, 0)


def test_what_somebody_brought_into_the_branch_by_hand_did_not_come_along(tmp_path: Path) -> None:
    """The parent's landing comes too late for it: the branch held it when no gate of the parent had."""
    world = Swarm.build(tmp_path, EACH)
    start = world.head()
    run = ready(world, "alice", "bob")["run"]
    tip = world.git("for-each-ref", "--format=%(objectname)", "refs/andon/swarm")
    (early,) = set(own(world, run)) - {tip}
    world.git("merge", "-q", "--ff-only", early, ANDON_GUARD="off")
    world.ok("lead")
    assert parents(world) == [early, tip]
    assert bad(world, f"{start}..main") == {early}
    said = world.andon("verify", f"{start}..main", "--allow-unmanaged").out
    assert f"it did not come along with the landing of {run} ({world.head()})" in said
    assert good(world, f"{early}..main") == (2, 0)


def test_with_any_only_what_ended_well_comes_along(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path, f"{EACH}\njoin: any")
    start = world.head()
    run = world.plan(["one", "two"])["run"]
    lost = world.claim("bob")
    world.write("bob.txt", "too late\n", Path(lost["workdir"]))
    world.piece("alice")
    world.ok("lead")
    assert sorted(x["outcome"] for x in world.children(run)) == ["cancelled", "landed"]
    mended(world)
    world.ok("lead")
    assert good(world, f"{start}..main") == (2, 1)
    subjects = world.git("log", "--format=%an|%s", f"{start}..main")
    assert len(own(world, run)) == 1
    assert world.git("log", "--format=%H", f"{start}..main", "--", "bob.txt") == "", subjects


def test_every_visit_of_the_step_comes_along(tmp_path: Path) -> None:
    """The first join fails and keeps what was integrated; the second begins with it, on a reference of its own."""
    world = Swarm.build(tmp_path, EACH, back=True)
    start = world.head()
    run = world.plan(["one", "two"])["run"]
    world.piece("alice")
    world.ok("lead")
    first = own(world, run)
    other = next(x["task"] for x in world.children(run) if not x["commit"])
    world.ok("task", "cancel", other, "-m", "no need")
    plan = world.claim("paul", "--role", "planner")
    assert plan["run"] == run
    world.write("list.json", json.dumps(["three", "four"]), Path(plan["workdir"]))
    world.ok("advance", "-m", "again", agent="paul", cwd=plan["workdir"])
    world.piece("bob")
    world.piece("dave")
    world.ok("lead")
    second = own(world, run)
    mended(world)
    world.ok("lead")
    assert len(parents(world)) == 3
    assert set(first + second) < history(world, f"{start}..main")
    # Four landed; what each of the two references began with is named.
    assert good(world, f"{start}..main") == (4, 2)


def two_steps(world: Swarm) -> None:
    path = world.path / ".andon/workflows/many.md"
    text = path.read_text()
    text = text.replace("spread --> mend\n", "spread --> again\n    again --> mend\n")
    text = text.replace("## mend\n", f"## again\n```yaml\n{EACH}\n```\n\n## mend\n")
    path.write_text(text)
    world.git("commit", "-q", "-a", "-m", "two fan-outs")


def test_two_steps_that_hand_work_on(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path, EACH)
    two_steps(world)
    start = world.head()
    run = world.plan(["one"])["run"]
    world.piece("alice")
    world.ok("lead")
    world.piece("bob")
    world.ok("lead")
    mended(world)
    world.ok("lead")
    both = own(world, run) + own(world, run, "again")
    assert len(both) == 2
    assert len(parents(world)) == 3
    assert set(both) < history(world, f"{start}..main")
    assert good(world, f"{start}..main") == (3, 2)


def test_children_of_children(tmp_path: Path) -> None:
    """A child that hands its work on lands with a merge commit of its own, on its parent's reference."""
    world = Swarm.build(tmp_path, EACH.replace("workflow: piece", "workflow: part"))
    inner = (world.path / ".andon/workflows/many.md").read_text()
    world.write(
        ".andon/workflows/part.md",
        inner.replace("name: many", "name: part").replace("workflow: part", "workflow: piece"),
    )
    world.git("add", ".")
    world.git("commit", "-q", "-m", "a workflow in between")
    start = world.head()
    run = world.plan(["a part"])["run"]
    part = world.claim("pia", "--role", "planner")
    world.write("list.json", json.dumps(["one", "two"]), Path(part["workdir"]))
    world.ok("advance", "-m", "listed", agent="pia", cwd=part["workdir"])
    world.piece("alice")
    world.piece("bob")
    world.ok("lead")
    assert mended(world) == part["run"]
    world.ok("lead")
    (middle,) = own(world, run)
    assert len(parents(world, middle)) == 2
    mended(world, "dora")
    world.ok("lead")
    assert set(own(world, part["run"])) | {middle} < history(world, f"{start}..main")
    # The task, the part and two pieces; each of the two fan-outs began with something.
    assert good(world, f"{start}..main") == (4, 2)
    assert world.git("rev-list", "--count", "--first-parent", f"{start}..main") == "1"
    # The part's landing brought its pieces to the task's reference; only the task's brings all of it to the branch.
    assert bad(world, f"{start}..{middle}") == history(world, f"{start}..{middle}")
    said = world.andon("verify", f"{start}..{middle}").out
    assert f"the landing that brought it along, {middle}, is not good itself" in said
    assert f"the landing of {run} is not in what is verified" in said
    assert good(world, f"{middle}..main") == (1, 0)


def test_a_workflow_step_hands_on_and_lands_singly(tmp_path: Path) -> None:
    world = Swarm.build(tmp_path, "kind: workflow\nworkflow: piece\nland: each")
    start = world.head()
    run = world.plan("[]")["run"]
    world.piece("alice")
    world.ok("lead")
    mended(world)
    world.ok("lead")
    assert parents(world)[1:] == own(world, run)
    assert good(world, f"{start}..main") == (2, 1)
    assert world.andon("workflow", "lint", "many").exit == 0


@pytest.mark.parametrize("mode", ["each", "batch"])
def test_in_one_window_with_others(tmp_path: Path, mode: str) -> None:
    world = Swarm.build(tmp_path, EACH)
    assert world.person("config", "set", "queue.mode", mode).exit == 0
    set_raw(world, "queue:window:main", "8")
    start = world.head()
    runs = []
    for name in ("alice", "bob"):
        plan = world.plan([name], "--scope", f"{name}*", "--scope", "list.json", agent=f"planner-{name}")
        runs.append(plan["run"])
        world.piece(name, "", "", "--task", world.children(plan["run"])[0]["task"])
        world.ok("lead", "--limit", "1")
    for name, run in zip(("carol", "dave"), runs, strict=True):
        task = world.ok("show", run)["task"]
        claim = world.claim(name, "--task", task)
        world.write("list.json", "[]", Path(claim["workdir"]))
        world.ok("advance", "-m", "fits", agent=name, cwd=claim["workdir"])
    assert [x["run"] for x in world.ok("lead")["landed"]] == runs
    assert world.git("rev-parse", "main@{1}") == start
    assert world.git("rev-list", "--count", "--first-parent", f"{start}..main") == "2"
    assert {commit for run in runs for commit in own(world, run)} < history(world, f"{start}..main")
    assert good(world, f"{start}..main") == (4, 2)


BOUNDARIES = {
    "when it is prepared": ("andon.engine.proof.publish", False, False),
    "before the branch moves": ("andon.git.repository.Repository.move_branch", False, False),
    "after the branch moved": ("andon.git.repository.Repository.move_branch", True, True),
    "before it is confirmed": ("andon.engine.landing._confirm", False, True),
}


@pytest.mark.parametrize("name", BOUNDARIES)
def test_a_killed_lead_lands_it_once_and_whole(tmp_path: Path, name: str) -> None:
    where, after, moved = BOUNDARIES[name]
    world = Swarm.build(tmp_path, EACH)
    start = world.head()
    run = ready(world, "alice")["run"]
    killed_lead(world, where, after)
    assert (world.head() != start) is moved
    if moved:
        assert good(world, f"{start}..main") == (2, 1)
    world.ok("lead")
    assert good(world, f"{start}..main") == (2, 1)
    assert parents(world) == [start, *own(world, run)]
    assert world.ok("task", "show", "T1")["status"] == "landed"
    assert world.git("status", "--porcelain") == ""
    assert [x for x in world.ok("doctor")["checks"] if not x["ok"]] == []


def test_a_commit_that_is_about_to_come_along_is_no_place_for_a_reference(tmp_path: Path) -> None:
    """Of what a child is about to land only its landing may stand there, not what the child's own children made for it."""
    world = Swarm.build(tmp_path, EACH)
    world.add_task("The whole", "--workflow", "piece")
    whole = world.claim("pam")
    workdir = whole["workdir"]
    first = world.ok("spawn", "A part", "--workflow", "piece", agent="pam", cwd=workdir)["task"]
    world.piece("alice", "", "", "--task", first)
    world.ok("lead")
    second = world.ok("spawn", "Parts of a part", "--workflow", "many", agent="pam", cwd=workdir)["task"]
    plan = world.claim("paul", "--task", second)
    world.write("list.json", json.dumps(["one"]), Path(plan["workdir"]))
    world.ok("advance", "-m", "listed", agent="paul", cwd=plan["workdir"])
    world.piece("bob")
    world.ok("lead")
    (inner,) = own(world, plan["run"])
    mended(world)
    killed_lead(world, *BOUNDARIES["before the branch moves"][:2])
    ref = f"refs/andon/swarm/{whole['run']}"
    (name,) = world.git("for-each-ref", "--format=%(refname)", ref).split()
    before = world.git("rev-parse", name)
    world.git("update-ref", name, inner, ANDON_GUARD="off")
    refused = world.andon("wait", first, "--json", agent="pam", cwd=workdir)
    assert (refused.exit, refused.kind) == (1, "moved"), refused.out
    assert not (Path(workdir) / "bob.txt").exists()
    world.git("update-ref", name, before, ANDON_GUARD="off")
    world.ok("lead")
    world.ok("wait", agent="pam", cwd=workdir)
    assert (Path(workdir) / "bob.txt").exists()
