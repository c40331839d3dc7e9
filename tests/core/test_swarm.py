"""The rules of children: what the parent is told, when a join is decided, what may be promised."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from andon.core import commands as c
from andon.core import events as e
from andon.core import react as r
from andon.core import state as s
from andon.core import swarm as sw
from andon.core import workflow as w
from andon.core.errors import InvariantViolation
from andon.core.evolve import evolve, replay
from tests.core.harness import World, workflow


def definition(*, limit: int | None = None, **spread: Any) -> w.Workflow:
    return workflow(
        [
            w.Step(id="spread", kind="fanout", for_each="list.json", workflow="piece", **spread),
            w.Step(id="mend", role="implementer", empty=True),
            w.Step(id="land", kind="land"),
        ],
        [("spread", "mend"), ("mend", "land"), ("land", w.END)],
        roles={"implementer": w.Role()},
        limits=w.Limits(tokens=limit),
    )


def handed_on(count: int = 3, *, join: str = "all", parallel: int | None = None, tokens: int | None = None) -> World:
    world = World(definition())
    token = world.claim("spread", "andon/x")
    world.ok(hand_on(world, token, count, join=join, parallel=parallel, tokens=tokens))
    return world


def hand_on(
    world: World,
    token: int,
    count: int,
    *,
    join: str = "all",
    parallel: int | None = None,
    tokens: int | None = None,
    problem: str = "",
) -> c.HandOn:
    children = tuple(sw.Child(index=x, key=f"k{x}", task=f"T{x + 2}", budget=tokens) for x in range(count))
    return c.HandOn(
        at=world.now,
        actor="andon/x",
        step="spread",
        token=token,
        ref="refs/andon/swarm/R1/spread/1",
        base="c0",
        base_tree="t0",
        children=children,
        join=join,
        max_parallel=parallel,
        problem=problem,
    )


def end(world: World, number: int, outcome: str = "landed", **more: Any) -> list[e.Event]:
    command = c.EndChild(
        at=world.now, actor="x", step="spread", task=f"T{number + 2}", run=f"R{number + 2}", outcome=outcome, **more
    )
    return world.ok(command)


def names(events: list[e.Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_a_step_waits_for_its_children_and_is_ready_when_all_are_over() -> None:
    world = handed_on()
    assert world.state.active["spread"].state == s.WAITING
    world.ok(c.Tick(at=world.now, actor="andon"))
    assert world.state.active["spread"].state == s.WAITING
    end(world, 0)
    end(world, 1)
    assert world.state.active["spread"].state == s.WAITING
    end(world, 2, authors=("alice",), tokens=7)
    assert world.state.active["spread"].state == s.READY
    assert world.state.authors == ("alice",)
    assert world.state.children_tokens == 7


def test_a_second_word_about_a_child_changes_nothing() -> None:
    world = handed_on()
    end(world, 0)
    assert end(world, 0, "cancelled") == []
    assert world.state.swarms["spread"].children[0].outcome == "landed"
    assert end(world, 40) == []


def test_held_back_children_are_released_as_others_end() -> None:
    world = handed_on(4, parallel=2)
    assert [x.released for x in world.state.swarms["spread"].children] == [True, True, False, False]
    events = end(world, 0)
    assert isinstance(events[-1], e.ChildrenReleased)
    assert events[-1].tasks == ("T4",)
    effects = r.react(world.state, events[-1])
    assert [(x.task, type(x.command)) for x in effects if isinstance(x, r.TaskCommand)] == [("T4", c.ReleaseTask)]


def test_a_satisfied_join_drops_the_rest_and_asks_again() -> None:
    world = handed_on(3, join="any")
    events = end(world, 1)
    assert isinstance(events[-1], e.ChildrenDropped)
    assert events[-1].tasks == ("T2", "T4")
    # One of them was in the middle of landing, so it was left; time asks for it again.
    end(world, 0, "cancelled")
    again = world.ok(c.Tick(at=world.now, actor="andon"))
    assert [x.tasks for x in again if isinstance(x, e.ChildrenDropped)] == [("T4",)]
    end(world, 2)
    assert sw.verdict(world.state.swarms["spread"]) == sw.PASSED


def join(world: World, tree: str | None = "joined") -> list[e.Event]:
    token = world.claim("spread", "andon/y")
    made = world.submission(tree) if tree else None
    return world.ok(c.JoinChildren(at=world.now, actor="andon/y", step="spread", token=token, submission=made))


def test_the_joined_tree_is_the_change_and_nobody_is_left_out() -> None:
    world = handed_on(2)
    end(world, 1, message="did it", notes="n", commit="c1")
    end(world, 0, "completed")
    events = join(world)
    joined = next(x for x in events if isinstance(x, e.ChildrenJoined))
    assert [(x.index, x.task, x.outcome, x.message) for x in joined.results] == [
        (0, "T2", "completed", ""),
        (1, "T3", "landed", "did it"),
    ]
    assert world.state.submissions[""].tree == "joined"
    assert list(world.state.active) == ["mend"]
    assert replay(world.events) is not None


def test_a_failed_join_keeps_what_was_integrated() -> None:
    world = handed_on(2)
    end(world, 0, commit="c1")
    end(world, 1, "cancelled", reason="no need")
    join(world)
    step = world.state.active["spread"]
    assert step.state == s.BLOCKED
    assert "1 of 2 children ended well" in step.reason
    assert "no need" in step.reason
    assert world.state.submissions[""].tree == "joined"


def test_what_can_not_be_handed_on_fails_the_step() -> None:
    world = World(definition())
    token = world.claim("spread", "andon/x")
    world.ok(hand_on(world, token, 0, problem="no list"))
    assert "no list" in world.state.active["spread"].reason
    world = World(definition())
    token = world.claim("spread", "andon/x")
    world.ok(hand_on(world, token, 2, join="3"))
    assert "needs 3 children, and there are 2" in world.state.active["spread"].reason


def test_a_wall_time_limit_blocks_a_waiting_step_and_a_person_lets_it_wait_on() -> None:
    world = handed_on(1)
    world.now += world.workflow.limits.wall_time_s + 1
    world.ok(c.Tick(at=world.now, actor="andon"))
    assert world.state.active["spread"].state == s.BLOCKED
    world.ok(c.RetryRun(at=world.now, actor="ann"))
    assert world.state.active["spread"].state == s.WAITING
    end(world, 0)
    assert world.state.active["spread"].state == s.READY


def test_no_more_is_promised_than_there_is() -> None:
    limited = definition(limit=100)
    world = World(limited)
    token = world.claim("spread", "andon/x")
    world.ok(hand_on(world, token, 3, tokens=40))
    assert "120 tokens can't be reserved for the children: 100 are left" in world.state.active["spread"].reason
    world = World(limited)
    token = world.claim("spread", "andon/x")
    world.ok(hand_on(world, token, 3, tokens=30))
    assert sw.reserved(world.state.swarms) == 90
    end(world, 0, tokens=10)
    assert (sw.reserved(world.state.swarms), world.state.children_tokens) == (60, 10)


def test_the_end_of_a_run_ends_its_children() -> None:
    world = handed_on(2)
    end(world, 0)
    (ended,) = world.ok(c.CancelRun(at=world.now, actor="ann"))
    effects = r.react(world.state, ended)
    cancelled = [x for x in effects if isinstance(x, r.CancelChildren)]
    assert [(x.tasks, x.must) for x in cancelled] == [(("T3",), True)]


def test_a_childs_task_tells_its_parent_once_it_is_closed() -> None:
    added = e.TaskAdded(at=0.0, actor="x", task="T2", title="t", parent="T1", parent_run="R1", parent_step="spread")
    task = evolve(None, added)
    task = evolve(task, e.RunAttached(at=0.0, actor="x", run="R2"))
    cancelled = e.RunDetached(at=0.0, actor="x", run="R2", outcome="cancelled", tokens=3)
    task = evolve(task, cancelled)
    assert r.react(task, cancelled) == []
    task = evolve(task, e.RunAttached(at=0.0, actor="x", run="R3"))
    landed = e.RunDetached(at=0.0, actor="x", run="R3", outcome="landed", commit="c", tokens=4, authors=("alice",))
    (told,) = r.react(evolve(task, landed), landed)
    assert isinstance(told, r.RunCommand)
    assert isinstance(told.command, c.EndChild)
    assert (told.run, told.command.run, told.command.tokens, told.command.authors) == ("R1", "R3", 7, ("alice",))


@pytest.mark.parametrize(("have", "more", "depth", "kind"), [(0, 1, 3, "too_deep"), (999, 2, 0, "too_many_children")])
def test_limits_have_names(have: int, more: int, depth: int, kind: str) -> None:
    children = tuple(sw.Child(index=x, key=str(x), task=f"T{x}") for x in range(have))
    swarm = sw.Swarm(step="a", visit=1, ref="r", base="c", base_tree="t", children=children)
    refusal = sw.refuse(depth, [swarm], more, [None] * more, None)
    assert refusal is not None
    assert refusal.kind == kind


@given(st.integers(0, 10**9), st.integers(1, 1000))
def test_shares_add_up(total: int, count: int) -> None:
    found = sw.shares(total, count)
    assert sum(found) == total
    assert max(found) - min(found) <= 1


@given(
    st.sampled_from(["all", "any", "1", "2", "3"]),
    st.lists(st.sampled_from(["", "landed", "completed", "cancelled"]), min_size=3, max_size=8),
)
def test_a_join_that_is_decided_stays_so(how: str, outcomes: list[str]) -> None:
    children = tuple(sw.Child(index=x, key=str(x), task=f"T{x}", outcome=o) for x, o in enumerate(outcomes))
    swarm = sw.Swarm(step="a", visit=1, ref="r", base="c", base_tree="t", join=how, children=children)
    decided = sw.verdict(swarm)
    if not sw.open_children(swarm):
        assert decided in (sw.PASSED, sw.FAILED)
    for outcome in ("landed", "cancelled") if decided else ():
        later = tuple(sw.Child(index=x.index, key=x.key, task=x.task, outcome=x.outcome or outcome) for x in children)
        ended = sw.Swarm(step="a", visit=1, ref="r", base="c", base_tree="t", join=how, children=later)
        assert sw.verdict(ended) == decided


def test_names_of_places() -> None:
    assert sw.ref_of("main") == "refs/heads/main"
    ref = sw.integration_ref("R1", "spread", 7)
    assert sw.is_integration(ref)
    assert sw.ref_of(ref) == ref


def test_what_children_made_goes_back_to_the_agent_behind_them() -> None:
    world = handed_on(1)
    end(world, 0, commit="c1")
    join(world)
    token = world.claim("mend", "carol")
    world.ok(world.advance("mend", token, "carol", "joined"))
    token = world.claim("land", "lead")
    refused = c.RefuseLanding(
        at=world.now, actor="lead", step="land", token=token, how="conflict", reason="x", head="c8", head_tree="t8"
    )
    world.ok(refused)
    assert world.state.active["mend"].reason == "x"
    assert "spread" not in world.state.active


def test_a_worker_does_not_leave_its_children_behind() -> None:
    swarm = sw.Swarm(
        step="a", visit=1, ref="r", base="c", base_tree="t", children=(sw.Child(index=0, key="", task="T"),)
    )
    refusal = sw.refuse_leaving(swarm, 1, passed=False)
    assert refusal is not None
    assert refusal.kind == "children_open"
    over = sw.Child(index=0, key="", task="T", outcome="landed", commit="c1")
    landed = sw.Swarm(step="a", visit=1, ref="r", base="c", base_tree="t", children=(over,))
    assert sw.refuse_leaving(landed, 1, passed=False) is None
    refusal = sw.refuse_leaving(landed, 1, passed=True)
    assert refusal is not None
    assert refusal.kind == "children_unmerged"
    assert sw.refuse_leaving(landed, 2, passed=True) is None


def singly(ref: str = "r1", *, start: str = "c0", land: str = sw.EACH) -> World:
    """A join whose one child landed c1."""
    world = World(definition())
    token = world.claim("spread", "andon/x")
    world.ok(replace(hand_on(world, token, 1), ref=ref, common=start, land=land))
    end(world, 0, commit="c1")
    join(world)
    return world


def test_a_join_keeps_what_lands_as_the_childrens_own_commits() -> None:
    kept = sw.OwnCommits(ref="r1", base="c0", start="s0", tip="c1")
    assert singly(start="s0").state.own_commits == (kept,)
    assert singly(land=sw.ONE).state.own_commits == ()
    assert handed_on().state.own_commits == ()


def test_a_join_that_is_judged_twice_counts_once() -> None:
    world = singly()
    before = world.state
    joined = next(event for event in world.events if isinstance(event, e.ChildrenJoined))
    swarm = before.swarms["spread"]
    running = replace(before, active={"spread": s.ActiveStep(step="spread", kind="fanout")})
    again = evolve(running, joined)
    assert isinstance(again, s.Run)
    assert (again.own_commits, len(again.own_commits)) == (before.own_commits, 1)
    # Another visit has a reference of its own, and both come along.
    other = evolve(replace(running, swarms={"spread": replace(swarm, ref="r2", tip="c2")}), joined)
    assert isinstance(other, s.Run)
    assert [own.tip for own in other.own_commits] == ["c1", "c2"]


def test_children_that_landed_nothing_leave_nothing_to_land() -> None:
    world = World(definition())
    token = world.claim("spread", "andon/x")
    world.ok(replace(hand_on(world, token, 1), land=sw.EACH))
    end(world, 0, "completed")
    join(world, None)
    assert world.state.own_commits == ()


def test_nothing_lands_along_that_no_join_gave() -> None:
    world = singly()
    token = world.claim("mend", "carol")
    world.ok(world.advance("mend", token, "carol", "joined"))
    token = world.claim("land", "lead")
    command = c.PrepareLanding(
        at=world.now,
        actor="lead",
        step="land",
        token=token,
        head="c8",
        commit="c9",
        tree="t9",
        patch="p",
        merged=("c7",),
    )
    with pytest.raises(InvariantViolation, match="no join of it gave"):
        world.do(command)
