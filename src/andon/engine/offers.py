"""What `next` would offer to whom, and why not: ready work in its order, against leases, limits and scopes.

Theory of operation. `Surroundings` is what stands under lease at one moment of the store, with the settings that bound
it. `queue` lists ready work in the order of `core.queue`; `Surroundings.against` says why one item is not offered now.
`next` asks twice: outside of any transaction, to choose, and again inside the one that claims, where nobody else writes;
so two agents never hold overlapping scopes however they race. A step that only looks (a review) writes nothing and is
offered whoever writes beside it; while it is held, its task's scope counts as occupied, for what it looks at may come
back. A task without a scope overlaps with nothing. Must not know: git, worktrees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec
from msgspec import Struct

from andon.core import queue as q
from andon.core import state as s
from andon.core.errors import AndonError
from andon.core.projection import Row
from andon.core.scopes import Occupied
from andon.engine import config
from andon.engine.runs import start_key
from andon.engine.transact import load_run
from andon.ports import Reader

EACH = 400
"""So many items of every priority are looked at first, the ones that waited longest; the order is exact among these."""
WIDER = 4
"""So many times as many are looked at when none of them is for the caller: nothing that is ready stays out of sight."""
MAX_NEIGHBOURS = 20
MAX_LINE = 50
"""Generations of parents that are asked for; deeper trees are refused elsewhere."""


class Wanted(Struct, frozen=True, kw_only=True):
    """What the caller narrows the offer to."""

    role: str | None = None
    task: str | None = None
    run: str | None = None
    labels: tuple[str, ...] = ()


class Offer(Struct, frozen=True, kw_only=True):
    """One item of ready work. start: of a task that has not begun, by what it is looked up what its run starts from."""

    candidate: q.Candidate
    title: str
    scope: tuple[str, ...] = ()
    offered_to: str = ""
    start: tuple[str, str] = ("", "")

    @property
    def key(self) -> tuple[str, str]:
        return (self.candidate.run or self.candidate.task, self.candidate.step)


class Neighbour(Struct, frozen=True, kw_only=True):
    """A task at work on overlapping paths. agent: "" when it only waits to land."""

    task: str
    agent: str
    pattern: str

    def line(self) -> str:
        where = f"{self.agent} works on {self.task}" if self.agent else f"{self.task} waits to land"
        return f"{where}, whose scope overlaps: {self.pattern}"


class Surroundings:
    """What is under lease at one moment, and what bounds it."""

    def __init__(self, reader: Reader, now: float) -> None:
        self._reader = reader
        self._rows = reader.leases(now)
        self.held = [
            q.Held(
                task=str(x["task"]),
                agent=str(x["agent"]),
                role=str(x["role"] or ""),
                labels=_readable(x["labels"]) or (),
            )
            for x in self._rows
        ]
        self.ageing_s = config.seconds_of(reader, "next.ageing")
        self.refuses_overlap = config.word_of(reader, "next.overlap") == "refuse"
        self.limits = q.Limits(
            per_agent=config.whole_of(reader, "next.per_agent"),
            per_role=config.named_wholes_of(reader, "next.per_role"),
        )
        self._occupied: Occupied[str] | None = None
        self._lines: dict[str, tuple[str, ...]] = {}
        self._above: dict[str, tuple[str, ...]] = {"": ()}

    def ask(self, reader: Reader) -> None:
        """What tasks say is read by this reader from now on; what is under lease stays what it was."""
        self._reader = reader

    def against(self, task: str, role: str, scope: Sequence[str], *, looks_only: bool = False) -> str:
        """Why work of this task in this role is not given out now; "" when it may be."""
        if reason := q.role_is_full(role, self.held, self.limits):
            return f"there are {reason}"
        if looks_only or not self.refuses_overlap:
            return ""
        found = next(self.neighbours(task, scope), None)
        if found is None:
            return ""
        return f"its scope overlaps with {found.task}'s, which {found.agent} holds: {found.pattern}"

    def neighbours(self, task: str, scope: Sequence[str]) -> Iterator[Neighbour]:
        """Tasks under lease whose scope overlaps; never its own parents and children, who share their work by intent."""
        if not scope or not self._rows:
            return
        if self._occupied is None:
            self._occupied = Occupied()
            for row in self._rows:
                self._occupied.add(str(row["task"]), scope_of(self._reader, str(row["task"]), row["scope"]))
        but = [task]
        while len(but) <= len(self._rows) and (found := self._occupied.first(scope, but)) is not None:
            other, pattern = found
            but.append(other)
            if other not in self._line(task) and task not in self._line(other) and not self._share(task, other):
                agent = next(str(row["agent"]) for row in self._rows if row["task"] == other)
                yield Neighbour(task=other, agent=agent, pattern=pattern)

    def _share(self, task: str, other: str) -> bool:
        """Whether they are parts of one whole, and of one of them nobody said more than that it is within the whole."""
        one, two = self._line(task), self._line(other)
        return bool(one and two) and one[-1] == two[-1] and (self._inherits(task) or self._inherits(other))

    def _inherits(self, task: str) -> bool:
        """Whether a child's scope is just its parent's."""
        own, whole = _task(self._reader, task), _task(self._reader, self._line(task)[0])
        return own is not None and whole is not None and own.scope == whole.scope

    def runs_above(self, parent_run: str) -> tuple[str, ...]:
        """The runs that a child of this run is below, the nearest first."""
        if parent_run not in self._above:
            found = [parent_run]
            while len(found) < MAX_LINE and (parent := _parent_run(self._reader, found[-1])):
                found.append(parent)
            self._above[parent_run] = tuple(found)
        return self._above[parent_run]

    def _line(self, task: str) -> tuple[str, ...]:
        """The parents of a task, the nearest first."""
        if task not in self._lines:
            found: list[str] = []
            at = task
            while len(found) < MAX_LINE and (parent := _parent(self._reader, at)):
                found.append(parent)
                at = parent
            self._lines[task] = tuple(found)
        return self._lines[task]


def queue(reader: Reader, wanted: Wanted, around: Surroundings, now: float, each: int = EACH) -> list[Offer]:
    """Ready work in the order in which it is offered. Tasks that have not begun are left out where a run is named."""
    narrowed = {"task": wanted.task, "labels": wanted.labels, "each": each}
    steps = reader.queued_steps(role=wanted.role, run=wanted.run, **narrowed)  # type: ignore[arg-type]
    tasks = [] if wanted.run else reader.queued_tasks(**narrowed)  # type: ignore[arg-type]
    found = (*(_tried(_step_offer, row, around) for row in steps), *(_tried(_task_offer, row, around) for row in tasks))
    offers = {x.candidate: x for x in found if x is not None}
    return [offers[x] for x in q.in_order(offers, around.held, now, around.ageing_s)]


def neighbours_of(reader: Reader, task: str, scope: Sequence[str], now: float) -> list[Neighbour]:
    """Everyone whose work may touch the same paths as this task's: under lease, or waiting to land."""
    if not scope:
        return []
    found = []
    for neighbour in Surroundings(reader, now).neighbours(task, scope):
        found.append(neighbour)
        if len(found) >= MAX_NEIGHBOURS:
            return found
    landing: Occupied[str] = Occupied()
    for row in reader.landing_tasks():
        landing.add(str(row["task"]), scope_of(reader, str(row["task"]), row["scope"]))
    but = [task, *(x.task for x in found)]
    while len(found) < MAX_NEIGHBOURS and (next_one := landing.first(scope, but)) is not None:
        but.append(next_one[0])
        found.append(Neighbour(task=next_one[0], agent="", pattern=next_one[1]))
    return found


