"""`andon work` with scripted agents: whatever an agent does, the run goes on as the laws say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from andon.cli.identity import login
from tests.e2e.world import Result, World

EDIT = "printf 'one\\nTWO\\nthree\\nfour\\nfive\\n' > app.txt\n"
ANDON = f'andon() {{ {sys.executable} -m andon "$@"; }}\n'


def script(world: World, name: str, text: str) -> str:
    """An agent: a shell script that gets the prompt on standard input."""
    path = world.path.parent / name
    path.write_text(f"#!/bin/sh\n{ANDON}{text}")
    path.chmod(0o755)
    return str(path)


def work(world: World, agent: str, *options: str, role: str = "implementer", **extra: str) -> Result:
    return world.andon("work", "--agent", "command", "--role", role, *options, "--json", "--", agent, **extra)


def only(result: Result) -> dict[str, Any]:
    tasks = result.json["tasks"]
    assert len(tasks) == 1, (result.out, result.err)
    found = tasks[0]
    assert isinstance(found, dict)
    return found


def shown(world: World, task: str = "T1") -> dict[str, Any]:
    state = world.ok("task", "show", task)["run_state"]
    assert isinstance(state, dict)
    return state


def ends(world: World) -> list[dict[str, Any]]:
    """The attempts that ended."""
    return [x["data"] for x in world.ok("log", "R1")["items"] if x["type"] == "AttemptEnded"]


def gone(pid: int, within_s: float = 10.0) -> bool:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


def wait_for(path: Path, within_s: float = 30.0) -> str:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if path.exists() and path.read_text().strip():
            return path.read_text().strip()
        time.sleep(0.02)
    raise AssertionError(f"{path} never came")


def test_a_diligent_agent_need_not_know_andon(world: World) -> None:
    world.add_task("Change the app", "--scope", "app.txt")
    result = work(world, script(world, "agent", EDIT + "echo 'Made line two loud.'\n"))
    assert result.exit == 0, (result.out, result.err)
    done = only(result)
    assert (done["how"], done["outcome"], done["turns"], done["ok"]) == ("advanced", "passed", 1, True)
    assert done["agent"].startswith("command-")
    assert shown(world)["next"]["step"] == "review"
    # Its words are quoted as its own, and it is the author.
    assert f"{done['agent']} said: Made line two loud." in [x["message"] for x in shown(world)["notes"]]
    assert shown(world)["authors"] == [done["agent"]]


def test_two_workers_take_a_task_to_the_target_branch(world: World) -> None:
    task = world.add_task("Change the app", "--scope", "app.txt")
    agent = 'case "$(cat)" in *"You review"*) andon advance -m good;; *) ' + EDIT.strip() + ";; esac\n"
    result = world.andon("work", "--agent", "command", "--json", "--", script(world, "agent", agent))
    assert result.exit == 0, (result.out, result.err)
    steps = [(x["step"], x["how"], x["outcome"]) for x in result.json["tasks"]]
    assert steps == [("implement", "advanced", "passed"), ("review", "advanced", "passed")]
    names = {x["agent"] for x in result.json["tasks"]}
    assert len(names) == 2
    assert [x["task"] for x in world.ok("lead")["landed"]] == [task]


def test_done_without_work_is_told_so_and_ends_after_its_turns(world: World) -> None:
    world.add_task()
    agent = script(world, "agent", "cat >> ../prompts\necho 'All done, every test passes.'\n")
    result = work(world, agent, "--turns", "3", "--once")
    assert result.exit == 1
    done = only(result)
    assert (done["how"], done["turns"], done["reason"]) == ("released", 3, "gates are still red after 3 turns")
    prompts = (Path(shown_workdir(result, world)).parent / "prompts").read_text()
    assert "Andon ran the gates on your files" in prompts
    assert "**work** failed" in prompts
    assert "You have 2 turns left." in prompts
    assert "This is your last turn." in prompts
    # An attempt is used up; the step is offered again.
    (ended,) = ends(world)
    assert (ended["how"], ended["counts"]) == ("released", True)
    following = {"step": "implement", "role": "implementer", "state": "ready", "kind": "agent"}
    assert shown(world)["next"] == following | {"reason": "gates are still red after 3 turns"}


def shown_workdir(result: Result, world: World) -> str:
    done = only(result)
    return next(
        x["data"]["workdir"]
        for x in world.ok("log", done["run"])["items"]
        if x["type"] == "StepClaimed" and x["data"]["agent"] == done["agent"]
    )


def test_attempts_bound_a_worker_that_is_never_done(world: World) -> None:
    world.add_task()
    result = work(world, script(world, "agent", "echo done\n"), "--turns", "1")
    assert result.exit == 1
    assert [x["how"] for x in result.json["tasks"]] == ["released"] * 3
    assert shown(world)["status"] == "blocked"
    assert result.json["tasks"][-1]["reason"]


def test_out_of_scope_is_red_and_mended_in_the_next_turn(world: World) -> None:
    world.add_task("Change the app", "--scope", "app.txt")
    agent = (
        EDIT
        + 'if grep -q "outside" "$ANDON_PROMPT_FILE"; then git rm -qf --cached other.txt 2>/dev/null; rm -f other.txt; '
    )
    agent += "else echo mine > other.txt; fi\n"
    result = work(world, script(world, "agent", agent))
    assert result.exit == 0, (result.out, result.err)
    assert only(result)["turns"] == 2


def test_an_agent_that_advances_itself_is_done(world: World) -> None:
    world.add_task("Change the app", "--scope", "app.txt")
    result = work(world, script(world, "agent", EDIT + "andon advance -m 'by myself'\n"))
    assert result.exit == 0, (result.out, result.err)
    assert only(result)["how"] == "advanced"
    assert shown(world)["notes"][0]["message"] == "by myself"


def test_a_review_without_an_outcome_is_never_passed(world: World) -> None:
    world.add_task("Change the app", "--scope", "app.txt")
    world.implement()
    result = work(
        world, script(world, "agent", "echo 'Looks good to me, approved!'\n"), "--turns", "2", "--once", role="reviewer"
    )
    assert result.exit == 1
    assert (only(result)["how"], only(result)["turns"]) == ("released", 2)
    assert shown(world)["reviews"] == []


def test_a_turn_that_never_ends_is_stopped(world: World) -> None:
    world.add_task()
    pids = world.path.parent / "pids"
    agent = script(
        world, "agent", f"echo $$ >> {pids}\nsetsid sh -c 'echo $$ >> {pids}; trap \"\" TERM; sleep 600' & sleep 600\n"
    )
    result = work(world, agent, "--turn-timeout", "1s", "--once")
    assert result.exit == 1, (result.out, result.err)
    done = only(result)
    assert (done["how"], done["turns"]) == ("released", 3)
    assert "still at work after 1 s" in done["reason"]
    for pid in pids.read_text().split():
        assert gone(int(pid), 1.0), f"process {pid} outlived its turn"


def test_a_question_to_a_person_parks_the_step(world: World) -> None:
    world.add_task("Change the app", "--scope", "app.txt")
    agent = f'case "$(cat)" in *blue*) {EDIT.strip()};; *) echo draft > notes.txt; andon ask "Which colour?";; esac\n'
    path = script(world, "agent", agent)
    result = work(world, path)
    assert result.exit == 3, (result.out, result.err)
    first = only(result)
    assert first["how"] == "parked"
    status = world.ok("status")
    assert status["needs_human"][0]["reason"] == "Which colour?"
    # Nobody else is offered it meanwhile, and no attempt was used up.
    assert work(world, path).exit == 3
    assert world.andon("next", "--json", agent="carol").exit == 3
    assert [x["counts"] for x in ends(world)] == [False]
    reserved = f"reserved for {first['agent']}"
    assert f"{reserved}, waits for M1" in world.andon("status").out
    assert world.andon("ready").exit == 3 and "next --task" not in world.andon("status").out
    assert world.person("answer", status["needs_human"][0]["message"], "blue").exit == 0
    seen = world.path.parent / "brief"
    begin = f'cat > "{seen}"; '
    again = work(
        world,
        script(
            world,
            "agent",
            begin + agent.replace("*blue*)", "*blue*) rm notes.txt;").replace("$(cat)", f"$(cat '{seen}')"),
        ),
    )
    assert again.exit == 0, (again.out, again.err)
    brief = seen.read_text()
    person = f"{login()}@{os.uname().nodename}"
    assert f'- You asked (M1): "Which colour?"; {person} answered: "blue"' in brief
    assert "attempt 1 of 3" in brief and "Your words then" not in brief
    done = only(again)
    assert (done["agent"], done["how"], done["attempt"]) == (first["agent"], "advanced", 2)


ASKS = f'case "$(cat)" in *blue*) {EDIT.strip()};; *) andon ask "Which colour?";; esac\n'


def parked(world: World) -> list[Path]:
    return list((world.path / ".git" / "andon" / "work" / "parked").glob("*.json"))


def test_a_worker_of_another_role_leaves_a_parked_step_as_it_is(world: World) -> None:
    world.add_task("Change the app", "--scope", "app.txt")
    path = script(world, "agent", ASKS)
    first = only(work(world, path))
    assert first["how"] == "parked"
    assert world.person("answer", "M1", "blue").exit == 0
    assert (work(world, path, role="reviewer").exit, len(parked(world))) == (3, 1)
    again = work(world, path)
    assert again.exit == 0, (again.out, again.err)
    assert (only(again)["agent"], only(again)["how"], parked(world)) == (first["agent"], "advanced", [])


def test_a_parked_step_whose_file_was_lost_is_taken_up_once_its_question_is_answered(world: World) -> None:
    world.add_task("Change the app", "--scope", "app.txt")
    path = script(world, "agent", ASKS)
    first = only(work(world, path))
    (record,) = parked(world)
    record.unlink()
    assert work(world, path).exit == 3
    assert world.person("answer", "M1", "blue").exit == 0
    assert work(world, path, role="reviewer").exit == 3
    again = work(world, path)
    assert again.exit == 0, (again.out, again.err)
    assert (only(again)["agent"], only(again)["how"]) == (first["agent"], "advanced")


def test_an_answer_within_the_waiting_time_goes_on_at_once(world: World) -> None:
    world.add_task("Change the app", "--scope", "app.txt")
    agent = f'case "$(cat)" in *"> blue"*) {EDIT.strip()};; *) andon ask "Which colour?";; esac\n'
    process = start(world, script(world, "agent", agent), "--wait-answer", "60s")
    until = time.monotonic() + 30
    while not (needs := world.ok("status")["needs_human"]) and time.monotonic() < until:
        time.sleep(0.1)
    assert world.person("answer", needs[0]["message"], "blue").exit == 0
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, (out, err)
    (done,) = json.loads(out)["tasks"]
    assert (done["how"], done["turns"], done["attempt"]) == ("advanced", 2, 1)


def test_an_agent_that_dies_goes_on_where_it_was(world: World) -> None:
    world.add_task("Change the app", "--scope", "app.txt")
    agent = f"if [ -e ../died ]; then cp ../half app.txt; else {EDIT.strip()}; mv app.txt ../half; touch ../died; kill -9 $$; fi\n"
    result = work(world, script(world, "agent", agent))
    assert result.exit == 0, (result.out, result.err)
    assert only(result)["turns"] == 2
    assert "killed by SIGKILL" in result.err


def test_an_agent_that_always_dies_is_given_up_and_its_work_kept(world: World) -> None:
    world.add_task("Change the app", "--scope", "app.txt")
    result = work(world, script(world, "agent", "echo half > app.txt; kill -9 $$\n"), "--once")
    done = only(result)
    assert (done["how"], done["turns"]) == ("released", 3)
    assert "killed by SIGKILL" in done["reason"]
    (ended,) = ends(world)
    assert world.git("show", f"{ended['salvage']}:app.txt") == "half"


def test_green_gates_do_not_advance_for_an_agent_that_died(world: World) -> None:
    """Half of the work may be green; that it is all is not for the gates to say when nobody said so."""
    world.add_task("Change the app", "--scope", "app.txt")
    result = work(world, script(world, "agent", EDIT + "kill -9 $$\n"), "--once")
    assert only(result)["how"] == "released"
    assert shown(world)["next"]["step"] == "implement"


def test_a_client_that_is_not_there_claims_nothing(world: World) -> None:
    world.add_task()
    result = work(world, "./no-such-agent")
    assert (result.exit, result.kind) == (64, "no_client")
    assert world.andon("work", "--agent", "nobody", "--json").kind == "unknown_client"
    assert world.andon("work", "--json").exit == 64
    missing = world.andon("work", "--agent", "claude", "--json", PATH="/usr/bin:/bin")
    assert (missing.exit, missing.kind) == (64, "no_client")
    assert "npm install" in missing.json["error"]["next"]
    assert world.ok("run", "list")["items"] == []


def test_a_client_that_does_not_work_uses_up_no_attempts(world: World) -> None:
    world.add_task()
    world.add_task("Another")
    result = work(world, script(world, "agent", "exit 3\n"))
    assert result.exit == 6
    assert only(result)["how"] == "given_back"
    assert [x["counts"] for x in ends(world)] == [False]


def test_a_program_that_can_not_be_started_gives_its_claim_back(world: World) -> None:
    world.add_task()
    garbage = world.path.parent / "garbage"
    garbage.write_bytes(b"\x00no program")
    garbage.chmod(0o755)
    result = work(world, str(garbage))
    assert result.exit == 6, (result.out, result.err)
    assert only(result)["how"] == "given_back"
    assert "could not be started" in result.json["error"]["message"]
    assert world.claim("alice")["attempt"] == 2


def test_nothing_ready_is_3(world: World) -> None:
    result = work(world, script(world, "agent", EDIT))
    assert (result.exit, result.kind) == (3, "nothing_ready")


def test_not_from_inside_a_claim(world: World) -> None:
    world.add_task()
    claim = world.claim("alice")
    result = work(world, script(world, "agent", EDIT), cwd=claim["workdir"])
    assert (result.exit, result.kind) == (5, "in_claim")


def test_not_from_inside_an_agents_session(world: World) -> None:
    """Else an agent would have a name of its worker's making judge its own work."""
    world.add_task("Change the app", "--scope", "app.txt")
    world.implement(agent="claude-code-sess1")
    good = script(world, "agent", "andon advance -m good\n")
    for variable in ("CLAUDE_CODE_SESSION_ID", "CLAUDECODE", "ANDON_AGENT"):
        result = work(world, good, "--once", role="reviewer", **{variable: "sess1"})
        assert (result.exit, result.kind) == (5, "not_a_person"), (result.out, result.err)
    assert shown(world)["reviews"] == []
    assert work(world, good, "--once", role="reviewer").exit == 0


