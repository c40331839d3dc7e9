"""Importing tasks of another tool's file: what is new is added, what changed there is changed here, all or nothing.

Theory of operation. A task is known by its source ("beads:bd-12"). Beside it stands what the file said at the last import,
so each field has three values: then, there, here. Changed there alone: taken over. Changed here: kept, and listed. Labels and
dependencies are merged as sets. What is closed there is cancelled here, never landed: nobody's word lands anything (law 1);
and nobody waits for it any more. One transaction; a cycle, a bad reference or a refusal undoes all of it.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from andon.core import commands as c
from andon.core import imported as i
from andon.core import state as s
from andon.core.decide import MAX_LIST_ITEMS
from andon.core.errors import EXIT_YES, AndonError, Rejected, UsageError
from andon.engine.interface import Reply
from andon.engine.services import Services
from andon.engine.transact import Unit, load_task

MAX_EXPORTED = 1_000_000
DEFAULT_PRIORITY = 2
SAY_EVERY = 5_000
_OURS = re.compile(r"beads:andon-([1-9]\d{0,17})x*")


class _DryRun(Exception):
    """Carries the result out of a transaction that is to leave nothing behind."""


class Import:
    """One import within its transaction."""

    def __init__(
        self, services: Services, unit: Unit, foreign: i.ForeignTasks, labels: tuple[str, ...], draft: bool
    ) -> None:
        self.services, self.unit, self.labels, self.draft = services, unit, labels, draft
        self.foreign = [x if x.priority is not None else replace(x, priority=DEFAULT_PRIORITY) for x in foreign.tasks]
        self.format = foreign.format
        self.lost = list(foreign.lost)
        self.known = self._own(unit) | unit.writer.task_sources(foreign.format)
        self.closed = {x.source for x in self.foreign if x.state == i.CLOSED}
        self.names: dict[str, str] = {}
        self.old: dict[str, s.Task] = {}
        self.added: list[dict[str, Any]] = []
        self.changed: list[dict[str, Any]] = []
        self.cancelled: list[dict[str, Any]] = []
        self.skipped: list[dict[str, Any]] = []
        self.kept: list[dict[str, Any]] = []
        self.unchanged = 0
        self.at = services.clock.now()
        self.actor = services.caller.agent

    def _own(self, unit: Unit) -> dict[str, str]:
        """Tasks of this very workspace that come back from an export of ours: the number and the title say so."""
        found: dict[str, str] = {}
        for foreign in self.foreign:
            match = _OURS.fullmatch(foreign.source)
            loaded = unit.writer.load(f"T{match.group(1)}") if match else None
            task = loaded.state if loaded is not None else None
            if isinstance(task, s.Task) and not task.source and task.title == foreign.title:
                found[foreign.source] = task.id
        return found

    def carry_out(self) -> None:
        """Name the new ones, refuse cycles, then write."""
        old = self.old = {
            x.source: load_task(self.unit.writer, self.known[x.source]) for x in self.foreign if x.source in self.known
        }
        self.names = dict(self.known)
        new = []
        for foreign in self.foreign:
            if foreign.source in old:
                continue
            if foreign.state == i.CLOSED and not foreign.keep:
                self.skipped.append({"source": foreign.source, "title": foreign.title, "why": foreign.reason})
                continue
            self.names[foreign.source] = self.unit.writer.next_id("task")
            new.append(foreign)
        waits = {x.source: self._carried(x) for x in (*new, *(x for x in self.foreign if x.source in old))}
        self._refuse_cycles(waits, old)
        for count, foreign in enumerate(new, 1):
            self._add(foreign, waits[foreign.source])
            if count % SAY_EVERY == 0:
                self.services.say(f"{count} of {len(new)} tasks")
        for foreign in self.foreign:
            if foreign.source in old:
                self._update(old[foreign.source], foreign, waits[foreign.source])

    def _carried(self, foreign: i.ForeignTask) -> tuple[str, ...]:
        """Sources of the dependencies that can be waited for; the others are listed."""
        carried: list[str] = []
        for source in foreign.depends_on:
            if source == foreign.source:
                self._lose(foreign, "depends_on", "it waits for itself")
            elif source in self.closed and not self._lives_here(source):
                self._lose(foreign, "depends_on", f"{_short(source)} is closed there: nothing to wait for")
            elif source not in self.names:
                self._lose(foreign, "depends_on", f"{_short(source)} is neither in the file nor here")
            elif self._is_over(source) and not self._waits_already(foreign, source):
                why = f"{_short(source)} was cancelled here as {self.names[source]}: nobody would end the waiting"
                self._lose(foreign, "depends_on", why)
            else:
                carried.append(source)
        if len(carried) > MAX_LIST_ITEMS:
            text = f"{foreign.place}: {len(carried)} dependencies; a task has at most {MAX_LIST_ITEMS}"
            raise UsageError(text, kind="bad_input", next="put a task in between that waits for some of them")
        return tuple(carried)

    def _lose(self, foreign: i.ForeignTask, field: str, why: str) -> None:
        self.lost.append(i.Lost(source=foreign.source, field=field, why=why))

    def _lives_here(self, source: str) -> bool:
        """Whether something closed there is at work or done here, so that waiting for it means something."""
        name = self.known.get(source)
        return name is not None and load_task(self.unit.writer, name).status in (s.RUNNING, s.LANDED, s.COMPLETED)

    def _is_over(self, source: str) -> bool:
        """Whether it was cancelled here, so that who begins to wait for it now would wait for ever."""
        name = self.known.get(source)
        if name is None:
            return False
        return (self.old.get(source) or load_task(self.unit.writer, name)).status == s.CANCELLED

    def _waits_already(self, foreign: i.ForeignTask, source: str) -> bool:
        """What waits here before the import goes on waiting: a person decides."""
        task = self.old.get(foreign.source)
        return task is not None and self.names[source] in task.depends_on

    def _refuse_cycles(self, waits: dict[str, tuple[str, ...]], old: dict[str, s.Task]) -> None:
        """Among all that the import touches and whatever these wait for."""
        edges: dict[str, tuple[str, ...]] = {}
        for source, sources in waits.items():
            task = old.get(source)
            names = tuple(self.names[x] for x in sources)
            edges[self.names[source]] = names if task is None else self._merged_dependencies(task, sources)
        reached = [x for names in edges.values() for x in names if x not in edges]
        while reached:
            name = reached.pop()
            if name not in edges:
                edges[name] = tuple(self.unit.writer.dependencies(name))
                reached += [x for x in edges[name] if x not in edges]
        cycle = i.cycle_in(edges)
        if cycle:
            back = {name: source for source, name in self.names.items()}
            path = " → ".join(_short(back.get(name, name)) for name in cycle)
            raise UsageError(
                f"nothing was imported: tasks wait for one another: {path}",
                kind="bad_input",
                next="take one of these dependencies away, then import again",
            )

    # ------------------------------------------------------------ adding

    def _add(self, foreign: i.ForeignTask, carried: tuple[str, ...]) -> None:
        name = self.names[foreign.source]
        held = self.draft or foreign.state == i.HELD
        command = c.AddTask(
            at=self.at,
            actor=self.actor,
            task=name,
            title=foreign.title,
            body=foreign.body,
            acceptance=foreign.acceptance,
            scope=foreign.scope,
            depends_on=tuple(self.names[x] for x in carried),
            priority=foreign.priority if foreign.priority is not None else DEFAULT_PRIORITY,
            labels=tuple(dict.fromkeys((*foreign.labels, *self.labels))),
            workflow=foreign.workflow,
            draft=held,
            source=foreign.source,
            imported=_imported(foreign, carried),
        )
        self._do(foreign, name, command)
        entry = {"task": name, "source": foreign.source, "title": foreign.title}
        if foreign.state == i.CLOSED:
            self._do(foreign, name, c.CancelTask(at=self.at, actor=self.actor, reason=self._reason(foreign)))
            self.cancelled.append(entry | {"why": foreign.reason})
        else:
            self.added.append(entry | {"draft": held})

    def _reason(self, foreign: i.ForeignTask) -> str:
        return f"closed in {self.format}: {foreign.reason}"

    def _do(self, foreign: i.ForeignTask, name: str, command: c.Command) -> s.Task:
        done = self.unit.on_task(name, command)
        if isinstance(done, Rejected):
            text = f"nothing was imported: {foreign.place}: {done.message}"
            raise AndonError(text, kind="bad_input", next=done.next, exit=done.exit)
        return done

    # ------------------------------------------------------------ updating

    def _update(self, task: s.Task, foreign: i.ForeignTask, carried: tuple[str, ...]) -> None:
        then = task.imported or i.Imported(digests=i.digests_of(task), state=_state_of(task))
        changes = self._changed_fields(task, foreign, then)
        changes |= self._changed_sets(task, foreign, then, carried)
        cancel = self._changed_state(task, foreign, then, changes)
        now = _imported(foreign, carried)
        if task.status in s.CLOSED:
            # Nothing of it changes here any more: only the record follows, so that export gives the file's own words.
            now = replace(then, raw=foreign.raw, state=foreign.state)
            if changes and now != then and foreign.state != i.CLOSED:
                self._keep(task, foreign, ", ".join(changes), f"{task.id} is {task.status}")
            changes = {}
        for name in ("scope", "workflow") if task.status == s.RUNNING else ():
            if changes.pop(name, None) is not None:
                self._keep(task, foreign, name, f"{task.id} is running in {task.run}")
        person = self.services.caller.person
        for name in s.CRITERIA if task.status == s.RUNNING and not person else ():
            if changes.pop(name, None) is not None:
                self._keep(task, foreign, name, f"{task.id} is running in {task.run}: only a person changes it now")
                # It is taken over by the first import that may.
                now = replace(now, digests={**now.digests, name: then.digests.get(name, "")})
        if changes:
            self._do(foreign, task.id, c.EditTask(at=self.at, actor=self.actor, person=person, **changes))
            entry = {"task": task.id, "source": foreign.source, "title": foreign.title}
            self.changed.append(entry | {"fields": sorted(changes)})
        if now != then:
            self._do(foreign, task.id, c.RememberImport(at=self.at, actor=self.actor, imported=now))
        if cancel:
            self._do(foreign, task.id, c.CancelTask(at=self.at, actor=self.actor, reason=self._reason(foreign)))
            entry = {"task": task.id, "source": foreign.source, "title": foreign.title}
            self.cancelled.append(entry | {"why": foreign.reason})
        if not changes and not cancel:
            self.unchanged += 1

    def _changed_fields(self, task: s.Task, foreign: i.ForeignTask, then: i.Imported) -> dict[str, Any]:
        there = i.digests_of(foreign)
        here = i.digests_of(task)
        changes: dict[str, Any] = {}
        for name in i.FIELDS:
            before = then.digests.get(name)
            if there[name] in (before, here[name]):
                continue
            if here[name] == before:
                changes[name] = getattr(foreign, name)
            else:
                self._keep(task, foreign, name, "changed there and here")
        return changes

    def _changed_sets(
        self, task: s.Task, foreign: i.ForeignTask, then: i.Imported, carried: tuple[str, ...]
    ) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        gone = set(then.labels) - set(foreign.labels)
        new = [x for x in (*foreign.labels, *self.labels) if x not in then.labels]
        labels = tuple(dict.fromkeys((*(x for x in task.labels if x not in gone), *new)))
        if labels != task.labels:
            changes["labels"] = labels
        depends_on = self._merged_dependencies(task, carried)
        if depends_on != task.depends_on:
            changes["depends_on"] = depends_on
        return changes

    def _merged_dependencies(self, task: s.Task, carried: tuple[str, ...]) -> tuple[str, ...]:
        """What the task waits for here, less what was taken away there, with what came there."""
        then = task.imported.depends_on if task.imported is not None else ()
        gone = {self.names[x] for x in then if x not in carried and x in self.names}
        new = [self.names[x] for x in carried if x not in then]
        return tuple(dict.fromkeys((*(x for x in task.depends_on if x not in gone), *new)))

    def _changed_state(self, task: s.Task, foreign: i.ForeignTask, then: i.Imported, changes: dict[str, Any]) -> bool:
        """Whether the task is to be cancelled; a draft that was freed or held there goes into the changes."""
        if foreign.state == then.state or task.status in (s.LANDED, s.COMPLETED):
            return False
        if foreign.state == i.CLOSED:
            if task.status == s.RUNNING:
                self._keep(task, foreign, "status", f"closed there, but running here in {task.run}")
            return task.status in (s.OPEN, s.DRAFT)
        if task.status == s.CANCELLED:
            self._keep(task, foreign, "status", "open again there, but cancelled here: andon task add")
            return False
        here = i.HELD if task.status == s.DRAFT else i.OPEN
        if here == then.state and task.status != s.RUNNING:
            changes["draft"] = foreign.state == i.HELD
        elif here != foreign.state:
            self._keep(task, foreign, "status", f"{foreign.state} there, {task.status} here")
        return False

    def _keep(self, task: s.Task, foreign: i.ForeignTask, field: str, why: str) -> None:
        self.kept.append({"task": task.id, "source": foreign.source, "field": field, "why": why})

    # ------------------------------------------------------------ telling

    def body(self, dry_run: bool) -> dict[str, Any]:
        sources = {x.source for x in self.foreign}
        absent = [{"task": name, "source": source} for source, name in self.known.items() if source not in sources]
        return {
            "ok": True,
            "format": self.format,
            "dry_run": dry_run,
            "added": self.added,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "cancelled": self.cancelled,
            "closed": self.skipped,
            "kept": self.kept,
            "not_carried": [{"source": x.source, "field": x.field, "why": x.why} for x in self.lost],
            "absent": absent,
        }


def _imported(foreign: i.ForeignTask, carried: tuple[str, ...]) -> i.Imported:
    return i.Imported(
        digests=i.digests_of(foreign), labels=foreign.labels, depends_on=carried, state=foreign.state, raw=foreign.raw
    )


def _state_of(task: s.Task) -> str:
    if task.status in s.CLOSED:
        return i.CLOSED
    return i.HELD if task.status == s.DRAFT else i.OPEN


def _short(source: str) -> str:
    return source.partition(":")[2] or source


def apply(services: Services, foreign: i.ForeignTasks, *, labels: tuple[str, ...], draft: bool, dry_run: bool) -> Reply:
    """Import all of it, or with `dry_run` only say what would be done. Raises AndonError: then nothing was done."""
    result: dict[str, Any] = {}

    def work(unit: Unit) -> dict[str, Any]:
        done = Import(services, unit, foreign, labels, draft)
        done.carry_out()
        result.clear()
        result.update(done.body(dry_run))
        if dry_run:
            raise _DryRun
        return result

    try:
        _body, effects = services.engine.transact(work)
        services.after(effects)
    except _DryRun:
        pass
    return Reply(exit=EXIT_YES, body=result)
