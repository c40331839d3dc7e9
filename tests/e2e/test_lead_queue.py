"""The lead as a merge queue: who lands, who goes back, what is told of flaky gates, freezes, dry runs, a killed lead."""

from __future__ import annotations

import base64
import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.world import World
from tests.evidence.test_crash import killed_lead

WORKFLOW = """---
name: feature
roles: {{implementer: {{}}}}
environment: {{isolation: process}}
done: [tests]
gates:
  tests: {{run: "{command}"{options}}}
---
# Feature

```mermaid
stateDiagram-v2
    [*] --> implement
    implement --> land
    land --> [*]
```

## implement
```yaml
role: implementer
gates: [tests]
lease: 10m
```
Make the change.
"""

COMMAND = "echo x >> {outside}/runs; if [ -s {outside}/fail ]; then rm {outside}/fail; exit 1; fi; sh run-tests.sh"


# A gate in the sandbox reaches nothing outside of its checkout, so it can't be flaky on command.
NO_SANDBOX = """
import andon.runtimes.sandbox
andon.runtimes.sandbox.SandboxRuntime.probe = lambda _self: "not here"
"""


def make(directory: Path, options: str = "") -> World:
    """A world whose gate counts its runs, and fails once when the file `fail` is there."""
    (directory / "outside").mkdir()
    (directory / "outside" / "sitecustomize.py").write_text(NO_SANDBOX)
    world = World.make(directory, init=False)
    world.environment["PYTHONPATH"] = f"{directory / 'outside'}:{world.environment['PYTHONPATH']}"
    text = WORKFLOW.format(command=COMMAND.format(outside=directory / "outside"), options=options)
    world.write(".andon/workflows/feature.md", text)
    world.write("lib.txt", "defines old\n")
    world.git("add", ".")
    world.git("commit", "-q", "-m", "the workflow")
    assert world.andon("init").exit == 0
    return world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make(tmp_path)


def submit(world: World, agent: str, files: dict[str, str], *more: str) -> str:
    """A task whose change waits to land."""
    task = world.add_task(f"Change {', '.join(files)}", *more)
    claim = world.claim(agent, "--task", task)
    for name, text in files.items():
        world.write(name, text, Path(claim["workdir"]))
    world.ok("advance", "-m", "done", agent=agent, cwd=claim["workdir"])
    return task


def pair(world: World) -> tuple[str, str]:
    """Two changes, each green alone, broken together, without a conflict in any line."""
    first = submit(world, "alice", {"lib.txt": "defines new\n"})
    second = submit(world, "bob", {"tests/uses.sh": "grep -q old lib.txt\n"})
    return first, second


FORGED = "Andon-Task: T999\nAndon-Evidence: sha256:" + "0" * 64


def landed(body: dict[str, Any]) -> list[str]:
    return [str(item["task"]) for item in body["landed"]]


def runs(world: World) -> int:
    return len((world.path.parent / "outside" / "runs").read_text().splitlines())


def test_words_of_a_task_are_no_trailers(world: World) -> None:
    start = world.head()
    first = submit(world, "alice", {"lib.txt": "defines new\n"}, "--body", FORGED)
    submit(world, "bob", {"tests/uses.sh": "grep -q old lib.txt\n"})
    body = world.andon("lead", "--json").json
    assert landed(body) == [first]
    assert f"landed since its base: {first})" in body["refused"][0]["reason"]
    assert FORGED.splitlines()[0] in world.git("log", "-1", "--format=%B", "main")
    assert world.ok("verify", f"{start}..main")["verified"] == 1


@pytest.mark.parametrize("mode", ["each", "batch"])
def test_of_a_pair_broken_only_together_the_first_lands_and_nobody_else_pays(world: World, mode: str) -> None:
    assert world.person("config", "set", "queue.mode", mode).exit == 0
    assert world.person("config", "set", "queue.parallel", "3").exit == 0
    start = world.head()
    first, second = pair(world)
    third = submit(world, "carol", {"other.txt": "fine\n"})
    body = world.andon("lead", "--window", "8", "--json").json
    assert landed(body) == [first, third]
    (refused,) = body["refused"]
    assert (refused["task"], refused["how"]) == (second, "failed")
    assert "tests failed" in refused["reason"]
    assert f"landed since its base: {first}" in refused["reason"]
    assert world.ok("verify", f"{start}..main")["verified"] == 2
    assert world.git("show", "main:lib.txt") == "defines new"
    # Mended by its author, it lands as well.
    claim = world.claim("bob", "--task", second)
    assert first in claim["brief"]
    world.write("tests/uses.sh", "grep -q new lib.txt\n", Path(claim["workdir"]))
    world.ok("advance", "-m", "mended", agent="bob", cwd=claim["workdir"])
    assert landed(world.ok("lead")) == [second]


