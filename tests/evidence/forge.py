"""A forger who holds the workspace's private key: new, well-signed evidence that says something else.

The signature can't tell such evidence from true one; the bindings have to.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from andon.evidence import dsse, entry
from tests.evidence.scene import Scene, payload

Change = Callable[[list[dict[str, Any]], dict[str, Any]], object]
"""(verdict statements, summary statement): changed in place."""


class Forger:
    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        (path,) = (scene.world.path / ".git" / "andon" / "keys").glob("*.pem")
        self.use(path.read_bytes(), f"sha256:{path.stem}")

    def use(self, pem: bytes, keyid: str) -> None:
        key = load_pem_private_key(pem, password=None)
        assert isinstance(key, Ed25519PrivateKey)
        self.key, self.keyid = key, keyid

    def sign(self, statement: dict[str, Any]) -> bytes:
        return dsse.sign(dsse.canonical(statement), dsse.STATEMENT, self.key, self.keyid)

    def forge(self, change: Change, *, workflow: Callable[[dict[str, Any]], object] | None = None) -> str:
        """A commit like the clone's HEAD whose evidence is consistent but for `change`; it becomes HEAD."""
        scene = self.scene
        mark = re.search(r"Andon-Evidence: (\S+)", scene.git("log", "-1", "--format=%B"))
        assert mark is not None
        verdicts = [payload(line) for line in scene.read(entry.verdicts_path(mark[1])).splitlines()]
        summary = payload(scene.read(entry.summary_path(mark[1])))
        before = copy.deepcopy(summary)
        if workflow is not None:
            self._pin(workflow, verdicts, summary)
        change(verdicts, summary)
        lines = [self.sign(statement) for statement in verdicts]
        content = entry.join(lines)
        digest = entry.digest_of(content)
        commit = scene.recommit(lambda data: data.replace(mark[1].encode(), digest.encode()))
        scene.git("update-ref", "HEAD", commit)
        predicate = summary["predicate"]
        for section, value in (("subject", self._subjects(commit, summary["subject"])),):
            if summary[section] == before[section]:
                summary[section] = value
        predicate["andon_landing"]["evidence"] = digest
        predicate["inputAttestations"] = [
            {"uri": f"verdict:{x['predicate']['andon_verdict']['gate']}", "digest": {"sha256": _sha256(line)}}
            for x, line in zip(verdicts, lines, strict=True)
        ]
        scene.write(entry.verdicts_path(digest), content)
        scene.write(entry.summary_path(digest), self.sign(summary))
        return commit

    def _subjects(self, commit: str, subjects: list[dict[str, Any]]) -> list[dict[str, Any]]:
        content = self.scene.raw("cat-file", "commit", commit)
        named = {"name": "commit", "digest": {"gitCommit": commit, "sha256": _sha256(content)}}
        tree = self.scene.git("rev-parse", f"{commit}^{{tree}}")
        return [named, {"name": "tree", "digest": {"gitTree": tree}}, *subjects[2:]]

    def _pin(
        self, change: Callable[[dict[str, Any]], object], verdicts: list[dict[str, Any]], summary: dict[str, Any]
    ) -> None:
        """Another workflow in the place of the pinned one."""
        landing = summary["predicate"]["andon_landing"]
        value = json.loads(self.scene.read(entry.workflow_path(landing["workflow"])))
        change(value)
        content = dsse.canonical(value)
        landing["workflow"] = entry.digest_of(content)
        summary["predicate"]["policy"]["digest"]["sha256"] = _sha256(content)
        self.scene.write(entry.workflow_path(landing["workflow"]), content)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def keep_private(scene: Scene) -> tuple[bytes, str]:
    """A thief's copy of the private key."""
    (path,) = (scene.world.path / ".git" / "andon" / "keys").glob("*.pem")
    assert isinstance(path, Path)
    return path.read_bytes(), f"sha256:{path.stem}"
