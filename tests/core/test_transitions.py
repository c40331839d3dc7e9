"""A random walk over the rules: every transition seen is in the tables, and replay gives the state again (law 9)."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core.errors import Rejected
from andon.core.evolve import evolve, replay
from andon.core.transitions import NONE, RUN, STEP, Transition
from tests.core.harness import World

AGENTS = ("alice", "bob", "carol")
MOVES = (
    "claim",
    "advance",
    "advance_red",
    "rework",
    "release",
    "handoff",
    "submit",
    "tick",
    "late",
    "approve",
    "waive",
    "retry",
    "prepare",
    "confirm",
    "abandon",
    "refuse",
    "cancel",
    "renew",
    "count",
    "stale",
)


def command_for(world: World, move: str, agent: str, tree: str, number: int) -> c.Command | None:
    """A command that may or may not make sense now."""
    run = world.state
    steps = list(run.active.values())
    if not steps:
        return None
    step = steps[number % len(steps)]
    token = step.lease.token if step.lease else number
    owner = step.lease.agent if step.lease else agent
    common: dict[str, Any] = {"at": world.now, "actor": owner}
    if move == "stale":
        return c.Submit(**common, step=step.step, token=token - 1, submission=world.submission(tree))
    if move == "claim":
        return c.Claim(at=world.now, actor=agent, step=step.step, workdir="/w")
    if move in ("advance", "advance_red", "rework") and step.kind == "agent":
        made = tree if step.step == "implement" else None
        measured = "failed" if move == "advance_red" else "passed"
        more = {"outcome": "rework"} if move == "rework" else {}
        return world.advance(step.step, token, owner, made, measured, **more)
    if move == "submit":
        return c.Submit(**common, step=step.step, token=token, submission=world.submission(tree))
    if move == "release":
        return c.Release(**common, step=step.step, token=token)
    if move == "renew":
        return c.Renew(**common, step=step.step, token=token, tokens_used=number)
    if move == "count":
        return c.CountTokens(at=world.now, actor=agent, step=step.step, token=world.state.token, tokens_used=number)
    if move == "handoff":
        return c.HandOff(**common, step=step.step, token=token, to="role:implementer", notes="n")
    if move == "approve":
        return c.Approve(at=world.now, actor="ann")
    if move == "waive":
        return c.Waive(at=world.now, actor="ann", gate="tests", why="known")
    if move == "retry":
        return c.RetryRun(at=world.now, actor="ann")
    if move == "cancel":
        return c.CancelRun(at=world.now, actor="ann") if number > 90 else None
    if step.kind == "land":
        return landing_command(world, move, step, token, tree)
    return None


def landing_command(world: World, move: str, step: s.ActiveStep, token: int, tree: str) -> c.Command | None:
    submission = world.state.submissions.get("")
    if submission is None:
        return None
    if move == "prepare":
        return world.prepare(token, tree=tree, patch=submission.patch, head="c7")
    if move == "confirm":
        return c.ConfirmLanding(at=world.now, actor="lead", step="land", commit=f"landed-{tree}")
    if move == "abandon":
        return c.AbandonLanding(at=world.now, actor="lead", step="land", reason="moved")
    if move == "refuse":
        return c.RefuseLanding(
            at=world.now, actor="lead", step="land", token=token, how="conflict", reason="x", head="c8", head_tree="t8"
        )
    return None


def step_states(run: s.Run | None) -> dict[str, str]:
    return {name: step.state for name, step in run.active.items()} if run is not None else {}


def check_events(before: s.Run, events: list[e.Event]) -> None:
    for event in events:
        after = evolve(before, event)
        assert isinstance(after, s.Run)
        name = type(event).__name__
        old, new = step_states(before), step_states(after)
        for step in old.keys() | new.keys():
            row = Transition(before=old.get(step, NONE), event=name, after=new.get(step, NONE))
            assert row.before == row.after or row in STEP, row
        row = Transition(before=before.status, event=name, after=after.status)
        assert row.before == row.after or row in RUN, row
        check_invariants(after)
        before = after


def check_invariants(run: s.Run) -> None:
    """What must hold in every state."""
    tokens = [step.lease.token for step in run.active.values() if step.lease]
    assert len(tokens) == len(set(tokens))
    for step in run.active.values():
        assert (step.state == s.LEASED) == (step.lease is not None)
        assert step.lease is None or step.lease.token <= run.token
    if run.outcome == "landed":
        assert run.commit.startswith("landed-")
        assert run.reviews, "nothing lands without its review"
    if run.status == s.RUN_ENDED:
        assert not run.active
        assert run.outcome in ("landed", "completed", "cancelled")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(MOVES), st.sampled_from(AGENTS), st.sampled_from(["t1", "t2", "t3"]), st.integers(0, 100)
        ),
        max_size=60,
    )
)
def test_random_walk(moves: list[tuple[str, str, str, int]]) -> None:
    world = World()
    for move, agent, tree, number in moves:
        world.now += 1
        before = world.state
        if move == "late":
            world.now += 150
            continue
        command = (
            c.Tick(at=world.now, actor="andon") if move == "tick" else command_for(world, move, agent, tree, number)
        )
        if command is None:
            continue
        decision = world.do(command)
        if not isinstance(decision, Rejected):
            check_events(before, decision)
            if move == "stale":
                raise AssertionError("a fenced token was accepted")
    assert replay(world.events) == world.state
