"""Doing a task for real in a working directory: run the tools, write the failing test, make the change, run the
tests.

Rules: every tool runs as a module of the Python that runs the demo, so that workers and gates use the same pinned
ones; no byte code and no caches are left in the tree. Must not know: Andon, leases, gates.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from msgspec import Struct

from andon.core.errors import AndonError
from andon.demo import edits
from andon.demo.tasks import Work

TOOL_TIMEOUT_S = 120
TOOLS = ("pytest", "pyupgrade", "ruff")


class Ran(Struct, frozen=True, kw_only=True):
    """A finished tool: its exit code and the last lines that it printed."""

    exit_code: int
    tail: str


def tool(root: Path, *command: str, tail_lines: int | None = 12) -> Ran:
    """Run a module of this Python in `root` on `root`'s own code. tail_lines: of the output to keep (None: all)."""
    # In CI pytest prints whole differences, and its summary would not be at the end.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ""}
    environment.pop("CI", None)
    done = subprocess.run(
        [sys.executable, "-m", *command],
        check=False,
        cwd=root,
        env=environment,
        timeout=TOOL_TIMEOUT_S,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    lines = done.stdout.splitlines()
    return Ran(exit_code=done.returncode, tail="\n".join(lines if tail_lines is None else lines[-tail_lines:]))


def run_tests(root: Path, *selection: str) -> Ran:
    """Run the project's tests, all of them or a selection."""
    return tool(root, "pytest", "-q", "-p", "no:cacheprovider", "--no-header", *(selection or ("tests",)))


def test_ids(root: Path) -> set[str]:
    """The ids of all of the project's tests."""
    ran = tool(root, "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests", tail_lines=None)
    return {line for line in ran.tail.splitlines() if "::" in line}


def last_line(text: str) -> str:
    """The last line of a tool's output that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def write_tests(work: Work, root: Path) -> str:
    """Write the tests that show the bug, and see them fail. Returns pytest's last line."""
    for edit in work.tests:
        edits.apply(edit, root)
    ran = run_tests(root, *work.proof)
    if ran.exit_code != 1:
        raise AndonError(f"the new test of {work.key} should fail before the fix: {ran.tail}", kind="demo_work")
    return last_line(ran.tail)


def make_change(work: Work, root: Path, *, logged: bool = True) -> None:
    """Make the change: tools, prepared edits and, unless `logged` is False, the entry in the change log."""
    for command in work.commands:
        ran = tool(root, *command)
        if ran.exit_code != 0:
            raise AndonError(f"{command[0]} failed on {work.key}: {ran.tail}", kind="demo_work")
    for edit in work.changes:
        edits.apply(edit, root)
    if work.entry and logged:
        edits.log_change(work.entry, root)


def is_clean(work: Work, root: Path) -> str:
    """Run the tool that must find nothing any more. Returns what it found, "" when nothing."""
    if not work.clean:
        return ""
    ran = tool(root, *work.clean)
    return "" if ran.exit_code == 0 else ran.tail or f"exit code {ran.exit_code}"


def missing_tools() -> list[str]:
    """The tools that the demo needs and this Python does not have."""
    from importlib.util import find_spec

    return [name for name in TOOLS if find_spec(name) is None]
