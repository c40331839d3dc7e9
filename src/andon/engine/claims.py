"""Claims: finding one again, keeping it and giving it up; `engine.claiming` makes them.

The lease's token stands in a file in the attempt's worktree's git directory, so that commands find their claim from the
working directory; the store alone decides whether it is still valid (law 6).
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from andon.core import commands as c
from andon.core import state as s
from andon.core.decide_run import hand_refusal
from andon.core.errors import EXIT_LOST, EXIT_UNAVAILABLE, EXIT_USAGE, AndonError, Rejected
from andon.core.workflow import Workflow
from andon.engine.places import Claim
from andon.engine.services import Services
from andon.engine.transact import key_cause, load_run

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
                    return claim_of_row(row)
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


def claim_of_row(row: dict[str, str | int | float | None]) -> Claim:
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


def definitions_of(services: Services, run: s.Run) -> Workflow:
    """The workflow that a run follows."""
    with services.store.read() as reader:
        return services.engine.definitions.get(reader, run.workflow)


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
