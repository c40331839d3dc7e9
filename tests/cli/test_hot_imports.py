"""The hot path is sacred: what the most frequent calls may import."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.e2e.world import World

FORBIDDEN = {
    "click",
    "msgspec",
    "pydantic",
    "dataclasses",
    "re",
    "pathlib",
    "asyncio",
    "json",
    "subprocess",
    "typing",
    "inspect",
    "logging",
    "tempfile",
    "shutil",
    "yaml",
    "rich",
    "threading",
    "argparse",
    "andon.engine",
    "andon.app",
    "andon.core",
    "andon.evidence",
    "cryptography",
}
PROBE = """
import os, sys
sys.argv = ["andon", *{args!r}]
sys.path.append({site!r})
def leave(code):
    names = sorted(sys.modules)
    os.write(2, ("\\nMODULES " + " ".join(names) + "\\n").encode())
    os.kill(os.getpid(), 9)
os._exit = leave
from andon.cli import main
main()
"""


def modules(world: World, args: list[str], cwd: str | Path | None = None) -> set[str]:
    """The modules that are loaded when the hot path ends the process; empty when it did not answer."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", PROBE.format(args=args, site=sysconfig.get_path("purelib"))],
        cwd=cwd or world.path,
        env=world.environment | {"ANDON_AGENT": "alice"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("MODULES ")]
    assert lines, (done.stdout, done.stderr)
    return set(lines[0].split()[1:])


@pytest.mark.parametrize("args", [["status", "--json"], ["inbox", "--json"], ["next", "--json"], ["heartbeat"]])
def test_hot_verbs_import_nothing_heavy(world: World, args: list[str]) -> None:
    cwd: str | None = None
    if args[0] == "heartbeat":
        world.add_task()
        cwd = world.claim("alice")["workdir"]
    loaded = modules(world, args, cwd)
    assert not loaded & FORBIDDEN, sorted(loaded & FORBIDDEN)
    assert "andon.store.hot" in loaded


def test_warm_verbs_import_no_click(world: World) -> None:
    world.add_task()
    found = modules(world, ["next", "--json"])
    assert "andon.engine.coordinator" in found, "the hot path must not have answered: there is work"
    assert not found & {
        "click",
        "rich",
        "yaml",
        "asyncio",
        "cel_expr_python",
        "jsonschema",
        "cryptography",
        "andon.evidence",
    }


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.make(tmp_path)
    # The workflow is compiled once for each content; afterwards a claim does not parse it.
    made.add_task("to warm up")
    claim = made.claim("zoe")
    made.ok("release", agent="zoe", cwd=claim["workdir"])
    done = made.ok("status")
    for item in done["ready"]:
        taken = made.claim("zoe", "--task", item["task"])
        assert taken
    return made
