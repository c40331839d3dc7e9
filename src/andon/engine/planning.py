"""`andon plan`: which files each open task will touch, which are shared, and in which waves the tasks can be done.

Rules: the plan is computed from what is there now; `--apply` records it in one transaction, and only when nothing that it
rests on has changed meanwhile; the same plan again records nothing. The core decides what a plan is; this module fetches and
records. Must not know: how history is kept, how a plan is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from andon.core import commands as c
from andon.core import state as s
from andon.core.errors import EXIT_LOST, EXIT_YES, AndonError, Rejected, UsageError
from andon.core.planning.definitions import Definitions
from andon.core.planning.history import History
from andon.core.planning.holds import HOLD
from andon.core.planning.imports import JAVASCRIPT, PYTHON, imported_by
from andon.core.planning.mentions import IDENTIFIER, named_in
from andon.core.planning.plan import Plan, Planned, Work, make_plan
from andon.core.planning.tree import Tree, as_pattern
from andon.engine.defining import define
from andon.engine.interface import Reply
from andon.engine.mining import mine
from andon.engine.planning_reply import body_of, recorded
from andon.engine.services import Services
from andon.engine.transact import Unit, load_task
from andon.ports import Loaded, Reader
from andon.ports_planning import KeptNames, MinedHistory

DEFAULT_WORKERS = 6
MAX_WORKERS = 1_000
MAX_TASKS = 20_000
MAX_UNDER_WAY = 1_000
MAX_IMPORT_TASKS = 1_000
MAX_READ_FILES = 300
MAX_READ_BYTES = 200_000
SUBMODULE = "160000"
UNREAD = (SUBMODULE, "120000")
"""Submodules and symbolic links define nothing."""


class Chosen(Struct, frozen=True, kw_only=True):
    """The tasks to plan, in issue order. behind: planned tasks that each depends on by way of unplanned ones.

    waits: dependencies that are in no plan and not done. seqs: of each task's stream, to see whether anything has changed.
    passed_over: how many tasks have none of the labels. under_way: those that somebody is at work on. unreadable: damaged
    ones, which are planned without (law 12).
    """

    tasks: tuple[s.Task, ...]
    behind: dict[str, tuple[str, ...]]
    waits: dict[str, tuple[str, ...]]
    seqs: dict[str, int]
    passed_over: int
    unreadable: tuple[str, ...] = ()
    under_way: tuple[s.Task, ...] = ()


def plan(
    services: Services, kept: MinedHistory, names: KeptNames, arguments: dict[str, Any], *, shallow: bool
) -> tuple[Reply, Plan | None]:
    """Make a plan, and record it with `apply`; with `clear` take the tasks out of the recorded one instead."""
    if arguments.get("clear"):
        if arguments.get("apply"):
            raise UsageError("a plan is recorded or cleared, not both", next="andon plan --apply")
        return clear(services, arguments), None
    workers = arguments.get("workers")
    workers = DEFAULT_WORKERS if workers is None else int(workers)
    if not 1 <= workers <= MAX_WORKERS:
        raise UsageError(f"{workers} workers can't be planned for", next=f"andon plan --workers 1 to {MAX_WORKERS}")
    target = services.target
    head = services.git.branch_head(target)
    with services.store.read() as reader:
        chosen = replace(choose(reader, arguments), under_way=_under_way(reader))
    notes = [_left_out(chosen.unreadable)] if chosen.unreadable else []
    history, tree, definitions = History(), Tree(()), Definitions()
    ids: dict[str, str] = {}
    if head is None:
        notes.append(f"branch {target} has no commit yet: dependencies and declared scopes alone are planned by")
    else:
        files = services.git.list_files(head)
        ids = {path: name for mode, name, path in files if mode != SUBMODULE}
        tree = Tree(path for _mode, _name, path in files)
        mined = mine(services.git, kept, head, shallow=shallow)
        history = History(mined.commits)
        read = define(services.git, names, [(path, name) for mode, name, path in files if mode not in UNREAD])
        definitions = read.definitions
        notes += (*mined.notes, *read.notes)
    works = [_work(task, chosen) for task in chosen.tasks]
    others = [_work_under_way(task) for task in chosen.under_way]
    imports = _imports(services, works, tree, ids)
    made = make_plan(works, tree, history, workers, imports, others, definitions)
    before = recorded(chosen.tasks, head, target)
    body = body_of(made, chosen.tasks, chosen.waits)
    body |= {"target": target, "head": head, "commits": history.commits, "recorded": before, "applied": False}
    body |= {"labels": list(arguments.get("labels") or ()), "passed_over": chosen.passed_over}
    if arguments.get("apply"):
        body |= _apply(services, made, chosen, arguments, head or "")
    return Reply(exit=EXIT_YES, body=body, notes=tuple(notes)), made


def choose(reader: Reader, arguments: Mapping[str, Any]) -> Chosen:
    """The tasks that were named, or all open ones (with one of the labels). Raises AndonError for what can't be planned."""
    names = list(dict.fromkeys(arguments.get("tasks") or ()))
    labels = set(arguments.get("labels") or ())
    loaded: dict[str, tuple[int, s.Task]] = {}
    unreadable: list[str] = []
    for name in names or [str(row["id"]) for row in reader.tasks(status=(s.OPEN,), limit=MAX_TASKS + 1)]:
        load_task(reader, name) if names else None
        found, damaged = _load(reader, name)
        unreadable += [name] if damaged else []
        if found is not None and isinstance(found.state, s.Task):
            loaded[name] = (found.seq, found.state)
    if len(loaded) > MAX_TASKS:
        raise UsageError(f"more than {MAX_TASKS} open tasks can't be planned at once", next="andon plan --label LABEL")
    for name in names:
        if (status := loaded[name][1].status) not in (s.OPEN, s.DRAFT):
            text = f"task {name} is {status}: only a task that nobody has begun is planned"
            raise UsageError(text, next="andon task list --status open")
    tasks = [task for _, task in loaded.values() if not labels or labels & set(task.labels)]
    tasks.sort(key=lambda task: (task.priority, len(task.id), task.id))
    outside = _Outside(reader, {task.id for task in tasks})
    behind, waits = {}, {}
    for task in tasks:
        behind[task.id], waits[task.id] = outside.of(own_dependencies(task))
    seqs = {x.id: loaded[x.id][0] for x in tasks}
    passed_over = len(loaded) - len(tasks)
    return Chosen(
        tasks=tuple(tasks),
        behind=behind,
        waits=waits,
        seqs=seqs,
        passed_over=passed_over,
        unreadable=tuple(unreadable),
    )


