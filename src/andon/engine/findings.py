"""Findings: what reviewers type in a compact form, and the verbs that list, resolve and reopen them."""

from __future__ import annotations

from typing import Any

from andon.core import commands as c
from andon.core import state as s
from andon.core.errors import EXIT_YES, UsageError
from andon.core.verdict import Finding
from andon.engine import people
from andon.engine.interface import Reply
from andon.engine.services import Services
from andon.engine.system import carry_out

SEVERITIES = ("blocking", "major", "minor", "note")
OLDER = "warning"
"""Understood as ever, and kept as it is; between major and minor."""
MAX_FINDINGS = 200
MAX_FINDING_CHARS = 4000
MAX_PATH_CHARS = 1000
_KNOWN = (*SEVERITIES, OLDER)


def parse_findings(items: list[Any]) -> tuple[Finding, ...]:
    """Findings from "path:line: severity: text" (path, line and severity may be left out) or from JSON objects."""
    if len(items) > MAX_FINDINGS:
        raise UsageError(f"more than {MAX_FINDINGS} findings in one review", next="name the most important ones")
    found = tuple(_from_object(item) if isinstance(item, dict) else _from_text(str(item)) for item in items)
    for finding in found:
        if len(finding.message) > MAX_FINDING_CHARS or len(finding.path) > MAX_PATH_CHARS:
            text = f"a finding has at most {MAX_FINDING_CHARS} characters, and its path {MAX_PATH_CHARS}"
            raise UsageError(text, next="say it shorter, or in the message of the review")
    return found


def _from_object(item: dict[str, Any]) -> Finding:
    severity = str(item.get("severity", "minor"))
    if severity not in _KNOWN or not item.get("message"):
        raise UsageError(f"a finding needs a message and a severity of {', '.join(SEVERITIES)}")
    try:
        line = int(item.get("line") or 0)
    except (TypeError, ValueError):
        raise UsageError(f"the line {item.get('line')!r} of a finding is no number", next='"line": 3') from None
    return Finding(message=str(item["message"]), path=str(item.get("path", "")), line=max(line, 0), severity=severity)


def _from_text(text: str) -> Finding:
    path, line, severity, rest = "", 0, "minor", text.strip()
    head, separator, tail = rest.partition(": ")
    if separator and head not in _KNOWN and " " not in head:
        name, colon, number = head.rpartition(":")
        path, line = (name, int(number)) if colon and number.isdecimal() else (head, 0)
        rest = tail
    head, separator, tail = rest.partition(": ")
    if separator and head in _KNOWN:
        severity, rest = head, tail
    if not rest:
        raise UsageError(f"finding {text!r} has no text", next="--finding 'path:line: blocking: what is wrong'")
    return Finding(message=rest, path=path, line=line, severity=severity)


# ---------------------------------------------------------------- verbs


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
