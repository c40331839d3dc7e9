from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from andon.git.repository import Repository
from andon.ports import Person

SOMEBODY = Person(name="Some Body", email="some@example.com")


@dataclass
class Sandbox:
    """A repository and quick ways to make trees and commits in it."""

    path: Path
    repository: Repository

    def git(self, *args: str, cwd: Path | None = None, stdin: str = "") -> str:
        done = subprocess.run(
            ["git", *args], cwd=cwd or self.path, capture_output=True, check=True, input=stdin.encode()
        )
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    @property
    def head(self) -> str:
        """The commit that is checked out in the main worktree."""
        return self.git("rev-parse", "HEAD")

    def tree(self, name: str = "HEAD") -> str:
        return self.git("rev-parse", f"{name}^{{tree}}")

    def commit(self, files: Mapping[str, bytes | None], *parents: str, base: str | None = None) -> str:
        """A commit of the base's files with these changes; None deletes."""
        listed = self.repository.list_files(base) if base else []
        lines = [f"{mode} {oid} 0\t".encode() + os.fsencode(name) for mode, oid, name in listed if name not in files]
        for name, content in files.items():
            if content is not None:
                oid = self.repository.plumbing.text("hash-object", "-w", "--stdin", "--no-filters", stdin=content)
                lines.append(f"100644 {oid} 0\t".encode() + os.fsencode(name))
        index = str(self.path / ".git" / "test-index")
        Path(index).unlink(missing_ok=True)
        plumbing = self.repository.plumbing
        data = b"".join(line + b"\0" for line in lines)
        plumbing.run("update-index", "-z", "--index-info", stdin=data, env={"GIT_INDEX_FILE": index})
        tree = plumbing.text("write-tree", env={"GIT_INDEX_FILE": index})
        given = parents or ((base,) if base else ())
        return self.repository.commit_tree(tree, given, "a commit\n", author=SOMEBODY, committer=SOMEBODY, at=0)


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return make(tmp_path)


@pytest.fixture
def head(sandbox: Sandbox) -> str:
    return sandbox.head


def make(directory: Path, *options: str) -> Sandbox:
    path = directory.resolve() / "repo"
    path.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", *options, str(path)], check=True)
    sandbox = Sandbox(path, Repository.find(str(path)))
    sandbox.git("config", "user.name", "Pat")
    sandbox.git("config", "user.email", "pat@example.com")
    (path / "a.txt").write_text("one\ntwo\nthree\n")
    sandbox.git("add", ".")
    sandbox.git("commit", "-q", "-m", "start")
    return sandbox
