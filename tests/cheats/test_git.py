"""What an agent may do with git so that what is judged is not what it seems."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cheats.scene import Attempt, Scene, plain
from tests.cheats.table import DETECTED, PREVENTED, attack

DONE = {"done.txt": "mended\n", "work.sh": "true\n"}
WEAK = "printf \"<testsuite><testcase name='a'/><testcase name='b'/></testsuite>\" > $ANDON_OUT/junit.xml\n"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return plain(tmp_path_factory.mktemp("git"))


@pytest.fixture
def settings(scene: Scene) -> Iterator[Path]:
    """The repository's git directory, whose settings are put back afterwards."""
    common = scene.world.path / ".git"
    before = (common / "config").read_bytes()
    yield common
    (common / "config").write_bytes(before)
    for name in ("info/attributes", "info/grafts", "info/exclude"):
        (common / name).unlink(missing_ok=True)


def git(attempt: Attempt, *args: str) -> str:
    return attempt.scene.world.git(*args, cwd=attempt.workdir)


def test_settings_that_run_programs(scene: Scene, settings: Path, tmp_path: Path) -> None:
    assert attack("git settings", "sandbox") == PREVENTED
    mark = tmp_path / "ran"
    script = tmp_path / "evil"
    script.write_text(f"#!/bin/sh\necho ran >> {mark}\nexit 0\n")
    script.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "pre-commit", "post-index-change", "reference-transaction", "post-commit"):
        (hooks / name).write_text(script.read_text())
        (hooks / name).chmod(0o755)
    attempt = scene.attempt({"work.sh": "true\n"})
    for key, value in {
        "core.fsmonitor": script, "core.hooksPath": hooks, "core.pager": script, "core.editor": script,
        "diff.external": script, "core.sshCommand": script, "merge.tool": script, "gpg.program": script,
        "alias.write-tree": f"!{script}", "alias.add": f"!{script}", "interactive.diffFilter": script,
    }.items():  # fmt: skip
        git(attempt, "config", key, str(value))
    mark.unlink(missing_ok=True)
    attempt.ask().is_red("tests")
    assert not mark.exists()


def test_a_smudge_filter_that_does_the_work_at_checkout(scene: Scene, settings: Path) -> None:
    assert attack("git filters", "sandbox") == PREVENTED
    attempt = scene.attempt({"work.sh": "true\n", ".gitattributes": "done.txt filter=cheat ident\n"})
    git(attempt, "config", "filter.cheat.smudge", "echo mended")
    git(attempt, "config", "filter.cheat.clean", "cat")
    (settings / "info").mkdir(exist_ok=True)
    (settings / "info/attributes").write_text("done.txt filter=cheat\n")
    attempt.ask().is_red("tests")


@pytest.mark.parametrize("where", [".gitignore", "info/exclude"])
def test_work_that_only_the_agents_own_directory_has(scene: Scene, settings: Path, where: str) -> None:
    assert attack("hidden files", "sandbox") == PREVENTED
    attempt = scene.attempt({"work.sh": "cat secret-tool.sh && sh secret-tool.sh\n", "secret-tool.sh": "true\n"})
    attempt.write({"done.txt": "mended\n"})
    if where == ".gitignore":
        attempt.write({".gitignore": "secret-tool.sh\n"})
    else:
        (settings / "info").mkdir(exist_ok=True)
        (settings / "info/exclude").write_text("secret-tool.sh\n")
    attempt.ask().is_red("tests")


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_index_flags_that_hide_an_edit(scene: Scene, flag: str) -> None:
    assert attack("index flags", "sandbox") == DETECTED
    attempt = scene.attempt({"work.sh": "true\n"})
    git(attempt, "update-index", flag, "ci/check.sh")
    attempt.write({"ci/check.sh": WEAK})
    attempt.ask().is_red("protect")


