"""The tree of tasks as people see it: a run's children, their results, what they used. Read only."""

from __future__ import annotations

from typing import Any

import msgspec

from andon.core import state as s
from andon.core import swarm as sw
from andon.core.errors import AndonError
from andon.core.rules_swarm import tokens_left
from andon.core.workflow import Workflow
from andon.engine.services import Services
from andon.ports import Reader


def tokens_json(workflow: Workflow, run: s.Run) -> dict[str, Any]:
    """What the run and all below it used, what is promised to open children, and what is left (None: no limit)."""
    return {
        "own": run.tokens_used,
        "children": run.children_tokens,
        "reserved": sw.reserved(run.swarms),
        "left": tokens_left(workflow, run),
        "budget": run.budget,
    }


def children_json(services: Services, run: s.Run) -> dict[str, Any]:
    """step -> its children: {"join", "outcome", "target", "items": [one entry for each, in the order of the items]}."""
    if not run.swarms:
        return {}
    with services.store.read() as reader:
        return {name: _swarm(reader, swarm) for name, swarm in run.swarms.items()}


def _swarm(reader: Reader, swarm: sw.Swarm) -> dict[str, Any]:
    entries = sw.results(swarm)
    budgets = {child.task: child.budget for child in swarm.children}
    items = []
    for entry in entries:
        item: dict[str, Any] = {**msgspec.to_builtins(entry), "budget": budgets[entry.task]}
        item["run"] = entry.run or None
        item |= _now(reader, entry.task)
        if not item["outcome"] and item["status"] in s.CLOSED:
            # Told to nobody: the run that it was a part of was over by then.
            item["outcome"] = item["status"]
        items.append(item)
    return {
        "join": swarm.join or None,
        "outcome": swarm.outcome or None,
        "target": swarm.ref,
        "open": sum(not item["outcome"] for item in items),
        "items": items,
    }


def _now(reader: Reader, name: str) -> dict[str, Any]:
    """The child's title and state, and its own children below it."""
    try:
        loaded = reader.load(name)
        if loaded is None or not isinstance(loaded.state, s.Task):
            return {"title": "", "status": "unreadable"}
        task = loaded.state
        found: dict[str, Any] = {"title": task.title, "status": task.status, "tokens": task.tokens_used}
        if task.run:
            found["run"] = task.run
            below = reader.load(task.run)
            if below is not None and isinstance(below.state, s.Run):
                run = below.state
                found["status"] = run.status if run.status == s.RUN_BLOCKED else task.status
                if run.status != s.RUN_ENDED:
                    found["tokens"] = task.tokens_used + run.tokens_used + run.children_tokens
                if run.swarms:
                    found["children"] = {step: _swarm(reader, swarm) for step, swarm in run.swarms.items()}
        return found
    except AndonError as error:
        return {"title": "", "status": "unreadable", "problem": error.message}
