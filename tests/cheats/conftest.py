from __future__ import annotations

import pytest

from tests.cheats.scene import Scene


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scene]:
    """One repository per isolation level, made when first asked for."""
    return _Scenes(tmp_path_factory)


class _Scenes(dict[str, Scene]):
    def __init__(self, directories: pytest.TempPathFactory) -> None:
        super().__init__()
        self._directories = directories

    def __missing__(self, level: str) -> Scene:
        self[level] = Scene(self._directories.mktemp(level), level)
        return self[level]
