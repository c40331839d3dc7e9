"""What a git of ours that was killed leaves, and what the next one does about it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from andon.core.errors import AndonError
from andon.git import index_lock, scratch, sole
from tests.git.conftest import Sandbox

LONG_AGO = 1_000_000_000


def ref_lock(sandbox: Sandbox, ref: str, content: str) -> Path:
    lock = sandbox.path / ".git" / f"{ref}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text(content)
    return lock


def test_a_lock_below_refs_andon_is_nobodys(sandbox: Sandbox, head: str) -> None:
    lock = ref_lock(sandbox, "refs/andon/salvage/R1/implement/1", "")
    sandbox.repository.set_ref("refs/andon/salvage/R1/implement/1", head)
    assert sandbox.repository.refs("refs/andon") == {"refs/andon/salvage/R1/implement/1": head}
    assert not lock.exists()


def test_the_locks_of_a_killed_move_are_removed(sandbox: Sandbox, head: str) -> None:
    killed = sandbox.commit({"a.txt": b"killed\n"}, head, base=head)
    new = sandbox.commit({"a.txt": b"new\n"}, head, base=head)
    sole_file = sandbox.path / ".git" / "andon" / "moving"
    sole_file.parent.mkdir(exist_ok=True)
    sole_file.write_text(f"{killed} refs/heads/main\n")
    ref_lock(sandbox, "refs/heads/main", f"{killed}\n")
    os.utime(ref_lock(sandbox, "HEAD", ""), (LONG_AGO, LONG_AGO))
    assert sandbox.repository.move_branch("main", new=new, expected=head, reason="test")
    assert sandbox.head == new
    assert not sole_file.exists()
    assert not list((sandbox.path / ".git").glob("*.lock"))


def test_a_git_that_is_killed_under_us_leaves_no_lock(
    sandbox: Sandbox, head: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sole, "EMPTY_LOCK_S", 0.1)
    new = sandbox.commit({"a.txt": b"new\n"}, head, base=head)
    hook = sandbox.path / ".git" / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\n[ "$1" != prepared ] || kill -9 $PPID\n')
    hook.chmod(0o755)
    with pytest.raises(AndonError) as stopped:
        sandbox.repository.move_branch("main", new=new, expected=head, reason="test")
    assert stopped.value.exit == 6
    assert list((sandbox.path / ".git").rglob("HEAD.lock")) + list((sandbox.path / ".git").rglob("main.lock")) == []
    hook.unlink()
    assert sandbox.repository.move_branch("main", new=new, expected=head, reason="test")


@pytest.mark.parametrize("announced", [True, False])
def test_a_lock_of_somebody_else_is_left(sandbox: Sandbox, head: str, announced: bool) -> None:
    new = sandbox.commit({"a.txt": b"new\n"}, head, base=head)
    lock = ref_lock(sandbox, "refs/heads/main", f"{head}\n")
    if announced:
        (sandbox.path / ".git" / "andon").mkdir(exist_ok=True)
        (sandbox.path / ".git" / "andon" / "moving").write_text(f"{new} refs/heads/main\n")
    with pytest.raises(AndonError) as refused:
        sandbox.repository.move_branch("main", new=new, expected=head, reason="test")
    assert refused.value.exit == 6
    assert lock.exists()
    assert sandbox.head == head


def moved(sandbox: Sandbox, head: str) -> str:
    """main is at a commit that the checkout does not show yet."""
    new = sandbox.commit({"a.txt": b"new and longer\n", "b.txt": b"b\nb\n", "c.txt": b"c\n"}, head, base=head)
    sandbox.git("update-ref", "refs/heads/main", new)
    return new


@pytest.mark.parametrize("content", ["", "new and", "new and longer\n"])
def test_a_half_written_checkout_is_finished(sandbox: Sandbox, head: str, content: str) -> None:
    new = moved(sandbox, head)
    git_dir = sandbox.path / ".git"
    own = git_dir / index_lock.OWN
    own.write_text(f"{head} {new}\n")
    os.link(own, git_dir / "index.lock")
    (git_dir / index_lock.COPY).write_bytes((git_dir / "index").read_bytes())
    (sandbox.path / "a.txt").write_text(content)
    (sandbox.path / "b.txt").write_text("b\n")
    notes = sandbox.repository.refresh_checkouts("main", head, new)
    assert [note.updated for note in notes] == [True], notes
    assert sandbox.git("status", "--porcelain") == ""
    assert (sandbox.path / "a.txt").read_text() == "new and longer\n"
    assert sorted(path.name for path in git_dir.glob("*andon-*")) == []
    assert not (git_dir / "index.lock").exists()


def test_somebodys_edit_is_kept_although_we_were_killed(sandbox: Sandbox, head: str) -> None:
    new = moved(sandbox, head)
    git_dir = sandbox.path / ".git"
    (git_dir / index_lock.OWN).write_text(f"{head} {new}\n")
    (git_dir / index_lock.COPY).write_bytes((git_dir / "index").read_bytes())
    (git_dir / "index.lock").write_text("a person's")
    (sandbox.path / "a.txt").write_text("my own\n")
    notes = sandbox.repository.refresh_checkouts("main", head, new)
    assert [note.updated for note in notes] == [False]
    assert (sandbox.path / "a.txt").read_text() == "my own\n"
    assert (git_dir / "index.lock").read_text() == "a person's"


def test_a_new_file_that_is_there_already_is_no_obstacle(sandbox: Sandbox, head: str) -> None:
    new = moved(sandbox, head)
    (sandbox.path / "b.txt").write_text("b\nb\n")
    notes = sandbox.repository.refresh_checkouts("main", head, new)
    assert [note.updated for note in notes] == [True], notes
    assert sandbox.git("status", "--porcelain") == ""


def test_what_the_dead_left_is_swept_and_what_the_living_use_is_not(sandbox: Sandbox) -> None:
    home = sandbox.path / ".git" / "andon"
    dead = home / "tmp" / "1-0-dead"
    (dead / "below").mkdir(parents=True)
    half = home / "landing.1-0"
    half.write_text("")
    with scratch.scratch(str(sandbox.path / ".git")) as used:
        for path in (dead, half, Path(used)):
            os.utime(path, (LONG_AGO, LONG_AGO))
        scratch.sweep(str(sandbox.path / ".git"))
        assert os.path.isdir(used)
    assert not dead.exists()
    assert not half.exists()


def test_a_registration_that_was_only_begun_goes_with_its_worktree(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    place = tmp_path / "R1-implement-1"
    place.mkdir()
    admin = sandbox.path / ".git" / "worktrees" / "R1-implement-1"
    admin.mkdir(parents=True)
    (admin / "locked").write_text("initializing\n")
    sandbox.repository.remove_worktree(str(place))
    assert not place.exists()
    assert not admin.exists()
    sandbox.repository.add_worktree(str(place), head)
    assert sandbox.git("status", "--porcelain", cwd=place) == ""


def test_one_of_us_at_a_time(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sole, "WAIT_S", 0.05)
    with sole.sole(str(sandbox.path / ".git")) as first, sole.sole(str(sandbox.path / ".git")) as second:
        assert (first, second) == (True, False)


def test_an_edit_that_is_what_landed_is_no_obstacle(sandbox: Sandbox, head: str) -> None:
    new = moved(sandbox, head)
    (sandbox.path / "a.txt").write_text("new and longer\n")
    notes = sandbox.repository.refresh_checkouts("main", head, new)
    assert [note.updated for note in notes] == [True], notes
    assert sandbox.git("status", "--porcelain") == ""


def test_another_version_that_is_staged_is_kept(sandbox: Sandbox, head: str) -> None:
    new = moved(sandbox, head)
    (sandbox.path / "a.txt").write_text("staged\n")
    sandbox.git("add", "a.txt")
    staged = sandbox.git("ls-files", "-s")
    (sandbox.path / "a.txt").write_text("new and longer\n")
    notes = sandbox.repository.refresh_checkouts("main", head, new)
    assert [note.updated for note in notes] == [False], notes
    assert sandbox.git("ls-files", "-s") == staged
