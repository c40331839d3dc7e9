"""`decide_run(workflow, run, command, evaluate) -> events | Rejected`: the rules of a run.

Theory of operation. A run is in one or more active steps. A step is `ready` (anyone entitled may claim it), `leased`
(one owner, with a fencing token), `waiting` (for people, time or signals) or `blocked` (the cord is pulled). Every
write of a claimed step names its token; a token that is not the step's present one, or a lease that is over, is
refused whoever asks (law 6). Leaving a step by `passed` takes open verdicts on the very submission (laws 1 to 4).
Routing is in `routing`, judging in `judge`. Must not know: git, files, clocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import UnsetType

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core import workflow as w
from andon.core.errors import EXIT_DENIED, EXIT_LOST, EXIT_USAGE, InvariantViolation, Rejected
from andon.core.evolve import evolve
from andon.core.judge import is_review_step, judge, overall
from andon.core.later import later
from andon.core.routing import Evaluate, Progress, final_submission
from andon.core.rules_session import (
    budget_of,
    end_over_budget,
    note_checkpoint,
    run_out,
    session_end,
    tokens_over,
    tokens_used_up,
    within,
)
from andon.core.rules_step import (
    advance,
    end_attempt,
    find_step,
    held_step,
    record_judgement,
    record_submission,
    submit,
)
from andon.core.rules_worker import is_offered, kept_until, refuse_agent, refuse_machine, refuse_receiver
from andon.core.verdict import PASSED

if TYPE_CHECKING:
    from andon.core import rules_findings, rules_given, rules_landing, rules_people, rules_question, rules_swarm
else:
    # No claim and no check needs these.
    rules_findings = later("andon.core.rules_findings")
    rules_given = later("andon.core.rules_given")
    rules_landing = later("andon.core.rules_landing")
    rules_people = later("andon.core.rules_people")
    rules_question = later("andon.core.rules_question")
    rules_swarm = later("andon.core.rules_swarm")

MIN_RENEWAL_S = 30.0
"""A renewal that would extend the lease by less than this (or a tenth of the lease) is not worth an event."""
CLOCK_SLACK_S = 60.0
"""A lease may reach so much farther than its length: clocks are corrected by seconds all the time."""
MAX_HANDOFFS = 10

Decision = list[e.Event] | Rejected


def decide_run(workflow: w.Workflow, run: s.Run | None, command: c.Command, evaluate: Evaluate) -> Decision:
    """The events that carry out a command, or why it is refused."""
    if isinstance(command, c.StartRun):
        return _start(workflow, run, command, evaluate)
    if run is None:
        raise InvariantViolation(f"{type(command).__name__} for a run that does not exist")
    if run.status == s.RUN_ENDED:
        if isinstance(command, c.Tick):
            return []
        text = f"run {run.id} has ended ({run.outcome})"
        exit_code = EXIT_LOST if hasattr(command, "token") else 1
        return Rejected(kind="run_ended", message=text, next=f"andon show {run.id}", exit=exit_code)
    handler = _HANDLERS.get(type(command))
    if handler is None:
        raise InvariantViolation(f"no rule for command {type(command).__name__} on a run")
    progress = Progress(workflow, run, command.at, command.actor, evaluate)
    refusal = handler(progress, command)
    return refusal if refusal is not None else progress.events


UNSUPPORTED_KINDS = frozenset({"publish"})


def unsupported(workflow: w.Workflow) -> list[str]:
    """What a workflow asks for that this version can't carry out; a run of it is refused at the start."""
    steps = [f"step {x.id} of kind {x.kind}" for x in workflow.steps.values() if x.kind in UNSUPPORTED_KINDS]
    gates = [f"gate {x.id} of kind policy" for x in workflow.gates.values() if isinstance(x, w.PolicyGate)]
    return steps + gates


