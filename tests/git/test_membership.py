"""What a repository's configuration says of its workspace."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from andon.core.errors import AndonError
from andon.git import membership
from andon.git.repository import Repository


@pytest.fixture
def common_dir(tmp_path: Path) -> str:
    subprocess.run(["git", "init", "-q", str(tmp_path / "r")], check=True)
    return str(tmp_path / "r/.git")


def test_it_is_written_read_and_cleared(common_dir: str) -> None:
    assert membership.read(common_dir) is None
    assert not Repository.find(os.path.dirname(common_dir)).may_be_in_workspace
    membership.write(common_dir, '/a "quoted" place/ü', "api")
    assert membership.read(common_dir) == ('/a "quoted" place/ü', "api")
    assert Repository.find(os.path.dirname(common_dir)).may_be_in_workspace
    membership.write(common_dir, "/b", "web")
    assert membership.read(common_dir) == ("/b", "web")
    membership.clear(common_dir)
    assert membership.read(common_dir) is None
    membership.clear(common_dir)


def test_only_its_own_configuration_counts(common_dir: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "global").write_text("[andon]\n\tworkspace = /elsewhere\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "global"))
    assert membership.read(common_dir) is None
    with open(os.path.join(common_dir, "config"), "a", encoding="utf-8") as file:
        file.write("[other]\n\tworkspace = x\n")
    assert membership.read(common_dir) is None


def test_what_can_not_be_written_is_said(common_dir: str, tmp_path: Path) -> None:
    os.mkdir(os.path.join(common_dir, "config.lock"))
    with pytest.raises(AndonError) as raised:
        membership.write(common_dir, "/a", "api")
    assert raised.value.kind == "git_failed"
    os.rmdir(os.path.join(common_dir, "config.lock"))
    membership.write(common_dir, "/a", "api")
    os.mkdir(os.path.join(common_dir, "config.lock"))
    with pytest.raises(AndonError):
        membership.clear(common_dir)


def test_a_removal_that_was_killed_in_the_middle_is_finished(common_dir: str) -> None:
    membership.write(common_dir, "/a", "api")
    assert not membership.unfinished(common_dir)
    script = "import os\nfrom andon.git import membership as m\nown = m._git\n"
    script += "def once(place, *args, **more):\n    own(place, *args, **more)\n    os.kill(os.getpid(), 9)\n"
    script += f"m._git = once\nm.clear({common_dir!r})\n"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True).returncode == -9
    Path(common_dir, "config.lock").touch()
    assert membership.unfinished(common_dir) and membership.read(common_dir) is None
    assert "repository" in Path(common_dir, "config").read_text()
    membership.clear(common_dir)
    assert not membership.unfinished(common_dir)
    assert "andon" not in Path(common_dir, "config").read_text()
    assert not Path(common_dir, "config.lock").exists()
