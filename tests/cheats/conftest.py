from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cheats.scene import Scene, plain


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scene]:
    """One repository per isolation level, made when first asked for."""
    return _Scenes(tmp_path_factory)


@pytest.fixture(scope="session")
def plain_scenes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scene]:
    """The same, under the judge in shell."""
    return _Scenes(tmp_path_factory, plain)


class _Scenes(dict[str, Scene]):
    def __init__(self, directories: pytest.TempPathFactory, make: Callable[[Path, str], Scene] = Scene) -> None:
        super().__init__()
        self._directories = directories
        self._make = make

    def __missing__(self, level: str) -> Scene:
        self[level] = self._make(self._directories.mktemp(level), level)
        return self[level]
