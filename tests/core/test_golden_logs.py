"""Golden event logs: written once by the version named in each, replayed by every later one (events are never edited).

A log that no longer gives its state means that the meaning of a stored event was changed: add a new event type instead.
`ANDON_GOLDEN=write` writes logs that are missing; it never overwrites one.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core.evolve import evolve, replay
from andon.core.imported import Imported
from andon.core.verdict import Finding
from tests.core.harness import World

WRITE = os.environ.get("ANDON_GOLDEN") == "write"
DIRECTORY = Path(__file__).parent / "golden_logs"


def landed() -> list[e.Event]:
    world = World()
    world.implement()
    world.review()
    world.land()
    return world.events


def troubled() -> list[e.Event]:
    """Rework, a lost lease, a hand-off, red gates, a waiver, a refused landing, a person's retry."""
    world = World()
    first = world.claim("implement", "alice")
    world.ok(world.advance("implement", first, "alice", "t1", measured="failed"))
    world.now += 150
    second = world.claim("implement", "bob")
    world.ok(c.HandOff(at=world.now, actor="bob", step="implement", token=second, to="carol", notes="half done"))
    third = world.claim("implement", "carol")
    world.ok(c.Submit(at=world.now, actor="carol", step="implement", token=third, submission=world.submission("t2")))
    world.ok(c.Waive(at=world.now, actor="ann", gate="tests", why="known"))
    world.ok(world.advance("implement", third, "carol", "t2", measured="failed"))
    finding = Finding(message="wrong", path="a.py", line=3, severity="blocking")
    world.ok(world.advance("review", world.claim("review", "dan"), "dan", outcome="rework", findings=(finding,)))
    world.implement("t3", "carol")
    world.review("dan")
    token = world.claim("land", "lead")
    world.ok(
        c.RefuseLanding(
            at=world.now,
            actor="lead",
            step="land",
            token=token,
            how="conflict",
            reason="a.py",
            head="c9",
            head_tree="t9",
        )
    )
    for agent in ("x", "y"):
        token = world.claim("implement", agent)
        world.ok(c.Release(at=world.now, actor=agent, step="implement", token=token, reason="no"))
    world.ok(c.RetryRun(at=world.now, actor="ann", reason="again"))
    world.ok(c.CancelRun(at=world.now, actor="ann", reason="enough"))
    return world.events


def task() -> list[e.Event]:
    base = {"at": 1.0, "actor": "ann"}
    return [
        e.TaskAdded(**base, task="T1", title="t", scope=("src/**",), depends_on=("T0",), draft=True),
        e.TaskEdited(**base, title="u", draft=False, priority=0),
        e.RunAttached(**base, run="R1"),
        e.RunDetached(**base, run="R1", outcome="cancelled"),
        e.RunAttached(**base, run="R2"),
        e.RunDetached(**base, run="R2", outcome="landed", commit="abc"),
    ]


def planned() -> list[e.Event]:
    base = {"at": 1.0, "actor": "ann"}
    plan = {"predicted": ("src/a.py",), "head": "c1", "reason": "src/a.py: after T1"}
    return [
        e.TaskAdded(**base, task="T3", title="t", depends_on=("T0",)),
        e.TaskPlanned(at=2.0, actor="ann", **plan, wave=2, after=("T1",)),
        e.TaskPlanned(at=3.0, actor="ann", **plan, wave=3, after=("T2",)),
        e.TaskEdited(at=4.0, actor="ann", depends_on=("T0", "T2", "T4")),
    ]


def message() -> list[e.Event]:
    base = {"at": 1.0, "actor": "alice"}
    return [
        e.MessageSent(**base, message="M1", kind="ask", recipient="human", body="which?", run="R1", expires_at=9.0),
        e.MessageAcknowledged(**base, by="ann"),
        e.MessageAnswered(at=2.0, actor="ann", by="ann", body="that"),
    ]


def talk() -> list[e.Event]:
    """A question that parks a step, a finding that another reviewer may not drop, its resolution, and its return."""
    world = World()
    token = world.claim("implement", "alice", client="codex", model="large-1")
    world.ok(c.Park(at=world.now, actor="alice", step="implement", token=token, question="M1", due_at=1100.0))
    world.ok(c.Resume(at=world.now, actor="ann", step="implement", question="M1"))
    world.implement("t1", "alice")
    finding = Finding(message="wrong", path="a.py", line=3, severity="blocking")
    world.ok(world.advance("review", world.claim("review", "bob"), "bob", outcome="rework", findings=(finding,)))
    world.implement("t2", "alice")
    world.review("carol")
    world.ok(c.ReopenFinding(at=world.now, actor="bob", finding="F1", why="still wrong"))
    world.ok(c.ResolveFindings(at=world.now, actor="bob", findings=("F1",), why="mended"))
    world.ok(c.CancelRun(at=world.now, actor="ann", reason="enough"))
    return world.events


