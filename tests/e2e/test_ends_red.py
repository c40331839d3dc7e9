"""Each way to get through without doing the work ends red, with the reason in plain words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.world import TESTS, Result, World, outcomes
from tests.evidence.test_crash import killed_lead


def red(world: World, agent: str, workdir: str | Path) -> tuple[dict[str, str], str]:
    """Advance must be refused: the outcomes of the gates, and the reason."""
    result = world.andon("advance", "--json", agent=agent, cwd=workdir)
    assert result.exit == 1, (result.exit, result.out, result.err)
    assert result.json["ok"] is False
    assert result.json["next"]["state"] == "yours"
    return outcomes(result.json), result.json["error"]["message"]


def change(world: World, workdir: str | Path) -> None:
    world.write("app.txt", "one\nTWO\nthree\nfour\nfive\n", Path(workdir))


def test_success_claimed_with_no_change(world: World) -> None:
    world.add_task()
    claim = world.claim("alice")
    found, reason = red(world, "alice", claim["workdir"])
    assert found["work"] == "failed"
    assert "nothing was changed" in reason


def test_edit_after_green(world: World) -> None:
    world.add_task()
    claim = world.claim("alice")
    change(world, claim["workdir"])
    world.ok("check", agent="alice", cwd=claim["workdir"])
    world.write("tests/first.sh", "exit 1\n", Path(claim["workdir"]))
    found, _ = red(world, "alice", claim["workdir"])
    assert found["tests"] == "failed"


def test_an_edit_after_the_advance_does_not_land(world: World) -> None:
    world.add_task()
    claim = world.implement()
    world.write("app.txt", "sneaky\n", Path(claim["workdir"]))
    late = world.andon("submit", "--json", agent="alice", cwd=claim["workdir"])
    assert (late.exit, late.kind) == (4, "lease_lost")
    world.review()
    world.ok("lead")
    assert "sneaky" not in world.git("show", "main:app.txt")


def test_a_gate_routed_around(tmp_path: Path) -> None:
    world = World.make(tmp_path, edges="    implement --> [*] : skip")
    lint = world.andon("workflow", "lint", "--json")
    assert lint.exit == 1
    assert "done-gate-bypassed" in {item["rule"] for item in lint.json["items"]}
    world.add_task()
    claim = world.claim("alice")
    change(world, claim["workdir"])
    result = world.andon("advance", "--outcome", "skip", "--json", agent="alice", cwd=claim["workdir"])
    assert result.exit == 1
    assert "done" in result.json["error"]["message"]
    assert world.ok("run", "show", claim["run"])["status"] == "blocked"
    assert world.ok("status")["needs_human"]


@pytest.mark.parametrize(
    ("command", "outcome", "words"),
    [
        ("no-such-command-here", "unmeasured", "not found"),
        ("sleep 60", "unmeasured", "time"),
        ("kill -9 $$", "unmeasured", "kill"),
        ("true", "unmeasured", "report"),
        ("echo all is fine; echo '<testsuite/>' > $ANDON_OUT/junit.xml", "unmeasured", "zero tests"),
        (
            "echo '<testsuite><testcase name=\"a\"><skipped/></testcase></testsuite>' > $ANDON_OUT/junit.xml",
            "unmeasured",
            "skipped",
        ),
        ("echo broken > $ANDON_OUT/junit.xml", "unmeasured", ""),
        ("cp stale.xml $ANDON_OUT/../ 2>/dev/null; true", "unmeasured", "report"),
    ],
    ids=["missing", "timeout", "killed", "prints-nothing", "zero-tests", "all-skipped", "malformed", "stale-in-tree"],
)
def test_a_gate_that_measures_nothing(tmp_path: Path, command: str, outcome: str, words: str) -> None:
    quoted = command.replace("\\", "\\\\").replace('"', '\\"')
    gate = f'{{run: "{quoted}", report: {{junit: junit.xml}}, timeout: 2s}}'
    world = World.make(tmp_path, tests=gate)
    world.add_task()
    claim = world.claim("alice")
    change(world, claim["workdir"])
    good = '<testsuite><testcase name="a"/></testsuite>'
    world.write("stale.xml", good, Path(claim["workdir"]))
    world.write("junit.xml", good, Path(claim["workdir"]))
    found, reason = red(world, "alice", claim["workdir"])
    assert found["tests"] == outcome
    assert words in reason.lower()


def test_deleting_or_skipping_a_test(world: World) -> None:
    world.add_task()
    claim = world.claim("alice")
    change(world, claim["workdir"])
    world.write("tests/first.sh", "# SKIP\nexit 1\n", Path(claim["workdir"]))
    world.write("tests/other.sh", "exit 0\n", Path(claim["workdir"]))
    found, _ = red(world, "alice", claim["workdir"])
    assert found["tests"] == "failed"
    (Path(claim["workdir"]) / "tests/first.sh").unlink()
    (Path(claim["workdir"]) / "tests/other.sh").unlink()
    found, _ = red(world, "alice", claim["workdir"])
    assert found["tests"] == "unmeasured"


@pytest.mark.parametrize("path", [".andon/workflows/feature.md", "protected.txt"])
def test_a_protected_file_edited_in_the_branch(world: World, path: str) -> None:
    world.add_task()
    claim = world.claim("alice")
    change(world, claim["workdir"])
    world.write(path, "mine now\n", Path(claim["workdir"]))
    found, reason = red(world, "alice", claim["workdir"])
    assert found["protect"] == "failed"
    assert path in reason


def test_outside_the_scope(world: World) -> None:
    world.add_task("Narrow", "--scope", "docs/**")
    claim = world.claim("alice")
    change(world, claim["workdir"])
    found, reason = red(world, "alice", claim["workdir"])
    assert found["scope"] == "failed"
    assert "app.txt" in reason


def test_an_advance_under_an_expired_lease(tmp_path: Path) -> None:
    world = World.make(tmp_path, lease="1s")
    world.add_task()
    claim = world.claim("alice")
    change(world, claim["workdir"])
    import time

    time.sleep(1.2)
    late = world.andon("advance", "--json", agent="alice", cwd=claim["workdir"])
    assert (late.exit, late.kind) == (4, "lease_lost")
    again = world.claim("bob")
    assert again["run"] == claim["run"]
    assert again["attempt"] == 2
    assert again["workdir"] != claim["workdir"]
    assert "Unsubmitted work" in again["brief"]
    fenced = world.andon("advance", "--json", agent="alice", cwd=claim["workdir"])
    assert (fenced.exit, fenced.kind) == (4, "lease_lost")
    beat = world.andon("heartbeat", "--json", agent="alice", cwd=claim["workdir"])
    assert beat.exit == 4


def test_the_author_can_not_review(world: World) -> None:
    world.add_task()
    world.implement()
    refused = world.andon("next", "--json", "--role", "reviewer", agent="alice")
    assert (refused.exit, refused.kind) == (3, "nothing_ready")


APPROVAL = {
    "done": "[tests, approval]",
    "gates": "  approval: {approval: {count: 1, expires: 1h}}",
    "edges": "",
}


def approval_world(directory: Path, expires: str = "1h", gate_expires: str = "1h") -> World:
    world = World.make(
        directory,
        done="[tests, approval]",
        gates=f"  approval: {{approval: {{count: 1, expires: {gate_expires}}}}}",
    )
    text = (world.path / ".andon/workflows/feature.md").read_text()
    text = text.replace(
        "    review --> land\n", "    review --> sign\n    sign --> land\n    sign --> implement : rejected\n"
    )
    text = text.replace("    land --> [*]\n", "    sign --> implement : expired\n    land --> [*]\n")
    text += f"\n## sign\n```yaml\nkind: human\nexpires: {expires}\n```\nA person decides.\n"
    world.write(".andon/workflows/feature.md", text)
    world.git("commit", "-q", "-am", "a person signs")
    return world


def test_an_approval_by_an_agent_or_without_a_terminal(tmp_path: Path) -> None:
    world = approval_world(tmp_path)
    world.add_task()
    claim = world.implement()
    world.review()
    by_agent = world.andon("approve", claim["run"], "--json", agent="robot")
    assert (by_agent.exit, by_agent.kind) == (5, "not_a_person")
    no_terminal = world.andon("approve", claim["run"], "--json")
    assert no_terminal.exit == 5
    inside = world.person("approve", claim["run"], ANDON_AGENT="robot")
    assert inside.exit == 5
    assert world.andon("lead", "--json").exit == 3
    done = world.person("approve", claim["run"])
    assert done.exit == 0, done.out
    assert world.ok("lead")["landed"]


def test_an_approval_by_the_author(tmp_path: Path) -> None:
    world = approval_world(tmp_path)
    world.add_task()
    claim = world.implement(agent="pat@example.com")
    world.review()
    refused = world.person("approve", claim["run"])
    assert refused.exit == 5
    assert "author" in refused.out


def test_an_expired_human_step_is_not_approved(tmp_path: Path) -> None:
    world = approval_world(tmp_path, expires="1s")
    world.add_task()
    claim = world.implement()
    world.review()
    import time

    time.sleep(1.2)
    refused = world.person("approve", claim["run"])
    assert refused.exit != 0
    assert "expired" in refused.out or "nothing" in refused.out
    assert world.ok("run", "show", claim["run"])["steps"][0]["step"] == "implement"


def test_an_expired_approval_does_not_land(tmp_path: Path) -> None:
    world = approval_world(tmp_path, gate_expires="2s")
    world.add_task()
    claim = world.implement()
    world.review()
    assert world.person("approve", claim["run"]).exit == 0
    import time

    time.sleep(2.2)
    head = world.head()
    refused = world.andon("lead", "--json")
    assert refused.exit == 3
    assert "expired" in refused.json["error"]["message"]
    assert world.head() == head
    assert world.person("approve", claim["run"]).exit == 0
    assert world.ok("lead")["landed"], "a fresh approval lets it land"


STOPPED = """
import os, sys, time
import andon.cli.parse
from andon.cli import main
from andon.engine import proof
from andon.git.repository import Repository
at, go, where = sys.argv.pop(1), sys.argv.pop(1), sys.argv.pop(1)
owner = proof if where == "publish" else Repository
real = getattr(owner, where)
def stopped(*args, **named):
    done = real(*args, **named) if where == "publish" else None
    open(at, "w").close()
    while not os.path.exists(go):
        time.sleep(0.02)
    return done if where == "publish" else real(*args, **named)