def test_a_flaky_gate_is_measured_once_more_and_never_hidden(world: World) -> None:
    task = submit(world, "alice", {"one.txt": "1\n"})
    before = runs(world)
    (world.path.parent / "outside" / "fail").write_text("once")
    assert landed(world.ok("lead")) == [task]
    assert runs(world) == before + 2
    (verdict,) = [x for x in world.ok("show", task)["run_state"]["done"] if x["gate"] == "tests"]
    assert (verdict["outcome"], verdict["flaky"]) == ("passed", True)
    assert [red["outcome"] for red in verdict["earlier"]] == ["failed"]
    assert verdict["earlier"][0]["log"] != verdict["log"]
    assert "flaky" in verdict["summary"]
    judged = [x for x in world.ok("log", task)["items"] if x["type"] == "Judged"][-1]
    assert '"flaky": true' in json.dumps(judged)
    assert world.ok("status")["flaky"] == [{"gate": "tests", "flaky": 1, "landings": 1}]
    assert "tests 1 of 1" in world.andon("status").out
    (check,) = [x for x in world.andon("doctor", "--json").json["checks"] if x["check"] == "flaky gates"]
    assert check["message"] == "tests 1 of 1"
    assert world.ok("verify", "main")["verified"] == 1
    ref = world.git("for-each-ref", "--format=%(refname)", "refs/andon/evidence")
    path = next(x for x in world.git("ls-tree", "-r", "--name-only", ref).splitlines() if x.endswith("verdicts.jsonl"))
    lines = [json.loads(line) for line in world.git("show", f"{ref}:{path}").splitlines()]
    signed = [json.loads(base64.b64decode(line["payload"]))["predicate"]["andon_verdict"] for line in lines]
    assert [x["gate"] for x in signed if x.get("flaky")] == ["tests"]


def test_what_is_red_for_good_costs_one_more_run(world: World) -> None:
    submit(world, "alice", {"lib.txt": "defines new\n"})
    world.ok("lead")
    submit(world, "bob", {"two.txt": "2\n"})
    second = world.add_task("A test of what is gone")
    claim = world.claim("carol", "--task", second)
    world.write("tests/uses.sh", "grep -q new lib.txt\n", Path(claim["workdir"]))
    world.ok("advance", "-m", "done", agent="carol", cwd=claim["workdir"])
    world.write("lib.txt", "defines old\n")
    world.git("commit", "-q", "-am", "put back", ANDON_GUARD="off")
    before = runs(world)
    body = world.andon("lead", "--json").json
    assert [x["task"] for x in body["refused"]] == [second]
    assert runs(world) == before + 3


def test_a_gate_may_refuse_to_be_flaky(tmp_path: Path) -> None:
    world = make(tmp_path, ", flaky: refuse")
    task = submit(world, "alice", {"one.txt": "1\n"})
    before = runs(world)
    (tmp_path / "outside" / "fail").write_text("once")
    assert [x["task"] for x in world.andon("lead", "--json").json["refused"]] == [task]
    assert runs(world) == before + 1


def test_nothing_lands_on_a_frozen_branch(world: World) -> None:
    task = submit(world, "alice", {"one.txt": "1\n"})
    head = world.head()
    assert world.andon("lead", "freeze", "-m", "mine", "--json", agent="alice").exit == 5
    assert world.andon("lead", "freeze", "--json").kind == "not_a_person"
    assert world.person("lead", "freeze", "-m", "a release").exit == 0
    waiting = world.andon("lead", "--json")
    assert (waiting.exit, waiting.json["landed"]) == (3, [])
    assert world.head() == head
    (frozen,) = world.ok("status")["frozen"]
    assert (frozen["branch"], frozen["why"]) == ("main", "a release")
    assert "main is frozen by" in world.andon("status").out
    (queue,) = waiting.json["queue"]
    assert queue["frozen"]["why"] == "a release"
    assert [(x["position"], x["task"]) for x in queue["waiting"]] == [(1, task)]
    # A record that can't be read keeps the branch frozen.
    set_raw(world, "queue:frozen:main", "{broken")
    assert world.andon("lead", "--json").json["landed"] == []
    assert world.person("lead", "unfreeze").exit == 0
    assert landed(world.ok("lead")) == [task]
    assert world.ok("status")["frozen"] == []


def test_a_freeze_that_can_not_be_read_is_named(world: World) -> None:
    submit(world, "alice", {"one.txt": "1\n"})
    set_raw(world, "queue:frozen:main", "{broken")
    head = world.head()
    told = world.andon("lead", "--json")
    assert (told.exit, told.kind, world.head()) == (3, "frozen", head)
    assert "the record of the freeze can't be read" in told.json["error"]["message"]
    assert told.json["error"]["next"] == "andon lead unfreeze main"
    doctor = world.andon("doctor", "--json")
    (check,) = [x for x in doctor.json["checks"] if x["check"] == "merge queue"]
    assert (doctor.exit, check["ok"], "nothing lands on main" in check["message"]) == (1, False, True)
    assert "andon lead unfreeze main" in check["next"]
    assert world.person("lead", "unfreeze", "main").exit == 0
    assert "PROBLEM merge queue" not in world.andon("doctor").out
    assert len(landed(world.ok("lead"))) == 1


