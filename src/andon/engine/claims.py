"""Claims: pulling work from the hook, finding a claim again, keeping and giving it up.

Theory of operation. `next` first lets time act (expired leases, due steps), then chooses the most urgent things that
this agent may do (`engine.choosing`), claims the first that still may be had (a step, or that of a run that it starts
for a task) in one transaction, and only then makes the attempt's own worktree. The lease's token stands in a file in
that worktree's git directory, so that later commands find their claim from the working directory; the store alone
decides whether it is still valid (law 6).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial

from msgspec import Struct

from andon.core import commands as c
from andon.core import state as s
from andon.core.decide_run import claim_refusal, hand_refusal
from andon.core.errors import EXIT_LOST, EXIT_NOT_YET, EXIT_UNAVAILABLE, EXIT_USAGE, AndonError, Rejected
from andon.core.judge import is_review_step
from andon.core.queue import agent_is_full
from andon.core.workflow import Workflow
from andon.engine import runs
from andon.engine.bounds import bounds_text
from andon.engine.choosing import Choice, choose, starting_role
from andon.engine.offers import Offer, Surroundings, Wanted, predicted_of
from andon.engine.places import Claim
from andon.engine.services import Services
from andon.engine.sweep import sweep
from andon.engine.transact import Unit, key_cause, load_run


class Claimed(Struct, frozen=True, kw_only=True):
    """A claim just made, with the run after it."""

    run: s.Run
    step: s.ActiveStep
    workflow: Workflow


# ---------------------------------------------------------------- finding a claim


def find_claim(services: Services) -> Claim:
    """The caller's claim: from the working directory, else by ANDON_RUN and the agent's name."""
    claim = services.places.read_lease(services.caller.cwd)
    wanted = services.caller.run
    if claim is not None and wanted in (None, claim.run):
        if not services.caller.person and services.caller.agent != claim.agent:
            if services.caller.agent == claim.hand:
                return _lent(services, claim)
            raise AndonError(
                f"the claim of {claim.workdir} is {claim.agent}'s, not {services.caller.agent}'s",
                kind="not_yours",
                next=f"ANDON_AGENT={claim.agent} goes on as that name; andon next claims work of your own",
                exit=EXIT_LOST,
            )
        return claim
    if wanted:
        with services.store.read() as reader:
            for row in reader.steps(wanted, state=s.LEASED):
                if row["agent"] == services.caller.agent:
                    return _claim_of_row(row)
    where = f"of run {wanted} by {services.caller.agent}" if wanted else f"in {services.caller.cwd}"
    raise AndonError(
        f"there is no claim {where}",
        kind="no_claim",
        next="cd into the workdir that `andon next` gave",
        exit=EXIT_USAGE,
    )


def _lent(services: Services, claim: Claim) -> Claim:
    """A person's claim, for the agent that the person started in its worktree. Raises AndonError kind "not_yours".

    The claim stays the person's: one owner (law 6), who as an author never approves; what the agent submits there makes it
    an author, too (law 11). So it is not for reviews, nor for an agent that could not have claimed the step itself.
    """
    with services.store.read() as reader:
        run = load_run(reader, claim.run)
        workflow = services.engine.definitions.get(reader, run.workflow)
    refused = hand_refusal(workflow, run, claim.step, claim.token, services.caller.agent)
    if refused is not None:
        raise AndonError.of(refused)
    return claim


def _claim_of_row(row: dict[str, str | int | float | None]) -> Claim:
    return Claim(
        run=str(row["run"]),
        step=str(row["step"]),
        token=int(row["token"] or 0),
        agent=str(row["agent"]),
        workdir=str(row["workdir"]),
    )


def held(services: Services, claim: Claim) -> tuple[s.Run, s.ActiveStep]:
    """The run and step of a claim that is valid now. Raises AndonError kind "lease_lost" (exit 4)."""
    from andon.core.rules_step import held_step

    with services.store.read() as reader:
        run = load_run(reader, claim.run)
    if run.status == s.RUN_ENDED:
        text = f"run {run.id} has ended ({run.outcome})"
        raise AndonError(text, kind="run_ended", next="stop; andon next", exit=EXIT_LOST)
    step = held_step(run, claim.step, claim.token, services.clock.now(), claim.agent)
    if isinstance(step, Rejected):
        raise AndonError.of(step)
    return run, step


# ---------------------------------------------------------------- making a claim


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
        claim = _claim_of_row(row)
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


# ---------------------------------------------------------------- keeping and giving up


def renew(services: Services, claim: Claim, tokens_used: int = 0, key: str | None = None, *, notes: str = "") -> s.Run:
    """Renew the lease, count tokens, keep checkpoint notes. The same key counts once."""
    cause = key_cause(f"heartbeat:{claim.run}", key)
    if cause is not None:
        with services.store.read() as reader:
            if reader.caused(cause) is not None:
                return load_run(reader, claim.run)
    command = c.Renew(
        at=services.clock.now(),
        actor=claim.agent,
        step=claim.step,
        token=claim.token,
        tokens_used=tokens_used,
        notes=notes,
        salvage=_kept_if_over(services, claim, tokens_used) if tokens_used > 0 else "",
    )
    run, effects = services.engine.on_run(claim.run, command, cause=cause)
    services.after(effects)
    return run


def _kept_if_over(services: Services, claim: Claim, tokens_used: int) -> str:
    """Unsubmitted work of an attempt that these tokens end, stored before; "" when they don't."""
    run, step = held(services, claim)
    lease = step.lease
    if lease is None or lease.budget is None or lease.tokens_used + tokens_used <= lease.budget:
        return ""
    return salvage(services, run, step, claim.workdir, must=True)


