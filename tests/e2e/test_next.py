"""`next`: what is offered to whom, in which order, and why not; waiting for it without asking all the time."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from andon.engine.offers import EACH
from tests.e2e.world import World


def test_work_whose_scope_overlaps_with_a_lease_is_held_back(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    first = world.add_task("Change the app", "--scope", "src/app/**", "--priority", "0")
    second = world.add_task("Change it, too", "--scope", "src/app/main.py", "--priority", "1")
    third = world.add_task("Change the docs", "--scope", "docs/**", "--priority", "2")
    fourth = world.add_task("Anything", "--priority", "3")
    assert world.claim("alice")["task"] == first

    listed = {x["task"]: x for x in world.ok("ready", agent="bob")["items"]}
    assert not listed[second]["offered"] and listed[third]["offered"] and listed[fourth]["offered"]
    assert f"overlaps with {first}'s, which alice holds: src/app/**" in listed[second]["why_not"]
    assert f"overlaps with {first}'s" in world.andon("ready", agent="bob").out

    assert world.claim("bob")["task"] == third, "the next that does not overlap"
    assert world.claim("cleo")["task"] == fourth, "a task without a scope overlaps with nothing"
    for words in ((), ("--task", second)):
        held = world.andon("next", *words, "--json", agent="dora")
        assert held.exit == 3 and held.kind == "nothing_ready"
        assert f"task {second} is held back: its scope overlaps with {first}'s" in held.json["error"]["message"]

    given_up = world.andon("release", "--agent", "alice", "--run-id", "R1")
    assert given_up.exit == 0, given_up.err
    assert world.claim("dora")["task"] == first


def test_work_that_is_for_others_hides_nothing(tmp_path: Path) -> None:
    world = World.make(tmp_path, init=False)
    world.write_workflow("written")
    path = world.path / ".andon/workflows/written.md"
    path.write_text(path.read_text().replace("implementer: {}", "implementer: {}\n  writer: {}"))
    path.write_text(
        path.read_text().replace("## implement\n```yaml\nrole: implementer", "## implement\n```yaml\nrole: writer")
    )
    world.git("add", ".")
    world.git("commit", "-q", "-m", "a workflow for writers")
    world.ok("init")
    world.write("many.md", "".join(f"- [ ] Task {number}\n" for number in range(EACH + 5)))
    world.ok("task", "import", "many.md")
    last = world.add_task("The last", "--workflow", "written")
    assert world.ok("next", "--role", "writer", agent="alice")["task"] == last


def test_a_named_task_says_what_it_waits_for(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    first = world.add_task("First")
    second = world.add_task("Second", "--depends-on", first)
    refused = world.andon("next", "--task", second, "--json", agent="alice")
    assert (refused.exit, refused.kind) == (3, "nothing_ready")
    assert f"task {second} is open and waits for {first} (open)" in refused.json["error"]["message"]


def test_waiting_has_an_end(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    for value in ("nan", "inf", "-inf", "1e300d"):
        refused = world.andon("next", "--wait", value, "--json", agent="alice")
        assert (refused.exit, refused.kind) == (64, "usage"), refused.out


def test_overlap_may_be_set_to_warn(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    first = world.add_task("Change the app", "--scope", "src/**")
    second = world.add_task("Change it, too", "--scope", "src/main.py")
    assert world.person("config", "set", "next.overlap", "warn").exit == 0
    assert world.claim("alice")["task"] == first
    offered = world.andon("next", "--json", agent="bob")
    assert offered.exit == 0 and offered.json["task"] == second
    assert f"alice works on {first}, whose scope overlaps: src/**" in offered.err
    assert f"alice works on {first}" in offered.json["brief"]


def test_labels_campaigns_and_limits(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    for number in range(3):
        world.add_task(f"Big {number}", "--label", "campaign:big")
    small = world.add_task("Small", "--label", "campaign:small", "--label", "urgent")
    assert world.claim("alice")["task"] == "T1"
    assert world.ok("ready", "--label", "urgent")["items"][0]["task"] == small
    assert world.claim("bob")["task"] == small, "the campaign with fewer leases goes first"
    nothing = world.andon("next", "--label", "urgent", "--json", agent="cleo")
    assert nothing.exit == 3 and "with label urgent" in nothing.json["error"]["message"]
    assert world.claim("cleo", "--label", "campaign:big")["task"] == "T2"

    assert world.person("config", "set", "next.per_agent", "1").exit == 0
    full = world.andon("next", "--json", agent="alice")
    assert full.exit == 3 and "alice holds 1 step, and next.per_agent is 1" in full.json["error"]["message"]
    assert world.person("config", "set", "next.per_role.implementer", "3").exit == 0
    full = world.andon("next", "--json", agent="dora")
    assert full.exit == 3 and "next.per_role.implementer is 3" in full.json["error"]["message"]


def test_waiting_ends_as_soon_as_work_is_ready_and_asks_nothing_meanwhile(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    command = [sys.executable, "-m", "andon", "next", "--wait", "60s", "--json"]
    environment = world.environment | {"ANDON_AGENT": "alice"}
    pipes = world.path / ".git" / "andon" / "waiters"
    with subprocess.Popen(command, cwd=world.path, env=environment, stdout=subprocess.PIPE, text=True) as waiting:
        deadline = time.monotonic() + 60
        while not (pipes.is_dir() and any(pipes.iterdir())):
            assert time.monotonic() < deadline and waiting.poll() is None
            time.sleep(0.02)
        assert pipes.stat().st_mode & 0o077 == 0
        task = world.add_task()
        out, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0 and json.loads(out)["task"] == task
    assert not list(pipes.iterdir()), "its pipe is gone"
