"""The set-up of each client's page, word by word, with a program of its name that plays the client's hooks.

Whatever a person does as the page says, the session is told the brief, and its stop on closed gates is refused.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.world import World

PAGES = Path(__file__).resolve().parents[2] / "docs/how-to/clients"
NO_HOOKS = {"README", "aider"}
"""aider has no hooks; what its page says ends at the gates."""
BEGIN_AND_STOP = {
    "claude": ("SessionStart", "Stop"),
    "codex": ("SessionStart", "Stop"),
    "copilot": ("sessionStart", "agentStop"),
    "cursor": ("sessionStart", "stop"),
    "gemini": ("SessionStart", "AfterAgent"),
    "opencode": ("SessionStart", "SessionIdle"),
    "qwen": ("SessionStart", "Stop"),
}
CLAIMED_BY_THE_AGENT = {"vibe", "mini-swe-agent", "openhands", "goose"}
"""Their pages start them without a claim, and the agent runs `andon next`: see their own tests."""

STAND_IN = r"""
import json, os, subprocess, sys
client, begin, stop, record = CLIENT, BEGIN, STOP, RECORD
cwd = os.path.realpath(sys.argv[1]) if len(sys.argv) == 2 and os.path.isdir(sys.argv[1]) else os.getcwd()
told = {}
for event in (begin, stop):
    payload = {"cwd": cwd, "directory": cwd, "workspace_roots": [cwd], "status": "completed", "source": "startup",
               "hook_event_name": event, "prompt": "x"}
    payload |= dict.fromkeys(("session_id", "sessionId", "sessionID", "conversation_id"), "s-1")
    line = ["sh", "-c", f"andon hook {client} {event}"]
    done = subprocess.run(line, input=json.dumps(payload), capture_output=True, text=True, cwd=cwd)
    told[event] = json.loads(done.stdout) if done.stdout.strip() else {}
done = subprocess.run(["sh", "-c", "andon check"], capture_output=True, text=True, cwd=cwd)
told["check"] = done.stdout + done.stderr
with open(record, "a") as file:
    file.write(json.dumps(told | {"cwd": cwd}) + "\n")
"""


def block_of(name: str) -> str:
    text = (PAGES / f"{name}.md").read_text()
    return text.partition("```sh\n")[2].partition("```")[0]


def program(directory: Path, name: str, text: str) -> None:
    path = directory / name
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)


def play(world: World, client: str, tmp_path: Path) -> list[dict[str, Any]]:
    """The page's own lines in a shell; WORKDIR is what `andon next` printed."""
    programs, record = tmp_path / "programs", tmp_path / "record"
    programs.mkdir()
    begin, stop = BEGIN_AND_STOP[client]
    text = STAND_IN.replace("CLIENT", repr(client)).replace("BEGIN", repr(begin))
    program(programs, client, text.replace("STOP", repr(stop)).replace("RECORD", repr(str(record))))
    program(programs, "npm", "")
    program(programs, "andon", "import sys\nfrom andon.cli import main\nsys.exit(main())\n")
    lines = []
    for line in block_of(client).splitlines():
        plain = line.replace("WORKDIR", '"$WORKDIR"').replace("src/**", "app.txt")
        if plain.startswith("andon next"):
            plain = "printed=$(andon next) || exit 1; eval \"$(printf '%s\\n' \"$printed\" | grep '^cd ')\"; WORKDIR=$PWD; cd - >/dev/null"
        lines.append(plain)
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(lines)],
        cwd=world.path,
        env=world.environment | {"PATH": f"{programs}{os.pathsep}{world.environment['PATH']}"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert record.exists(), (done.stdout, done.stderr)
    return [json.loads(line) for line in record.read_text().splitlines()]


def test_every_page_with_hooks_is_played() -> None:
    pages = {path.stem for path in PAGES.glob("*.md")}
    assert pages == {*BEGIN_AND_STOP, *CLAIMED_BY_THE_AGENT, *NO_HOOKS}
    for name in BEGIN_AND_STOP:
        assert "andon next" in block_of(name) and "WORKDIR" in block_of(name), name
    for name in CLAIMED_BY_THE_AGENT:
        assert "andon next" not in block_of(name), name


@pytest.mark.parametrize("client", sorted(BEGIN_AND_STOP))
def test_the_pages_set_up_holds_the_session(tmp_path: Path, client: str) -> None:
    world = World.make(tmp_path, isolation="process")
    sessions = play(world, client, tmp_path)
    begin, stop = BEGIN_AND_STOP[client]
    told = sessions[-1]
    assert "What is to be done" in json.dumps(told[begin]) and "How to proceed" in json.dumps(told[begin]), told
    refused = json.dumps(told[stop])
    assert "these gates are closed" in refused and shlex.quote(told["cwd"]) in refused, told
    assert "nothing was changed" in told["check"] and "not" not in told["check"].partition(":")[0], told
