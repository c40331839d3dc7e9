"""Hooks and the shell of a client agree on the agent's name, by the client's process; and a person's act is none there."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from andon.agents import sessions
from andon.cli.hooks.gather import person
from tests.cli.hooks import APPROVAL, world_with_a_task
from tests.e2e.world import World

CLIENT = r"""
import json, os, subprocess, sys
for line in sys.stdin:
    work = json.loads(line)
    shell = ["sh", "-c", work["command"]]
    if work.get("terminal"):
        import pty, select
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvp("sh", shell)
        seen = b""
        while True:
            try:
                data = os.read(terminal, 65536)
            except OSError:
                break
            if not data:
                break
            seen += data
            if b"Type yes" in seen:
                os.write(terminal, b"yes\n")
        out, code = seen.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    else:
        done = subprocess.run(shell, input=work.get("input", ""), capture_output=True, text=True, cwd=work.get("cwd"))
        out, code = done.stdout + done.stderr, done.returncode
    print(json.dumps({"out": out, "exit": code}), flush=True)
"""


class FakeClient:
    """A process that calls hooks and runs shell commands, as agents' clients do."""

    def __init__(self, world: World, **environment: str) -> None:
        self.world = world
        self.process = subprocess.Popen(
            [sys.executable, "-c", CLIENT],
            cwd=world.path,
            env=world.environment | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()

    def run(self, command: str, **more: Any) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"command": command, **more}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert isinstance(answer, dict)
        return answer

    def andon(self, words: str, **more: Any) -> dict[str, Any]:
        return self.run(f'"{sys.executable}" -m andon {words}', **more)

    def hook(self, event: str, session: str, cwd: str | Path | None = None, **payload: Any) -> dict[str, Any]:
        text = json.dumps({"session_id": session, "cwd": str(cwd or self.world.path), **payload})
        done = self.andon(f"hook claude {event}", input=text)
        assert done["exit"] == 0
        return json.loads(done["out"]) if done["out"] else {}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return world_with_a_task(tmp_path)


@pytest.fixture
def client(world: World) -> Any:
    made = FakeClient(world)
    yield made
    made.close()


def test_the_shell_goes_by_the_hooks_session(client: FakeClient) -> None:
    told = client.hook("SessionStart", "abc-1")["hookSpecificOutput"]["additionalContext"]
    assert "you are claude-code-abc-1" in told
    claim = json.loads(client.andon("next --json")["out"])
    (running,) = client.world.ok("status")["running"]
    assert running["agent"] == "claude-code-abc-1"
    # The hook knows the claim by this name, from wherever the session sits.
    denied = client.hook("PreToolUse", "abc-1", tool_name="Write", tool_input={"file_path": "app.txt"})
    assert claim["workdir"] in json.dumps(denied)
    assert client.hook("Stop", "abc-1")["decision"] == "block"


def test_another_session_of_the_same_process_is_the_same_agent(client: FakeClient) -> None:
    client.hook("SessionStart", "abc-1")
    client.andon("next")
    assert "you are claude-code-abc-1" in json.dumps(client.hook("SessionStart", "abc-2"))
    assert client.hook("Stop", "abc-2")["decision"] == "block"


def test_two_clients_are_two_agents(client: FakeClient) -> None:
    with closing(FakeClient(client.world)) as other:
        client.hook("SessionStart", "one")
        other.hook("SessionStart", "two")
        client.andon("next")
        assert client.hook("Stop", "one")["decision"] == "block"
        assert other.hook("Stop", "two") == {}
        assert len(os.listdir(client.world.path / ".git/andon/sessions")) == 2


def test_a_given_name_comes_first(world: World) -> None:
    with closing(FakeClient(world, ANDON_AGENT="alice")) as named:
        assert "you are alice" in json.dumps(named.hook("SessionStart", "abc"))
        named.andon("next")
        assert world.ok("status")["running"][0]["agent"] == "alice"
        assert not (world.path / ".git/andon/sessions").exists()