setattr(owner, where, stopped)
main()
"""


def in_the_last_moment(world: World, directory: Path, act: Callable[[], Result], where: str = "publish") -> int:
    """Somebody acts when the lead has decided and the branch has not moved; the lead's exit code."""
    at, go = directory / "at", directory / "go"
    command = [sys.executable, "-c", STOPPED, str(at), str(go), where, "lead", "--json"]
    with subprocess.Popen(command, cwd=world.path, env=world.environment, stdout=subprocess.PIPE) as lead:
        try:
            while not at.exists():
                assert lead.poll() is None, "it stands still before the branch moves"
            done = act()
            assert done.exit == 0, done.out
        finally:
            go.touch()
            lead.communicate(timeout=60)
    return int(lead.returncode)


def approved(directory: Path) -> tuple[World, str]:
    """A run that a person approved and that waits for the lead."""
    world = approval_world(directory)
    world.add_task()
    claim = world.implement()
    world.review()
    assert world.person("approve", claim["run"]).exit == 0
    return world, str(claim["run"])


def test_a_rejection_in_the_last_moment_before_the_branch_moves(tmp_path: Path) -> None:
    world, run = approved(tmp_path)
    head = world.head()
    assert in_the_last_moment(world, tmp_path, lambda: world.person("reject", run, "-m", "stop")) in (1, 3)
    assert world.head() == head
    assert "rejected" in world.ok("run", "show", run)["steps"][0]["reason"]


