"""A flipped byte anywhere is found and named: evidence, key ring, workflow, commit, public key.

Every byte is flipped in turn (one bit, another one at each place), and the whole verification is carried out over it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from andon.app.verify import verify
from andon.core.errors import EXIT_USAGE, AndonError
from andon.git.repository import Repository
from tests.evidence.scene import Scene, named


class Tampered:
    """The clone's repository as one flipped byte would have it. What git would have to be asked again is remembered."""

    def __init__(self, path: Path) -> None:
        self.real = Repository.find(str(path))
        self.commit = self.real.commits_of("HEAD", limit=1)[0]
        self.content = self.real.commit_contents([self.commit])[self.commit]
        (self.ref,) = self.real.refs("refs/andon/evidence")
        self.files: dict[str, bytes] = {}
        for _mode, _oid, name in self.real.list_files(self.ref):
            content = self.real.read_file(self.ref, name)
            assert content is not None
            self.files[name] = content
        self._patches: dict[tuple[str, str], str] = {}

    def refs(self, prefix: str) -> dict[str, str]:
        return {self.ref: "0" * 40}

    def read_file(self, treeish: str, path: str) -> bytes | None:
        return self.files.get(path)

    def list_files(self, treeish: str, under: str = "") -> list[tuple[str, str, str]]:
        return [("100644", "0" * 40, path) for path in self.files if path.startswith(f"{under}/")]

    def commits_of(self, text: str, *, limit: int) -> list[str]:
        return [self.commit]

    def commit_contents(self, commits: Sequence[str]) -> Mapping[str, bytes]:
        return {self.commit: self.content}

    def patch_digest(self, base: str, tree: str) -> str:
        if (base, tree) not in self._patches:
            self._patches[base, tree] = self.real.patch_digest(base, tree)
        return self._patches[base, tree]

    def lineage(self, commit: str, *, limit: int) -> list[str]:
        return []


def flips(data: bytes) -> Iterator[tuple[int, bytes]]:
    for at in range(len(data)):
        yield at, data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :]


def problems(git: Any, key: Path) -> str:
    """What verification names, "" when it says yes."""
    reply = verify(git, "/nonexistent", {"commits": "HEAD", "keys": [str(key)]})
    assert reply.exit == (0 if reply.body["ok"] else 1)
    return "" if reply.body["ok"] else named(reply.body)


@pytest.fixture
def git(scene: Scene) -> Tampered:
    tampered = Tampered(scene.clone)
    assert problems(tampered, scene.key) == ""
    return tampered


def test_every_byte_of_the_stored_evidence(scene: Scene, git: Tampered) -> None:
    count = 0
    for name, content in list(git.files.items()):
        for at, flipped in flips(content):
            git.files[name] = flipped
            said = problems(git, scene.key)
            assert name in said, (name, at, said)
            if name.endswith("verdicts.jsonl") and flipped.count(b"\n") == content.count(b"\n") and at % 7 == 0:
                line = content[:at].count(b"\n") + 1
                assert f"line {line}" in said, (at, said)
            count += 1
        git.files[name] = content
    assert count > 10_000
    assert problems(git, scene.key) == ""


def test_every_byte_of_the_commit_and_its_trailers(scene: Scene, git: Tampered) -> None:
    good = git.content
    trailers = good.index(b"Andon-Task:")
    for at, flipped in flips(good):
        git.content = flipped
        git.commit = hashlib.sha1(b"commit %d\0" % len(flipped) + flipped).hexdigest()
        said = problems(git, scene.key)
        assert said, at
        if at >= trailers:
            assert any(word in said for word in ("trailer", "commit", "subject")), (at, said)


def test_every_byte_of_the_public_key(scene: Scene, git: Tampered, tmp_path: Path) -> None:
    good = scene.key.read_bytes()
    path = tmp_path / "flipped.pem"
    for at, flipped in flips(good):
        path.write_bytes(flipped)
        try:
            said = problems(git, path)
        except AndonError as error:
            assert error.exit == EXIT_USAGE
            assert str(path) in error.message
        else:
            assert "key sha256:" in said, (at, said)


@pytest.mark.parametrize("cut", [0, 1, 100])
def test_evidence_that_is_cut_off(scene: Scene, git: Tampered, cut: int) -> None:
    for name, content in list(git.files.items()):
        git.files[name] = content[:cut]
        assert name in problems(git, scene.key)
        del git.files[name]
        assert name in problems(git, scene.key)
        git.files[name] = content
