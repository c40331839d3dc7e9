"""What `andon plan` says of the pieces, with the history that the first act leaves and without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from andon.demo import craft, edits, project
from andon.demo.client import Andon
from andon.demo.swarm import pieces
from andon.demo.tasks import WORKS


@pytest.mark.parametrize("first_act", [False, True])
def test_one_piece_settles_the_shared_file_and_the_others_run_side_by_side(first_act: bool, checkout: Path) -> None:
    for work in WORKS if first_act else ():
        for edit in work.tests:
            edits.apply(edit, checkout)
        craft.make_change(work, checkout)
        project.git(checkout, "add", "--all")
        project.git(checkout, "commit", "--quiet", "-m", f"{work.title}\n\n{work.body}")
    andon = Andon(None, checkout)
    assert andon.call("init").exit_code == 0
    names = {}
    for piece in pieces.PIECES:
        scope = [word for path in piece.scope for word in ("--scope", path)]
        names[piece.key] = andon.call("task", "add", piece.title, "--body", piece.body, *scope).data["task"]
    found = andon.call("plan", "--workers", "6").data
    shared = {one["path"]: (one["strategy"], one["first"]) for one in found["shared"]}
    assert shared == {pieces.SHARED: ("contract first", names[pieces.CONTRACT])}
    assert {item["task"]: item["wave"] for item in found["items"]} == {
        name: 1 if key == pieces.CONTRACT else 2 for key, name in names.items()
    }
