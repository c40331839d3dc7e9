"""The safeguards of the product, each as the patch that switches it off. The table of them is in `ablations`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from msgspec.structs import replace

from andon.core import commands as c
from andon.core import (
    decide_run,
    evolve,
    judge,
    merge_queue,
    routing,
    rules_landing,
    rules_people,
    rules_session,
    rules_step,
)
from andon.core import events as e
from andon.core import react as reactions
from andon.core import state as s
from andon.core import verdict as v
from andon.core import workflow as w
from andon.core.decide_run import _HANDLERS
from andon.core.errors import Rejected
from andon.engine import judging, landing, offers, proof, runs, sweep, system, transact, trial
from andon.engine import merge_queue as queue
from andon.store.memory import MemoryReader
from andon.testing import verifier as simulated
from andon.testing.git import MemoryGit
from andon.testing.process import ProcessPlaces

Patch = tuple[Any, Any, Any]
"""(owner, name, replacement)"""

# ---------------------------------------------------------------- leases


def no_fencing() -> list[Patch]:
    """Any claim of the step is good, whatever its token."""
    original = rules_step.held_step

    def held_step(run: s.Run, step_id: str, token: int, now: float, actor: str) -> s.ActiveStep | Rejected:
        step = run.active.get(step_id)
        if step is None or step.lease is None:
            return original(run, step_id, token, now, actor)
        return original(run, step_id, step.lease.token, now, step.lease.agent)

    return [(rules_step, "held_step", held_step)]


def no_expiry() -> list[Patch]:
    original = rules_step.held_step
    return [(rules_step, "held_step", lambda run, step, token, _now, actor: original(run, step, token, 0.0, actor))]


def any_agent() -> list[Patch]:
    """The name of the lease's owner is not compared."""
    original = rules_step.held_step

    def held_step(run: s.Run, step_id: str, token: int, now: float, actor: str) -> s.ActiveStep | Rejected:
        step = run.active.get(step_id)
        owner = step.lease.agent if step is not None and step.lease is not None else actor
        return original(run, step_id, token, now, owner)

    return [(rules_step, "held_step", held_step)]


def no_sweep() -> list[Patch]:
    original = decide_run._tick

    def tick(progress: routing.Progress, command: c.Tick) -> Rejected | None:
        held = any(step.lease is not None for step in progress.run.active.values())
        return None if held else original(progress, command)

    return [(sweep, "_expire", lambda *_: None), (_HANDLERS, c.Tick, tick)]


def claim_over() -> list[Patch]:
    """A step may be claimed while somebody holds it."""
    original = decide_run._claim

    def claim(progress: routing.Progress, command: c.Claim) -> Rejected | None:
        step = progress.run.active.get(command.step)
        if step is not None and step.state == s.LEASED:
            free = replace(step, state=s.READY, lease=None)
            progress.run = replace(progress.run, active={**progress.run.active, step.step: free})
        return original(progress, command)

    def queued_steps(self: MemoryReader, **_: Any) -> list[Any]:
        more = {"title": "", "labels": "[]", "scope": "[]", "number": 0, "place": 0}
        return [{**x, **more} for x in self.steps() if x["state"] in (s.READY, s.LEASED) and x["kind"] == "agent"]

    return [
        (_HANDLERS, c.Claim, claim),
        (decide_run, "claim_refusal", lambda *_: None),
        (MemoryReader, "queued_steps", queued_steps),
    ]


def tokens_again() -> list[Patch]:
    """Every lease gets the token 1."""
    original = evolve.evolve

    def evolved(state: s.State | None, event: e.Event) -> s.State | None:
        after = original(state, event)
        return replace(after, token=0) if isinstance(after, s.Run) else after

    return [(evolve, "evolve", evolved)]


def overlaps_offered() -> list[Patch]:
    """Work is given out whoever works on the same paths."""
    return [(offers.Surroundings, "against", lambda *_, **__: "")]


def endless_sessions() -> list[Patch]:
    """A renewal reaches as far as a lease lasts, whatever its session."""
    return [(rules_session, "within", lambda expires_at, _ends_at: expires_at)]


