"""The rules of a run, without any input or output."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core import workflow as w
from andon.core.evolve import replay
from andon.core.routing import ConditionError
from andon.core.rules_worker import HANDED_FIRST_S, KEPT_FIRST_S
from tests.core.harness import World, workflow


def kinds(events: list[e.Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_one_task_from_start_to_landed() -> None:
    world = World()
    world.implement()
    world.review()
    world.land()
    assert world.state.status == s.RUN_ENDED
    assert world.state.outcome == "landed"
    assert world.state.commit == "landed-t1"
    assert replay(world.events) == world.state


def test_success_without_work_is_refused() -> None:
    world = World()
    token = world.claim("implement", "alice")
    world.ok(world.advance("implement", token, "alice", "t0"))
    step = world.state.active["implement"]
    assert [(v.gate, v.outcome) for v in step.verdicts if not v.opens] == [("work", "failed")]


def test_rework_must_change_something_and_is_verified_again() -> None:
    world = World()
    world.implement()
    world.review(outcome="rework", message="no")
    token = world.claim("implement", "alice")
    world.ok(world.advance("implement", token, "alice", "t1"))
    assert "implement" in world.state.active
    world.ok(world.advance("implement", token, "alice", "t2", verdicts=()))
    red = {v.gate: v.outcome for v in world.state.active["implement"].verdicts if not v.opens}
    assert red == {"protect": "unmeasured", "tests": "unmeasured"}
    world.ok(world.advance("implement", token, "alice", "t2"))
    assert list(world.state.active) == ["review"]


@pytest.mark.parametrize("outcome", ["failed", "unmeasured", "pending"])
def test_only_passed_opens_a_gate(outcome: str) -> None:
    world = World()
    token = world.claim("implement", "alice")
    world.ok(world.advance("implement", token, "alice", "t1", measured=outcome))
    assert "implement" in world.state.active
    assert "review" not in world.state.active


@pytest.mark.parametrize("field", ["subject", "gate_digest", "environment_digest"])
def test_a_verdict_is_bound(field: str) -> None:
    world = World()
    token = world.claim("implement", "alice")
    command = world.advance("implement", token, "alice", "t1")
    forged = tuple(replace(v, **{field: "sha256:other"}) if v.gate == "tests" else v for v in command.verdicts)
    world.ok(replace(command, verdicts=forged))
    found = {v.gate: v.outcome for v in world.state.active["implement"].verdicts}
    assert found["tests"] == "unmeasured"


def test_an_edit_voids_the_review() -> None:
    world = World()
    world.implement()
    world.review()
    token = world.claim("land", "lead")
    # Nobody can review at a landing: the work goes back instead of waiting for ever.
    refusal = world.refused(world.prepare(token, tree="t2", patch="patch:t2"), "done_gates")
    assert "review" in refusal.message


@pytest.mark.parametrize(
    ("tree", "patch", "kind"), [("t1", "patch:t1", "pending_gates"), ("m", "patch:m", "done_gates")]
)
def test_a_landing_waits_for_an_approval_of_the_very_change_only(tree: str, patch: str, kind: str) -> None:
    gates: list[w.Gate] = [w.ApprovalGate(id="consent")]
    steps = [w.Step(id="implement", role="implementer"), w.Step(id="land", kind="land")]
    world = World(workflow(steps, [("implement", "land"), ("land", w.END)], gates=gates, done=("consent",)))
    world.implement()
    token = world.claim("land", "lead")
    world.refused(world.prepare(token, tree=tree, patch=patch), kind)


def test_a_clean_merge_keeps_the_review_but_measures_the_tree_again() -> None:
    world = World()
    world.implement()
    world.review()
    token = world.claim("land", "lead")
    world.refused(world.prepare(token, tree="merged", patch="patch:t1", head="c9", outcome="failed"), "done_gates")
    world.ok(world.prepare(token, tree="merged", patch="patch:t1", head="c9"))
    assert world.state.active["land"].prepared is not None


def test_a_refused_landing_goes_back_to_its_worker_on_the_new_head() -> None:
    world = World()
    world.implement()
    world.review()
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
            head_tree="t-c9",
        )
    )
    step = world.state.active["implement"]
    assert (step.state, step.reason, step.base) == (s.READY, "a.py", "c9")
    assert world.state.base == "c9"


def test_an_agent_may_not_review_its_own_change() -> None:
    world = World()
    world.implement()
    world.refused(c.Claim(at=world.now, actor="alice", step="review", workdir="/w"), "not_distinct")


def test_an_author_may_not_review_even_without_distinct_roles() -> None:
    definition = World().workflow
    world = World(replace(definition, roles={}))
    world.implement()
    world.refused(c.Claim(at=world.now, actor="alice", step="review", workdir="/w"), "not_distinct")


def test_blocking_findings_keep_the_review_red() -> None:
    from andon.core.verdict import Finding

    world = World()
    world.implement()
    token = world.claim("review", "bob")
    finding = Finding(message="wrong", severity="blocking")
    world.ok(world.advance("review", token, "bob", findings=(finding,)))
    assert "review" in world.state.active
    assert [v.outcome for v in world.state.active["review"].verdicts] == ["failed"]


class TestLeases:
    def test_a_late_worker_is_refused(self) -> None:
        world = World()
        token = world.claim("implement", "alice")
        world.now += 101
        refusal = world.refused(world.advance("implement", token, "alice", "t1"), "lease_lost")
        assert refusal.exit == 4

    def test_a_fenced_worker_is_refused_although_its_own_time_is_not_over(self) -> None:
        world = World()
        first = world.claim("implement", "alice")
        world.now += 101
        second = world.claim("implement", "bob")
        assert second > first
        world.refused(world.advance("implement", first, "alice", "t1"), "lease_lost")
        world.refused(c.Renew(at=world.now, actor="alice", step="implement", token=first), "lease_lost")
        world.ok(world.advance("implement", second, "bob", "t1"))

    def test_one_owner_at_a_time(self) -> None:
        world = World()
        world.claim("implement", "alice")
        refusal = world.refused(c.Claim(at=world.now, actor="bob", step="implement", workdir="/w"), "not_ready")
        assert refusal.exit == 3

    def test_a_heartbeat_renews_and_a_close_one_writes_nothing(self) -> None:
        world = World()
        token = world.claim("implement", "alice")
        world.now += 1
        assert world.ok(c.Renew(at=world.now, actor="alice", step="implement", token=token)) == []
        world.now += 60
        assert kinds(world.ok(c.Renew(at=world.now, actor="alice", step="implement", token=token))) == ["LeaseRenewed"]
        assert world.state.active["implement"].lease.expires_at == world.now + 100

    def test_a_clock_that_went_back_makes_no_lease_endless(self) -> None:
        world = World()
        world.now += 1_000_000
        token = world.claim("implement", "alice")
        shorten = c.ShortenLease(at=world.now, actor="andon", step="implement", token=token)
        world.refused(shorten, "not_expired")
        world.now -= 1_000_000
        shorten = c.ShortenLease(at=world.now, actor="andon", step="implement", token=token)
        assert kinds(world.ok(shorten)) == ["LeaseRenewed"]
        lease = world.state.active["implement"].lease
        assert (lease.expires_at, lease.token, lease.agent) == (world.now + 100, token, "alice")
        world.refused(c.Claim(at=world.now, actor="bob", step="implement", workdir="/w"), "not_ready")
        world.refused(c.ShortenLease(at=world.now, actor="andon", step="implement", token=token), "not_expired")
        world.now += 101
        assert world.claim("implement", "bob") > token
        world.refused(world.advance("implement", token, "alice", "t1"), "lease_lost")

    def test_a_small_correction_of_the_clock_changes_nothing(self) -> None:
        world = World()
        token = world.claim("implement", "alice")
        world.now -= 30
        world.refused(c.ShortenLease(at=world.now, actor="andon", step="implement", token=token), "not_expired")

    def test_attempts_are_bounded_and_a_run_without_a_way_out_calls_a_person(self) -> None:
        world = World()
        for agent in ("alice", "bob"):
            token = world.claim("implement", agent)
            world.ok(c.Release(at=world.now, actor=agent, step="implement", token=token))
        assert world.state.status == s.RUN_BLOCKED
        assert "attempts" in world.state.reason
        world.ok(c.RetryRun(at=world.now, actor="ann"))
        assert world.state.status == s.RUN_OPEN
        world.implement()

    def test_a_handoff_offers_the_step_to_one_agent_only(self) -> None:
        world = World()
        token = world.claim("implement", "alice")
        world.ok(c.HandOff(at=world.now, actor="alice", step="implement", token=token, to="bob", notes="half done"))
        world.refused(c.Claim(at=world.now, actor="carol", step="implement", workdir="/w"), "offered")
        world.claim("implement", "bob")
        assert world.state.active["implement"].notes == "half done"

    def test_what_was_handed_to_a_name_is_kept_for_a_while_only(self) -> None:
        world = World()
        token = world.claim("implement", "alice")
        world.ok(c.HandOff(at=world.now, actor="alice", step="implement", token=token, to="bbo", notes="half done"))
        world.refused(c.Claim(at=world.now, actor="carol", step="implement", workdir="/w"), "offered")
        world.now += HANDED_FIRST_S
        world.claim("implement", "carol")
        # What an agent keeps for itself waits longer, but not for ever either.
        token = world.state.token
        world.ok(c.HandOff(at=world.now, actor="carol", step="implement", token=token, to="carol", notes=""))
        world.now += HANDED_FIRST_S
        world.refused(c.Claim(at=world.now, actor="bob", step="implement", workdir="/w"), "offered")
        world.now += KEPT_FIRST_S
        world.claim("implement", "bob")

    @pytest.mark.parametrize(
        ("to", "kind"),
        [
            ("alice", "not_distinct"),
            ("human", "bad_input"),
            ("task:T1", "bad_input"),
            ("role:implementer", "wrong_role"),
        ],
    )
    def test_a_step_is_handed_to_nobody_who_could_not_claim_it(self, to: str, kind: str) -> None:
        world = World()
        world.implement()
        token = world.claim("review", "rev")
        world.refused(c.HandOff(at=world.now, actor="rev", step="review", token=token, to=to, notes=""), kind)
        world.ok(c.HandOff(at=world.now, actor="rev", step="review", token=token, to="other", notes=""))

    def test_visits_are_bounded(self) -> None:
        world = World(replace(World().workflow, limits=w.Limits(visits=2)))
        for number in range(2):
            world.implement(f"t{number + 1}")
            world.review(outcome="rework", message="again")
        assert world.state.status == s.RUN_BLOCKED
        assert "limit is 2" in world.state.reason


class TestTheEnd:
    def routed_around(self) -> w.Workflow:
        return workflow(
            [w.Step(id="implement", role="a"), w.Step(id="land", kind="land")],
            [("implement", "land"), ("implement", w.END, "skip"), ("land", w.END)],
            gates=[w.RunGate(id="tests", run="pytest")],
            done=("tests",),
        )

    def test_an_edge_round_the_gate_does_not_end_the_run(self) -> None:
        world = World(self.routed_around())
        token = world.claim("implement", "alice")
        world.ok(world.advance("implement", token, "alice", "t1", outcome="skip"))
        assert world.state.status == s.RUN_BLOCKED
        assert "`done` gate" in world.state.reason
        assert world.state.outcome == ""

    def test_a_landing_is_confirmed_once(self) -> None:
        world = World()
        world.implement()
        world.review()
        token = world.claim("land", "lead")
        world.ok(world.prepare(token, tree="t1", patch="patch:t1"))
        confirm = c.ConfirmLanding(at=world.now, actor="lead", step="land", commit="landed-t1")
        world.ok(confirm)
        world.refused(confirm, "run_ended")

    def test_a_prepared_landing_survives_the_loss_of_its_lease(self) -> None:
        world = World()
        world.implement()
        world.review()
        token = world.claim("land", "lead")
        world.ok(world.prepare(token, tree="t1", patch="patch:t1"))
        world.now += 5000
        world.ok(c.Tick(at=world.now, actor="andon"))
        world.refused(c.Claim(at=world.now, actor="other", step="land", workdir=""), "not_ready")
        world.ok(c.ConfirmLanding(at=world.now, actor="lead", step="land", commit="landed-t1"))
        assert world.state.outcome == "landed"


class TestPeople:
    def human(self, **more: object) -> World:
        step = w.Step(id="sign", kind="human", expires_s=50.0, **more)
        definition = workflow(
            [w.Step(id="implement", role="a"), step, w.Step(id="land", kind="land")],
            [
                ("implement", "sign"),
                ("sign", "land"),
                ("sign", "implement", "rejected"),
                ("sign", "implement", "expired"),
                ("land", w.END),
            ],
            gates=[w.ApprovalGate(id="approval", expires_s=80.0)],
            done=("approval",),
        )
        world = World(definition)
        world.implement()
        return world

    def test_a_person_approves(self) -> None:
        world = self.human()
        world.ok(c.Approve(at=world.now, actor="ann"))
        assert list(world.state.active) == ["land"]

    def test_the_author_and_agents_may_not_approve(self) -> None:
        world = self.human()
        world.refused(c.Approve(at=world.now, actor="alice"), "author")
        world.refused(c.Approve(at=world.now, actor="ann", aliases=("alice",)), "author")
        world.refused(c.Approve(at=world.now, actor="robot", agent=True), "not_a_person")
        assert list(world.state.active) == ["sign"]

    def test_expiry_is_not_approval(self) -> None:
        world = self.human(on_expiry="passed")
        world.now += 51
        world.refused(c.Approve(at=world.now, actor="ann"), "expired")
        world.ok(c.Tick(at=world.now, actor="andon"))
        assert list(world.state.active) == ["implement"]

    def test_an_expired_approval_does_not_let_land(self) -> None:
        world = self.human()
        world.ok(c.Approve(at=world.now, actor="ann"))
        world.now += 81
        token = world.claim("land", "lead")
        refusal = world.refused(world.prepare(token, tree="t1", patch="patch:t1"), "pending_gates")
        assert "expired" in refusal.message

    def test_two_people_are_two(self) -> None:
        world = self.human(count=2)
        world.ok(c.Approve(at=world.now, actor="ann"))
        world.ok(c.Approve(at=world.now, actor="ann"))
        assert list(world.state.active) == ["sign"]
        world.ok(c.Approve(at=world.now, actor="ben"))
        assert list(world.state.active) == ["land"]

    def test_only_those_named_decide(self) -> None:
        world = self.human(by=("ben",))
        world.refused(c.Approve(at=world.now, actor="ann"), "not_entitled")
        world.ok(c.Approve(at=world.now, actor="b", aliases=("ben",)))

    def test_a_rejection_sends_back(self) -> None:
        world = self.human()
        world.ok(c.Reject(at=world.now, actor="ann", message="no"))
        assert world.state.active["implement"].reason == "no"

    def test_whoever_stores_the_same_content_as_another_is_an_author_too(self) -> None:
        """A person wrote in the agent's worktree, and the agent stored that a moment before the person did."""
        world = World()
        token = world.claim("implement", "alice")
        world.ok(world.advance("implement", token, "alice", "t1", measured="failed"))
        world.ok(world.advance("implement", token, "alice", "t1", measured="failed", also_by="ann"))
        assert world.state.authors == ("alice", "ann")
        world.refused(c.Waive(at=world.now, actor="ann", gate="tests", why="mine"), "author")

    def test_a_waiver_is_bound_to_the_change(self) -> None:
        world = World()
        world.refused(c.Waive(at=world.now, actor="ann", gate="tests", why="x"), "no_subject")
        token = world.claim("implement", "alice")
        world.ok(world.advance("implement", token, "alice", "t1", measured="failed"))
        world.refused(c.Waive(at=world.now, actor="ann", gate="tests", why=" "), "no_reason")
        world.refused(c.Waive(at=world.now, actor="alice", gate="tests", why="mine"), "author")
        world.ok(c.Waive(at=world.now, actor="ann", gate="tests", why="known"))
        world.ok(world.advance("implement", token, "alice", "t2", measured="failed"))
        assert "implement" in world.state.active
        world.ok(world.advance("implement", token, "alice", "t1", measured="failed"))
        assert list(world.state.active) == ["review"]


