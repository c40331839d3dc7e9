from __future__ import annotations

from pathlib import Path

import pytest

from tests.evidence.scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A workspace in which one task has landed, and a clone that has nothing but what git carries."""
    return Scene.make(tmp_path)
