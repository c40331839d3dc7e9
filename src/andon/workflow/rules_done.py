"""Lint of the `done` gates (law 5): no path to the end goes round one, and none is older than the last edit.

Theory of operation. For one gate a path is in a state: NEVER evaluated, FRESH (holds for the change as it is), or STALE
(an editing step was entered since). Leaving a step by `passed` that evaluates the gate makes it FRESH; entering a step
that edits makes FRESH into STALE. What arrives at the end NEVER is `done-gate-bypassed`, what arrives STALE is
`done-gate-stale`. Leaving by another outcome evaluates nothing. A fork is walked as one piece: what its join
hands on is put together from all branches. An agent step edits unless it is a review step; every other kind leaves the
tree as it is (a command step gives a verdict only). `land` checks all tree-bound gates on the merged tree, and a step
that passes into the end all gates that can be measured.
"""

from __future__ import annotations

from itertools import product

from andon.core import workflow as w
from andon.workflow.problems import At, did_you_mean
from andon.workflow.rules import Subject
from andon.workflow.rules_fork import Region

NEVER = "never"
FRESH = "fresh"
STALE = "stale"

MEASURED = (w.RunGate, w.DiffGate, w.ArtifactGate)
MAX_COMBINATIONS = 4096

Place = tuple[str, str, bool]
"""Node, state of the gate, and whether something was edited since the walk began."""


def done_gates(subject: Subject, regions: dict[str, Region] | None) -> None:
    """`done-unknown-gate`, and for well-formed forks `done-gate-bypassed` and `done-gate-stale`."""
    for name in subject.workflow.done:
        gate = subject.workflow.gates.get(name)
        if gate is None:
            advice = did_you_mean(name, subject.workflow.gates) or "define it under gates:"
            text = f"`done` names the gate `{name}`, which is not defined"
            subject.error("done-unknown-gate", subject.at(f"done:{name}"), text, advice)
        elif regions is not None and subject.workflow.start:
            _judge(subject, gate, regions)


def is_review_step(workflow: w.Workflow, step: w.Step) -> bool:
    """An agent step in the role of a review gate: it judges the change and does not edit it."""
    return any(_reviews(step, gate) for gate in workflow.gates.values())


def _reviews(step: w.Step, gate: w.Gate) -> bool:
    return isinstance(gate, w.ReviewGate) and step.kind == "agent" and step.role == gate.role


def edits(workflow: w.Workflow, step: w.Step | None) -> bool:
    """Whether work on this step may change the tree."""
    return step is not None and step.kind in ("agent", "fanout", "workflow") and not is_review_step(workflow, step)


def evaluates(gate: w.Gate, step: w.Step | None, edge: w.Edge) -> bool:
    """Whether leaving the step along this edge means that the gate held for the change."""
    if step is None or edge.outcome != w.PASSED:
        return False
    if gate.id in step.gates or _reviews(step, gate):
        return True
    if step.kind == "land":
        return isinstance(gate, w.TREE_GATES)
    return edge.target == w.END and isinstance(gate, MEASURED)


class _Walk:
    """All that can be true on arriving at `stop`, and for each the edge that last led there and what was before."""

    def __init__(self, subject: Subject, gate: w.Gate, regions: dict[str, Region]) -> None:
        self.subject = subject
        self.gate = gate
        self.regions = regions
        self.inner: dict[tuple[str, str], set[tuple[str, bool]]] = {}

    def run(self, first: str, state: str, stop: str) -> dict[Place, tuple[Place, int] | None]:
        begin = self._enter(first, state, False)
        came: dict[Place, tuple[Place, int] | None] = {begin: None}
        todo = [begin]
        while todo:
            place = todo.pop(0)
            if place[0] in (stop, w.END):
                continue
            for following, way in self._steps(place):
                if following not in came:
                    came[following] = (place, way)
                    todo.append(following)
        return came

    def _enter(self, node: str, state: str, edited: bool) -> Place:
        if edits(self.subject.workflow, self.subject.step(node)):
            return node, STALE if state == FRESH else state, True
        return node, state, edited

    def _steps(self, place: Place) -> list[tuple[Place, int]]:
        node, state, edited = place
        found: list[tuple[Place, int]] = []
        region = self.regions.get(node)
        if region is not None:
            for after, changed in sorted(self.joined(region, state)):
                for number, edge in self.subject.after[region.join]:
                    found.append((self._enter(edge.target, after, edited or changed), number))
            return found
        step = self.subject.step(node)
        for number, edge in self.subject.after[node]:
            after = FRESH if evaluates(self.gate, step, edge) else state
            found.append((self._enter(edge.target, after, edited), number))
        return found

    def joined(self, region: Region, state: str) -> set[tuple[str, bool]]:
        """What a fork's join can hand on, for a state before the fork."""
        key = (region.fork, state)
        if key in self.inner:
            return self.inner[key]
        ends: list[list[tuple[str, bool]]] = []
        for _, edge in self.subject.after[region.fork]:
            came = self.run(edge.target, state, region.join)
            ends.append(sorted({(after, edited) for node, after, edited in came if node == region.join}))
        size = 1
        for choices in ends:
            size *= max(len(choices), 1)
        # Absurdly wide forks are judged by their first combinations, so that lint always ends.
        found = {
            _together(state, branches)
            for branches, _ in zip(product(*ends), range(min(size, MAX_COMBINATIONS)), strict=False)
        }
        self.inner[key] = found
        return found