# ---------------------------------------------------------------- verdicts


def any_subject() -> list[Patch]:
    """A verdict counts for whatever is submitted now."""

    def measured(
        gate: w.Gate,
        run: s.Run,
        submission: v.Submission,
        given: tuple[v.Verdict, ...],
        environment_digest: str,
        now: float,
    ) -> v.Verdict:
        found = [x for x in (*run.verdicts.values(), *given) if x.gate == gate.id]
        good = [x for x in found if x.opens] or found
        if good:
            chosen: v.Verdict = good[-1]
            return chosen
        return judge._verdict(gate.id, w.gate_digest(gate), submission.patch, v.UNMEASURED, "never measured", now)

    return [(judge, "_measured", measured), (evolve, "_subjects", lambda _submissions: _Everything())]


class _Everything:
    def __contains__(self, _item: object) -> bool:
        return True


def cache_without_tree() -> list[Patch]:
    """The verdict cache forgets which tree it measured."""
    original = simulated.SimulatedVerifier._run

    def run(self: Any, gate: w.RunGate, what: v.Submission, environment: w.Environment, **named: Any) -> v.Verdict:
        digest = w.gate_digest(gate)
        known = self._process.world.store.get("any", digest, "any")
        if known is not None:
            surroundings = self.environment_digest(environment, what.tree, what.base_tree)
            found: v.Verdict = replace(known, subject=what.tree_subject, environment_digest=surroundings)
            return found
        verdict = original(self, gate, what, environment, **named)
        if verdict.opens:
            self._cache.put("any", digest, "any", verdict)
        return verdict

    return [(simulated.SimulatedVerifier, "_run", run)]


def any_environment() -> list[Patch]:
    """The environment is not part of the binding."""

    def digest(_self: Any, _environment: w.Environment, _tree: str, _base_tree: str) -> str:
        return "sha256:any"

    return [(simulated.SimulatedVerifier, "environment_digest", digest)]


def unmeasured_opens() -> list[Patch]:
    return [(v, "OPENING", frozenset({v.PASSED, v.WAIVED, v.UNMEASURED}))]


def failed_opens() -> list[Patch]:
    return [(v, "OPENING", frozenset({v.PASSED, v.WAIVED, v.FAILED}))]


def pending_opens() -> list[Patch]:
    return [(v, "OPENING", frozenset({v.PASSED, v.WAIVED, v.PENDING}))]


def reviews_last() -> list[Patch]:
    """A review counts for every later change."""
    original = judge._review

    def review(gate: w.ReviewGate, run: s.Run, submission: v.Submission, now: float) -> v.Verdict:
        moved = tuple(replace(x, patch=submission.patch) for x in run.reviews)
        return original(gate, replace(run, reviews=moved), submission, now)

    return [(judge, "_review", review)]


def authors_review() -> list[Patch]:
    original = judge._review

    def review(gate: w.ReviewGate, run: s.Run, submission: v.Submission, now: float) -> v.Verdict:
        return original(gate, replace(run, authors=()), submission, now)

    return [
        (judge, "_review", review),
        (decide_run, "_refuse_worker", lambda *_: None),
    ]


def not_distinct() -> list[Patch]:
    return [(decide_run, "_refuse_worker", lambda *_: None)]


def approvals_last() -> list[Patch]:
    """An approval counts for every later change."""
    original = judge._approval

    def approval(gate: w.ApprovalGate, run: s.Run, submission: v.Submission, now: float) -> v.Verdict:
        moved = tuple(replace(x, patch=submission.patch) for x in run.approvals)
        return original(gate, replace(run, approvals=moved), submission, now)

    return [(judge, "_approval", approval)]


def waivers_last() -> list[Patch]:
    """A waiver covers every later change."""
    original = judge._or_waiver

    def or_waiver(verdict: v.Verdict, run: s.Run, now: float, tree: str | None = None) -> v.Verdict:
        moved = tuple(replace(x, patch=verdict.subject, tree=tree or x.tree) for x in run.waivers)
        return original(verdict, replace(run, waivers=moved), now, tree)

    return [(judge, "_or_waiver", or_waiver)]


