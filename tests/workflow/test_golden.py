"""Workflow files and what they mean: the compiled JSON, or the problems, kept beside each file.

`ANDON_GOLDEN=write pytest tests/workflow/test_golden.py` writes them anew; read the difference before committing it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from andon import workflow

# Read here: the tests' own environment holds no ANDON_ variables.
WRITE = os.environ.get("ANDON_GOLDEN") == "write"
GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.md"))


def expected(path: Path, found: str) -> str:
    if WRITE:
        path.write_text(found, encoding="utf-8")
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_problems(path: Path) -> None:
    parsed = workflow.parse(path.read_text(encoding="utf-8"), path.name)
    found = "".join(problem.text() + "\n" for problem in workflow.lint(parsed))
    assert found == expected(path.with_suffix(".problems"), found)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_compiled(path: Path) -> None:
    parsed = workflow.parse(path.read_text(encoding="utf-8"), path.name)
    if parsed.workflow is None:
        assert workflow.errors(parsed.problems)
        assert not path.with_suffix(".json").exists()
        return
    found = json.dumps(json.loads(parsed.workflow.canonical()), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert found == expected(path.with_suffix(".json"), found)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_line_ends_change_nothing(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    unix = workflow.parse(text, path.name)
    windows = workflow.parse("\ufeff" + text.replace("\n", "\r\n"), path.name)
    assert workflow.lint(windows) == workflow.lint(unix)
    assert windows.positions == unix.positions
    assert windows.diagram == unix.diagram
    if unix.workflow is not None and windows.workflow is not None:
        assert windows.workflow.digest() == unix.workflow.digest()