@pytest.mark.parametrize("around", ["{}", "(setsid {} &); sleep 3"], ids=["below", "orphaned"])
def test_what_a_launched_client_starts_is_the_same_agent(world: World, around: str) -> None:
    world.add_task("Change the app", "--scope", "app.txt")
    claims = f"env -u ANDON_AGENT -u ANDON_RUN {sys.executable} -m andon next --role reviewer --json"
    to = world.path.parent / "said"
    command = around.format(f"sh -c '{claims} > {to}'")
    text = EDIT + f"andon advance -m mine > /dev/null\ncd {world.path}\n{command}\n"
    result = work(world, script(world, "agent", text), "--once")
    assert result.exit == 0, (result.out, result.err)
    assert json.loads(to.read_text())["error"]["kind"] == "nothing_ready"
    assert shown(world)["next"]["state"] == "ready"


def test_what_was_handed_off_is_not_done_and_not_claimed_again_and_again(world: World) -> None:
    world.add_task()
    agent = script(world, "agent", "andon handoff --to role:implementer -m notes\n")
    result = work(world, agent)
    assert (result.exit, result.kind) == (3, "stopped"), (result.out, result.err)
    assert [(x["how"], x["ok"]) for x in result.json["tasks"]] == [("handed_off", False)] * 2
    while shown(world)["status"] == "open" and len(ends(world)) < 10:
        claim = world.claim("alice")
        world.ok("handoff", "--to", "role:implementer", "-m", "more", agent="alice", cwd=claim["workdir"])
    assert len(ends(world)) == 10
    last = work(world, agent, "--once")
    assert (last.exit, only(last)["how"]) == (1, "blocked"), (last.out, last.err)
    assert "handed off more than 10 times" in only(last)["reason"]


