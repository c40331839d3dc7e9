"""Finding the repository with `os` alone gives what git gives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from andon.core.errors import AndonError
from andon.git.locate import locate
from andon.git.repository import Repository
from andon.git.run import find_git
from tests.git.conftest import Sandbox


def told_by_git(directory: Path) -> tuple[str, str]:
    done = subprocess.run(
        ["git", "-C", str(directory), "rev-parse", "--path-format=absolute", "--git-common-dir", "--git-dir"],
        capture_output=True, check=True,
    )  # fmt: skip
    common, git_dir = os.fsdecode(done.stdout).splitlines()
    return os.path.realpath(common), os.path.realpath(git_dir)


def test_main_worktree_linked_worktree_and_below(sandbox: Sandbox, tmp_path: Path) -> None:
    (sandbox.path / "deep/er").mkdir(parents=True)
    common = str(sandbox.path / ".git")
    assert locate(str(sandbox.path / "deep/er")) == (common, common, str(sandbox.path))
    linked = tmp_path / "linked worktree\udce9"
    sandbox.git("worktree", "add", "-q", "--detach", str(linked))
    (linked / "sub").mkdir()
    assert locate(str(linked / "sub")) == (*told_by_git(linked), str(linked))
    assert Repository.find(str(linked / "sub")).common_dir == common
    assert Repository.find(str(linked / "sub")).main_worktree == str(sandbox.path)


def test_bare_repositories_and_git_directories(sandbox: Sandbox, tmp_path: Path) -> None:
    bare = tmp_path / "b.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(sandbox.path), str(bare)], check=True)
    assert locate(str(bare / "refs")) == (str(bare), str(bare), None)
    assert Repository.find(str(bare)).main_worktree is None
    assert Repository.find(str(sandbox.path / ".git" / "objects")).main_worktree == str(sandbox.path)
    linked = tmp_path / "w"
    subprocess.run(["git", "-C", str(bare), "worktree", "add", "-q", "--detach", str(linked)], check=True)
    assert Repository.find(str(linked)).main_worktree is None
    assert Repository.find(str(linked)).common_dir == str(bare)


def test_a_bare_repository_behind_a_git_file(sandbox: Sandbox, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    subprocess.run(["git", "clone", "-q", "--bare", str(sandbox.path), str(project / ".bare")], check=True)
    (project / ".git").write_text("gitdir: ./.bare\n")
    assert Repository.find(str(project)).common_dir == str(project / ".bare")
    assert Repository.find(str(project)).main_worktree is None


def test_a_separate_git_directory_and_a_submodule(sandbox: Sandbox, tmp_path: Path) -> None:
    separate = tmp_path / "separate"
    subprocess.run(["git", "init", "-q", "--separate-git-dir", str(tmp_path / "elsewhere"), str(separate)], check=True)
    assert locate(str(separate)) == (*told_by_git(separate), str(separate))
    assert Repository.find(str(separate)).main_worktree == str(separate)
    sandbox.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(sandbox.path), "sub")
    inner = sandbox.path / "sub"
    assert locate(str(inner)) == (*told_by_git(inner), str(inner))
    assert Repository.find(str(inner)).main_worktree == str(inner)


def test_what_is_no_repository_is_passed_over(sandbox: Sandbox) -> None:
    inner = sandbox.path / "inner"
    (inner / ".git").mkdir(parents=True)
    (sandbox.path / "other").mkdir()
    (sandbox.path / "other/.git").write_text("nonsense")
    for directory in (inner, sandbox.path / "other"):
        found = locate(str(directory))
        assert found is not None
        assert found[2] == str(sandbox.path)
    assert locate("/") is None


def test_through_a_symbolic_link(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(sandbox.path)
    assert Repository.find(str(tmp_path / "link")).main_worktree == str(sandbox.path)


def test_no_repository_is_a_clear_error(tmp_path: Path) -> None:
    for place in ("/", str(tmp_path / "missing")):
        with pytest.raises(AndonError) as caught:
            Repository.find(place)
        assert (caught.value.kind, caught.value.exit) == ("not_a_repository", 64)
        assert "git init" in caught.value.next


def test_a_repository_of_somebody_else_is_left_to_git(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git's own switch for its tests makes every owner another one, and its own answer is what counts."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "git").write_text(f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {find_git()} "$@"\n')
    (programs / "git").chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    assert Repository.find(str(sandbox.path)).main_worktree == str(sandbox.path), "git itself has no doubt here"
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(AndonError, match="dubious ownership") as caught:
        Repository.find(str(sandbox.path))
    assert caught.value.exit == 64
    assert "safe.directory" in caught.value.next
    config = tmp_path / "config"
    config.write_text(f"[safe]\n\tdirectory = {sandbox.path}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    assert Repository.find(str(sandbox.path)).main_worktree == str(sandbox.path)


def test_it_imports_os_alone() -> None:
    code = (
        "import sys; before = set(sys.modules); import os; import andon.git.locate; "
        "print(sorted(x for x in set(sys.modules) - before if not x.startswith('andon')))"
    )
    source = str(Path(__file__).parents[2] / "src")
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": source}, capture_output=True, text=True)
    assert done.stdout.strip() in ("[]", "['__future__']"), done.stderr
