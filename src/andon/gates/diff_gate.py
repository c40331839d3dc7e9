"""Bounds on the change: where it may reach, how large it may be, and what suspicion about it is refused. Pure.

A rename is a removal and an addition, so both ends must lie within bounds. Must not know git or how changes are found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from andon.core.globs import Globs
from andon.core.verdict import FAILED, PASSED, UNMEASURED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from andon.core.verdict import Finding
    from andon.core.workflow import DiffGate
    from andon.ports import Change

TASK_SCOPE = "task.scope"
PATHS_SHOWN = 5


def outcome(
    gate: DiffGate, changes: Sequence[Change], findings: Sequence[Finding], *, scope: Sequence[str], commits: int
) -> tuple[str, str]:
    """(outcome, summary). Bounds first; then what is refused; then what could not be inspected, which is no pass."""
    from andon.suspicion import refusal

    holds, summary, _ = judge(gate, changes, scope=scope, commits=commits)
    refused = refusal.refused(findings, gate.refuse)
    if refused:
        text = f"refused: {refusal.summary(refused)}"
        return FAILED, text if holds else f"{summary}; {text}"
    if not holds:
        return FAILED, summary
    blind = refusal.blind(findings, gate.refuse)
    if blind:
        return UNMEASURED, f"could not be inspected: {blind[0].message or blind[0].path}"
    seen = [finding for finding in findings if finding.severity == "warning"]
    return PASSED, f"{summary}; suspicious: {refusal.summary(seen)}" if seen else summary


def judge(
    gate: DiffGate, changes: Sequence[Change], *, scope: Sequence[str], commits: int
) -> tuple[bool, str, list[str]]:
    """(holds, summary, offending paths). scope: the task's; empty is no bound. commits: of the change."""
    problems: list[str] = []
    offending: list[str] = []
    paths = [change.path for change in changes]
    bounds = _bounds(gate.within, scope)
    if bounds:
        allowed = Globs(bounds)
        outside = [path for path in paths if not allowed.matches(path)]
        if outside:
            offending += outside
            problems.append(f"outside the scope ({', '.join(bounds)}): {named(outside)}")
    if gate.forbid:
        forbidden = Globs(gate.forbid).select(paths)
        if forbidden:
            offending += forbidden
            problems.append(f"forbidden: {named(forbidden)}")
    # Binary files have no lines; -1 must not make room for others.
    lines = sum(max(change.added, 0) + max(change.deleted, 0) for change in changes)
    if gate.max_lines is not None and lines > gate.max_lines:
        problems.append(f"{lines} lines changed, at most {gate.max_lines} allowed")
    if gate.max_files is not None and len(paths) > gate.max_files:
        problems.append(f"{len(paths)} files changed, at most {gate.max_files} allowed")
    if gate.commits is not None and commits > gate.commits:
        problems.append(f"{commits} commits, at most {gate.commits} allowed")
    if problems:
        return False, "; ".join(problems), offending
    files = "1 file" if len(paths) == 1 else f"{len(paths)} files"
    return True, f"{files} and {lines} lines changed" + (", all within bounds" if bounds else ""), []


def named(paths: Sequence[str]) -> str:
    """A few of the paths, for one line: quoted as needed, so that no file name can break the line."""
    shown = ", ".join(path if path.isprintable() else ascii(path) for path in paths[:PATHS_SHOWN])
    return shown + (f" and {len(paths) - PATHS_SHOWN} more" if len(paths) > PATHS_SHOWN else "")


def _bounds(within: Sequence[str], scope: Sequence[str]) -> tuple[str, ...]:
    """The globs that bound the change; none when the gate names none, or names the scope of a task that has none."""
    if TASK_SCOPE in within and not scope:
        return ()
    bounds: list[str] = []
    for pattern in within:
        bounds += scope if pattern == TASK_SCOPE else (pattern,)
    return tuple(bounds)
