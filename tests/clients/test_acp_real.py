"""`andon work --agent acp:NAME` with real clients that speak the Agent Client Protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.clients import INSTALLED, Client
from tests.clients.endpoint import total
from tests.clients.harness import Scene, Session
from tests.clients.personas import BEYOND

pytestmark = pytest.mark.clients("gemini", "vibe", "opencode", "qwen", "copilot")
BESIDE = {"vibe": INSTALLED / "vibe" / "bin" / "vibe-acp"}
"""Where the program is another one than the client's own, which alone is on the PATH of a scene."""
TELL_ALL = ("copilot", "gemini")


def work(scene: Scene, persona: str, *more: str) -> Session:
    program = BESIDE.get(scene.client.name)
    agent = "acp:command" if program else f"acp:{scene.client.name}"
    words = ["andon", "work", "--agent", agent, "--json", "--turn-timeout", "50s", *more]
    return scene.inside([*words, *(["--", str(program)] if program else [])], persona, limit_s=90)


def test_an_agent_that_only_writes_lands(client: Client, tmp_path: Path) -> None:
    scene = Scene.make(tmp_path, client)
    scene.task()
    session = work(scene, "writer")
    assert session.exit == 0, session.tell()
    assert session.errors == [], session.tell()
    assert scene.lead()
    assert scene.landed() == "hello"
    used = total(session.records)
    told = session.json["tokens"]
    if client.name in TELL_ALL:
        assert told == used.input + used.output, session.tell()
    # The others leave out what they ask for themselves (titles, suggestions); opencode tells its last answer alone.
    assert 0 < told <= used.input + used.output, session.tell()


def test_who_says_done_without_working_is_told_in_the_same_session(client: Client, tmp_path: Path) -> None:
    scene = Scene.make(tmp_path, client, attempts=1)
    scene.task()
    session = work(scene, "pleaser", "--turns", "3")
    assert session.exit == 1, session.tell()
    assert "nothing was changed" in session.heard, session.tell()
    # The last question to the model holds the first prompt, too: one session for all turns.
    assert session.heard.count("You run without a person") == 1, session.tell()
    assert session.heard.count("Andon ran the gates on your files") == 2, session.tell()
    assert not scene.lead()


def test_who_writes_outside_of_the_scope_lands_nothing(client: Client, tmp_path: Path) -> None:
    scene = Scene.make(tmp_path, client, attempts=1)
    head = scene.world.head()
    scene.task()
    session = work(scene, "trespasser", "--turns", "2")
    assert session.exit == 1, session.tell()
    assert BEYOND in session.heard, session.tell()
    assert not scene.lead()
    assert scene.world.head() == head