def test_questions_that_nobody_answers_lead_past_no_bound(world: World) -> None:
    world.add_task("Change the app", "--scope", "app.txt")
    agent = script(world, "agent", 'echo x >> ../turns\nandon ask "q $$" --expires 1s\n')
    result = work(world, agent, "--turns", "1", "--wait-answer", "30s", "--once")
    assert (result.exit, only(result)["how"], only(result)["turns"]) == (1, "released", 1), (result.out, result.err)
    # Nor does a step that was parked begin anew.
    assert only(work(world, agent, "--turns", "1", "--once"))["how"] == "parked"
    time.sleep(1.2)
    again = work(world, agent, "--turns", "1", "--once")
    assert (again.exit, only(again)["how"], only(again)["turns"]) == (1, "released", 1), (again.out, again.err)
    assert "was not answered in time" in only(again)["reason"]


def test_what_an_agent_claimed_beside_its_claim_is_given_back(world: World) -> None:
    for number in (1, 2):
        world.add_task(f"Task {number}", "--scope", "app.txt" if number == 1 else "other.txt")
    beside = f"(cd {world.path} && env -u ANDON_RUN {sys.executable} -m andon next --task T2 --json) > ../second\n"
    result = work(world, script(world, "agent", f"{EDIT}{beside}"), "--once", "--task", "T1")
    assert result.exit == 0, (result.out, result.err)
    second = json.loads((world.path.parent / "repo.andon" / "second").read_text())
    assert (second["task"], second["step"]) == ("T2", "implement")
    assert world.claim("alice")["task"] == "T2"


