"""The end of the demo: what landed, who was refused and why, where things stand, what to look at next.

Must not know: how it came about. It prints a `Summary`, and what git and `andon status` say themselves.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from andon.demo import project
from andon.demo.client import COMMAND, environment_of
from andon.demo.ledger import Summary
from andon.demo.screen import Screen

WHY_WIDTH = 110


def show(summary: Summary, screen: Screen, *, kept: bool) -> None:
    """Print everything about a finished demo."""
    screen.section("Landed: one commit per task, written by workers, committed by the lead (git log)")
    template = "--format=%h %an: %s%n        %(trailers:separator=%x20)"
    for line in project.git(
        Path(summary.repository), "log", template, f"-{len(summary.landed) + 2}", "main"
    ).splitlines():
        screen.line(line)
    screen.section("Refused: who tried what, and what Andon answered")
    for one in summary.refused:
        screen.line(f"{one.agent} on {one.task}: {one.tried}")
        screen.line(f"    {one.answer}: {_short(one.why)}", "refused" if one.refused else "let_through")
    screen.section("andon status")
    for line in _status(summary).splitlines():
        screen.line(line)
    screen.section("In short")
    _in_short(summary, screen)
    if kept:
        _next(summary, screen)


def _in_short(summary: Summary, screen: Screen) -> None:
    refused = sum(one.refused for one in summary.refused)
    screen.line(
        f"{len(summary.landed)} tasks landed, {refused} of {len(summary.refused)} tricks refused, "
        f"{summary.conflicts} conflict(s) sent back and solved, in {summary.duration_s:.0f} s "
        f"(set-up {summary.setup_s:.0f} s). Gates ran in isolation: {', '.join(summary.isolation) or 'none'}."
    )
    screen.line(f"Killed with -9 in the middle: its task was taken over by {summary.taken_over or 'nobody'}.")
    screen.line(f"The project's own test-suite on the landed head: {summary.final_tests}")
    if summary.ok:
        screen.line("Reality matched: everything landed, and nothing got past a gate.", "landed")
        return
    screen.line("Reality did NOT match:", "let_through")
    for difference in summary.differences:
        screen.line(f"  - {difference}", "let_through")


def _next(summary: Summary, screen: Screen) -> None:
    screen.section("Look at next")
    hidden = next((one for one in summary.landed if one.key == "issue399"), None)
    run, task = (hidden.run, hidden.task) if hidden else ("R1", "T1")
    for command, why in (
        (f"cd {summary.repository}", ""),
        *_on_path(),
        ("git log -p -1", "a landed commit, with the evidence in its trailers"),
        (f"andon show {task}", "the task that was done with a deleted test first"),
        (f"andon log {run}", "everything that happened to it, as events"),
        ("git show main:.andon/workflows/feature.md", "the workflow that held everybody"),
        ("git for-each-ref refs/andon", "every submission, and what the killed worker left"),
        (f"rm -rf {summary.directory}", "when you have seen enough"),
    ):
        screen.line(f"  {command:<48}{'# ' + why if why else ''}".rstrip())


def _on_path() -> list[tuple[str, str]]:
    """What makes the name `andon` work in the user's shell, where it does not."""
    if shutil.which("andon") is not None:
        return []
    directory = os.path.dirname(os.path.abspath(sys.executable))
    if os.path.exists(os.path.join(directory, "andon")):
        return [(f'export PATH="{directory}:$PATH"', "")]
    return [(f"alias andon='{sys.executable} -m andon'", "")]


def _status(summary: Summary) -> str:
    done = subprocess.run(
        [*COMMAND, "status"],
        check=False,
        cwd=summary.repository,
        env=environment_of(None),
        capture_output=True,
        text=True,
        errors="replace",
    )
    return done.stdout or done.stderr


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 2 * WHY_WIDTH else text[: 2 * WHY_WIDTH - 1] + "…"
