"""A stop is judged whatever is the matter: with the payload, with the files of hooks, with where the client says it is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from andon.agents.hooks.dialects import load
from andon.core.commands import TOKENS_MAX
from tests.agents.hooks.test_hostile import BUILT
from tests.cli.hooks import Client, break_store, needs, world_with_a_task
from tests.e2e.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return world_with_a_task(tmp_path)


@pytest.fixture
def session(world: World) -> Client:
    """A session that is known by its payload alone."""
    return Client(world, None, world.claim("claude-code-s1", "--role", "implementer")["workdir"])


def told(answer: dict[str, Any]) -> str:
    """What became of a stop."""
    if answer.get("decision") in ("block", "deny"):
        return "block"
    return "end" if answer.get("continue") is False else "silence" if not answer else "pass"


# ---------------------------------------------------------------- payloads

BROKEN = ('{"session_id":"s1","cwd":"%s', '{"session_id":"s1",}', '{"session_id":"s1"}}', "[]", '{"a":nul}')


@pytest.mark.parametrize("data", BROKEN)
def test_a_scanner_of_its_own_never_raises(data: str) -> None:
    """In a fresh interpreter, where nothing has imported json.decoder."""
    code = (
        "import sys; from andon.agents.hooks import quick_json as q; assert 'json.decoder' not in sys.modules\n"
        "data = sys.stdin.buffer.read(); print(q.read(data), q.read_object(data), q.read_object(b' {} '))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], input=data, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("{} None {}\n", "")


@pytest.mark.parametrize("data", BROKEN)
def test_a_payload_that_is_no_json_opens_no_gate(session: Client, data: str) -> None:
    done = session.world.andon("hook", "claude", "Stop", cwd=session.cwd, input=data)
    assert (done.exit, done.err) == (0, "")
    assert done.json["decision"] == "block" and "nothing was changed" in done.json["reason"]


def test_nor_in_any_dialect(session: Client) -> None:
    for client in BUILT:
        stop = next((event for event, moment in load(client).EVENTS.items() if moment == "stop"), None)
        if stop is None:
            continue
        shutil.rmtree(session.world.path / ".git/andon/hooks", ignore_errors=True)
        done = session.world.andon("hook", client, stop, cwd=session.cwd, input='{"session_id":"s1",}')
        assert done.exit == 0 and "nothing was changed" in done.out, (client, done.out)


def test_nor_one_that_comes_in_pieces(session: Client) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "andon", "hook", "claude", "Stop", "--timeout", "4"],
        cwd=session.cwd, env=session.world.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(b'{"session_id":"s1","cwd"')
    process.stdin.flush()
    time.sleep(2)
    answer = json.loads(process.stdout.read())
    assert process.wait(20) == 0 and answer["decision"] == "block"
    process.stdin.close()
    process.stdout.close()


def test_nor_one_that_is_too_large(session: Client) -> None:
    data = json.dumps({"session_id": "s1", "cwd": session.cwd, "x": "y" * 17_000_000})
    assert session.world.andon("hook", "claude", "Stop", cwd=session.cwd, input=data).json["decision"] == "block"


def test_who_can_not_be_told_is_not_let_go_in_silence(session: Client) -> None:
    done = session.world.andon("hook", "claude", "Stop", input='{"session_id":')
    assert "could not read" in done.json["systemMessage"]
    assert session.world.andon("hook", "claude", "Stop", input="{}").out == ""


# ---------------------------------------------------------------- files that can't be written


@pytest.mark.parametrize("name", ["hooks", "sessions", "hooks/stops"])
def test_files_that_can_not_be_written_open_no_gate(session: Client, name: str) -> None:
    client, world = session, session.world
    client.stop()
    place = world.path / ".git/andon" / name
    if place.is_dir():
        shutil.rmtree(place)
    place.parent.mkdir(exist_ok=True)
    place.write_text("")
    answers = [client.stop() for _ in range(2)]
    # Without a count there is no bound to keep: it is let go, a person is called, and until they answer it may stop.
    uncounted = name in ("hooks", "hooks/stops")
    assert [told(answer) for answer in answers] == (["end", "pass"] if uncounted else ["block"] * 2), answers
    assert len(needs(world)) == (1 if uncounted else 0)


def test_tokens_that_can_not_be_counted_open_no_gate(session: Client, tmp_path: Path) -> None:
    transcript = tmp_path / "transcript.jsonl"
    transcript.write_text('{"total_token_usage":{"total_tokens":7}}\n')
    beats = session.world.path / ".git/andon/hooks/beats"
    beats.parent.mkdir()
    beats.write_text("")
    payload = json.dumps({"session_id": "s1", "cwd": session.cwd, "transcript_path": str(transcript)})
    done = session.world.andon("hook", "codex", "Stop", cwd=session.cwd, input=payload, ANDON_AGENT="claude-code-s1")
    assert done.json["decision"] == "block"


def test_a_client_that_tells_more_tokens_than_are_believed_keeps_its_lease(world: World) -> None:
    workdir = world.claim("opencode-s1", "--role", "implementer")["workdir"]
    told = {"sessionID": "s1", "directory": workdir, "tool": "read", "args": {}}
    for tokens in (5, 10**30):
        done = world.andon("hook", "opencode", "SessionIdle", cwd=workdir, input=json.dumps({**told, "tokens": tokens}))
        assert done.exit == 0 and not done.err, (done.out, done.err)
    assert world.ok("run", "show", "R1")["tokens_used"] == TOKENS_MAX
    assert [one["agent"] for one in world.ok("status")["running"]] == ["opencode-s1"]


# ---------------------------------------------------------------- where it is


def test_a_session_whose_shell_went_elsewhere_is_still_here(session: Client, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    payload = json.dumps({"session_id": "s1", "cwd": str(elsewhere)})
    run = session.world.andon
    assert run("hook", "claude", "Stop", cwd=session.cwd, input=payload).json["decision"] == "block"
    project = {"CLAUDE_PROJECT_DIR": session.cwd}
    assert run("hook", "claude", "Stop", cwd=elsewhere, input=payload, **project).json["decision"] == "block"
    assert run("hook", "claude", "Stop", cwd=elsewhere, input=payload).out == ""


def test_paths_are_taken_from_where_the_shell_is(session: Client, tmp_path: Path) -> None:
    tool = {"tool_name": "Write", "tool_input": {"file_path": "README.md"}}
    payload = json.dumps({"session_id": "s1", "cwd": str(session.world.path.parent), **tool})
    done = session.world.andon("hook", "claude", "PreToolUse", cwd=session.cwd, input=payload)
    # Not the claim's app.txt: that one is beside the repository.
    assert "scope" not in done.out


# ---------------------------------------------------------------- a store that does not answer


def test_a_broken_store_ends_once_and_for_all(session: Client) -> None:
    break_store(session.world)
    seen = [told(session.stop()) for _ in range(8)]
    assert seen == ["block"] * 5 + ["end"] * 3
    beside = Client(session.world, None, session.world.path)
    assert [told(beside.stop()) for _ in range(4)] == ["block", "end", "end", "end"]
    assert told(Client(session.world, "zoe", session.world.path, session="s2").stop()) == "block", "another session"


# ---------------------------------------------------------------- whose call it is


def test_a_session_that_is_known_by_its_payload_keeps_its_name(session: Client) -> None:
    def denial(command: str) -> str:
        answer = session.hook("PreToolUse", tool_name="Bash", tool_input={"command": command})
        return str(answer.get("hookSpecificOutput", {}).get("permissionDecisionReason", ""))

    assert "your name is claude-code-s1" in denial("ANDON_AGENT=bob andon next")
    assert "hides whose command" in denial("setsid -f sh -c 'andon next --role x'")
    assert "starts agents of its own" in denial("andon work --agent codex")
    assert denial("ANDON_AGENT=claude-code-s1 andon check") == ""
    assert "own settings" in denial("echo x >> ~/.bashrc")
