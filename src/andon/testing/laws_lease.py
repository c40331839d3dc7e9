"""The laws of what a lease shuts out and how long it may last: overlapping scopes, and sessions.

Scopes are the toy world's: which paths are in which is a table, and no glob is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UnsetType

from andon.core import events as e
from andon.testing.content import AREAS

if TYPE_CHECKING:
    from andon.testing.laws import Known, Laws


def must_not_overlap(laws: Laws, known: Known, event: e.StepClaimed) -> None:
    """Law 6: no two agents write in overlapping scopes. A review only looks; parents and children share by intent."""
    mine = AREAS.get(known.scope, frozenset())
    if not mine or not _writes(known, event.step):
        return
    for other in laws.runs.values():
        shared = mine & AREAS.get(other.scope, frozenset())
        if other.task == known.task or other.ended or not shared or other.id in laws.world.corrupted:
            continue
        if other.id in _parents(laws, known) or known.id in _parents(laws, other):
            continue
        if _share(laws, known, other):
            continue
        for step, held in other.held.items():
            # A lease that is over binds nobody, also before its end is written down.
            if _writes(other, step) and event.at < held.expires_at:
                text = f"{event.agent} claimed {known.id} {event.step}, which overlaps with {held.agent}'s {other.id}"
                laws.violated(6, text)


def _parents(laws: Laws, known: Known) -> set[str]:
    found: set[str] = set()
    while known.parent and known.parent not in found and known.parent in laws.runs:
        found.add(known.parent)
        known = laws.runs[known.parent]
    return found


def _share(laws: Laws, one: Known, two: Known) -> bool:
    """Parts of one whole of which nobody said more than that they are within it."""
    if not one.parent or not two.parent or _root(laws, one) != _root(laws, two):
        return False
    return any(x.parent in laws.runs and x.scope == laws.runs[x.parent].scope for x in (one, two))


def _root(laws: Laws, known: Known) -> str:
    """The task that the topmost parent works on: its run may be another one by now."""
    for _ in range(len(laws.runs)):
        if known.parent not in laws.runs:
            break
        known = laws.runs[known.parent]
    return known.task


def _writes(known: Known, step: str) -> bool:
    definition = known.workflow.steps.get(step)
    return definition is not None and definition.kind == "agent" and definition.role != "reviewer"


def session_end(known: Known, event: e.StepClaimed) -> float:
    """When the claim's session is over."""
    definition = known.workflow.steps.get(event.step)
    if definition is None or isinstance(definition.session_s, UnsetType):
        return float("inf")
    return event.at + definition.session_s


def within_session(laws: Laws, known: Known, step: str, expires_at: float) -> None:
    """Law 13."""
    if expires_at > known.held[step].ends_at:
        laws.violated(13, f"the claim of {known.id} {step} lasts longer than its session")