def test_replaced_objects_and_grafted_history(scene: Scene, settings: Path) -> None:
    assert attack("replaced objects", "sandbox") == PREVENTED
    attempt = scene.attempt({"work.sh": "true\n"})
    weak = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], input=WEAK, text=True, capture_output=True, check=True,
        cwd=scene.world.path, env=scene.world.environment,
    ).stdout.strip()  # fmt: skip
    judge = git(attempt, "rev-parse", "HEAD:ci/check.sh")
    git(attempt, "replace", "-f", judge, weak)
    (settings / "info").mkdir(exist_ok=True)
    (settings / "info/grafts").write_text(git(attempt, "rev-parse", "HEAD") + "\n")
    attempt.ask().is_red("tests")
    git(attempt, "replace", "-d", judge)


def test_an_older_head_as_the_base(scene: Scene) -> None:
    assert attack("older base", "sandbox") == DETECTED
    attempt = scene.attempt({"work.sh": "true\n"})
    first = git(attempt, "rev-list", "--max-parents=0", "HEAD")
    git(attempt, "update-ref", "--no-deref", "HEAD", first)
    attempt.ask().is_red("protect", "tests")


def refused(attempt: Attempt) -> str:
    """Andon refuses the tree as a whole; the reason."""
    attempt.ask()
    assert attempt.exit == 1 and attempt.body["ok"] is False, attempt.body
    return str(attempt.body["error"]["kind"])


def test_links_and_repositories_out_of_the_tree(scene: Scene, tmp_path: Path) -> None:
    assert attack("out of the tree", "sandbox") == DETECTED
    for target in ("/etc/passwd", "../../../etc/passwd", ".git/config", "ci/../../x"):
        attempt = scene.attempt(DONE)
        os.symlink(target, attempt.workdir / "link")
        assert refused(attempt) == "bad_tree", target
    attempt = scene.attempt({**DONE, "inner/file": "x\n"})
    git(attempt, "init", "-q", "inner")
    assert refused(attempt) in ("bad_tree", "git_failed")


def test_a_hard_link_is_only_its_content(scene: Scene, tmp_path: Path) -> None:
    assert attack("hard link", "sandbox") == PREVENTED
    outside = tmp_path / "done"
    outside.write_text("mended\n")
    attempt = scene.attempt({"work.sh": "echo changed >> done.txt\n"})
    (attempt.workdir / "done.txt").unlink()
    os.link(outside, attempt.workdir / "done.txt")
    attempt.ask().is_green()
    assert outside.read_text() == "mended\n"


def test_pipes_and_locks_left_in_the_way(scene: Scene) -> None:
    assert attack("obstacles", "sandbox") == PREVENTED
    attempt = scene.attempt(DONE)
    os.mkfifo(attempt.workdir / "pipe")
    private = Path(git(attempt, "rev-parse", "--absolute-git-dir"))
    (private / "index.lock").touch()
    attempt.ask().is_green()


def test_names_that_git_itself_would_read(scene: Scene) -> None:
    assert attack("git names", "sandbox") == DETECTED
    for name in (".GIT/config", "deep/.Git/hooks/post-checkout"):
        assert refused(scene.attempt({**DONE, name: "[core]\n\tfsmonitor = true\n"})), name


def test_the_lease_and_name_of_another(scene: Scene) -> None:
    assert attack("another's lease", "sandbox") == DETECTED
    victim, thief = scene.attempt(DONE), scene.attempt({"work.sh": "true\n"})
    lease = Path(git(victim, "rev-parse", "--absolute-git-dir")) / "andon-lease"
    own = Path(git(thief, "rev-parse", "--absolute-git-dir")) / "andon-lease"
    result = scene.world.andon("advance", "--json", agent=thief.agent, cwd=victim.workdir)
    assert (result.exit, result.kind) == (4, "not_yours")
    own.write_text(lease.read_text())
    result = scene.world.andon("advance", "--json", agent=thief.agent, cwd=thief.workdir)
    assert result.exit in (1, 4), (result.exit, result.out)
