"""Findings of reviews: the verbs that list, resolve and reopen them. What reviewers type is read by `finding_text`."""

from __future__ import annotations

from typing import Any

from andon.core import commands as c
from andon.core import state as s
from andon.core.errors import EXIT_YES
from andon.engine import people
from andon.engine.interface import Reply
from andon.engine.services import Services
from andon.engine.system import carry_out


def described(found: s.RaisedFinding) -> dict[str, Any]:
    """A finding as JSON: state open | resolved; holds: whether it keeps a gate closed now."""
    return {
        "id": found.id,
        "severity": found.finding.severity,
        "path": found.finding.path,
        "line": found.finding.line,
        "message": found.finding.message,
        "state": "resolved" if found.resolved_by else "open",
        "holds": found.holds,
        "agent": found.agent,
        "role": found.role,
        "step": found.step,
        "patch": found.patch,
        "by": found.resolved_by or None,
        "why": found.why or None,
        "reopened": found.reopened,
    }


def list_of(services: Services, arguments: dict[str, Any]) -> Reply:
    run = people.run_of(services, arguments["run"])
    chosen = [x for x in run.findings if not arguments.get("open") or not x.resolved_by]
    items = [described(x) for x in chosen]
    return Reply(exit=EXIT_YES, body={"ok": True, "run": run.id, "task": run.task, "items": items})


def resolve(services: Services, arguments: dict[str, Any]) -> Reply:
    """By the reviewer who raised it, or a person; the core decides."""
    caller = services.caller
    command = c.ResolveFindings(
        at=services.clock.now(),
        actor=caller.agent,
        findings=(arguments["finding"],),
        why=arguments.get("message") or "",
        person=caller.person,
        aliases=caller.aliases,
    )
    return _act(services, arguments, command)


def reopen(services: Services, arguments: dict[str, Any]) -> Reply:
    command = c.ReopenFinding(
        at=services.clock.now(),
        actor=services.caller.agent,
        finding=arguments["finding"],
        why=arguments.get("message") or "",
        person=services.caller.person,
    )
    return _act(services, arguments, command)


def _act(services: Services, arguments: dict[str, Any], command: c.Command) -> Reply:
    run = people.run_of(services, arguments["run"])
    after, effects = services.engine.on_run(run.id, command)
    services.after(effects)
    carry_out(services, run.id)
    after = people.run_of(services, run.id)
    name = arguments["finding"]
    found = next(x for x in after.findings if x.id == name)
    body = {
        "ok": True,
        "run": after.id,
        "finding": name,
        "state": "resolved" if found.resolved_by else "open",
        "open": [x.id for x in after.findings if x.holds],
        "next": people.where(services, after),
    }
    return Reply(exit=EXIT_YES, body=body)
