"""The documentation's own checks find what they look for, and find nothing in this repository."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def checks() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "check_docs.py"), run_name="check_docs")


def test_this_repository_has_no_problem() -> None:
    done = subprocess.run([sys.executable, "scripts/check_docs.py"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_links_to_nowhere_are_found(checks: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# One\n\n## What `it` is, and is not\n\n## One\n\n```sh\n# no heading\n```\n")
    document = tmp_path / "document.md"
    good = (
        "[a](other.md) [b](other.md#one) [c](other.md#one-1) [d](other.md#what-it-is-and-is-not) [e](#top) [f](x://y)"
    )
    document.write_text(f"# Top\n{good} `[g](code.md)`\n\n```\n[h](fence.md)\n```\n")
    assert checks["links"](document) == []
    document.write_text("# Top\n[a](gone.md)\n[b](other.md#gone)\n[c](#gone)\n[d](other.md#no-heading)\n")
    problems = checks["links"](document)
    assert len(problems) == 4
    assert "gone.md leads nowhere" in problems[0]
    assert "other.md#gone" in problems[1]


@pytest.mark.parametrize("parts", [("/work/", "main/src"), ("/root/", ".cache"), ("https://pypi", ".org/simple")])
def test_machine_paths_and_registry_hosts_are_found(
    checks: dict[str, Any], tmp_path: Path, parts: tuple[str, ...]
) -> None:
    file = tmp_path / "file.txt"
    file.write_text("fine\n" + "".join(parts) + "\n")
    assert checks["addresses"](file) == [f"{file}:2: a machine path or registry host"]
