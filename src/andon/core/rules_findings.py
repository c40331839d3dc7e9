"""The rules of findings: what a reviewer found stays until somebody entitled says that it is mended.

Rules. Every finding of a review gets an id in its run (F1, F2 …). An open blocking one keeps the review gates of its role
closed, on every later change and whatever other reviewers say, until it is resolved: by the reviewer who raised it, by a
person, or (where the workflow says `resolve: role`) by another reviewer of that role; never by an author of the change.
Approving a change resolves what the approving reviewer had found itself. A reason is asked for. Reopening only makes things
stricter, so any reviewer of the role and any person may. Must not know:
how a finding is typed or shown.
"""

from __future__ import annotations

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core import workflow as w
from andon.core.errors import EXIT_DENIED, EXIT_USAGE, Rejected
from andon.core.judge import is_author, review_gates
from andon.core.routing import Progress
from andon.core.verdict import Finding

MAX_FINDINGS_OF_RUN = 500
"""Findings that one run keeps."""


def refuse_findings(run: s.Run, new: tuple[Finding, ...]) -> Rejected | None:
    if len(run.findings) + len(new) <= MAX_FINDINGS_OF_RUN:
        return None
    text = f"run {run.id} has {len(run.findings)} findings; {MAX_FINDINGS_OF_RUN} is the limit"
    return Rejected(kind="too_many_findings", message=text, next="name the most important ones", exit=EXIT_USAGE)


def raise_findings(progress: Progress, step: str, role: str, patch: str, findings: tuple[Finding, ...]) -> None:
    """Make a review's findings durable. One that the same reviewer has raised and that is open is not raised again."""
    known = {_content(x.finding) for x in progress.run.findings if x.agent == progress.actor and not x.resolved_by}
    new = tuple(x for x in dict.fromkeys(findings) if _content(x) not in known)
    if new:
        progress.emit(
            e.FindingsRaised(
                at=progress.at,
                actor=progress.actor,
                step=step,
                role=role,
                agent=progress.actor,
                patch=patch,
                first=len(progress.run.findings) + 1,
                findings=new,
            )
        )


def _content(finding: Finding) -> tuple[str, int, str, str]:
    return finding.path, finding.line, finding.severity, finding.message


def resolve_findings(progress: Progress, command: c.ResolveFindings) -> Rejected | None:
    """Say that findings are mended, or that they were wrong."""
    if not command.findings:
        return None
    if not command.why.strip():
        text = "resolving a finding needs a reason"
        return Rejected(kind="no_reason", message=text, next="-m 'what was done about it'", exit=EXIT_USAGE)
    for name in dict.fromkeys(command.findings):
        found = find(progress.run, name)
        if isinstance(found, Rejected):
            return found
        if refusal := _refuse_resolving(progress, found, command):
            return refusal
        if not found.resolved_by:
            progress.emit(
                e.FindingResolved(
                    at=command.at, actor=command.actor, finding=name, by=command.actor, why=command.why.strip()
                )
            )
    return None


def approve_own(progress: Progress, message: str) -> None:
    """Who approves says that what it found itself is mended; what others found stays."""
    for found in progress.run.findings:
        if found.holds and found.agent == progress.actor and not is_author(progress.run, (progress.actor,)):
            why = f"approved by who raised it: {message.strip()}" if message.strip() else "approved by who raised it"
            progress.emit(
                e.FindingResolved(
                    at=progress.at, actor=progress.actor, finding=found.id, by=progress.actor, why=why[:1000]
                )
            )


def find(run: s.Run, name: str) -> s.RaisedFinding | Rejected:
    for found in run.findings:
        if found.id == name:
            return found
    listed = ", ".join(x.id for x in run.findings[-20:]) or "none"
    text = f"run {run.id} has no finding {name} (it has: {listed})"
    return Rejected(kind="unknown_finding", message=text, next=f"andon finding list {run.id}", exit=EXIT_USAGE)


def may_resolve(workflow: w.Workflow, run: s.Run, found: s.RaisedFinding, agent: str, role: str = "") -> bool:
    """Whether this agent may say that the finding is mended. role: what it plays now."""
    if is_author(run, (agent,)):
        return False
    if agent == found.agent:
        return True
    definition = workflow.roles.get(found.role)
    by_role = definition is not None and definition.resolve == "role"
    return by_role and (role == found.role or agent in run.roles.get(found.role, ()))


def _refuse_resolving(progress: Progress, found: s.RaisedFinding, command: c.ResolveFindings) -> Rejected | None:
    run = progress.run
    if is_author(run, (command.actor, *command.aliases)):
        text = f"{command.actor} is an author of run {run.id}'s change and may not resolve {found.id}"
        following = f"ask {found.agent}, or a person: andon finding resolve {run.id} {found.id} -m WHY"
        return Rejected(kind="author", message=text, next=following, exit=EXIT_DENIED)
    if command.person or may_resolve(progress.workflow, run, found, command.actor, command.role):
        return None
    text = f"{found.id} of run {run.id} was raised by {found.agent}; {command.actor} may not resolve it"
    following = f"ask {found.agent}, or a person: andon finding resolve {run.id} {found.id} -m WHY"
    return Rejected(kind="not_yours", message=text, next=following, exit=EXIT_DENIED)


def reopen_finding(progress: Progress, command: c.ReopenFinding) -> Rejected | None:
    """It is not mended after all (or still not, which sends a review that waits for it to another reviewer)."""
    run = progress.run
    found = find(run, command.finding)
    if isinstance(found, Rejected):
        return found
    if not command.why.strip():
        text = "reopening a finding needs a reason"
        return Rejected(kind="no_reason", message=text, next="-m 'what is still wrong'", exit=EXIT_USAGE)
    if run.landed_tree or any(step.prepared is not None for step in run.active.values()):
        text = f"run {run.id} has landed, or lands at this moment"
        return Rejected(kind="landing", message=text, next="andon task add, for a change of its own")
    reviewer = command.actor == found.agent or command.actor in run.roles.get(found.role, ())
    if not command.person and (not reviewer or is_author(run, (command.actor,))):
        text = f"{command.actor} is no reviewer in role {found.role} of run {run.id}"
        return Rejected(kind="not_yours", message=text, next=f"ask {found.agent}, or a person", exit=EXIT_DENIED)
    progress.emit(
        e.FindingReopened(
            at=command.at, actor=command.actor, finding=found.id, by=command.actor, why=command.why.strip()
        )
    )
    for step in list(progress.run.active.values()):
        definition = progress.workflow.steps.get(step.step)
        reviewing = definition is not None and bool(review_gates(progress.workflow, definition))
        if reviewing and step.state == s.WAITING and not step.question and step.role == found.role:
            reason = f"{found.id} stands: {command.why.strip()}"
            progress.emit(e.StepReopened(at=command.at, actor=command.actor, step=step.step, reason=reason))
    return None
