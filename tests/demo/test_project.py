"""The real input: pinned by hash, made into a clean repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from andon.core.errors import AndonError
from andon.demo import project


def test_repository_holds_the_release_and_nothing_generated(checkout: Path) -> None:
    names = project.git(checkout, "ls-files").splitlines()
    assert {"setup.cfg", "sqlparse/lexer.py", "tests/test_parse.py", "LICENSE", ".gitignore"} <= set(names)
    assert not [name for name in names if "egg-info" in name or name == "PKG-INFO"]
    assert project.git(checkout, "status", "--porcelain") == ""
    assert project.git(checkout, "log", "--format=%s %ad", "--date=short") == "sqlparse 0.4.1, as published 2020-10-08"
    assert project.git(checkout, "branch", "--show-current") == "main"


def test_same_release_gives_the_same_commit(release: Path, tmp_path: Path) -> None:
    first = project.make_repository(release, tmp_path / "one")
    assert first == project.make_repository(release, tmp_path / "two")


def test_file_with_another_hash_is_refused(release: Path, tmp_path: Path) -> None:
    (tmp_path / project.RELEASE.file_name).write_bytes(release.read_bytes() + b" ")
    with pytest.raises(AndonError) as caught:
        project.fetch(tmp_path)
    assert caught.value.kind == "demo_input"
    assert project.RELEASE.sha256 in caught.value.message
    assert "delete" in caught.value.next


def test_cached_file_needs_no_fetching(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "_download", lambda *_: pytest.fail("fetched again"))
    assert project.fetch(release.parent) == release


def test_failing_git_names_the_command(checkout: Path) -> None:
    with pytest.raises(AndonError, match="rev-parse nowhere"):
        project.git(checkout, "rev-parse", "nowhere")
