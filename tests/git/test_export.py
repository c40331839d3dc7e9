"""What gates see: the exact content of a tree."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from andon.core.errors import AndonError
from andon.git.repository import Repository
from tests.git.conftest import SOMEBODY, Sandbox

FILES: Mapping[str, bytes] = {
    ".gitattributes": b"* text eol=crlf ident\n*.f filter=evil\n*.x export-ignore export-subst\n"
    b"*.u working-tree-encoding=UTF-16\n[attr]odd text eol=crlf filter=evil ident\n*.o odd\n*.c crlf=input\n",
    "sub/.gitattributes": b"* text=auto eol=crlf\n",
    "sub/deep.txt": b"a\nb\n",
    "lf.txt": b"a\nb\n",
    "crlf.txt": b"a\r\nb\n",
    "ident.txt": b"$Id$\n$Id: 123 $\n",
    "evil.f": b"content\n",
    "left.x": b"$Format:%H$\n",
    "wide.u": b"text\n",
    "macro.o": b"$Id$\n",
    "old.c": b"a\r\nb\r\n",
    "latin-\udce9": b"\xe9\0\n",
    "new\nline": b"x",
    "em pty": b"",
}


def exported(directory: Path) -> dict[str, bytes]:
    found = {}
    for place, _names, files in os.walk(directory):
        for name in files:
            path = os.path.join(place, name)
            found[os.path.relpath(path, directory)] = Path(path).read_bytes()
    return found


def hostile(sandbox: Sandbox, tmp_path: Path) -> None:
    """Settings and attributes that each would change what a checkout writes."""
    for key, value in {
        "core.autocrlf": "true",
        "core.eol": "crlf",
        "core.symlinks": "false",
        "core.fileMode": "false",
        "core.sparseCheckout": "true",
        "filter.evil.smudge": f"touch {tmp_path}/ran; tr a-z A-Z",
        "filter.evil.process": f"touch {tmp_path}/ran",
        "filter.evil.required": "true",
        "core.hooksPath": str(tmp_path / "hooks"),
        "core.attributesFile": str(tmp_path / "attributes"),
        "core.worktree": "/",
    }.items():
        sandbox.git("config", key, value)
    (tmp_path / "attributes").write_text("* text eol=crlf\n")
    (sandbox.path / ".git/info/attributes").write_text("* text eol=crlf filter=evil\n")
    (sandbox.path / ".git/info/sparse-checkout").write_text("nothing\n")
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks/post-checkout").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (tmp_path / "hooks/post-checkout").chmod(0o755)


def test_bytes_are_exact_whatever_is_configured(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = sandbox.commit(FILES)
    tree = sandbox.tree(commit)
    hostile(sandbox, tmp_path)
    # The caller's directory has attributes of its own.
    (tmp_path / "cwd").mkdir()
    (tmp_path / "cwd/.gitattributes").write_text("* text eol=crlf\n")
    monkeypatch.chdir(tmp_path / "cwd")
    sandbox.repository.export_tree(tree, str(tmp_path / "out"))
    assert exported(tmp_path / "out") == FILES
    sandbox.repository.export_tree(tree, str(tmp_path / "some"), only=["*.txt", "sub/**", "!crlf.txt"])
    assert exported(tmp_path / "some") == {
        name: FILES[name] for name in ("sub/.gitattributes", "sub/deep.txt", "lf.txt", "ident.txt")
    }
    sandbox.repository.export_tree(tree, str(tmp_path / "none"), only=["nothing/**"])
    assert os.listdir(tmp_path / "none") == []
    assert not (tmp_path / "ran").exists()


def test_modes_links_and_submodules(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    oid = sandbox.git("rev-parse", "HEAD:a.txt")
    link = sandbox.git("hash-object", "-w", "--stdin", stdin="a.txt")
    tree = sandbox.git("mktree", stdin=f"100755 blob {oid}\trun\n120000 blob {link}\tlink\n160000 commit {head}\tsub\n")
    for destination, only in ((tmp_path / "all", ()), (tmp_path / "some", ("*",))):
        sandbox.repository.export_tree(tree, str(destination), only=only)
        assert os.readlink(destination / "link") == "a.txt"
        assert os.access(destination / "run", os.X_OK)
        assert os.listdir(destination / "sub") == []


def test_it_leaves_the_repository_as_it_was(sandbox: Sandbox, tmp_path: Path) -> None:
    index = (sandbox.path / ".git/index").read_bytes()
    sandbox.repository.export_tree(sandbox.tree(), str(tmp_path / "out"))
    assert (sandbox.path / ".git/index").read_bytes() == index
    assert sandbox.git("status", "--porcelain") == ""
    assert os.listdir(sandbox.path / ".git/andon/tmp") == []
    assert not (tmp_path / "out/.git").exists()


def test_only_into_an_empty_directory(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/report.xml").write_text("stale")
    with pytest.raises(AndonError, match="not empty"):
        sandbox.repository.export_tree(sandbox.tree(), str(tmp_path / "out"))
    assert os.listdir(tmp_path / "out") == ["report.xml"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(AndonError, match="can't be written"):
        sandbox.repository.export_tree(sandbox.tree(), str(tmp_path / "file"))


def test_with_borrowed_objects_and_of_a_relative_place(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--shared", str(sandbox.path), str(clone)], check=True)
    repository = Repository.find(str(clone))
    monkeypatch.chdir(tmp_path)
    repository.export_tree(sandbox.tree(), "out")
    assert exported(tmp_path / "out") == {"a.txt": b"one\ntwo\nthree\n"}
    base = repository.commit_tree(sandbox.tree(), [sandbox.head], "x", author=SOMEBODY, committer=SOMEBODY, at=1)
    assert repository.merge(sandbox.head, base).clean


def test_the_private_directory_is_put_right(sandbox: Sandbox, tmp_path: Path) -> None:
    """An edited or half-written private directory has no influence on a later command."""
    commit = sandbox.commit(FILES)
    sandbox.repository.export_tree(sandbox.tree(commit), str(tmp_path / "one"))
    private = sandbox.path / ".git/andon/plumbing.git"
    (private / "config").write_text("[core]\n\tbare = true\n\tautocrlf = true\n")
    (private / "info/attributes").unlink()
    Repository.find(str(sandbox.path)).export_tree(sandbox.tree(commit), str(tmp_path / "two"))
    assert exported(tmp_path / "two") == FILES


def test_many_at_once(sandbox: Sandbox, tmp_path: Path) -> None:
    tree = sandbox.tree()
    code = (
        "import sys; from andon.git.repository import Repository; "
        "Repository.find(sys.argv[1]).export_tree(sys.argv[2], sys.argv[3])"
    )
    source = str(Path(__file__).parents[2] / "src")
    import sys

    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(sandbox.path), tree, str(tmp_path / f"out{number}")],
            env={**os.environ, "PYTHONPATH": source},
        )
        for number in range(4)
    ]
    assert [process.wait() for process in running] == [0] * 4
    for number in range(4):
        assert exported(tmp_path / f"out{number}") == {"a.txt": b"one\ntwo\nthree\n"}


def test_a_damaged_object_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    oid = sandbox.git("rev-parse", "HEAD:a.txt")
    path = sandbox.path / ".git/objects" / oid[:2] / oid[2:]
    path.chmod(0o644)
    path.unlink()
    with pytest.raises(AndonError) as caught:
        sandbox.repository.export_tree(sandbox.tree(), str(tmp_path / "out"))
    assert "git fsck" in caught.value.next
    assert oid in caught.value.message
    with pytest.raises(AndonError, match="missing or damaged"):
        sandbox.repository.read_file("HEAD", "a.txt")
    assert sandbox.repository.read_file("HEAD", "b.txt") is None
