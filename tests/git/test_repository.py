"""Snapshots, worktrees, exact checkouts, merges, the branch's compare-and-swap and the guard, with real git."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from andon.core.errors import AndonError
from andon.git import guard
from andon.git.locate import locate
from andon.git.repository import Repository
from andon.git.run import spawn
from tests.git.conftest import SOMEBODY, Sandbox


def snapshot(sandbox: Sandbox, worktree: Path, base: str) -> tuple[str, str]:
    return sandbox.repository.snapshot(
        str(worktree), base=base, message="m", author=SOMEBODY, ref="refs/andon/test", at=0
    )


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def head(sandbox: Sandbox) -> str:
    return sandbox.git("rev-parse", "HEAD")


def test_locate_finds_worktrees_and_bare_repositories(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    common = str((sandbox.path / ".git").resolve())
    (sandbox.path / "deep/er").mkdir(parents=True)
    assert locate(str(sandbox.path / "deep/er")) == (common, common, str(sandbox.path.resolve()))
    sandbox.repository.add_worktree(str(tmp_path / "w"), head)
    found = locate(str(tmp_path / "w"))
    assert found is not None
    assert (found[0], found[2]) == (common, str(tmp_path / "w"))
    subprocess.run(["git", "clone", "-q", "--bare", str(sandbox.path), str(tmp_path / "b.git")], check=True)
    bare = locate(str(tmp_path / "b.git"))
    assert bare is not None
    assert bare[2] is None
    assert locate("/") is None
    with pytest.raises(AndonError, match="not in a git repository"):
        Repository.find("/")


def test_the_callers_git_variables_do_not_mislead(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "nothing"))
    monkeypatch.setenv("GIT_WORK_TREE", "/")
    assert sandbox.repository.branch_head("main") is not None
    assert sandbox.repository.list_files("HEAD")


def test_a_snapshot_touches_neither_index_nor_head_nor_branch(sandbox: Sandbox, head: str) -> None:
    (sandbox.path / "a.txt").write_text("edited\n")
    (sandbox.path / "new.txt").write_text("new\n")
    (sandbox.path / ".gitignore").write_text("ignored\n")
    (sandbox.path / "ignored").write_text("x\n")
    before = sha(sandbox.path / ".git/index")
    # A git command of somebody else that holds the index must not be in the way either.
    (sandbox.path / ".git/index.lock").write_text("")
    commit, tree = snapshot(sandbox, sandbox.path, head)
    (sandbox.path / ".git/index.lock").unlink()
    assert sha(sandbox.path / ".git/index") == before
    assert sandbox.git("rev-parse", "HEAD") == head
    names = {name for _mode, _oid, name in sandbox.repository.list_files(tree)}
    assert names == {"a.txt", "new.txt", ".gitignore"}
    assert sandbox.git("rev-parse", f"{commit}^") == head
    assert sandbox.repository.refs("refs/andon/") == {"refs/andon/test": commit}
    assert not sandbox.repository.worktree_dirty(str(sandbox.path), tree)


def test_a_snapshot_sees_what_flags_would_hide(sandbox: Sandbox, head: str) -> None:
    for flag in ("--assume-unchanged", "--skip-worktree"):
        sandbox.git("update-index", flag, "a.txt")
        (sandbox.path / "a.txt").write_text(f"hidden by {flag}\n")
        _, tree = snapshot(sandbox, sandbox.path, head)
        assert sandbox.repository.read_file(tree, "a.txt") == f"hidden by {flag}\n".encode()


def test_a_snapshot_sees_an_edit_of_the_same_size_in_the_same_instant(
    sandbox: Sandbox, tmp_path: Path, head: str
) -> None:
    for number in range(20):
        worktree = tmp_path / f"w{number}"
        sandbox.repository.add_worktree(str(worktree), head)
        (worktree / "a.txt").write_text("one\nTWO\nthree\n")
        _, tree = snapshot(sandbox, worktree, head)
        assert sandbox.repository.read_file(tree, "a.txt") == b"one\nTWO\nthree\n"


def test_a_snapshot_survives_a_damaged_index(sandbox: Sandbox, head: str) -> None:
    (sandbox.path / ".git/index").write_bytes(b"damaged")
    (sandbox.path / "a.txt").write_text("edited\n")
    _, tree = snapshot(sandbox, sandbox.path, head)
    assert sandbox.repository.read_file(tree, "a.txt") == b"edited\n"


def test_a_worktree_shows_another_tree_than_its_head(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    other = sandbox.commit({"a.txt": b"other\n", "b.txt": b"b\n"}, base=head)
    path = tmp_path / "w"
    sandbox.repository.add_worktree(str(path), head, tree=sandbox.repository.tree_of(other))
    assert (path / "a.txt").read_text() == "other\n"
    assert sandbox.repository.worktree_head(str(path)) == head
    assert sandbox.repository.worktrees()[str(path)] is None
    assert sandbox.git("status", "--porcelain", cwd=path).split() == ["M", "a.txt", "A", "b.txt"]
    assert sandbox.git("worktree", "prune", "-v") == ""
    sandbox.repository.remove_worktree(str(path))
    sandbox.repository.remove_worktree(str(path))
    assert not path.exists()
    assert str(path) not in sandbox.repository.worktrees()
    sandbox.repository.add_worktree(str(path), head)
    assert (path / "a.txt").read_text() == "one\ntwo\nthree\n"


def test_an_export_is_exact_whatever_is_configured(sandbox: Sandbox, tmp_path: Path) -> None:
    files = {
        ".gitattributes": b"* text eol=crlf ident\n*.f filter=evil\n*.x export-ignore export-subst\n",
        "crlf.txt": b"a\nb\n",
        "ident.txt": b"$Id$\n",
        "evil.f": b"content\n",
        "left.x": b"$Format:%H$\n",
        "latin-\udce9": b"\xe9\n",
        "new\nline": b"x",
    }
    commit = sandbox.commit(files)  # type: ignore[arg-type]
    sandbox.git("config", "core.autocrlf", "true")
    sandbox.git("config", "filter.evil.smudge", f"touch {tmp_path}/smudged; cat")
    destination = tmp_path / "out"
    destination.mkdir()
    sandbox.repository.export_tree(sandbox.repository.tree_of(commit), str(destination))
    for name, content in files.items():
        assert (destination / name).read_bytes() == content, name
    assert not (tmp_path / "smudged").exists()
    some = tmp_path / "some"
    some.mkdir()
    sandbox.repository.export_tree(sandbox.repository.tree_of(commit), str(some), only=["*.txt"])
    assert sorted(os.listdir(some)) == ["crlf.txt", "ident.txt"]


def test_a_merge_is_not_influenced_by_drivers(sandbox: Sandbox, tmp_path: Path) -> None:
    base = sandbox.commit({"f": b"1\n2\n3\n", ".gitattributes": b"f merge=evil\n"})
    ours = sandbox.commit({"f": b"1\nours\n3\n"}, base=base)
    theirs = sandbox.commit({"f": b"1\ntheirs\n3\n"}, base=base)
    sandbox.git("config", "merge.evil.driver", f"touch {tmp_path}/ran; true")
    result = sandbox.repository.merge(ours, theirs)
    assert result.conflicts == ("f",)
    assert not (tmp_path / "ran").exists()
    content = sandbox.repository.read_file(result.tree, "f")
    assert content is not None
    assert b"<<<<<<<" in content


def test_a_branch_moves_by_compare_and_swap_only(sandbox: Sandbox, head: str) -> None:
    one = sandbox.commit({"a.txt": b"1\n"}, base=head)
    two = sandbox.commit({"a.txt": b"2\n"}, base=head)
    assert sandbox.repository.move_branch("main", new=one, expected=head, reason="r")
    assert not sandbox.repository.move_branch("main", new=two, expected=head, reason="r")
    assert sandbox.repository.branch_head("main") == one


class TestCheckouts:
    def landed(self, sandbox: Sandbox, head: str) -> str:
        new = sandbox.commit({"a.txt": b"landed\n", "c.txt": b"c\n"}, base=head)
        assert sandbox.repository.move_branch("main", new=new, expected=head, reason="r")
        return new

    def test_a_clean_one_is_brought_up_to_date(self, sandbox: Sandbox, head: str) -> None:
        new = self.landed(sandbox, head)
        notes = sandbox.repository.refresh_checkouts("main", head, new)
        assert [note.updated for note in notes] == [True]
        assert (sandbox.path / "a.txt").read_text() == "landed\n"
        assert sandbox.git("status", "--porcelain") == ""

    @pytest.mark.parametrize("name", ["a.txt", "c.txt"])
    def test_local_work_in_the_way_is_never_lost(self, sandbox: Sandbox, head: str, name: str) -> None:
        (sandbox.path / name).write_text("mine\n")
        new = self.landed(sandbox, head)
        (note,) = sandbox.repository.refresh_checkouts("main", head, new)
        assert not note.updated
        assert "git stash" in note.message
        assert (sandbox.path / name).read_text() == "mine\n"

    def test_a_locked_index_is_left_alone(self, sandbox: Sandbox, head: str) -> None:
        new = self.landed(sandbox, head)
        (sandbox.path / ".git/index.lock").write_text("")
        (note,) = sandbox.repository.refresh_checkouts("main", head, new)
        assert not note.updated
        assert (sandbox.path / "a.txt").read_text() == "one\ntwo\nthree\n"


class TestGuard:
    @pytest.fixture
    def guarded(self, sandbox: Sandbox) -> Sandbox:
        assert guard.install_guard(sandbox.repository) is None
        guard.write_guarded(sandbox.repository.common_dir, ["main"])
        return sandbox

    def test_it_refuses_others_and_lets_exactly_the_landing_through(self, guarded: Sandbox, head: str) -> None:
        new = guarded.commit({"a.txt": b"1\n"}, base=head)
        other = guarded.commit({"a.txt": b"2\n"}, base=head)
        with pytest.raises(AndonError, match="open runs"):
            guarded.repository.move_branch("main", new=new, expected=head, reason="r")
        with guard.allow_landing(guarded.repository.common_dir, "refs/heads/main", head, new):
            with pytest.raises(AndonError, match="open runs"):
                guarded.repository.move_branch("main", new=other, expected=head, reason="r")
            assert guarded.repository.move_branch("main", new=new, expected=head, reason="r")
        assert guarded.repository.branch_head("main") == new

    @pytest.mark.parametrize(
        "command", [["commit", "-qam", "x"], ["branch", "-D", "main"], ["branch", "-m", "main", "x"]]
    )
    def test_commits_deletions_and_renames_are_refused(self, guarded: Sandbox, head: str, command: list[str]) -> None:
        (guarded.path / "a.txt").write_text("x\n")
        if command[0] == "branch":
            guarded.git("checkout", "-q", "--detach")
        done = subprocess.run(["git", *command], cwd=guarded.path, capture_output=True, text=True)
        assert done.returncode != 0
        assert "andon" in done.stderr
        assert guarded.repository.branch_head("main") == head

    def test_other_branches_are_free_and_one_can_opt_out(self, guarded: Sandbox, head: str) -> None:
        guarded.git("branch", "topic")
        guarded.git("branch", "-D", "topic")
        (guarded.path / "a.txt").write_text("x\n")
        guarded.git("config", "andon.guard", "off")
        guarded.git("commit", "-qam", "knowingly")
        assert guarded.repository.branch_head("main") != head

    def test_an_existing_hook_is_chained_and_restored(self, sandbox: Sandbox, tmp_path: Path) -> None:
        hook = sandbox.path / ".git/hooks/reference-transaction"
        hook.write_text(f"#!/bin/sh\ncat > {tmp_path}/seen\n")
        hook.chmod(0o755)
        text = hook.read_text()
        assert guard.install_guard(sandbox.repository) is None
        assert guard.install_guard(sandbox.repository) is None
        sandbox.git("branch", "topic")
        assert "refs/heads/topic" in (tmp_path / "seen").read_text()
        guard.remove_guard(sandbox.repository)
        assert hook.read_text() == text

    def test_a_shared_hooks_directory_is_not_written_to(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.git("config", "core.hooksPath", str(tmp_path / "shared"))
        note = guard.install_guard(sandbox.repository)
        assert note is not None
        assert "core.hooksPath" in note
        assert not (tmp_path / "shared").exists()


def test_running_git_feeds_and_drains_without_blocking(sandbox: Sandbox) -> None:
    data = os.urandom(3_000_000)
    code, out, _ = spawn(["--git-dir", sandbox.repository.common_dir, "hash-object", "-w", "--stdin"], stdin=data)
    assert code == 0
    code, again, _ = spawn(["--git-dir", sandbox.repository.common_dir, "cat-file", "blob", out.decode().strip()])
    assert again == data


def test_a_missing_git_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from andon.git import run

    monkeypatch.setattr(run, "_git", [])
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(AndonError, match="not installed"):
        spawn(["version"])


def test_the_runner_imports_no_subprocess() -> None:
    code = "import sys; import andon.git.repository; sys.exit('subprocess' in sys.modules or 'tempfile' in sys.modules)"
    source = str(Path(__file__).parents[2] / "src")
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": source}, capture_output=True)
    assert done.returncode == 0, done.stderr