def test_a_client_that_names_its_session_in_its_shell(world: World) -> None:
    with closing(FakeClient(world, CLAUDE_CODE_SESSION_ID="from-variable")) as named:
        assert "you are claude-code-from-variable" in json.dumps(named.hook("SessionStart", "from-variable"))
        named.andon("next")
        assert world.ok("status")["running"][0]["agent"] == "claude-code-from-variable"


def test_a_persons_act_is_refused_below_a_client(tmp_path: Path) -> None:
    world = world_with_a_task(tmp_path, **APPROVAL)
    claim = world.claim("alice")
    world.write("app.txt", "x\n", Path(claim["workdir"]))
    world.andon("advance", agent="alice", cwd=claim["workdir"])
    client = FakeClient(world)
    try:
        client.hook("SessionStart", "abc")
        done = client.andon("approve R1", terminal=True)
        assert done["exit"] == 5 and "claude session above this process" in done["out"]
    finally:
        client.close()
    assert world.person("approve", "R1").exit == 0


def test_an_agent_goes_on_with_its_persons_claim(tmp_path: Path) -> None:
    """A person claims, and starts a client in that worktree: the session is held to the claim, and both are authors."""
    world = world_with_a_task(tmp_path, **APPROVAL)
    workdir = world.ok("next")["workdir"]
    owner = world.ok("status")["running"][0]["agent"]
    assert owner == person()
    client, other = FakeClient(world), FakeClient(world)
    try:
        begun = json.dumps(client.hook("SessionStart", "abc", workdir))
        assert f"For {owner}, who claimed it" in begun and "How to proceed" in begun
        assert client.hook("Stop", "abc", workdir)["decision"] == "block"
        assert client.hook("Stop", "abc")["decision"] == "block", "from wherever it stops"
        denied = client.hook("PreToolUse", "abc", workdir, tool_name="Write", tool_input={"file_path": "protected.txt"})
        assert "Your claim: R1" in json.dumps(denied)
        assert other.hook("Stop", "def") == {}, "another session of that person elsewhere"
        assert json.loads(client.andon("next --json", cwd=workdir)["out"])["resumed"]
        assert client.andon("check", cwd=workdir)["exit"] == 1
        world.write("app.txt", "x\n", Path(workdir))
        assert client.andon("advance -m done", cwd=workdir)["exit"] == 3, "only a person's word is missing"
        assert client.andon("approve R1", terminal=True)["exit"] == 5
    finally:
        client.close()
        other.close()
    assert world.person("approve", "R1").exit == 5, "who claimed it is an author"
    (submitted,) = [x for x in world.ok("log", "R1")["items"] if x["type"] == "Submitted"]
    assert (submitted["actor"], submitted["data"]["also_by"]) == (owner, "claude-code-abc")


def test_the_newest_session_of_a_person_works_on_the_claim(world: World) -> None:
    workdir = world.ok("next")["workdir"]
    first, second = FakeClient(world), FakeClient(world)
    try:
        first.hook("SessionStart", "one", workdir)
        world.write("app.txt", "x\n", Path(workdir))
        second.hook("SessionStart", "two", workdir)
        assert "not by claude-code-one" in first.hook("Stop", "one", workdir)["systemMessage"]
        assert first.andon("check", cwd=workdir)["exit"] == 4
        assert second.hook("Stop", "two", workdir)["decision"] == "block"
        # What the first left is known as its work: neither may review it.
        assert second.andon("advance -m done", cwd=workdir)["exit"] == 0
        assert first.andon("next --role reviewer")["exit"] == 3
        assert second.andon("next --role reviewer")["exit"] == 3
        submitted = [x["data"]["also_by"] for x in world.ok("log", "R1")["items"] if x["type"] == "Submitted"]
        assert submitted == ["claude-code-one", "claude-code-two"]
    finally:
        first.close()
        second.close()


