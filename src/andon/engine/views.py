"""What people look at: status, show, log, lists. Read only."""

from __future__ import annotations

from typing import Any

import msgspec

from andon.core import state as s
from andon.core.errors import EXIT_USAGE, AndonError
from andon.core.later import later
from andon.core.learning import Learning
from andon.core.reach import is_shared
from andon.core.registry import Repository
from andon.core.routing import done_verdicts
from andon.core.swarm import reason_now
from andon.core.verdict import Verdict
from andon.engine.messages import rfc3339, thread_items
from andon.engine.services import Services
from andon.ports import Store, StoredEvent, Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from andon.engine import people, swarm_views
else:
    people, swarm_views = later("andon.engine.people"), later("andon.engine.swarm_views")

MAX_LOG = 100_000


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """The contract's form of a verdict."""
    keep: dict[str, Any] = msgspec.to_builtins(verdict)
    keep["at"] = rfc3339(verdict.at) if verdict.at else None
    keep["flaky"] = bool(verdict.flaky)
    return keep


def show(services: Services, name: str) -> dict[str, Any]:
    """A task, run, message or learning with all that matters about it."""
    with _store_of(services, name).read() as reader:
        loaded = reader.load(name)
    if loaded is None or isinstance(loaded.state, Repository):
        text = f"there is no task, run, message or learning {name}"
        raise AndonError(text, kind="unknown_id", next="andon status", exit=EXIT_USAGE)
    state = loaded.state
    if isinstance(state, s.Task):
        from andon.engine.tasks import describe

        body = {"ok": True, "kind": "task", **describe(state)}
        if state.run:
            body["run_state"] = _show_run(services, state.run)
        return body
    if isinstance(state, s.Run):
        return {"ok": True, "kind": "run", **_show_run(services, name)}
    if isinstance(state, Learning):
        from andon.engine.learnings import describe as describe_learning
        from andon.engine.space import seen

        return {"ok": True, "kind": "learning", **describe_learning(seen(services, state))}
    found = msgspec.to_builtins(state)
    with services.store.read() as reader:
        items = thread_items(reader, state)
    found |= {"thread": state.thread or state.id, "redelivered": bool(state.repeated), "messages": items}
    return {"ok": True, **found, "kind": "message", "message_kind": state.kind, "sent_at": rfc3339(state.sent_at)}


def _store_of(services: Services, name: str | None) -> Store:
    """Learnings of the workspace stand in its own store."""
    if name is None or not is_shared(name) or services.space is None:
        return services.store
    return services.space.store


def _show_run(services: Services, name: str) -> dict[str, Any]:
    with services.store.read() as reader:
        loaded = reader.load(name)
        if loaded is None or not isinstance(loaded.state, s.Run):
            return {"run": name, "status": "unreadable"}
        run = loaded.state
        workflow = services.engine.definitions.get(reader, run.workflow)
    steps = []
    for step in run.active.values():
        lease = step.lease
        steps.append(
            {
                "step": step.step,
                "kind": step.kind,
                "role": step.role or None,
                "state": step.state,
                "visit": step.visit,
                "attempt": step.attempt,
                "reason": reason_now(run.swarms.get(step.step), step.reason),
                "agent": lease.agent if lease else None,
                "expires_at": rfc3339(lease.expires_at) if lease else None,
                "workdir": lease.workdir if lease else None,
                "due_at": rfc3339(step.due_at),
                "verdicts": [verdict_json(x) for x in step.verdicts],
            }
        )
    submissions = {lane or "main": msgspec.to_builtins(x) for lane, x in run.submissions.items()}
    return {
        "run": run.id,
        "task": run.task,
        "status": run.status,
        "outcome": run.outcome or None,
        "reason": run.reason or None,
        "commit": run.commit or None,
        "workflow": run.workflow_name,
        "workflow_digest": run.workflow,
        "definitions": run.definitions,
        "target": run.target,
        "base": run.base,
        "started_at": rfc3339(run.started_at),
        "next": people.where(services, run),
        "steps": steps,
        "visits": run.visits,
        "submissions": submissions,
        "authors": list(run.authors),
        "reviews": [msgspec.to_builtins(x) for x in run.reviews],
        "approvals": [msgspec.to_builtins(x) for x in run.approvals],
        "waivers": [msgspec.to_builtins(x) for x in run.waivers],
        "notes": [msgspec.to_builtins(x) for x in run.notes],
        "done": [verdict_json(x) for x in done_verdicts(workflow, run, services.clock.now())],
        "tokens_used": run.tokens_used,
        "tokens": swarm_views.tokens_json(workflow, run),
        "parent": run.parent or None,
        "children": swarm_views.children_json(services, run),
    }


