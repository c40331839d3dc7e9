"""Workers and the lead are killed at random, and still each task lands once; the full size is `benchmarks/swarm_load.py`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import swarm_check, swarm_load


@pytest.mark.slow
def test_each_task_lands_once_whoever_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
    size = swarm_load.Size(workers=8, tasks=18, kills=5, gap_s=0.5, think_s=0.5, lease_s=8, limit_s=240.0)
    found = swarm_load.play(tmp_path / "load", size)
    assert found.problems == []
    assert found.landed == 18
    assert found.lead_kills >= 1, "it was over before the lead was killed"
    assert found.answers["advance", 0, ""] >= 1


def test_the_checks_find_what_is_wrong(tmp_path: Path) -> None:
    """Each kind of damage, made on purpose in a small world where nobody is killed."""
    swarm = swarm_load.Swarm(
        tmp_path / "load", swarm_load.Size(workers=1, tasks=2, kills=0, think_s=0.0, isolation="process")
    )
    swarm.prepare()
    found = swarm.run()
    assert found.problems == []
    problems = swarm_check.problems_of(swarm.root, swarm.start, {**swarm.tasks, "T9": 9}, swarm_load.CHECK)
    assert problems == [
        "task T9 has 0 commits, expected 1",
        "task T9 has 0 runs, expected 1",
        "task T9 landed 0 times in the log",
    ]
    (swarm.root / "parts" / "7.txt").write_text("lost\n")
    (swarm.root / ".git" / "index.lock").touch()
    (swarm.root.parent / "elsewhere").touch()
    problems = swarm_check.problems_of(swarm.root, swarm.start, swarm.tasks, swarm_load.CHECK)
    assert any("the checkout of main is dirty" in x for x in problems)
    assert "a lock was left: .git/index.lock" in problems
    assert "elsewhere lies beside the repository" in problems
    (swarm.root / ".git" / "index.lock").unlink()
    swarm.git("-c", "user.name=x", "-c", "user.email=x@example.com", "add", "parts")
    swarm.git(
        "-c", "core.hooksPath=/dev/null", "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "x"
    )
    problems = swarm_check.problems_of(swarm.root, swarm.start, swarm.tasks, swarm_load.CHECK)
    assert any(x.startswith("the tree of commit") and x.endswith("is red") for x in problems)
    assert "commits for '', which is no task" in problems
