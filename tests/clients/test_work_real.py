"""`andon work --agent NAME` with real clients: whatever the agent does, the run ends as the laws say.

The client's word is never the result: Andon's check decides, red verdicts are the next prompt, and everything is bounded.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.clients.clients import Client
from tests.clients.endpoint import total
from tests.clients.harness import INHERITED, Scene
from tests.clients.namespace import CUT_OFF
from tests.clients.personas import BEYOND, QUESTION

DRIVEN = ("codex", "gemini", "vibe", "mini-swe-agent", "opencode", "qwen", "claude", "copilot")
"""Clients with a driver that can be driven here."""
pytestmark = pytest.mark.clients(*DRIVEN)


def test_a_diligent_agent_lands(client: Client, tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    scene = Scene.hooked(tmp_path, client)
    session = scene.work("diligent")
    record_property("client", f"{client.name} {session.seconds:.1f} s")
    assert session.exit == 0, session.tell()
    assert session.errors == [], session.tell()
    assert scene.lead()
    assert scene.landed() == "hello"
    assert "Andon-Task: T1" in scene.world.git("log", "-1", "--format=%B", "main")
    assert scene.world.ok("task", "list")["items"][0]["status"] == "landed"
    used = total([record for record in session.records if not record.beside])
    assert session.json["tokens"] == used.input + used.output > 0, session.tell()


def test_an_agent_that_only_writes_is_checked_and_advanced(client: Client, tmp_path: Path) -> None:
    """Without any set-up of the client, too."""
    scene = Scene.make(tmp_path, client)
    scene.task()
    session = scene.work("writer")
    assert session.exit == 0, session.tell()
    assert scene.lead()
    assert scene.landed() == "hello"


def test_who_says_done_without_working_is_kept_working_and_gets_nowhere(client: Client, tmp_path: Path) -> None:
    scene = Scene.hooked(tmp_path, client, attempts=1)
    session = scene.work("pleaser", "--turns", "2")
    assert session.exit == 1, session.tell()
    assert session.said >= 2, session.tell()
    assert "nothing was changed" in session.heard, session.tell()
    scene.held(session)
    assert scene.status()["needs_human"], session.tell()


def test_who_writes_outside_of_the_scope_and_into_branches_lands_nothing(client: Client, tmp_path: Path) -> None:
    scene = Scene.hooked(tmp_path, client, attempts=1)
    session = scene.work("trespasser", "--turns", "2")
    assert session.exit == 1, session.tell()
    # Said by the hook before the tool, or else by the gate.
    assert re.search(rf"{BEYOND} is outside the scope|outside the scope \(greeting.txt\): {BEYOND}", session.heard), (
        session.tell()
    )
    scene.held(session)


def test_who_never_stops_is_stopped(client: Client, tmp_path: Path) -> None:
    scene = Scene.hooked(tmp_path, client, attempts=1)
    session = scene.work("never-stops", "--turns", "1", "--turn-timeout", "6s")
    assert session.exit == 1, session.tell()
    assert len(session.moves) < 400, session.tell()
    scene.held(session)


def test_a_question_parks_the_run_until_a_person_answers(client: Client, tmp_path: Path) -> None:
    scene = Scene.hooked(tmp_path, client)
    session = scene.work("asks")
    assert session.exit == 3, session.tell()
    first = scene.status()["needs_human"][0]
    assert (first["kind"], first["reason"]) == ("ask", QUESTION), session.tell()
    scene.held(session)
    answered = scene.world.person("answer", first["message"], "hello")
    assert answered.exit == 0, answered.out
    assert scene.status()["needs_human"] == []


def test_what_a_killed_worker_left_is_taken_over_by_the_next(client: Client, tmp_path: Path) -> None:
    scene = Scene.hooked(tmp_path, client, lease="6s")
    killed = scene.work("half")
    assert killed.exit == CUT_OFF, killed.tell()
    following = scene.work("heir", "--once", "--wait", "20s")
    assert following.exit == 0, following.tell()
    assert scene.ends_of_attempts() == ["expired"]
    assert INHERITED in following.heard, following.tell()
    assert scene.lead()
    assert scene.landed() == "hello"


def test_a_client_that_dies_is_taken_up_again(client: Client, tmp_path: Path) -> None:
    scene = Scene.hooked(tmp_path, client)
    session = scene.work("dies-once", "--turns", "3", unbound=True)
    assert session.exit == 0, session.tell()
    assert scene.lead()
    assert scene.landed() == "hello"
