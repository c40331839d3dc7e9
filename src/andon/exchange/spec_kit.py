"""spec-kit's `tasks.md`: `- [ ] T001 [P] [US1] description with a path`, in phases.

Rules. The tasks of a phase wait for those of the phase before. Within a phase they follow one another, and those marked [P]
stand side by side: a task without [P] waits for all before it, one with [P] for the last one without. `(depends on T012)`
adds more. What is ticked off holds nobody back. The feature (the file's directory) is part of a task's source, since
every feature begins with T001. A path in the description bounds nothing: it is no scope. Source:
`templates/tasks-template.md` of spec-kit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from andon.core.imported import CLOSED, OPEN, ForeignTask
from andon.exchange.markdown import Item, dedented, items_of
from andon.exchange.parts import Gathered, SourceFile, slug

TOOL = "spec-kit"
_TASK = re.compile(r"^\**(T\d{3,}[a-z]?|TXXX)\**[:.]?\s+((?:\[[^\]]{1,12}\]\s*)*)(.*\S)\s*$")
_MARK = re.compile(r"\[([^\]]+)\]")
_DEPENDS = re.compile(r"\((?:depends on|after|requires)[: ]+([^()]*)\)", re.IGNORECASE)
_PHASE = re.compile(r"phase\s+(\w+)", re.IGNORECASE)
_PRIORITY = re.compile(r"priority:?\s*P([0-4])", re.IGNORECASE)


def looks_like(file: SourceFile) -> bool:
    found = [item for item in items_of(file.text) if _TASK.match(item.text)]
    if not found:
        return False
    named = file.name.rpartition("/")[2] == "tasks.md"
    return named or any(_PHASE.match(text) for item in found for _level, text in item.headings)


def read(files: Sequence[SourceFile], gathered: Gathered) -> None:
    for file in files:
        _read_file(file, gathered)


def feature_of(name: str) -> str:
    """The feature that a file is about: its directory's name."""
    directory = name.rpartition("/")[0].rpartition("/")[2]
    return directory or "tasks"


class _Queue:
    """What the next task waits for."""

    def __init__(self) -> None:
        self.phase: str | None = None
        self.before: tuple[str, ...] = ()
        """the phase's entry: what was last in the phase before"""
        self.barrier: tuple[str, ...] = ()
        """the last task without [P]"""
        self.side_by_side: list[str] = []

    def enter(self, phase: str) -> None:
        if phase == self.phase:
            return
        self.before = self._last()
        self.phase, self.barrier, self.side_by_side = phase, (), []

    def _last(self) -> tuple[str, ...]:
        return tuple(self.side_by_side) or self.barrier or self.before

    def waits_for(self, parallel: bool) -> tuple[str, ...]:
        return (self.barrier or self.before) if parallel else self._last()

    def put(self, source: str, parallel: bool) -> None:
        if parallel:
            self.side_by_side.append(source)
        else:
            self.barrier, self.side_by_side = (source,), []


def _read_file(file: SourceFile, gathered: Gathered) -> None:
    prefix = f"{TOOL}:{feature_of(file.name)}/"
    queue = _Queue()
    boxes = items_of(file.text)
    items = [(item, match) for item in boxes if (match := _TASK.match(item.text))]
    for item in boxes:
        if not _TASK.match(item.text):
            gathered.lose(f"{prefix}line {item.line}", "item", "it has no T000 id, so it is no task of spec-kit")
    known = {match.group(1) for _item, match in items}
    for item, match in items:
        name, marks, description = match.groups()
        place = f"{file.name}, line {item.line}"
        if name == "TXXX":
            gathered.problem(place, "TXXX is a placeholder of the template, no id")
            continue
        source = prefix + name
        found = _MARK.findall(marks)
        parallel = "P" in found
        phase = next((text for level, text in item.headings if level == 2), "")
        queue.enter(phase)
        depends_on = list(queue.waits_for(parallel))
        for group in _DEPENDS.findall(description):
            for other in re.findall(r"T\d{3,}[a-z]?", group):
                if other in known:
                    depends_on.append(prefix + other)
                else:
                    gathered.lose(source, "depends_on", f"{other} is no task of {file.name}")
        if not item.done:
            queue.put(source, parallel)
        gathered.add(_task(file, item, source, description, [x for x in found if x != "P"], phase, tuple(depends_on)))


def _task(
    file: SourceFile,
    item: Item,
    source: str,
    description: str,
    stories: list[str],
    phase: str,
    depends_on: tuple[str, ...],
) -> ForeignTask:
    number = _PHASE.match(phase)
    priority = _PRIORITY.search(phase)
    labels = [f"phase-{number.group(1).lower()}"] if number else [slug(phase)] if phase else []
    body = "\n\n".join(part for part in (f"{phase}" if phase else "", dedented(item.body)) if part)
    return ForeignTask(
        source=source,
        title=_DEPENDS.sub("", description).strip() or description,
        place=f"{file.name}, line {item.line}",
        body=body,
        depends_on=depends_on,
        priority=int(priority.group(1)) if priority else None,
        labels=(*labels, *stories),
        state=CLOSED if item.done else OPEN,
        reason=f"ticked off in {file.name}",
    )