def log(services: Services, name: str | None, after: int, limit: int) -> dict[str, Any]:
    """Events in order. For a task: its own and those of its run, by time.

    An event that can't be read stands in its place as `unreadable`, and the answer is not ok (law 12).
    """
    limit = max(1, min(limit, MAX_LOG))
    with _store_of(services, name).read() as reader:
        stored = list(reader.log(name, after=after, limit=limit))
        if name is not None and not stored and not after and reader.load(name) is None:
            text = f"there is no task, run, message or learning {name}"
            raise AndonError(text, kind="unknown_id", next="andon status", exit=EXIT_USAGE)
        for run in _runs_of(stored):
            if name is not None:
                stored += reader.log(run, limit=limit)
                stored.sort(key=lambda item: item.position)
        archived = reader.archived_runs() if name is None else 0
    bad = [item for item in stored if isinstance(item, Unreadable)]
    body: dict[str, Any] = {"ok": not bad, "items": [event_json(item) for item in stored], "archived_runs": archived}
    if bad:
        text = "; ".join(item.problem for item in bad[:5])
        body["error"] = {"kind": "corrupt", "message": f"{len(bad)} events: {text}", "next": "andon doctor"}
    return body


def _runs_of(stored: list[StoredEvent | Unreadable]) -> list[str]:
    from andon.core.events import RunAttached

    events = [item.event for item in stored if isinstance(item, StoredEvent)]
    return [event.run for event in events if isinstance(event, RunAttached)]


def event_json(stored: StoredEvent | Unreadable) -> dict[str, Any]:
    if isinstance(stored, Unreadable):
        place = {"seq": stored.seq, "position": stored.position, "stream": stored.stream}
        return {**place, "type": "unreadable", "at": None, "actor": None, "data": {"problem": stored.problem}}
    data: dict[str, Any] = msgspec.to_builtins(stored.event)
    kind = data.pop("type")
    at = data.pop("at")
    actor = data.pop("actor")
    return {
        "seq": stored.seq,
        "position": stored.position,
        "stream": stored.stream,
        "type": kind,
        "at": rfc3339(at),
        "actor": actor,
        "data": data,
    }


def task_list(services: Services, status: list[str], label: str | None) -> dict[str, Any]:
    with services.store.read() as reader:
        rows = reader.tasks(status=tuple(status), limit=10_000)
    import json

    def listed(text: object) -> list[Any]:
        try:
            found = json.loads(str(text or "[]"))
        except ValueError:
            # `doctor` names it; the others are shown all the same (law 12).
            return []
        return found if isinstance(found, list) else []

    items = []
    for row in rows:
        labels = listed(row["labels"])
        if label and label not in labels:
            continue
        state = str(row["status"])
        if state == s.OPEN:
            state = "blocked" if row["open_dependencies"] else "ready"
        items.append(
            {
                "task": row["id"],
                "id": row["id"],
                "title": row["title"],
                "status": state,
                "priority": row["priority"],
                "labels": labels,
                "scope": listed(row["scope"]),
                "predicted": listed(row["predicted"]),
                "wave": row["wave"],
                "workflow": row["workflow"] or None,
                "run": row["run"] or None,
                "commit": row["commit_id"] or None,
            }
        )
    return {"ok": True, "items": items}


def run_list(services: Services, status: list[str]) -> dict[str, Any]:
    with services.store.read() as reader:
        rows = reader.runs(status=tuple(status), limit=10_000)
        by_run: dict[str, list[dict[str, Any]]] = {}
        for step in reader.steps():
            by_run.setdefault(str(step["run"]), []).append(
                {"step": step["step"], "state": step["state"], "agent": step["agent"], "reason": step["reason"]}
            )
    items = [
        {
            "run": row["id"],
            "id": row["id"],
            "task": row["task"],
            "status": row["status"],
            "outcome": row["outcome"] or None,
            "workflow": row["workflow_name"],
            "commit": row["commit_id"] or None,
            "reason": row["reason"] or None,
            "started_at": rfc3339(row["started_at"]),
            "steps": by_run.get(str(row["id"]), []),
        }
        for row in rows
    ]
    return {"ok": True, "items": items}
