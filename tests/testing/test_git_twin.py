"""Git in memory is an honest twin: the same histories give the same answers as real git."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.core.errors import AndonError
from andon.ports import Person
from andon.testing import MemoryGit, MemoryRepository
from tests.git.conftest import Sandbox, make

SOMEBODY = Person(name="Some Body", email="some@example.com")
PATHS = ("a", "b", "dir/c", "dir/d")
FILES = st.dictionaries(st.sampled_from(PATHS), st.sampled_from(["one", "two", "three"]), max_size=4)


def distinct(files: dict[str, str]) -> dict[str, str]:
    """No content twice: git takes a file that appears where an equal one went for a rename, and the twin knows none."""
    return {path: f"{path} is {text}\n" for path, text in files.items()}


def real_commit(sandbox: Sandbox, files: dict[str, str], *parents: str) -> str:
    return sandbox.commit({path: text.encode() for path, text in files.items()}, *parents)


def memory_commit(git: MemoryGit, files: dict[str, str], *parents: str) -> str:
    tree = git.repository.put_tree(files)
    return git.commit_tree(tree, parents, "m", author=SOMEBODY, committer=SOMEBODY, at=0)


@settings(max_examples=25)
@given(base=FILES, ours=FILES, theirs=FILES, again=FILES)
def test_merges_changes_and_patches(
    base: dict[str, str], ours: dict[str, str], theirs: dict[str, str], again: dict[str, str]
) -> None:
    directory = Path(tempfile.mkdtemp())
    try:
        check(make(directory), *(distinct(files) for files in (base, ours, theirs, again)))
    finally:
        shutil.rmtree(directory)


def check(
    sandbox: Sandbox, base: dict[str, str], ours: dict[str, str], theirs: dict[str, str], again: dict[str, str]
) -> None:
    real, twin = sandbox.repository, MemoryGit(MemoryRepository({"x": "x"}))
    one = [real_commit(sandbox, base)]
    two = [memory_commit(twin, base)]
    for files, parent in ((ours, 0), (theirs, 0), (again, 1)):
        one.append(real_commit(sandbox, files, one[parent]))
        two.append(memory_commit(twin, files, two[parent]))
    for left in range(4):
        for right in range(4):
            assert real.is_ancestor(one[left], one[right]) == twin.is_ancestor(two[left], two[right])
            mined = [dict.fromkeys(x.files) for x in real.commits_since(one[left], one[right], limit=9)]
            assert mined == [dict.fromkeys(x.files) for x in twin.commits_since(two[left], two[right], limit=9)]
            assert len(real.commits_since(one[left], None, limit=9)) == len(
                twin.commits_since(two[left], None, limit=9)
            )
            found, wanted = twin.merge_base(two[left], two[right]), real.merge_base(one[left], one[right])
            assert (two.index(found) if found else None) == (one.index(wanted) if wanted else None)
            mine = [(x.path, x.old_mode, x.new_mode) for x in twin.changes(two[left], two[right])]
            theirs_ = [(x.path, x.old_mode, x.new_mode) for x in real.changes(one[left], one[right])]
            assert mine == theirs_
    merged, expected = twin.merge(two[3], two[2]), real.merge(one[3], one[2])
    assert merged.clean == expected.clean
    if merged.clean:
        content = {
            path: (real.read_file(expected.tree, path) or b"").decode() for _, _, path in real.list_files(expected.tree)
        }
        assert dict(twin.repository.files(merged.tree)) == content
    else:
        assert set(merged.conflicts) == set(expected.conflicts)
    same = twin.patch_digest(two[0], two[1]) == twin.patch_digest(two[0], two[2])
    assert same == (real.patch_digest(one[0], one[1]) == real.patch_digest(one[0], one[2]))


def test_branches_move_by_compare_and_swap() -> None:
    git = MemoryGit(MemoryRepository({"a": "1"}))
    first = git.branch_head("main") or ""
    second = memory_commit(git, {"a": "2"}, first)
    assert not git.move_branch("main", new=second, expected=second, reason="r")
    assert git.branch_head("main") == first
    assert git.move_branch("main", new=second, expected=first, reason="r")
    assert git.repository.line("main") == [first, second]


def test_worktrees_and_snapshots() -> None:
    git = MemoryGit(MemoryRepository({"a": "1"}))
    head = git.branch_head("main") or ""
    git.add_worktree("/w", head)
    git.repository.worktrees["/w"].files["b"] = "new"
    assert git.worktree_dirty("/w", git.tree_of(head))
    commit, tree = git.snapshot("/w", base=head, message="m", author=SOMEBODY, under="refs/andon/x", at=1)
    assert git.refs("refs/andon/") == {f"refs/andon/x/{commit}": commit}
    assert not git.worktree_dirty("/w", tree)
    assert git.read_file(commit, "b") == b"new"
    with pytest.raises(AndonError, match="exists already"):
        git.add_worktree("/w", head)
    after = git.tree_with(tree, {"a": b"2", "c": b"3", "b": None})
    with pytest.raises(AndonError, match="changed meanwhile"):
        git.update_worktree("/w", git.tree_of(head), after)
    git.update_worktree("/w", tree, after)
    assert git.repository.worktrees["/w"].files == {"a": "2", "c": "3"}
    git.remove_worktree("/w")
    assert git.worktrees() == {}


def test_an_integration_reference_begins_once() -> None:
    git = MemoryGit(MemoryRepository({"a": "1"}))
    first, target = git.branch_head("main") or "", "refs/andon/swarm/R1/spread/1"
    assert git.branch_head(target) is None
    assert git.move_branch(target, new=first, expected="0" * 40, reason="r")
    assert not git.move_branch(target, new=first, expected="0" * 40, reason="r")
    assert git.branch_head(target) == first == git.refs("refs/andon/swarm")[target]