def _start(workflow: w.Workflow, run: s.Run | None, command: c.StartRun, evaluate: Evaluate) -> Decision:
    if run is not None:
        raise InvariantViolation(f"run id {command.run} given out twice")
    if missing := unsupported(workflow):
        text = f"workflow {workflow.name} uses what this version does not carry out: {', '.join(missing)}"
        return Rejected(kind="unsupported", message=text, next="change the workflow", exit=EXIT_USAGE)
    if workflow.digest() != command.workflow:
        raise InvariantViolation(f"run {command.run} was started with another workflow than it names")
    started = e.RunStarted(
        at=command.at,
        actor=command.actor,
        run=command.run,
        task=command.task,
        workflow=command.workflow,
        workflow_name=command.workflow_name,
        definitions=command.definitions,
        target=command.target,
        base=command.base,
        base_tree=command.base_tree,
        scope=command.scope,
        priority=command.priority,
        labels=command.labels,
        parent=command.parent,
        depth=command.depth,
        budget=command.budget,
    )
    state = evolve(None, started)
    if not isinstance(state, s.Run):
        raise InvariantViolation("RunStarted gave another kind of state")
    progress = Progress(workflow, state, command.at, command.actor, evaluate)
    progress.walk(workflow.start, "", w.PASSED)
    return [started, *progress.events]


# ---------------------------------------------------------------- leases


def _claim(progress: Progress, command: c.Claim) -> Rejected | None:
    run = progress.run
    step = run.active.get(command.step)
    if step is not None and step.lease is not None and command.at >= step.lease.expires_at:
        run_out(progress, step, step.lease)
        step = progress.run.active.get(command.step)
    if step is None:
        text = f"step {command.step} of run {run.id} is not active"
        return Rejected(kind="not_active", message=text, next="andon next", exit=EXIT_LOST)
    if step.state != s.READY:
        owner = f" by {step.lease.agent}" if step.lease else ""
        text = f"step {step.step} of run {run.id} is {step.state}{owner}"
        if len(progress.events) > 0:
            return None
        return Rejected(kind="not_ready", message=text, next="andon next", exit=3)
    if step.prepared is not None:
        text = f"step {step.step} of run {run.id} has a prepared landing that must be settled first"
        return Rejected(kind="not_ready", message=text, next="andon lead", exit=3)
    if refusal := _refuse_worker(progress, step, command):
        return refusal if not progress.events else None
    if reason := tokens_used_up(progress):
        progress.block(step.step, reason)
        return None
    definition = progress.workflow.steps.get(step.step)
    lease_s = command.lease_s or (definition.lease_s if definition else 600.0)
    ends_at = session_end(definition, command.at)
    progress.emit(
        e.StepClaimed(
            at=command.at,
            actor=command.actor,
            step=step.step,
            agent=command.actor,
            role=step.role,
            attempt=step.attempt + 1,
            token=run.token + 1,
            lease_s=lease_s,
            expires_at=within(command.at + lease_s, ends_at),
            workdir=command.workdir,
            person=command.person,
            client=command.client,
            model=command.model,
            session_ends_at=ends_at,
            budget=budget_of(definition),
        )
    )
    return None


def _refuse_worker(progress: Progress, step: s.ActiveStep, command: c.Claim) -> Rejected | None:
    if command.role is not None and step.role and command.role != step.role:
        text = f"step {step.step} is for role {step.role}, not {command.role}"
        return Rejected(kind="wrong_role", message=text, next=f"andon next --role {step.role}", exit=EXIT_DENIED)
    if step.offered_to and not is_offered(step, command.actor, command.at):
        text = f"step {step.step} of run {progress.run.id} was handed to {step.offered_to}"
        return Rejected(kind="offered", message=text, next="andon next", exit=3)
    machine = ((command.client, command.model),)
    return refuse_agent(progress, step, command.actor) or refuse_machine(progress, step, command.actor, machine)


