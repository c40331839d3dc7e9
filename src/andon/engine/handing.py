"""The verb `handoff`: a step goes to another agent or role, with its work, notes and artifacts, once its gates allow it.

Theory of operation. Without gates the unsubmitted work is kept as salvage and the step is offered. With gates (of the step's
`handoff_gates`, or `--gate`) a snapshot is measured first; the core judges, and if all open the snapshot becomes the submission
that the receiver begins with. The hand-off and the message that tells of it are one transaction. Must not know: git's ways.
"""

from __future__ import annotations

from typing import Any

from andon.core import commands as c
from andon.core import state as s
from andon.core import workflow as w
from andon.core.decide_run import handoff_gates, receiver_refusal
from andon.core.errors import EXIT_LOST, EXIT_USAGE, EXIT_YES, AndonError, Rejected
from andon.core.judge import is_review_step, judge
from andon.core.routing import final_submission
from andon.core.rules_worker import ANYONE, HANDED_FIRST_S
from andon.core.verdict import Artifact, Submission, Verdict
from andon.engine import claims, judging, mailboxes, people
from andon.engine.interface import Reply
from andon.engine.messages import Outgoing, send_in
from andon.engine.places import Claim
from andon.engine.services import Services
from andon.engine.transact import Unit

Arguments = dict[str, Any]
MAX_ARTIFACTS = 50
MAX_LINK_CHARS = 2000


def claim_to_leave(services: Services) -> Claim:
    """The caller's claim. What an agent did in a person's is submitted first, which makes it an author (law 11)."""
    claim = claims.find_claim(services)
    if claim.hand:
        try:
            judging.submit(services, claim)
        except AndonError as error:
            services.say(f"the work of {claim.hand} could not be submitted: {error.message}")
    return claim