def test_a_step_that_waits_for_a_review_goes_on_by_itself() -> None:
    definition = workflow(
        [w.Step(id="implement", role="a", gates=("signed",)), w.Step(id="land", kind="land")],
        [("implement", "land"), ("land", w.END)],
        gates=[w.ApprovalGate(id="signed")],
        done=("signed",),
    )
    world = World(definition)
    token = world.claim("implement", "alice")
    world.ok(world.advance("implement", token, "alice", "t1"))
    assert world.state.active["implement"].state == s.WAITING
    world.ok(c.Approve(at=world.now, actor="ann"))
    assert list(world.state.active) == ["land"]


class TestForks:
    def forked(self, *, writes: bool = False) -> World:
        branch = {"role": "b"} if writes else {"role": "b", "empty": True}
        definition = workflow(
            [
                w.Step(id="implement", role="a"),
                w.Step(id="left", **branch),
                w.Step(id="right", **branch),
                w.Step(id="land", kind="land"),
            ],
            [
                ("implement", "split"),
                ("split", "left"),
                ("split", "right"),
                ("left", "meet"),
                ("right", "meet"),
                ("meet", "land"),
                ("land", w.END),
            ],
            pseudo={"split": "fork", "meet": "join"},
        )
        world = World(definition)
        world.implement()
        return world

    def test_a_join_waits_for_every_branch(self) -> None:
        world = self.forked()
        assert set(world.state.active) == {"left", "right"}
        world.ok(world.advance("left", world.claim("left", "bob"), "bob", "t1"))
        assert set(world.state.active) == {"right"}
        world.ok(world.advance("right", world.claim("right", "carol"), "carol", "t1"))
        assert set(world.state.active) == {"land"}
        assert world.state.submissions[""].tree == "t1"

    def test_branches_that_both_write_are_merged_and_nothing_is_lost(self) -> None:
        world = self.forked(writes=True)
        world.ok(world.advance("left", world.claim("left", "bob"), "bob", "t2"))
        world.ok(world.advance("right", world.claim("right", "carol"), "carol", "t3"))
        assert world.state.active["meet"].kind == "join"
        token = world.claim("meet", "andon")
        merged = world.submission("t23", by="bob")
        world.ok(c.JoinLanes(at=world.now, actor="andon", step="meet", token=token, submission=merged))
        assert world.state.submissions == {"": merged}
        assert set(world.state.active) == {"land"}

    def test_one_branch_that_writes_is_taken(self) -> None:
        world = self.forked(writes=True)
        definition = world.workflow
        steps = {**definition.steps, "left": replace(definition.steps["left"], empty=True)}
        world = World(replace(definition, steps=steps))
        world.implement()
        world.ok(world.advance("left", world.claim("left", "bob"), "bob", "t1"))
        world.ok(world.advance("right", world.claim("right", "carol"), "carol", "t3"))
        assert world.state.submissions[""].tree == "t3"


