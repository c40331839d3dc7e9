"""A landed task, a stranger's clone with the evidence fetched, and hands that tamper with what git carries."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.world import Result, World

FETCH = "+refs/andon/evidence/*:refs/andon/evidence/*"


@dataclass
class Scene:
    world: World
    clone: Path
    key: Path

    @classmethod
    def make(cls, directory: Path, *, waive: str = "", **options: str) -> Scene:
        """waive: a gate of the workflow that a person waives before the landing."""
        world = World.make(directory, **{"isolation": "process", **options})
        scene = cls(world=world, clone=directory / "clone", key=directory / "andon.pem")
        scene.land(waive=waive)
        scene.key.write_text(world.andon("key", "show").out)
        world.git("clone", "-q", str(world.path), str(scene.clone))
        world.git("config", "user.name", "Mal", cwd=scene.clone)
        world.git("config", "user.email", "mal@example.com", cwd=scene.clone)
        scene.fetch()
        return scene

    # ------------------------------------------------------------ the workspace

    def ready(self, text: str = "one\nTWO\nthree\nfour\nfive\n") -> str:
        """One task from its title to the door; its run."""
        self.world.add_task()
        self.world.implement(text=text)
        return str(self.world.review()["run"])

    def land(self, text: str = "one\nTWO\nthree\nfour\nfive\n", *, waive: str = "") -> str:
        """One task from its title to the branch; the landed commit."""
        run = self.ready(text)
        if waive:
            done = self.world.person("waive", run, waive, "--why", "a false alarm")
            assert done.exit == 0, done.out
        self.world.ok("lead")
        return self.world.head()

    def fetch(self) -> None:
        self.world.git("pull", "-q", "--ff-only", cwd=self.clone)
        self.world.git("fetch", "-q", "origin", FETCH, cwd=self.clone)

    # ------------------------------------------------------------ the stranger

    def git(self, *args: str) -> str:
        return self.world.git(*args, cwd=self.clone)

    def verify(self, commits: str = "HEAD", *more: str, key: Path | None = None) -> Result:
        return self.world.andon("verify", commits, "--key", str(key or self.key), *more, "--json", cwd=self.clone)

    def refused(self, commits: str = "HEAD", *more: str) -> str:
        """Verification says no; every named part with its message, a line each."""
        result = self.verify(commits, *more)
        assert result.exit == 1, (result.exit, result.out, result.err)
        assert result.json["ok"] is False
        return named(result.json)

    # ------------------------------------------------------------ what git carries

    @property
    def ref(self) -> str:
        (name,) = self.git("for-each-ref", "--format=%(refname)", "refs/andon/evidence").split()
        return name

    def files(self) -> dict[str, bytes]:
        names = self.git("ls-tree", "-r", "--name-only", self.ref).split("\n")
        return {name: self.read(name) for name in names}

    def read(self, name: str) -> bytes:
        return self.raw("cat-file", "blob", f"{self.ref}:{name}")

    def raw(self, *args: str) -> bytes:
        """What git prints, to the byte."""
        return subprocess.run(
            ["git", *args], cwd=self.clone, env=self.world.environment, capture_output=True, check=True
        ).stdout

    def only(self, ending: str) -> str:
        (name,) = [name for name in self.files() if name.endswith(ending)]
        return name

    def write(self, name: str, content: bytes | None) -> None:
        """Put other content (None: nothing) on the evidence reference, as anybody who may push it could."""
        index = {"GIT_INDEX_FILE": str(self.clone / ".git" / "tamper")}
        self.world.git("read-tree", self.ref, cwd=self.clone, **index)
        if content is None:
            self.world.git("update-index", "--force-remove", name, cwd=self.clone, **index)
        else:
            path = self.clone / ".git" / "tampered"
            path.write_bytes(content)
            oid = self.git("hash-object", "-w", "--no-filters", str(path))
            self.world.git("update-index", "--add", "--cacheinfo", f"100644,{oid},{name}", cwd=self.clone, **index)
        tree = self.world.git("write-tree", cwd=self.clone, **index)
        commit = self.git("commit-tree", tree, "-p", self.ref, "-m", "tampered")
        self.git("update-ref", self.ref, commit)

    def recommit(self, change: Callable[[bytes], bytes], commit: str = "HEAD") -> str:
        """The commit object again with its content changed: another commit, of no branch."""
        path = self.clone / ".git" / "commit"
        path.write_bytes(change(self.raw("cat-file", "commit", commit)))
        return self.git("hash-object", "-t", "commit", "-w", "--literally", str(path))


def named(body: dict[str, Any]) -> str:
    problems = [*body["problems"], *(problem for item in body["commits"] for problem in item["problems"])]
    assert problems
    return "\n".join(f"{problem['part']}: {problem['message']}" for problem in problems)


def payload(envelope: bytes) -> dict[str, Any]:
    value = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    assert isinstance(value, dict)
    return value


def pae(envelope: dict[str, Any]) -> bytes:
    """The specification's own words, written anew: "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body."""
    kind = envelope["payloadType"].encode()
    body = base64.b64decode(envelope["payload"])
    return b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(body)).encode(), body])
