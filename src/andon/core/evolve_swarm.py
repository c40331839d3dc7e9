"""How events about a run's children change the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from andon.core import events as e
from andon.core import state as s
from andon.core import swarm as sw
from andon.core.errors import InvariantViolation


def _swarm(run: s.Run, step: str) -> sw.Swarm:
    try:
        return run.swarms[step]
    except KeyError:
        raise InvariantViolation(f"step {step} of run {run.id} has no children") from None


def _with(run: s.Run, swarm: sw.Swarm, at: float, **changes: Any) -> s.Run:
    changed: s.Run = replace(run, swarms={**run.swarms, swarm.step: swarm}, changed_at=at, **changes)
    return changed


def _added(run: s.Run, event: e.ChildrenAdded) -> s.Run:
    before = run.swarms.get(event.step)
    if before is not None and before.visit == event.visit and before.join == "" == event.join:
        swarm = replace(before, children=(*before.children, *event.children), common=event.common or before.common)
        return _with(run, swarm, event.at)
    swarm = sw.Swarm(
        step=event.step,
        visit=event.visit,
        ref=event.ref,
        base=event.base,
        base_tree=event.base_tree,
        join=event.join,
        max_parallel=event.max_parallel,
        common=event.common,
        land=event.land,
        children=event.children,
    )
    return _with(run, swarm, event.at)


def _ended(run: s.Run, event: e.ChildEnded) -> s.Run:
    swarm = _swarm(run, event.step)

    def result(child: sw.Child) -> sw.Child:
        ended: sw.Child = replace(
            child,
            run=event.run,
            outcome=event.outcome,
            commit=event.commit,
            message=event.message,
            notes=event.notes,
            reason=event.reason,
            tokens=event.tokens,
        )
        return ended

    children = tuple(result(child) if child.task == event.task else child for child in swarm.children)
    swarm = replace(swarm, children=children, tip=event.commit or swarm.tip)
    authors = tuple(dict.fromkeys((*run.authors, *event.authors)))
    run = _with(run, swarm, event.at, children_tokens=run.children_tokens + event.tokens, authors=authors)
    return _woken(run, event.step)


def _woken(run: s.Run, step_id: str) -> s.Run:
    """A step that waited for its children goes on when all are over."""
    step, swarm = run.active.get(step_id), run.swarms[step_id]
    waited = step is not None and step.state == s.WAITING and step.kind in sw.CHILD_KINDS and not swarm.outcome
    if step is None or not waited or sw.open_children(swarm):
        return run
    woken: s.Run = replace(run, active={**run.active, step_id: replace(step, state=s.READY, reason="")})
    return woken


def _released(run: s.Run, event: e.ChildrenReleased) -> s.Run:
    swarm = _swarm(run, event.step)
    children = tuple(replace(x, released=True) if x.task in event.tasks else x for x in swarm.children)
    return _with(run, replace(swarm, children=children), event.at)


def _dropped(run: s.Run, event: e.ChildrenDropped) -> s.Run:
    swarm = _swarm(run, event.step)
    children = tuple(replace(x, dropped=True) if x.task in event.tasks else x for x in swarm.children)
    return _with(run, replace(swarm, children=children), event.at)


def _merging(run: s.Run, event: e.ChildrenMerging) -> s.Run:
    swarm = _swarm(run, event.step)
    children = tuple(replace(x, taking=True) if x.task in event.tasks else x for x in swarm.children)
    return _with(run, replace(swarm, children=children), event.at)


def _merged(run: s.Run, event: e.ChildrenMerged) -> s.Run:
    swarm = _swarm(run, event.step)

    def is_in(child: sw.Child) -> bool:
        # Events of earlier versions name nobody: all that had landed.
        return bool(child.commit) if event.tasks is None else child.task in event.tasks

    children = tuple(replace(x, taken=x.taken or is_in(x)) for x in swarm.children)
    return _with(run, replace(swarm, common=event.commit, conflicts=event.conflicts, children=children), event.at)


def _joined(run: s.Run, event: e.ChildrenJoined) -> s.Run:
    swarm = replace(_swarm(run, event.step), outcome=event.outcome)
    run = _with(run, swarm, event.at, own_commits=_own_commits(run, swarm))
    if event.submission is None:
        return run
    lane = run.active[event.step].lane
    submissions = {**run.submissions, lane: event.submission}
    current = {subject for item in submissions.values() for subject in (item.tree_subject, item.patch)}
    joined: s.Run = replace(
        run,
        submissions=submissions,
        submitted_in={**run.submitted_in, lane: event.step},
        verdicts={key: verdict for key, verdict in run.verdicts.items() if verdict.subject in current},
        environments={subject: digest for subject, digest in run.environments.items() if subject in current},
    )
    return joined


def _own_commits(run: s.Run, swarm: sw.Swarm) -> tuple[sw.OwnCommits, ...]:
    """With those of a join, whose gates may have been judged before: each reference is there once."""
    before = tuple(own for own in run.own_commits if own.ref != swarm.ref)
    if swarm.land != sw.EACH or not swarm.tip:
        return before
    return (*before, sw.OwnCommits(ref=swarm.ref, base=swarm.base, start=swarm.common, tip=swarm.tip))


def waits_for_children(run: s.Run, step: s.ActiveStep) -> bool:
    """Whether a step that is put back to work has nothing to do but wait."""
    swarm = run.swarms.get(step.step)
    return step.kind in sw.CHILD_KINDS and bool(sw.open_children(swarm))


def renumbered(run: s.Run, step: s.ActiveStep) -> dict[str, sw.Swarm]:
    """The step's children when its visits are counted anew: those of the present visit stay its own."""
    swarm = run.swarms.get(step.step)
    if swarm is None:
        return {}
    return {step.step: replace(swarm, visit=1 if swarm.visit == step.visit else 0)}


SWARM_EVENTS: dict[type[e.Event], Callable[[Any, Any], s.State]] = {
    e.ChildrenAdded: _added,
    e.ChildEnded: _ended,
    e.ChildrenReleased: _released,
    e.ChildrenDropped: _dropped,
    e.ChildrenMerging: _merging,
    e.ChildrenMerged: _merged,
    e.ChildrenJoined: _joined,
}