def claim_refusal(
    workflow: w.Workflow,
    run: s.Run,
    step_id: str,
    agent: str,
    role: str | None,
    now: float = 0.0,
    machine: tuple[str, str] = ("", ""),
) -> Rejected | None:
    """Why this agent could not claim the step now, None when it could; for choosing among ready steps."""
    step = run.active.get(step_id)
    if step is None or step.state != s.READY:
        state = step.state if step is not None else "not active"
        return Rejected(kind="not_ready", message=f"step {step_id} of run {run.id} is {state}", exit=3)
    client, model = machine
    command = c.Claim(at=now, actor=agent, step=step_id, workdir="", role=role, client=client, model=model)
    progress = Progress(workflow, run, 0.0, agent, lambda _condition, _facts: False)
    return _refuse_worker(progress, step, command)


def receiver_refusal(workflow: w.Workflow, run: s.Run, step: s.ActiveStep, to: str, agent: str) -> Rejected | None:
    """Why the step can't be handed to this one; before anything is measured for it."""
    return refuse_receiver(Progress(workflow, run, 0.0, agent, lambda _condition, _facts: False), step, to)


def hand_refusal(workflow: w.Workflow, run: s.Run, step_id: str, token: int, agent: str) -> Rejected | None:
    """Why this agent may not work on a claim for the person who holds it, None when it may."""
    step = run.active.get(step_id)
    definition = workflow.steps.get(step_id)
    if step is None or step.lease is None or definition is None or step.lease.token != token:
        # `held_step` says the same to whoever holds the claim, in its own words.
        return None
    if not step.lease.person:
        text = (
            f"step {step_id} of run {run.id} is {step.lease.agent}'s, who is no person; only a person's claim is shared"
        )
        return Rejected(kind="not_yours", message=text, next="andon next claims work of your own", exit=EXIT_LOST)
    if is_review_step(workflow, definition):
        text = f"step {step_id} of run {run.id} is a review; nobody gives it but {step.lease.agent}, who claimed it"
        return Rejected(kind="not_yours", message=text, next="andon next claims work of your own", exit=EXIT_LOST)
    command = c.Claim(at=0.0, actor=agent, step=step_id, workdir="")
    progress = Progress(workflow, run, 0.0, agent, lambda _condition, _facts: False)
    return _refuse_worker(progress, step, command)


def _renew(progress: Progress, command: c.Renew) -> Rejected | None:
    step = held_step(progress.run, command.step, command.token, command.at, command.actor)
    if isinstance(step, Rejected):
        return step
    lease = step.lease
    if lease is None:
        raise InvariantViolation("a held step has a lease")
    if refusal := _refuse_tokens(command.tokens_used) or note_checkpoint(progress, step, command):
        return refusal
    expires_at = within(command.at + lease.lease_s, lease.session_ends_at)
    if expires_at - lease.expires_at >= min(MIN_RENEWAL_S, lease.lease_s / 10) or command.tokens_used > 0:
        progress.emit(
            e.LeaseRenewed(
                at=command.at,
                actor=command.actor,
                step=step.step,
                token=command.token,
                expires_at=max(expires_at, lease.expires_at),
                tokens_used=command.tokens_used,
            )
        )
        end_over_budget(progress, step.step, command.salvage)
        if (reason := tokens_over(progress)) and step.step in progress.run.active:
            progress.block(step.step, reason)
    return None


def _count_tokens(progress: Progress, command: c.CountTokens) -> Rejected | None:
    """A budget holds for what was used, whether or not the lease still is (law 13). Nobody gains anything by it."""
    run = progress.run
    acted = {agent for agents in run.roles.values() for agent in agents} | set(run.authors)
    if not 1 <= command.token <= run.token or command.actor not in acted:
        text = f"{command.actor} had no attempt {command.token} in run {run.id} whose tokens could be counted"
        return Rejected(kind="not_yours", message=text, exit=EXIT_LOST)
    if command.tokens_used == 0:
        return Rejected(kind="bad_input", message="no tokens were given", next=_COUNT_NEXT, exit=EXIT_USAGE)
    if refusal := _refuse_tokens(command.tokens_used):
        return refusal
    progress.emit(
        e.TokensCounted(
            at=command.at,
            actor=command.actor,
            step=command.step,
            token=command.token,
            tokens_used=command.tokens_used,
        )
    )
    if reason := tokens_over(progress):
        for step in list(run.active.values()):
            if step.prepared is None and step.state != s.BLOCKED:
                progress.block(step.step, reason)
    return None