def test_claims_before_the_store_went_away_are_reported(world: World) -> None:
    for number in (1, 2):
        world.add_task(f"Task {number}")
    state = world.path / ".git" / "andon"
    away = f"[ -e ../first ] && mv {state} {state}.away\ntouch ../first\n"
    result = work(world, script(world, "agent", f"{away}{EDIT}"))
    assert result.exit not in (0, 70), (result.out, result.err)
    assert result.json["tasks"][0]["how"] == "advanced"
    assert result.json["error"]["message"]


def start(world: World, agent: str, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "andon",
            "work",
            "--agent",
            "command",
            "--role",
            "implementer",
            *options,
            "--json",
            "--",
            agent,
        ],
        cwd=world.path,
        env=world.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def busy(world: World) -> Iterator[tuple[World, Path, str]]:
    """An agent that has done half of its work and goes on for ever, with a child in a session of its own."""
    world.write_workflow(lease="3s")
    world.git("commit", "-qam", "short leases")
    world.add_task("Change the app", "--scope", "app.txt")
    pids = world.path.parent / "pids"
    text = f"echo half > app.txt\nsetsid sh -c 'echo $$ > {pids}.child; sleep 600' &\necho $$ > {pids}\nsleep 600\n"
    yield world, pids, script(world, "agent", text)


