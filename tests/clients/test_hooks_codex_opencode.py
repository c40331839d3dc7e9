"""Codex CLI in its sandbox with hooks that are trusted one by one; and opencode in a claimed worktree.

What holds for both when they claim by themselves, with nothing between them and the machine, is tried in `test_hooks_real.py`.
Here Codex is set up as docs/how-to/clients/codex.md says: no option of danger, the trust that `/hooks` would record, the rules that let
Andon's commands out of the sandbox, and nothing writable but the directory of the session.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from andon.agents.setup.clients.codex import HOOKS, trust_lines
from tests.clients.clients import CLIENTS, Client
from tests.clients.harness import Scene, Session
from tests.clients.personas import BEYOND, QUESTION
from tests.clients.test_work_real import held

BLOCKS = 5
"""Andon's own bound; both clients would go on for ever."""
# The scene lies in the directory for temporary files, which Codex keeps writable unless it is told not to.
CODEX_ALONE = (
    *("codex", "exec", "--json", "--sandbox", "workspace-write"),
    *(
        "-c",
        "sandbox_workspace_write.exclude_slash_tmp=true",
        "-c",
        "sandbox_workspace_write.exclude_tmpdir_env_var=true",
    ),
)
CODEX = replace(CLIENTS["codex"], command=lambda prompt: [*CODEX_ALONE, prompt])
OPENCODE_ALONE = ("opencode", "run", "--format", "json", "--title", "Greet")
OPENCODE = replace(CLIENTS["opencode"], command=lambda prompt: [*OPENCODE_ALONE, prompt])
LIMIT_S = {"codex": 60, "opencode": 180}


@pytest.fixture(
    params=[CODEX, pytest.param(OPENCODE, marks=pytest.mark.slower_clients)], ids=lambda client: str(client.name)
)
def either(request: pytest.FixtureRequest) -> Client:
    return there(request.param)


@pytest.fixture
def codex() -> Client:
    return there(CODEX)


def there(client: Client) -> Client:
    if client.missing:
        pytest.fail(client.missing, pytrace=False)
    return client


def hooked(directory: Path, client: Client, *, lease: str = "10m") -> Scene:
    scene = Scene.make(directory, client, lease=lease)
    scene.hooks()
    scene.task()
    if client.name == "codex":
        trust(scene)
    return scene


def trust(scene: Scene) -> None:
    """What a person does with `/hooks`."""
    repository = scene.world.path
    config = scene.home / ".codex" / "config.toml"
    hooks = json.loads((repository / HOOKS).read_text())
    config.write_text(f"{config.read_text()}\n{trust_lines(str(repository), hooks)}")


def claimed(scene: Scene) -> Path:
    """The worktree of a claim under the name that the session will have."""
    scene.world.environment["ANDON_AGENT"] = f"{scene.client.name}-one"
    return Path(scene.world.ok("next")["workdir"])


def play(scene: Scene, persona: str, cwd: Path | None = None, *more: str) -> Session:
    command = scene.client.command("You work under Andon here. Do your step.")
    return scene.inside([*command[:-1], *more, command[-1]], persona, cwd=cwd, limit_s=LIMIT_S[scene.client.name])


def fired(scene: Scene) -> set[str]:
    """The moments at which this client's hook was seen."""
    proofs = (scene.world.path / ".git" / "andon" / "hooks").glob(f"{scene.client.name}.*")
    return {proof.name.partition(".")[2] for proof in proofs}


def said(session: Session) -> int:
    return len([move for move in session.moves if move.startswith("Say")])


def test_diligent_in_a_claimed_worktree(either: Client, tmp_path: Path, record_property: pytest.RecordProperty) -> None:
    scene = hooked(tmp_path, either)
    session = play(scene, "diligent", claimed(scene))
    record_property("client", f"{either.name} {session.seconds:.1f} s")
    assert session.exit == 0, session.tell()
    # What a hook adds is a developer's message to Codex, and a part of the prompt to opencode.
    brief = "Scope (paths you may change): `greeting.txt`"
    assert brief in session.heard or brief in session.records[-1].system, session.tell()
    assert said(session) == 1, session.tell()
    assert fired(scene) >= {"session_start", "before_tool", "after_tool", "stop"}, session.tell()
    assert scene.lead()
    assert scene.landed() == "hello"


def test_diligent_that_claims_by_itself_is_known_by_its_session(codex: Client, tmp_path: Path) -> None:
    scene = hooked(tmp_path, codex)
    worktrees = scene.world.path.with_name(f"{scene.world.path.name}.andon")
    worktrees.mkdir()
    session = play(scene, "diligent", None, "--add-dir", str(worktrees))
    assert session.exit == 0, session.tell()
    assert session.moves[0].startswith("Shell(command='andon next"), session.tell()
    assert scene.lead(), session.tell()
    assert scene.landed() == "hello"
    author = scene.world.git("log", "-1", "--format=%an", "main")
    assert author.startswith("codex-"), author


