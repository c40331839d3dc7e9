"""Making a claim: pulling work from the hook.

Theory of operation. `next` first lets time act (expired leases, due steps), then chooses the most urgent things that
this agent may do (`engine.choosing`), claims the first that still may be had (a step, or that of a run that it starts
for a task) in one transaction, and only then makes the attempt's own worktree, whose lease file is written last of all.
"""

from __future__ import annotations

from functools import partial

from msgspec import Struct

from andon.core import commands as c
from andon.core import state as s
from andon.core.decide_run import claim_refusal
from andon.core.errors import EXIT_LOST, EXIT_NOT_YET, AndonError, Rejected
from andon.core.judge import is_review_step
from andon.core.queue import agent_is_full
from andon.core.workflow import Workflow
from andon.engine import runs
from andon.engine.bounds import bounds_text
from andon.engine.choosing import Choice, choose, starting_role
from andon.engine.claims import claim_of_row, held, renew
from andon.engine.offers import Offer, Surroundings, Wanted, predicted_of
from andon.engine.places import Claim
from andon.engine.services import Services
from andon.engine.sweep import sweep
from andon.engine.transact import Unit


class Claimed(Struct, frozen=True, kw_only=True):
    """A claim just made, with the run after it."""

    run: s.Run
    step: s.ActiveStep
    workflow: Workflow


def claim_next(
    services: Services, *, role: str | None, task: str | None, run: str | None, labels: tuple[str, ...] = ()
) -> Claimed:
    """Claim the most urgent work that this agent may do. Raises AndonError kind "nothing_ready" (exit 3)."""
    sweep(services)
    interrupted = _finish_interrupted(services, role, task, run)
    if interrupted is not None:
        return interrupted
    wanted = Wanted(role=role, task=task or None, run=run or None, labels=labels)
    tried: set[tuple[str, str]] = set()
    while True:
        choice = choose(services, wanted, tried)
        if not choice.offers:
            sought = (f" for role {role}" if role else "") + (f" with label {', '.join(labels)}" if labels else "")
            text = f"nothing is ready{sought}{choice.why}"
            raise AndonError(text, kind="nothing_ready", next="andon status, or try later", exit=EXIT_NOT_YET)
        with services.places.claiming(alone=False):
            claimed, effects = services.engine.transact(partial(_claim_one, services, wanted, choice))
            services.after(effects)
            if claimed is not None:
                _make_worktree(services, claimed)
                return claimed
        # Others were faster with each of these, or it is not for this agent after all; each is tried once.
        tried.update(offer.key for offer in choice.offers)


def _claim_one(services: Services, wanted: Wanted, choice: Choice, unit: Unit) -> Claimed | None:
    """Claim the first of what was chosen that still may be. What is under lease is read anew: nobody else writes now."""
    around = Surroundings(unit.writer, services.clock.now())
    if agent_is_full(services.caller.agent, around.held, around.limits):
        return None
    for offer in choice.offers:
        if offer.candidate.run:
            claimed = _try_claim(services, unit, offer.candidate.run, offer.candidate.step, wanted.role, around, offer)
        else:
            claimed = _claim_task(services, unit, wanted, around, offer, choice.targets[offer.start])
        if claimed is not None:
            return claimed
    return None


def _finish_interrupted(services: Services, role: str | None, task: str | None, run: str | None) -> Claimed | None:
    """A claim of this very agent whose `next` was killed before it could hand the worktree over: made ready now.

    The lease file is written last, so without one nobody has ever worked there, and what stands there is thrown away.
    """
    with services.store.read() as reader:
        rows = [x for x in reader.steps(state=s.LEASED) if x["kind"] == "agent" and x["agent"] == services.caller.agent]
    for row in rows:
        claim = claim_of_row(row)
        unwanted = (task and row["task"] != task) or (run and claim.run != run) or (role and row["role"] != role)
        if unwanted or services.places.is_delivered(claim):
            continue
        with services.places.claiming(alone=True) as alone:
            # Whoever is at work on a claim now may be the one who made this.
            if not alone or services.places.is_delivered(claim):
                continue
            try:
                renew(services, claim)
                state, step = held(services, claim)
                with services.store.read() as reader:
                    workflow = services.engine.definitions.get(reader, state.workflow)
                services.git.remove_worktree(claim.workdir)
            except AndonError as error:
                services.say(f"the claim of {claim.run}, step {claim.step}, was interrupted: {error.message}")
                continue
            claimed = Claimed(run=state, step=step, workflow=workflow)
            _make_worktree(services, claimed)
            return claimed
    return None