def count_late(services: Services, claim: Claim, tokens_used: int, key: str | None) -> bool:
    """Count tokens of a claim that is over, once for the same key. False when the run takes them no more."""
    cause = key_cause(f"heartbeat:{claim.run}", key)
    with services.store.read() as reader:
        if cause is not None and reader.caused(cause) is not None:
            return True
    command = c.CountTokens(
        at=services.clock.now(), actor=claim.agent, step=claim.step, token=claim.token, tokens_used=tokens_used
    )
    try:
        _run, effects = services.engine.on_run(claim.run, command, cause=cause)
    except AndonError as error:
        if error.exit != EXIT_LOST:
            raise
        return False
    services.after(effects)
    return True


def keep_alive(services: Services, claim: Claim, lease_s: float) -> AbstractContextManager[object]:
    """Renew the lease while its owner waits for gates, so that a slow gate does not cost the claim."""

    def renew_once() -> None:
        other = services.fork()
        try:
            renew(other, claim)
        finally:
            other.store.close()

    return services.meanwhile(max(1.0, lease_s / 3), renew_once)


def keep_all_alive(services: Services, claims: dict[str, Claim], lease_s: float) -> AbstractContextManager[object]:
    """The same for several claims, which may come and go meanwhile. One that is lost costs the others nothing."""

    def renew_each() -> None:
        other = services.fork()
        try:
            for claim in list(claims.values()):
                try:
                    renew(other, claim)
                except AndonError:
                    # Who acts under it finds out by its next write.
                    continue
        finally:
            other.store.close()

    return services.meanwhile(max(1.0, lease_s / 3), renew_each)


def salvage(services: Services, run: s.Run, step: s.ActiveStep, workdir: str, *, must: bool = False) -> str:
    """Keep what a worktree holds that was never submitted; "" when there is nothing to keep or it can't be read.

    must: raise when it can't be stored now (a full disk, a lock) but could be later; the worktree may go afterwards.
    """
    submission = run.submissions.get(step.lane)
    known = submission.tree if submission is not None else step.base_tree
    if not services.places.is_directory(workdir):
        return ""
    try:
        if not services.git.worktree_dirty(workdir, known):
            return ""
        token = step.lease.token if step.lease else 0
        commit, _tree = services.git.snapshot(
            workdir,
            base=run.base,
            message=f"Unsubmitted work of {run.id}, step {step.step}",
            author=services.author(),
            under=f"refs/andon/salvage/{run.id}/{step.step}/{token}",
            at=services.clock.now(),
        )
    except (AndonError, OSError) as error:
        if must and (isinstance(error, OSError) or error.exit == EXIT_UNAVAILABLE):
            raise
        services.say(f"the unsubmitted work in {workdir} could not be stored: {error}")
        return ""
    return commit


def give_up(services: Services, claim: Claim, *, reason: str) -> s.Run:
    """Release the claim; unsubmitted work is kept."""
    run, step = held(services, claim)
    command = c.Release(
        at=services.clock.now(),
        actor=claim.agent,
        step=claim.step,
        token=claim.token,
        reason=reason or f"released by {claim.agent}",
        salvage=salvage(services, run, step, claim.workdir, must=True),
    )
    after, effects = services.engine.on_run(claim.run, command)
    services.after(effects)
    return after