def _together(before: str, branches: tuple[tuple[str, bool], ...]) -> tuple[str, bool]:
    """A gate's state after branches ran side by side; each is (state, edited).

    Nothing edited: what one branch evaluated holds. One branch edited: only its own evaluation saw the result.
    Several edited: nobody saw the merged tree.
    """
    edited = [state for state, changed in branches if changed]
    if not edited:
        return (FRESH if any(state == FRESH for state, _ in branches) else before), False
    if len(edited) == 1:
        return edited[0], True
    return (NEVER if all(state == NEVER for state, _ in branches) else STALE), True


def _judge(subject: Subject, gate: w.Gate, regions: dict[str, Region]) -> None:
    came = _Walk(subject, gate, regions).run(subject.workflow.start, NEVER, w.END)
    for state, rule in ((NEVER, "done-gate-bypassed"), (STALE, "done-gate-stale")):
        arrivals = [place for place in came if place[0] == w.END and place[1] == state]
        if not arrivals:
            continue
        path = _path(came, arrivals[0])
        route = _shown_path(subject, path)
        if rule == "done-gate-bypassed":
            text = f"a path to the end goes round the `done` gate `{gate.id}`: {route}"
            advice = f"let a step on it evaluate `{gate.id}`: {_how(gate)}"
            subject.error(rule, _detour(subject, gate, path), text, advice)
        else:
            text = f"the `done` gate `{gate.id}` is not evaluated again after the last edit on this path: {route}"
            advice = f"evaluate `{gate.id}` after the last step that edits: {_how(gate)}"
            subject.error(rule, _last_edit(subject, gate, path), text, advice)


def _how(gate: w.Gate) -> str:
    if isinstance(gate, w.ReviewGate):
        return f"a step with role `{gate.role}`"
    return f"gates: [{gate.id}]"


def _path(came: dict[Place, tuple[Place, int] | None], last: Place) -> list[int]:
    """Numbers of the edges of a shortest path to this place."""
    ways: list[int] = []
    before = came[last]
    while before is not None:
        place, way = before
        ways.append(way)
        before = came[place]
    return list(reversed(ways))


def _shown_path(subject: Subject, path: list[int]) -> str:
    parts = [subject.workflow.start]
    here = subject.workflow.start
    for way in path:
        edge = subject.workflow.edges[way]
        if edge.source != here:
            # Only a fork is passed as one piece: the next edge is the one out of its join.
            parts.append(f"-> … -> {edge.source}")
        arrow = f"-({edge.outcome})->" if edge.outcome != w.PASSED else "->"
        parts.append(f"{arrow} {edge.target}")
        here = edge.target
    return " ".join(parts if len(parts) <= 12 else [*parts[:6], "-> …", *parts[-5:]])


def _detour(subject: Subject, gate: w.Gate, path: list[int]) -> At:
    """The edge that goes round: the first after which no step that evaluates the gate can come any more."""
    evaluating = [edge.source for edge in subject.workflow.edges if evaluates(gate, subject.step(edge.source), edge)]
    able: set[str] = set()
    for node in evaluating:
        able |= subject.reaching(node)
    if subject.workflow.start in able:
        for way in path:
            edge = subject.workflow.edges[way]
            leaves_by_itself = edge.source in evaluating and not evaluates(gate, subject.step(edge.source), edge)
            if edge.target not in able or (leaves_by_itself and edge.target == w.END):
                return subject.at(f"edge:{way}")
    return subject.at(f"done:{gate.id}")


def _last_edit(subject: Subject, gate: w.Gate, path: list[int]) -> At:
    """The edge into the last editing step of the path."""
    for way in reversed(path):
        edge = subject.workflow.edges[way]
        if edits(subject.workflow, subject.step(edge.target)):
            return subject.at(f"edge:{way}")
    return subject.at(f"done:{gate.id}")