def handoff(services: Services, arguments: Arguments) -> Reply:
    claim = claim_to_leave(services)
    to = arguments.get("to") or ""
    message = arguments.get("message") or ""
    if not message.strip():
        raise AndonError("a hand-off needs notes", kind="usage", next="-m 'what the next one must know'", exit=64)
    run, step = claims.held(services, claim)
    workflow = judging.definitions_of(services, run)
    if refused := receiver_refusal(workflow, run, step, mailboxes.check(to) if to else "", claim.agent):
        raise AndonError.of(refused)
    warning = _unseen(services, to)
    definition = workflow.steps[step.step]
    ids = handoff_gates(workflow, definition, arguments.get("gates") or ())
    if unknown := [name for name in ids if name not in workflow.gates]:
        text = f"workflow {workflow.name} has no gate {', '.join(unknown)} (it has: {', '.join(workflow.gates)})"
        raise AndonError(text, kind="unknown_gate", next="check the name", exit=EXIT_USAGE)
    artifacts = _artifacts(services, claim, arguments.get("artifacts") or ())
    submission: Submission | None = None
    measured: tuple[Verdict, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    environment = ""
    if ids:
        run, step, submission, measured, environment = _measured(services, claim, workflow, run, step, ids)
        subject = submission or run.submissions.get(step.lane) or final_submission(run)
        verdicts = judge(workflow, run, ids, subject, measured, environment, services.clock.now())
        if (code := judging.exit_of(verdicts)) != EXIT_YES:
            return _refused(run, claim, verdicts, code)
    command = c.HandOff(
        at=services.clock.now(),
        actor=claim.agent,
        step=claim.step,
        token=claim.token,
        to=to,
        notes=arguments.get("notes") or message,
        salvage="" if ids else claims.salvage(services, run, step, claim.workdir, must=True),
        gates=tuple(arguments.get("gates") or ()),
        submission=submission,
        verdicts=measured,
        environment_digest=environment,
        artifacts=artifacts,
        also_by=judging.other_hand(services, claim),
    )
    after, sent = _carry_out(services, claim, command, message)
    body = {"ok": True, "run": after.id, "step": claim.step, "message": sent.id, "next": people.where(services, after)}
    body["artifacts"] = [{"name": x.name, "digest": x.digest or None, "bytes": x.bytes} for x in artifacts]
    if verdicts:
        body["verdicts"] = [_verdict(x) for x in verdicts]
    return Reply(exit=EXIT_YES, body=body, notes=(f"warning: {warning}",) if warning else ())


def _unseen(services: Services, to: str) -> str:
    """A warning when nobody was ever seen under the agent's name that the step goes to."""
    if to in ("", ANYONE) or to.startswith("role:") or not mailboxes.reachable(services, to):
        return ""
    return f"nobody called {to} was ever seen here; others are offered the step in {HANDED_FIRST_S / 60:.0f} min"


def _measured(
    services: Services, claim: Claim, workflow: w.Workflow, run: s.Run, step: s.ActiveStep, ids: tuple[str, ...]
) -> tuple[s.Run, s.ActiveStep, Submission | None, tuple[Verdict, ...], str]:
    """A snapshot of the work, and what the gates say of it. The lease is kept while they run."""
    definition = workflow.steps[step.step]
    run = claims.renew(services, claim)
    step = run.active[claim.step]
    reviewing = is_review_step(workflow, definition)
    submission = None if reviewing else judging.take_snapshot(services, claim, run, step)
    subject = submission or run.submissions.get(step.lane) or final_submission(run)
    with claims.keep_alive(services, claim, definition.lease_s):
        verdicts, environment = judging.measure(services, workflow, run, ids, subject)
    return run, step, submission, verdicts, environment


def _carry_out(services: Services, claim: Claim, command: c.HandOff, message: str) -> tuple[s.Run, s.Message]:
    """One transaction: a hand-off of which nobody was told, or the reverse, must not exist."""

    def work(unit: Unit) -> tuple[s.Run, s.Message]:
        after = unit.on_run(claim.run, command)
        if isinstance(after, Rejected):
            raise AndonError.of(after)
        recipient = command.to or f"run:{claim.run}"
        told = Outgoing(kind="handoff", to=recipient, body=message, run=claim.run, step=claim.step)
        return after, send_in(services, unit, told).message

    done, effects = services.engine.transact(work)
    services.after(effects)
    return done


def _refused(run: s.Run, claim: Claim, verdicts: tuple[Verdict, ...], code: int) -> Reply:
    closed = "; ".join(f"gate {x.gate} {x.outcome}: {x.summary}" for x in verdicts if not x.opens)
    body = {
        "ok": False,
        "run": run.id,
        "step": claim.step,
        "verdicts": [_verdict(x) for x in verdicts],
        "next": {"step": claim.step, "role": run.active[claim.step].role or None, "state": "yours"},
        "error": {
            "kind": "red" if code != 3 else "pending",
            "message": f"the step may not be handed off yet: {closed}",
            "next": "fix it, then hand off again; andon release gives the step up",
        },
    }
    return Reply(exit=code, body=body)


def _verdict(verdict: Verdict) -> dict[str, Any]:
    from andon.engine.views import verdict_json

    return verdict_json(verdict)


def _artifacts(services: Services, claim: Claim, given: Any) -> tuple[Artifact, ...]:
    """Links as they are; files and globs of the worktree with their digests. Raises AndonError."""
    wanted = [given] if isinstance(given, str) else [str(x) for x in given]
    links = [x for x in wanted if x.startswith(("https://", "http://"))]
    if any(len(x) > MAX_LINK_CHARS or any(char.isspace() for char in x) for x in links):
        raise AndonError("a link is one word of at most 2000 characters", kind="usage", next="--artifact URL", exit=64)
    found = [Artifact(name=x) for x in links]
    patterns = [x for x in wanted if x not in links]
    if patterns:
        if not services.places.is_directory(claim.workdir):
            raise AndonError(
                f"the worktree {claim.workdir} is gone", kind="lease_lost", next="andon next", exit=EXIT_LOST
            )
        found += services.places.artifacts(claim.workdir, patterns, MAX_ARTIFACTS)
    if len(found) > MAX_ARTIFACTS:
        text = f"more than {MAX_ARTIFACTS} artifacts in one hand-off"
        raise AndonError(text, kind="usage", next="name the most important ones", exit=EXIT_USAGE)
    return tuple(found)
