"""What an agent is told of its session and budget: in replies, in notes, and when its attempt is over."""

from __future__ import annotations

from msgspec.structs import replace

from andon.core import state as s
from andon.core.errors import EXIT_LOST, AndonError
from andon.engine.interface import Reply
from andon.engine.places import Claim
from andon.engine.services import Services
from andon.engine.transact import load_run

WARNED = frozenset({"next", "brief", "check", "advance", "submit", "heartbeat", "say", "ask", "inbox"})
"""Verbs of agents that say when their session is nearly over."""
LAST_PART = 5
"""In the last fifth of a session."""


def with_note(services: Services, verb: str, reply: Reply) -> Reply:
    """The reply, with a line on standard error when the session of the caller's claim is nearly over."""
    if verb not in WARNED:
        return reply
    claim = services.places.read_lease(services.caller.cwd)
    if claim is None:
        return reply
    try:
        with services.store.read() as reader:
            run = load_run(reader, claim.run)
    except AndonError:
        return reply
    lease = _lease(run, claim)
    line = _nearly_over(lease, services.clock.now()) if lease is not None else ""
    return replace(reply, notes=(*reply.notes, line)) if line else reply


def _lease(run: s.Run, claim: Claim) -> s.Lease | None:
    step = run.active.get(claim.step)
    lease = step.lease if step is not None else None
    return lease if lease is not None and lease.token == claim.token else None


def _nearly_over(lease: s.Lease, now: float) -> str:
    ends_at = lease.session_ends_at
    if ends_at is None or now < ends_at - (ends_at - lease.granted_at) / LAST_PART:
        return ""
    return f"this session ends in {duration(max(0.0, ends_at - now))}: andon handoff or advance"


def duration(seconds: float) -> str:
    """In words short enough for one line."""
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def lost(run: s.Run, claim: Claim) -> AndonError:
    """Why a claim that was good a moment ago is over, after what its own heartbeat told."""
    step = run.active.get(claim.step)
    if run.status == s.RUN_OPEN and (step is None or step.state != s.BLOCKED):
        why = step.reason if step is not None else "it was the last one, and the step is left by failed"
        kept = f"; unsubmitted work is kept in {step.salvage}" if step is not None and step.salvage else ""
        text = f"the attempt at step {claim.step} of run {run.id} is over: {why}{kept}"
        return AndonError(text, kind="budget", next="stop; andon next", exit=EXIT_LOST)
    text = f"run {run.id}: {run.reason}"
    return AndonError(text, kind="blocked", next="stop; a person is needed", exit=EXIT_LOST)
