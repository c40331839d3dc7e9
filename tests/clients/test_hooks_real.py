"""Clients started by a person, held by the hooks that `andon init --client NAME` wrote: the run ends as the laws say.

How each is started is in `manners.py`. What of trust, of ACP and of git is particular to Codex, Gemini CLI and Qwen Code, is tried in
`test_hooks_codex.py` and `test_gemini_family.py`.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from andon.agents.hooks.call import AFTER_TOOL, BEFORE_TOOL, SESSION_START, STOP
from andon.agents.hooks.dialects import load
from tests.clients.harness import INHERITED, PROMPT, Scene, Session
from tests.clients.manners import AT_MOST, Manner
from tests.clients.personas import BEYOND, QUESTION

BRIEF = "Scope (paths you may change): `greeting.txt`"
MOMENTS = frozenset((SESSION_START, BEFORE_TOOL, AFTER_TOOL, STOP))


def place(manner: Manner, scene: Scene) -> Path:
    """Where the person starts the client."""
    return scene.worktree() if manner.in_claim else scene.world.path


def lands(scene: Scene, session: Session) -> None:
    assert session.exit == 0, session.tell()
    assert session.errors == [], session.tell()
    assert session.said == 1, session.tell()
    assert scene.lead(), session.tell()
    assert scene.landed() == "hello"
    # The lead commits what a session of this client, and nobody else, has written.
    author = scene.world.git("log", "-1", "--format=%an", "main")
    assert author.startswith(f"{scene.client.name}-"), (author, session.tell())


def test_a_diligent_agent_lands(manner: Manner, tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    scene = manner.scene(tmp_path)
    session = manner.play(scene, "diligent", cwd=place(manner, scene))
    record_property("client", f"{manner.name}, hooks: {session.seconds:.1f} s")
    if manner.in_claim:
        # What a hook adds is a part of the conversation to some, and of the system's prompt to others.
        assert BRIEF in session.heard or BRIEF in session.records[-1].system, session.tell()
    assert scene.fired() >= MOMENTS & set(load(manner.name).EVENTS.values()), session.tell()
    lands(scene, session)


@pytest.mark.clients("codex", "gemini", "qwen")
def test_who_claims_by_itself_is_known_by_its_session(manner: Manner, tmp_path: Path) -> None:
    """No variable tells Gemini CLI's shell its session: the hook has registered the client's process."""
    scene = manner.scene(tmp_path)
    # Some write in their workspace alone, and the directory must be there when they start.
    worktrees = scene.world.path.with_name(f"{scene.world.path.name}.andon")
    worktrees.mkdir()
    widened = {"codex": ("--add-dir", str(worktrees)), "gemini": ("--include-directories", str(worktrees))}
    session = manner.play(scene, "diligent", *widened.get(manner.name, ()))
    assert session.moves[0].startswith("Shell(command='andon next"), session.tell()
    lands(scene, session)


@pytest.mark.clients("opencode")
def test_who_begins_in_a_claim_is_given_its_brief(manner: Manner, tmp_path: Path) -> None:
    scene = manner.scene(tmp_path)
    session = manner.play(scene, "diligent", cwd=scene.worktree(), limit_s=180)
    assert BRIEF in session.heard or BRIEF in session.records[-1].system, session.tell()
    lands(scene, session)


def test_who_says_done_without_working_is_kept_at_work_and_then_a_person_is_called(
    manner: Manner, tmp_path: Path
) -> None:
    """Some clients take it for a success in the end; Andon does not."""
    scene = manner.scene(tmp_path)
    session = manner.play(scene, "pleaser", cwd=place(manner, scene))
    assert session.said == manner.blocks + 1, session.tell()
    assert "nothing was changed" in session.heard, session.tell()
    scene.held(session)
    called = scene.status()["needs_human"][0]
    assert (called["run"], called["kind"]) == ("R1", "ask"), session.tell()
    assert f"kept at work {manner.blocks} times" in called["reason"]
    assert scene.events("StepFinished") == []


def test_who_writes_outside_of_the_scope_and_into_branches_is_denied_and_lands_nothing(
    manner: Manner, tmp_path: Path
) -> None:
    scene = manner.scene(tmp_path)
    session = manner.play(scene, "trespasser", cwd=place(manner, scene))
    for warning in (
        f"{BEYOND} is outside the scope",
        "git commit: workers write and the lead commits",
        "it changes references or settings that all worktrees share",
        # It writes by its shell alone, so the gate has to see it.
        *([f"outside the scope (greeting.txt): {BEYOND}"] if manner.name == "mini-swe-agent" else []),
    ):
        assert warning in session.heard, session.tell()
    scene.held(session)
    assert scene.status()["needs_human"], session.tell()
    assert scene.events("StepFinished") == []


def test_who_never_stops_lands_nothing(manner: Manner, tmp_path: Path) -> None:
    """A hook can't end an agent that uses tools without end: here it is the person's limit, or its own patience."""
    scene = manner.scene(tmp_path)
    cwd = place(manner, scene)
    if manner.limited:
        session = scene.inside(manner.limited(PROMPT), "never-stops", cwd=cwd)
        assert len(session.moves) <= AT_MOST + 1, session.tell()
    else:
        session = manner.play(scene, "never-stops", cwd=cwd, most=25)
        assert len(session.moves) > 25, session.tell()
    scene.held(session)
    # Its claim stays its own as long as the lease lasts; what comes then is tried with the one that dies.
    assert [one["agent"].partition("-")[0] for one in scene.status()["running"]] == [manner.name.partition("-")[0]]
    assert scene.events("StepFinished") == []


def test_a_question_lets_it_stop_and_stands_first(manner: Manner, tmp_path: Path) -> None:
    scene = manner.scene(tmp_path)
    cwd = place(manner, scene)
    session = manner.play(scene, "asks", cwd=cwd)
    assert session.said == 1, session.tell()
    first = scene.status()["needs_human"][0]
    assert (first["kind"], first["reason"]) == ("ask", QUESTION), session.tell()
    scene.held(session)
    if manner.in_claim:
        # No client changes its settings (Qwen Code rewrites those that name no version), which are protected files.
        assert scene.world.git("-C", str(cwd), "status", "--porcelain") == ""


def test_who_dies_loses_its_lease_and_another_takes_over_what_it_left(manner: Manner, tmp_path: Path) -> None:
    scene = manner.scene(tmp_path, short=True)
    session = manner.play(scene, "dies", *manner.dying, cwd=place(manner, scene))
    assert session.exit != 0 and session.said == 0, session.tell()
    scene.held(session)
    # The lease ends by itself, and the next session finishes the step with what it finds.
    cwd = scene.world.path
    if manner.in_claim:
        offered = scene.claimed("two", "--wait", "60s")
        assert (offered["run"], offered["attempt"]) == ("R1", 2), offered
        cwd = Path(offered["workdir"])
    else:
        time.sleep(manner.lease_s + 0.5)
    following = manner.play(scene, "heir", cwd=cwd)
    assert INHERITED in following.heard, following.tell()
    assert scene.ends_of_attempts() == ["expired"]
    lands(scene, following)
