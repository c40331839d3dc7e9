"""Clients started by a person, held by the hooks that `andon init --client NAME` wrote: the run ends as the laws say.

Here each agent begins in the main checkout and claims its work itself. What is particular to Gemini CLI and Qwen Code, and to
mistral-vibe and mini-swe-agent, is tried in files of their own.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.clients.clients import Client
from tests.clients.harness import INHERITED, Scene, Session
from tests.clients.personas import BEYOND, QUESTION
from tests.clients.test_work_real import held

pytestmark = pytest.mark.clients("codex", "opencode", "claude", "copilot")
LEASE_S = {"opencode": 20}
"""Where it is not 8: long enough for the next session's first tool, also on a busy machine."""
BLOCKS = 5
"""Andon's own bound, which is lower than these clients' or takes the place of none."""


def hooked(directory: Path, client: Client, *, lease: str = "10m") -> tuple[Scene, str]:
    """A repository with the client's hooks and a task; and the target branch's commit."""
    scene = Scene.make(directory, client, lease=lease)
    scene.hooks()
    scene.task()
    return scene, scene.world.head()


def lease_s(client: Client) -> int:
    return LEASE_S.get(client.name, 8)


def said(session: Session) -> int:
    return len([move for move in session.moves if move == session.moves[-1]])


def test_a_diligent_agent_lands(client: Client, tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    scene, _ = hooked(tmp_path, client)
    session = scene.session("diligent")
    record_property("client", f"{client.name}, hooks: {session.seconds:.1f} s")
    assert session.exit == 0, session.tell()
    assert session.errors == [], session.tell()
    assert said(session) == 1, session.tell()
    assert scene.lead()
    assert scene.landed() == "hello"
    # The lead commits what a session of this client, and nobody else, has written.
    assert scene.world.git("log", "-1", "--format=%an", "main").startswith(client.name), session.tell()


def test_who_says_done_without_working_is_kept_at_work_and_then_a_person_is_called(
    client: Client, tmp_path: Path
) -> None:
    scene, head = hooked(tmp_path, client)
    session = scene.session("pleaser")
    assert said(session) == BLOCKS + 1, session.tell()
    assert "nothing was changed" in session.heard, session.tell()
    held(scene, session, head)
    called = scene.status()["needs_human"][0]
    assert called["kind"] == "ask", session.tell()
    assert f"kept at work {BLOCKS} times" in called["reason"]
    assert scene.events("StepFinished") == []


def test_who_writes_outside_of_the_scope_and_into_branches_is_denied_and_lands_nothing(
    client: Client, tmp_path: Path
) -> None:
    scene, head = hooked(tmp_path, client)
    session = scene.session("trespasser")
    for warning in (
        f"{BEYOND} is outside the scope",
        "git commit: workers write and the lead commits",
        "it changes references or settings that all worktrees share",
    ):
        assert warning in session.heard, session.tell()
    held(scene, session, head)
    assert scene.status()["needs_human"], session.tell()
    assert scene.events("StepFinished") == []


def test_who_never_stops_lands_nothing_and_keeps_nothing_from_others(client: Client, tmp_path: Path) -> None:
    """A hook can't end an agent that uses tools without end. Who ends it, ends its lease; then another goes on."""
    scene, head = hooked(tmp_path, client, lease=f"{lease_s(client)}s")
    session = scene.session("never-stops", most=25)
    assert len(session.moves) > 25, session.tell()
    held(scene, session, head)
    goes_on(scene)


def test_a_question_lets_it_stop_and_stands_first(client: Client, tmp_path: Path) -> None:
    scene, head = hooked(tmp_path, client)
    session = scene.session("asks")
    assert said(session) == 1, session.tell()
    first = scene.status()["needs_human"][0]
    assert (first["kind"], first["reason"]) == ("ask", QUESTION), session.tell()
    held(scene, session, head)


def test_who_dies_loses_its_lease_and_another_takes_over_what_it_left(client: Client, tmp_path: Path) -> None:
    scene, head = hooked(tmp_path, client, lease=f"{lease_s(client)}s")
    session = scene.session("dies")
    assert session.exit != 0, session.tell()
    held(scene, session, head)
    following = goes_on(scene)
    assert INHERITED in following.heard, following.tell()


def goes_on(scene: Scene) -> Session:
    """The lease ends by itself, and the next session finishes the step with what it finds."""
    time.sleep(lease_s(scene.client) + 0.5)
    following = scene.session("heir")
    assert following.exit == 0, following.tell()
    assert scene.ends_of_attempts() == ["expired"]
    assert scene.lead(), following.tell()
    assert scene.landed() == "hello"
    return following
