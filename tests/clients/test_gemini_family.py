"""Gemini CLI and Qwen Code held by hooks alone, as a person starts them; and what of trust and ACP is particular to them.

A person (or a script) claims under the agent's name and starts the client in the worktree; or the agent claims by itself.
Under `andon work` these clients are tried with all others, in `test_work_real.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.clients import Client
from tests.clients.harness import INHERITED, PROMPT, Scene, Session
from tests.clients.personas import BEYOND, QUESTION

pytestmark = pytest.mark.clients("gemini", "qwen")
BLOCKS = 5
"""Andon's own bound; these clients would go on for ever, or report success after 8."""


def hooked(directory: Path, client: Client, *, lease: str = "10m") -> Scene:
    scene = Scene.make(directory, client, lease=lease)
    scene.hooks()
    scene.task()
    return scene


def claimed(scene: Scene) -> Path:
    """The worktree of a claim under the name that the session will have."""
    scene.world.environment["ANDON_AGENT"] = f"{scene.client.name}-one"
    return Path(scene.world.ok("next")["workdir"])


def fired(scene: Scene) -> set[str]:
    """The moments at which this client's hook was seen."""
    proofs = (scene.world.path / ".git" / "andon" / "hooks").glob(f"{scene.client.name}.*")
    return {proof.name.partition(".")[2] for proof in proofs}


def said(session: Session) -> int:
    return len([move for move in session.moves if move.startswith("Say")])


def held(scene: Scene, session: Session, head: str) -> None:
    """The session ended, and the run is no success of any kind."""
    assert session.ended, session.tell()
    assert session.errors == [], session.tell()
    assert not scene.lead()
    assert scene.world.head() == head
    assert scene.landed() == ""


# ---------------------------------------------------------------- hooks alone