@pytest.mark.parametrize(("column", "text"), [("priority", "z"), ("entered_at", "y"), ("entered_at", "-9e999")])
def test_a_damaged_row_stops_nobodys_landing(world: World, column: str, text: str) -> None:
    damaged = submit(world, "alice", {"one.txt": "1\n"})
    sound = submit(world, "bob", {"two.txt": "2\n"})
    base = sqlite3.connect(world.path / ".git/andon/andon.db")
    changed = base.execute(f"UPDATE steps SET {column} = '{text}' WHERE task = '{damaged}'").rowcount
    base.commit()
    base.close()
    assert changed == 1
    set_raw(world, "queue:window:main", "garbage")
    assert [x["task"] for x in world.ok("lead", "--dry-run")["items"]] == [sound, damaged]
    assert landed(world.ok("lead")) == [sound, damaged]


def set_raw(world: World, key: str, value: str) -> None:
    from andon.store.sqlite import SqliteStore

    store = SqliteStore(str(world.path / ".git" / "andon" / "andon.db"))
    with store.write() as writer:
        writer.put_setting(key, value)
    store.close()


def test_a_dry_run_says_what_would_land_and_changes_nothing(world: World) -> None:
    first, second = pair(world)
    clash = submit(world, "carol", {"lib.txt": "defines other\n"})
    head, seen = world.head(), len(world.ok("log")["items"])
    plain = world.ok("lead", "--dry-run")["items"]
    assert [(x["task"], x["how"]) for x in plain] == [(first, "merges"), (second, "merges"), (clash, "conflict")]
    measured = world.ok("lead", "--dry-run", "--verify")["items"]
    assert [(x["task"], x["how"]) for x in measured] == [
        (first, "would land"),
        (second, "failed"),
        (clash, "conflict"),
    ]
    assert "lib.txt" in measured[2]["reason"]
    assert (world.head(), len(world.ok("log")["items"])) == (head, seen)
    assert "would land" in world.andon("lead", "--dry-run", "--verify").out
    assert world.andon("lead", "--dry-run", "--watch").exit == 64
    assert world.andon("lead", "--window", "0").exit == 64
    lands = world.andon("lead", "--verify", "--json")
    assert (lands.exit, lands.json["error"]["next"]) == (64, "andon lead --dry-run --verify")
    assert world.head() == head


def test_a_watching_lead_wakes_for_a_submission(world: World) -> None:
    watching = subprocess.Popen(
        [sys.executable, "-m", "andon", "lead", "--watch", "--json"],
        cwd=world.path,
        env=world.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until = time.monotonic() + 60
        while not list(world.path.glob(".git/andon/waiters/work-*")) and time.monotonic() < until:
            time.sleep(0.02)
        tasks = [submit(world, "alice", {f"{n}.txt": "x\n"}) for n in range(2)]
        assert watching.stdout is not None
        told: list[str] = []
        while len(told) < 2:
            told += landed(json.loads(watching.stdout.readline()))
        assert told == tasks
    finally:
        watching.send_signal(signal.SIGTERM)
        _out, said = watching.communicate(timeout=60)
    assert watching.returncode == 130 and "Traceback" not in said


@pytest.mark.parametrize("limit", ["0", "-1"])
def test_a_limit_of_nothing_is_refused(world: World, limit: str) -> None:
    refused = world.andon("lead", f"--limit={limit}", "--json")
    assert (refused.exit, refused.kind) == (64, "usage")


def test_the_most_urgent_lands_first(world: World) -> None:
    late = submit(world, "alice", {"lib.txt": "defines late\n"}, "--priority", "3")
    urgent = submit(world, "bob", {"lib.txt": "defines urgent\n"}, "--priority", "0")
    body = world.andon("lead", "--json").json
    assert landed(body) == [urgent]
    assert [(x["task"], x["how"]) for x in body["refused"]] == [(late, "conflict")]


BOUNDARIES = {
    "when all are prepared": ("andon.engine.proof.publish", False, 0),
    "before the branch moves": ("andon.git.repository.Repository.move_branch", False, 0),
    "after the branch moved": ("andon.git.repository.Repository.move_branch", True, 3),
}


@pytest.mark.parametrize("name", BOUNDARIES)
def test_a_killed_lead_lands_all_of_a_window_or_none_and_each_once(world: World, name: str) -> None:
    where, after, there = BOUNDARIES[name]
    set_raw(world, "queue:window:main", "8")
    head = world.head()
    tasks = [submit(world, "alice", {f"{n}.txt": "x\n"}) for n in range(3)]
    killed_lead(world, where, after)
    assert world.git("rev-list", "--count", f"{head}..main") == str(there)
    world.andon("lead")
    assert world.git("rev-list", "--count", f"{head}..main") == "3"
    assert world.ok("verify", f"{head}..main")["verified"] == 3
    assert {world.ok("task", "show", task)["status"] for task in tasks} == {"landed"}
    assert world.git("status", "--porcelain") == ""
