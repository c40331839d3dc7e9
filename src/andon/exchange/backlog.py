"""Backlog.md: `backlog/tasks/*.md`, one task a file, YAML front matter and sections.

Rules. The front matter is read as plain texts, without aliases and tags. A task waits for its dependencies, and a parent for
its subtasks. Acceptance criteria come from their section; a tick there is nobody's word here. All other sections make the
body. Ids are compared without case, and by their number alone where a project has changed its prefix (`task-7`, `BACK-7`).
Source: tasks of the Backlog.md project itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml

from andon.core.imported import CLOSED, HELD, OPEN, ForeignTask
from andon.exchange.parts import CHECKBOX, COMMENT, HEADING, Gathered, SourceFile, bullets, texts

TOOL = "backlog"
MAX_FRONT_BYTES = 65_536
MAX_DEPTH = 10
"""Of lists and maps in a front matter."""
PRIORITIES = {"critical": 0, "urgent": 0, "high": 1, "medium": 2, "low": 3}
_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*\r?$\n?", re.DOTALL | re.MULTILINE)
_KNOWN = frozenset(
    {"id", "title", "status", "labels", "dependencies", "priority", "parent_task_id", "created_date", "updated_date"}
)
_DONE = frozenset({"done", "completed", "complete", "closed", "cancelled", "canceled", "archived"})
_HELD = frozenset({"draft", "blocked", "on hold", "deferred", "waiting"})


def looks_like(file: SourceFile) -> bool:
    match = _FRONT.match(file.text)
    if match is None:
        return False
    keys = {line.partition(":")[0] for line in match.group(1).splitlines()}
    return {"id", "title", "status"} <= keys


def read(files: Sequence[SourceFile], gathered: Gathered) -> None:
    fronts: list[tuple[SourceFile, dict[str, Any], str]] = []
    for file in files:
        read_front = _front(file, gathered)
        if read_front is not None:
            fronts.append((file, *read_front))
    names = {str(front["id"]).lower(): str(front["id"]) for _file, front, _body in fronts}
    numbers: dict[str, set[str]] = {}
    for name in names.values():
        numbers.setdefault(name.rpartition("-")[2], set()).add(name)

    def named(reference: str) -> str | None:
        """The id that is meant."""
        found = names.get(reference.lower())
        others = numbers.get(reference.rpartition("-")[2], set())
        return found or (next(iter(others)) if len(others) == 1 else None)

    children: dict[str, list[str]] = {}
    for _file, front, _body in fronts:
        parent = named(str(front.get("parent_task_id") or ""))
        if parent is not None:
            children.setdefault(parent, []).append(str(front["id"]))
    for file, front, body in fronts:
        source = f"{TOOL}:{front['id']}"
        depends_on = [f"{TOOL}:{x}" for x in children.get(str(front["id"]), ())]
        for reference in texts(front.get("dependencies")):
            target = named(reference)
            if target is None:
                gathered.lose(source, "dependencies", f"{reference} is not among these tasks")
            elif str(front["id"]) in children.get(target, ()) and f"{TOOL}:{target}" not in depends_on:
                gathered.lose(source, "dependencies", f"{reference} is its parent, which waits for it")
            else:
                depends_on.append(f"{TOOL}:{target}")
        if (parent := front.get("parent_task_id")) and named(str(parent)) is None:
            gathered.lose(source, "parent_task_id", f"{parent} is not among these tasks")
        gathered.add(_task(file, front, body, source, depends_on, gathered))


def _front(file: SourceFile, gathered: Gathered) -> tuple[dict[str, Any], str] | None:
    match = _FRONT.match(file.text)
    if match is None:
        gathered.problem(f"{file.name}, line 1", "it has no front matter between --- and ---")
        return None
    if len(match.group(1)) > MAX_FRONT_BYTES:
        gathered.problem(f"{file.name}, line 1", f"its front matter is longer than {MAX_FRONT_BYTES} bytes")
        return None
    try:
        if why := _unreadable(match.group(1)):
            gathered.problem(f"{file.name}, line 1", why)
            return None
        # The base loader makes texts of everything, so that a title `on` stays one.
        front = yaml.load(match.group(1), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark is not None else 1
        gathered.problem(f"{file.name}, line {line}", f"no YAML: {getattr(error, 'problem', None) or error}")
        return None
    if not isinstance(front, dict) or not isinstance(front.get("id"), str) or not front["id"].strip():
        gathered.problem(f"{file.name}, line 1", "its front matter has no id")
        return None
    return front, file.text[match.end() :]


def _unreadable(text: str) -> str:
    """Why a front matter is not read, "" when it is. It is looked through no further than that: deep nesting is slow."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            return "aliases are not read"
        if depth > MAX_DEPTH:
            return f"it is nested deeper than {MAX_DEPTH}"
    return ""


def _task(
    file: SourceFile, front: dict[str, Any], text: str, source: str, depends_on: list[str], gathered: Gathered
) -> ForeignTask:
    sections = _sections(text)
    criteria = sections.pop("acceptance criteria", "")
    ticked = sum(box.group(2) != " " for line in criteria.splitlines() if (box := CHECKBOX.match(line)))
    if ticked:
        gathered.lose(source, "acceptance", f"{ticked} ticked criteria: nobody's word counts here, they are open")
    status = str(front.get("status") or "").strip()
    for field in sorted(set(front) - _KNOWN):
        if front[field] not in ("", [], {}, None):
            gathered.lose(source, field, "nothing here corresponds")
    priority = str(front.get("priority") or "").lower()
    if priority and priority not in PRIORITIES:
        gathered.lose(source, "priority", f"{priority} is unknown here")
    description = sections.pop("description", "")
    parts = [description, *(f"## {name.capitalize()}\n\n{content}" for name, content in sections.items() if content)]
    return ForeignTask(
        source=source,
        title=str(front.get("title") or ""),
        place=f"{file.name}, line 1",
        body="\n\n".join(part for part in parts if part),
        acceptance=bullets(criteria),
        depends_on=tuple(depends_on),
        priority=PRIORITIES.get(priority),
        labels=texts(front.get("labels")),
        state=_state(status, file.done, source, gathered),
        reason=f"{status or 'completed'} in Backlog.md",
    )


def _state(status: str, done: bool, source: str, gathered: Gathered) -> str:
    low = status.lower()
    if done or low in _DONE:
        return CLOSED
    if low in _HELD:
        gathered.lose(source, "status", f"{status}: held back as a draft; `andon task release` frees it")
        return HELD
    if low not in ("", "to do", "todo", "open", "backlog"):
        gathered.lose(source, "status", f"{status}: nobody here holds it, so it is open")
    return OPEN


def _sections(text: str) -> dict[str, str]:
    """Second-level headings in lower case -> their text, without markers."""
    found: dict[str, list[str]] = {}
    name = "description"
    for line in COMMENT.sub("", text).splitlines():
        heading = HEADING.match(line)
        if heading is not None and len(heading.group(1)) == 2:
            name = heading.group(2).strip().lower()
            continue
        found.setdefault(name, []).append(line)
    return {name: "\n".join(lines).strip() for name, lines in found.items()}