def _try_claim(
    services: Services,
    unit: Unit,
    run_id: str,
    step_id: str,
    role: str | None,
    around: Surroundings,
    offer: Offer,
) -> Claimed | None:
    """Claim one step; None when this agent may not, or the run can't be read (it must not stop the others: law 12)."""
    caller = services.caller
    try:
        run = unit.run(run_id)
        workflow = unit.workflow(run)
    except AndonError as error:
        services.say(f"run {run_id} is passed over: {error.message}")
        return None
    now, machine = services.clock.now(), services.caller.machine
    if run.status != s.RUN_OPEN or claim_refusal(workflow, run, step_id, caller.agent, role, now, machine) is not None:
        return None
    definition = workflow.steps[step_id]
    scope = offer.scope or predicted_of(unit.writer, run.task)
    reviewing = is_review_step(workflow, definition)
    if around.against(run.task, definition.role or "", scope, looks_only=reviewing):
        return None
    command = c.Claim(
        at=now,
        actor=caller.agent,
        step=step_id,
        workdir=services.worktree_path(run_id, step_id, run.token + 1),
        role=role,
        person=caller.person,
        client=machine[0],
        model=machine[1],
    )
    after = unit.on_run(run_id, command)
    if isinstance(after, Rejected) or (lease := after.active[step_id].lease) is None:
        return None
    if lease.token != run.token + 1:
        return None
    return Claimed(run=after, step=after.active[step_id], workflow=workflow)


def _claim_task(
    services: Services, unit: Unit, wanted: Wanted, around: Surroundings, offer: Offer, target: runs.Startable
) -> Claimed | None:
    """Start a run of a task, and claim its first step."""
    task = offer.candidate.task
    scope = offer.scope or predicted_of(unit.writer, task)
    role = starting_role(target.workflow, wanted.role)
    # A task may have been taken, closed or given other dependencies since it was chosen.
    if not unit.writer.queued_tasks(task=task) or around.against(task, role, scope):
        return None
    started = runs.start(services, unit, task, target)
    if isinstance(started, Rejected):
        return None
    for step in started.active.values():
        if step.kind == "agent":
            claimed = _try_claim(services, unit, started.id, step.step, wanted.role, around, offer)
            if claimed is not None:
                return claimed
    # The run begins with something that is not for this agent: it is started all the same, and goes its way.
    return None


def _make_worktree(services: Services, claimed: Claimed) -> None:
    """The attempt's own worktree: HEAD at the run's base, files as last submitted (merged onto a newer base)."""
    run, step = claimed.run, claimed.step
    lease = step.lease
    if lease is None:
        raise AndonError(f"step {step.step} of run {run.id} lost its lease", kind="lease_lost", exit=EXIT_LOST)
    try:
        submission = run.submissions.get(step.lane)
        tree = None
        if submission is not None:
            tree = submission.tree
            if submission.base != run.base:
                tree = services.git.merge(run.base, submission.commit).tree
        if step.resume_from:
            tree = services.git.merge(run.base, step.resume_from).tree
        services.places.make_parent(lease.workdir)
        services.git.add_worktree(lease.workdir, run.base, tree=tree)
        claim = Claim(run=run.id, step=step.step, token=lease.token, agent=services.caller.agent, workdir=lease.workdir)
        services.places.write_lease(claim, bounds_text(claimed.workflow, run, step))
    except (AndonError, OSError) as error:
        release = c.Release(
            at=services.clock.now(),
            actor=services.caller.agent,
            step=step.step,
            token=lease.token,
            reason=f"no worktree could be made: {error}",
        )
        try:
            services.git.remove_worktree(lease.workdir)
        except AndonError as left:
            services.say(f"{lease.workdir} was left: {left.message}")
        services.engine.on_run(run.id, release)
        raise AndonError(
            f"the worktree {lease.workdir} could not be made: {error}", kind="no_worktree", next="andon doctor", exit=6
        ) from error