def no_protection() -> list[Patch]:
    def protect(self: Any, submission: v.Submission, globs: tuple[str, ...], **_: Any) -> v.Verdict:
        verdict: v.Verdict = self._of_change(v.PROTECT_GATE, "sha256:none", submission, True, "untouched")
        return verdict

    return [(simulated.SimulatedVerifier, "protect", protect)]


def no_judging() -> list[Patch]:
    """A step is left whenever its worker says so."""
    return [(rules_step, "overall", lambda _verdicts: v.PASSED)]


# ---------------------------------------------------------------- people


def agents_approve() -> list[Patch]:
    return [(rules_people, "_refuse_person", lambda *_: None)]


def authors_approve() -> list[Patch]:
    return [(judge, "is_author", lambda *_: False), (judge, "_approval", _approval_of_anybody())]


def _approval_of_anybody() -> Callable[..., v.Verdict]:
    original = judge._approval

    def approval(gate: w.ApprovalGate, run: s.Run, submission: v.Submission, now: float) -> v.Verdict:
        return original(gate, replace(run, authors=()), submission, now)

    return approval


def silence_approves() -> list[Patch]:
    def time_is_up(progress: routing.Progress, step: s.ActiveStep) -> None:
        progress.leave(step.step, w.PASSED, message="nobody objected")

    return [(decide_run, "_time_is_up", time_is_up)]


# ---------------------------------------------------------------- landing


def no_end_check() -> list[Patch]:
    """`done` gates are not asked for: neither at the end, nor on what lands."""
    return [
        (routing.Progress, "_end_refused", lambda *_: ""),
        (rules_landing, "overall", lambda _verdicts: v.PASSED),
        (trial, "waivable", lambda *_: True),
    ]


def no_merge_gates() -> list[Patch]:
    """What was measured before the merge counts for the merged tree."""

    original = judging.measure

    def measure(services: Any, workflow: w.Workflow, run: s.Run, ids: Any, what: v.Submission, **_: Any) -> Any:
        submission = run.submissions.get("", what)
        found, environment = original(services, workflow, run, ids, submission)
        moved = tuple(
            replace(x, subject=what.tree_subject)
            if x.subject == submission.tree_subject
            else replace(x, subject=what.patch)
            for x in found
        )
        return moved, environment

    return [(trial, "measure", measure)]


def no_compare_and_swap() -> list[Patch]:
    def move_branch(self: MemoryGit, branch: str, *, new: str, expected: str, reason: str) -> bool:
        self.repository.references[f"refs/heads/{branch}"] = new
        return True

    return [(MemoryGit, "move_branch", move_branch)]


def no_lead_lock() -> list[Patch]:
    @contextmanager
    def only_lead(_self: Any) -> Iterator[None]:
        yield

    return [(ProcessPlaces, "only_lead", only_lead)]


def no_settling() -> list[Patch]:
    """A landing that a crash interrupted is forgotten."""
    return [
        (landing, "settle_prepared", lambda _services: []),
        (landing, "interrupt_dead_leads", lambda _services: None),
    ]


def always_abandon() -> list[Patch]:
    """A crash in a landing is taken for one before the branch moved."""
    return [(MemoryGit, "is_ancestor", lambda _self, _one, _other: False)]


def confirm_unseen() -> list[Patch]:
    """A prepared landing is taken for done without a look at the branch."""
    return [(MemoryGit, "is_ancestor", lambda _self, _one, _other: True), (judging, "refuse_undoing", lambda *_: None)]


def no_preparing() -> list[Patch]:
    """The branch is moved first, the record follows."""
    original = landing.Lead._land

    def land(self: Any, trial: Any, items: Any) -> Any:
        commit = landing._commit(self._services, trial.entries[items[0]], trial[items[:1]], trial.head, "sha256:none")
        self._services.git.move_branch(trial.target, new=commit, expected=trial.head, reason="early")
        return original(self, trial, items)

    return [(landing.Lead, "_land", land)]


