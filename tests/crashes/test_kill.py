"""kill -9, a full disk and failing syncs at write boundaries of every command that writes: a sample, spread over all.

The whole sweep is `make crashes`. What is compared: see `state`. What is left over: nothing.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from tests.crashes.chapters import CHAPTERS
from tests.crashes.disturb import disturb, worth_trying
from tests.crashes.layer import build
from tests.crashes.scene import Move, Scene

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

OTHERS = ("full", "eio", "kill-one")


def sample(move: Move) -> list[tuple[str, int]]:
    """One kill for each move, and one of the other faults for every second one; always the same ones."""
    number = zlib.crc32(move.name.encode())
    chosen = [("kill", number)]
    if number % 2:
        chosen.append((OTHERS[number // 2 % len(OTHERS)], number // 7))
    found = []
    for action, place in chosen:
        boundaries = worth_trying(move.boundaries, action)
        # The first boundaries open the database, which is the same everywhere.
        late = boundaries[len(boundaries) // 4 :]
        found.append((action, late[place % len(late)]))
    return found


@pytest.mark.parametrize("chapter", list(CHAPTERS))
def test_after_a_fault_at_a_write_boundary_all_is_as_without_it(tmp_path: Path, chapter: str) -> None:
    options, script = CHAPTERS[chapter]
    scene = Scene(tmp_path, build(tmp_path), **options)
    scene.play(script())
    assert scene.leftovers() == []
    problems = [
        line for move in scene.moves for action, at in sample(move) for line in disturb(scene, move, action, at)
    ]
    assert problems == []


def test_the_layer_sees_what_the_kernel_sees(tmp_path: Path) -> None:
    """Every change of a file that strace sees in a landing is a boundary of the layer."""
    from tests.crashes.tracing import traced

    options, script = CHAPTERS["work"]
    scene = Scene(tmp_path, build(tmp_path), **options)
    moves = script()
    scene.play(moves[: [move.name for move in moves].index("lead") + 1])
    move = scene.moves[-1]
    seen = {(kind, _shape(path)) for kind, path in traced(scene, move)}
    known = {(boundary.kind, _shape(boundary.path)) for boundary in move.boundaries}
    assert move.boundaries
    assert seen
    assert seen - known == set()


def _shape(path: str) -> str:
    """A path without what differs from run to run."""
    import re

    return re.sub(r"\d+-\d+-[0-9a-f]{8}|tmp_obj_\w+|[0-9a-f]{38}|\.\d+-\d+|objects/[0-9a-f]{2}\b", "…", path)