def scope_of(reader: Reader, task: str, text: object) -> tuple[str, ...]:
    """The scope that a task keeps to: its own, else what was predicted of it. text: its own as JSON."""
    own = _readable(text)
    if own is None:
        state = _task(reader, task)
        own = state.scope if state is not None else ()
    return own or predicted_of(reader, task)


def predicted_of(reader: Reader, task: str) -> tuple[str, ...]:
    found = _task(reader, task)
    return found.predicted if found is not None else ()


def _parent(reader: Reader, task: str) -> str:
    found = _task(reader, task)
    return found.parent if found is not None else ""


def _parent_run(reader: Reader, run: str) -> str:
    """The run whose step made the task of this one; "" for none, and when it can't be read (law 12)."""
    try:
        return load_run(reader, run).parent
    except AndonError:
        return ""


def _task(reader: Reader, task: str) -> s.Task | None:
    """None also when it can't be read: one damaged task must not stop the others (law 12)."""
    try:
        loaded = reader.load(task)
    except AndonError:
        return None
    return loaded.state if loaded is not None and isinstance(loaded.state, s.Task) else None


def _listed(text: object) -> tuple[str, ...]:
    return () if text in (None, "", "[]") else msgspec.json.decode(str(text), type=tuple[str, ...])


def _readable(text: object) -> tuple[str, ...] | None:
    """The list; None when the record is damaged."""
    try:
        return _listed(text)
    except (msgspec.MsgspecError, UnicodeError):
        return None


def _tried(make: Callable[[Row, Surroundings], Offer], row: Row, around: Surroundings) -> Offer | None:
    """None for a damaged record: it is not offered until `doctor --mend` made it anew, and stops nothing else (law 12)."""
    try:
        return make(row, around)
    except (msgspec.MsgspecError, ValueError, TypeError):
        return None


def _step_offer(row: Row, around: Surroundings) -> Offer:
    candidate = q.Candidate(
        task=str(row["task"]),
        run=str(row["run"]),
        step=str(row["step"]),
        role=str(row["role"] or ""),
        priority=int(row["priority"] or 0),
        since=float(row["entered_at"] or 0.0),
        number=int(row["number"] or 0),
        place=int(row["place"] or 0),
        labels=_listed(row["labels"]),
        below=around.runs_above(str(row["parent_run"] or "")),
    )
    scope, title = _listed(row["scope"]), str(row["title"] or "")
    return Offer(candidate=candidate, title=title, scope=scope, offered_to=str(row["offered_to"] or ""))


def _task_offer(row: Row, around: Surroundings) -> Offer:
    candidate = q.Candidate(
        task=str(row["id"]),
        priority=int(row["priority"] or 0),
        since=float(row["added_at"] or 0.0),
        number=int(row["number"] or 0),
        labels=_listed(row["labels"]),
        below=around.runs_above(str(row["parent_run"] or "")),
    )
    return Offer(candidate=candidate, title=str(row["title"]), scope=_listed(row["scope"]), start=start_key(row))
