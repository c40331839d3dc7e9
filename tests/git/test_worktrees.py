"""Worktrees of attempts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from andon.core.errors import AndonError
from andon.git.repository import Repository
from tests.git.conftest import Sandbox


def test_one_is_as_git_itself_makes_it(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    path = tmp_path / "w \udce9"
    sandbox.repository.add_worktree(str(path), head)
    assert (path / "a.txt").read_text() == "one\ntwo\nthree\n"
    assert sandbox.repository.worktree_head(str(path)) == head
    assert sandbox.repository.worktrees() == {str(sandbox.path): "main", str(path): None}
    assert sandbox.git("status", "--porcelain=v2", "--branch", cwd=path).splitlines() == [
        f"# branch.oid {head}", "# branch.head (detached)",
    ]  # fmt: skip
    assert sandbox.git("worktree", "prune", "-v") == ""
    assert sandbox.git("fsck", "--strict", cwd=path) == ""
    assert sandbox.git("branch", "--list") == "* main"
    (path / "a.txt").write_text("x\n")
    sandbox.git("commit", "-q", "-am", "work", cwd=path)
    assert sandbox.git("reflog", "-1", "--format=%gs", cwd=path) == "commit: work"
    assert sandbox.head == head


def test_it_can_show_another_tree_than_its_head(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    other = sandbox.commit({"a.txt": b"other\n", "b.txt": b"b\n"}, base=head)
    path = tmp_path / "w"
    sandbox.repository.add_worktree(str(path), head, tree=sandbox.repository.tree_of(other))
    assert (path / "a.txt").read_text() == "other\n"
    assert sandbox.repository.worktree_head(str(path)) == head
    assert sandbox.git("status", "--porcelain", cwd=path).split() == ["M", "a.txt", "A", "b.txt"]


def test_removing_is_idempotent_and_thorough(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    path = tmp_path / "w"
    sandbox.repository.remove_worktree(str(path))
    for how in ("dirty", "locked", "gone", "pruned", "read-only", "no .git", "half removed"):
        sandbox.repository.add_worktree(str(path), head)
        (path / "a.txt").write_text("dirty\n")
        if how == "locked":
            sandbox.git("worktree", "lock", str(path))
        elif how == "gone":
            subprocess.run(["rm", "-rf", str(path)], check=True)
        elif how == "pruned":
            path.rename(tmp_path / "elsewhere")
            sandbox.git("worktree", "prune")
            (tmp_path / "elsewhere").rename(path)
        elif how == "read-only":
            (path / "d").mkdir()
            (path / "d/f").write_text("x")
            (path / "d").chmod(0o500)
        elif how == "no .git":
            (path / ".git").unlink()
        elif how == "half removed":
            subprocess.run(["rm", "-rf", str(path)], check=True)
            path.mkdir()
        sandbox.repository.remove_worktree(str(path))
        sandbox.repository.remove_worktree(str(path))
        assert not path.exists(), how
        assert sandbox.repository.worktrees() == {str(sandbox.path): "main"}, how
        assert not (sandbox.path / ".git/worktrees").exists(), how


def test_nothing_else_is_ever_removed(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_text("x")
    (tmp_path / "link").symlink_to(sandbox.path)
    (tmp_path / "file").write_text("x")
    other = tmp_path / "other"
    subprocess.run(["git", "init", "-q", str(other)], check=True)
    for path in (tmp_path / "mine", tmp_path / "link", tmp_path / "file", sandbox.path, other):
        with pytest.raises(AndonError, match="not a worktree") as caught:
            sandbox.repository.remove_worktree(str(path))
        assert caught.value.kind == "not_a_worktree"
        assert path.exists()


def test_names_that_are_taken(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    one, two = tmp_path / "one/w", tmp_path / "two/w"
    sandbox.repository.add_worktree(str(one), head)
    sandbox.repository.add_worktree(str(two), head)
    assert set(sandbox.repository.worktrees()) == {str(sandbox.path), str(one), str(two)}
    sandbox.repository.remove_worktree(str(one))
    assert sandbox.repository.worktree_head(str(two)) == head
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/file").write_text("x")
    with pytest.raises(AndonError, match="is there already"):
        sandbox.repository.add_worktree(str(tmp_path / "taken"), head)
    assert (tmp_path / "taken/file").exists()
    (tmp_path / "empty").mkdir()
    sandbox.repository.add_worktree(str(tmp_path / "empty"), head)
    subprocess.run(["rm", "-rf", str(two)], check=True)
    sandbox.git("worktree", "lock", str(two))
    sandbox.repository.add_worktree(str(two), head)
    assert (two / "a.txt").exists(), "a stale registration is replaced, also a locked one"
    assert len(os.listdir(sandbox.path / ".git/worktrees")) == 2


def test_a_failure_leaves_nothing(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    missing = "1" * 40
    for arguments in ((missing, None), (head, missing)):
        with pytest.raises(AndonError):
            sandbox.repository.add_worktree(str(tmp_path / "w"), arguments[0], tree=arguments[1])
        assert not (tmp_path / "w").exists()
        assert sandbox.repository.worktrees() == {str(sandbox.path): "main"}
    (tmp_path / "file").write_text("x")
    with pytest.raises(AndonError):
        sandbox.repository.add_worktree(str(tmp_path / "file/w"), head)


def test_hooks_do_not_run_and_filters_do(sandbox: Sandbox, tmp_path: Path) -> None:
    hook = sandbox.path / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    (sandbox.path / ".gitattributes").write_text("*.crlf text eol=crlf\n")
    (sandbox.path / "x.crlf").write_bytes(b"a\r\n")
    sandbox.git("add", ".")
    sandbox.git("commit", "-q", "-m", "more")
    path = tmp_path / "w"
    sandbox.repository.add_worktree(str(path), sandbox.head)
    assert not (tmp_path / "ran").exists()
    assert (path / "x.crlf").read_bytes() == b"a\r\n"
    assert sandbox.git("status", "--porcelain", cwd=path) == ""
    assert not sandbox.repository.worktree_dirty(str(path), sandbox.tree())


def test_settings_of_worktrees_take_gits_own_way(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    sandbox.git("config", "extensions.worktreeConfig", "true")
    path = tmp_path / "w"
    sandbox.repository.add_worktree(str(path), head)
    assert (path / "a.txt").exists()
    assert sandbox.repository.worktree_head(str(path)) == head
    sandbox.repository.remove_worktree(str(path))
    assert sandbox.repository.worktrees() == {str(sandbox.path): "main"}


def test_of_a_bare_repository(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(sandbox.path), str(bare)], check=True)
    repository = Repository.find(str(bare))
    repository.add_worktree(str(tmp_path / "w"), head)
    (tmp_path / "w/new").write_text("x")
    tree = repository.write_tree(str(tmp_path / "w"), head)
    assert [change.path for change in repository.changes(head, tree)] == ["new"]
    assert repository.worktrees() == {str(tmp_path / "w"): None}
    repository.remove_worktree(str(tmp_path / "w"))
    assert repository.worktrees() == {}


def test_the_head_of_a_worktree_on_a_branch(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    assert sandbox.repository.worktree_head(str(sandbox.path)) == head
    with pytest.raises(AndonError) as caught:
        sandbox.repository.worktree_head(str(tmp_path / "missing"))
    assert caught.value.kind == "not_a_worktree"


def test_it_is_brought_to_another_tree_unless_somebody_changed_it(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    path = tmp_path / "w"
    repository = sandbox.repository
    repository.add_worktree(str(path), head)
    (path / "a.txt").write_text("mine\n")
    (path / "new.txt").write_text("new\n")
    old = repository.write_tree(str(path), head)
    new = repository.tree_with(old, {"a.txt": b"merged\n", "new.txt": None, "d/b.txt": b"b\n"})
    before = sandbox.git("ls-files", "-s", cwd=path)
    (path / "a.txt").write_text("changed meanwhile\n")
    with pytest.raises(AndonError) as refused:
        repository.update_worktree(str(path), old, new)
    assert refused.value.kind == "worktree_changed"
    assert (path / "a.txt").read_text() == "changed meanwhile\n"
    assert (path / "new.txt").exists()
    (path / "a.txt").write_text("mine\n")
    repository.update_worktree(str(path), old, new)
    assert (path / "a.txt").read_text() == "merged\n"
    assert (path / "d/b.txt").read_text() == "b\n"
    assert not (path / "new.txt").exists()
    assert repository.write_tree(str(path), head) == new
    # The worktree's own index is its worker's.
    assert sandbox.git("ls-files", "-s", cwd=path) == before
