"""Zombies, and what is left running: real processes that are stopped, woken and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.crashes.chapters import LOUD, PLAIN, TOMORROW, take
from tests.crashes.layer import build, gone
from tests.crashes.scene import Move, Scene
from tests.e2e.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SOFT = "one\ntwo, softly\nthree\nfour\nfive\n"


def claimed(directory: Path) -> tuple[Scene, Move]:
    """A world in which alice is about to advance."""
    scene = Scene(directory, build(directory), **PLAIN)
    advance = Move("advance", ["advance"], agent="alice", claim="alice", before={"app.txt": LOUD})
    scene.play(
        [Move("init", ["init"]), Move("task add", ["task", "add", "Change"]), take("alice", "implementer", "alice")]
    )
    scene.play([advance])
    return scene, advance


def test_a_zombie_worker_is_fenced_wherever_it_wakes_up(tmp_path: Path) -> None:
    scene, advance = claimed(tmp_path)
    # Not inside a transaction: who sleeps there holds the writers' lock, and nobody could take over.
    for place in ("/andon/tmp/", "/refs/andon/submissions/", "/andon/logs/tests"):
        scene.back_to(advance)
        zombie = scene.start(advance, action="stop", at=1, only=place)
        assert zombie.stopped()
        found = scene.command("next", "--role", "implementer", agent="bob", ahead_s=TOMORROW)
        assert found.exit == 0, (place, found)
        workdir = Path(json.loads(found.out)["workdir"])
        (workdir / "app.txt").write_text(SOFT)
        done = scene.command("advance", agent="bob", ahead_s=TOMORROW, cwd=workdir)
        assert done.exit == 0, (place, done)
        after = scene.state()
        zombie.go_on()
        woken = zombie.finish()
        assert woken.exit == 4, (place, woken)
        assert scene.state() == after
        assert after["runs"]["R1"]["submissions"][""][2] == "bob"
        assert scene.doctor() == []


@pytest.mark.parametrize("moment", ["before the branch moves", "after the branch moved"])
def test_a_zombie_lead_lands_nothing_twice(tmp_path: Path, moment: str) -> None:
    """The lead's lock is taken away, as on a file system without locks: compare-and-swap and the core remain."""
    scene, _advance = claimed(tmp_path)
    lead = Move("lead", ["lead"])
    scene.play([take("carol", "reviewer", "carol"), Move("advance", ["advance"], agent="carol", claim="carol"), lead])
    place = "/andon/landing" if moment.startswith("before") else "andon-index-lock"
    scene.back_to(lead)
    zombie = scene.start(lead, action="stop", at=1, only=place)
    assert zombie.stopped()
    assert scene.command("lead").exit == 3, "the lock holds as long as the sleeper lives"
    for name in ("lead.lock", "git.lock"):
        os.unlink(scene.state_dir / name)
    taken_over = scene.command("lead")
    assert taken_over.exit == 0, taken_over
    after = scene.state()
    zombie.go_on()
    woken = zombie.finish()
    assert woken.exit in (1, 3, 4), woken
    assert scene.state() == after == lead.expected
    assert scene.doctor() == []


@pytest.mark.parametrize("isolation", ["process", pytest.param("sandbox", marks=pytest.mark.sandbox)])
def test_nothing_outlives_a_lead_that_is_killed(tmp_path: Path, isolation: str) -> None:
    length = str(30_000 + os.getpid())
    tests = f'{{run: "sleep {length} & sleep {length}", timeout: 1h}}'
    world = World.make(
        tmp_path, isolation=isolation, tests='{run: "true"}', gates=f"  slow: {tests}", done="[slow, review]"
    )
    world.write("run-tests.sh", "exit 0\n")
    world.add_task()
    world.implement()
    world.review()
    lead = subprocess.Popen(
        [sys.executable, "-m", "andon", "lead", "--watch"],
        cwd=world.path,
        env=world.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 30
        while len(sleeping(length)) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        asleep = sleeping(length)
        assert len(asleep) >= 2
    finally:
        os.kill(lead.pid, signal.SIGKILL)
        lead.wait()
    assert gone(asleep) == []
    assert sleeping(length) == []
    after = world.andon("doctor", "--json")
    assert "prepared landings" not in [x["check"] for x in after.json["checks"] if not x["ok"]]


def sleeping(length: str) -> list[int]:
    """Processes that sleep for just so long: those of this test's gate."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                words = Path("/proc", name, "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[:2] == [b"sleep", length.encode()]:
                found.append(int(name))
    return found