class TestChoices:
    def chosen(self) -> World:
        definition = workflow(
            [w.Step(id="implement", role="a"), w.Step(id="left", role="b"), w.Step(id="right", role="b")],
            [
                ("implement", "which"),
                ("which", "left", None, "big"),
                ("which", "right"),
                ("left", w.END),
                ("right", w.END),
            ],
            pseudo={"which": "choice"},
        )
        return World(definition)

    def test_the_first_true_condition_or_else(self) -> None:
        world = self.chosen()
        world.conditions = {"big": True}
        world.implement()
        assert list(world.state.active) == ["left"]
        world = self.chosen()
        world.conditions = {"big": False}
        world.implement()
        assert list(world.state.active) == ["right"]

    def test_an_error_in_a_condition_stops_the_run_and_can_be_retried(self) -> None:
        world = self.chosen()
        world.conditions = {"big": ConditionError("no such key")}
        world.implement()
        assert world.state.status == s.RUN_BLOCKED
        assert "no such key" in world.state.reason
        world.conditions = {"big": True}
        world.ok(c.RetryRun(at=world.now, actor="ann"))
        assert list(world.state.active) == ["left"]
        assert world.state.status == s.RUN_OPEN


class TestCommandSteps:
    def world(self) -> World:
        definition = workflow(
            [
                w.Step(id="implement", role="a"),
                w.Step(id="build", kind="command", run="make", attempts=2),
                w.Step(id="fix", role="a"),
            ],
            [
                ("implement", "build"),
                ("build", w.END),
                ("build", "fix", "failed"),
                ("fix", "build"),
            ],
        )
        world = World(definition)
        world.implement()
        return world

    def verdict(self, world: World, outcome: str) -> tuple[object, ...]:
        from andon.core.verdict import Verdict

        subject = world.state.submissions[""].tree_subject
        return (Verdict(gate="run:build", outcome=outcome, summary=outcome, subject=subject, gate_digest="x"),)

    def advance(self, world: World, outcome: str) -> None:
        token = world.claim("build", "andon")
        world.ok(world.advance("build", token, "andon", verdicts=self.verdict(world, outcome)))

    def test_passed_goes_on(self) -> None:
        world = self.world()
        self.advance(world, "passed")
        assert world.state.outcome == "completed"

    def test_failed_leaves_by_its_edge_at_once(self) -> None:
        world = self.world()
        self.advance(world, "failed")
        assert list(world.state.active) == ["fix"]

    def test_unmeasured_is_tried_again_and_never_passes(self) -> None:
        world = self.world()
        self.advance(world, "unmeasured")
        assert list(world.state.active) == ["build"]
        self.advance(world, "unmeasured")
        assert list(world.state.active) == ["fix"]

    def test_a_command_that_was_not_run_does_not_pass(self) -> None:
        world = self.world()
        token = world.claim("build", "andon")
        world.ok(world.advance("build", token, "andon", verdicts=()))
        assert list(world.state.active) == ["build"]