def test_says_done_without_working(either: Client, tmp_path: Path) -> None:
    scene = hooked(tmp_path, either)
    head = scene.world.head()
    session = play(scene, "pleaser", claimed(scene))
    assert said(session) == BLOCKS + 1, session.tell()
    assert "nothing was changed" in session.heard, session.tell()
    held(scene, session, head)
    call = scene.status()["needs_human"][0]
    assert call["run"] == "R1" and f"kept at work {BLOCKS} times" in call["reason"]


def test_writes_outside_of_its_scope(codex: Client, tmp_path: Path) -> None:
    scene = hooked(tmp_path, codex)
    head = scene.world.head()
    session = play(scene, "trespasser", claimed(scene))
    assert f"{BEYOND} is outside the scope of T1 (greeting.txt)" in session.heard, session.tell()
    assert "git commit: workers write and the lead commits" in session.heard, session.tell()
    assert "git branch: it changes references" in session.heard, session.tell()
    held(scene, session, head)
    assert scene.status()["needs_human"]


def test_asks_a_person_and_may_stop(codex: Client, tmp_path: Path) -> None:
    scene = hooked(tmp_path, codex)
    head = scene.world.head()
    session = play(scene, "asks", claimed(scene))
    assert said(session) == 1, session.tell()
    first = scene.status()["needs_human"][0]
    assert (first["kind"], first["reason"]) == ("ask", QUESTION)
    held(scene, session, head)


def test_never_stops_until_somebody_ends_it(codex: Client, tmp_path: Path) -> None:
    """Hooks can't end an agent that uses tools without end; its claim stays its own as long as it lives, and lands nothing."""
    scene = hooked(tmp_path, codex)
    head = scene.world.head()
    session = scene.session("never-stops", cwd=claimed(scene), limit_s=15)
    assert not session.ended, session.tell()
    assert len(session.moves) > 3, session.tell()
    assert [one["agent"] for one in scene.status()["running"]] == ["codex-one"]
    assert not scene.lead()
    assert scene.world.head() == head


def test_dies_and_another_carries_on(codex: Client, tmp_path: Path) -> None:
    scene = hooked(tmp_path, codex, lease="15s")
    # A command in Codex's sandbox sees none of the processes outside of it, so it could not kill its client.
    session = play(scene, "dies", claimed(scene), "--dangerously-bypass-approvals-and-sandbox")
    assert session.exit != 0, session.tell()
    assert said(session) == 0, session.tell()
    scene.world.environment["ANDON_AGENT"] = "codex-two"
    offered = scene.world.ok("next", "--wait", "60s")
    assert (offered["run"], offered["attempt"]) == ("R1", 2), session.tell()
    following = play(scene, "heir", Path(offered["workdir"]))
    assert "inherited: hel" in following.heard, following.tell()
    assert scene.lead(), following.tell()
    assert scene.landed() == "hello"


class TestTrust:
    """Codex passes over what is not trusted. Should it ever tell, or run it all the same, these say so."""

    def silent(self, scene: Scene) -> Session:
        head = scene.world.head()
        session = play(scene, "pleaser", claimed(scene))
        assert (session.exit, said(session)) == (0, 1), session.tell()
        assert fired(scene) == set(), session.tell()
        held(scene, session, head)
        return session

    @pytest.mark.clients("codex")
    def test_an_untrusted_project(self, client: Client, tmp_path: Path) -> None:
        scene = Scene.make(tmp_path, replace(client, command=CODEX.command))
        scene.hooks()
        scene.task()
        assert "Untrusted project-local configuration is disabled" in self.silent(scene).err

    @pytest.mark.clients("codex")
    def test_hooks_that_nobody_trusted_in_a_trusted_project(self, client: Client, tmp_path: Path) -> None:
        scene = hooked(tmp_path, replace(client, command=CODEX.command))
        config = scene.home / ".codex" / "config.toml"
        config.write_text(config.read_text().partition("[hooks.state")[0])
        assert "hook" not in self.silent(scene).err

    @pytest.mark.clients("codex")
    def test_a_worktree_without_the_directory(self, client: Client, tmp_path: Path) -> None:
        scene = hooked(tmp_path, replace(client, command=CODEX.command))
        scene.world.git("rm", "-rq", "--cached", ".codex")
        scene.world.git("commit", "-qm", "not for worktrees")
        self.silent(scene)
