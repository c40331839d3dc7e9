"""An agent makes children of its own step: spawn, wait, cancel, and what comes into its worktree."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.swarm_world import Swarm


@pytest.fixture
def world(tmp_path: Path) -> Swarm:
    return Swarm.build(tmp_path)


def parent(world: Swarm, *more: str) -> dict[str, Any]:
    world.add_task("The whole", "--workflow", "piece", *more)
    return world.claim("pam")


def spawn(world: Swarm, claim: dict[str, Any], title: str, *more: str) -> str:
    made = world.ok("spawn", title, "--workflow", "piece", *more, agent="pam", cwd=claim["workdir"])
    return str(made["task"])


def test_what_children_landed_comes_into_the_parents_worktree(world: Swarm) -> None:
    claim = parent(world)
    workdir = Path(claim["workdir"])
    world.write("base.txt", "of the parent\n", workdir)
    child = spawn(world, claim, "A part", "--body", "do this", "--key", "a")
    assert spawn(world, claim, "A part", "--key", "a") == child
    open_ = world.andon("advance", "-m", "x", "--json", agent="pam", cwd=workdir)
    assert (open_.exit, open_.kind) == (3, "children_open")
    waiting = world.andon("wait", "--timeout", "0.2s", "--json", agent="pam", cwd=workdir)
    assert (waiting.exit, waiting.kind) == (3, "children_open")

    part = world.piece("alice", "part.txt", "of the child\n", "--task", child)
    assert "do this" in part["brief"]
    assert claim["run"] in part["brief"]
    whole = world.ok("task", "show", claim["task"])["title"]
    assert f"The whole:\n\n> {whole}" in part["brief"]
    assert (Path(part["workdir"]) / "base.txt").read_text() == "of the parent\n"
    world.ok("lead")
    world.write("more.txt", "meanwhile\n", workdir)
    unmerged = world.andon("advance", "-m", "x", "--json", agent="pam", cwd=workdir)
    assert (unmerged.exit, unmerged.kind) == (3, "children_unmerged")
    done = world.ok("wait", agent="pam", cwd=workdir)
    assert [(x["task"], x["outcome"], x["message"]) for x in done["items"]] == [(child, "landed", "alice did it")]
    assert done["merged"]["conflicts"] == []
    assert (workdir / "part.txt").read_text() == "of the child\n"
    assert (workdir / "more.txt").read_text() == "meanwhile\n"

    # A second child begins with all of that.
    second = spawn(world, claim, "Another part")
    other = world.claim("bob", "--task", second)
    assert {"base.txt", "part.txt", "more.txt"} <= set(os.listdir(other["workdir"]))
    cancelled = world.andon("wait", second, "--cancel", "--json", agent="pam", cwd=workdir)
    assert (cancelled.exit, cancelled.json["ok"], cancelled.json["state"]) == (0, True, "cancelled"), (
        "as it was asked for"
    )
    assert cancelled.json["items"][0]["outcome"] == "cancelled"
    later = world.andon("wait", second, "--json", agent="pam", cwd=workdir)
    assert (later.exit, later.kind) == (1, "children_failed")
    assert world.andon("advance", "-m", "x", "--json", agent="bob", cwd=other["workdir"]).exit == 4
    world.ok("advance", "-m", "all of it", agent="pam", cwd=workdir)
    assert world.ok("lead")["landed"][0]["run"] == claim["run"]
    assert world.git("show", "main:part.txt") == "of the child"


def test_conflicts_stand_in_the_files_and_nothing_is_lost(world: Swarm) -> None:
    claim = parent(world)
    workdir = Path(claim["workdir"])
    child = spawn(world, claim, "A part")
    world.piece("alice", "app.txt", "of the child\n", "--task", child)
    world.ok("lead")
    world.write("app.txt", "of the parent\n", workdir)
    merged = world.andon("wait", "--json", agent="pam", cwd=workdir)
    assert (merged.exit, merged.kind) == (1, "merge_conflicts")
    assert merged.json["merged"]["conflicts"] == ["app.txt"]
    assert "<<<<<<<" in (workdir / "app.txt").read_text()
    assert world.git("show", f"{merged.json['merged']['before']}:app.txt") == "of the parent"
    refused = world.andon("advance", "-m", "x", "--json", agent="pam", cwd=workdir)
    assert refused.kind == "unresolved_conflicts"
    world.write("app.txt", "of both\n", workdir)
    world.ok("advance", "-m", "both", agent="pam", cwd=workdir)


def test_what_children_made_may_be_left_out(world: Swarm) -> None:
    claim = parent(world)
    workdir = Path(claim["workdir"])
    child = spawn(world, claim, "A part")
    world.piece("alice", "part.txt", "x\n", "--task", child)
    world.ok("lead")
    done = world.ok("wait", "--no-merge", agent="pam", cwd=workdir)
    assert done["merged"]["left_out"] is True
    world.write("mine.txt", "x\n", workdir)
    world.ok("advance", "-m", "without", agent="pam", cwd=workdir)
    world.ok("lead")
    assert "part.txt" not in world.git("ls-tree", "--name-only", "main")


def test_a_child_does_not_wait_for_its_parent(world: Swarm) -> None:
    claim = parent(world)
    child = spawn(world, claim, "A part")
    other = world.add_task("Another", "--depends-on", claim["task"])
    for name in (claim["task"], other):
        refused = world.andon("task", "edit", child, "--depends-on", name, "--json", agent="pam")
        assert (refused.exit, refused.kind) == (64, "bad_task"), refused.out


def test_what_a_child_overspends_is_gone(world: Swarm) -> None:
    claim = parent(world, "--budget", "1000")
    child = spawn(world, claim, "A part", "--budget", "300")
    taken = world.claim("alice", "--task", child)
    world.andon("heartbeat", "--tokens", "900", agent="alice", cwd=taken["workdir"])
    refused = world.andon("spawn", "x", "--budget", "700", "--json", agent="pam", cwd=claim["workdir"])
    assert (refused.exit, refused.kind) == (64, "no_budget"), refused.out
    assert "100 are left" in refused.json["error"]["message"]


def test_a_parent_keeps_tokens_to_go_on_with(world: Swarm) -> None:
    claim = parent(world, "--budget", "1000")
    refused = world.andon("spawn", "x", "--budget", "901", "--json", agent="pam", cwd=claim["workdir"])
    assert (refused.exit, refused.kind) == (64, "no_budget"), refused.out
    assert "1000 are left, and 100 of them stay with you" in refused.json["error"]["message"]
    assert refused.json["error"]["next"] == "reserve at most 900"
    spawn(world, claim, "A part", "--budget", "900")
    beaten = world.andon("heartbeat", "--tokens", "99", "--json", agent="pam", cwd=claim["workdir"])
    assert beaten.exit == 0, beaten.out
    refused = world.andon("spawn", "x", "--budget", "1", "--json", agent="pam", cwd=claim["workdir"])
    assert refused.json["error"]["next"] == "andon wait; or raise the budget"
    assert world.ok("show", claim["run"])["status"] == "open"


def test_asking_again_takes_nothing_of_what_a_parent_keeps(world: Swarm) -> None:
    claim = parent(world, "--budget", "1000")
    for budget in ("500", "400"):
        spawn(world, claim, f"A part of {budget}", "--budget", budget)
    for budget in ("1", "90"):
        refused = world.andon("spawn", "x", "--budget", budget, "--json", agent="pam", cwd=claim["workdir"])
        assert (refused.exit, refused.kind) == (64, "no_budget"), refused.out
    beaten = world.andon("heartbeat", "--tokens", "99", "--json", agent="pam", cwd=claim["workdir"])
    assert beaten.exit == 0, beaten.out


def test_a_damaged_parent_leaves_a_childs_brief_readable(world: Swarm) -> None:
    claim = parent(world)
    child = spawn(world, claim, "A part", "--body", "do this")
    taken = world.claim("alice", "--task", child)
    with sqlite3.connect(world.path / ".git/andon/andon.db") as database:
        database.execute("UPDATE states SET state = 'garbage' WHERE stream = ?", (claim["task"],))
    assert "do this" in world.ok("brief", agent="alice", cwd=taken["workdir"])["brief"]


def test_children_of_a_child_that_was_cancelled_are_shown_as_cancelled(world: Swarm) -> None:
    claim = parent(world)
    below = world.claim("alice", "--task", spawn(world, claim, "A part"))
    made = world.ok("spawn", "A part of it", "--workflow", "piece", agent="alice", cwd=below["workdir"])
    world.andon("wait", "--cancel", "--json", agent="pam", cwd=claim["workdir"])
    shown = world.ok("show", below["run"])["children"][below["step"]]
    assert shown["open"] == 0
    assert [(x["task"], x["outcome"]) for x in shown["items"]] == [(made["task"], "cancelled")]


def test_a_worker_who_comes_free_is_given_the_children_before_their_parent(world: Swarm) -> None:
    claim = parent(world)
    child = spawn(world, claim, "A part")
    world.ok("release", "-m", "somebody else may wait", agent="pam", cwd=claim["workdir"])
    listed = [(x["task"], x["step"]) for x in world.andon("ready", "--json", agent="quinn").json["items"]]
    assert [task for task, _step in listed] == [child, claim["task"]]
    assert world.claim("quinn")["task"] == child
    assert world.claim("rose")["task"] == claim["task"], "the child is taken: whoever comes next may wait for it"


def test_what_was_left_out_does_not_come_back(world: Swarm) -> None:
    claim = parent(world)
    workdir = Path(claim["workdir"])
    world.piece("alice", "unwanted.txt", "x\n", "--task", spawn(world, claim, "A part"))
    world.ok("lead")
    world.ok("wait", "--no-merge", agent="pam", cwd=workdir)
    second = world.piece("bob", "wanted.txt", "x\n", "--task", spawn(world, claim, "Another part"))
    assert not (Path(second["workdir"]) / "unwanted.txt").exists()
    world.ok("lead")
    world.ok("wait", agent="pam", cwd=workdir)
    assert (workdir / "wanted.txt").exists()
    assert not (workdir / "unwanted.txt").exists()


def test_what_an_interrupted_wait_began_to_bring_in_is_not_left_out(world: Swarm, tmp_path: Path) -> None:
    claim = parent(world)
    workdir = Path(claim["workdir"])
    world.piece("alice", "part.txt", "x\n", "--task", spawn(world, claim, "A part"))
    world.ok("lead")
    # Killed when the work is in the worktree, before anything tells of it.
    world.write(
        "git",
        f'#!/bin/sh\n{shutil.which("git")} "$@"; code=$?\n[ -e {workdir}/part.txt ] && kill -9 $PPID\nexit $code\n',
        tmp_path / "bin",
    )
    (tmp_path / "bin/git").chmod(0o755)
    killed = world.andon("wait", agent="pam", cwd=workdir, PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    assert killed.exit not in (0, 1, 3)
    assert (workdir / "part.txt").exists()
    refused = world.andon("wait", "--no-merge", "--json", agent="pam", cwd=workdir)
    assert refused.kind == "half_merged", refused.out
    done = world.ok("wait", agent="pam", cwd=workdir)
    assert (done["merged"]["left_out"], done["merged"]["conflicts"]) == (False, [])
    world.ok("advance", "-m", "both", agent="pam", cwd=workdir)
    world.ok("lead")
    assert "part.txt" in world.git("ls-tree", "--name-only", "main")


@pytest.mark.parametrize("how", [(), ("--no-merge",)])
def test_a_child_that_lands_while_its_parent_takes_in_another_is_not_lost(
    world: Swarm, tmp_path: Path, how: tuple[str, ...]
) -> None:
    claim = parent(world)
    workdir = Path(claim["workdir"])
    first, second = spawn(world, claim, "A part"), spawn(world, claim, "Another part")
    world.piece("alice", "one.txt", "x\n", "--task", first)
    world.ok("lead")
    world.piece("bob", "two.txt", "x\n", "--task", second)
    # The second lands at the moment when the parent has looked at the reference, and merges.
    due = tmp_path / "due"
    due.touch()
    world.write(
        "git",
        f'#!/bin/sh\ncase "$*" in *merge-tree*|*commit-tree*)\n'
        f"    if [ -e {due} ]; then rm {due}; (cd {world.path}; {sys.executable} -m andon lead) >/dev/null 2>&1; fi ;;\n"
        f'esac\nexec {shutil.which("git")} "$@"\n',
        tmp_path / "bin",
    )
    (tmp_path / "bin/git").chmod(0o755)
    slow = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    world.ok("wait", first, *how, agent="pam", cwd=workdir, **slow)
    assert not due.exists()
    assert world.ok("show", second)["status"] == "landed"
    refused = world.andon("advance", "-m", "x", "--json", agent="pam", cwd=workdir)
    assert refused.kind == "children_unmerged"
    world.ok("wait", agent="pam", cwd=workdir)
    assert (workdir / "two.txt").exists()
    assert (workdir / "one.txt").exists() is not bool(how)


def test_a_worker_is_started_beside_the_parent_and_ends_with_its_child(world: Swarm, tmp_path: Path) -> None:
    claim = parent(world)
    started = tmp_path / "started"
    client = tmp_path / "client.py"
    client.write_text(f"import time\nopen({str(started)!r}, 'w').close()\ntime.sleep(300)\n")
    command = ("--json", "--", sys.executable, str(client))
    made = world.andon("spawn", "A part", "--workflow", "piece", *command, agent="pam", cwd=claim["workdir"]).json
    pid = made["process"]["pid"]
    _until(started.exists, made["process"]["log"])
    held = world.ok("show", made["task"])["run_state"]["steps"][0]
    assert held["state"] == "leased"
    assert held["agent"] != "pam"
    world.andon("wait", "--cancel", "--json", agent="pam", cwd=claim["workdir"])
    _until(lambda: _is_gone(pid), made["process"]["log"])


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _until(holds: Any, log: str) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, Path(log).read_text()
        time.sleep(0.05)


def test_bad_input_is_answered_in_plain_words(world: Swarm) -> None:
    claim = parent(world, "--budget", "1000")
    refused = world.andon("spawn", "x", "--isolation", "vm", "--json", agent="pam", cwd=claim["workdir"])
    assert (refused.exit, refused.kind) == (64, "not_built")
    refused = world.andon("spawn", "x", "--client", "nobody", "--json", agent="pam", cwd=claim["workdir"])
    assert refused.exit == 64
    refused = world.andon("spawn", "x", "--workflow", "piece", "--json", agent="pam", cwd=claim["workdir"])
    assert (refused.exit, refused.kind) == (64, "no_budget")
    refused = world.andon("spawn", "x", "--budget", "1001", "--json", agent="pam", cwd=claim["workdir"])
    assert "1000 are left" in refused.json["error"]["message"]
    refused = world.andon("spawn", "x", "--workflow", "nosuch", "--json", agent="pam", cwd=claim["workdir"])
    assert (refused.exit, refused.kind) == (64, "unknown_workflow"), "nobody could start it"
    assert "nosuch" in refused.json["error"]["message"] and "piece" in refused.json["error"]["next"]
    refused = world.andon("wait", "--json", agent="pam", cwd=claim["workdir"])
    assert (refused.exit, refused.kind) == (64, "no_children")
    refused = world.andon("spawn", "x", "--json", agent="pam")
    assert refused.kind == "no_claim"
    child = spawn(world, claim, "A part", "--budget", "900")
    for args in (["wait", "--any", "--all"], ["ask", "why?", "--on-expiry", "cord"], ["next", "--wait", "-1"]):
        refused = world.andon(*args, "--json", agent="pam", cwd=claim["workdir"])
        assert (refused.exit, bool(refused.json["error"]["next"])) == (64, True), args
    shown = world.andon("show", claim["run"]).out
    assert f"{child} open: A part (0 of 900 tokens)" in shown
    world.write("whole.txt", "x\n", Path(claim["workdir"]))
    checked = world.andon("check", "--json", agent="pam", cwd=claim["workdir"])
    assert (checked.exit, checked.kind) == (3, "children_open"), "advance would say so"
    refused = world.andon("wait", "T99", "--json", agent="pam", cwd=claim["workdir"])
    assert (refused.exit, refused.kind) == (64, "unknown_child")
    refused = world.andon("task", "edit", child, "--workflow", "many", "--json", agent="pam")
    assert refused.kind == "child_task"
