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


def modules(world: World, args: list[str], cwd: str | Path | None = None, payload: str = "") -> set[str]:
    """The modules that are loaded when the hot path ends the process; empty when it did not answer."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", PROBE.format(args=args, site=sysconfig.get_path("purelib"))],
        cwd=cwd or world.path,
        env=world.environment | {"ANDON_AGENT": "alice"},
        capture_output=True,
        text=True,
        timeout=60,
        input=payload,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("MODULES ")]
    assert lines, (done.stdout, done.stderr)
    return set(lines[0].split()[1:])


@pytest.mark.parametrize(
    "args",
    [["status", "--json"], ["inbox", "--json"], ["next", "--json"], ["heartbeat"], ["heartbeat", "--agent", "alice"]],
)
def test_hot_verbs_import_nothing_heavy(world: World, args: list[str]) -> None:
    cwd: str | None = None
    if args[0] == "heartbeat":
        world.add_task()
        cwd = world.claim("alice")["workdir"]
    loaded = modules(world, args, cwd)
    assert not loaded & FORBIDDEN, sorted(loaded & FORBIDDEN)
    assert "andon.store.hot" in loaded


WRITES = '"tool_name": "Write", "tool_input": {"file_path": "README.md", "content": "x"}'
RUNS = '"tool_name": "Bash", "tool_input": {"command": "git status && make > log"}'


@pytest.mark.parametrize(
    ("event", "values", "inside"),
    [("PreToolUse", RUNS, True), ("PreToolUse", WRITES, True), ("PreToolUse", RUNS, False), ("PostToolUse", RUNS, True),
     ("PostToolUse", RUNS, False), ("UserPromptSubmit", '"prompt": "x"', True), ("SessionEnd", '"reason": "x"', True),
     ("SubagentStop", '"agent_id": "x"', True), ("Stop", '"stop_hook_active": false', False)],
)  # fmt: skip
def test_hooks_that_run_no_gate_import_nothing_heavy(world: World, event: str, values: str, inside: bool) -> None:
    cwd = world.path
    if inside:
        world.add_task("x", "--scope", "app.txt")
        cwd = Path(world.claim("alice")["workdir"])
    loaded = modules(world, ["hook", "claude", event], cwd, f'{{"session_id": "s", "cwd": "{cwd}", {values}}}')
    # Of the core only the meaning of path globs, which imports nothing.
    assert not loaded & (FORBIDDEN - {"andon.core"}), sorted(loaded & FORBIDDEN)
    assert {name for name in loaded if name.startswith("andon.core")} <= {"andon.core", "andon.core.globs"}
    assert "andon.cli.hooks.moments" in loaded
    assert "enum" not in loaded, "the public signal module imports it, and re"


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
        "andon.app.workspace",
        "andon.engine.space",
        "andon.engine.homes",
        "andon.git.membership",
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
