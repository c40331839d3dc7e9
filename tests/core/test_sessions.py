"""Sessions, checkpoints and budgets as rules of the core."""

from __future__ import annotations

import msgspec

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core import workflow as w
from andon.core.decide_run import decide_run
from andon.core.errors import Rejected
from andon.core.evolve import evolve
from andon.core.rules_session import MAX_NOTES_CHARS, MAX_SESSIONS


class Model:
    """A run of one agent step, with the events that its commands gave."""

    def __init__(self, *, limit: int | None = None, **options: object) -> None:
        step = msgspec.structs.replace(w.Step(id="do", lease_s=600.0, attempts=3), **options)
        edges = (w.Edge(source="do", target=w.END),)
        self.workflow = w.Workflow(name="x", start="do", steps={"do": step}, edges=edges, limits=w.Limits(tokens=limit))
        self.run: s.Run | None = None
        start = c.StartRun(
            at=0.0, actor="a", run="R1", task="T1", workflow=self.workflow.digest(), workflow_name="x", definitions="d",
            target="main", base="b", base_tree="t",
        )  # fmt: skip
        self.do(start)

    def do(self, command: c.Command) -> list[e.Event]:
        decided = decide_run(self.workflow, self.run, command, lambda _condition, _facts: False)
        assert not isinstance(decided, Rejected), decided
        for event in decided:
            after = evolve(self.run, event)
            assert isinstance(after, s.Run)
            self.run = after
        return decided

    def refused(self, command: c.Command) -> Rejected:
        decided = decide_run(self.workflow, self.run, command, lambda _condition, _facts: False)
        assert isinstance(decided, Rejected)
        return decided

    def claim(self, at: float) -> None:
        self.do(c.Claim(at=at, actor="ann", step="do", workdir="/w"))

    def renew(self, at: float, tokens: int = 0, notes: str = "", salvage: str = "") -> list[e.Event]:
        return self.do(
            c.Renew(at=at, actor="ann", step="do", token=self.token, tokens_used=tokens, notes=notes, salvage=salvage)
        )

    @property
    def token(self) -> int:
        assert self.run is not None
        return self.run.token

    @property
    def step(self) -> s.ActiveStep:
        assert self.run is not None
        return self.run.active["do"]


def test_no_renewal_reaches_beyond_the_session_and_its_end_is_no_failed_attempt() -> None:
    model = Model(session_s=1500.0)
    model.claim(at=100.0)
    for at in (400.0, 900.0, 1300.0, 1590.0):
        model.renew(at, notes=f"at {at}")
        assert model.step.lease is not None and model.step.lease.expires_at <= 1600.0
    assert model.step.lease is not None and model.step.lease.expires_at == 1600.0
    assert model.refused(c.Renew(at=1600.0, actor="ann", step="do", token=1)).kind == "lease_lost"
    (ended,) = model.do(c.ExpireLease(at=1600.0, actor="andon", step="do", token=1, salvage="abc"))
    assert isinstance(ended, e.AttemptEnded)
    assert (ended.how, ended.counts, ended.notes, ended.salvage) == ("session", False, "at 1590.0", "abc")
    assert model.step.state == s.READY and model.step.attempts_used == 0 and model.step.notes == "at 1590.0"


def test_silence_in_a_session_is_an_expired_lease() -> None:
    model = Model(session_s=1500.0)
    model.claim(at=0.0)
    (ended,) = model.do(c.Tick(at=600.0, actor="andon"))
    assert isinstance(ended, e.AttemptEnded) and (ended.how, ended.counts) == ("expired", True)


def test_sessions_are_bounded() -> None:
    model = Model(session_s=100.0)
    for number in range(MAX_SESSIONS + 1):
        assert model.step.state == s.READY, number
        model.claim(at=1000.0 * number)
        model.do(c.Tick(at=1000.0 * number + 100.0, actor="andon"))
    assert model.step.state == s.BLOCKED and "sessions" in model.step.reason
    model.do(c.RetryRun(at=1e6, actor="pat", step="do"))
    assert model.step.sessions == 0 and model.step.state == s.READY


def test_checkpoint_notes_are_handed_over_however_the_attempt_ends() -> None:
    model = Model()
    model.claim(at=0.0)
    assert [type(x) for x in model.renew(1.0, notes="half done")] == [e.CheckpointNoted]
    assert model.renew(2.0, notes="half done") == [], "the same again is nothing new"
    model.do(c.Release(at=3.0, actor="ann", step="do", token=1))
    assert model.step.notes == "half done"
    model.claim(at=4.0)
    assert model.step.checkpoint == "" and model.step.notes == "half done"
    wrong = c.Renew(at=5.0, actor="ann", step="do", token=2, notes="x" * (MAX_NOTES_CHARS + 1))
    assert model.refused(wrong).kind == "bad_input"


def test_an_attempt_over_its_budget_is_over_and_counts() -> None:
    model = Model(tokens=1000)
    model.claim(at=0.0)
    model.renew(1.0, tokens=1000)
    assert model.step.state == s.LEASED
    events = model.renew(2.0, tokens=1, salvage="abc")
    assert [type(x) for x in events] == [e.LeaseRenewed, e.AttemptEnded]
    assert model.step.attempts_used == 1 and model.step.salvage == "abc"
    assert "used 1001 tokens; its budget is 1000" in model.step.reason
    refused = model.refused(c.Renew(at=3.0, actor="ann", step="do", token=1))
    assert refused.exit == 4 and "its budget is 1000" in refused.message
    model.claim(at=4.0)
    assert model.step.lease is not None and model.step.lease.tokens_used == 0


def test_nothing_is_claimed_when_the_runs_tokens_are_used_up() -> None:
    model = Model(limit=500)
    model.claim(at=0.0)
    model.renew(1.0, tokens=500)
    model.do(c.Release(at=2.0, actor="ann", step="do", token=1))
    (blocked,) = model.do(c.Claim(at=3.0, actor="ann", step="do", workdir="/w"))
    assert isinstance(blocked, e.RunBlocked) and "500 tokens were used; the limit is 500" in blocked.reason
    assert model.step.state == s.BLOCKED
    model.do(c.RetryRun(at=6.0, actor="pat", step="do"))
    model.claim(at=7.0)
    model.renew(8.0, tokens=500)
    assert model.step.state == s.LEASED, "a person gave it as much again"


def test_a_workflow_without_sessions_and_budgets_has_no_such_words() -> None:
    assert b"session" not in Model().workflow.canonical() and b'"tokens":null' in Model().workflow.canonical()
    assert b'"session_s":60.0' in Model(session_s=60.0).workflow.canonical()
