"""Letting time act: expired leases, human steps and waits that are due, wall-time limits.

A clock that goes forward lets leases expire, and their owners are fenced as ever. One that goes back would leave leases
that nobody could wait for: they are cut to their own length from now. Human steps and wall-time limits then come later, never
earlier, and silence is no answer; so they are left.

Done by whoever comes by (`next`, `lead`, `status` of a person); each act is idempotent.
"""

from __future__ import annotations

from andon.core import commands as c
from andon.core import state as s
from andon.core.decide_run import CLOCK_SLACK_S
from andon.core.errors import AndonError
from andon.engine.places import Claim
from andon.engine.services import Services
from andon.engine.transact import load_run

SYSTEM = "andon"


def sweep(services: Services) -> None:
    """Expire what has expired and tick what is due. One broken run never stops the others (law 12)."""
    now = services.clock.now()
    with services.store.read() as reader:
        expired = reader.expired_leases(now)
        overlong = reader.overlong_leases(now, slack_s=CLOCK_SLACK_S)
        due = reader.due_steps(now)
    for row in expired:
        try:
            _expire(services, str(row["run"]), str(row["step"]), now)
        except Exception as error:
            passed_over(services, str(row["run"]), error)
    for row in overlong:
        try:
            command = c.ShortenLease(at=now, actor=SYSTEM, step=str(row["step"]), token=int(row["token"] or 0))
            _settled(services, str(row["run"]), command)
        except Exception as error:
            passed_over(services, str(row["run"]), error)
    for run_id in dict.fromkeys(str(row["run"]) for row in due):
        try:
            tick(services, run_id)
        except Exception as error:
            passed_over(services, run_id, error)


def passed_over(services: Services, run_id: str, error: Exception) -> None:
    """Report what is wrong with one run, even a bug of ours, and go on with the others (law 12)."""
    services.say(f"run {run_id} is passed over: {type(error).__name__}: {error}")


def tick(services: Services, run_id: str) -> None:
    _run, effects = services.engine.on_run(run_id, c.Tick(at=services.clock.now(), actor=SYSTEM))
    services.after(effects)


def _expire(services: Services, run_id: str, step_id: str, now: float) -> None:
    with services.store.read() as reader:
        run = load_run(reader, run_id)
    step = run.active.get(step_id)
    if step is None or step.lease is None or step.lease.expires_at > now:
        return
    kept = _keep(services, run, step, step.lease) if step.kind == "agent" else ""
    _settled(services, run_id, c.ExpireLease(at=now, actor=SYSTEM, step=step_id, token=step.lease.token, salvage=kept))


def _settled(services: Services, run_id: str, command: c.ExpireLease | c.ShortenLease) -> None:
    """Carry it out, unless somebody else was first."""
    try:
        _run, effects = services.engine.on_run(run_id, command)
    except AndonError as error:
        if error.kind in ("not_expired", "lease_lost", "run_ended"):
            return
        raise
    services.after(effects)


def _keep(services: Services, run: s.Run, step: s.ActiveStep, lease: s.Lease) -> str:
    """Store unsubmitted work; a worktree that was never handed over holds none and is removed."""
    from andon.engine.claims import salvage

    claim = Claim(run=run.id, step=step.step, token=lease.token, agent=lease.agent, workdir=lease.workdir)
    if services.places.is_delivered(claim) or not services.places.is_directory(lease.workdir):
        return salvage(services, run, step, lease.workdir)
    try:
        services.git.remove_worktree(lease.workdir)
    except AndonError as error:
        services.say(f"{lease.workdir} was left: {error.message}")
    return ""


def tick_all(services: Services) -> None:
    """Apply the wall-time limit and settle waiting steps of every open run."""
    with services.store.read() as reader:
        rows = reader.runs(status=(s.RUN_OPEN,))
    for row in rows:
        try:
            tick(services, str(row["id"]))
        except Exception as error:
            passed_over(services, str(row["id"]), error)
