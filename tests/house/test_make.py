"""What `make` and the build make: every target is explained, the environment starts lean, the wheel is whole."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import andon

ROOT = Path(__file__).parents[2]
HEAVY = ("setuptools", "_distutils_hack", "_virtualenv", "coverage", "re", "typing", "importlib.util", "pathlib")
"""Modules that an environment's own path files may pull into every start of the interpreter."""


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_help_explains_every_target() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE).group(1).split())
    targets = set(re.findall(r"^([a-z]+):", text, re.MULTILINE))
    assert targets == phony
    assert {line.split()[0] for line in run("make", "--no-print-directory", "help").splitlines()} == phony


def test_ci_runs_checks_and_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text(encoding="utf-8").splitlines()[-1] == "make check test"


def test_the_environment_starts_lean() -> None:
    loaded = run(sys.executable, "-c", "import sys; print(*sys.modules)").split()
    heavy = sorted(set(HEAVY) & set(loaded))
    assert heavy == [], f"each start of {sys.executable} imports {heavy}; make an environment with `make setup`"


def test_the_wheel_holds_all_of_the_package(tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == f"andon-{andon.__version__}-py3-none-any.whl"
    held = zipfile.ZipFile(wheel)
    names = set(held.namelist())
    listed = run("git", "ls-files", "-z", "src/andon").split("\0")
    assert {name.removeprefix("src/") for name in listed if name and (ROOT / name).exists()} <= names
    entry_points = next(name for name in names if name.endswith("entry_points.txt"))
    assert "andon = andon.cli:main" in held.read(entry_points).decode()
    assert any(name.endswith("licenses/LICENSE") for name in names)
