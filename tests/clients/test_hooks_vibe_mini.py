"""mistral-vibe with Andon's hooks, and mini-swe-agent in Andon's environment, started by a person: the run ends as the laws say."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.clients.clients import CLIENTS, MINI_ALONE, ROOT, Client
from tests.clients.harness import PROMPT, Scene, Session
from tests.clients.personas import BEYOND, QUESTION
from tests.clients.test_work_real import held

LEASE_S = 4
KILLED = 137
ENVIRONMENT = ".andon/mini-swe-agent"
# What a person does so that the client is held, as docs/how-to/clients/mini-swe-agent.md says it.
MINI = replace(
    CLIENTS["mini-swe-agent"],
    command=lambda prompt: [*MINI_ALONE[:-1], "-c", f"{ENVIRONMENT}/andon.yaml", "-t", prompt],
    environment={
        **CLIENTS["mini-swe-agent"].environment,
        "PYTHONPATH": f"{ENVIRONMENT}:{ROOT / 'src'}:{ROOT}",
    },
)
HELD = (CLIENTS["vibe"], MINI)
BLOCKS = {"vibe": 3, "mini-swe-agent": 5}
"""vibe heeds no more in a turn; for mini-swe-agent the bound is Andon's."""
AT_MOST_12 = {"vibe": ["--max-turns", "12"], "mini-swe-agent": ["-c", "agent.step_limit=12"]}


@pytest.fixture(params=HELD, ids=lambda client: str(client.name))
def held_client(request: pytest.FixtureRequest) -> Client:
    client: Client = request.param
    if client.missing:
        pytest.fail(client.missing, pytrace=False)
    return client


def scene_of(client: Client, directory: Path, *, lease_s: int = 600) -> tuple[Scene, str]:
    """A repository with the client's set-up and a task; and the target branch's commit."""
    scene = Scene.make(directory, client, lease=f"{lease_s}s")
    scene.hooks()
    scene.task()
    return scene, scene.world.head()


def said(session: Session) -> int:
    return len([move for move in session.moves if move.startswith("Say")])


def test_a_diligent_agent_lands(held_client: Client, tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    scene, _head = scene_of(held_client, tmp_path)
    session = scene.session("diligent")
    record_property("client", f"{held_client.name} {session.seconds:.1f} s")
    assert session.exit == 0, session.tell()
    assert session.errors == [], session.tell()
    assert said(session) == 1, session.tell()
    assert scene.lead()
    assert scene.landed() == "hello"
    author = scene.events("StepFinished")[0]
    assert author, session.tell()


def test_who_says_done_without_working_is_kept_at_work_and_then_a_person_is_called(
    held_client: Client, tmp_path: Path
) -> None:
    scene, head = scene_of(held_client, tmp_path)
    session = scene.session("pleaser")
    # The client takes it for a success; Andon does not.
    assert session.exit == 0, session.tell()
    assert said(session) == BLOCKS[held_client.name] + 1, session.tell()
    assert "nothing was changed" in session.heard, session.tell()
    held(scene, session, head)
    called = scene.status()["needs_human"][0]
    assert called["kind"] == "ask"
    assert f"kept at work {BLOCKS[held_client.name]} times" in called["reason"]


def test_who_writes_outside_of_the_scope_and_into_branches_is_denied_and_lands_nothing(
    held_client: Client, tmp_path: Path
) -> None:
    scene, head = scene_of(held_client, tmp_path)
    session = scene.session("trespasser")
    for warning in (
        f"{BEYOND} is outside the scope",
        "git commit: workers write and the lead commits",
        "it changes references or settings that all worktrees share",
        f"outside the scope (greeting.txt): {BEYOND}" if held_client.name == "mini-swe-agent" else BEYOND,
    ):
        assert warning in session.heard, session.tell()
    held(scene, session, head)
    assert scene.events("StepFinished") == []


def test_who_never_stops_ends_at_the_persons_limit_and_another_goes_on(held_client: Client, tmp_path: Path) -> None:
    scene, head = scene_of(held_client, tmp_path, lease_s=LEASE_S)
    limited = replace(
        scene.client,
        command=lambda prompt: (
            [*held_client.command(prompt)[:-2], *AT_MOST_12["mini-swe-agent"], "-t", prompt]
            if held_client.name == "mini-swe-agent"
            else [*held_client.command(prompt), *AT_MOST_12["vibe"]]
        ),
    )
    session = scene.inside(limited.command(PROMPT), "never-stops")
    assert len(session.moves) <= 13, session.tell()
    held(scene, session, head)
    goes_on(scene)


def test_a_question_lets_it_stop_and_stands_first(held_client: Client, tmp_path: Path) -> None:
    scene, head = scene_of(held_client, tmp_path)
    session = scene.session("asks")
    assert session.exit == 0, session.tell()
    assert said(session) == 1, session.tell()
    first = scene.status()["needs_human"][0]
    assert (first["kind"], first["reason"]) == ("ask", QUESTION), session.tell()
    held(scene, session, head)


def test_who_dies_loses_its_lease_and_another_goes_on(held_client: Client, tmp_path: Path) -> None:
    scene, head = scene_of(held_client, tmp_path, lease_s=LEASE_S)
    session = scene.session("dies")
    assert session.exit == KILLED, session.tell()
    held(scene, session, head)
    goes_on(scene)


def goes_on(scene: Scene) -> None:
    """The lease ends by itself, and the next session finishes the step."""
    time.sleep(LEASE_S + 0.5)
    following = scene.session("diligent")
    assert following.exit == 0, following.tell()
    assert scene.ends_of_attempts() == ["expired"]
    assert scene.lead()
    assert scene.landed() == "hello"
