"""Codex CLI passes over hooks that nobody has trusted. Should it ever tell, or run them all the same, these tests say so.

With that trust, and in its sandbox, it is tried in `test_hooks_real.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.harness import Scene, Session
from tests.clients.manners import CODEX, Manner

pytestmark = pytest.mark.clients("codex")


def silent(scene: Scene) -> Session:
    session = CODEX.play(scene, "pleaser", cwd=scene.worktree())
    assert (session.exit, session.said) == (0, 1), session.tell()
    assert scene.fired() == set(), session.tell()
    scene.held(session)
    return session


def test_an_untrusted_project(manner: Manner, tmp_path: Path) -> None:
    scene = Scene.hooked(tmp_path, manner.client)
    assert "Untrusted project-local configuration is disabled" in silent(scene).err


def test_hooks_that_nobody_trusted_in_a_trusted_project(manner: Manner, tmp_path: Path) -> None:
    scene = manner.scene(tmp_path)
    config = scene.home / ".codex" / "config.toml"
    config.write_text(config.read_text().partition("[hooks.state")[0])
    assert "hook" not in silent(scene).err


def test_a_worktree_without_the_directory(manner: Manner, tmp_path: Path) -> None:
    scene = manner.scene(tmp_path)
    scene.world.git("rm", "-rq", "--cached", ".codex")
    scene.world.git("commit", "-qm", "not for worktrees")
    scene.head = scene.world.head()
    silent(scene)
