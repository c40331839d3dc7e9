"""Merges with objects only: their outcome is the commits' alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from andon.core.errors import AndonError
from tests.git.conftest import Sandbox

BASE = b"1\n2\n3\n4\n5\n"


def test_a_clean_merge_gives_the_tree_and_touches_nothing(sandbox: Sandbox, head: str) -> None:
    base = sandbox.commit({"f": BASE, "g": b"g\n"}, base=head)
    ours = sandbox.commit({"f": BASE.replace(b"1", b"one"), "new": b"n\n"}, base=base)
    theirs = sandbox.commit({"f": BASE.replace(b"5", b"five"), "g": None}, base=base)
    index = hashlib.sha256((sandbox.path / ".git/index").read_bytes()).hexdigest()
    merge = sandbox.repository.merge(ours, theirs)
    assert merge.clean
    assert merge.messages == ""
    files = {
        path: sandbox.repository.read_file(merge.tree, path) for _, _, path in sandbox.repository.list_files(merge.tree)
    }
    assert files == {"a.txt": b"one\ntwo\nthree\n", "f": b"one\n2\n3\n4\nfive\n", "new": b"n\n"}
    assert hashlib.sha256((sandbox.path / ".git/index").read_bytes()).hexdigest() == index
    assert sandbox.git("cat-file", "-t", merge.tree) == "tree", "the repository itself has the merged objects"


def test_conflicts_name_their_paths_and_say_why(sandbox: Sandbox, head: str) -> None:
    odd = "od\nd \udce9"
    base = sandbox.commit({"f": BASE, odd: BASE, "gone": BASE, "fine": BASE}, base=head)
    ours = sandbox.commit(
        {"f": BASE.replace(b"3", b"ours"), odd: b"o\n", "gone": None, "fine": b"0\n" + BASE, "both": b"1\n"}, base=base
    )
    theirs = sandbox.commit(
        {"f": BASE.replace(b"3", b"theirs"), odd: b"t\n", "gone": BASE + b"6\n", "fine": BASE + b"6\n", "both": b"2\n"},
        base=base,
    )
    merge = sandbox.repository.merge(ours, theirs)
    assert not merge.clean
    assert set(merge.conflicts) == {"f", odd, "gone", "both"}
    assert "Merge conflict in f" in merge.messages
    assert "modify/delete" in merge.messages
    marked = sandbox.repository.read_file(merge.tree, "f")
    assert marked is not None
    assert b"<<<<<<< " in marked
    assert b"||||||| " not in marked
    assert sandbox.repository.read_file(merge.tree, "fine") == b"0\n" + BASE + b"6\n"


def test_settings_of_the_repository_have_no_influence(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    base = sandbox.commit({"f": BASE, ".gitattributes": b"f merge=evil diff=evil\n"}, base=head)
    ours = sandbox.commit({"f": BASE.replace(b"3", b"ours")}, base=base)
    theirs = sandbox.commit({"f": BASE.replace(b"3", b"theirs")}, base=base)
    before = sandbox.repository.merge(ours, theirs)
    for key, value in {
        "merge.evil.driver": f"touch {tmp_path}/ran; true",
        "merge.default": "evil",
        "merge.conflictStyle": "diff3",
        "merge.renames": "false",
        "merge.renormalize": "true",
        "diff.external": f"touch {tmp_path}/ran",
        "diff.evil.textconv": f"touch {tmp_path}/ran",
        "core.attributesFile": str(tmp_path / "attributes"),
    }.items():
        sandbox.git("config", key, value)
    (tmp_path / "attributes").write_text("* merge=union\n")
    (sandbox.path / ".git/info/attributes").write_text("* merge=union\n")
    (sandbox.path / ".gitattributes").write_text("* merge=union\n")
    after = sandbox.repository.merge(ours, theirs)
    assert after == before
    assert after.conflicts == ("f",)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("attribute", "conflicts"), [(b"f merge=union\n", ()), (b"f -merge\n", ("f",)), (b"f binary\n", ("f",)), (b"", ())]
)
def test_what_git_itself_can_do_with_merge_attributes_counts(
    sandbox: Sandbox, head: str, attribute: bytes, conflicts: tuple[str, ...]
) -> None:
    base = sandbox.commit({"f": BASE, ".gitattributes": attribute}, base=head)
    ours = sandbox.commit({"f": b"0\n" + BASE if not attribute.startswith(b"f merge") else BASE + b"ours\n"}, base=base)
    theirs = sandbox.commit({"f": BASE + b"theirs\n"}, base=base)
    merge = sandbox.repository.merge(ours, theirs)
    assert merge.conflicts == conflicts
    if attribute.startswith(b"f merge"):
        assert sandbox.repository.read_file(merge.tree, "f") == BASE + b"ours\ntheirs\n"


def test_a_renamed_file_is_followed(sandbox: Sandbox, head: str) -> None:
    long = b"".join(b"line %d\n" % number for number in range(40))
    base = sandbox.commit({"old": long}, base=head)
    ours = sandbox.commit({"old": None, "new": long}, base=base)
    theirs = sandbox.commit({"old": long.replace(b"line 7\n", b"seven\n")}, base=base)
    merge = sandbox.repository.merge(ours, theirs)
    assert merge.clean
    assert sandbox.repository.read_file(merge.tree, "new") == long.replace(b"line 7\n", b"seven\n")


def test_directory_rename_conflicts_name_a_path(sandbox: Sandbox, head: str) -> None:
    files = {f"dir/{number}": b"content %d\n" % number * 9 for number in range(4)}
    base = sandbox.commit(files, base=head)
    moved = {name.replace("dir", "new"): text for name, text in files.items()}
    ours = sandbox.commit({**dict.fromkeys(files), **moved}, base=base)
    theirs = sandbox.commit({"dir/added": b"added\n"}, base=base)
    merge = sandbox.repository.merge(ours, theirs)
    assert not merge.clean
    assert any("added" in path for path in merge.conflicts)
    assert "directory" in merge.messages


def test_commits_without_common_history_are_refused(sandbox: Sandbox, head: str) -> None:
    lone = sandbox.commit({"f": b"x\n"})
    with pytest.raises(AndonError, match="no common history") as caught:
        sandbox.repository.merge(head, lone)
    assert (caught.value.kind, caught.value.exit) == ("unrelated", 1)
    assert sandbox.repository.merge_base(head, lone) is None
    assert not sandbox.repository.is_ancestor(head, lone)


def test_a_merge_with_submodules_in_different_places(sandbox: Sandbox, head: str) -> None:
    """The submodule's own objects are not here; that is a conflict in words and not a crash."""

    def with_link(commit: str, parent: str | None) -> str:
        tree = sandbox.git("mktree", stdin=f"160000 commit {commit}\tsub\n")
        return sandbox.git("commit-tree", "-m", "x", *(["-p", parent] if parent else []), tree)

    base = with_link("1" * 40, None)
    merge = sandbox.repository.merge(with_link("2" * 40, base), with_link("3" * 40, base))
    assert merge.conflicts == ("sub",)
    assert "submodule" in merge.messages