def test_diligent_in_a_claimed_worktree(client: Client, tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    scene = hooked(tmp_path, client)
    worktree = claimed(scene)
    session = scene.session("diligent", cwd=worktree)
    briefed = session.heard if client.name == "gemini" else session.records[-1].system
    record_property("client", f"{client.name} {session.seconds:.1f} s")
    assert session.exit == 0, session.tell()
    assert "Scope (paths you may change): `greeting.txt`" in briefed, session.tell()
    assert said(session) == 1, session.tell()
    assert fired(scene) >= {"session_start", "before_tool", "after_tool", "stop"}, session.tell()
    assert scene.lead()
    assert scene.landed() == "hello"


def test_diligent_that_claims_by_itself_is_known_by_its_session(client: Client, tmp_path: Path) -> None:
    """No variable tells Gemini CLI's shell its session: the hook has registered the client's process."""
    scene = hooked(tmp_path, client)
    command = client.command(PROMPT)
    if client.name == "gemini":
        # Its own tools write in its workspace alone, and the directory must be there when it starts.
        worktrees = scene.world.path.with_name(f"{scene.world.path.name}.andon")
        worktrees.mkdir()
        command += ["--include-directories", str(worktrees)]
    session = scene.inside(command, "diligent")
    assert session.exit == 0, session.tell()
    assert session.moves[0].startswith("Shell(command='andon next"), session.tell()
    assert scene.lead()
    assert scene.landed() == "hello"
    author = scene.world.git("log", "-1", "--format=%an", "main")
    assert author.startswith(f"{client.name}-"), author


def test_says_done_without_working(client: Client, tmp_path: Path) -> None:
    scene = hooked(tmp_path, client)
    head = scene.world.head()
    session = scene.session("pleaser", cwd=claimed(scene))
    assert said(session) == BLOCKS + 1, session.tell()
    assert "nothing was changed" in session.heard, session.tell()
    held(scene, session, head)
    call = scene.status()["needs_human"][0]
    assert call["run"] == "R1" and f"kept at work {BLOCKS} times" in call["reason"]


def test_writes_outside_of_its_scope(client: Client, tmp_path: Path) -> None:
    scene = hooked(tmp_path, client)
    head = scene.world.head()
    session = scene.session("trespasser", cwd=claimed(scene))
    assert f"{BEYOND} is outside the scope of T1 (greeting.txt)" in session.heard, session.tell()
    assert "git commit: workers write and the lead commits" in session.heard, session.tell()
    assert "git branch: it changes references" in session.heard, session.tell()
    held(scene, session, head)
    assert scene.status()["needs_human"]


def test_asks_a_person_and_may_stop(client: Client, tmp_path: Path) -> None:
    scene = hooked(tmp_path, client)
    head = scene.world.head()
    session = scene.session("asks", cwd=claimed(scene))
    assert said(session) == 1, session.tell()
    first = scene.status()["needs_human"][0]
    assert (first["kind"], first["reason"]) == ("ask", QUESTION)
    held(scene, session, head)


def test_never_stops_until_somebody_ends_it(client: Client, tmp_path: Path) -> None:
    """Hooks can't end an agent that uses tools without end; its claim stays its own as long as it lives, and lands nothing."""
    scene = hooked(tmp_path, client)
    head = scene.world.head()
    session = scene.session("never-stops", cwd=claimed(scene), limit_s=25)
    assert not session.ended, session.tell()
    assert len(session.moves) > 1, session.tell()
    assert [one["agent"] for one in scene.status()["running"]] == [f"{client.name}-one"]
    assert not scene.lead()
    assert scene.world.head() == head


def test_dies_and_another_carries_on(client: Client, tmp_path: Path) -> None:
    scene = hooked(tmp_path, client, lease="20s")
    session = scene.session("dies", cwd=claimed(scene), limit_s=40)
    assert session.exit != 0, session.tell()
    assert said(session) == 0, session.tell()
    scene.world.environment["ANDON_AGENT"] = f"{client.name}-two"
    offered = scene.world.ok("next", "--wait", "45s")
    assert (offered["run"], offered["attempt"]) == ("R1", 2), session.tell()
    following = scene.session("heir", cwd=Path(offered["workdir"]))
    assert INHERITED in following.heard, following.tell()
    assert scene.lead()
    assert scene.landed() == "hello"


def test_a_session_changes_no_settings(client: Client, tmp_path: Path) -> None:
    """Qwen Code rewrites settings that name no version, which would be a change to a protected file."""
    scene = hooked(tmp_path, client)
    worktree = claimed(scene)
    session = scene.session("asks", cwd=worktree)
    assert session.ended, session.tell()
    assert scene.world.git("-C", str(worktree), "status", "--porcelain") == ""


# ---------------------------------------------------------------- ACP


def test_acp_keeps_the_agent_in_its_bounds(client: Client, tmp_path: Path) -> None:
    """In Gemini CLI's ACP mode no hook fires before a tool: what holds there is our answer to its questions."""
    scene = hooked(tmp_path, client)
    head = scene.world.head()
    session = scene.inside(["andon", "work", "--agent", f"acp:{client.name}", "--turns", "2", "--json"], "trespasser")
    assert session.exit in (1, 3), session.tell()
    refused = "canceled by the user" if client.name == "gemini" else f"{BEYOND} is outside the scope of T1"
    assert refused in session.heard, session.tell()
    assert "Landed by hand" not in scene.world.git("log", "--all", "--format=%s")
    held(scene, session, head)
    if client.name == "gemini":
        assert not fired(scene) & {"session_start", "before_tool", "after_tool"}, session.tell()


def test_acp_diligent(client: Client, tmp_path: Path) -> None:
    scene = hooked(tmp_path, client)
    session = scene.inside(["andon", "work", "--agent", f"acp:{client.name}", "--once", "--json"], "diligent")
    assert session.exit == 0, session.tell()
    assert session.json["tokens"] > 0
    assert scene.lead()
    assert scene.landed() == "hello"


# ---------------------------------------------------------------- the guard of the target branch

MOVER = "import subprocess; subprocess.run(['git', 'update-ref', 'refs/heads/main', 'HEAD~1'])"


@pytest.mark.clients("gemini")
@pytest.mark.parametrize("agent", ["gemini", "acp:gemini"])
def test_gemini_at_work_can_not_move_the_target_branch(client: Client, tmp_path: Path, agent: str) -> None:
    """Its shell switches git's hooks off, and a program hides the command from what looks at tools: the guard holds."""
    scene = hooked(tmp_path, client)
    head = scene.world.head()
    command = ["andon", "work", "--agent", agent, "--turns", "1", "--json"]
    session = scene.inside(command, "diligent-shell", command=f'python3 -c "{MOVER}"')
    assert session.ended, session.tell()
    assert "main was not moved" in session.heard, session.tell()
    assert scene.world.head() == head


# ---------------------------------------------------------------- trust


@pytest.mark.clients("gemini")
def test_gemini_without_trust_refuses_to_start(client: Client, tmp_path: Path) -> None:
    scene = hooked(tmp_path, client)
    del scene.world.environment["GEMINI_CLI_TRUST_WORKSPACE"]
    session = scene.session("pleaser", cwd=claimed(scene))
    assert session.exit == 55, session.tell()
    assert "not running in a trusted directory" in session.err


@pytest.mark.clients("gemini")
def test_gemini_runs_no_hook_with_skip_trust(client: Client, tmp_path: Path) -> None:
    """Why no text of ours names that option; should it ever work, this test says so."""
    scene = hooked(tmp_path, client)
    head = scene.world.head()
    del scene.world.environment["GEMINI_CLI_TRUST_WORKSPACE"]
    session = scene.inside([*client.command(PROMPT), "--skip-trust"], "pleaser", cwd=claimed(scene))
    assert (session.exit, said(session), fired(scene)) == (0, 1, set()), session.tell()
    held(scene, session, head)


@pytest.mark.clients("gemini")
def test_gemini_trusts_the_worktrees_with_the_directory_that_holds_the_repository(
    client: Client, tmp_path: Path
) -> None:
    scene = hooked(tmp_path, client)
    del scene.world.environment["GEMINI_CLI_TRUST_WORKSPACE"]
    trusted = {str(scene.world.path): "TRUST_PARENT"}
    (scene.home / ".gemini" / "trustedFolders.json").write_text(json.dumps(trusted))
    session = scene.session("diligent", cwd=claimed(scene))
    assert session.exit == 0, session.tell()
    assert "stop" in fired(scene), session.tell()
