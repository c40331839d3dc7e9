"""The published release that the demo works on, fetched once into the repository's cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from andon.demo import craft, project

CACHE = Path(__file__).resolve().parents[2] / ".cache"


@pytest.fixture(scope="session")
def release() -> Path:
    """The pinned source distribution. A machine without it and without the registry fails here, with the reason."""
    missing = craft.missing_tools()
    assert not missing, f"the demo needs {', '.join(missing)}: pip install {' '.join(missing)}"
    return project.fetch(CACHE)


@pytest.fixture
def checkout(release: Path, tmp_path: Path) -> Path:
    """A fresh repository of the release."""
    directory = tmp_path / "sqlparse"
    project.make_repository(release, directory)
    return directory
