"""The rules of messages, of steps that wait for an answer, and of findings."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core import workflow as w
from andon.core.decide import decide_message
from andon.core.errors import Rejected
from andon.core.evolve import replay
from andon.core.rules_message import MAX_MAILBOX, MAX_REPEATS, MAX_SENT
from andon.core.rules_question import MAX_QUESTIONS, OFFER_FIRST_S
from andon.core.verdict import Finding
from tests.core.harness import World, standard, workflow

BLOCKING = Finding(message="wrong", path="a.py", line=3, severity="blocking")


def sent(**more: Any) -> c.SendMessage:
    values = {"message": "M1", "kind": "say", "recipient": "bob", "body": "hello", **more}
    return c.SendMessage(at=1.0, actor="alice", **values)


class TestMessages:
    @pytest.mark.parametrize(
        ("more", "kind"),
        [
            ({"body": " "}, "bad_message"),
            ({"body": "x" * 64_001}, "bad_message"),
            ({"waiting": MAX_MAILBOX}, "mailbox_full"),
            ({"recent": MAX_SENT}, "too_many_messages"),
        ],
    )
    def test_limits(self, more: dict[str, Any], kind: str) -> None:
        decision = decide_message(None, sent(**more))
        assert isinstance(decision, Rejected) and decision.kind == kind and decision.next

    def test_a_hand_off_is_not_held_back_by_a_full_mailbox(self) -> None:
        decision = decide_message(None, sent(kind="handoff", waiting=MAX_MAILBOX, recent=MAX_SENT))
        assert not isinstance(decision, Rejected)

    def test_a_message_begins_a_thread_of_its_own(self) -> None:
        decision = decide_message(None, sent())
        assert isinstance(decision, list) and isinstance(decision[0], e.MessageSent)
        assert decision[0].thread == "M1"

    def test_repetitions_are_recorded_until_somebody_has_read_it(self) -> None:
        events: list[e.Event] = [
            e.MessageSent(at=1.0, actor="alice", message="M1", kind="say", recipient="b", body="x")
        ]
        again = c.RepeatMessage(at=2.0, actor="alice")
        for _ in range(MAX_REPEATS + 5):
            message = replay(events)
            assert isinstance(message, s.Message)
            decision = decide_message(message, again)
            assert not isinstance(decision, Rejected)
            events += decision
        assert message.repeated == MAX_REPEATS
        events.append(e.MessageAcknowledged(at=3.0, actor="b", by="b"))
        read = replay([*events[:2], events[-1]])
        assert isinstance(read, s.Message)
        assert decide_message(read, again) == []


def park(world: World, token: int, question: str = "M1", **more: Any) -> c.Park:
    return c.Park(at=world.now, actor="alice", step="implement", token=token, question=question, **more)


class TestQuestions:
    def test_a_parked_step_is_nobodys_and_uses_up_no_attempt(self) -> None:
        world = World()
        token = world.claim("implement", "alice")
        world.ok(park(world, token))
        step = world.state.active["implement"]
        assert (step.state, step.lease, step.attempts_used, step.question) == (s.WAITING, None, 0, "M1")
        world.refused(c.Renew(at=world.now, actor="alice", step="implement", token=token), "lease_lost")
        # Time alone moves nothing, however often it acts.
        world.now += 10_000
        assert world.ok(c.Tick(at=world.now, actor="andon")) == []

    def test_the_asker_is_first_and_others_come_after_a_while(self) -> None:
        world = World()
        world.ok(park(world, world.claim("implement", "alice")))
        world.ok(c.Resume(at=world.now, actor="ann", step="implement", question="M1"))
        other = c.Claim(at=world.now, actor="bob", step="implement", workdir="/w")
        world.refused(other, "offered")
        world.now += OFFER_FIRST_S
        world.claim("implement", "bob")

    def test_an_answer_that_comes_late_changes_nothing(self) -> None:
        world = World()
        world.ok(park(world, world.claim("implement", "alice")))
        assert world.ok(c.Resume(at=world.now, actor="ann", step="implement", question="M2")) == []
        world.ok(c.Resume(at=world.now, actor="ann", step="implement", question="M1"))
        world.claim("implement", "alice")
        assert world.ok(c.Resume(at=world.now, actor="ann", step="implement", question="M1")) == []

    def test_a_void_question(self) -> None:
        world = World()
        world.ok(park(world, world.claim("implement", "alice"), due_at=world.now + 50))
        world.now += 50
        (event,) = world.ok(c.Tick(at=world.now, actor="andon"))
        assert isinstance(event, e.StepResumed) and (event.how, event.reason) == (
            "expired",
            "nobody answered M1 in time",
        )
        world.ok(park(world, world.claim("implement", "alice"), "M2", due_at=world.now + 50, on_expiry="cord"))
        world.now += 50
        (event,) = world.ok(c.Tick(at=world.now, actor="andon"))
        assert isinstance(event, e.RunBlocked)
        world.ok(c.RetryRun(at=world.now, actor="ann"))
        step = world.state.active["implement"]
        assert (step.state, step.question, step.offered_to, step.due_at) == (s.READY, "", "", None)

    def test_a_visit_waits_only_so_often(self) -> None:
        world = World()
        for number in range(MAX_QUESTIONS + 1):
            world.ok(park(world, world.claim("implement", "alice"), f"M{number}"))
            if number < MAX_QUESTIONS:
                world.ok(c.Resume(at=world.now, actor="ann", step="implement", question=f"M{number}"))
        assert world.state.active["implement"].state == s.BLOCKED

    def test_approvals_and_signals_do_not_pass_a_step_that_waits_for_an_answer(self) -> None:
        gates: list[w.Gate] = [w.ApprovalGate(id="consent")]
        world = World(
            workflow(
                [w.Step(id="implement", gates=("consent",))], [("implement", w.END)], gates=gates, done=("consent",)
            )
        )
        token = world.claim("implement", "alice")
        what = world.submission("t1")
        world.ok(c.Submit(at=world.now, actor="alice", step="implement", token=token, submission=what))
        world.ok(park(world, token))
        world.refused(c.Approve(at=world.now, actor="ann"), "not_waiting")


class TestFindings:
    def reworked(self, **options: Any) -> World:
        definition = standard()
        if options:
            from msgspec.structs import replace

            role = replace(definition.roles["reviewer"], **options)
            definition = replace(definition, roles={**definition.roles, "reviewer": role})
        world = World(definition)
        world.implement("t1")
        token = world.claim("review", "bob")
        world.ok(world.advance("review", token, "bob", outcome="rework", findings=(BLOCKING,)))
        world.implement("t2")
        return world

    def test_numbers_go_on(self) -> None:
        world = self.reworked()
        note = Finding(message="nice", severity="note")
        token = world.claim("review", "carol")
        world.ok(world.advance("review", token, "carol", outcome="rework", findings=(note, BLOCKING, note)))
        assert [(x.id, x.agent, x.holds) for x in world.state.findings] == [
            ("F1", "bob", True),
            ("F2", "carol", False),
            ("F3", "carol", True),
        ]

    def test_an_approval_by_another_waits_for_the_word_of_who_raised_it(self) -> None:
        world = self.reworked()
        world.review("carol")
        step = world.state.active["review"]
        assert (step.state, step.reason) == (s.WAITING, "waits for F1 to be resolved")
        assert world.ok(c.Tick(at=world.now, actor="andon")) == []
        resolve = c.ResolveFindings(at=world.now, actor="carol", findings=("F1",), why="mended")
        world.refused(resolve, "not_yours")
        world.ok(c.ResolveFindings(at=world.now, actor="bob", findings=("F1",), why="mended"))
        assert "land" in world.state.active

    def test_an_author_may_not_not_even_as_a_person_or_under_another_name(self) -> None:
        world = self.reworked()
        for actor, aliases, person in (("alice", (), False), ("alice", (), True), ("al", ("alice",), True)):
            command = c.ResolveFindings(
                at=world.now, actor=actor, findings=("F1",), why="x", person=person, aliases=aliases
            )
            world.refused(command, "author")

    def test_nothing_lands_over_an_open_finding(self) -> None:
        world = self.reworked()
        world.review("bob")
        world.ok(c.ReopenFinding(at=world.now, actor="ann", finding="F1", why="look again", person=True))
        token = world.claim("land", "lead")
        refused = world.refused(world.prepare(token, tree="t2", patch="patch:t2"), "done_gates")
        assert "open blocking findings: F1 (bob) a.py:3: wrong" in refused.message

    def test_it_is_not_reopened_once_the_landing_is_prepared(self) -> None:
        world = self.reworked()
        world.review("bob")
        token = world.claim("land", "lead")
        world.ok(world.prepare(token, tree="t2", patch="patch:t2"))
        reopen = c.ReopenFinding(at=world.now, actor="ann", finding="F1", why="look again", person=True)
        world.refused(reopen, "landing")

    def test_a_role_that_resolves(self) -> None:
        world = self.reworked(resolve="role")
        token = world.claim("review", "carol")
        world.ok(world.advance("review", token, "carol", resolve=("F1",), message="mended"))
        assert "land" in world.state.active

    def test_old_reviews_are_history(self) -> None:
        """A log from before findings were kept: its blocking findings count in their review, and nowhere else."""
        world = World()
        world.implement("t1")
        token = world.claim("review", "bob")
        decided = world.advance("review", token, "bob", outcome="rework", findings=(BLOCKING,))
        world.ok(decided)
        old = [x for x in world.events if not isinstance(x, e.FindingsRaised)]
        run = replay(old)
        assert isinstance(run, s.Run) and run.findings == () and run.reviews[0].findings == (BLOCKING,)


def test_defaults_keep_digests() -> None:
    assert w.gate_digest(w.ReviewGate(id="r", role="x")) == w.gate_digest(
        w.ReviewGate(id="r", role="x", distinct_model=UNSET, distinct_client=UNSET)
    )
    assert b"handoff" not in standard().canonical() and b"resolve" not in standard().canonical()
