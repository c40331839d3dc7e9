"""One fault at one boundary of one move, what follows it, and whether the world is the same in the end."""

from __future__ import annotations

from typing import Any

from tests.crashes.layer import Boundary, Outcome, gone
from tests.crashes.scene import LATER_S, Move, Scene

CONTRACT = {0, 1, 3, 4, 5, 6, 64}
KILLED = -9


def disturb(scene: Scene, move: Move, action: str, at: int) -> list[str]:
    """Play the move with a fault, go on as its caller would, and say what is wrong then; empty when nothing is."""
    scene.back_to(move)
    done = scene.run(move, action=action, at=at)
    alive = gone(scene.layer.processes())
    problems = [f"processes {alive} have outlived the fault"] if alive else []
    problems += _how_it_ended(action, done)
    again = scene.run(move)
    problems += _how_it_ended("", again)
    if move.again_ahead_s and scene.state() != move.expected:
        problems += _how_it_ended("", scene.run(move, ahead_s=move.ahead_s + move.again_ahead_s))
    scene.settle(move)
    problems += differences(move.expected, scene.state())
    problems += scene.leftovers()
    problems += scene.doctor(move.ahead_s)
    # Temporary files vanish by and by; what is left of them is swept for good by the doctor.
    scene.command("doctor", "--mend", ahead_s=move.ahead_s + LATER_S)
    problems += scene.leftovers(temporary=True)
    where = next((x for x in move.boundaries if x.number == at), None)
    name = f"{where.kind} {where.path}" if where else ""
    return [f"{move.name}, {action} at {at} of {len(move.boundaries)} ({name}): {problem}" for problem in problems]


def _how_it_ended(action: str, done: Outcome) -> list[str]:
    """Killed where that was asked for; else one of the contract's answers, never a bug's."""
    if action.startswith("kill") and done.exit == KILLED:
        return []
    if done.exit in CONTRACT:
        return []
    return [f"it ended with {done.exit}: {done.out} {done.err}"]


def differences(expected: Any, found: Any, path: str = "") -> list[str]:
    """Where two worlds differ, in words."""
    if expected == found:
        return []
    if isinstance(expected, dict) and isinstance(found, dict):
        lines: list[str] = []
        for key in sorted({*expected, *found}, key=str):
            lines += differences(expected.get(key), found.get(key), f"{path}/{key}")
        return lines
    return [f"{path} should be {expected!r} and is {found!r}"]


def worth_trying(boundaries: list[Boundary], action: str, *, everything: bool = False) -> list[int]:
    """The numbers of the boundaries at which this fault means something new.

    Writes of SQLite into one file that follow each other without a sync count only together: three of them are tried.
    """
    if action == "eio":
        # Counted among themselves by the layer.
        return list(range(1, len([x for x in boundaries if x.kind in ("write", "pwrite", "fsync")]) + 1))
    chosen: list[int] = []
    row: list[int] = []
    before: tuple[str, str] | None = None
    for boundary in boundaries:
        key = (boundary.kind, boundary.path)
        if boundary.kind != "pwrite" or key != before or everything:
            chosen += _ends(row)
            row = []
        before = key
        row.append(boundary.number)
    return chosen + _ends(row)


def _ends(row: list[int]) -> list[int]:
    return sorted({row[0], row[len(row) // 2], row[-1]}) if row else []
