"""`evolve(state, event) -> state`: the only place where state changes.

Theory of operation: each event type has one small function, here or in `evolve_task`,
`evolve_message` and `evolve_learning`. They trust the events (a decision was made when the
event was written) and raise `InvariantViolation` only for what can't have happened: an event for another aggregate,
a step that is not active. Replaying a log with these functions gives the projections again (law 9).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from andon.core import events as e
from andon.core import state as s
from andon.core.errors import InvariantViolation
from andon.core.evolve_finding import FINDING_EVENTS, with_machine
from andon.core.evolve_task import TASK_EVENTS
from andon.core.later import later
from andon.core.verdict import Submission

if TYPE_CHECKING:
    from andon.core import evolve_learning, evolve_message, evolve_swarm, registry
else:
    evolve_learning = later("andon.core.evolve_learning")
    evolve_message = later("andon.core.evolve_message")
    evolve_swarm = later("andon.core.evolve_swarm")
    registry = later("andon.core.registry")


def evolve(state: s.State | None, event: e.Event) -> s.State:
    """The state after `event`. state None: the aggregate does not exist yet."""
    handler = _HANDLERS.get(type(event)) or _elsewhere(type(event))
    if handler is None:
        raise InvariantViolation(f"no transition for event {type(event).__name__}")
    result: s.State = handler(state, event)
    return result


def _elsewhere(kind: type[e.Event]) -> Callable[[Any, Any], s.State] | None:
    """The function for an event that most processes never see."""
    for known in (evolve_message.MESSAGE_EVENTS, evolve_learning.LEARNING_EVENTS, evolve_swarm.SWARM_EVENTS):
        if kind in known:
            return known[kind]
    return registry.REPOSITORY_EVENTS.get(kind)


def replay(events: Iterable[e.Event]) -> s.State | None:
    """Fold a whole stream."""
    state: s.State | None = None
    for event in events:
        state = evolve(state, event)
    return state


# ---------------------------------------------------------------- run


def _run_started(state: s.Run | None, event: e.RunStarted) -> s.Run:
    if state is not None:
        raise InvariantViolation(f"run {event.run} started twice")
    return s.Run(
        id=event.run,
        task=event.task,
        workflow=event.workflow,
        workflow_name=event.workflow_name,
        definitions=event.definitions,
        target=event.target,
        base=event.base,
        base_tree=event.base_tree,
        scope=event.scope,
        priority=event.priority,
        labels=event.labels,
        parent=event.parent,
        depth=event.depth,
        budget=event.budget,
        started_at=event.at,
        clock_from=event.at,
        changed_at=event.at,
    )


def active(run: s.Run, step: str) -> s.ActiveStep:
    """The active step of that id; a bug if there is none."""
    try:
        return run.active[step]
    except KeyError:
        raise InvariantViolation(f"step {step} of run {run.id} is not active") from None


def _with_step(run: s.Run, step: s.ActiveStep, at: float) -> s.Run:
    return replace(run, active={**run.active, step.step: step}, changed_at=at)


def _step_entered(run: s.Run, event: e.StepEntered) -> s.Run:
    submission = run.submissions.get(event.lane)
    step = s.ActiveStep(
        step=event.step,
        kind=event.kind,
        lane=event.lane,
        visit=event.visit,
        role=event.role,
        due_at=event.due_at,
        state=s.WAITING if event.kind in ("human", "wait") else s.READY,
        entered_at=event.at,
        base=event.base,
        base_tree=event.base_tree,
        entry_patch=submission.patch if submission is not None and not event.resend else "",
        reason=event.reason,
        notes=event.notes,
    )
    run = _with_step(run, step, event.at)
    return replace(run, visits={**run.visits, event.step: event.visit})


def _step_claimed(run: s.Run, event: e.StepClaimed) -> s.Run:
    step = active(run, event.step)
    lease = s.Lease(
        token=event.token,
        agent=event.agent,
        role=event.role,
        granted_at=event.at,
        expires_at=event.expires_at,
        lease_s=event.lease_s,
        workdir=event.workdir,
        person=event.person,
        client=event.client,
        model=event.model,
        session_ends_at=event.session_ends_at,
        budget=event.budget,
    )
    step = replace(
        step,
        state=s.LEASED,
        lease=lease,
        attempt=event.attempt,
        red=0,
        offered_to="",
        offered_until=None,
        checkpoint="",
    )
    machines = with_machine(run, event.agent, event.client, event.model)
    return replace(_with_step(run, step, event.at), token=event.token, machines=machines)


def _lease_renewed(run: s.Run, event: e.LeaseRenewed) -> s.Run:
    step = active(run, event.step)
    if step.lease is None:
        raise InvariantViolation(f"renewal without a lease at step {event.step} of run {run.id}")
    counted = event.tokens_used if step.lease.budget is not None else 0
    lease = replace(step.lease, expires_at=event.expires_at, tokens_used=step.lease.tokens_used + counted)
    step = replace(step, lease=lease)
    return replace(_with_step(run, step, event.at), tokens_used=run.tokens_used + event.tokens_used)


def _tokens_counted(run: s.Run, event: e.TokensCounted) -> s.Run:
    return replace(run, tokens_used=run.tokens_used + event.tokens_used, changed_at=event.at)


def _learnings_given(run: s.Run, event: e.LearningsGiven) -> s.Run:
    return replace(run, given=evolve_learning.given(run.given, event))


def _checkpoint_noted(run: s.Run, event: e.CheckpointNoted) -> s.Run:
    return _with_step(run, replace(active(run, event.step), checkpoint=event.notes), event.at)


def _attempt_ended(run: s.Run, event: e.AttemptEnded) -> s.Run:
    step = active(run, event.step)
    if event.salvage and step.lease is not None:
        # Others may build on what was kept: whoever wrote it is an author, submitted or not (law 11).
        lease = step.lease
        run = replace(run, authors=_with_authors(run, lease.agent), roles=_acted(run, lease.role, lease.agent))
    asked = event.how == "asked"
    step = replace(
        step,
        state=s.WAITING if asked or event.how == "waiting" else s.READY,
        due_at=event.due_at if asked else step.due_at,
        question=event.question,
        asked=(*step.asked, event.question) if asked else step.asked,
        on_expiry=event.on_expiry,
        resume_from=event.salvage if asked else "",
        offered_until=event.offered_until,
        lease=None,
        attempts_used=step.attempts_used + (1 if event.counts else 0),
        handoffs=step.handoffs + (1 if event.how == "handed_off" else 0),
        sessions=step.sessions + (1 if event.how == "session" else 0),
        checkpoint="",
        offered_to=event.to,
        salvage=event.salvage or step.salvage,
        reason=event.reason or step.reason,
        notes=event.notes or step.notes,
        artifacts=event.artifacts or step.artifacts,
    )
    return _with_step(run, step, event.at)


def _step_resumed(run: s.Run, event: e.StepResumed) -> s.Run:
    step = active(run, event.step)
    step = replace(
        step,
        state=s.READY,
        question="",
        due_at=None,
        on_expiry="",
        reason=event.reason,
        offered_until=event.offered_until,
    )
    return _with_step(run, step, event.at)


def _submitted(run: s.Run, event: e.Submitted) -> s.Run:
    step = active(run, event.step)
    submission = event.submission
    submissions = {**run.submissions, step.lane: submission}
    current = _subjects(submissions)
    return replace(
        run,
        submissions=submissions,
        submitted_in={**run.submitted_in, step.lane: event.step},
        verdicts={key: verdict for key, verdict in run.verdicts.items() if verdict.subject in current},
        environments={subject: digest for subject, digest in run.environments.items() if subject in current},
        authors=_with_authors(run, event.actor, event.also_by),
        roles=_acted(run, step.lease.role if step.lease else "", event.actor),
        changed_at=event.at,
    )


def _with_authors(run: s.Run, *names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*run.authors, *(name for name in names if name))))


def _subjects(submissions: dict[str, Submission]) -> set[str]:
    return {subject for item in submissions.values() for subject in (item.tree_subject, item.patch)}


def _acted(run: s.Run, role: str, agent: str) -> dict[str, tuple[str, ...]]:
    before = run.roles.get(role, ())
    return run.roles if not role or agent in before else {**run.roles, role: (*before, agent)}


def _judged(run: s.Run, event: e.Judged) -> s.Run:
    step = active(run, event.step)
    red = step.red + (0 if event.green else 1)
    run = _with_step(run, replace(step, verdicts=event.verdicts, red=red), event.at)
    kept = {s.verdict_key(v.gate, v.subject, v.gate_digest): v for v in event.verdicts}
    environments = dict(run.environments)
    for verdict in event.verdicts:
        if verdict.subject.startswith("git-tree:"):
            environments[verdict.subject] = event.environment_digest
    found = evolve_learning.judged(run.given, event) if run.given else ()
    return replace(run, verdicts={**run.verdicts, **kept}, environments=environments, given=found)


def _review_recorded(run: s.Run, event: e.ReviewRecorded) -> s.Run:
    review = s.Review(
        step=event.step,
        role=event.role,
        agent=event.agent,
        patch=event.patch,
        approves=event.approves,
        findings=event.findings,
        message=event.message,
        at=event.at,
    )
    return replace(run, reviews=(*run.reviews, review), roles=_acted(run, event.role, event.agent), changed_at=event.at)


def _approval_recorded(run: s.Run, event: e.ApprovalRecorded | e.RejectionRecorded) -> s.Run:
    approval = s.Approval(
        step=event.step,
        person=event.person,
        patch=event.patch,
        approves=isinstance(event, e.ApprovalRecorded),
        message=event.message,
        at=event.at,
    )
    return replace(run, approvals=(*run.approvals, approval), changed_at=event.at)


def _signal_recorded(run: s.Run, event: e.SignalRecorded) -> s.Run:
    signal = s.Signal(
        name=event.name, tree=event.tree, outcome=event.outcome, by=event.by, message=event.message, at=event.at
    )
    return replace(run, signals=(*run.signals, signal), changed_at=event.at)


def _gate_waived(run: s.Run, event: e.GateWaived) -> s.Run:
    waiver = s.Waiver(
        gate=event.gate,
        patch=event.patch,
        gate_digest=event.gate_digest,
        person=event.person,
        why=event.why,
        tree=event.tree,
        at=event.at,
    )
    return replace(run, waivers=(*run.waivers, waiver), changed_at=event.at)


def _step_finished(run: s.Run, event: e.StepFinished) -> s.Run:
    step = active(run, event.step)
    remaining = {name: other for name, other in run.active.items() if name != event.step}
    note = s.Note(step=event.step, agent=event.actor, outcome=event.outcome, message=event.message, notes=event.notes)
    return replace(
        run,
        active=remaining,
        notes=(*run.notes, note)[-MAX_NOTES:],
        roles=_acted(run, step.lease.role if step.lease else "", event.actor),
        changed_at=event.at,
    )


def _step_reopened(run: s.Run, event: e.StepReopened) -> s.Run:
    submission = run.submissions.get(active(run, event.step).lane)
    step = replace(
        active(run, event.step),
        state=s.READY,
        reason=event.reason,
        entry_patch=submission.patch if submission else "",
    )
    return _with_step(run, step, event.at)


MAX_NOTES = 40
"""Hand-over notes kept in the state; older ones stay in the log."""


def _choice_taken(run: s.Run, event: e.ChoiceTaken) -> s.Run:
    return replace(run, visits={**run.visits, event.choice: run.visits.get(event.choice, 0) + 1})


def _lanes_forked(run: s.Run, event: e.LanesForked) -> s.Run:
    submissions = dict(run.submissions)
    submitted_in = dict(run.submitted_in)
    if event.lane in submissions:
        for lane in event.lanes:
            submissions[lane] = submissions[event.lane]
            submitted_in[lane] = submitted_in[event.lane]
    return replace(
        run,
        lanes={**run.lanes, event.lane: event.lanes},
        submissions=submissions,
        submitted_in=submitted_in,
        changed_at=event.at,
    )


def _lane_arrived(run: s.Run, event: e.LaneArrived) -> s.Run:
    return replace(
        run, arrived={**run.arrived, event.join: (*run.arrived.get(event.join, ()), event.lane)}, changed_at=event.at
    )


def _lanes_joined(run: s.Run, event: e.LanesJoined) -> s.Run:
    gone = set(event.lanes)
    submissions = {lane: item for lane, item in run.submissions.items() if lane not in gone}
    submitted_in = {lane: item for lane, item in run.submitted_in.items() if lane not in gone}
    if event.submission is not None:
        submissions[event.lane] = event.submission
        for lane in event.lanes:
            origin = run.submitted_in.get(lane)
            if origin is not None and run.submissions.get(lane) != run.submissions.get(event.lane):
                # Work that comes back goes to the fork that made it: its branches are closed.
                submitted_in[event.lane] = lane.rpartition("/")[2].rpartition(".")[0]
    return replace(
        run,
        active={name: step for name, step in run.active.items() if name != event.join},
        submissions=submissions,
        submitted_in=submitted_in,
        lanes={lane: lanes for lane, lanes in run.lanes.items() if lane != event.lane},
        arrived={join: lanes for join, lanes in run.arrived.items() if join != event.join},
        changed_at=event.at,
    )


def _rebased(run: s.Run, event: e.Rebased) -> s.Run:
    return replace(run, base=event.base, base_tree=event.base_tree, changed_at=event.at)


def _landing_prepared(run: s.Run, event: e.LandingPrepared) -> s.Run:
    prepared = s.Prepared(head=event.head, commit=event.commit, tree=event.tree, patch=event.patch, at=event.at)
    return _with_step(run, replace(active(run, event.step), prepared=prepared), event.at)


def _landing_abandoned(run: s.Run, event: e.LandingAbandoned) -> s.Run:
    step = replace(active(run, event.step), prepared=None, reason=event.reason)
    return _with_step(run, step, event.at)


def _landed(run: s.Run, event: e.Landed) -> s.Run:
    step = active(run, event.step)
    prepared = step.prepared
    if prepared is None or prepared.commit != event.commit:
        raise InvariantViolation(f"run {run.id} landed {event.commit}, which was not prepared")
    before = run.submissions.get(step.lane)
    landed = Submission(
        commit=event.commit,
        tree=event.tree,
        base=prepared.head,
        base_tree=before.base_tree if before else run.base_tree,
        patch=prepared.patch,
        by=before.by if before else "",
        at=event.at,
    )
    return replace(
        run,
        commit=event.commit,
        landed_tree=event.tree,
        landed_at=prepared.at,
        submissions={**run.submissions, step.lane: landed},
        changed_at=event.at,
    )


def _run_blocked(run: s.Run, event: e.RunBlocked) -> s.Run:
    if event.step:
        step = replace(active(run, event.step), state=s.BLOCKED, lease=None, reason=event.reason, prepared=None)
        run = _with_step(run, step, event.at)
    return replace(run, status=s.RUN_BLOCKED, reason=event.reason, changed_at=event.at)


def _run_unblocked(run: s.Run, event: e.RunUnblocked) -> s.Run:
    steps = dict(run.active)
    visits = dict(run.visits)
    swarms = dict(run.swarms)
    for name, step in run.active.items():
        if step.state == s.BLOCKED and event.step in ("", name):
            waiting = step.kind in ("human", "wait") or evolve_swarm.waits_for_children(run, step)
            state = s.WAITING if waiting else s.READY
            steps[name] = replace(
                step,
                state=state,
                attempts_used=0,
                handoffs=0,
                sessions=0,
                visit=1,
                entered_at=event.at,
                offered_to="",
                offered_until=None,
                question="",
                asked=(),
                due_at=None if step.question else step.due_at,
            )
            visits[name] = 1
            swarms |= evolve_swarm.renumbered(run, step)
    blocked = any(step.state == s.BLOCKED for step in steps.values())
    return replace(
        run,
        active=steps,
        visits=visits,
        swarms=swarms,
        status=s.RUN_BLOCKED if blocked else s.RUN_OPEN,
        reason=run.reason if blocked else "",
        clock_from=event.at,
        tokens_from=event.tokens_from or run.tokens_from,
        changed_at=event.at,
    )


def _run_ended(run: s.Run, event: e.RunEnded) -> s.Run:
    return replace(
        run,
        status=s.RUN_ENDED,
        outcome=event.outcome,
        commit=event.commit or run.commit,
        reason=event.reason,
        active={},
        changed_at=event.at,
    )


_HANDLERS: dict[type[e.Event], Callable[[Any, Any], s.State]] = {
    **TASK_EVENTS,
    e.RunStarted: _run_started,
    e.StepEntered: _step_entered,
    e.StepClaimed: _step_claimed,
    e.LeaseRenewed: _lease_renewed,
    e.TokensCounted: _tokens_counted,
    e.LearningsGiven: _learnings_given,
    e.CheckpointNoted: _checkpoint_noted,
    e.AttemptEnded: _attempt_ended,
    e.StepResumed: _step_resumed,
    e.Submitted: _submitted,
    e.Judged: _judged,
    e.ReviewRecorded: _review_recorded,
    **FINDING_EVENTS,
    e.ApprovalRecorded: _approval_recorded,
    e.RejectionRecorded: _approval_recorded,
    e.SignalRecorded: _signal_recorded,
    e.GateWaived: _gate_waived,
    e.StepFinished: _step_finished,
    e.StepReopened: _step_reopened,
    e.ChoiceTaken: _choice_taken,
    e.LanesForked: _lanes_forked,
    e.LaneArrived: _lane_arrived,
    e.LanesJoined: _lanes_joined,
    e.Rebased: _rebased,
    e.LandingPrepared: _landing_prepared,
    e.LandingAbandoned: _landing_abandoned,
    e.Landed: _landed,
    e.RunBlocked: _run_blocked,
    e.RunUnblocked: _run_unblocked,
    e.RunEnded: _run_ended,
}
