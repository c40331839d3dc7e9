"""`andon hook` from outside: one object or nothing on standard output, exit code 0 always, and what a stop is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.hooks import APPROVAL, Client, break_store, edit, needs, world_with_a_task
from tests.e2e.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return world_with_a_task(tmp_path)


@pytest.fixture
def client(world: World) -> Client:
    return Client(world, "alice", world.claim("alice", "--role", "implementer")["workdir"])


# ---------------------------------------------------------------- streams and exit codes

STRANGE = ("", " ", "null", "[]", "{", "not json", "{}", "\0", '{"cwd": 3}', '{"cwd": "/nowhere"}', "{" * 9999)
EVENTS = ("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "SubagentStop", "SessionEnd")


@pytest.mark.parametrize("event", EVENTS)
def test_whatever_comes_is_answered(world: World, event: str) -> None:
    for data in STRANGE:
        done = world.andon("hook", "claude", event, agent="zoe", input=data)
        assert (done.exit, done.err) == (0, "")
        assert not done.out or isinstance(done.json, dict)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("claude",),
        ("nobody", "Stop"),
        ("claude", "NoSuch"),
        ("../x", "Stop"),
        ("claude", "Stop", "--timeout", "x"),
        ("--bad",),
    ],
)
def test_strange_words_are_silence(world: World, words: tuple[str, ...]) -> None:
    done = world.andon("hook", *words, agent="zoe", input="{}")
    assert (done.exit, done.out, done.err) == (0, "", "")


def test_strange_words_stand_in_the_log(world: World) -> None:
    world.andon("hook", "claude", "NoSuch", agent="zoe", input="{}")
    log = (world.path / ".git/andon/hooks/log").read_text()
    assert "no event 'NoSuch'" in log and log.endswith("\n")


def test_a_person_at_a_terminal_is_told(world: World) -> None:
    done = world.person("hook")
    assert done.exit == 64 and "hook needs CLIENT" in done.out
    assert world.andon("hook", "--help").exit == 0


@pytest.mark.parametrize("event", ["SessionStart", "PreToolUse", "Stop"])
def test_closed_streams_are_no_accident(client: Client, event: str) -> None:
    for closing in ("<&-", ">&-", "<&- >&- 2>&-"):
        line = f'"{sys.executable}" -m andon hook claude {event} {closing}'
        done = subprocess.run(
            ["sh", "-c", line], cwd=client.cwd, env=client.world.environment | {"ANDON_AGENT": "alice"}
        )
        assert done.returncode == 0, closing


def test_an_input_that_never_ends_is_waited_for_a_moment(client: Client) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "andon", "hook", "claude", "PreToolUse", "--timeout", "2"],
        cwd=client.cwd,
        env=client.world.environment | {"ANDON_AGENT": "alice"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None and process.stdout is not None
    text = {"tool_name": "Write", "tool_input": {"file_path": "README.md"}}
    process.stdin.write(json.dumps(text).encode())
    process.stdin.flush()
    assert process.wait(20) == 0
    assert b'"deny"' in process.stdout.read(), "what had come is a whole object, and is decided on"
    process.stdin.close()
    process.stdout.close()


def test_without_andon_there_is_nothing_to_say(tmp_path: Path) -> None:
    bare = World.make(tmp_path, init=False)
    for cwd in (bare.path, tmp_path / "home"):
        for event in ("SessionStart", "PreToolUse", "Stop"):
            answer = Client(bare, "alice", cwd).hook(event, tool_name="Write", tool_input={"file_path": "x"})
            assert answer == {}
    assert not (bare.path / ".git/andon").exists()


def test_it_can_not_be_loaded(world: World, tmp_path: Path) -> None:
    """A broken installation lets the client go on; the gates stay where they are."""
    code = "import sys; sys.modules['andon.cli.hooks.talk'] = None; sys.argv = ['andon', 'hook', 'claude', 'Stop']\n"
    code += "from andon.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=world.path, env=world.environment, input=b"{}", capture_output=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


# ---------------------------------------------------------------- beginnings, tools, beats


def test_a_session_begins_with_the_way_in(world: World) -> None:
    text = Client(world, "alice", world.path).hook("SessionStart")["hookSpecificOutput"]["additionalContext"]
    assert "you are alice" in text and "andon next" in text and len(text) < 700


def test_a_session_that_holds_a_claim_begins_with_the_brief(client: Client) -> None:
    for cwd in (client.cwd, client.world.path):
        text = Client(client.world, "alice", cwd).hook("SessionStart")["hookSpecificOutput"]["additionalContext"]
        assert "Change the app" in text and client.cwd in text and "How to proceed" in text
    other = Client(client.world, "bob", client.world.path).hook("SessionStart")["hookSpecificOutput"][
        "additionalContext"
    ]
    assert "Change the app" not in other and "you are bob" in other


def test_a_long_brief_is_cut(client: Client) -> None:
    world = client.world
    world.add_task("Long", "--body", "word " * 3000)
    claim = world.claim("carol", "--task", "T2")
    text = Client(world, "carol", claim["workdir"]).hook("SessionStart")["hookSpecificOutput"]["additionalContext"]
    assert len(text) < 10_000 and text.endswith("andon brief]")


def test_tools_are_held_to_the_claim(client: Client) -> None:
    world = client.world
    assert client.denial("app.txt") == ""
    assert "outside the scope" in client.denial("README.md")
    assert "protected" in client.denial("protected.txt")
    assert "outside your claim's worktree" in client.denial(str(world.path / "app.txt"))
    # A session that sits in the main checkout and works in the worktree that `next` named.
    beside = Client(world, "alice", world.path)
    assert "outside your claim's worktree" in beside.denial("app.txt")
    assert beside.denial(client.cwd + "/app.txt") == ""
    assert "outside the scope" in beside.denial(client.cwd + "/README.md")
    stranger = Client(world, "bob", world.path)
    assert stranger.denial("app.txt") == ""
    assert "that you do not hold" in stranger.denial(client.cwd + "/app.txt")


def test_the_scope_is_what_the_gates_take_it_for(tmp_path: Path) -> None:
    world = World.make(tmp_path, isolation="process", gates='  docs: {diff: {within: [task.scope, "docs/**"], forbid: ["docs/old/**"]}}',
                       implement_gates="[tests, docs]")  # fmt: skip
    world.add_task("Change", "--scope", "app.txt")
    client = Client(world, "alice", world.claim("alice")["workdir"])
    assert [bool(client.denial(path)) for path in ("app.txt", "docs/new.md", "docs/old/x.md", "src/x")] == [
        False,
        False,
        True,
        True,
    ]


def test_a_claim_of_the_same_agent_elsewhere_may_be_written(client: Client) -> None:
    world = client.world
    world.add_task("Another")
    second = world.claim("alice", "--task", "T2")
    assert client.denial(second["workdir"] + "/app.txt") == ""


def test_a_beat_is_written_once_in_a_while(client: Client) -> None:
    answer = {"tool_name": "Bash", "tool_input": {"command": "ls"}, "tool_response": {"stdout": ""}}
    assert client.hook("PostToolUse", **answer) == {}
    (beat,) = (client.world.path / ".git/andon/hooks/beats").iterdir()
    first = beat.stat().st_mtime_ns
    assert client.hook("PostToolUse", **answer) == {}
    assert beat.stat().st_mtime_ns == first


def later(world: World) -> None:
    for beat in (world.path / ".git/andon/hooks/beats").iterdir():
        os.utime(beat, (time.time() - 60, time.time() - 60))


def test_messages_are_told_once(client: Client) -> None:
    world = client.world
    world.ok("say", "alice", "the API changed", agent="bob")
    told = client.hook("PostToolUse", tool_name="Bash")["hookSpecificOutput"]["additionalContext"]
    assert told == "Andon: 1 unread message: andon inbox"
    later(world)
    assert client.hook("PostToolUse", tool_name="Bash") == {}


def test_a_lost_lease_is_told(tmp_path: Path) -> None:
    world = World.make(tmp_path, isolation="process", lease="1s")
    world.add_task("Change the app")
    client = Client(world, "alice", world.claim("alice")["workdir"])
    time.sleep(1.2)
    told = client.hook("PostToolUse", tool_name="Bash")["hookSpecificOutput"]["additionalContext"]
    assert "STOP" in told and "lost" in told
    edit(client)
    assert "block" not in client.stop(), "nothing is left to hold the agent to"


# ---------------------------------------------------------------- stops


def test_closed_gates_keep_the_agent_at_work(client: Client) -> None:
    answer = client.stop()
    assert answer["decision"] == "block" and "nothing was changed" in answer["reason"]
    edit(client)
    (Path(client.cwd) / "tests/second.sh").write_text("exit 1\n")
    answer = client.stop()
    assert answer["decision"] == "block"
    assert (
        "tests: failed" in answer["reason"]
        and "FAILED tests/second.sh" in answer["reason"]
        and "scope" in answer["reason"]
    )
    assert "Submitted" not in client.world.events("R1"), "a stop that is refused submits nothing"


def test_green_gates_are_not_done_before_advance(client: Client) -> None:
    edit(client)
    answer = client.stop()
    assert answer["decision"] == "block" and "andon advance" in answer["reason"]
    client.world.ok("advance", "-m", "done", agent="alice", cwd=client.cwd)
    assert client.stop() == {}


def test_only_what_the_agent_holds_is_its_affair(client: Client) -> None:
    world = client.world
    assert Client(world, "bob", world.path).stop() == {}
    told = Client(world, "bob", client.cwd).stop()
    assert set(told) == {"systemMessage"}, "a session in another agent's worktree"
    assert "claimed by alice (R1, step implement), not by bob" in told["systemMessage"]
    begun = json.dumps(Client(world, "bob", client.cwd).hook("SessionStart"))
    assert "LOOK OUT: this worktree is claimed by alice" in begun and "ANDON_AGENT=alice" in begun
    assert "Change the app" not in begun
    denied = Client(world, "bob", client.cwd).denial("protected.txt")
    assert "not yours" in denied and "Your claim" not in denied
    assert Client(world, "alice", world.path).stop()["decision"] == "block", "from wherever it stops"
    assert client.hook("SubagentStop", agent_id="a1") == {}


def test_the_bound_ends_in_a_cord_and_never_in_success(client: Client) -> None:
    world = client.world
    for _ in range(5):
        assert client.stop()["decision"] == "block"
    ended = client.stop()
    assert ended["continue"] is False and "decision" not in ended
    (cord,) = needs(world)
    assert cord["kind"] == "ask" and cord["run"] == "R1" and "alice" in cord["reason"]
    assert "nothing was changed" in cord["reason"].splitlines()[0], "the list shows one line"
    # While the person is silent it may stop; nothing is doubled; and the run is where it was.
    assert "decision" not in client.stop()
    assert len(needs(world)) == 1 and world.ok("status")["running"][0]["run"] == "R1"


def test_a_bound_of_ones_own(client: Client) -> None:
    for value, blocks in (("2", 2), ("0", 0), ("many", 5)):
        (client.world.path / ".git/andon/hooks/stops/R1.implement.1").unlink(missing_ok=True)
        for item in needs(client.world):
            answered = client.world.person("answer", str(item["message"]), "go on")
            assert answered.exit == 0, answered.out
        seen = [client.stop(extra={"ANDON_HOOK_BLOCKS": value}) for _ in range(blocks + 1)]
        assert [answer.get("decision") for answer in seen] == ["block"] * blocks + [None]


def test_progress_gives_another_row_but_not_for_ever(client: Client) -> None:
    world = client.world
    seen: list[bool] = []
    for number in range(12):
        edit(client, f"{number}\n")
        bad = Path(client.cwd) / "tests/second.sh"
        if number % 2:
            bad.write_text("exit 1\n")
        else:
            bad.unlink(missing_ok=True)
        seen.append(client.stop(extra={"ANDON_HOOK_BLOCKS": "2"}).get("decision") == "block")
    assert seen == [True] * 8 + [False] * 4, "four times the bound for one attempt, whatever changes"
    assert len(needs(world)) == 1


def test_a_launched_client_is_told_what_is_red_and_all_else_is_its_workers(client: Client) -> None:
    launched = {"ANDON_LAUNCHED": "1"}
    for _ in range(5):
        assert "nothing was changed" in client.stop(extra=launched)["reason"]
    assert client.stop(extra=launched)["continue"] is False
    assert needs(client.world) == [], "its worker has a bound of its own"
    edit(client)
    assert client.stop(extra=launched) == {}, "and advances"
    (running,) = client.world.ok("status")["running"]
    assert running["run"] == "R1"


def test_a_question_lets_it_stop(client: Client) -> None:
    client.world.ok("ask", "Which colour?", agent="alice", cwd=client.cwd)
    assert "andon answer M1" in client.stop()["systemMessage"]


def test_a_question_about_something_else_does_not(client: Client) -> None:
    client.world.ok("ask", "Which colour?", agent="bob")
    assert client.stop()["decision"] == "block"


def test_a_step_that_waits_for_people_is_handed_over(tmp_path: Path) -> None:
    world = world_with_a_task(tmp_path, **APPROVAL)
    client = Client(world, "alice", world.claim("alice")["workdir"])
    edit(client)
    answer = client.stop(last_assistant_message="I made two of it.")
    assert (
        "decision" not in answer and "handed over" in answer["systemMessage"] and "blessing" in answer["systemMessage"]
    )
    assert "Submitted" in world.events("R1")
    (waiting,) = needs(world)
    assert waiting["kind"] == "approval" and waiting["run"] == "R1"
    assert client.stop() == {}


def test_a_review_is_never_given_in_its_agents_stead(client: Client) -> None:
    world = client.world
    edit(client)
    world.ok("advance", "-m", "done", agent="alice", cwd=client.cwd)
    claim = world.claim("bob", "--role", "reviewer")
    reviewer = Client(world, "bob", claim["workdir"])
    answer = reviewer.stop()
    assert answer["decision"] == "block" and "review" in answer["reason"]
    assert "ReviewRecorded" not in world.events("R1")
    assert "is a review" in reviewer.denial("app.txt")


def test_gates_that_take_long_are_not_waited_for(tmp_path: Path) -> None:
    world = World.make(tmp_path, isolation="process", tests='{run: "sleep 60"}')
    world.add_task("Change the app")
    client = Client(world, "alice", world.claim("alice")["workdir"])
    edit(client)
    before = time.monotonic()
    answer = client.stop("--timeout", "3")
    assert time.monotonic() - before < 3
    assert answer["decision"] == "block" and "still running" in answer["reason"] and "andon check" in answer["reason"]


def test_no_answer_from_the_store_is_no_yes(client: Client) -> None:
    world = client.world
    edit(client)
    break_store(world)
    for _ in range(5):
        assert client.stop()["decision"] == "block"
    assert client.stop()["continue"] is False
    assert client.denial("app.txt") == "" and "outside the scope" in client.denial("README.md")
    assert client.hook("PostToolUse", tool_name="Bash") == {}
    assert "Stop" in (world.path / ".git/andon/hooks/log").read_text()


def test_nothing_can_be_told_but_that(client: Client) -> None:
    """The store is broken and the session is in no claim's worktree: one look more, then it ends."""
    break_store(client.world)
    beside = Client(client.world, "alice", client.world.path)
    assert beside.stop()["decision"] == "block"
    assert beside.stop()["continue"] is False


def test_the_log_is_bounded(world: World) -> None:
    log = world.path / ".git/andon/hooks/log"
    log.parent.mkdir(parents=True)
    log.write_text("x" * 262_144)
    world.andon("hook", "claude", "NoSuch", agent="zoe", input="{}")
    assert log.stat().st_size < 1000 and (log.parent / "log.1").stat().st_size == 262_144


def test_a_hook_that_fired_is_proven(client: Client) -> None:
    client.hook("PreToolUse", tool_name="Read", tool_input={"file_path": "x"})
    proof = client.world.path / ".git/andon/hooks/claude.before_tool"
    at, session = proof.read_text().split()
    assert (
        session == "s1" and abs(time.time() - time.mktime(time.strptime(at, "%Y-%m-%dT%H:%M:%SZ")) + time.timezone) < 60
    )
    first = proof.stat().st_mtime_ns
    client.hook("PreToolUse", tool_name="Read", tool_input={"file_path": "x"})
    assert proof.stat().st_mtime_ns == first, "at most one write a minute"