def test_a_freeze_in_the_last_moment_before_the_branch_moves(tmp_path: Path) -> None:
    world, run = approved(tmp_path)
    head = world.head()
    assert in_the_last_moment(world, tmp_path, lambda: world.person("lead", "freeze", "main", "-m", "hold")) == 3
    assert world.head() == head
    assert world.person("lead", "unfreeze", "main").exit == 0
    assert [x["run"] for x in world.ok("lead")["landed"]] == [run]


def test_a_rejection_in_the_very_moment_blocks_the_run_and_a_person_answers_for_it(tmp_path: Path) -> None:
    world, run = approved(tmp_path)
    reject = lambda: world.person("reject", run, "-m", "stop")  # noqa: E731
    assert in_the_last_moment(world, tmp_path, reject, "move_branch") == 1
    blocked = world.ok("run", "show", run)
    assert blocked["status"] == "blocked"
    assert f"andon run retry {run}" in blocked["reason"]
    assert world.person("approve", run).exit == 0
    assert world.person("run", "retry", run, "-m", "it may stay").exit == 0
    assert world.ok("run", "show", run)["outcome"] == "landed"
    assert world.ok("task", "show", "T1")["status"] == "landed"


def test_a_rejection_where_nobody_is_asked_is_refused(world: World) -> None:
    world.add_task()
    claim = world.implement()
    refused = world.person("reject", claim["run"], "-m", "no")
    assert refused.exit == 1
    assert f"andon run cancel {claim['run']}" in refused.out


def test_a_rejection_of_what_is_on_the_branch_is_refused(tmp_path: Path) -> None:
    world, run = approved(tmp_path)
    killed_lead(world, "andon.engine.landing._confirm", False)
    late = world.person("reject", run, "-m", "stop", "--json")
    assert late.exit == 4
    assert "is on main already" in late.out
    world.andon("lead")
    assert world.ok("run", "show", run)["outcome"] == "landed"


@pytest.mark.parametrize("name", ["x\u2028Andon-Task: T9", "x\nAndon-Task: T9", "x\x0b", "x\x1b[2J", "y" * 201])
def test_names_are_one_line_of_text(world: World, name: str) -> None:
    world.add_task()
    refused = world.andon("next", "--json", agent=name)
    assert (refused.exit, refused.kind) == (64, "bad_input"), refused.out