def test_a_signal_is_bound_to_the_tree() -> None:
    definition = workflow(
        [w.Step(id="implement", role="a", gates=("ci",))],
        [("implement", w.END)],
        gates=[w.SignalGate(id="ci", name="ci")],
        done=("ci",),
    )
    world = World(definition)
    token = world.claim("implement", "alice")
    world.ok(world.advance("implement", token, "alice", "t1"))
    world.ok(c.PostSignal(at=world.now, actor="ci", name="ci", tree="t0", outcome="passed"))
    assert world.state.status == s.RUN_OPEN
    world.ok(c.PostSignal(at=world.now, actor="ci", name="ci", tree="t1", outcome="passed"))
    assert world.state.outcome == "completed"


def test_a_run_past_its_wall_time_is_blocked() -> None:
    world = World(replace(World().workflow, limits=w.Limits(wall_time_s=10.0)))
    world.now += 11
    world.ok(c.Tick(at=world.now, actor="andon"))
    assert world.state.status == s.RUN_BLOCKED
    assert "wall-time" in world.state.reason


def test_an_unknown_outcome_is_bad_input() -> None:
    world = World()
    token = world.claim("implement", "alice")
    refusal = world.refused(world.advance("implement", token, "alice", "t1", outcome="done"), "unknown_outcome")
    assert refusal.exit == 64