_COUNT_NEXT = "give the tokens used since the last count"


def _refuse_tokens(tokens_used: int) -> Rejected | None:
    """What was used is used: a count below nothing would give tokens back to the budget (law 13)."""
    if 0 <= tokens_used <= c.TOKENS_MAX:
        return None
    text = f"one count of tokens is 0 to {c.TOKENS_MAX:,}, and {_shown(tokens_used)} is not"
    return Rejected(kind="bad_input", message=text, next=_COUNT_NEXT, exit=EXIT_USAGE)


def _shown(number: int) -> str:
    return str(number) if abs(number) <= 10**20 else "a number of more than 20 digits"


def _release(progress: Progress, command: c.Release) -> Rejected | None:
    step = held_step(progress.run, command.step, command.token, command.at, command.actor)
    if isinstance(step, Rejected):
        return step
    end_attempt(progress, step, "released", reason=command.reason, salvage=command.salvage, counts=command.counts)
    return None


def _hand_off(progress: Progress, command: c.HandOff) -> Rejected | None:
    step = held_step(progress.run, command.step, command.token, command.at, command.actor)
    if isinstance(step, Rejected):
        return step
    if refusal := refuse_receiver(progress, step, command.to):
        return refusal
    if refusal := _refuse_hand_off(progress, step, command):
        return refusal
    step = progress.run.active[step.step]
    end_attempt(
        progress,
        step,
        "handed_off",
        reason=f"handed off by {command.actor}",
        salvage=command.salvage,
        counts=False,
        to=command.to,
        offered_until=kept_until(command.at, command.actor, command.to),
        notes=command.notes,
        artifacts=command.artifacts,
    )
    if progress.run.active[step.step].handoffs > MAX_HANDOFFS:
        progress.block(step.step, f"handed off more than {MAX_HANDOFFS} times in one visit")
    return None


def handoff_gates(workflow: w.Workflow, step: w.Step, more: Sequence[str] = ()) -> tuple[str, ...]:
    """The gates that must open before a step is handed off: those that the workflow names, and those asked for."""
    own = () if isinstance(step.handoff_gates, UnsetType) else step.handoff_gates
    return tuple(dict.fromkeys((*own, *more)))


def _refuse_hand_off(progress: Progress, step: s.ActiveStep, command: c.HandOff) -> Rejected | None:
    """A gated hand-off hands over what is submitted, once its gates open on that; else nothing changes."""
    definition = progress.workflow.steps.get(step.step)
    ids = handoff_gates(progress.workflow, definition, command.gates) if definition is not None else ()
    if unknown := [name for name in ids if name not in progress.workflow.gates]:
        text = f"workflow {progress.workflow.name} has no gate {', '.join(unknown)}"
        known = f"it has: {', '.join(progress.workflow.gates)}"
        return Rejected(kind="unknown_gate", message=text, next=known, exit=EXIT_USAGE)
    if not ids:
        return None
    if command.submission is not None and definition is not None and not is_review_step(progress.workflow, definition):
        record_submission(progress, step, command.token, command.submission, command.also_by)
    subject = command.submission or progress.run.submissions.get(step.lane) or final_submission(progress.run)
    verdicts = judge(
        progress.workflow, progress.run, ids, subject, command.verdicts, command.environment_digest, command.at
    )
    if overall(verdicts) != PASSED:
        closed = "; ".join(f"gate {x.gate} {x.outcome}: {x.summary}" for x in verdicts if not x.opens)
        text = f"step {step.step} of run {progress.run.id} may not be handed off: {closed}"
        return Rejected(kind="red", message=text, next="fix it, then hand off again; andon release gives the step up")
    record_judgement(progress, step.step, verdicts, command.environment_digest)
    return None


