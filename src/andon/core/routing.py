"""Where a run goes when a step is left: edges, choices, forks, joins, visit limits and the end.

Rules: a step is left by an edge with exactly its outcome; a choice takes the first condition that is true, an error in
a condition stops the run (law 4); a join waits for every branch; the end is reached only if every `done` gate
holds on what the run made (law 5). A run that can't go on is blocked for a person, never ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from andon.core import events as e
from andon.core import state as s
from andon.core import verdict as v
from andon.core import workflow as w
from andon.core.errors import InvariantViolation
from andon.core.evolve import active, evolve
from andon.core.judge import judge
from andon.core.verdict import Submission

Evaluate = Callable[[str, Mapping[str, object]], bool]
"""Evaluates a condition on facts. Raises ConditionError when it is not a boolean or fails."""

MAX_HOPS = 200
"""Pseudo-states passed in one transition; more means a loop of them."""


class ConditionError(Exception):
    """A condition could not be evaluated to a boolean."""


class Progress:
    """A decision in the making: the events so far, and the run as it would be after them."""

    def __init__(self, workflow: w.Workflow, run: s.Run, at: float, actor: str, evaluate: Evaluate) -> None:
        self.workflow = workflow
        self.run = run
        self.at = at
        self.actor = actor
        self.evaluate = evaluate
        self.events: list[e.Event] = []

    def emit(self, event: e.Event) -> None:
        """Add an event and move on to the state after it."""
        after = evolve(self.run, event)
        if not isinstance(after, s.Run):
            raise InvariantViolation("a run's event gave another kind of state")
        self.run = after
        self.events.append(event)

    # ------------------------------------------------------------ leaving a step

    def leave(self, step_id: str, outcome: str, *, message: str = "", notes: str = "") -> None:
        """Finish a step with an outcome and go along its edge; without one the step is blocked for a person."""
        edge = self._edge(step_id, outcome)
        if edge is None:
            reason = f"step {step_id} ended `{outcome}` and the workflow has no edge for that"
            self.block(step_id, f"{reason}: {message}" if message else reason)
            return
        lane = active(self.run, step_id).lane
        if edge.target == w.END and (reason := self._end_refused(step_id, lane)):
            self.block(step_id, reason)
            return
        self.emit(
            e.StepFinished(at=self.at, actor=self.actor, step=step_id, outcome=outcome, message=message, notes=notes)
        )
        self.walk(edge.target, lane, outcome, message)

    def _edge(self, step_id: str, outcome: str) -> w.Edge | None:
        return next((edge for edge in self.workflow.out(step_id) if edge.outcome == outcome), None)

    def block(self, step_id: str, reason: str) -> None:
        """Pull the cord at a step."""
        self.emit(e.RunBlocked(at=self.at, actor=self.actor, step=step_id, reason=reason))

    # ------------------------------------------------------------ arriving somewhere

    def walk(self, node: str, lane: str, outcome: str, reason: str = "", *, resend: bool = False) -> None:
        """Enter a node; pass through pseudo-states until steps are active, a join waits, or the end is reached."""
        queue = [(node, lane)]
        for _ in range(MAX_HOPS):
            if not queue:
                return
            node, lane = queue.pop(0)
            if node == w.END:
                self._end(lane)
            elif node in self.workflow.steps:
                self.enter(node, lane, reason if outcome != w.PASSED else "", resend=resend)
            elif self.workflow.pseudo.get(node) == "choice":
                target = self._choose(node, lane, outcome)
                queue.extend([(target, lane)] if target else [])
            elif self.workflow.pseudo.get(node) == "fork":
                queue.extend(self._fork(node, lane))
            elif self.workflow.pseudo.get(node) == "join":
                queue.extend(self._arrive(node, lane))
            else:
                raise InvariantViolation(f"workflow {self.workflow.name} has no node {node}")
        self._block_at(node, lane, f"more than {MAX_HOPS} choices, forks and joins in a row at {node}")

    def enter(self, step_id: str, lane: str, reason: str = "", *, resend: bool = False) -> None:
        """Enter a step. resend: the work came back from landing, so the same change may be submitted again."""
        step = self.workflow.steps[step_id]
        if step_id in self.run.active:
            self.block(step_id, f"step {step_id} was entered again while it is active in another branch")
            return
        self._emit_entered(step_id, step.kind, lane, step.role or "", reason, _due_at(step, self.at), resend=resend)
        visits = self.run.visits[step_id]
        if visits > self.workflow.limits.visits:
            limit = self.workflow.limits.visits
            self.block(step_id, f"step {step_id} was entered {visits} times; the limit is {limit}")

    def _emit_entered(
        self, step_id: str, kind: str, lane: str, role: str, reason: str, due_at: float | None, *, resend: bool = False
    ) -> None:
        self.emit(
            e.StepEntered(
                at=self.at,
                actor=self.actor,
                step=step_id,
                lane=lane,
                visit=self.run.visits.get(step_id, 0) + 1,
                kind=kind,
                base=self.run.base,
                base_tree=self.run.base_tree,
                role=role,
                due_at=due_at,
                reason=reason,
                resend=resend,
            )
        )

    def _block_at(self, node: str, lane: str, reason: str) -> None:
        """Block at a pseudo-state: it becomes an active place that a person can see and retry."""
        if node not in self.run.active:
            self._emit_entered(node, self.workflow.pseudo.get(node, "join"), lane, "", reason, None)
        self.block(node, reason)

    def _choose(self, choice: str, lane: str, outcome: str) -> str | None:
        facts = self._facts(lane, outcome)
        edges = self.workflow.out(choice)
        ordered = [edge for edge in edges if edge.condition] + [edge for edge in edges if not edge.condition]
        for edge in ordered:
            try:
                taken = edge.condition is None or self.evaluate(edge.condition, facts)
            except ConditionError as error:
                self._block_at(choice, lane, f"condition `{edge.condition}` of choice {choice}: {error}")
                return None
            if taken:
                condition = edge.condition or ""
                target = edge.target
                if target == w.END and (refusal := self._end_refused(choice, lane)):
                    self._block_at(choice, lane, refusal)
                    return None
                self.emit(
                    e.ChoiceTaken(at=self.at, actor=self.actor, choice=choice, target=target, condition=condition)
                )
                return target
        self._block_at(choice, lane, f"no condition of choice {choice} is true and it has no `else` edge")
        return None

    def _facts(self, lane: str, outcome: str) -> dict[str, object]:
        submission = self.run.submissions.get(lane)
        subjects = (submission.tree_subject, submission.patch) if submission else ()
        figures = {x.gate: dict(x.figures) for x in self.run.verdicts.values() if x.subject in subjects}
        return {
            "outcome": outcome,
            "visits": dict(self.run.visits),
            "task": {"priority": self.run.priority, "labels": list(self.run.labels)},
            "figures": figures,
        }

    def _fork(self, fork: str, lane: str) -> list[tuple[str, str]]:
        edges = self.workflow.out(fork)
        lanes = tuple(f"{lane}/{fork}.{number}" for number in range(len(edges)))
        self.emit(e.LanesForked(at=self.at, actor=self.actor, fork=fork, lane=lane, lanes=lanes))
        return [(edge.target, name) for edge, name in zip(edges, lanes, strict=True)]

    def _arrive(self, join: str, lane: str) -> list[tuple[str, str]]:
        parent = parent_lane(lane)
        siblings = self.run.lanes.get(parent, ()) if lane else ()
        if lane not in siblings:
            self._block_at(join, lane, f"join {join} was reached by a branch that no fork opened")
            return []
        self.emit(e.LaneArrived(at=self.at, actor=self.actor, join=join, lane=lane))
        if set(self.run.arrived[join]) != set(siblings):
            return []
        changed = [name for name in siblings if self.run.submissions.get(name) != self.run.submissions.get(parent)]
        if len({self.run.submissions[name].tree for name in changed}) > 1:
            self._emit_entered(join, "join", parent, "", "", None)
            return []
        merged = self.run.submissions.get(changed[0] if changed else parent)
        return self.joined(join, parent, merged)

    def joined(self, join: str, lane: str, submission: Submission | None) -> list[tuple[str, str]]:
        """Close a fork: one line again, with the merged submission."""
        lanes = self.run.lanes[lane]
        self.emit(e.LanesJoined(at=self.at, actor=self.actor, join=join, lanes=lanes, lane=lane, submission=submission))
        return [(edge.target, lane) for edge in self.workflow.out(join)]

    # ------------------------------------------------------------ the end

    def _end_refused(self, leaving: str, lane: str) -> str:
        """Why the run may not end now (law 5), or "" when it may."""
        others = [name for name in self.run.active if name != leaving]
        if lane or others:
            return f"the end was reached inside a fork (branch {lane or 'main'}; still active: {', '.join(others)})"
        if self.run.landed_tree and final_submission(self.run).tree != self.run.landed_tree:
            return "work was submitted after the landing, and nothing landed it"
        closed = [x for x in done_verdicts(self.workflow, self.run, self.at) if not x.opens]
        if not closed:
            return ""
        listed = "; ".join(f"{x.gate}: {x.outcome}, {x.summary}" for x in closed)
        text = f"the run may not end: {len(closed)} `done` gate(s) do not hold on what it made: {listed}"
        if self.run.landed_tree:
            # A person's word came in at the moment in which the branch moved.
            text += f". It stands on the branch as {self.run.commit[:12]}: take it back by a task of its own, or"
            text += f" approve or waive it, and then: andon run retry {self.run.id}"
        return text

    def _end(self, lane: str) -> None:
        if refusal := self._end_refused("", lane):
            self.emit(e.RunBlocked(at=self.at, actor=self.actor, step="", reason=refusal))
            return
        outcome = "landed" if self.run.landed_tree else "completed"
        self.emit(e.RunEnded(at=self.at, actor=self.actor, outcome=outcome, commit=self.run.commit))


def parent_lane(lane: str) -> str:
    """The lane that a branch was forked from."""
    return lane.rpartition("/")[0]


def final_submission(run: s.Run) -> Submission:
    """What the run made on its main line: its submission, or the unchanged base."""
    unchanged = Submission(commit=run.base, tree=run.base_tree, base=run.base, base_tree=run.base_tree, patch="patch:")
    return run.submissions.get("", unchanged)


def done_verdicts(workflow: w.Workflow, run: s.Run, now: float) -> tuple[v.Verdict, ...]:
    """The `done` gates' verdicts on what the run made (or on what it landed)."""
    submission = final_submission(run)
    now = run.landed_at if run.landed_tree else now
    environment = run.environments.get(submission.tree_subject, "")
    return judge(workflow, run, workflow.done, submission, (), environment, now)


def _due_at(step: w.Step, now: float) -> float | None:
    if step.kind == "human" and step.expires_s is not None:
        return now + step.expires_s
    if step.kind == "wait" and step.for_s is not None:
        return now + step.for_s
    return None