def test_kinds_that_are_not_built_are_refused_at_the_start() -> None:
    definition = workflow([w.Step(id="send", kind="publish")], [("send", w.END)])
    with pytest.raises(AssertionError, match="unsupported"):
        World(definition)


def test_a_lease_is_its_owners_alone() -> None:
    world = World()
    token = world.claim("implement", "alice")
    world.refused(world.advance("implement", token, "mallory", "t1"), "lease_lost")


def test_who_wrote_salvaged_work_is_an_author() -> None:
    world = World()
    token = world.claim("implement", "alice")
    command = c.HandOff(at=world.now, actor="alice", step="implement", token=token, to="bob", notes="n", salvage="c1")
    world.ok(command)
    world.implement("t1", "bob")
    world.refused(c.Claim(at=world.now, actor="alice", step="review", workdir="/w"), "not_distinct")


def test_a_person_who_acts_in_a_workers_place_is_an_author() -> None:
    world = World()
    token = world.claim("implement", "alice")
    world.ok(world.advance("implement", token, "alice", "t1", also_by="ann"))
    world.refused(c.Waive(at=world.now, actor="ann", gate="tests", why="mine"), "author")


def test_a_waiver_of_a_tree_gate_does_not_cover_the_merged_tree() -> None:
    world = World()
    token = world.claim("implement", "alice")
    world.ok(world.advance("implement", token, "alice", "t1", measured="failed"))
    world.ok(c.Waive(at=world.now, actor="ann", gate="tests", why="known"))
    world.ok(world.advance("implement", token, "alice", "t1", measured="failed"))
    world.review()
    token = world.claim("land", "lead")
    world.refused(world.prepare(token, tree="merged", patch="patch:t1", head="c9", outcome="failed"), "done_gates")
    world.ok(world.prepare(token, tree="t1", patch="patch:t1", outcome="failed"))


