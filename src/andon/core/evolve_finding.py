"""How the events of findings change a run, and what a run remembers of what its workers are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from andon.core import events as e
from andon.core import state as s
from andon.core.errors import InvariantViolation


def _findings_raised(run: s.Run, event: e.FindingsRaised) -> s.Run:
    if event.first != len(run.findings) + 1:
        raise InvariantViolation(f"findings of run {run.id} begin at F{event.first}, not F{len(run.findings) + 1}")
    new = tuple(
        s.RaisedFinding(
            id=f"F{event.first + place}",
            step=event.step,
            role=event.role,
            agent=event.agent,
            patch=event.patch,
            finding=finding,
            at=event.at,
        )
        for place, finding in enumerate(event.findings)
    )
    return replace(run, findings=(*run.findings, *new), changed_at=event.at)


def _finding_resolved(run: s.Run, event: e.FindingResolved) -> s.Run:
    return _changed(run, event.finding, event.at, resolved_by=event.by, why=event.why)


def _finding_reopened(run: s.Run, event: e.FindingReopened) -> s.Run:
    times = sum(x.reopened for x in run.findings if x.id == event.finding)
    return _changed(run, event.finding, event.at, resolved_by="", why=event.why, reopened=times + 1)


def _changed(run: s.Run, name: str, at: float, **values: Any) -> s.Run:
    if all(x.id != name for x in run.findings):
        raise InvariantViolation(f"run {run.id} has no finding {name}")
    findings = tuple(replace(x, **values) if x.id == name else x for x in run.findings)
    return replace(run, findings=findings, changed_at=at)


def with_machine(run: s.Run, agent: str, client: str, model: str) -> dict[str, tuple[tuple[str, str], ...]]:
    """What is known of an agent after a claim of it. Where it did something before of which nothing was told, that stays
    unknown; an agent of whom nothing was ever told has no entry."""
    known = run.machines.get(agent, ())
    if not known and not (client or model):
        return run.machines
    acted = agent in run.authors or any(agent in agents for agents in run.roles.values())
    before = known or ((("", ""),) if acted else ())
    pair = (client, model)
    return run.machines if pair in known else {**run.machines, agent: (*before, pair)}


FINDING_EVENTS: dict[type[e.Event], Callable[[Any, Any], s.State]] = {
    e.FindingsRaised: _findings_raised,
    e.FindingResolved: _finding_resolved,
    e.FindingReopened: _finding_reopened,
}