def test_a_workflow_changed_in_the_middle_of_a_run(world: World) -> None:
    world.add_task()
    claim = world.claim("alice")
    world.write_workflow(tests='{run: "true"}')
    world.git("commit", "-q", "-am", "weaker", ANDON_GUARD="off")
    world.write("app.txt", "x\n", Path(claim["workdir"]))
    world.write("tests/first.sh", "exit 1\n", Path(claim["workdir"]))
    found, _ = red(world, "alice", claim["workdir"])
    assert found["tests"] == "failed"


def test_a_conflict_with_what_landed_meanwhile(world: World) -> None:
    world.add_task("First")
    world.add_task("Second")
    one = world.claim("alice")
    two = world.claim("carol")
    world.write("app.txt", "one\nALICE\nthree\nfour\nfive\n", Path(one["workdir"]))
    world.write("app.txt", "one\nCAROL\nthree\nfour\nfive\n", Path(two["workdir"]))
    world.ok("advance", agent="alice", cwd=one["workdir"])
    world.ok("advance", agent="carol", cwd=two["workdir"])
    world.review("bob")
    world.review("bob")
    result = world.andon("lead", "--json")
    assert result.exit == 1
    assert len(result.json["landed"]) == 1
    refused = result.json["refused"][0]
    assert refused["how"] == "conflict"
    assert "app.txt" in refused["reason"]
    loser = "carol" if refused["run"] == two["run"] else "alice"
    again = world.claim(loser, "--role", "implementer")
    assert "conflict" in again["brief"]
    assert again["base"] == world.head()
    assert "<<<<<<<" in (Path(again["workdir"]) / "app.txt").read_text()
    for change in ("", "<<<<<<< ours\nx\n=======\ny\n>>>>>>> theirs\n"):
        if change:
            world.write("app.txt", change, Path(again["workdir"]))
        unresolved = world.andon("advance", "--json", agent=loser, cwd=again["workdir"])
        assert (unresolved.exit, unresolved.kind) == (1, "unresolved_conflicts")
    world.write("app.txt", "one\nBOTH\nthree\nfour\nfive\n", Path(again["workdir"]))
    world.ok("advance", agent=loser, cwd=again["workdir"])
    world.review("bob")
    assert world.ok("lead")["landed"]
    assert world.git("show", "main:app.txt").splitlines()[1] == "BOTH"


def test_two_changes_that_break_only_together(world: World) -> None:
    world.write("tests/together.sh", "! { grep -q alpha app.txt && grep -q beta other.txt; }\n")
    world.write("other.txt", "nothing\n")
    world.git("add", ".")
    world.git("commit", "-q", "-m", "a test of both")
    world.add_task("Alpha")
    world.add_task("Beta")
    one, two = world.claim("alice"), world.claim("carol")
    world.write("app.txt", "alpha\n", Path(one["workdir"]))
    world.write("other.txt", "beta\n", Path(two["workdir"]))
    world.ok("advance", agent="alice", cwd=one["workdir"])
    world.ok("advance", agent="carol", cwd=two["workdir"])
    world.review("bob")
    world.review("bob")
    result = world.andon("lead", "--json")
    assert result.exit == 1
    assert [item["how"] for item in result.json["refused"]] == ["failed"]
    assert len(result.json["landed"]) == 1


def test_the_strict_condition_is_what_the_workflow_says() -> None:
    assert "tests >= base.tests" in TESTS


def test_an_agent_can_not_act_in_the_worktree_of_another(world: World) -> None:
    world.add_task()
    world.implement()
    review = world.claim("bob", "--role", "reviewer")
    for args in (["advance", "-m", "good"], ["check"], ["heartbeat"], ["release"]):
        refused = world.andon(*args, "--json", agent="alice", cwd=review["workdir"])
        assert (refused.exit, refused.kind) == (4, "not_yours"), args
    world.ok("heartbeat", agent="bob", cwd=review["workdir"])


def test_a_moved_head_over_old_files_does_not_undo_what_landed(world: World) -> None:
    world.add_task("First")
    world.add_task("Second")
    one, two = world.claim("alice"), world.claim("carol")
    world.write("other.txt", "landed\n", Path(one["workdir"]))
    world.ok("advance", agent="alice", cwd=one["workdir"])
    world.review()
    world.ok("lead")
    world.write("app.txt", "mine\n", Path(two["workdir"]))
    world.git("reset", "-q", "main", cwd=Path(two["workdir"]))
    refused = world.andon("advance", "--json", agent="carol", cwd=two["workdir"])
    assert (refused.exit, refused.kind) == (1, "bad_tree")
    assert "other.txt" in refused.json["error"]["message"]
    world.git("checkout", "-q", "main", "--", "other.txt", cwd=Path(two["workdir"]))
    world.ok("advance", agent="carol", cwd=two["workdir"])
    world.review()
    world.ok("lead")
    assert world.git("show", "main:other.txt") == "landed"
