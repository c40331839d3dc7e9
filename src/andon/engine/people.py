"""People's acts on runs: approve, reject, waive, signal, retry, cancel.

The shell has made sure that a person acts (a terminal, no agent's environment, or a signature); the core decides.
"""

from __future__ import annotations

from typing import Any

from andon.core import commands as c
from andon.core import state as s
from andon.core import workflow as w
from andon.core.errors import EXIT_DENIED, EXIT_LOST, EXIT_USAGE, AndonError
from andon.core.routing import done_verdicts, final_submission
from andon.core.swarm import reason_now
from andon.engine.services import Services
from andon.engine.sweep import tick
from andon.engine.system import carry_out
from andon.engine.transact import load_run, load_task


def run_of(services: Services, name: str) -> s.Run:
    """A run by its id, or by its task's id."""
    with services.store.read() as reader:
        loaded = reader.load(name)
        if loaded is not None and isinstance(loaded.state, s.Task) and loaded.state.run:
            return load_run(reader, loaded.state.run)
        return load_run(reader, name)


def require_person(services: Services, act: str) -> None:
    if not services.caller.person:
        text = f"{services.caller.agent} is an agent; only a person may {act}"
        raise AndonError(text, kind="not_a_person", next="ask a person", exit=EXIT_DENIED)


def preview(services: Services, name: str) -> dict[str, Any]:
    """What a person is about to decide on: the change, its gates, who made it."""
    run = run_of(services, name)
    with services.store.read() as reader:
        task = load_task(reader, run.task)
        workflow = services.engine.definitions.get(reader, run.workflow)
    submission = final_submission(run)
    waiting = [x.step for x in run.active.values() if x.kind == "human"]
    changes = services.git.changes(submission.base, submission.tree)
    return {
        "ok": True,
        "run": run.id,
        "task": task.id,
        "title": task.title,
        "steps": waiting,
        "authors": list(run.authors),
        "patch": submission.patch,
        "tree": submission.tree,
        "files": [{"path": x.path, "added": x.added, "deleted": x.deleted} for x in changes[:200]],
        "done": [{"gate": x.gate, "outcome": x.outcome} for x in done_verdicts(workflow, run, services.clock.now())],
    }


def _act(services: Services, name: str, command: c.Command) -> dict[str, Any]:
    run = run_of(services, name)
    tick(services, run.id)
    after, effects = services.engine.on_run(run.id, command)
    services.after(effects)
    carry_out(services, run.id)
    after = run_of(services, run.id)
    return {"ok": True, "run": after.id, "status": after.status, "next": where(services, after)}


def where(services: Services, run: s.Run) -> dict[str, Any]:
    """Where a run is now: {"step", "role", "state": ready | waiting | done, …}."""
    if run.status == s.RUN_ENDED:
        return {"step": None, "role": None, "state": "done", "outcome": run.outcome}
    steps = list(run.active.values())
    if not steps:
        return {"step": None, "role": None, "state": "waiting", "reason": run.reason}
    first = next((x for x in steps if x.kind == "agent" and x.state == s.READY), steps[0])
    state = "ready" if first.state == s.READY and first.kind == "agent" else "waiting"
    found: dict[str, Any] = {"step": first.step, "role": first.role or None, "state": state, "kind": first.kind}
    if state == "waiting":
        found["reason"] = reason_now(run.swarms.get(first.step), first.reason) or _waits_for(first)
    elif first.reason:
        # Why it is ready again: nobody should have to look for what sent it back.
        found["reason"] = first.reason
    if len(steps) > 1:
        found["also"] = [x.step for x in steps if x is not first]
    return found


def _waits_for(step: s.ActiveStep) -> str:
    if step.state == s.LEASED and step.lease is not None:
        return f"{step.lease.agent} is at work"
    return {
        "human": "a person must approve or reject it",
        "land": "the lead lands it: andon lead",
        "wait": "it waits for time or a signal",
    }.get(step.kind, "Andon carries it out: andon lead")


def approve(services: Services, name: str, *, step: str | None, message: str, signed: str = "") -> dict[str, Any]:
    command = c.Approve(
        at=services.clock.now(),
        actor=services.caller.agent,
        aliases=services.caller.aliases,
        step=step,
        message=message,
        signed=signed,
        agent=not services.caller.person,
    )
    return _act(services, name, command)


def reject(services: Services, name: str, *, step: str | None, outcome: str | None, message: str) -> dict[str, Any]:
    if not message.strip():
        raise AndonError("a rejection needs a reason", kind="no_reason", next="-m 'what is wrong'", exit=EXIT_USAGE)
    command = c.Reject(
        at=services.clock.now(),
        actor=services.caller.agent,
        aliases=services.caller.aliases,
        step=step,
        outcome=outcome,
        message=message,
        agent=not services.caller.person,
    )
    _refuse_late(services, run_of(services, name))
    return _act(services, name, command)


def _refuse_late(services: Services, run: s.Run) -> None:
    """A rejection calls nothing back that is on the branch: it would leave a run that landed and may not end."""
    head = services.git.branch_head(run.target)
    commits = [x.prepared.commit for x in run.active.values() if x.prepared is not None]
    commits += [run.commit] if run.landed_tree and run.status != s.RUN_ENDED else []
    if landed := next((x for x in commits if head is not None and services.git.is_ancestor(x, head)), None):
        text = f"{landed[:12]} of run {run.id} is on {run.target} already; a rejection can't call it back"
        undo = f"andon task add 'Take back {run.task}' --body 'git revert {landed[:12]}'"
        raise AndonError(text, kind="landed", next=undo, exit=EXIT_LOST)


def waive(services: Services, name: str, *, gate: str, why: str) -> dict[str, Any]:
    command = c.Waive(
        at=services.clock.now(),
        actor=services.caller.agent,
        gate=gate,
        why=why,
        aliases=services.caller.aliases,
        agent=not services.caller.person,
    )
    return _act(services, name, command)


def signal(
    services: Services, name: str, *, signal_name: str, outcome: str, tree: str | None, message: str, url: str
) -> dict[str, Any]:
    """Record evidence from outside about a tree: the run's present one unless another is named."""
    require_person(services, "post a signal")
    if outcome not in (w.PASSED, w.FAILED):
        raise AndonError(f"outcome {outcome} is neither passed nor failed", kind="usage", exit=EXIT_USAGE)
    run = run_of(services, name)
    command = c.PostSignal(
        at=services.clock.now(),
        actor=services.caller.agent,
        name=signal_name,
        tree=tree or final_submission(run).tree,
        outcome=outcome,
        message=message,
        url=url,
    )
    return _act(services, name, command)


def retry(services: Services, name: str, *, step: str | None, reason: str) -> dict[str, Any]:
    require_person(services, "put a blocked run back to work")
    command = c.RetryRun(at=services.clock.now(), actor=services.caller.agent, step=step or "", reason=reason)
    return _act(services, name, command)


def cancel(services: Services, name: str, *, reason: str) -> dict[str, Any]:
    require_person(services, "cancel a run")
    run = run_of(services, name)
    command = c.CancelRun(at=services.clock.now(), actor=services.caller.agent, reason=reason)
    after, effects = services.engine.on_run(run.id, command)
    services.after(effects)
    return {"ok": True, "run": after.id, "status": after.status, "next": where(services, after)}
