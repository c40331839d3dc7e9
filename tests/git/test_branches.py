"""References, the compare-and-swap of a branch, and people's checkouts of it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from andon.core.errors import AndonError, InvariantViolation
from andon.ports import CheckoutNote
from tests.git.conftest import Sandbox


def test_heads_loose_packed_and_missing(sandbox: Sandbox, head: str) -> None:
    repository = sandbox.repository
    assert repository.branch_head("main") == head
    sandbox.git("branch", "a/b")
    sandbox.git("pack-refs", "--all")
    assert repository.branch_head("main") == head
    assert repository.branch_head("a/b") == head
    new = sandbox.commit({"a.txt": b"1\n"}, base=head)
    sandbox.git("update-ref", "refs/heads/a/b", new)
    assert repository.branch_head("a/b") == new
    for name in ("missing", "a", "", "../../config", "-x"):
        assert repository.branch_head(name) is None
    sandbox.git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
    assert repository.branch_head("alias") == head


def test_the_current_branch(sandbox: Sandbox) -> None:
    assert sandbox.repository.current_branch() == "main"
    sandbox.git("checkout", "-q", "-b", "topic/é")
    assert sandbox.repository.current_branch() == "topic/é"
    sandbox.git("checkout", "-q", "--detach")
    assert sandbox.repository.current_branch() is None


def test_references_of_our_own(sandbox: Sandbox, head: str) -> None:
    repository = sandbox.repository
    assert repository.refs("refs/andon/") == {}
    repository.set_ref("refs/andon/submissions/R1/a/1", head)
    repository.set_ref("refs/andon/submissions/R10/a/1", head)
    assert repository.refs("refs/andon/submissions/R1/") == {"refs/andon/submissions/R1/a/1": head}
    assert repository.refs("refs/andon/submissions/R1") == {"refs/andon/submissions/R1/a/1": head}
    assert len(repository.refs("refs/andon/")) == 2
    repository.delete_ref("refs/andon/submissions/R1/a/1")
    repository.delete_ref("refs/andon/submissions/R1/a/1")
    assert len(repository.refs("refs/andon/")) == 1
    for ref in ("refs/heads/main", "main"):
        with pytest.raises(InvariantViolation):
            repository.set_ref(ref, head)
        with pytest.raises(InvariantViolation):
            repository.delete_ref(ref)


def test_a_branch_moves_by_compare_and_swap_only(sandbox: Sandbox, head: str) -> None:
    one = sandbox.commit({"a.txt": b"1\n"}, base=head)
    two = sandbox.commit({"a.txt": b"2\n"}, base=head)
    assert sandbox.repository.move_branch("main", new=one, expected=head, reason="andon:\nland T1")
    assert sandbox.git("reflog", "-1", "--format=%gs", "main") == "andon: land T1"
    assert not sandbox.repository.move_branch("main", new=two, expected=head, reason="r")
    assert sandbox.repository.branch_head("main") == one
    assert not sandbox.repository.move_branch("gone", new=two, expected=head, reason="r")
    for expected in ("", "0" * 7):
        with pytest.raises(InvariantViolation):
            sandbox.repository.move_branch("main", new=two, expected=expected, reason="r")


def test_a_refusing_hook_and_a_held_lock_are_errors_and_not_lost_races(sandbox: Sandbox, head: str) -> None:
    one = sandbox.commit({"a.txt": b"1\n"}, base=head)
    hook = sandbox.path / ".git/hooks/reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(AndonError, match="not today") as caught:
        sandbox.repository.move_branch("main", new=one, expected=head, reason="r")
    assert (caught.value.kind, caught.value.exit) == ("branch_refused", 1)
    hook.unlink()
    lock = sandbox.path / ".git/refs/heads/main.lock"
    lock.write_text("")
    with pytest.raises(AndonError, match="lock") as caught:
        sandbox.repository.move_branch("main", new=one, expected=head, reason="r")
    assert (caught.value.kind, caught.value.exit) == ("git_failed", 6)
    lock.unlink()
    assert sandbox.repository.move_branch("main", new=one, expected=head, reason="r")


# ---------------------------------------------------------------- people's checkouts


class TestCheckouts:
    def landed(self, sandbox: Sandbox, head: str) -> tuple[str, list[CheckoutNote]]:
        files = {"a.txt": b"landed\n", "c.txt": b"c\n", "sub/d.txt": b"d\n"}
        new = sandbox.commit(files, base=head)
        assert sandbox.repository.move_branch("main", new=new, expected=head, reason="r")
        return new, sandbox.repository.refresh_checkouts("main", head, new)

    def run_advice(self, note: CheckoutNote) -> None:
        (advice,) = re.findall(r"`([^`]+)`", note.message)[-1:]
        done = subprocess.run(["sh", "-ec", advice], capture_output=True, text=True, cwd="/")
        assert done.returncode == 0, (advice, done.stdout, done.stderr)

    def test_a_clean_one_is_brought_up_to_date(self, sandbox: Sandbox, head: str) -> None:
        _new, (note,) = self.landed(sandbox, head)
        assert note.updated
        assert (sandbox.path / "a.txt").read_text() == "landed\n"
        assert (sandbox.path / "sub/d.txt").read_text() == "d\n"
        assert sandbox.git("status", "--porcelain") == ""

    def test_all_worktrees_of_the_branch_and_no_other(self, sandbox: Sandbox, tmp_path: Path, head: str) -> None:
        sandbox.git("worktree", "add", "-q", "--force", str(tmp_path / "second"), "main")
        sandbox.git("worktree", "add", "-q", "--detach", str(tmp_path / "detached"))
        sandbox.git("worktree", "add", "-q", "--force", str(tmp_path / "missing"), "main")
        subprocess.run(["rm", "-rf", str(tmp_path / "missing")], check=True)
        _new, notes = self.landed(sandbox, head)
        assert {note.path: note.updated for note in notes} == {str(sandbox.path): True, str(tmp_path / "second"): True}
        assert (tmp_path / "detached/a.txt").read_text() == "one\ntwo\nthree\n"

    def test_edits_elsewhere_are_kept(self, sandbox: Sandbox, head: str) -> None:
        for name in ("other", "staged"):
            (sandbox.path / name).write_text("1\n")
        sandbox.git("add", ".")
        sandbox.git("commit", "-q", "-m", "more")
        head = sandbox.head
        (sandbox.path / "other").write_text("edited\n")
        (sandbox.path / "staged").write_text("staged\n")
        sandbox.git("add", "staged")
        (sandbox.path / "untracked").write_text("u\n")
        _new, (note,) = self.landed(sandbox, head)
        assert note.updated
        assert (sandbox.path / "a.txt").read_text() == "landed\n"
        assert sandbox.git("status", "--porcelain").splitlines() == ["M other", "M  staged", "?? untracked"]

    def test_a_file_whose_times_alone_changed_is_no_edit(self, sandbox: Sandbox, head: str) -> None:
        os.utime(sandbox.path / "a.txt", (1, 1))
        _new, (note,) = self.landed(sandbox, head)
        assert note.updated
        assert sandbox.git("status", "--porcelain") == ""

    def test_an_edit_of_what_landed_is_kept_and_the_advice_merges_it(self, sandbox: Sandbox, head: str) -> None:
        (sandbox.path / "a.txt").write_text("mine\n")
        (sandbox.path / "untracked").write_text("u\n")
        index = sandbox.git("ls-files", "-s")
        new, (note,) = self.landed(sandbox, head)
        assert not note.updated
        assert (sandbox.path / "a.txt").read_text() == "mine\n"
        assert not (sandbox.path / "c.txt").exists()
        assert sandbox.git("ls-files", "-s") == index
        # Both changed the same line, so that the advice ends in git's own conflict, with everything kept.
        (advice,) = re.findall(r"`([^`]+)`", note.message)[-1:]
        done = subprocess.run(["sh", "-ec", advice], capture_output=True, text=True, cwd="/")
        assert done.returncode == 1
        assert "Merge conflict in a.txt" in done.stdout
        assert "mine" in (sandbox.path / "a.txt").read_text()
        assert "landed" in (sandbox.path / "a.txt").read_text()
        assert (sandbox.path / "untracked").read_text() == "u\n"
        assert (sandbox.head, sandbox.repository.current_branch()) == (new, "main")

    def test_an_edit_elsewhere_in_the_same_file_ends_up_on_top(self, sandbox: Sandbox) -> None:
        lines = [f"{number}\n" for number in range(20)]
        (sandbox.path / "a.txt").write_text("".join(lines))
        sandbox.git("commit", "-q", "-am", "longer")
        head = sandbox.head
        (sandbox.path / "a.txt").write_text("".join([*lines[:-1], "mine\n"]))
        new = sandbox.commit({"a.txt": "".join(["landed\n", *lines[1:]]).encode()}, base=head)
        assert sandbox.repository.move_branch("main", new=new, expected=head, reason="r")
        (note,) = sandbox.repository.refresh_checkouts("main", head, new)
        assert not note.updated
        self.run_advice(note)
        assert (sandbox.path / "a.txt").read_text() == "".join(["landed\n", *lines[1:-1], "mine\n"])
        assert (
            sandbox.git("diff", "--stat", "HEAD").splitlines()[-1].strip()
            == "1 file changed, 1 insertion(+), 1 deletion(-)"
        )

    @pytest.mark.parametrize("ignored", [False, True])
    @pytest.mark.parametrize("name", ["c.txt", "sub", "c.txt/inside"])
    def test_untracked_files_in_the_way_are_kept(self, sandbox: Sandbox, head: str, ignored: bool, name: str) -> None:
        if ignored:
            (sandbox.path / ".git/info/exclude").write_text("c.txt\nsub\n")
        (sandbox.path / name).parent.mkdir(exist_ok=True)
        (sandbox.path / name).write_text("mine\n")
        _new, (note,) = self.landed(sandbox, head)
        assert not note.updated
        assert (sandbox.path / name).read_text() == "mine\n"
        assert (sandbox.path / "a.txt").read_text() == "one\ntwo\nthree\n"
        subprocess.run(["mv", str(sandbox.path / name.split("/")[0]), str(sandbox.path.parent / "aside")], check=True)
        self.run_advice(note)
        assert sandbox.git("status", "--porcelain") == ""
        assert (sandbox.path / "sub/d.txt").read_text() == "d\n"

    def test_an_untracked_directory_beside_new_files_is_no_obstacle(self, sandbox: Sandbox, head: str) -> None:
        (sandbox.path / "sub").mkdir()
        (sandbox.path / "sub/own").write_text("mine\n")
        _new, (note,) = self.landed(sandbox, head)
        assert note.updated
        assert sorted(os.listdir(sandbox.path / "sub")) == ["d.txt", "own"]

    @pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
    def test_edits_hidden_by_flags_are_kept(self, sandbox: Sandbox, head: str, flag: str) -> None:
        sandbox.git("update-index", flag, "a.txt")
        (sandbox.path / "a.txt").write_text("mine\n")
        _new, (note,) = self.landed(sandbox, head)
        assert (sandbox.path / "a.txt").read_text() == "mine\n"
        assert not note.updated

    def test_a_locked_index_is_left_alone(self, sandbox: Sandbox, head: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("andon.git.checkouts.LOCK_WAIT_S", 0.01)
        (sandbox.path / ".git/index.lock").write_text("")
        _new, (note,) = self.landed(sandbox, head)
        assert not note.updated
        assert (sandbox.path / "a.txt").read_text() == "one\ntwo\nthree\n"
        (sandbox.path / ".git/index.lock").unlink()
        self.run_advice(note)
        assert sandbox.git("status", "--porcelain") == ""

    def test_in_the_middle_of_a_rebase_or_merge(self, sandbox: Sandbox, tmp_path: Path, head: str) -> None:
        sandbox.git("checkout", "-q", "-b", "side")
        (sandbox.path / "a.txt").write_text("side\n")
        sandbox.git("commit", "-q", "-am", "side")
        sandbox.git("checkout", "-q", "main")
        (sandbox.path / "a.txt").write_text("main\n")
        sandbox.git("commit", "-q", "-am", "main")
        head = sandbox.head
        for command in ("merge", "rebase"):
            done = subprocess.run(["git", command, "side"], cwd=sandbox.path, capture_output=True)
            assert done.returncode == 1
            before = (sandbox.path / "a.txt").read_bytes()
            new = sandbox.commit({"landed": command.encode()}, base=head)
            assert sandbox.repository.move_branch("main", new=new, expected=head, reason="r")
            (note,) = sandbox.repository.refresh_checkouts("main", head, new)
            assert not note.updated
            assert f"git {command} --abort" in note.message
            assert (sandbox.path / "a.txt").read_bytes() == before
            sandbox.git(command, "--abort")
            if command == "merge":
                assert sandbox.git("status", "--porcelain") == ""
                assert (sandbox.path / "landed").exists()
                head = new

    def test_a_deletion_and_a_directory_in_place_of_a_file(self, sandbox: Sandbox, head: str) -> None:
        new = sandbox.commit({"a.txt": None, "a.txt/now": b"a directory\n"}, base=head)
        assert sandbox.repository.move_branch("main", new=new, expected=head, reason="r")
        (note,) = sandbox.repository.refresh_checkouts("main", head, new)
        assert note.updated
        back = sandbox.commit({"a.txt/now": None, "a.txt": b"a file\n"}, base=new)
        assert sandbox.repository.move_branch("main", new=back, expected=new, reason="r")
        (note,) = sandbox.repository.refresh_checkouts("main", new, back)
        assert note.updated
        assert sandbox.git("status", "--porcelain") == ""


def test_an_integration_reference_moves_like_a_branch_and_is_none(sandbox: Sandbox, head: str) -> None:
    target = "refs/andon/swarm/R1/spread/3"
    repository = sandbox.repository
    other = sandbox.commit({"a.txt": b"other\n"}, base=head)
    assert repository.branch_head(target) is None
    assert repository.move_branch(target, new=head, expected="0" * 40, reason="begin")
    assert not repository.move_branch(target, new=other, expected="0" * 40, reason="again")
    assert not repository.move_branch(target, new=other, expected=other, reason="elsewhere")
    assert repository.move_branch(target, new=other, expected=head, reason="on")
    assert repository.branch_head(target) == other
    assert repository.refresh_checkouts(target, head, other) == []
    assert sandbox.git("branch", "--list") == "* main"
    # A killed git of ours left its lock: nobody else writes there.
    lock = sandbox.path / ".git" / (target + ".lock")
    lock.write_text("")
    assert repository.move_branch(target, new=head, expected=other, reason="back")
    assert repository.branch_head(target) == head
