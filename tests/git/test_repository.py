"""Objects, history, identity, and repositories of every kind."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from andon.core.errors import AndonError
from andon.git.patch import unquote
from andon.git.repository import Repository
from andon.ports import Person
from tests.git.conftest import SOMEBODY, Sandbox, make


def test_reading_files_and_lists(sandbox: Sandbox) -> None:
    odd = "od\nd \udce9"
    commit = sandbox.commit({"dir/f": b"x\0\n", odd: b"o", "dirt": b"d", "dir/sub/g": b"", "-x": b"dash"})
    repository = sandbox.repository
    assert repository.read_file(commit, "dir/f") == b"x\0\n"
    assert repository.read_file(commit, odd) == b"o"
    assert repository.read_file(commit, "dir/sub/g") == b""
    assert repository.read_file(commit, "-x") == b"dash"
    for path in ("missing", "dir", "dir/", "", "./dir/f", "../x", "/dir/f", "dir/f/x", "missing\nblob"):
        assert repository.read_file(commit, path) is None, path
    assert [path for _mode, _oid, path in repository.list_files(commit, "dir")] == ["dir/f", "dir/sub/g"]
    assert [path for _mode, _oid, path in repository.list_files(commit, "dir/sub/")] == ["dir/sub/g"]
    assert repository.list_files(commit, "missing") == []
    assert {path for _mode, _oid, path in repository.list_files(commit)} == {"dir/f", odd, "dirt", "dir/sub/g", "-x"}
    for name in ("1" * 40, "no-such-branch", "-x", ""):
        with pytest.raises(AndonError):
            repository.read_file(name, "x")
        with pytest.raises(AndonError):
            repository.tree_of(name)


def test_changes_name_every_path_with_its_lines(sandbox: Sandbox) -> None:
    odd = ":od\nd\t\udce9"
    base = sandbox.commit({"edit": b"1\n2\n3\n", "gone": b"1\n2\n", "bin": b"\0", odd: b"x\n"})
    new = sandbox.commit(
        {"edit": b"1\n2\nthree\n4\n", "gone": None, "bin": b"\0\0", odd: b"y\n", "new": b"n"}, base=base
    )
    found = {
        change.path: (change.old_mode, change.new_mode, change.added, change.deleted)
        for change in sandbox.repository.changes(base, sandbox.tree(new))
    }
    assert found == {
        "edit": ("100644", "100644", 2, 1),
        "gone": ("100644", "000000", 0, 2),
        "bin": ("100644", "100644", -1, -1),
        odd: ("100644", "100644", 1, 1),
        "new": ("000000", "100644", 1, 0),
    }
    assert sandbox.repository.changes(base, base) == []
    assert sandbox.repository.changes("main", sandbox.head) == []


def test_new_lines_are_those_of_the_new_file(sandbox: Sandbox) -> None:
    base = sandbox.commit({"edit": b"1\n2\n3\n4\n5\n6\n", "gone": b"1\n", "cut": b"1\n2\n", "bin": b"\0"})
    files = {"edit": b"0\n1\n2\nthree\n3b\n4\n6\n", "gone": None, "cut": b"1\n", "new": b"n\n", "bin": b"\0\0"}
    new = sandbox.tree(sandbox.commit(files, base=base))
    assert sandbox.repository.added_lines(base, new) == {"edit": ((1, 1), (4, 5)), "cut": (), "new": None, "bin": None}
    assert sandbox.repository.added_lines(base, base) == {}


def test_large_contents_are_left_out_when_asked(sandbox: Sandbox) -> None:
    commit = sandbox.commit({"small": b"1", "large": b"1" * 100})
    ids = {path: oid for _mode, oid, path in sandbox.repository.list_files(commit)}
    wanted = [ids["small"], ids["large"]]
    assert set(sandbox.repository.read_blobs(wanted)) == set(wanted)
    assert sandbox.repository.read_blobs(wanted, max_bytes=99) == {ids["small"]: b"1"}
    assert sandbox.repository.read_blobs([], max_bytes=99) == {}


def test_the_diff_for_readers_is_bounded(sandbox: Sandbox) -> None:
    base = sandbox.commit({"f": b"1\n", "moved": b"".join(b"line %d\n" % n for n in range(30))})
    lines = b"".join(b"added %d\n" % number for number in range(5000))
    new = sandbox.commit(
        {"f": b"1\n" + lines, "moved": None, "to": b"".join(b"line %d\n" % n for n in range(30))}, base=base
    )
    text = sandbox.repository.diff_text(base, new)
    assert "similarity index 100%" in text
    assert "+added 4999" in sandbox.repository.diff_text(base, new, max_bytes=1_000_000)
    short = sandbox.repository.diff_text(base, new, max_bytes=2000)
    assert len(short) < 2200
    assert short.splitlines()[-1].startswith("[… the rest is left out: git diff ")
    latin = sandbox.commit({"f": b"\xe9\n"}, base=base)
    assert "+\ufffd" in sandbox.repository.diff_text(base, latin)


def test_commits_say_who_and_when(sandbox: Sandbox, head: str) -> None:
    sandbox.git("config", "i18n.commitEncoding", "latin-1")
    sandbox.git("config", "commit.gpgSign", "true")
    author = Person(name="Ünï <Cödé>\n", email="u@example.com")
    message = "Sübject\n\nbody\n\nAndon-Task: T1\n"
    commit = sandbox.repository.commit_tree(
        sandbox.tree(), [head], message, author=author, committer=SOMEBODY, at=1_700_000_000.9
    )
    assert sandbox.repository.author_of(commit) == Person(name="Ünï Cödé", email="u@example.com")
    assert sandbox.git("show", "-s", "--format=%cn|%ct|%cd|%P", commit) == (
        f"Some Body|1700000000|Tue Nov 14 22:13:20 2023 +0000|{head}"
    )
    raw = sandbox.git("cat-file", "commit", commit)
    assert raw.endswith(message.strip())
    assert "encoding" not in raw


def test_a_tree_with_files(sandbox: Sandbox) -> None:
    (sandbox.path / "run").write_text("#!/bin/sh\n")
    (sandbox.path / "run").chmod(0o755)
    sandbox.git("add", ".")
    sandbox.git("commit", "-q", "-m", "more")
    tree = sandbox.repository.tree_with(
        "HEAD", {"run": b"new\n", ".andon/workflows/x.md": b"w\r\n", "a.txt/now a directory": b"d"}
    )
    found = {
        path: (mode, sandbox.repository.read_file(tree, path)) for mode, _, path in sandbox.repository.list_files(tree)
    }
    assert found == {
        "run": ("100755", b"new\n"),
        ".andon/workflows/x.md": ("100644", b"w\r\n"),
        "a.txt/now a directory": ("100644", b"d"),
    }
    assert sandbox.git("status", "--porcelain") == ""
    left = sandbox.repository.tree_with(tree, {"run": None, "a.txt/now a directory": None, "not there": None})
    assert [path for _, _, path in sandbox.repository.list_files(left)] == [".andon/workflows/x.md"]


def test_identity(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sandbox.repository.identity() == Person(name="Test", email="test@example.com"), "the variables come first"
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    assert Repository.find(str(sandbox.path)).identity() == Person(name="Pat", email="pat@example.com")
    sandbox.git("config", "--unset", "user.email")
    repository = Repository.find(str(sandbox.path))
    with pytest.raises(AndonError, match=r"user\.name") as caught:
        repository.identity()
    assert (caught.value.kind, caught.value.exit) == ("no_identity", 64)
    assert "git config user.name" in caught.value.next
    assert repository.identity(SOMEBODY) == SOMEBODY
    config = tmp_path / "config"
    config.write_text("[user]\n\tname = Global\n\temail = g@example.com\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    sandbox.git("config", "--unset", "user.name")
    assert repository.identity().name == "Global"


def test_history(sandbox: Sandbox, head: str) -> None:
    one = sandbox.commit({"a.txt": b"1\n"}, base=head)
    two = sandbox.commit({"a.txt": b"2\n"}, base=head)
    repository = sandbox.repository
    assert repository.is_ancestor(head, one)
    assert repository.is_ancestor(head, head)
    assert not repository.is_ancestor(one, two)
    assert repository.merge_base(one, two) == head
    assert repository.tree_of(one) == sandbox.tree(one)
    assert repository.tree_of("main") == sandbox.tree("main")
    with pytest.raises(AndonError):
        repository.is_ancestor("1" * 40, head)


def test_a_shallow_clone_says_what_is_missing(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    for number in range(3):
        sandbox.git("commit", "-q", "--allow-empty", "-m", str(number))
    subprocess.run(["git", "branch", "-q", "old", head], cwd=sandbox.path, check=True)
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "-q", "--depth=1", "--no-single-branch", f"file://{sandbox.path}", str(clone)], check=True
    )
    repository = Repository.find(str(clone))
    assert repository.is_shallow
    assert not sandbox.repository.is_shallow
    tip = repository.branch_head("main")
    assert tip is not None
    new = repository.commit_tree(repository.tree_of(tip), [tip], "x", author=SOMEBODY, committer=SOMEBODY, at=1)
    assert repository.is_ancestor(tip, new)
    assert not repository.is_ancestor(new, tip)
    assert repository.merge(tip, new).clean
    other = repository.commit_tree(
        repository.tree_with(tip, {"x": b"y\n"}), [tip], "y", author=SOMEBODY, committer=SOMEBODY, at=2
    )
    assert repository.merge(other, new).clean
    for ask in (
        lambda: repository.is_ancestor(head, tip),
        lambda: repository.merge_base(head, tip),
        lambda: repository.merge(head, tip),
    ):
        with pytest.raises(AndonError) as caught:
            ask()
        assert (caught.value.kind, caught.value.next) == ("shallow", "git fetch --unshallow")


def test_a_sha256_repository(tmp_path: Path) -> None:
    sandbox = make(tmp_path, "--object-format=sha256")
    head = sandbox.head
    assert len(head) == 64
    repository = sandbox.repository
    repository.add_worktree(str(tmp_path / "w"), head)
    (tmp_path / "w/a.txt").write_text("one\nTWO\nthree\n")
    commit, tree = repository.snapshot(
        str(tmp_path / "w"), base=head, message="m", author=SOMEBODY, under="refs/andon/x", at=1
    )
    assert repository.patch_digest(head, tree).startswith("patch:")
    assert repository.merge(head, commit).tree == tree
    repository.export_tree(tree, str(tmp_path / "out"))
    assert (tmp_path / "out/a.txt").read_text() == "one\nTWO\nthree\n"
    assert repository.move_branch("main", new=commit, expected=head, reason="r")
    (note,) = repository.refresh_checkouts("main", head, commit)
    assert note.updated
    sandbox.git("update-index", "--assume-unchanged", "a.txt")
    (sandbox.path / "a.txt").write_text("hidden\n")
    assert repository.read_file(repository.write_tree(str(sandbox.path), commit), "a.txt") == b"hidden\n"


def test_large_file_storage_is_noticed(sandbox: Sandbox) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"1" * 64 + b"\nsize 12345\n"
    uses = sandbox.repository.uses_lfs
    assert not uses(sandbox.head)
    assert not uses(sandbox.commit({"x": b"not a pointer\n" * 9, ".gitattributes": b"*.x text\n"}))
    assert uses(sandbox.commit({"x": pointer}))
    assert uses(sandbox.commit({"deep/.gitattributes": b"*.psd filter=lfs diff=lfs merge=lfs -text\n"}))


def test_replaced_objects_are_not_followed(sandbox: Sandbox, head: str) -> None:
    oid = sandbox.git("rev-parse", "HEAD:a.txt")
    fake = sandbox.git("hash-object", "-w", "--stdin", stdin="fake\n")
    sandbox.git("replace", oid, fake)
    assert sandbox.git("show", "HEAD:a.txt") == "fake"
    assert sandbox.repository.read_file(head, "a.txt") == b"one\ntwo\nthree\n"


@pytest.mark.parametrize(
    ("quoted", "name"),
    [
        (b"plain", b"plain"),
        (b'"a\\nb"', b"a\nb"),
        (b'"\\"\\\\\\t\\001\\303\\251"', b'"\\\t\x01\xc3\xa9'),
        (b'"', b'"'),
        (b'"\xe9\\r"', b"\xe9\r"),
    ],
)
def test_names_are_read_as_git_quotes_them(quoted: bytes, name: bytes) -> None:
    assert unquote(quoted) == name


class TestDisks:
    """Bubblewrap gives a real read-only and a real full disk, also to root."""

    def run(self, sandbox: Sandbox, code: str, *binds: str) -> subprocess.CompletedProcess[str]:
        import sys

        import andon

        source = str(Path(andon.__file__).parents[1])
        program = (
            "import sys; from andon.core.errors import AndonError; from andon.git.repository import Repository\n"
            "from andon.ports import Person\n"
            f"r = Repository.find({str(sandbox.path)!r}); p = Person(name='a', email='b')\n"
            f"try:\n    {code}\nexcept AndonError as error:\n    print(error.kind, error.exit, error.message, '|', error.next)\n"
        )
        return subprocess.run(
            ["bwrap", "--dev-bind", "/", "/", *binds, sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": source, "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True,
        )  # fmt: skip

    @pytest.mark.parametrize("prepared", [False, True])
    def test_a_read_only_disk(self, sandbox: Sandbox, tmp_path: Path, head: str, prepared: bool) -> None:
        (sandbox.path / "a.txt").write_text("precious\n")
        if prepared:
            sandbox.repository.write_tree(str(sandbox.path), head)
            sandbox.repository.export_tree(sandbox.tree(), str(tmp_path / "out"))
        only = ("--ro-bind", str(sandbox.path), str(sandbox.path))
        for code in (
            f"r.snapshot({str(sandbox.path)!r}, base={head!r}, message='m', author=p, under='refs/andon/x', at=1)",
            f"r.commit_tree({sandbox.tree()!r}, [], 'm', author=p, committer=p, at=1)",
            f"r.move_branch('main', new={sandbox.commit({'x': b'1'}, base=head)!r}, expected={head!r}, reason='r')",
            f"r.set_ref('refs/andon/x', {head!r})",
            f"r.export_tree({sandbox.tree()!r}, {str(tmp_path / 'there')!r})",
        ):
            done = self.run(sandbox, code, *only)
            assert done.stdout.startswith("git_failed 6 "), (code, done.stdout, done.stderr)
            assert "ead-only file system" in done.stdout or "unable to" in done.stdout
        done = self.run(
            sandbox, f"print(r.branch_head('main'), r.read_file('main', 'a.txt'), r.tree_of({head!r}))", *only
        )
        assert done.stdout.split()[0] == head, "reading still works"
        assert (sandbox.path / "a.txt").read_text() == "precious\n"
        assert sandbox.repository.branch_head("main") == head

    def test_a_full_disk(self, sandbox: Sandbox, head: str) -> None:
        """The object directory's temporary files go to a memory disk of 64 KiB."""
        # Git makes an object's file beside its like, and those that begin as HEAD does are not on the full disk.
        blobs = iter(lambda: os.urandom(1_000_000), b"")
        big = next(x for x in blobs if hashlib.sha1(b"blob 1000000\0" + x).hexdigest()[:2] != head[:2])
        (sandbox.path / "big").write_bytes(big)
        objects = str(sandbox.path / ".git/objects")
        code = f"r.snapshot({str(sandbox.path)!r}, base={head!r}, message='m', author=p, under='refs/andon/x', at=1)"
        full = ("--size", "65536", "--tmpfs", objects, "--bind", f"{objects}/{head[:2]}", f"{objects}/{head[:2]}")
        done = self.run(sandbox, code, *full)
        assert done.stdout.startswith("git_failed 6 "), (done.stdout, done.stderr)
        assert "No space left on device" in done.stdout
        assert "make room" in done.stdout
        assert sandbox.repository.refs("refs/andon") == {}
        assert len((sandbox.path / "big").read_bytes()) == 1_000_000