def _interrupt(progress: Progress, command: c.Interrupt) -> Rejected | None:
    step = find_step(progress.run, command.step)
    if isinstance(step, Rejected):
        return step
    if step.kind not in s.SYSTEM_KINDS or step.lease is None or step.lease.token != command.token:
        text = f"step {command.step} of run {progress.run.id} is not carried out by Andon under lease {command.token}"
        return Rejected(kind="not_interruptible", message=text)
    end_attempt(progress, step, "interrupted", reason=command.reason, counts=False)
    return None


def _expire(progress: Progress, command: c.ExpireLease) -> Rejected | None:
    step = find_step(progress.run, command.step)
    if isinstance(step, Rejected):
        return step
    lease = step.lease
    if lease is None or lease.token != command.token or command.at < lease.expires_at:
        text = f"the lease of step {command.step} of run {progress.run.id} has not expired"
        return Rejected(kind="not_expired", message=text)
    run_out(progress, step, lease, salvage=command.salvage)
    return None


def _shorten(progress: Progress, command: c.ShortenLease) -> Rejected | None:
    """Its owner keeps it, for as long as a lease lasts; else a dead owner would hold it until the old time comes again."""
    step = find_step(progress.run, command.step)
    if isinstance(step, Rejected):
        return step
    lease = step.lease
    if lease is None or lease.token != command.token or lease.expires_at <= command.at + lease.lease_s + CLOCK_SLACK_S:
        text = f"the lease of step {command.step} of run {progress.run.id} is not too long"
        return Rejected(kind="not_expired", message=text)
    expires_at = command.at + lease.lease_s
    progress.emit(
        e.LeaseRenewed(
            at=command.at, actor=command.actor, step=step.step, token=lease.token, expires_at=expires_at, tokens_used=0
        )
    )
    return None


# ---------------------------------------------------------------- findings


def _advance(progress: Progress, command: c.Advance) -> Rejected | None:
    refusal = advance(progress, command)
    if refusal is None and command.resolve and progress.run.status == s.RUN_OPEN:
        rules_people.settle(progress)
    return refusal


def _resolve(progress: Progress, command: c.ResolveFindings) -> Rejected | None:
    """Whatever waited for it goes on at once."""
    refusal = rules_findings.resolve_findings(progress, command)
    if refusal is None and progress.run.status == s.RUN_OPEN:
        rules_people.settle(progress)
    return refusal


# ---------------------------------------------------------------- time


def _tick(progress: Progress, command: c.Tick) -> Rejected | None:
    for step in list(progress.run.active.values()):
        if progress.run.status == s.RUN_ENDED:
            return None
        lease = step.lease
        if lease is not None and command.at >= lease.expires_at:
            run_out(progress, step, lease)
        elif step.state == s.WAITING and step.due_at is not None and command.at >= step.due_at:
            _time_is_up(progress, step)
    if progress.run.status == s.RUN_OPEN:
        rules_people.settle(progress)
    rules_swarm.drop_again(progress)
    _limit_wall_time(progress, command)
    return None


def _time_is_up(progress: Progress, step: s.ActiveStep) -> None:
    if step.question:
        rules_question.question_expired(progress, step)
        return
    definition = progress.workflow.steps[step.step]
    if definition.kind == "wait" and definition.signal is None:
        progress.leave(step.step, w.PASSED, message="the time is over")
        return
    # Expiry is not approval (law 11): whatever the file says, silence never counts as `passed`.
    outcome = definition.on_expiry if definition.on_expiry != w.PASSED else w.EXPIRED
    progress.leave(step.step, outcome, message="nobody answered in time")


