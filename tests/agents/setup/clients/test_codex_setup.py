"""Codex's set-up: what is written, and the digests by which the real program (0.169.0) trusts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from andon.agents.hooks.dialects import codex as dialect
from andon.agents.setup.clients.codex import ALLOWED, CLIENT, HOOKS, RULES_TEXT, hook_digest, trust_lines
from andon.agents.setup.records import JsonItems


def document() -> dict[str, Any]:
    return {"hooks": {edit.at[1]: list(edit.items) for edit in CLIENT.edits if isinstance(edit, JsonItems)}}


def test_every_hook_is_an_event_of_the_dialect() -> None:
    for event, groups in document()["hooks"].items():
        (group,) = groups
        (handler,) = group["hooks"]
        assert dialect.EVENTS[event] != "other"
        assert f"andon hook codex {event} " in handler["command"]
        # Seconds; more than three at a session's end are cut, with a warning at each start.
        assert handler["timeout"] <= (3 if event == "SessionEnd" else 600)


def test_digests_are_those_that_the_program_computes() -> None:
    handler = {"type": "command", "command": "python3 /var/cx/hook.py PreToolUse /var/cx/as/hk", "timeout": 3}
    digest = "sha256:63c8097836b74440955ef0c967fe06eb69fdc64761f9fc43c1a8547c3e4dd031"
    assert hook_digest("PreToolUse", None, handler) == digest


def test_trust_is_for_andons_hooks_alone() -> None:
    hooks = document()
    hooks["hooks"]["Stop"].insert(0, {"hooks": [{"type": "command", "command": "make me-happy"}]})
    trusted = tomllib.loads(trust_lines("/home/me/project", hooks))
    assert trusted["projects"] == {"/home/me/project": {"trust_level": "trusted"}}
    # Codex knows a hook by its place in the file.
    state = trusted["hooks"]["state"]
    assert set(state) == {
        f"/home/me/project/{HOOKS}:{place}"
        for place in ("session_start:0:0", "pre_tool_use:0:0", "post_tool_use:0:0", "stop:1:0", "session_end:0:0")
    }
    assert state[f"/home/me/project/{HOOKS}:stop:1:0"]["trusted_hash"] == hook_digest(
        "Stop", None, hooks["hooks"]["Stop"][1]["hooks"][0]
    )


def test_no_persons_act_and_no_launcher_leaves_the_sandbox() -> None:
    assert not {"approve", "reject", "answer", "init", "work", "lead", "run", "doctor", "demo", "task"} & set(ALLOWED)
    assert all(f'"{verb}"' in RULES_TEXT for verb in ALLOWED)


def test_trust_that_is_there_is_not_written_twice(tmp_path: Path) -> None:
    checkout, home = tmp_path / "project", tmp_path / "codex"
    (checkout / ".codex").mkdir(parents=True)
    home.mkdir()
    (checkout / HOOKS).write_text(json.dumps(document()))
    config = home / "config.toml"
    config.write_text(f'model = "m"\n[projects."{checkout}"]\ntrust_level = "trusted"')

    def missing() -> str:
        command = [sys.executable, "-m", "andon.agents.setup.clients.codex"]
        environment = {**os.environ, "CODEX_HOME": str(home)}
        done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    config.write_text(config.read_text() + missing())
    trusted = tomllib.loads(config.read_text())
    assert trusted["projects"] == {str(checkout): {"trust_level": "trusted"}}
    assert len(trusted["hooks"]["state"]) == len(document()["hooks"])
    assert missing() == ""
    config.write_text(config.read_text().replace('trusted_hash = "sha256:', 'trusted_hash = "sha256:0', 1))
    (line,) = missing().split("\n")[1:2]
    assert line.startswith("# In the table [hooks.state.")
    tomllib.loads(config.read_text() + missing())
