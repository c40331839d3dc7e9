"""The import contracts notice what they forbid: a copy of the package with forbidden imports in it breaks each of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = {
    contract["name"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}
PLANTED = {
    "andon.core -> andon.ports": "core",
    "andon.core -> sqlite3": "core",
    "andon.workflow -> subprocess": "workflow",
    "andon.store -> andon.engine": "store",
    "andon.git -> andon.gates": "git",
    "andon.engine -> andon.store": "engine",
    "andon.app -> andon.cli": "app",
}


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    return subprocess.run([*command, "--no-cache"], cwd=root, env=environment, capture_output=True, text=True)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package's own contracts over a package of the same parts that hold nothing yet."""
    for part in (ROOT / "src" / "andon").iterdir():
        target = tmp_path / "src" / "andon" / part.name
        if (part / "__init__.py").exists():
            target.mkdir(parents=True)
            (target / "__init__.py").touch()
        elif part.suffix == ".py":
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_empty_parts_keep_every_contract(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in CONTRACTS:
        assert f"{name} KEPT" in " ".join(done.stdout.split())


@pytest.mark.parametrize("planted", PLANTED)
def test_a_forbidden_import_is_found(copy: Path, planted: str) -> None:
    importer, imported = planted.split(" -> ")
    (copy / "src" / "andon" / PLANTED[planted] / "__init__.py").write_text(f"import {imported}\n")
    done = lint(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    assert importer in done.stdout
    assert imported in done.stdout
    assert "BROKEN" in done.stdout


def test_a_new_part_must_say_where_it_belongs(copy: Path) -> None:
    (copy / "src" / "andon" / "surprise").mkdir()
    (copy / "src" / "andon" / "surprise" / "__init__.py").touch()
    done = lint(copy)
    assert done.returncode == 1
    assert "surprise" in done.stdout
