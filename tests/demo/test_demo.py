"""The whole demo, as a user runs it. Slow: it is two minutes of real work by two dozen processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from andon.demo import project
from andon.demo.ledger import EXPECTED
from andon.demo.swarm.pieces import PIECES, RENAMES, USES
from andon.demo.tasks import WORKS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1300)]

COMMAND = [sys.executable, "-m", "andon", "demo"]


def environment(release: Path) -> dict[str, str]:
    import andon

    root = str(Path(andon.__file__).resolve().parents[1])
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ANDON_")}
    return kept | {"PYTHONPATH": root, "ANDON_DEMO_CACHE": str(release.parent)}


def processes_in(directory: Path) -> list[str]:
    """Command lines of the processes whose working directory is below `directory`."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            where = os.readlink(entry / "cwd")
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if Path(where).is_relative_to(directory):
            found.append(line)
    return found


def test_everything_lands_and_nobody_gets_round(release: Path, tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    done = subprocess.run(
        [*COMMAND, "--json", "--dir", str(directory)],
        check=False,
        env=environment(release),
        capture_output=True,
        text=True,
        timeout=1250,
    )
    assert done.stdout, done.stderr
    summary = json.loads(done.stdout)
    assert summary["differences"] == [], done.stderr
    assert summary["ok"] is True
    assert done.returncode == 0
    assert sorted(commit["key"] for commit in summary["landed"]) == sorted(work.key for work in WORKS)
    assert all(commit["tested"] and commit["evidence"].startswith("sha256:") for commit in summary["landed"])
    assert all(one["refused"] and one["why"] for one in summary["refused"])
    assert len(summary["refused"]) > len(EXPECTED), "the tricks, and the deletion that only a reviewer finds"
    assert summary["conflicts"] >= 1
    assert summary["taken_over"]
    assert "passed" in summary["final_tests"]
    repository = Path(summary["repository"])
    assert len(project.git(repository, "log", "--format=%H", "main").splitlines()) == 2 + len(WORKS) + 1
    nothing_is_lost(summary["swarm"])
    assert project.git(repository, "status", "--porcelain") == ""
    assert processes_in(directory) == []
    assert "\x1b" not in done.stderr


def nothing_is_lost(swarm: dict[str, Any]) -> None:
    """The second act: six results, one commit, the pair mended, the killed worker's piece done by another."""
    children = {child["key"]: child for child in swarm["children"]}
    assert list(children) == [piece.key for piece in PIECES]
    assert all(child["outcome"] == "landed" and child["integrated"] for child in children.values())
    assert swarm["tested"] and swarm["evidence"].startswith("sha256:")
    assert (swarm["shared"], swarm["strategy"], swarm["waves"]) == ("sqlparse/keywords.py", "contract first", 2)
    assert children[RENAMES]["task"] in swarm["pair_reason"].partition("landed since its base")[2]
    assert children[USES]["green_alone"] and swarm["pair_mended_by"]
    assert swarm["killed"] and swarm["taken_over"] not in ("", swarm["killed"])
    assert "passed" in swarm["final_tests"]


@pytest.mark.parametrize("act", ["work", "swarm"])
def test_interrupted_demo_leaves_no_process(act: str, release: Path, tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    with subprocess.Popen(
        [*COMMAND, "--plain", "--act", act, "--dir", str(directory)],
        env=environment(release),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        seen = []
        for line in process.stdout:
            seen.append(line)
            if "claims implement" in line:
                break
        assert processes_in(directory), "".join(seen)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(60) == 1, rest
        assert "Stopped" in rest
        assert "Traceback" not in rest
    deadline = time.monotonic() + 10
    while processes_in(directory) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_in(directory) == []


def test_an_act_that_there_is_not_is_refused() -> None:
    done = subprocess.run([*COMMAND, "--act", "third"], check=False, capture_output=True, text=True)
    assert done.returncode == 64
    assert "expected one of all, work, swarm" in done.stderr
