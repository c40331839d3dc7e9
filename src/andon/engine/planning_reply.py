"""A plan as plain JSON, and what is said of the plan that stands recorded. Must not know: how plans are made or recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from andon.core import state as s
from andon.core.planning.plan import Plan
from andon.core.planning.shared import CONTRACT_FIRST, ONE_OWNER, Shared

MAX_SHARED = 500
MAX_NAMED = 5
SHOWN_TASKS = 50
"""A shared place names so many of its tasks; the count is said, too."""


def body_of(plan: Plan, tasks: Sequence[s.Task], waits: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """The plan for `--json` and the table."""
    ids = [task.id for task in tasks]
    return {
        "ok": True,
        "items": [
            {
                "task": item.id,
                "title": item.title,
                "wave": item.wave,
                "predicted": [{"path": x.path, "score": x.score, "reason": x.reason} for x in item.predicted],
                "declared": item.declared,
                "holds": list(item.holds),
                "released": list(item.released),
                "after": list(item.after),
                "depends_on": [name for name in task.depends_on if name not in task.planned_after],
                "waits_for": list(waits[item.id]),
                "kept_off": [{"task": name, "path": path} for name, path in item.kept_off],
                "reason": item.reason,
            }
            for item, task in zip(plan.tasks, tasks, strict=True)
        ],
        "shared": [_shared(item, ids) for item in plan.shared[:MAX_SHARED]],
        "shared_places": len(plan.shared),
        "added": [
            {"task": edge.task, "after": edge.after, "path": edge.path, "strategy": edge.strategy}
            for edge in plan.added
        ],
        "workers": plan.workers,
        "waves": plan.waves,
        "lower_bound": plan.lower_bound,
        "distance_percent": plan.distance_percent,
        "one_at_a_time": plan.one_at_a_time,
        "greedy": plan.greedy,
    }


def _shared(item: Shared, ids: Sequence[str]) -> dict[str, Any]:
    first = ids[item.first] if item.first is not None else None
    names = [ids[task] for task in item.tasks]
    if item.strategy == CONTRACT_FIRST:
        advice = f"{first} settles what the others need of it; they come after {first}"
    elif item.strategy == ONE_OWNER:
        advice = f"give {', '.join(names)} to one worker, or make them one task"
    else:
        advice = "one after the other, in the order of their waves"
    return {
        "path": item.path,
        "tasks": names[:SHOWN_TASKS],
        "count": len(names),
        "weight": item.weight,
        "strategy": item.strategy,
        "first": first,
        "advice": advice,
    }


def recorded(tasks: Sequence[s.Task], head: str | None, target: str) -> dict[str, Any]:
    """Whether these tasks have a recorded plan, and why it is out of date if it is."""
    planned = [task for task in tasks if task.wave is not None]
    if not planned:
        return {"state": "none", "why": []}
    why = []
    heads = {task.planned_head for task in planned}
    if heads != {head or ""}:
        why.append(f"{target} has moved since it was made")
    changed = [task.id for task in planned if task.changed_at > task.planned_at]
    if changed:
        why.append(f"changed since: {_some(changed)}")
    new = [task.id for task in tasks if task.wave is None]
    if new:
        why.append(f"in no plan: {_some(new)}")
    return {"state": "outdated" if why else "current", "why": why}


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more
