"""Short sessions, checkpoint notes and budgets, from the command line."""

from __future__ import annotations

import time
from pathlib import Path

from tests.e2e.world import World


def test_a_session_ends_whatever_is_renewed_and_its_notes_go_on(tmp_path: Path) -> None:
    world = World.make(tmp_path, lease="10m\nsession: 6s")
    world.add_task()
    claim = world.claim("alice")
    began = time.time()
    assert "This session ends at" in claim["brief"]
    workdir = Path(claim["workdir"])
    world.write("app.txt", "half\n", workdir)
    beat = world.ok("heartbeat", "--notes", "the first half is done", agent="alice", cwd=workdir)
    assert beat["session_ends_at"] == claim["lease"]["expires_at"] == beat["lease"]["expires_at"]
    noted = False
    while time.time() < began + 8:
        last = world.andon("heartbeat", agent="alice", cwd=workdir)
        noted = noted or "this session ends in" in last.err
        if last.exit:
            break
    assert noted and last.exit == 4

    again = world.claim("bob")
    assert again["run"] == claim["run"] and again["attempt"] == 2
    assert "the session of alice ended" in again["brief"] and "> the first half is done" in again["brief"]
    assert "attempt 1 of 3" in again["brief"], "a session's end uses up no attempt"
    assert "Unsubmitted work of an earlier attempt is kept" in again["brief"]


def test_an_attempt_that_passes_its_budget_is_over(tmp_path: Path) -> None:
    world = World.make(tmp_path, lease="10m\ntokens: 1000")
    world.add_task()
    claim = world.claim("alice")
    assert "may use 1000 tokens" in claim["brief"]
    workdir = Path(claim["workdir"])
    world.write("app.txt", "half\n", workdir)
    beat = world.ok("heartbeat", "--tokens", "900", agent="alice", cwd=workdir)
    assert beat["attempt"] == {"tokens_used": 900, "tokens": 1000}
    over = world.andon("heartbeat", "--tokens", "200", "--json", agent="alice", cwd=workdir)
    assert over.exit == 4 and over.kind == "budget" and "used 1100 tokens; its budget is 1000" in over.out
    after = world.andon("advance", "-m", "done", "--json", agent="alice", cwd=workdir)
    assert after.exit == 4 and "its budget is 1000" in after.json["error"]["message"]
    again = world.claim("bob")
    assert "attempt 2 of 3" in again["brief"] and "is kept in commit" in again["brief"]
    assert world.events("R1").count("AttemptEnded") == 1