def test_work_after_the_landing_is_not_called_landed() -> None:
    definition = workflow(
        [w.Step(id="one", role="a"), w.Step(id="land", kind="land"), w.Step(id="two", role="a")],
        [("one", "land"), ("land", "two"), ("two", w.END)],
    )
    world = World(definition)
    world.ok(world.advance("one", world.claim("one", "alice"), "alice", "t1"))
    world.land()
    world.ok(world.advance("two", world.claim("two", "alice"), "alice", "t2"))
    assert world.state.status == s.RUN_BLOCKED
    assert "after the landing" in world.state.reason


def test_a_landing_refused_after_a_fork_goes_back_to_the_fork() -> None:
    world = TestForks().forked(writes=True)
    world.ok(world.advance("left", world.claim("left", "bob"), "bob", "t2"))
    world.ok(world.advance("right", world.claim("right", "carol"), "carol", "t3"))
    merged = world.submission("t23", by="bob")
    token = world.claim("meet", "andon")
    world.ok(c.JoinLanes(at=world.now, actor="andon", step="meet", token=token, submission=merged))
    token = world.claim("land", "lead")
    refuse = c.RefuseLanding(
        at=world.now, actor="lead", step="land", token=token, how="conflict", reason="x", head="c9", head_tree="t9"
    )
    world.ok(refuse)
    assert set(world.state.active) == {"left", "right"}
    assert world.state.status == s.RUN_OPEN