def _load(reader: Reader, name: str) -> tuple[Loaded | None, bool]:
    """(what is stored under the name, whether it is damaged): one record that can't be read stops nothing else (law 12)."""
    try:
        return reader.load(name), False
    except AndonError as error:
        if error.kind != "corrupt":
            raise
        return None, True


def _left_out(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"planned without {', '.join(names[:10])}{more}, which can't be read: andon doctor"


def _under_way(reader: Reader) -> tuple[s.Task, ...]:
    rows = reader.tasks(status=(s.RUNNING,), limit=MAX_UNDER_WAY)
    found = (_load(reader, str(row["id"]))[0] for row in rows)
    return tuple(x.state for x in found if x is not None and isinstance(x.state, s.Task))


def own_dependencies(task: s.Task) -> tuple[str, ...]:
    """What the task depends on without what a plan added."""
    return tuple(name for name in task.depends_on if name not in task.planned_after)


class _Outside:
    """The tasks that are not planned, as far as planned ones depend on them."""

    def __init__(self, reader: Reader, planned: set[str]) -> None:
        self.reader = reader
        self.planned = planned
        self.known: dict[str, s.Task | None] = {}
        self.damaged: set[str] = set()

    def of(self, names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(planned tasks that are reached through unplanned ones, the unplanned ones among the names that are not done)."""
        waits = tuple(name for name in names if name not in self.planned and self._is_open(name))
        behind: dict[str, None] = {}
        seen: set[str] = set()
        queue = list(waits)
        while queue:
            name = queue.pop()
            if name in seen:
                continue
            seen.add(name)
            if name in self.planned:
                behind[name] = None
            elif self._is_open(name) and (task := self.known[name]) is not None:
                queue += task.depends_on
        return tuple(behind), waits

    def _is_open(self, name: str) -> bool:
        if name not in self.known:
            found, damaged = _load(self.reader, name)
            self.known[name] = found.state if found is not None and isinstance(found.state, s.Task) else None
            if damaged:
                self.damaged.add(name)
        task = self.known[name]
        # Whether a damaged one is done nobody can tell: it is waited for.
        return name in self.damaged or (task is not None and task.status not in (s.LANDED, s.COMPLETED))


def _work(task: s.Task, chosen: Chosen) -> Work:
    return Work(
        id=task.id,
        title=task.title,
        text="\n".join((task.title, task.body, *task.acceptance)),
        scope=task.scope,
        depends_on=own_dependencies(task),
        behind=chosen.behind[task.id],
        parent=task.parent,
        planned_after=task.planned_after,
    )


def _work_under_way(task: s.Task) -> Work:
    """What `next` goes by: the declared scope, else what a plan has recorded; else what the text lets expect."""
    text = "\n".join((task.title, task.body, *task.acceptance))
    return Work(id=task.id, title=task.title, text=text, scope=task.scope or task.predicted, parent=task.parent)


def _imports(services: Services, works: Sequence[Work], tree: Tree, ids: Mapping[str, str]) -> dict[str, list[str]]:
    """What the files import that tasks name; of many tasks none are read, since reading takes longer than planning."""
    if len(works) > MAX_IMPORT_TASKS:
        return {}
    named: dict[str, None] = {}
    for work in works:
        found = named_in(work.text, tree).strengths
        named |= {path: None for path, sure in found.items() if sure >= IDENTIFIER and path in ids}
    wanted = [path for path in named if path.endswith((*PYTHON, *JAVASCRIPT))][:MAX_READ_FILES]
    texts = services.git.read_blobs([ids[path] for path in wanted], max_bytes=MAX_READ_BYTES) if wanted else {}
    read = {path: texts[ids[path]].decode("utf-8", "replace") for path in wanted if ids[path] in texts}
    return {path: imported_by(path, text, tree) for path, text in read.items()}


# ---------------------------------------------------------------- recording


def _apply(services: Services, made: Plan, chosen: Chosen, arguments: dict[str, Any], head: str) -> dict[str, Any]:
    def work(unit: Unit) -> tuple[int, int]:
        again = choose(unit.writer, arguments)
        ours = {task.id for task in chosen.under_way} & {edge.after for edge in made.added}
        over = not ours <= {task.id for task in _under_way(unit.writer)}
        if over or (again.seqs, again.behind) != (chosen.seqs, chosen.behind):
            text = "tasks changed while the plan was made; nothing was recorded"
            raise AndonError(text, kind="conflict", next="andon plan --apply again", exit=EXIT_LOST)
        at = services.clock.now()
        changed = 0
        for item, task in zip(made.tasks, chosen.tasks, strict=True):
            command = c.PlanTask(
                at=at,
                actor=services.caller.agent,
                predicted=_recorded_paths(item),
                wave=item.wave,
                after=item.after,
                head=head,
                reason=_as_text(item.reason),
            )
            changed += _record(unit, task, command)
        return changed, len(chosen.tasks)

    (changed, _count), _effects = services.engine.transact(work)
    return {"applied": True, "changed": changed}


def _recorded_paths(item: Planned) -> tuple[str, ...]:
    """What `next` keeps others off while the task has no declared scope of its own: globs, as scopes are."""
    paths = (x.path for x in item.predicted if x.score >= HOLD)
    return tuple(sorted(as_pattern(path) for path in paths if path not in item.released))


def _as_text(words: str) -> str:
    """Names of files with bytes that are no text are recorded with escapes."""
    return words.encode("utf-8", "backslashreplace").decode()


def _record(unit: Unit, task: s.Task, command: c.PlanTask) -> bool:
    before = unit.writer.load(task.id)
    after = unit.on_task(task.id, command)
    if isinstance(after, Rejected):
        raise AndonError.of(after)
    return before is None or after != before.state


def clear(services: Services, arguments: dict[str, Any]) -> Reply:
    """Take tasks that nobody has begun out of the recorded plan, with the dependencies that it added."""

    def work(unit: Unit) -> list[str]:
        names = arguments.get("tasks") or ()
        statuses = (s.OPEN, s.DRAFT)
        labels = set(arguments.get("labels") or ())
        cleared = []
        for name in names or [str(row["id"]) for row in unit.writer.tasks(status=statuses, limit=MAX_TASKS)]:
            if not names and _load(unit.writer, name)[1]:
                continue
            task = load_task(unit.writer, name)
            if labels and not labels & set(task.labels):
                continue
            command = c.PlanTask(at=services.clock.now(), actor=services.caller.agent, reason="the plan was cleared")
            if (names or task.wave is not None or task.planned_after) and _record(unit, task, command):
                cleared.append(name)
        return cleared

    cleared, _effects = services.engine.transact(work)
    body = {"ok": True, "cleared": cleared, "items": []}
    return Reply(exit=EXIT_YES, body=body)
