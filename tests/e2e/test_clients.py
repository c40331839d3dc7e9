"""`andon init --client`: what agents' clients get, who may take it away, and what doctor says of it."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest

from tests.e2e.world import World, outcomes

CLAUDE = {
    ".claude/settings.json",
    ".claude/skills/andon/SKILL.md",
    "CLAUDE.md",
    ".agents/skills/andon/SKILL.md",
    "AGENTS.md",
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path, isolation="process", implement_gates="[scope]", done="[review]")


def check(world: World, client: str, **extra: str) -> dict[str, object]:
    checks = world.andon("doctor", "--json", **extra).json["checks"]
    (found,) = [one for one in checks if one["check"] == f"client {client}"]
    return dict(found)


def program(world: World, tmp_path: Path, name: str) -> str:
    """A PATH on which this client is."""
    path = tmp_path / "clients" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\necho 1.2.3\n")
    path.chmod(0o755)
    return f"{path.parent}:{world.environment['PATH']}"


class TestInit:
    def test_one_command_in_a_new_repository(self, tmp_path: Path) -> None:
        world = World.make(tmp_path, init=False)
        body = world.ok("init", "--client", "claude", "--commit")
        assert {one["path"]: one["action"] for one in body["files"]} == dict.fromkeys(CLAUDE, "written")
        assert body["clients"][0]["trust"]
        assert world.git("status", "--porcelain") == ""
        assert set(world.git("show", "--name-only", "--format=", "HEAD").split()) == CLAUDE
        world.add_task()
        workdir = Path(world.claim("alice")["workdir"])
        assert all((workdir / path).exists() for path in CLAUDE)

    def test_only_the_clients_where_andon_is_set_up_already(self, world: World) -> None:
        head = world.head()
        body = world.ok("init", "--client", "claude,copilot", "--client", "aider")
        assert (body["written"], body["commit"]) == ([], None)
        assert [one["client"] for one in body["clients"]] == ["claude", "copilot", "aider"]
        assert body["next"].endswith(": andon init --client aider,claude,copilot --commit")
        assert "worktrees of `andon next` have only what is committed" in body["next"]
        assert world.head() == head
        again = world.ok("init", "--client", "claude")
        assert {one["action"] for one in again["files"]} == {"unchanged"}
        text = world.andon("init", "--client", "claude").out
        assert "unchanged .claude/settings.json" in text

    def test_what_was_there_is_given_back(self, world: World) -> None:
        settings = '{\n\t"model": "x", // mine\n\t"hooks": {"Stop": []}\n}'
        world.write(".claude/settings.json", settings)
        world.write("AGENTS.md", "# Mine")
        world.git("add", ".")
        world.git("commit", "-qm", "mine")
        world.ok("init", "--client", "claude,copilot", "--commit")
        assert world.git("status", "--porcelain") == ""
        world.ok("init", "--client", "copilot", "--remove", "--commit")
        assert not (world.path / ".github").exists()
        assert "andon hook claude" in (world.path / ".claude/settings.json").read_text()
        world.ok("init", "--client", "claude", "--remove", "--commit")
        assert (world.path / ".claude/settings.json").read_text() == settings
        assert (world.path / "AGENTS.md").read_text() == "# Mine"
        assert world.git("status", "--porcelain") == ""
        assert world.git("diff", "--name-only", "HEAD~3", "HEAD") == ""

    def test_what_a_person_has_not_committed_is_not_committed_for_them(self, world: World) -> None:
        world.write("AGENTS.md", "# Half a thought\n")
        head = world.head()
        result = world.andon("init", "--client", "claude", "--commit", "--json")
        assert (result.exit, result.kind) == (1, "not_committed")
        assert "AGENTS.md" in result.json["error"]["message"]
        assert (world.head(), world.git("status", "--porcelain")) == (head, "?? AGENTS.md")

    def test_what_was_written_before_is_committed_whole(self, world: World) -> None:
        world.write("AGENTS.md", "# Mine\n")
        world.git("add", ".")
        world.git("commit", "-qm", "mine")
        world.ok("init", "--client", "claude")
        following = str(check(world, "claude")["next"])
        assert following == "andon init --client claude --commit"
        result = world.andon(*following.split()[1:])
        assert result.exit == 0
        assert f"{world.path} was brought up to date with main" in result.out + result.err
        assert world.git("status", "--porcelain") == ""
        assert set(world.git("show", "--name-only", "--format=", "HEAD").split()) == CLAUDE
        world.write("z", "z\n")
        world.git("add", "z")
        world.git("commit", "-qm", "z")
        assert world.git("show", "--name-status", "--format=", "HEAD") == "A\tz"

    def test_a_checkout_that_was_left_is_told_of(self, world: World) -> None:
        world.ok("init", "--client", "claude")
        world.git("add", "AGENTS.md")
        (world.path / ".git/MERGE_HEAD").write_text(world.head() + "\n")
        result = world.andon("init", "--client", "claude", "--commit")
        assert result.exit == 0
        assert "was left as it is: a merge is under way there" in result.out + result.err

    def test_not_beside_another_branch(self, world: World) -> None:
        head = world.head()
        world.git("switch", "-qc", "elsewhere")
        result = world.andon("init", "--client", "claude", "--commit", "--json")
        assert (result.exit, result.kind) == (64, "other_branch")
        assert result.json["error"]["next"] == "git switch main, then the same again"
        assert world.git("status", "--porcelain") == ""
        assert "git add -f " in world.ok("init", "--client", "claude")["next"]
        assert "git add -f " in str(check(world, "claude")["next"])
        assert world.git("rev-parse", "main") == head

    @pytest.mark.parametrize("tracked", [True, False])
    def test_work_in_progress_stays_out_of_the_commit(self, world: World, tracked: bool) -> None:
        if tracked:
            world.ok("init", "--client", "claude", "--commit")
        else:
            world.ok("init", "--client", "claude")
        head = world.head()
        with (world.path / "AGENTS.md").open("a") as file:
            file.write("secret WIP\n")
        if tracked:
            assert "not on the target branch" not in str(check(world, "claude")["message"])
            assert world.ok("init", "--client", "claude", "--commit")["commit"] is None
            # Another client's files go without it.
            world.ok("init", "--client", "cursor", "--commit")
        else:
            found = check(world, "claude")
            assert "; AGENTS.md holds changes, too, that are neither committed nor Andon's" in str(found["message"])
            assert "git add -f " in str(found["next"])
            result = world.andon("init", "--client", "claude", "--commit", "--json")
            assert (result.exit, result.kind) == (1, "not_committed")
            assert world.head() == head
        assert "secret" not in world.git("log", "-p", "--format=")
        assert (world.path / "AGENTS.md").read_text().endswith("secret WIP\n")

    def test_a_person_adds_a_client_while_runs_are_open(self, world: World) -> None:
        world.add_task()
        world.implement()
        world.review()
        world.add_task("Another")
        world.claim("carol", "--task", "T2")
        body = world.ok("init", "--client", "claude")
        assert body["next"].endswith(": andon init --client claude --commit")
        body = world.ok("init", "--client", "claude", "--commit")
        assert (world.head(), world.git("status", "--porcelain")) == (body["commit"], "")
        world.git("commit", "--allow-empty", "-m", "the guard refuses it", check=False)
        assert world.head() == body["commit"]
        assert [one["task"] for one in world.ok("lead")["landed"]] == ["T1"]
        assert world.git("rev-parse", "HEAD~1") == body["commit"]

    def test_not_beside_a_lead(self, world: World) -> None:
        with (world.path / ".git/andon/lead.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            result = world.andon("init", "--client", "claude", "--commit", "--json")
        assert (result.exit, result.kind) == (3, "lead_busy")
        assert world.git("status", "--porcelain") == ""

    def test_refusals(self, world: World) -> None:
        result = world.andon("init", "--client", "emacs", "--json")
        assert (result.exit, result.kind) == (64, "unknown_client")
        assert "claude, codex, copilot" in result.json["error"]["message"]
        assert world.andon("init", "--remove", "--json").exit == 64
        world.write(".claude/settings.json", '{"hooks": }')
        result = world.andon("init", "--client", "claude,copilot", "--json")
        assert (result.exit, result.kind) == (64, "client_files")
        assert result.json["error"]["message"].startswith(".claude/settings.json:1:11: ")
        assert "andon hook claude SessionStart" in result.json["error"]["next"]
        assert world.git("status", "--porcelain") == "?? .claude/"

    def test_what_is_told_is_told_once_and_a_line_for_each(self, world: World) -> None:
        first = world.andon("init", "--client", "claude,codex", "--commit").out
        assert "Claude Code: what a shell command writes" in first
        again = world.andon("init", "--client", "claude,codex").out
        assert "what a shell command writes" not in again
        lines = again.rstrip().splitlines()[-3:]
        assert [line[:19] for line in lines] == [
            "next: Claude Code: ",
            "      Codex CLI: Codex"[:19],
            "      after a first"[:19],
        ]

    def test_everything_that_is_missing_in_a_broken_file_is_printed(self, world: World) -> None:
        world.write(".claude/settings.json", "{")
        following = world.andon("init", "--client", "claude", "--json").json["error"]["next"]
        hooks = json.loads(following.partition("add to it yourself: ")[2])["hooks"]
        assert set(hooks) == {"SessionStart", "PreToolUse", "PostToolUse", "Stop", "SessionEnd"}

    def test_a_line_number_for_what_does_not_go_together(self, world: World) -> None:
        world.write(".aider.conf.yml", "model: x\nauto-commits: true\n")
        result = world.andon("init", "--client", "aider", "--json")
        assert result.json["error"]["message"].startswith(".aider.conf.yml:2:1: what is set there already")

    def test_the_shell_completes_clients(self, world: World) -> None:
        def completed(*words: str) -> list[str]:
            line, at = " ".join(("andon", *words)), str(len(words))
            extra = {"_ANDON_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": at}
            return [line.partition(",")[2] for line in world.andon(**extra).out.splitlines()]

        assert completed("init", "--client", "co") == ["codex", "copilot"]
        assert "vibe" in completed("work", "--agent", "v")
        assert "cursor" not in completed("work", "--agent", "")
        assert "opencode" in world.andon("init", "--help").out
        shown = world.andon("work", "--help").out
        assert "opencode" in shown
        assert "cursor" not in shown

    def test_an_agent_takes_nothing_away(self, world: World) -> None:
        world.ok("init", "--client", "claude", "--commit")
        for words in (("--remove",), ("--commit",)):
            result = world.andon("init", "--client", "claude", *words, "--json", agent="alice")
            assert (result.exit, result.kind) == (5, "not_a_person")
        world.add_task()
        workdir = world.claim("alice")["workdir"]
        result = world.andon("init", "--client", "claude", "--remove", "--json", cwd=workdir)
        assert (result.exit, result.kind) == (5, "not_a_person")
        assert world.git("status", "--porcelain") == ""


@pytest.mark.parametrize("path", [".claude/settings.json", ".claude/settings.local.json", ".cursor/hooks.json"])
def test_no_task_drops_a_hook_unnoticed(world: World, path: str) -> None:
    world.ok("init", "--client", "claude,cursor", "--commit")
    world.add_task()
    workdir = Path(world.claim("alice")["workdir"])
    world.write(path, "{}\n", workdir)
    result = world.andon("check", "--json", agent="alice", cwd=workdir)
    assert result.exit == 1
    assert outcomes(result.json)["protect"] == "failed"
    assert path in json.dumps(result.json["verdicts"])


class TestDoctor:
    def test_no_client_no_word(self, world: World) -> None:
        assert not [one for one in world.ok("doctor")["checks"] if one["check"].startswith("client ")]

    def test_set_up_but_never_fired(self, world: World, tmp_path: Path) -> None:
        world.ok("init", "--client", "copilot", "--commit")
        path = program(world, tmp_path, "copilot")
        found = check(world, "copilot", PATH=path)
        assert (found["ok"], found["warning"]) == (True, True)
        assert "copilot 1.2.3; none of its hooks has ever fired" in str(found["message"])
        assert "--trust-folder" in str(found["next"])
        result = world.andon("doctor", PATH=path)
        assert "warning client copilot" in result.out
        assert "    next: hooks of a folder that is not trusted" in result.out

    def test_a_hook_that_fired(self, world: World, tmp_path: Path) -> None:
        world.ok("init", "--client", "copilot", "--commit")
        payload = json.dumps({"sessionId": "s-1", "cwd": str(world.path), "source": "new"})
        fired = world.andon("hook", "copilot", "sessionStart", "--timeout", "30", input=payload)
        assert fired.exit == 0
        found = check(world, "copilot", PATH=program(world, tmp_path, "copilot"))
        assert "warning" not in found
        assert "hooks have fired: session_start 2" in str(found["message"])

    @pytest.mark.parametrize("payload", ["", "not json", "{}", '{"cwd": "/"}'])
    def test_a_call_by_hand_is_no_proof(self, world: World, payload: str) -> None:
        world.ok("init", "--client", "claude", "--commit")
        assert world.andon("hook", "claude", "Stop", input=payload).exit == 0
        assert "none of its hooks has ever fired" in str(check(world, "claude")["message"])

    def test_an_old_proof_and_one_of_other_hooks_is_none(self, world: World) -> None:
        world.ok("init", "--client", "claude", "--commit")
        hooks = world.path / ".git/andon/hooks"
        record = hooks / "configured.claude"
        digest = record.read_text().split()[0]
        marker = hooks / "claude.stop"
        marker.write_text("2020-01-01T00:00:00Z s\n")
        assert "no hook has fired since they were last changed (2" in str(check(world, "claude")["message"])
        record.write_text(f"{digest} 2019-01-01T00:00:00Z\n")
        found = check(world, "claude")
        assert "no hook has fired for more than 30 days (stop 2020-01-01T00:00:00Z)" in str(found["message"])
        assert found["warning"] is True
        # Without the record, as in a clone, the time of the files counts.
        record.unlink()
        assert "no hook has fired since they were last changed (2" in str(check(world, "claude")["message"])
        # Hooks of another Andon were there before.
        record.write_text("other 2019-01-01T00:00:00Z\n")
        world.ok("init", "--client", "claude")
        assert not marker.exists()
        world.ok("init", "--client", "claude", "--remove")
        assert not record.exists()

    @pytest.mark.parametrize(
        ("client", "path", "text", "shown"),
        [
            ("claude", ".claude/settings.local.json", '{"disableAllHooks": true} // mine', "disableAllHooks is true"),
            ("claude", "~/.claude/settings.json", '{"disableAllHooks": true}', "disableAllHooks is true"),
            ("gemini", "~/.gemini/settings.json", '{"hooksConfig": {"enabled": false}}', "enabled is false"),
            ("gemini", "~/.gemini/settings.json", '{"hooksConfig": {"disabled": ["andon"]}}', 'disabled is ["andon"]'),
            ("codex", "~/.codex/config.toml", "[features]\nhooks = false\n", "features.hooks is false"),
            ("qwen", "~/.qwen/settings.json", '{"disableAllHooks": true}', "disableAllHooks is true"),
        ],
    )
    def test_hooks_that_are_switched_off(self, world: World, client: str, path: str, text: str, shown: str) -> None:
        world.ok("init", "--client", client, "--commit")
        root = Path(world.environment["HOME"]) if path.startswith("~/") else world.path
        world.write(path.removeprefix("~/"), text, root)
        found = check(world, client)
        assert found["warning"] is True
        assert f"its hooks are switched off ({path}: " in str(found["message"])
        assert shown in str(found["message"])

    def test_a_client_that_is_not_here(self, world: World) -> None:
        world.ok("init", "--client", "cursor,aider", "--commit")
        found = check(world, "cursor")
        assert "no cursor-agent on this PATH; none of its hooks has ever fired" in str(found["message"])
        assert found["warning"] is True
        assert check(world, "aider")["ok"]

    def test_files_that_are_not_committed(self, world: World) -> None:
        world.ok("init", "--client", "claude")
        found = check(world, "claude")
        assert (found["ok"], found["warning"], found["next"]) == (True, True, "andon init --client claude --commit")

    def test_files_that_somebody_changed(self, world: World) -> None:
        world.ok("init", "--client", "claude", "--commit")
        settings = world.path / ".claude/settings.json"
        settings.write_text(settings.read_text().replace("andon hook claude Stop", "true; andon hook claude Stop"))
        found = check(world, "claude")
        assert (found["ok"], found["next"]) == (False, "andon init --client claude")
        settings.write_text("{")
        world.write("CLAUDE.md", "mine")
        found = check(world, "claude")
        assert found["ok"] is False
        assert ".claude/settings.json:1:2" in str(found["message"])
        assert world.andon("doctor").exit == 1