def test_a_dead_leads_landing_can_be_freed_at_once() -> None:
    world = World()
    world.implement()
    world.review()
    token = world.claim("land", "andon/here:1")
    world.ok(c.Interrupt(at=world.now, actor="andon", step="land", token=token, reason="gone"))
    assert world.state.active["land"].state == s.READY
    assert world.state.active["land"].attempts_used == 0
    other = World()
    token = other.claim("implement", "alice")
    other.refused(
        c.Interrupt(at=other.now, actor="andon", step="implement", token=token, reason="no"), "not_interruptible"
    )


def test_tokens_of_an_attempt_that_is_over_count_all_the_same() -> None:
    world = World(replace(World().workflow, limits=w.Limits(tokens=100)))
    world.implement()
    token = world.state.token
    world.claim("review", "bob")
    late = c.CountTokens(at=world.now, actor="alice", step="implement", token=token, tokens_used=60)
    assert kinds(world.ok(late)) == ["TokensCounted"]
    assert (world.state.tokens_used, world.state.status) == (60, s.RUN_OPEN)
    # A budget does not ask whose step it stops.
    assert kinds(world.ok(late))[-1] == "RunBlocked"
    assert world.state.status == s.RUN_BLOCKED
    assert replay(world.events) == world.state


@pytest.mark.parametrize(
    ("actor", "token", "tokens", "kind"),
    [
        ("mallory", 1, 5, "not_yours"),
        ("alice", 9, 5, "not_yours"),
        ("alice", 0, 5, "not_yours"),
        ("alice", 1, 0, "bad_input"),
        ("alice", 1, -5, "bad_input"),
        ("alice", 1, c.TOKENS_MAX + 1, "bad_input"),
        pytest.param("alice", 1, -(10**5000), "bad_input", id="more digits than are printed"),
    ],
)
def test_only_tokens_of_an_attempt_in_the_run_are_counted(actor: str, token: int, tokens: int, kind: str) -> None:
    world = World()
    world.implement()
    world.refused(c.CountTokens(at=world.now, actor=actor, step="implement", token=token, tokens_used=tokens), kind)
    assert world.state.tokens_used == 0


@pytest.mark.parametrize("tokens", [-1, -500, c.TOKENS_MAX + 1, 10**30])
@pytest.mark.parametrize("later_s", [0.0, 50.0])
def test_a_renewal_counts_no_tokens_out_of_bounds(tokens: int, later_s: float) -> None:
    """Whether or not it is due: tokens below nothing would give back what was used."""
    world = World()
    token = world.claim("implement", "alice")
    world.ok(c.Renew(at=world.now, actor="alice", step="implement", token=token, tokens_used=c.TOKENS_MAX))
    at = world.now + later_s
    world.refused(c.Renew(at=at, actor="alice", step="implement", token=token, tokens_used=tokens), "bad_input")
    assert world.state.tokens_used == c.TOKENS_MAX
