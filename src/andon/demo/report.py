"""The end of the demo: what landed, who was refused and why, where things stand, what to look at next.

Must not know: how it came about. It prints a `Summary`, and what git and `andon status` say themselves.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from andon.demo import project, stage
from andon.demo.ledger import Summary
from andon.demo.screen import Screen
from andon.demo.swarm.facts import SwarmSummary, shortened

WHY_WIDTH = 110


def show(summary: Summary, screen: Screen, *, kept: bool) -> None:
    """Print everything about a finished demo."""
    screen.section("Landed: one commit per task, written by workers, committed by the lead (git log)")
    count = len(summary.landed) + (2 if summary.swarm is None else 3)
    template = "--format=%h %an: %s%n        %(trailers:separator=%x20)"
    for line in project.git(Path(summary.repository), "log", template, f"-{count}", "main").splitlines():
        screen.line(line)
    if summary.refused:
        screen.section("Refused: who tried what, and what Andon answered")
    for one in summary.refused:
        screen.line(f"{one.agent} on {one.task}: {one.tried}")
        screen.line(f"    {one.answer}: {_short(one.why)}", "refused" if one.refused else "let_through")
    if summary.swarm is not None:
        _swarm(summary.swarm, screen)
    screen.section("andon status")
    for line in stage.shown(Path(summary.repository), "status").splitlines():
        screen.line(line)
    screen.section("In short")
    _in_short(summary, screen)
    if kept:
        _next(summary, screen)


def _swarm(swarm: SwarmSummary, screen: Screen) -> None:
    screen.section("The swarm: what each child brought to the join (andon show, andon log)")
    screen.line(f"{swarm.shared or 'no file'} was planned as shared before anyone wrote: {swarm.strategy or 'nothing'}")
    for child in swarm.children:
        who = " → ".join(dict.fromkeys(child.workers))
        screen.line(f"{child.task} {child.key:<11} {child.outcome} as {child.commit[:10]} by {who}: {child.message}")
        for reason in child.sent_back:
            screen.line(f"    sent back by the lead: {shortened(reason)}", "sent_back")


def _in_short(summary: Summary, screen: Screen) -> None:
    refused = sum(one.refused for one in summary.refused)
    if summary.landed:
        screen.line(
            f"{len(summary.landed)} tasks landed, {refused} of {len(summary.refused)} tricks refused, "
            f"{summary.conflicts} conflict(s) sent back and solved. "
            f"Gates ran in isolation: {', '.join(summary.isolation) or 'none'}."
        )
        screen.line(f"Killed with -9 in the middle: its task was taken over by {summary.taken_over or 'nobody'}.")
        screen.line(f"The project's own test-suite on the landed head: {summary.final_tests}")
    if (swarm := summary.swarm) is not None:
        good = sum(child.outcome == "landed" and child.integrated for child in swarm.children)
        screen.line(
            f"One intent, {len(swarm.children)} children, {good} integrated, landed as {swarm.commit[:10] or 'nothing'}; "
            f"in {swarm.waves} waves instead of {swarm.one_at_a_time}. The pair that only breaks together was mended by "
            f"{swarm.pair_mended_by or 'nobody'}; {swarm.killed or 'nobody'} was killed with -9, "
            f"{swarm.taken_over or 'nobody'} took over."
        )
        screen.line(f"The project's own test-suite on the swarm's head: {swarm.final_tests}")
    screen.line(f"It took {summary.duration_s:.0f} s.")
    if summary.ok:
        screen.line("Reality matched: everything landed, nothing got past a gate, nothing was lost.", "landed")
        return
    screen.line("Reality did NOT match:", "let_through")
    for difference in summary.differences:
        screen.line(f"  - {difference}", "let_through")


def _next(summary: Summary, screen: Screen) -> None:
    screen.section("Look at next")
    hidden = next((one for one in summary.landed if one.key == "issue399"), None)
    swarm = summary.swarm
    for command, why in (
        (f"cd {summary.repository}", ""),
        *_on_path(),
        ("git log -p -1", "a landed commit, with the evidence in its trailers"),
        *([(f"andon show {hidden.task}", "the task that was done with a deleted test first")] if hidden else []),
        *([(f"andon log {hidden.run}", "everything that happened to it, as events")] if hidden else []),
        *(
            [(f"andon show {swarm.run}", "the swarm: its steps, its children, what each of them brought")]
            if swarm
            else []
        ),
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


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 2 * WHY_WIDTH else text[: 2 * WHY_WIDTH - 1] + "…"