def faults_of_others() -> list[Patch]:
    """Whoever is red in a round goes back, whatever it was red on."""
    original = merge_queue._prefixes

    def prefixes(given: merge_queue.Round, items: merge_queue.Items) -> merge_queue.Decision:
        decision = original(given, items)
        if not (decision.over and decision.back):
            return decision
        red = {check.items for check, told in given.told.items() if told.outcome == merge_queue.RED}
        places = [place for place in range(1, len(items) + 1) if items[:place] in red]
        back = tuple(merge_queue.Back(item=items[n - 1], after=items[: n - 1]) for n in places)
        found: merge_queue.Decision = replace(decision, back=back)
        return found

    return [(merge_queue, "_prefixes", prefixes), (merge_queue, "holds", lambda *_: True)]


def red_once() -> list[Patch]:
    """Nothing is measured again before it goes back."""
    return [(merge_queue, "_worth_another", lambda *_: False)]


def flakes_hidden() -> list[Patch]:
    """That something was red before is forgotten when it passes."""
    return [(v, "measured_again", lambda _before, verdict: verdict)]


def freeze_forgotten() -> list[Patch]:
    """A frozen branch's submissions land like any other's."""
    return [(queue, "freeze_of", lambda *_: None)]


def freeze_looked_at_once() -> list[Patch]:
    """Whether a branch is frozen is asked before the gates run, and not when the landing is recorded."""
    return [(queue, "refuse_frozen", lambda *_: None)]


def evidence_later() -> list[Patch]:
    """The branch moves before the evidence is kept."""
    return [(proof, "publish", lambda *_: None)]


def undoing() -> list[Patch]:
    return [(judging, "refuse_undoing", lambda *_: None)]


def conflict_markers() -> list[Patch]:
    return [(judging, "refuse_conflicts", lambda *_: None)]


# ---------------------------------------------------------------- definitions, transactions, limits


def definitions_of_the_day() -> list[Patch]:
    """A run follows the workflow that the branch has now."""
    original = transact.Definitions.get

    def get(self: transact.Definitions, reader: Any, digest: str) -> w.Workflow:
        return next(reversed(self._known.values())) if self._known else original(self, reader, digest)

    return [(transact.Definitions, "get", get)]


def definitions_of_the_agent() -> list[Patch]:
    """A run takes its workflow from the submission."""
    original = judging._evaluate

    def evaluate(services: Any, claim: Any, run: s.Run, step: s.ActiveStep, **named: Any) -> Any:
        workflow, submission, verdicts, environment = original(services, claim, run, step, **named)
        if submission is None:
            return workflow, submission, verdicts, environment
        content = services.git.read_file(submission.tree, runs.workflow_path("feature"))
        theirs = services.load_workflow((content or b"").decode(), "feature")
        verdicts, environment = judging.measure(services, theirs, run, tuple(theirs.gates), submission)
        renamed = []
        for verdict in verdicts:
            mine = workflow.gates.get(verdict.gate)
            renamed.append(replace(verdict, gate_digest=w.gate_digest(mine)) if mine is not None else verdict)
        guard = judging.protect(services, replace(workflow, protect=()), submission)
        found = replace(guard, gate_digest=judge.protect_digest(workflow))
        return workflow, submission, (found, *renamed), environment

    return [(judging, "_evaluate", evaluate)]


def task_apart() -> list[Patch]:
    """The task is told of its run's end in a transaction of its own, which a crash may forget."""
    original = reactions.react

    def react(state: s.State, event: e.Event) -> list[reactions.Effect]:
        return [
            x
            for x in original(state, event)
            if not (isinstance(event, e.RunEnded) and isinstance(x, reactions.TaskCommand))
        ]

    return [(reactions, "react", react)]


def twice_started() -> list[Patch]:
    """A task may have several runs."""
    original = reactions.react

    def react(state: s.State, event: e.Event) -> list[reactions.Effect]:
        return [x for x in original(state, event) if not isinstance(x, reactions.TaskCommand)]

    return [(reactions, "react", react)]