def test_a_persons_review_is_nobody_elses(world: World) -> None:
    """Else who wrote the change would review it in the person's name."""
    claim = world.claim("alice", "--role", "implementer")
    world.write("app.txt", "x\n", Path(claim["workdir"]))
    world.ok("advance", agent="alice", cwd=claim["workdir"])
    workdir = world.ok("next", "--role", "reviewer")["workdir"]
    client = FakeClient(world)
    try:
        assert "LOOK OUT" in json.dumps(client.hook("SessionStart", "abc", workdir))
        assert client.andon("advance -m good", cwd=workdir)["exit"] == 4
        # Nor by the file that names a hand, whoever wrote it.
        git_dir = world.git("rev-parse", "--absolute-git-dir", cwd=Path(workdir))
        Path(git_dir, "andon-hand").write_text("claude-code-abc\n")
        refused = client.andon("advance -m good", cwd=workdir)
        assert refused["exit"] == 4 and "is a review" in refused["out"]
        # Nor is an agent's claim shared.
        world.add_task("Another")
        theirs = world.claim("bob", "--task", "T2")["workdir"]
        git_dir = world.git("rev-parse", "--absolute-git-dir", cwd=Path(theirs))
        Path(git_dir, "andon-hand").write_text("claude-code-abc\n")
        refused = client.andon("check", cwd=theirs)
        assert refused["exit"] == 4 and "bob's, who is no person" in refused["out"]
    finally:
        client.close()
    assert world.ok("advance", "-m", "good", cwd=workdir)["next"]


def test_a_given_name_is_no_hand(world: World) -> None:
    """Who says under which name it works is not asked again."""
    workdir = world.ok("next")["workdir"]
    named = FakeClient(world, ANDON_AGENT="alice")
    same = FakeClient(world, ANDON_AGENT=person())
    try:
        assert "LOOK OUT" in json.dumps(named.hook("SessionStart", "abc", workdir))
        assert "You hold R1" in json.dumps(same.hook("SessionStart", "def", workdir))
        assert same.hook("Stop", "def", workdir)["decision"] == "block"
    finally:
        named.close()
        same.close()


def test_processes_that_are_gone_are_forgotten(world: World) -> None:
    for number in range(3):
        client = FakeClient(world)
        client.hook("SessionStart", f"s{number}")
        client.close()
    assert len(os.listdir(world.path / ".git/andon/sessions")) == 1


def test_a_hook_tried_by_hand_registers_nobody(world: World) -> None:
    """At a terminal, where the nearest process that is no shell is the person's own terminal or multiplexer."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(world.path)
        line = f"""echo '{{"session_id": "x"}}' | "{sys.executable}" -m andon hook claude SessionStart; :"""
        os.execvpe("sh", ["sh", "-c", line], world.environment)
    seen, deadline = b"", time.monotonic() + 30
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                data = os.read(terminal, 65536)
            except OSError:
                break
            if not data:
                break
            seen += data
    os.waitpid(pid, 0)
    os.close(terminal)
    assert b"additionalContext" in seen
    assert not (world.path / ".git/andon/sessions").exists()


def test_names_are_one_word() -> None:
    assert sessions.agent_name("claude", "a b/../\n\x1b" + "x" * 99) == "claude-code-a-b-..---" + "x" * 31
    assert sessions.agent_name("gemini", "s-1") == "gemini-s-1"


def test_nothing_registered_costs_nothing(tmp_path: Path) -> None:
    assert sessions.registered(str(tmp_path)) is None
    directory = tmp_path / "andon" / "sessions"
    directory.mkdir(parents=True)
    assert sessions.registered(str(tmp_path)) is None
    (directory / "1-1").write_text("name=x\nclient=y\n")
    assert sessions.registered(str(tmp_path)) is None
    own = sessions._process(os.getppid())
    assert own is not None
    (directory / own.key).write_text("client=gemini\nsession=s\nname=gemini-s\nat=x\n")
    assert sessions.registered(str(tmp_path)) == ("gemini-s", "gemini")
    (directory / own.key).write_text("garbage\n")
    assert sessions.registered(str(tmp_path)) is None
