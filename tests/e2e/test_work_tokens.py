"""`andon work` with a client that counts tokens and resumes sessions: a stand-in for Claude Code that prints what it prints."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_work import EDIT, only, script
from tests.e2e.world import Result, World

RESULT = (
    '{"type":"result","subtype":"success","is_error":false,"result":"%s","session_id":"s-%s",'
    '"usage":{"input_tokens":60,"cache_read_input_tokens":40,"output_tokens":%d},"modelUsage":{}}'
)


def claude(world: World, text: str, *, output: int = 100) -> str:
    """A program `claude` that appends its arguments to `calls`, and runs `text`; returns a PATH that finds it."""
    directory = world.path.parent / "bin"
    directory.mkdir(exist_ok=True)
    result = json.dumps(RESULT % ("Did it.", "1", output))[1:-1]
    init = '{"type":"system","subtype":"init","session_id":"s-1"}'
    made = script(
        world,
        "claude-stand-in",
        f'echo "$@" >> {directory}/calls\ncat > /dev/null\necho \'{init}\'\n{text}\nprintf "%s\\n" "{result}"\n',
    )
    Path(made).rename(directory / "claude")
    return f"{directory}:{world.environment['PATH']}"


def work(world: World, path: str, *options: str) -> Result:
    return world.andon("work", "--agent", "claude", "--role", "implementer", *options, "--json", PATH=path)


def calls(world: World) -> list[str]:
    return (world.path.parent / "bin" / "calls").read_text().splitlines()


def run_of(world: World, task: str) -> dict[str, Any]:
    state = world.ok("task", "show", task)["run_state"]
    assert isinstance(state, dict)
    return state


def test_a_red_check_goes_on_in_the_same_session_and_tokens_are_counted_once(world: World) -> None:
    world.add_task("Change the app", "--scope", "app.txt")
    path = claude(world, f"[ -e ../second ] && {{ {EDIT.strip()}; }}; touch ../second")
    result = work(world, path)
    assert result.exit == 0, (result.out, result.err)
    assert (only(result)["turns"], only(result)["tokens"], only(result)["final_text"]) == (2, 400, "Did it.")
    first, second = calls(world)
    assert "--resume" not in first
    assert second.endswith("--resume s-1")
    assert run_of(world, "T1")["tokens_used"] == 400


def test_the_workflows_limit_of_tokens_stops_the_run(world: World) -> None:
    world.write(
        ".andon/workflows/feature.md",
        (world.path / ".andon/workflows/feature.md").read_text().replace("visits: 4", "tokens: 300, visits: 4"),
    )
    world.git("commit", "-qam", "a limit")
    world.add_task("Change the app", "--scope", "app.txt")
    result = work(world, claude(world, "true"), "--once")
    assert result.exit == 1, (result.out, result.err)
    assert (only(result)["how"], only(result)["turns"]) == ("blocked", 2)
    assert "400 tokens were used; the limit is 300" in only(result)["reason"]
    assert world.ok("status")["needs_human"][0]["kind"] == "blocked"


def test_the_workers_budget_ends_the_work_without_using_up_an_attempt(world: World) -> None:
    for number in range(3):
        world.add_task(f"Task {number}")
    result = work(world, claude(world, "true"), "--budget", "350")
    assert result.exit == 3, (result.out, result.err)
    assert (only(result)["how"], only(result)["turns"]) == ("given_back", 2)
    assert "budget" in result.json["error"]["message"]
    assert result.json["tokens"] == 400


def test_a_budget_that_is_used_up_claims_nothing_more(world: World) -> None:
    for number in range(3):
        world.add_task(f"Task {number}", "--scope", "app.txt")
    result = work(world, claude(world, EDIT.strip()), "--budget", "150")
    assert [x["how"] for x in result.json["tasks"]] == ["advanced"]
    assert result.json["error"]["kind"] == "stopped"


@pytest.mark.parametrize(
    "lines", ['echo \'{"type":"result","is_error":true,"result":"Not logged in"}\'; exit 1', "exit 1"]
)
def test_a_client_that_is_not_signed_in_stops_the_worker(world: World, lines: str) -> None:
    world.add_task()
    world.add_task("Another")
    result = work(world, claude(world, lines))
    assert result.exit == 6, (result.out, result.err)
    assert (only(result)["how"], only(result)["turns"]) == ("given_back", 2)
    assert "the client does not work here" in result.json["error"]["message"]


def test_acp_from_end_to_end(world: World) -> None:
    fake = Path(__file__).parents[1] / "agents" / "launch" / "fake_acp_agent.py"
    world.add_task("Change the app", "--scope", "app.txt")
    result = world.andon(
        "work", "--agent", "acp:command", "--role", "implementer", "--json", "--", sys.executable, str(fake), "works"
    )
    assert result.exit == 0, (result.out, result.err)
    done = only(result)
    assert (done["how"], done["turns"], done["tokens"], done["final_text"]) == ("advanced", 1, 110, "Done, I think.")
    assert done["agent"].startswith("acp-command-")
    assert run_of(world, "T1")["tokens_used"] == 110


def test_an_acp_agent_is_refused_what_lies_out_of_its_scope(world: World) -> None:
    """The permission that the client asks for is decided as a hook would: the scope of the task holds."""
    fake = Path(__file__).parents[1] / "agents" / "launch" / "fake_acp_agent.py"
    world.add_task("Change something else", "--scope", "other.txt")
    result = world.andon(
        "work", "--agent", "acp:command", "--once", "--turns", "1", "--json", "--", sys.executable, str(fake), "works"
    )
    assert result.exit == 1, (result.out, result.err)
    assert only(result)["how"] == "released"
    log = Path(only(result)["log"]).read_text()
    assert "session/request_permission" in log
    assert "fs/write_text_file" not in log


def test_the_last_turns_tokens_count_also_when_the_agent_left_the_step_itself(world: World) -> None:
    world.add_task("Change the app", "--scope", "app.txt")
    result = work(world, claude(world, f"{EDIT}andon advance -m mine > /dev/null"))
    assert result.exit == 0, (result.out, result.err)
    assert only(result)["tokens"] == 200
    assert run_of(world, "T1")["tokens_used"] == 200


BAD = {
    "nested beyond all measure": f'{sys.executable} -c \'print(chr(123) + chr(34) + "a" + chr(34) + (":[") * 200000)\'',
    "a list": 'echo \'{"type":"result","usage":[1],"result":{}}\'',
    "words for numbers": 'echo \'{"type":"result","result":"\\ud800\\u0000","usage":{"input_tokens":"a"}}\'',
    "models that are none": 'echo \'{"type":"result","result":"x","modelUsage":[1]}\'',
}


@pytest.mark.parametrize("line", BAD.values(), ids=BAD.keys())
def test_whatever_a_client_prints_the_claim_is_left_in_order(world: World, line: str) -> None:
    world.add_task()
    path = claude(world, f"{line}; exit 0")
    result = work(world, path, "--once", "--turns", "2")
    assert result.exit in (1, 6), (result.out, result.err)
    assert only(result)["how"] in ("released", "given_back")
    assert world.claim("alice")["attempt"] == 2


@pytest.mark.parametrize("told", ["-500", str(10**30), "1e999", "true"])
def test_tokens_without_sense_are_not_believed(world: World, told: str) -> None:
    world.add_task("Change the app", "--scope", "app.txt")
    text = '{"type":"result","result":"Did it.","session_id":"s","usage":{"input_tokens":TOLD,"output_tokens":7}}'
    text = text.replace("TOLD", told)
    result = work(world, claude(world, f"{EDIT}echo '{text}'; exit 0"))
    assert result.exit == 0, (result.out, result.err)
    assert 7 <= run_of(world, "T1")["tokens_used"] <= 10**9 + 7