def _limit_wall_time(progress: Progress, command: c.Tick) -> None:
    run, limit = progress.run, progress.workflow.limits.wall_time_s
    if run.status != s.RUN_OPEN or command.at - run.clock_from <= limit:
        return
    for step in list(run.active.values()):
        if step.prepared is None and step.state != s.BLOCKED:
            progress.block(step.step, f"the run took longer than its wall-time limit of {limit:.0f} s")


# ---------------------------------------------------------------- people's control


def _retry(progress: Progress, command: c.RetryRun) -> Rejected | None:
    blocked = [x for x in progress.run.active.values() if x.state == s.BLOCKED and command.step in ("", x.step)]
    if not blocked:
        text = f"run {progress.run.id} has no blocked step" + (f" {command.step}" if command.step else "")
        return Rejected(kind="not_blocked", message=text, next=f"andon show {progress.run.id}")
    used = progress.run.tokens_used if progress.workflow.limits.tokens is not None else 0
    progress.emit(
        e.RunUnblocked(at=command.at, actor=command.actor, step=command.step, reason=command.reason, tokens_from=used)
    )
    for step in blocked:
        if step.kind in w.PSEUDO_KINDS and step.kind != "join":
            progress.emit(e.StepFinished(at=command.at, actor=command.actor, step=step.step, outcome="retried"))
            progress.walk(step.step, step.lane, w.PASSED)
        elif step.kind == "land" and progress.run.landed_tree:
            progress.leave(step.step, w.PASSED)
    return None


def _cancel(progress: Progress, command: c.CancelRun) -> Rejected | None:
    if any(step.prepared is not None for step in progress.run.active.values()):
        text = f"run {progress.run.id} is landing at this moment"
        return Rejected(kind="landing", message=text, next="andon lead, then try again", exit=3)
    progress.emit(e.RunEnded(at=command.at, actor=command.actor, outcome="cancelled", reason=command.reason))
    return None


_Rule = Callable[[Progress, Any], Rejected | None]


def _of(find: Callable[[], _Rule]) -> _Rule:
    """A rule of a module that is imported when the rule is needed."""

    def rule(progress: Progress, command: Any) -> Rejected | None:
        return find()(progress, command)

    return rule


_HANDLERS: dict[type[c.Command], _Rule] = {
    c.Claim: _claim,
    c.Renew: _renew,
    c.CountTokens: _count_tokens,
    c.GiveLearnings: _of(lambda: rules_given.give_learnings),
    c.Release: _release,
    c.HandOff: _hand_off,
    c.Park: _of(lambda: rules_question.park),
    c.Resume: _of(lambda: rules_question.resume),
    c.ExpireLease: _expire,
    c.ShortenLease: _shorten,
    c.Interrupt: _interrupt,
    c.Submit: submit,
    c.Advance: _advance,
    c.ResolveFindings: _resolve,
    c.ReopenFinding: _of(lambda: rules_findings.reopen_finding),
    c.Approve: _of(lambda: rules_people.approve),
    c.Reject: _of(lambda: rules_people.reject),
    c.PostSignal: _of(lambda: rules_people.post_signal),
    c.Waive: _of(lambda: rules_people.waive),
    c.Tick: _tick,
    c.PrepareLanding: _of(lambda: rules_landing.prepare_landing),
    c.ConfirmLanding: _of(lambda: rules_landing.confirm_landing),
    c.AbandonLanding: _of(lambda: rules_landing.abandon_landing),
    c.RefuseLanding: _of(lambda: rules_landing.refuse_landing),
    c.JoinLanes: _of(lambda: rules_landing.join_lanes),
    c.HandOn: _of(lambda: rules_swarm.hand_on),
    c.EndChild: _of(lambda: rules_swarm.end_child),
    c.BeginMerge: _of(lambda: rules_swarm.begin_merge),
    c.MergeChildren: _of(lambda: rules_swarm.merge_children),
    c.DropChildren: _of(lambda: rules_swarm.drop_children),
    c.JoinChildren: _of(lambda: rules_swarm.join_children),
    c.RetryRun: _retry,
    c.CancelRun: _cancel,
}
