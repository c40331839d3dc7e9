"""A tiny world for tests of the core: a workflow in short notation, a run, and commands with a moving clock."""

from __future__ import annotations

from typing import Any

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core import workflow as w
from andon.core.decide_run import decide_run
from andon.core.errors import Rejected
from andon.core.evolve import evolve
from andon.core.judge import gates_to_measure, protect_digest, subject_of
from andon.core.rules_landing import landing_gates
from andon.core.rules_step import gates_of
from andon.core.verdict import PROTECT_GATE, Submission, Verdict

ENVIRONMENT = "sha256:env"


def workflow(
    steps: list[w.Step],
    edges: list[tuple[str, ...]],
    *,
    gates: list[w.Gate] | None = None,
    done: tuple[str, ...] = (),
    start: str | None = None,
    pseudo: dict[str, str] | None = None,
    roles: dict[str, w.Role] | None = None,
    limits: w.Limits | None = None,
) -> w.Workflow:
    """Edges are (source, target[, outcome[, condition]])."""
    made = []
    for edge in edges:
        source, target, outcome, condition = (*edge, None, None)[:4]
        made.append(w.Edge(source=source, target=target, outcome=outcome or w.PASSED, condition=condition))
    return w.Workflow(
        name="test",
        steps={step.id: step for step in steps},
        edges=tuple(made),
        gates={gate.id: gate for gate in gates or []},
        done=done,
        start=start or steps[0].id,
        pseudo=pseudo or {},
        roles=roles or {},
        limits=limits or w.Limits(),
    )


def standard() -> w.Workflow:
    """implement -> review -> land, with rework; done: tests and review."""
    return workflow(
        [
            w.Step(id="implement", role="implementer", gates=("tests",), attempts=2, lease_s=100),
            w.Step(id="review", role="reviewer", gates=("review",), lease_s=100),
            w.Step(id="land", kind="land"),
        ],
        [
            ("implement", "review"),
            ("review", "implement", "rework"),
            ("review", "land"),
            ("land", w.END),
        ],
        gates=[w.RunGate(id="tests", run="pytest"), w.ReviewGate(id="review", role="reviewer")],
        done=("tests", "review"),
        roles={"implementer": w.Role(), "reviewer": w.Role(distinct_from=("implementer",))},
    )


class World:
    """One run under test."""

    def __init__(self, definition: w.Workflow | None = None) -> None:
        self.workflow = definition or standard()
        self.now = 1000.0
        self.run: s.Run | None = None
        self.events: list[e.Event] = []
        self.conditions: dict[str, bool | Exception] = {}
        self.ok(
            c.StartRun(
                at=self.now,
                actor="lead",
                run="R1",
                task="T1",
                workflow=self.workflow.digest(),
                workflow_name="test",
                definitions="c0",
                target="main",
                base="c0",
                base_tree="t0",
            )
        )

    def evaluate(self, condition: str, _facts: Any) -> bool:
        value = self.conditions[condition]
        if isinstance(value, Exception):
            raise value
        return value

    def do(self, command: c.Command) -> list[e.Event] | Rejected:
        decision = decide_run(self.workflow, self.run, command, self.evaluate)
        if isinstance(decision, Rejected):
            return decision
        for event in decision:
            # Every event survives its own encoding: what is replayed is what was decided.
            again = e.decode(e.encode(event))
            assert again == event
            state = evolve(self.run, again)
            assert isinstance(state, s.Run)
            self.run = state
        self.events += decision
        return decision

    def ok(self, command: c.Command) -> list[e.Event]:
        decision = self.do(command)
        assert not isinstance(decision, Rejected), decision
        return decision

    def refused(self, command: c.Command, kind: str) -> Rejected:
        decision = self.do(command)
        assert isinstance(decision, Rejected), decision
        assert decision.kind == kind, decision
        return decision

    @property
    def state(self) -> s.Run:
        assert self.run is not None
        return self.run

    def claim(self, step: str, agent: str, **more: Any) -> int:
        self.ok(c.Claim(at=self.now, actor=agent, step=step, workdir=f"/w/{agent}", **more))
        lease = self.state.active[step].lease
        assert lease is not None
        assert lease.agent == agent
        return lease.token

    def submission(self, tree: str, *, base: str = "c0", patch: str | None = None, by: str = "") -> Submission:
        base_tree = "t0" if base == "c0" else f"t-{base}"
        return Submission(
            commit=f"commit-{tree}", tree=tree, base=base, base_tree=base_tree, patch=patch or f"patch:{tree}", by=by
        )

    def verdicts(self, ids: tuple[str, ...], what: Submission, outcome: str = "passed") -> tuple[Verdict, ...]:
        """As the verifier would measure them: all with one outcome."""
        protect = Verdict(
            gate=PROTECT_GATE,
            outcome="passed",
            summary="ok",
            subject=what.patch,
            gate_digest=protect_digest(self.workflow),
        )
        measured = [
            Verdict(
                gate=gate.id,
                outcome=outcome,
                summary=outcome,
                subject=subject_of(gate, what),
                gate_digest=w.gate_digest(gate),
                environment_digest=ENVIRONMENT,
            )
            for gate in gates_to_measure(self.workflow, ids)
        ]
        return (protect, *measured)

    def advance(
        self, step: str, token: int, agent: str, tree: str | None = None, measured: str = "passed", **more: Any
    ) -> c.Advance:
        what = self.submission(tree, by=agent) if tree else None
        subject = what or self.state.submissions.get("") or self.submission("t0")
        found = self.verdicts(gates_of(self.workflow, self.workflow.steps[step]), subject, measured)
        more.setdefault("verdicts", found)
        return c.Advance(
            at=self.now,
            actor=agent,
            step=step,
            token=token,
            submission=what,
            environment_digest=ENVIRONMENT,
            **more,
        )

    def implement(self, tree: str = "t1", agent: str = "alice") -> None:
        token = self.claim("implement", agent)
        self.ok(self.advance("implement", token, agent, tree))

    def review(self, agent: str = "bob", **more: Any) -> None:
        token = self.claim("review", agent)
        self.ok(self.advance("review", token, agent, **more))

    def prepare(
        self, token: int, *, tree: str, patch: str, head: str = "c0", outcome: str = "passed"
    ) -> c.PrepareLanding:
        what = self.submission(tree, base=head, patch=patch)
        ids = landing_gates(self.workflow, self.workflow.steps["land"])
        return c.PrepareLanding(
            at=self.now,
            actor="lead",
            step="land",
            token=token,
            head=head,
            commit=f"landed-{tree}",
            tree=tree,
            patch=patch,
            verdicts=self.verdicts(ids, what, outcome),
            environment_digest=ENVIRONMENT,
        )

    def land(self, tree: str = "t1", patch: str = "patch:t1") -> None:
        token = self.claim("land", "lead")
        self.ok(self.prepare(token, tree=tree, patch=patch))
        self.ok(c.ConfirmLanding(at=self.now, actor="lead", step="land", commit=f"landed-{tree}"))
