"""The plan of some tasks: predictions, shared places with their strategies, waves, and the dependencies that the plan adds.

Rules. The same tasks, tree and history give the same plan. A task with a declared scope is predicted to touch files of it
only. Must not know: tasks' states, how plans are recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from andon.core.globs import Globs
from andon.core.planning.definitions import Definitions
from andon.core.planning.draft import draw, reasons_of
from andon.core.planning.history import History
from andon.core.planning.holds import DECLARED, Hold, hold_of
from andon.core.planning.predict import Predicted, predict
from andon.core.planning.shared import CONTRACT_FIRST, SEQUENCE, Shared
from andon.core.planning.tree import Tree
from andon.core.planning.under_way import kept_off, settled_by, without

MAX_SCOPE_FILES = 5
"""A scope of so few files says that each of them is touched."""


class Work(Struct, frozen=True, kw_only=True):
    """A task to plan. text: title, body and criteria. depends_on: ids, without those that an earlier plan added.

    behind: ids of the planned tasks that it depends on by way of tasks that are not planned.
    """

    id: str
    title: str
    text: str
    scope: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()
    parent: str = ""
    """the task that it is a part of; the two share their paths by intent"""
    planned_after: tuple[str, ...] = ()
    """the dependencies that an earlier plan added"""


class Added(Struct, frozen=True, kw_only=True):
    """A dependency that the plan adds: task comes after the other one because of the place."""

    task: str
    after: str
    path: str
    strategy: str


class Planned(Struct, frozen=True, kw_only=True):
    """One task of a plan. predicted: all that is likely. holds: the paths that it keeps others off, directories with a
    slash."""

    id: str
    title: str
    wave: int
    predicted: tuple[Predicted, ...]
    holds: tuple[str, ...]
    declared: bool
    released: tuple[str, ...]
    """files that a first task settles for it"""
    after: tuple[str, ...]
    """the dependencies that the plan adds"""
    reason: str
    kept_off: tuple[tuple[str, str], ...] = ()
    """(task, place): tasks that are under way, and what of theirs this one would touch, too"""


class Plan(Struct, frozen=True, kw_only=True):
    """tasks: in issue order. waves: how many. lower_bound: no plan has fewer. greedy: what issue order takes."""

    tasks: tuple[Planned, ...]
    shared: tuple[Shared, ...]
    added: tuple[Added, ...]
    workers: int
    waves: int
    lower_bound: int
    greedy: int

    @property
    def one_at_a_time(self) -> int:
        return len(self.tasks)

    @property
    def distance_percent(self) -> float:
        """How far from the lower bound."""
        return round(100.0 * (self.waves - self.lower_bound) / self.lower_bound, 1) if self.lower_bound else 0.0


Imports = Mapping[str, Sequence[str]]
"""file -> the files that it imports, of those that the tasks name"""


def make_plan(
    works: Sequence[Work],
    tree: Tree,
    history: History,
    workers: int,
    imports: Imports | None = None,
    under_way: Sequence[Work] = (),
    definitions: Definitions | None = None,
) -> Plan:
    """The plan of these tasks, which are given in issue order. under_way: tasks that somebody is at work on; the waves
    come behind them, and what they keep the tasks off is said. definitions: what the tree's files define."""
    predicted = [_predicted(work, tree, history, imports, definitions) for work in works]
    holds = [hold_of(work.scope, found, tree) for work, found in zip(works, predicted, strict=True)]
    others = [hold_of(work.scope, _predicted(work, tree, history, imports, definitions), tree) for work in under_way]
    parents = {work.parent for work in (*works, *under_way)}
    whole = [number for number, work in enumerate(under_way) if work.id not in parents]
    settled = settled_by(holds, others, whole)
    holds = [without(hold, tuple(paths)) for hold, paths in zip(holds, settled, strict=True)]
    numbers = {work.id: number for number, work in enumerate(works)}
    before = [[numbers[x] for x in (*work.depends_on, *work.behind) if x in numbers] for work in works]
    draft = draw(holds, before, workers)
    found = draft.cut
    kept = _kept_off(works, under_way, holds, draft.released, others)
    added = [
        Added(task=works[x.task].id, after=works[x.after].id, path=x.path, strategy=x.strategy) for x in draft.added
    ]
    added += _on_others(works, [under_way[number].id for number in whole], under_way, settled, kept)
    after: dict[str, dict[str, None]] = {}
    for edge in added:
        after.setdefault(edge.task, {})[edge.after] = None
    reasons = reasons_of(draft, [work.id for work in works])
    for number, work in enumerate(works):
        # In the first wave all that a task comes after is under way.
        if found.wave[number] == 1 and work.id in after:
            reasons[number] = f"after {next(iter(after[work.id]))}"
    tasks = tuple(
        Planned(
            id=work.id,
            title=work.title,
            wave=found.wave[number],
            predicted=predicted[number],
            holds=tuple(sorted(draft.places.names[place] for place in draft.places.alone[number])),
            declared=holds[number].declared,
            released=tuple(sorted({*draft.released[number], *settled[number]})),
            after=tuple(after.get(work.id, ())),
            reason=reasons[number],
            kept_off=kept[number],
        )
        for number, work in enumerate(works)
    )
    return Plan(
        tasks=tasks,
        shared=draft.shared,
        added=tuple(added),
        workers=workers,
        waves=found.waves,
        lower_bound=found.lower_bound,
        greedy=draft.greedy,
    )


def _kept_off(
    works: Sequence[Work],
    under_way: Sequence[Work],
    holds: Sequence[Hold],
    released: Sequence[frozenset[str]],
    others: Sequence[Hold],
) -> list[tuple[tuple[str, str], ...]]:
    found = kept_off(holds, released, others)
    return [
        tuple((under_way[x].id, place) for x, place in mine if under_way[x].id != work.parent)
        for work, mine in zip(works, found, strict=True)
    ]


def _on_others(
    works: Sequence[Work],
    whole: Sequence[str],
    under_way: Sequence[Work],
    settled: Sequence[dict[str, int]],
    kept: Sequence[tuple[tuple[str, str], ...]],
) -> list[Added]:
    """The dependencies on tasks that are under way."""
    found = []
    for work, files, mine in zip(works, settled, kept, strict=True):
        for path, other in files.items():
            if under_way[other].id not in work.depends_on:
                found.append(Added(task=work.id, after=under_way[other].id, path=path, strategy=CONTRACT_FIRST))
        stay = [x for x in mine if x[0] in work.planned_after and x[0] in whole and x[0] not in work.depends_on]
        found += [Added(task=work.id, after=name, path=path, strategy=SEQUENCE) for name, path in stay]
    return found


def _predicted(
    work: Work, tree: Tree, history: History, imports: Imports | None, definitions: Definitions | None
) -> tuple[Predicted, ...]:
    found = predict(work.text, tree, history, imports, definitions)
    if not work.scope:
        return found
    globs = Globs(work.scope)
    inside = {item.path: item for item in found if globs.matches(item.path)}
    named = tree.expand(work.scope)
    if named is not None and len(named) <= MAX_SCOPE_FILES:
        for path in named:
            score = max(DECLARED, inside[path].score if path in inside else 0.0)
            inside[path] = Predicted(path=path, score=score, reason="its scope names it")
    return tuple(sorted(inside.values(), key=lambda item: (-item.score, item.path)))