def repeated() -> list[e.Event]:
    base = {"at": 1.0, "actor": "alice"}
    return [
        e.MessageSent(**base, message="M2", kind="say", recipient="bob", body="x", thread="M1", in_reply_to="M1"),
        e.MessageRepeated(**base),
    ]


def learning() -> list[e.Event]:
    base = {"at": 1.0, "actor": "alice"}
    found = e.LearningRecorded(
        **base,
        learning="L1",
        text="The parser reads bytes",
        scopes=("path:src/**", "label:parser"),
        repository="shop",
        task="T1",
        run="R1",
        step="implement",
        commit="c0",
        contradicts=("L0",),
    )
    return [
        found,
        e.LearningConfirmed(at=2.0, actor="bob"),
        e.LearningConfirmed(at=3.0, actor="ann", person=True),
        e.LearningEdited(at=4.0, actor="ann", text="It reads lines", contradicts=(), person=True),
        e.LearningRetired(at=5.0, actor="ann", reason="gone", superseded_by="L2"),
    ]


def informed() -> list[e.Event]:
    """A step that was given learnings: red at first, then green."""
    world = World()
    token = world.claim("implement", "alice")
    world.ok(c.GiveLearnings(at=world.now, actor="alice", step="implement", token=token, learnings=("L1", "L2")))
    world.ok(world.advance("implement", token, "alice", "t1", measured="failed"))
    world.ok(c.GiveLearnings(at=world.now, actor="alice", step="implement", token=token, learnings=("L3",), asked=True))
    world.ok(world.advance("implement", token, "alice", "t2"))
    world.ok(c.CancelRun(at=world.now, actor="ann", reason="enough"))
    return world.events


def imported() -> list[e.Event]:
    kept = Imported(digests={"title": "0"}, labels=("x",), depends_on=("beads:b-1",), state="draft", raw="{}")
    added = e.TaskAdded(at=1.0, actor="ann", task="T1", title="t", draft=True, source="beads:b-2")
    return [added, e.TaskImported(at=1.0, actor="ann", imported=kept)]


def registered() -> list[e.Event]:
    """A repository of a workspace: added, moved, removed, added again."""
    added = e.RepositoryAdded(at=1000.0, actor="ann", repository="api", path="/here/api/.git")
    again = e.RepositoryAdded(at=1300.0, actor="bob", repository="api", path="/there/api/.git")
    moved = e.RepositoryMoved(at=1100.0, actor="ann", path="/there/api/.git")
    return [added, moved, e.RepositoryRemoved(at=1200.0, actor="ann"), again]


MAKERS = {
    "landed": landed,
    "troubled": troubled,
    "task": task,
    "planned": planned,
    "message": message,
    "learning": learning,
    "informed": informed,
    "imported": imported,
    "talk": talk,
    "repeated": repeated,
    "registered": registered,
}


def write(path: Path, name: str) -> None:
    events = MAKERS[name]()
    state = replay(events)
    lines = [json.loads(e.encode(event)) for event in events]
    document = {"written_by": "0.1.0", "events": lines, "state": msgspec.to_builtins(state)}
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


@pytest.mark.parametrize("name", MAKERS)
def test_a_golden_log_gives_its_state(name: str) -> None:
    path = DIRECTORY / f"{name}.json"
    if not path.exists() and WRITE:
        write(path, name)
    document = json.loads(path.read_text())
    state: s.State | None = None
    for line in document["events"]:
        state = evolve(state, e.decode(json.dumps(line)))
    found = json.loads(msgspec.json.encode(state))
    for key, value in document["state"].items():
        assert holds(found[key], value), (key, found[key], value)


def holds(found: Any, known: Any) -> bool:
    """Whether all that was known then is so now. Fields that came later have their defaults."""
    if isinstance(known, dict) and isinstance(found, dict):
        return all(key in found and holds(found[key], value) for key, value in known.items())
    if isinstance(known, list) and isinstance(found, list):
        return len(found) == len(known) and all(map(holds, found, known))
    return bool(found == known)


def test_the_golden_logs_hold_most_kinds_of_events() -> None:
    seen = {x["type"] for path in DIRECTORY.glob("*.json") for x in json.loads(path.read_text())["events"]}
    known = {kind.__name__ for kind in e.AnyEvent.__args__}
    missing = known - seen
    rare = {
        "TaskCancelled",
        "LeaseRenewed",
        "TokensCounted",
        "CheckpointNoted",
        "ApprovalRecorded",
        "RejectionRecorded",
        "SignalRecorded",
        "StepReopened",
        "ChoiceTaken",
        "LanesForked",
        "LaneArrived",
        "LanesJoined",
        "LandingAbandoned",
        "ChildrenAdded",
        "ChildEnded",
        "ChildrenReleased",
        "ChildrenDropped",
        "ChildrenMerging",
        "ChildrenMerged",
        "ChildrenJoined",
    }
    assert missing <= rare, missing - rare
