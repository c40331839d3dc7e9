"""One task from plan to a landed commit, through the command line alone."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.world import World, outcomes


def test_a_task_lands_as_one_commit(world: World) -> None:
    start = world.head()
    task = world.add_task("Change the app", "--scope", "app.txt", "--accept", "line two is loud")
    claim = world.claim("alice")
    assert claim["task"] == task
    assert claim["step"] == "implement"
    assert claim["role"] == "implementer"
    assert claim["base"] == start
    assert claim["attempt"] == 1
    assert set(claim["gates"]) == {"tests", "scope"}
    assert "line two is loud" in claim["brief"]
    workdir = Path(claim["workdir"])
    world.write("app.txt", "one\nTWO\nthree\nfour\nfive\n", workdir)

    checked = world.ok("check", agent="alice", cwd=workdir)
    assert outcomes(checked)["tests"] == "passed"
    tests = next(v for v in checked["verdicts"] if v["gate"] == "tests")
    assert tests["subject"].startswith("git-tree:")
    assert tests["isolation"] == "sandbox"
    assert tests["gate_digest"].startswith("sha256:")
    assert checked["next"] == {"step": "implement", "role": "implementer", "state": "yours"}

    advanced = world.ok("advance", "-m", "made it loud", agent="alice", cwd=workdir)
    assert all(v["cached"] for v in advanced["verdicts"] if v["gate"] == "tests")
    assert advanced["next"]["step"] == "review"
    assert advanced["next"]["state"] == "ready"

    review = world.claim("bob", "--role", "reviewer")
    assert "TWO" in review["brief"]
    # A reviewer judges the change, not what its author says of it.
    assert "made it loud" not in review["brief"]
    world.ok("advance", "-m", "good", agent="bob", cwd=review["workdir"])

    landed = world.ok("lead")
    assert [item["task"] for item in landed["landed"]] == [task]
    assert world.head() == landed["landed"][0]["commit"]
    assert world.git("rev-list", "--count", f"{start}..main") == "1"
    message = world.git("log", "-1", "--format=%B%an|%cn", "main")
    assert f"Andon-Task: {task}" in message
    assert f"Andon-Run: {claim['run']}" in message
    assert "Andon-Evidence: sha256:" in message
    assert message.endswith("alice|Pat Person")
    assert world.git("show", "main:app.txt") == "one\nTWO\nthree\nfour\nfive"
    # The person's own checkout of main is brought up to date, not left stale.
    assert world.git("status", "--porcelain") == ""
    assert (world.path / "app.txt").read_text().startswith("one\nTWO")
    shown = world.ok("task", "show", task)
    assert shown["status"] == "landed"
    assert world.andon("next", "--json", agent="alice").exit == 3


def test_status_says_first_where_a_person_is_needed(world: World) -> None:
    world.add_task()
    world.add_task("Another", "--depends-on", "T1")
    claim = world.claim("alice")
    world.ok("ask", "Which colour?", agent="alice", cwd=claim["workdir"])
    status = world.ok("status")
    assert status["needs_human"][0]["kind"] == "ask"
    assert status["running"][0]["agent"] == "alice"
    assert [item["task"] for item in status["waiting"]] == ["T2"]
    text = world.andon("status").out
    assert text.index("Which colour?") < text.index("alice")
    answered = world.person("answer", status["needs_human"][0]["message"], "blue")
    assert answered.exit == 0, answered.out
    inbox = world.ok("inbox", agent="alice", cwd=claim["workdir"])
    assert inbox["items"][0]["answer"] == "blue"


def test_dependencies_hold_a_task_back(world: World) -> None:
    first = world.add_task()
    second = world.add_task("Second", "--depends-on", first)
    world.implement()
    assert world.andon("next", "--json", "--task", second, agent="carol").exit == 3
    world.review()
    world.ok("lead")
    assert world.claim("carol")["task"] == second


def test_two_agents_never_get_the_same_step(world: World) -> None:
    for number in range(3):
        world.add_task(f"Task {number}")
    claims = [world.claim(f"agent-{number}") for number in range(3)]
    assert len({claim["run"] for claim in claims}) == 3
    assert len({claim["workdir"] for claim in claims}) == 3
    refused = world.andon("next", "--json", agent="agent-9")
    assert (refused.exit, refused.kind) == (3, "nothing_ready")


def test_a_handoff_carries_notes_and_unsubmitted_work(world: World) -> None:
    world.add_task()
    claim = world.claim("alice")
    world.write("app.txt", "half done\n", Path(claim["workdir"]))
    world.ok("handoff", "--to", "bob", "-m", "the second half is missing", agent="alice", cwd=claim["workdir"])
    assert world.andon("next", "--json", agent="carol").exit == 3
    taken = world.claim("bob")
    assert "the second half is missing" in taken["brief"]
    salvaged = world.git("for-each-ref", "--format=%(refname)", "refs/andon/salvage")
    assert salvaged
    assert world.git("show", f"{salvaged.splitlines()[0]}:app.txt") == "half done"


def test_a_submission_is_where_the_next_attempt_starts(world: World) -> None:
    world.add_task()
    claim = world.claim("alice")
    world.write("app.txt", "saved\n", Path(claim["workdir"]))
    world.ok("submit", agent="alice", cwd=claim["workdir"])
    world.ok("release", agent="alice", cwd=claim["workdir"])
    again = world.claim("bob")
    assert again["attempt"] == 2
    assert (Path(again["workdir"]) / "app.txt").read_text() == "saved\n"


def test_rework_goes_back_with_the_reason_and_is_verified_again(world: World) -> None:
    world.add_task()
    world.implement()
    review = world.claim("bob", "--role", "reviewer")
    world.ok(
        "advance",
        "--outcome",
        "rework",
        "-m",
        "too loud",
        "--finding",
        "app.txt:2: blocking: use lower case",
        agent="bob",
        cwd=review["workdir"],
    )
    again = world.claim("alice", "--role", "implementer")
    assert "too loud" in again["brief"]
    assert "use lower case" in again["brief"]
    workdir = Path(again["workdir"])
    assert (workdir / "app.txt").read_text().startswith("one\nTWO")
    unchanged = world.andon("advance", "--json", agent="alice", cwd=workdir)
    assert unchanged.exit == 1
    assert "nothing was changed" in unchanged.json["error"]["message"]
    world.write("tests/second.sh", "exit 1\n", workdir)
    red = world.andon("advance", "--json", agent="alice", cwd=workdir)
    assert red.exit == 1
    assert outcomes(red.json)["tests"] == "failed"
    world.write("tests/second.sh", "exit 0\n", workdir)
    world.ok("advance", agent="alice", cwd=workdir)
    world.review()
    assert world.ok("lead")["landed"]


def test_a_run_and_its_log_can_be_looked_at(world: World) -> None:
    task = world.add_task()
    claim = world.implement()
    kinds = world.events(claim["run"])
    assert kinds[:3] == ["RunStarted", "StepEntered", "StepClaimed"]
    assert "StepFinished" in kinds
    log = world.ok("log", claim["run"])["items"]
    assert [item["seq"] for item in log] == list(range(1, len(log) + 1))
    assert {"seq", "type", "at", "actor", "data"} <= set(log[0])
    shown = world.ok("show", claim["run"])
    assert shown["task"] == task
    assert shown["authors"] == ["alice"]
    assert world.ok("run", "list")["items"][0]["run"] == claim["run"]
    assert world.ok("doctor")["ok"] is True


def test_the_guard_refuses_other_writers_while_runs_are_open(world: World) -> None:
    world.write("own.txt", "mine\n")
    world.git("add", "own.txt")
    world.git("commit", "-q", "-m", "before any run")
    world.add_task()
    world.implement()
    head = world.head()
    world.write("own.txt", "again\n")
    refused = world.git("commit", "-q", "-am", "behind the lead's back", check=False)
    assert world.head() == head, refused
    world.git("commit", "-q", "-am", "knowingly", ANDON_GUARD="off")
    assert world.head() != head
    world.review()
    assert world.ok("lead")["landed"], "the lead lands onto the moved head"


def test_a_workflow_graph_lint_and_compile(world: World) -> None:
    assert world.ok("workflow", "lint")["ok"] is True
    compiled = world.ok("workflow", "compile", "feature")
    assert compiled["digest"].startswith("sha256:")
    assert compiled["workflow"]["done"] == ["tests", "review"]
    assert "stateDiagram-v2" in world.andon("workflow", "graph", "feature").out
    assert world.andon("workflow", "graph", "feature", "--format", "svg").out.lstrip().startswith("<svg")
