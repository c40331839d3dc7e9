"""Snapshots are the truth of the working tree and touch nothing of the worker's."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.core.errors import AndonError
from andon.git.index_flags import may_hide
from andon.git.snapshot import leads_out
from tests.git.conftest import SOMEBODY, Sandbox, make


def snapshot(sandbox: Sandbox, worktree: Path | None = None, base: str = "") -> tuple[str, str]:
    return sandbox.repository.snapshot(
        str(worktree or sandbox.path),
        base=base or sandbox.head,
        message="m",
        author=SOMEBODY,
        under="refs/andon/test",
        at=5,
    )


def content(sandbox: Sandbox, tree: str) -> dict[str, tuple[str, bytes | None]]:
    read = sandbox.repository.read_file
    return {path: (mode, read(tree, path)) for mode, _oid, path in sandbox.repository.list_files(tree)}


def state(sandbox: Sandbox) -> tuple[str, int, str, str, str]:
    index = sandbox.path / ".git/index"
    return (
        hashlib.sha256(index.read_bytes()).hexdigest(),
        index.stat().st_mtime_ns,
        (sandbox.path / ".git/HEAD").read_text(),
        sandbox.git("for-each-ref", "refs/heads"),
        sandbox.git("stash", "list"),
    )


def test_it_touches_neither_index_nor_head_nor_branch(sandbox: Sandbox, head: str) -> None:
    (sandbox.path / "a.txt").write_text("edited\n")
    (sandbox.path / "new.txt").write_text("new\n")
    (sandbox.path / ".gitignore").write_text("ignored\n")
    (sandbox.path / "ignored").write_text("x\n")
    before = state(sandbox)
    # A git command of somebody else that holds the index must not be in the way either.
    (sandbox.path / ".git/index.lock").write_text("")
    commit, tree = snapshot(sandbox)
    (sandbox.path / ".git/index.lock").unlink()
    assert state(sandbox) == before
    assert set(content(sandbox, tree)) == {"a.txt", "new.txt", ".gitignore"}
    assert sandbox.git("rev-parse", f"{commit}^") == head
    assert (
        sandbox.git("show", "-s", "--format=%an %ae %at %cn %s", commit) == "Some Body some@example.com 5 Some Body m"
    )
    assert sandbox.repository.refs("refs/andon/") == {f"refs/andon/test/{commit}": commit}
    assert not sandbox.repository.worktree_dirty(str(sandbox.path), tree)
    assert sandbox.repository.worktree_dirty(str(sandbox.path), sandbox.tree(head))
    assert os.listdir(sandbox.path / ".git/andon/tmp") == []


def test_a_later_snapshot_does_not_take_the_place_of_an_earlier_one(sandbox: Sandbox) -> None:
    (sandbox.path / "new.txt").write_text("one\n")
    first, _tree = snapshot(sandbox)
    (sandbox.path / "new.txt").write_text("two\n")
    second, _tree = snapshot(sandbox)
    assert set(sandbox.repository.refs("refs/andon/").values()) == {first, second}


def test_everything_that_can_change_is_in_it(sandbox: Sandbox) -> None:
    path = sandbox.path
    for name in ("gone", "mode", "to_link", "dir/file"):
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text(name)
    sandbox.git("add", ".")
    sandbox.git("commit", "-q", "-m", "more")
    (path / "gone").unlink()
    (path / "mode").chmod(0o755)
    (path / "to_link").unlink()
    (path / "to_link").symlink_to("a.txt")
    (path / "dir/file").unlink()
    (path / "dir").rmdir()
    (path / "dir").write_text("a file now")
    (path / "empty").write_text("")
    (path / "we ird\nname").write_text("w")
    (path / os.fsdecode(b"latin-\xe9")).write_bytes(b"\xe9\0")
    (path / "staged").write_text("staged")
    sandbox.git("add", "staged")
    (path / "staged").write_text("and edited")
    _, tree = snapshot(sandbox)
    assert content(sandbox, tree) == {
        "a.txt": ("100644", b"one\ntwo\nthree\n"),
        "dir": ("100644", b"a file now"),
        "empty": ("100644", b""),
        "latin-\udce9": ("100644", b"\xe9\0"),
        "mode": ("100755", b"mode"),
        "staged": ("100644", b"and edited"),
        "to_link": ("120000", b"a.txt"),
        "we ird\nname": ("100644", b"w"),
    }


def test_the_worktree_of_a_worker_who_commits_rebases_and_resets(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    worktree = tmp_path / "w"
    sandbox.repository.add_worktree(str(worktree), head)
    (worktree / "a.txt").write_text("committed\n")
    sandbox.git("commit", "-q", "-am", "work", cwd=worktree)
    (worktree / "b.txt").write_text("not committed\n")
    commit, tree = snapshot(sandbox, worktree, head)
    assert set(content(sandbox, tree)) == {"a.txt", "b.txt"}
    assert sandbox.git("rev-parse", f"{commit}^") == head, "the parent is the base, whatever the worker committed"


def test_ignored_files_that_were_added_on_purpose_stay(sandbox: Sandbox) -> None:
    (sandbox.path / ".gitignore").write_text("*.log\n")
    (sandbox.path / "kept.log").write_text("1\n")
    sandbox.git("add", "-f", "kept.log")
    (sandbox.path / "kept.log").write_text("2\n")
    (sandbox.path / "other.log").write_text("x")
    _, tree = snapshot(sandbox)
    assert content(sandbox, tree)["kept.log"] == ("100644", b"2\n")
    assert "other.log" not in content(sandbox, tree)


def test_exclude_files_count(sandbox: Sandbox) -> None:
    (sandbox.path / ".git/info/exclude").write_text("private\n")
    (sandbox.path / "private").write_text("x")
    assert "private" not in content(sandbox, snapshot(sandbox)[1])


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_flags_do_not_hide_edits_or_deletions(sandbox: Sandbox, flag: str, version: str) -> None:
    (sandbox.path / "b.txt").write_text("b\n")
    sandbox.git("add", "b.txt")
    sandbox.git("update-index", "--index-version", version)
    sandbox.git("update-index", flag, "a.txt", "b.txt")
    (sandbox.path / "a.txt").write_text("hidden\n")
    (sandbox.path / "b.txt").unlink()
    before = state(sandbox)
    _, tree = snapshot(sandbox)
    assert content(sandbox, tree) == {"a.txt": ("100644", b"hidden\n")}
    assert state(sandbox) == before


def test_a_sparse_checkout_keeps_what_it_leaves_out(sandbox: Sandbox) -> None:
    for name in ("in/x", "out/y", "out/z"):
        (sandbox.path / name).parent.mkdir(exist_ok=True)
        (sandbox.path / name).write_text("1")
    sandbox.git("add", ".")
    sandbox.git("commit", "-q", "-m", "more")
    sandbox.git("sparse-checkout", "set", "in")
    assert not (sandbox.path / "out").exists()
    (sandbox.path / "in/x").write_text("2")
    (sandbox.path / "out").mkdir()
    (sandbox.path / "out/z").write_text("made again")
    _, tree = snapshot(sandbox)
    assert {name: text for name, (_mode, text) in content(sandbox, tree).items()} == {
        "a.txt": b"one\ntwo\nthree\n", "in/x": b"2", "out/y": b"1", "out/z": b"made again",
    }  # fmt: skip


def test_settings_that_make_git_trust_do_not_count(sandbox: Sandbox) -> None:
    for key, value in {
        "core.ignoreStat": "true",
        "core.trustctime": "false",
        "core.checkStat": "minimal",
        "core.untrackedCache": "true",
        "core.splitIndex": "true",
        "core.safecrlf": "true",
        "core.fsmonitor": "/bin/false",
        "core.preloadIndex": "true",
        "index.version": "4",
        "add.ignoreErrors": "true",
    }.items():
        sandbox.git("config", key, value)
    sandbox.git("update-index", "--split-index", "--untracked-cache", "--refresh")
    (sandbox.path / "a.txt").write_text("one\nTWO\nthree\n")
    (sandbox.path / "new").write_text("a\r\n")
    before = state(sandbox)
    _, tree = snapshot(sandbox)
    assert content(sandbox, tree)["a.txt"][1] == b"one\nTWO\nthree\n"
    assert content(sandbox, tree)["new"][1] == b"a\r\n"
    assert state(sandbox) == before


def test_an_edit_of_the_same_size_in_the_same_instant_is_seen(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    for number in range(10):
        worktree = tmp_path / f"w{number}"
        sandbox.repository.add_worktree(str(worktree), head)
        (worktree / "a.txt").write_text("one\nTWO\nthree\n")
        _, tree = snapshot(sandbox, worktree, head)
        assert sandbox.repository.read_file(tree, "a.txt") == b"one\nTWO\nthree\n"


@pytest.mark.parametrize("damage", [b"damaged", b"", b"DIRC\0\0\0\2\0\0\0\1"])
def test_a_damaged_index_does_not_stand_in_the_way(sandbox: Sandbox, damage: bytes) -> None:
    (sandbox.path / ".git/index").write_bytes(damage)
    (sandbox.path / "a.txt").write_text("edited\n")
    _, tree = snapshot(sandbox)
    assert content(sandbox, tree) == {"a.txt": ("100644", b"edited\n")}
    assert (sandbox.path / ".git/index").read_bytes() == damage


def test_without_an_index_the_commit_says_what_is_tracked(sandbox: Sandbox) -> None:
    (sandbox.path / ".gitignore").write_text("a.txt\n")
    (sandbox.path / ".git/index").unlink()
    (sandbox.path / "a.txt").write_text("edited\n")
    assert content(sandbox, snapshot(sandbox)[1])["a.txt"][1] == b"edited\n"


def test_in_the_middle_of_a_merge_what_is_on_disk_counts(sandbox: Sandbox, head: str) -> None:
    sandbox.git("checkout", "-q", "-b", "side")
    (sandbox.path / "a.txt").write_text("side\n")
    sandbox.git("commit", "-q", "-am", "side")
    sandbox.git("checkout", "-q", "main")
    (sandbox.path / "a.txt").write_text("main\n")
    sandbox.git("commit", "-q", "-am", "main")
    assert subprocess.run(["git", "merge", "side"], cwd=sandbox.path, capture_output=True).returncode == 1
    _, tree = snapshot(sandbox, base=head)
    found = content(sandbox, tree)["a.txt"][1]
    assert found is not None
    assert b"<<<<<<<" in found


def test_a_worker_who_removes_the_git_file_escapes_nothing(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    outer = make(tmp_path.joinpath("outer") if tmp_path.joinpath("outer").mkdir() is None else tmp_path)
    worktree = outer.path / "w"
    sandbox.repository.add_worktree(str(worktree), head)
    (worktree / ".git").unlink()
    (worktree / "a.txt").write_text("edited\n")
    _, tree = snapshot(sandbox, worktree, head)
    assert content(sandbox, tree) == {"a.txt": ("100644", b"edited\n")}
    with pytest.raises(AndonError, match="not a worktree") as caught:
        snapshot(sandbox, outer.path, head)
    assert caught.value.kind == "not_a_worktree"


def test_filters_run_as_for_git_add_and_a_failing_one_is_an_error(sandbox: Sandbox) -> None:
    (sandbox.path / ".gitattributes").write_text("*.up filter=up\n")
    (sandbox.path / "x.up").write_text("text\n")
    sandbox.git("config", "filter.up.clean", "tr a-z A-Z")
    sandbox.git("config", "filter.up.required", "true")
    assert content(sandbox, snapshot(sandbox)[1])["x.up"][1] == b"TEXT\n"
    sandbox.git("config", "filter.up.clean", "false")
    (sandbox.path / "x.up").write_text("other text\n")
    before = sandbox.repository.refs("refs/andon")
    with pytest.raises(AndonError, match=r"x\.up"):
        snapshot(sandbox)
    assert sandbox.repository.refs("refs/andon") == before


def test_a_special_file_in_place_of_a_tracked_one_is_not_taken_for_it(sandbox: Sandbox) -> None:
    (sandbox.path / "a.txt").unlink()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(sandbox.path / "a.txt"))
    try:
        with pytest.raises(AndonError, match=r"a\.txt"):
            snapshot(sandbox)
    finally:
        listening.close()


# ---------------------------------------------------------------- what may not be in it


def inner_repository(path: Path, *, commit: bool = True) -> None:
    path.mkdir()
    subprocess.run(["git", "init", "-q", str(path)], check=True)
    (path / "work").write_text("precious\n")
    if commit:
        subprocess.run(["git", "-C", str(path), "add", "."], check=True)
        subprocess.run(["git", "-C", str(path), "commit", "-q", "-m", "inner"], check=True)


@pytest.mark.parametrize("commit", [True, False])
def test_an_embedded_repository_is_refused(sandbox: Sandbox, commit: bool) -> None:
    inner_repository(sandbox.path / "inner", commit=commit)
    with pytest.raises(AndonError, match="inner") as caught:
        snapshot(sandbox)
    assert (caught.value.kind, caught.value.exit) == ("bad_tree", 1)
    assert sandbox.repository.refs("refs/andon") == {}
    (sandbox.path / ".gitignore").write_text("inner\n")
    assert "inner" not in content(sandbox, snapshot(sandbox)[1])


def test_submodules_keep_working(sandbox: Sandbox, tmp_path: Path) -> None:
    inner_repository(tmp_path / "lib")
    allow = ("-c", "protocol.file.allow=always")
    sandbox.git(*allow, "submodule", "--quiet", "add", str(tmp_path / "lib"), "sub module")
    _, tree = snapshot(sandbox)
    modes = {path: mode for mode, _oid, path in sandbox.repository.list_files(tree)}
    assert modes["sub module"] == "160000", "a declared submodule may be new"
    sandbox.git("commit", "-q", "-m", "submodule")
    head = sandbox.head
    # Not initialised in another worktree: an empty directory, which is no deletion.
    worktree = tmp_path / "w"
    sandbox.repository.add_worktree(str(worktree), head)
    assert os.listdir(worktree / "sub module") == []
    assert snapshot(sandbox, worktree, head)[1] == sandbox.tree(head)
    # Another commit in the submodule is a change, also when its settings say to look away.
    sandbox.git("config", "submodule.sub module.ignore", "all")
    sandbox.git("config", "diff.ignoreSubmodules", "all")
    inner = sandbox.path / "sub module"
    (inner / "work").write_text("more\n")
    sandbox.git("commit", "-q", "-am", "more", cwd=inner)
    _, tree = snapshot(sandbox)
    (change,) = sandbox.repository.changes(head, tree)
    assert (change.path, change.new_mode, change.added) == ("sub module", "160000", 0)


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../outside", "a.txt/../../x", "dir/../../x", ".git/config", "../..", "dir/.."]
)
def test_links_out_of_the_tree_are_refused(sandbox: Sandbox, target: str) -> None:
    (sandbox.path / "link").symlink_to(target)
    with pytest.raises(AndonError, match="symbolic link link") as caught:
        snapshot(sandbox)
    assert (caught.value.kind, caught.value.exit) == ("bad_tree", 1)


def test_links_inside_the_tree_and_old_links_are_fine(sandbox: Sandbox) -> None:
    (sandbox.path / "old").symlink_to("/etc/passwd")
    sandbox.git("add", ".")
    sandbox.git("commit", "-q", "-m", "an old link")
    (sandbox.path / "deep/er").mkdir(parents=True)
    for number, target in enumerate(["../../a.txt", "./x", ".", "..", "../er//x", "dangling", "...", "../.."]):
        (sandbox.path / f"deep/er/link{number}").symlink_to(target)
    _, tree = snapshot(sandbox)
    assert len(content(sandbox, tree)) == 10
    (sandbox.path / "old").unlink()
    (sandbox.path / "old").symlink_to("/etc/shadow")
    with pytest.raises(AndonError, match="old"):
        snapshot(sandbox)


def test_leading_out_is_decided_without_looking_at_the_tree() -> None:
    assert leads_out("a/b/link", "../../x") == ""
    assert leads_out("a/b/link", "../../../x") != ""
    assert leads_out("link", "") == ""
    assert leads_out("a/link", "x/../y") != ""
    assert leads_out("link", "sub/.GIT/hooks") != ""


def test_bad_trees_are_told_before_anything_is_stored(sandbox: Sandbox, head: str) -> None:
    (sandbox.path / "link").symlink_to("/")
    with pytest.raises(AndonError):
        sandbox.repository.write_tree(str(sandbox.path), head)
    assert sandbox.repository.worktree_dirty(str(sandbox.path), sandbox.tree(head)), "dirtiness is told all the same"


# ---------------------------------------------------------------- the index file


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.text(alphabet="abcé_", min_size=1, max_size=30), min_size=1, max_size=12, unique=True),
    flagged=st.booleans(),
)
def test_flags_are_found_in_the_index_file(sandbox: Sandbox, names: list[str], flagged: bool) -> None:
    sandbox.git("rm", "-q", "-r", "--cached", "--ignore-unmatch", ".")
    oid = sandbox.git("rev-parse", "HEAD:a.txt")
    for name in names:
        sandbox.git("update-index", "--add", "--cacheinfo", f"100644,{oid},{name}")
    if flagged:
        sandbox.git("update-index", "--assume-unchanged", names[-1])
    assert may_hide((sandbox.path / ".git/index").read_bytes(), 20) == flagged


def test_a_long_name_in_the_index_file(sandbox: Sandbox) -> None:
    oid = sandbox.git("rev-parse", "HEAD:a.txt")
    long = "/".join(["d" * 200] * 25)
    for name in (long, "z"):
        sandbox.git("update-index", "--add", "--cacheinfo", f"100644,{oid},{name}")
    assert not may_hide((sandbox.path / ".git/index").read_bytes(), 20)
    sandbox.git("update-index", "--skip-worktree", "z")
    assert may_hide((sandbox.path / ".git/index").read_bytes(), 20)
