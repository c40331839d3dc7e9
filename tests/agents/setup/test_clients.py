"""Every client's set-up: it can be written and taken away, its files are protected, and what it says is true."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from andon.agents.hooks.dialects import DIALECTS
from andon.agents.setup import apply
from andon.agents.setup.commands import ANSWERED_BEFORE, BLOCK_WHEN_MISSING, hook_command
from andon.agents.setup.records import ClientSetup, Section
from andon.agents.setup.registry import load, load_all, names
from andon.agents.setup.shared import POINTER, SECTION, SHARED, SKILL
from andon.cli.parse import parse
from andon.cli.table import find
from andon.core.errors import UsageError
from andon.core.gate_files import protected
from andon.core.globs import Globs
from andon.core.workflow import Workflow

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs" / "how-to" / "clients"
COMMAND = re.compile(r"`(andon [^`]+)`")
HOOK = re.compile(r"andon hook ([a-z]+) (\w+) --timeout (\d+)")


@pytest.fixture(params=names())
def setup(request: pytest.FixtureRequest) -> ClientSetup:
    return load(request.param)


def test_every_dialect_that_is_here_has_a_set_up() -> None:
    here = {path.stem for path in (ROOT / "src/andon/agents/hooks/dialects").glob("*.py")}
    assert {name for name, module in DIALECTS.items() if module in here} <= set(names())


def test_an_unknown_client_is_refused_with_the_list() -> None:
    with pytest.raises(UsageError, match="no client 'emacs'; known are aider, claude") as caught:
        load("emacs")
    assert caught.value.kind == "unknown_client"


def test_each_has_a_page(setup: ClientSetup) -> None:
    text = (PAGES / f"{setup.name}.md").read_text(encoding="utf-8")
    assert f"andon init --client {setup.name}" in text
    assert f"clients/{setup.name}.md" in (ROOT / "docs/how-to/agents.md").read_text(encoding="utf-8")


def test_it_describes_itself(setup: ClientSetup) -> None:
    assert setup.title
    assert setup.program
    assert setup.install
    assert setup.enforced
    assert setup.limits
    assert setup.proven in ("real program", "documentation")
    kinds = [(type(edit), edit.path, getattr(edit, "at", ())) for edit in setup.edits]
    assert len(kinds) == len(set(kinds)), "two edits of one place would undo each other"


def test_it_is_written_once_and_taken_away(setup: ClientSetup, tmp_path: Path) -> None:
    root, state = tmp_path / "root", tmp_path / "state"
    root.mkdir()
    state.mkdir()
    done = apply.plan(str(root), str(state), [setup], SHARED).carry_out()
    assert {one.action for one in done} == {"written"}
    assert apply.present(str(root), setup)
    again = apply.plan(str(root), str(state), [setup], SHARED).carry_out()
    assert {one.action for one in again} == {"unchanged"}
    apply.plan_removal(str(root), str(state), [setup], SHARED).carry_out()
    assert [*root.rglob("*"), *state.rglob("*")] == []


def test_all_of_them_stand_side_by_side(tmp_path: Path) -> None:
    root, state = tmp_path / "root", tmp_path / "state"
    root.mkdir()
    state.mkdir()
    everyone = load_all(names())
    for number, one in enumerate(everyone):
        apply.plan(str(root), str(state), [one], SHARED, others=everyone[:number]).carry_out()
    assert [one.name for one in everyone if apply.present(str(root), one)] == names()
    for number, one in enumerate(everyone):
        apply.plan_removal(str(root), str(state), [one], SHARED, keep=everyone[number + 1 :]).carry_out()
        left = [other.name for other in everyone if apply.present(str(root), other)]
        assert left == names()[number + 1 :]
    assert [*root.rglob("*"), *state.rglob("*")] == []


def test_no_task_may_change_what_holds_it(setup: ClientSetup) -> None:
    globs = Globs(protected(Workflow(name="w", start="s")))
    paths = {edit.path for edit in (*setup.edits, *SHARED) if not isinstance(edit, Section)} - {".gitignore"}
    assert globs.select(sorted(paths)) == sorted(paths)


def test_its_hooks_are_those_that_its_dialect_reads(setup: ClientSetup, tmp_path: Path) -> None:
    root, state = tmp_path / "root", tmp_path / "state"
    root.mkdir()
    state.mkdir()
    written = apply.plan(str(root), str(state), [setup]).carry_out()
    found = {match for one in written for match in HOOK.findall((one.after or b"").decode())}
    if setup.name not in DIALECTS:
        assert not found
        return
    assert {client for client, _event, _timeout in found} <= {setup.name}
    module = __import__(f"andon.agents.hooks.dialects.{DIALECTS[setup.name]}", fromlist=["EVENTS"])
    assert {event for _client, event, _timeout in found} <= set(module.EVENTS)


@pytest.mark.parametrize("text", [SKILL, SECTION, POINTER], ids=["skill", "section", "pointer"])
def test_every_command_that_agents_are_told_exists(text: str) -> None:
    told = [line for line in COMMAND.findall(text) if not line.startswith("andon init --client")]
    if text is not POINTER:
        assert len(told) >= 4
    for line in told:
        words = shlex.split(line)[1:]
        found = find(words)
        assert found is not None, line
        command, rest = found
        assert set(parse(command, rest)) is not None


def test_the_skill_has_its_front_matter() -> None:
    _, front, body = SKILL.split("---\n", 2)
    assert [line.split(":")[0] for line in front.splitlines()] == ["name", "description"]
    assert len(front) < 1024
    assert len(body.splitlines()) < 60
    for code in (0, 1, 3, 4, 5, 6, 64, 70):
        assert re.search(rf"\b{code}\b", body), code


class TestWithoutAndon:
    """What a hook's line does where there is no andon."""

    def run(self, command: str, where: Path, payload: str, path: str = "/usr/bin:/bin") -> tuple[int, str]:
        done = subprocess.run(
            ["/bin/sh", "-c", command], cwd=where, input=payload, capture_output=True, text=True, env={"PATH": path}
        )
        return done.returncode, done.stdout

    @pytest.fixture
    def claimed(self, tmp_path: Path) -> Path:
        subprocess.run(["git", "init", "-q", str(tmp_path / "repo")], check=True)
        (tmp_path / "repo/.git/andon-lease").write_text("{}")
        return tmp_path / "repo"

    def test_a_stop_is_answered_once_and_only_in_a_claimed_worktree(self, claimed: Path) -> None:
        line = hook_command("claude", "Stop", 600, when_missing=BLOCK_WHEN_MISSING, unless=ANSWERED_BEFORE)
        code, out = self.run(line, claimed, '{"stop_hook_active":false}')
        assert (code, json.loads(out)["decision"]) == (0, "block")
        assert self.run(line, claimed, '{"stop_hook_active": true}') == (0, "")
        (claimed / ".git/andon-lease").unlink()
        assert self.run(line, claimed, '{"stop_hook_active":false}') == (0, "")
        assert self.run(line, claimed.parent, "{}") == (0, "")

    def test_with_andon_it_is_andon_that_answers(self, claimed: Path, tmp_path: Path) -> None:
        program = tmp_path / "bin/andon"
        program.parent.mkdir()
        program.write_text('#!/bin/sh\necho "$@"\ncat\n')
        program.chmod(0o755)
        path = f"{program.parent}:/usr/bin:/bin"
        line = hook_command("claude", "Stop", 600, when_missing=BLOCK_WHEN_MISSING, unless=ANSWERED_BEFORE)
        assert self.run(line, claimed, "{}", path) == (0, "hook claude Stop --timeout 600\n{}")
        line = hook_command("copilot", "preToolUse", 10, optional=True)
        assert self.run(line, claimed, "{}", path) == (0, "hook copilot preToolUse --timeout 10\n{}")
        assert self.run(line, claimed, "{}") == (0, "")