def test_a_worker_that_is_killed_takes_its_client_along(busy: tuple[World, Path, str]) -> None:
    world, pids, agent = busy
    process = start(world, agent)
    client, child = int(wait_for(pids)), int(wait_for(Path(f"{pids}.child")))
    process.kill()
    process.communicate()
    assert gone(client), "the client outlived its worker"
    assert gone(child), "the client's child outlived its worker"
    time.sleep(3.2)
    brief = world.path.parent / "brief"
    result = work(world, script(world, "next", f"cat > {brief}\n{EDIT}"))
    assert result.exit == 0, (result.out, result.err)
    assert only(result)["attempt"] == 2
    (expired,) = ends(world)
    assert f"kept in commit {expired['salvage']}" in brief.read_text()
    assert expired["how"] == "expired"
    assert world.git("show", f"{expired['salvage']}:app.txt") == "half"


def test_a_lease_is_kept_while_the_client_works(busy: tuple[World, Path, str]) -> None:
    world, _pids, _agent = busy
    result = work(world, script(world, "slow", f"sleep 5\n{EDIT}"))
    assert result.exit == 0, (result.out, result.err)
    assert (only(result)["how"], only(result)["turns"]) == ("advanced", 1)


def test_a_lost_claim_ends_the_client_and_nothing_of_it_is_written(busy: tuple[World, Path, str]) -> None:
    world, pids, agent = busy
    process = start(world, agent, "--once")
    client = int(wait_for(pids))
    assert world.person("run", "cancel", "R1", "-m", "not needed").exit == 0
    out, err = process.communicate(timeout=30)
    assert gone(client)
    (done,) = json.loads(out)["tasks"]
    assert done["how"] == "lost", (out, err)
    assert process.returncode == 4
    assert not [x for x in world.events("R1") if x in ("Submitted", "StepFinished", "AttemptEnded")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_worker_gives_its_claim_up(busy: tuple[World, Path, str], number: signal.Signals) -> None:
    world, pids, agent = busy
    process = start(world, agent)
    client = int(wait_for(pids))
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, (out, err)
    assert gone(client, 1.0)
    assert json.loads(out)["error"]["kind"] == "interrupted"
    (ended,) = ends(world)
    assert (ended["how"], ended["counts"]) == ("handed_off", False)
    assert world.git("show", f"{ended['salvage']}:app.txt") == "half"
    # At once ready for whoever comes.
    assert world.claim("alice")["attempt"] == 2


def test_workers_side_by_side_never_share_a_step(world: World) -> None:
    for number in range(4):
        world.add_task(f"Task {number}", "--scope", f"new-{number}.txt")
    agent = script(
        world,
        "agent",
        'name=$(grep -o "new-[0-9].txt" "$ANDON_PROMPT_FILE" | head -1); sleep 0.3; echo hello > "$name"\n',
    )
    workers = [start(world, agent) for _ in range(2)]
    found: list[dict[str, Any]] = []
    for process in workers:
        out, err = process.communicate(timeout=100)
        assert process.returncode == 0, (out, err)
        found += json.loads(out)["tasks"]
    assert sorted(x["task"] for x in found) == ["T1", "T2", "T3", "T4"]
    assert {x["how"] for x in found} == {"advanced"}
    assert len({x["agent"] for x in found}) == 4


def test_the_prompt_is_the_brief_and_the_environment_names_the_claim(world: World) -> None:
    world.add_task("Change the app", "--scope", "app.txt", "--body", "Make it loud, please.")
    agent = script(
        world, "agent", f'cat > ../seen; cmp ../seen "$2" && echo "$ANDON_AGENT $ANDON_RUN $PWD" > ../who\n{EDIT}'
    )
    result = world.andon(
        "work", "--agent", "command", "--role", "implementer", "--json", "--", agent, "--prompt", "{prompt_file}"
    )
    assert result.exit == 0, (result.out, result.err)
    done = only(result)
    workdir = Path(shown_workdir(result, world))
    prompt = (workdir.parent / "seen").read_text()
    assert "Make it loud, please." in prompt
    assert "You run without a person" in prompt
    assert (workdir.parent / "who").read_text().split() == [done["agent"], "R1", str(workdir)]
    assert os.stat(done["log"]).st_mode & 0o077 == 0


def test_a_name_of_ones_own_stays_one_agent(world: World) -> None:
    world.add_task("Change the app", "--scope", "app.txt")
    agent = script(
        world, "agent", 'case "$(cat)" in *"You review"*) andon advance -m good;; *) ' + EDIT.strip() + ";; esac\n"
    )
    result = world.andon("work", "--agent", "command", "--name", "bob", "--json", "--", agent)
    assert result.exit == 0, (result.out, result.err)
    assert [(x["agent"], x["step"]) for x in result.json["tasks"]] == [("bob", "implement")]


def test_options_before_the_dashes_are_ours_and_after_them_the_agents(world: World) -> None:
    world.add_task("Change the app", "--scope", "app.txt")
    agent = script(world, "agent", f'echo "$@" > ../words\n{EDIT}')
    result = world.andon(
        "work", "--agent", "command", "--role", "implementer", "--once", "--", agent, "--json", "-h", "--agent", "x"
    )
    assert result.exit == 0, (result.out, result.err)
    assert result.out.startswith("TASK"), result.out
    assert (world.path.parent / "repo.andon" / "words").read_text().strip() == "--json -h --agent x"