def lossy_replay() -> list[Patch]:
    """The projection holds what no event says."""
    original = transact.Unit._append

    def append(self: Any, stream: str, state: Any, seq: int, events: Any, cause: Any) -> Any:
        if isinstance(state, s.Run):
            state = replace(state, labels=("in no event",))
        return original(self, stream, state, seq, events, cause)

    return [(transact.Unit, "_append", append)]


def no_blast_wall() -> list[Patch]:
    """What is wrong with one run stops the caller."""

    def passed_over(_services: Any, _run_id: str, error: Exception) -> None:
        raise error

    return [(sweep, "passed_over", passed_over), (transact.Unit, "run", _strict_run())]


def _strict_run() -> Callable[..., s.Run]:
    from andon.core.errors import AndonError, InvariantViolation

    original = transact.Unit.run

    def run(self: Any, run_id: str) -> s.Run:
        try:
            return original(self, run_id)
        except AndonError as error:
            raise InvariantViolation(f"{run_id} can't be read") from error

    return run


def any_tokens() -> list[Patch]:
    """A count of tokens may be any number, also one below nothing."""
    return [(decide_run, "_refuse_tokens", lambda _tokens_used: None)]


def no_submission_limit() -> list[Patch]:
    """Any number of red submissions under one lease."""
    original = rules_step.end_attempt

    def end_attempt(progress: routing.Progress, step: s.ActiveStep, how: str, **named: Any) -> None:
        if how != "exhausted":
            original(progress, step, how, **named)

    return [(rules_step, "end_attempt", end_attempt)]


def join_takes_the_first() -> list[Patch]:
    """A join keeps what one branch made, and forgets the others."""

    def join(services: Any, claim: Any, run: s.Run, step: s.ActiveStep) -> c.JoinLanes:
        made = [run.submissions[lane] for lane in run.lanes.get(step.lane, ()) if lane in run.submissions]
        first = made[0] if made else None
        now = services.clock.now()
        return c.JoinLanes(at=now, actor=claim.agent, step=step.step, token=claim.token, submission=first)

    return [(system, "_join", join)]


def old_approvals_pass() -> list[Patch]:
    """A human step is passed by a word that was given for an earlier change."""
    original = rules_people._settle_human

    def settle(progress: routing.Progress, step: s.ActiveStep, definition: w.Step) -> None:
        original(progress, replace(step, entered_at=0.0), definition)
        if step.step in progress.run.active and any(x.approves and x.step == step.step for x in progress.run.approvals):
            progress.leave(step.step, w.PASSED, message="approved once")

    return [(rules_people, "_settle_human", settle)]


def rejections_forgotten() -> list[Patch]:
    original = judge._approval

    def approval(gate: w.ApprovalGate, run: s.Run, submission: v.Submission, now: float) -> v.Verdict:
        yes = tuple(x for x in run.approvals if x.approves)
        return original(gate, replace(run, approvals=yes), submission, now)

    return [(judge, "_approval", approval)]


def waivers_of_any_tree() -> list[Patch]:
    """A waiver of a gate on the tree covers the same change on every base."""
    original = judge._or_waiver
    return [(judge, "_or_waiver", lambda verdict, run, now, _tree=None: original(verdict, run, now, None))]


def no_attempt_limit() -> list[Patch]:
    original = rules_step.end_attempt

    def end_attempt(progress: routing.Progress, step: s.ActiveStep, how: str, **named: Any) -> None:
        definition = progress.workflow.steps.get(step.step)
        if definition is None:
            return original(progress, step, how, **named)
        endless = replace(definition, attempts=10**6)
        before = progress.workflow
        progress.workflow = replace(before, steps={**before.steps, step.step: endless})
        original(progress, step, how, **named)
        progress.workflow = before
        return None

    return [(rules_step, "end_attempt", end_attempt)]


def work_thrown_away() -> list[Patch]:
    """A worktree is removed without a look at what is in it, and at once."""
    from andon.engine import claims, tidy

    def remove_worktree(services: Any, path: str, _run_id: str) -> None:
        services.git.remove_worktree(path)

    return [
        (claims, "salvage", lambda *_, **__: ""),
        (tidy, "remove_worktree", remove_worktree),
        (tidy, "KEEP_ENDED_S", 0.0),
    ]
