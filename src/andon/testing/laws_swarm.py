"""The laws about children: nothing lost at a join, no orphans, the integrated tree, budgets. Part of `laws`.

A model of its own, made of events alone: who has which children, what was promised to them, and what became of each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from andon.core import events as e
from andon.core import state as s
from andon.core.errors import AndonError

if TYPE_CHECKING:
    from andon.testing.laws import Known, Laws
    from andon.testing.process import Process

MAX_DEPTH = 3


class Family(Struct, kw_only=True):
    """The children of one visit of a step. results: task -> outcome. budgets: task -> what was reserved."""

    run: str
    step: str
    target: str
    tasks: list[str] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)
    """results that were there from the beginning: of an earlier try"""
    results: dict[str, str] = field(default_factory=dict)
    budgets: dict[str, int] = field(default_factory=dict)
    parallel: int | None = None
    each: bool = False
    """whether the children's own commits land with their parent"""
    left_out: set[str] = field(default_factory=set)
    released: set[str] = field(default_factory=set)


class SwarmLaws:
    """What is true of children at every moment."""

    def __init__(self, laws: Laws) -> None:
        self.laws = laws
        self.tips: dict[str, str] = {}
        """branch or reference -> where Andon put it last"""
        self.families: dict[tuple[str, str], Family] = {}
        self.budget: dict[str, int | None] = {}
        self.depth: dict[str, int] = {}
        self.children_used: dict[str, int] = {}
        self.used: dict[str, int] = {}
        self.starts: set[str] = set()
        """what integration references began with whose children's own commits land"""
        self.own: dict[str, set[str]] = {}
        """run -> commits of its children that land with it"""
        self.handlers: dict[type[Any], Callable[[Known, Any, Process | None], None]] = {
            e.ChildrenAdded: self._added,
            e.ChildEnded: self._ended,
            e.ChildrenReleased: self._released,
            e.ChildrenJoined: self._joined,
            e.ChildrenMerged: self._merged,
            e.TokensCounted: self._counted,
        }

    def started(self, event: e.RunStarted) -> None:
        """A run began."""
        self.budget[event.run], self.depth[event.run] = event.budget, event.depth
        if not event.parent:
            return
        parent = self.laws.runs.get(event.parent)
        if parent is None or parent.ended:
            self.laws.violated(10, f"{event.run} of {event.task} started though its parent {event.parent} has ended")
        mine = [x for x in self.families.values() if x.run == event.parent and event.task in x.tasks]
        if not mine or event.target != mine[-1].target:
            self.laws.violated(7, f"{event.run} of {event.task} is for {event.target}, which is not its parent's")
        elif mine[-1].results.get(event.task):
            self.laws.violated(10, f"{event.run} started though {event.task} is {mine[-1].results[event.task]}")
        if event.depth != self.depth.get(event.parent, 0) + 1 or event.depth > MAX_DEPTH:
            self.laws.violated(13, f"{event.run} is {event.depth} deep")

    def _added(self, known: Known, event: e.ChildrenAdded, process: Process | None) -> None:
        each = known.workflow.steps[event.step].land == "each"
        family = Family(run=known.id, step=event.step, target=event.ref, parallel=event.max_parallel, each=each)
        if each:
            self.starts.add(event.common)
        before = self.families.get((known.id, event.step))
        if before is not None and not event.join and before.target == event.ref:
            family = before
        elif before is not None and set(before.tasks) - set(before.results):
            self.laws.violated(10, f"{known.id} forgot children of {event.step}: {before.tasks}")
        fresh = [child for child in event.children if not child.outcome]
        self._within_budget(known, [child.budget for child in fresh])
        for child in event.children:
            family.tasks.append(child.task)
            if child.outcome:
                family.results[child.task] = family.known[child.task] = child.outcome
            if child.released and not child.outcome:
                family.released.add(child.task)
            if child.budget is not None and not child.outcome:
                family.budgets[child.task] = child.budget
        self.families[(known.id, event.step)] = family
        self._not_too_many(family)
        self.laws.world.count("fan-outs")

    def _within_budget(self, known: Known, asked: list[int | None]) -> None:
        """Law 13: never is more promised than there is."""
        limit = self.budget.get(known.id)
        if limit is None:
            return
        open_now = [
            family.budgets.get(task, 0)
            for family in self.families.values()
            for task in family.tasks
            if family.run == known.id and task not in family.results
        ]
        gone = self.used.get(known.id, 0) + self.children_used.get(known.id, 0) + sum(open_now)
        if any(budget is None for budget in asked) or gone + sum(x or 0 for x in asked) > limit:
            self.laws.violated(13, f"{known.id} promised {asked} tokens; {gone} of {limit} are gone or promised")

    def _not_too_many(self, family: Family) -> None:
        at_work = [task for task in family.released if task not in family.results]
        if family.parallel is not None and len(at_work) > family.parallel:
            self.laws.violated(13, f"{family.run} has {len(at_work)} children at work; {family.parallel} may be")

    def _released(self, known: Known, event: e.ChildrenReleased, process: Process | None) -> None:
        family = self.families[(known.id, event.step)]
        family.released |= set(event.tasks)
        self._not_too_many(family)

    def _counted(self, known: Known, event: e.TokensCounted, process: Process | None) -> None:
        self.used[known.id] = self.used.get(known.id, 0) + event.tokens_used

    def renewed(self, run: str, event: e.LeaseRenewed) -> None:
        self.used[run] = self.used.get(run, 0) + event.tokens_used

    def _ended(self, known: Known, event: e.ChildEnded, process: Process | None) -> None:
        family = self.families.get((known.id, event.step))
        if family is None or event.task not in family.tasks:
            self.laws.violated(10, f"{known.id} was told of {event.task}, which is no child of it")
            return
        if event.task in family.results:
            self.laws.violated(10, f"{known.id} was told twice of {event.task}")
        family.results[event.task] = event.outcome
        self.children_used[known.id] = self.children_used.get(known.id, 0) + event.tokens
        known.roles.setdefault("", set()).update(event.authors)

    def _joined(self, known: Known, event: e.ChildrenJoined, process: Process | None) -> None:
        """Nothing is lost at a join, and the parent's change is the integrated tree."""
        self.laws.world.count("joins")
        family = self.families[(known.id, event.step)]
        told = [(result.index, result.task, result.outcome) for result in event.results]
        expected = [(number, task, family.results.get(task, "")) for number, task in enumerate(family.tasks)]
        if told != expected:
            self.laws.violated(10, f"{known.id} joined {told}; its children are {expected}")
        world = self.laws.world
        # Where Andon put it last: others may move it in the moment between the look at it and the join.
        head = self.tips.get(family.target)
        lane = known.lane.get(event.step, "")
        begun = known.submitted.get(lane)
        tree = world.git.tree_of(head) if head is not None else begun.tree if begun is not None else ""
        made = event.submission or known.submitted.get(lane)
        if made is not None and made.tree != tree:
            self.laws.violated(10, f"{known.id} joined another tree than what was integrated on {family.target}")
        if made is not None and "outsider" in world.repository.files(made.tree):
            self.laws.violated(5, f"{known.id} joined what an outsider put on {family.target}")
        # What an earlier try integrated is in the submission that this one began with.
        landed = [x.commit for x in event.results if x.outcome == "landed" and x.task not in family.known]
        line = world.repository.ancestors(head) if head is not None else {}
        if lost := [commit for commit in landed if commit not in line]:
            self.laws.violated(10, f"{known.id} joined without {lost}, which its children landed")
        if family.each:
            self.own.setdefault(known.id, set()).update(x.commit for x in event.results if x.commit)
        if event.submission is not None:
            known.submitted[lane] = event.submission
            known.green.clear()

    def stands(self, known: Known, old: str | None, new: str) -> None:
        """A run has landed: its children's own commits are in the history, and nothing that nobody's evidence names."""
        world = self.laws.world
        history = world.repository.ancestors(new)
        lost = [commit for commit in self.own.get(known.id, ()) if commit not in history]
        # What stands on commits that somebody took out of the branch is not brought back with them.
        if lost := [x for x in lost if not self.laws.rewritten.intersection(world.repository.ancestors(x))]:
            self.laws.violated(10, f"{known.id} landed {new} without {lost}, which its children landed")
        before = world.repository.ancestors(old) if old is not None else {}
        came = [commit for commit in history if commit not in before and commit != new]
        if came:
            self.laws.world.count("own commits")
        named = self.starts & world.covered
        if unknown := [x for x in came if x not in world.evidence and x not in named]:
            self.laws.violated(2, f"{known.id} landed {new}, with which {unknown} came along that no evidence names")

    def moved(self, target: str, old: str | None, new: str) -> None:
        """A parent's worker put what it has on its integration reference: nothing that stands there may be lost."""
        begun = any(family.target == target for family in self.families.values())
        if begun and old is not None and old not in self.laws.world.repository.ancestors(new):
            self.laws.violated(7, f"{target} was moved from {old} to {new}, which does not follow it")

    def left(self, known: Known, step: str) -> None:
        """A worker who left a step took what its children landed along, or said that it does without."""
        family = self.families.get((known.id, step))
        made = known.submitted.get(known.lane.get(step, ""))
        if family is None or made is None:
            return
        if still := [task for task in family.tasks if task not in family.results]:
            self.laws.violated(10, f"{known.id} left {step} while {', '.join(still)} go on")
        files = self.laws.world.repository.files(made.tree)
        landed = [task for task, outcome in family.results.items() if outcome == "landed"]
        if lost := [task for task in landed if f"{task}-implement" not in files and task not in family.left_out]:
            self.laws.violated(10, f"{known.id} left {step} without what {', '.join(lost)} landed")
        if "outsider" in files:
            self.laws.violated(5, f"{known.id} left {step} with what an outsider put on {family.target}")
        if back := [task for task in family.left_out if f"{task}-implement" in files]:
            self.laws.violated(10, f"{known.id} left {step} with what {', '.join(back)} landed, which it did without")

    def _merged(self, known: Known, event: e.ChildrenMerged, process: Process | None) -> None:
        self.laws.world.count("taken in")
        if event.left_out:
            self.laws.world.count("left out")
            self.families[(known.id, event.step)].left_out |= set(event.tasks or ())

    def committed(self, ended: set[str]) -> None:
        """After a transaction: no child goes on whose parent is over (the same transaction ends both)."""
        if not ended or not self.families:
            return
        with self.laws.world.store.read() as reader:
            for family in self.families.values():
                for task in family.tasks if family.run in ended else ():
                    try:
                        loaded = reader.load(task)
                        if loaded is None or not isinstance(loaded.state, s.Task) or loaded.state.status in s.CLOSED:
                            continue
                    except AndonError:
                        continue
                    if loaded.state.run not in self.laws.world.corrupted:
                        self.laws.violated(10, f"{task} is {loaded.state.status}, and its parent {family.run} ended")

    def all_is_told(self, out_of_reach: set[str]) -> None:
        """When all is quiet, each child that is over is known to be so where it belongs."""
        for family in self.families.values():
            known = self.laws.runs[family.run]
            missing = [task for task in family.tasks if task not in family.results]
            if missing and known.ended != "cancelled" and known.task not in out_of_reach:
                self.laws.violated(10, f"{family.run} never heard of {', '.join(missing)}")


__all__ = ["Family", "SwarmLaws"]
