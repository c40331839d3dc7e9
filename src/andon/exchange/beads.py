"""beads: `.beads/issues.jsonl`, one issue a line, and the array that `bd list --json` prints; reading and writing.

Theory of operation. The whole record is kept beside the task, so that export gives back what has no counterpart here. Export
changes in it what was changed here, and nothing else; a task that came from elsewhere gets a record of its own. Scope,
workflow and criteria of more than a line travel in `metadata.andon`. Source: `internal/types/types.go` of beads.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from andon.core import state as s
from andon.core.imported import CLOSED, HELD, OPEN, ForeignTask, Imported, digest_of
from andon.exchange.parts import TOO_DEEP, Gathered, SourceFile, bullets, read_json, texts, too_deep

Record = dict[str, Any]
TOOL = "beads"
WAITING_TYPES = frozenset({"", "blocks", "waits-for"})
"""Dependencies that hold an issue back; the others say something else."""
STATES = {
    "open": OPEN,
    "in_progress": OPEN,
    "hooked": OPEN,
    "blocked": HELD,
    "deferred": HELD,
    "pinned": HELD,
    "closed": CLOSED,
    "tombstone": CLOSED,
}
_ELSEWHERE = {
    "in_progress": "nobody here holds it: it is open",
    "hooked": "nobody here holds it: it is open",
    "blocked": "held back as a draft; `andon task release` frees it",
    "deferred": "held back as a draft; `andon task release` frees it",
    "pinned": "held back as a draft: it is no work to be finished",
    "tombstone": "deleted there: cancelled here",
}
_KEPT = (
    "assignee",
    "owner",
    "estimated_minutes",
    "external_ref",
    "spec_id",
    "due_at",
    "defer_until",
    "comments",
    "sender",
)
"""Fields without a counterpart that people may miss; they are kept for export."""
_WORK = frozenset({"", "task", "bug", "feature", "chore", "decision", "epic"})


def looks_like(file: SourceFile) -> bool:
    first = file.text.lstrip()[:1]
    if first not in ("{", "["):
        return False
    record = next((x for _place, x in _records(file, Gathered())), None)
    if not isinstance(record, dict):
        return False
    issue = isinstance(record.get("id"), str) and "title" in record and "number" not in record
    return issue or "_type" in record or "_schema" in record


def _records(file: SourceFile, gathered: Gathered) -> Iterator[tuple[str, object]]:
    if file.text.lstrip().startswith("["):
        try:
            items = read_json(file.text)
        except ValueError as error:
            gathered.problem(file.name, str(error))
            return
        for number, item in enumerate(items if isinstance(items, list) else [], 1):
            yield f"{file.name}, issue {number}", item
        return
    for number, line in enumerate(file.text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{file.name}, line {number}"
        try:
            yield place, read_json(line)
        except ValueError as error:
            gathered.problem(place, str(error))


def read(files: Sequence[SourceFile], gathered: Gathered) -> None:
    """All issues of the files, in their order."""
    for file in files:
        for place, record in _records(file, gathered):
            if not isinstance(record, dict):
                gathered.problem(place, "it is no JSON object")
            elif too_deep(record):
                gathered.problem(place, TOO_DEEP)
            elif record.get("_type", "issue") != "issue" or "_schema" in record:
                kind = str(record.get("_type") or "_schema")
                gathered.lose(
                    f"{TOOL}:{record.get('id') or record.get('key') or place}", "_type", f"{kind} is no issue"
                )
            else:
                _read_one(place, record, gathered)


def _read_one(place: str, record: Record, gathered: Gathered) -> None:
    name, title = record.get("id"), record.get("title")
    if not isinstance(name, str) or not name.strip() or len(name) > 200:
        gathered.problem(place, "it has no id")
        return
    if not isinstance(title, str):
        gathered.problem(place, "it has no title")
        return
    priority = record.get("priority", 2)
    if isinstance(priority, str) and priority[:1] in "Pp" and priority[1:].isdecimal():
        priority = int(priority[1:])
    if isinstance(priority, bool) or not isinstance(priority, int) or not 0 <= priority <= 4:
        gathered.problem(place, f"priority {priority!r} is not between 0 and 4")
        return
    source = f"{TOOL}:{name}"
    status = str(record.get("status") or "open")
    state = STATES.get(status, HELD)
    if status not in STATES:
        gathered.lose(source, "status", f"{status} is unknown here: held back as a draft")
    elif status in _ELSEWHERE:
        gathered.lose(source, "status", f"{status}: {_ELSEWHERE[status]}")
    depends_on, conditional = _dependencies(place, source, record, gathered)
    kind = str(record.get("issue_type") or "")
    if state == OPEN and (kind == "epic" or kind not in _WORK or conditional or record.get("is_template")):
        state = HELD
        why = "waits for a failure" if conditional else f"{kind or 'template'} is no work of its own"
        gathered.lose(source, "status", f"{why}: held back as a draft; `andon task release` frees it")
    for field in _KEPT:
        if record.get(field):
            gathered.lose(source, field, "nothing here corresponds; kept for export")
    own = _own(record)
    criteria = own.get("acceptance")
    # Ours is taken as it stands: every blank of it may matter.
    exact = tuple(x for x in criteria if isinstance(x, str)) if isinstance(criteria, list) else ()
    gathered.add(
        ForeignTask(
            source=source,
            title=title,
            place=place,
            body=_body(record),
            acceptance=exact or bullets(_text(record, "acceptance_criteria")),
            scope=texts(own.get("scope")),
            depends_on=tuple(depends_on),
            priority=priority,
            labels=texts(record.get("labels")),
            workflow=str(own.get("workflow") or ""),
            state=state,
            reason=_text(record, "close_reason") or _text(record, "delete_reason") or f"{status} there",
            raw=msgspec.json.encode(record).decode(),
            keep=True,
        )
    )


def _text(record: Record, field: str) -> str:
    value = record.get(field)
    return value if isinstance(value, str) else ""


def _own(record: Record) -> Record:
    """What an earlier export of ours put into the metadata."""
    metadata = record.get("metadata")
    found = metadata.get("andon") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def _body(record: Record) -> str:
    parts = [_text(record, "description").strip()]
    parts += [
        f"## {field.capitalize()}\n\n{text}" for field in ("design", "notes") if (text := _text(record, field).strip())
    ]
    return "\n\n".join(part for part in parts if part)


def _dependencies(place: str, source: str, record: Record, gathered: Gathered) -> tuple[list[str], bool]:
    """(sources that it waits for, whether it waits for another's failure)."""
    found: list[str] = []
    conditional = False
    listed = record.get("dependencies") or []
    if not isinstance(listed, list):
        gathered.problem(place, "its dependencies are no list")
        return [], False
    for item in listed:
        target = item.get("depends_on_id") if isinstance(item, dict) else item
        if not isinstance(target, str) or not target:
            gathered.problem(place, "a dependency without depends_on_id")
            continue
        kind = str(item.get("type") or "") if isinstance(item, dict) else ""
        if kind in WAITING_TYPES:
            found.append(f"{TOOL}:{target}")
        else:
            conditional = conditional or kind == "conditional-blocks"
            gathered.lose(source, "dependencies", f"{kind} {target}: holds nothing back here; kept for export")
    return found, conditional


# ---------------------------------------------------------------- writing


def names_of(tasks: Sequence[s.Task]) -> dict[str, str]:
    """task -> beads id: the one it came with, else one made of its number."""
    names = {x.id: x.source.removeprefix(f"{TOOL}:") for x in tasks if x.source.startswith(f"{TOOL}:")}
    taken = set(names.values())
    for task in tasks:
        if task.id in names:
            continue
        name = f"andon-{task.id[1:]}"
        while name in taken:
            name += "x"
        names[task.id] = name
        taken.add(name)
    return names


def write(tasks: Sequence[s.Task]) -> Iterator[bytes]:
    """One line for each task, in the order given."""
    names = names_of(tasks)
    for task in tasks:
        yield msgspec.json.encode(_record(task, names)) + b"\n"


def _record(task: s.Task, names: Mapping[str, str]) -> Record:
    before = _before(task)
    if before is None:
        return _new_record(task, names)
    known, raw = before
    record = dict(raw)
    changed = {name for name in known.digests if digest_of(getattr(task, name)) != known.digests[name]}
    if "title" in changed:
        record["title"] = task.title
    if "body" in changed:
        record["description"] = task.body
        record.pop("design", None)
        record.pop("notes", None)
    if "priority" in changed:
        record["priority"] = task.priority
    if changed & {"acceptance", "scope", "workflow"}:
        _put_own(record, task)
    if set(task.labels) != set(known.labels):
        record["labels"] = list(task.labels)
    _put_dependencies(record, task, names, known)
    _put_status(record, task, known)
    if record != raw:
        record["updated_at"] = _time(task.changed_at)
    return record


def _before(task: s.Task) -> tuple[Imported, Record] | None:
    if task.imported is None or not task.imported.raw or not task.source.startswith(f"{TOOL}:"):
        return None
    raw = msgspec.json.decode(task.imported.raw)
    return (task.imported, raw) if isinstance(raw, dict) else None


def _new_record(task: s.Task, names: Mapping[str, str]) -> Record:
    record: Record = {"id": names[task.id], "title": task.title}
    if task.body:
        record["description"] = task.body
    if task.acceptance:
        record["acceptance_criteria"] = ""
    record |= {"status": "open", "priority": task.priority, "issue_type": "task", "created_at": _time(task.added_at)}
    if task.added_by:
        record["created_by"] = task.added_by
    record["updated_at"] = _time(task.changed_at)
    if task.source:
        record["external_ref"] = task.source
    if task.labels:
        record["labels"] = list(task.labels)
    if task.acceptance or task.scope or task.workflow:
        _put_own(record, task)
    _put_dependencies(record, task, names, None)
    _put_status(record, task, None)
    return record


def _put_own(record: Record, task: s.Task) -> None:
    """Criteria, scope and workflow; in the metadata where beads has no place for them."""
    own: Record = {}
    written = "\n".join(f"- {item}" for item in task.acceptance)
    if bullets(written) != task.acceptance:
        own["acceptance"] = list(task.acceptance)
    if written:
        record["acceptance_criteria"] = written
    else:
        record.pop("acceptance_criteria", None)
    if task.scope:
        own["scope"] = list(task.scope)
    if task.workflow:
        own["workflow"] = task.workflow
    before = record.get("metadata")
    metadata = {**before} if isinstance(before, dict) else {}
    metadata.pop("andon", None)
    if own:
        metadata["andon"] = own
    if metadata:
        record["metadata"] = metadata
    else:
        record.pop("metadata", None)


def _put_dependencies(record: Record, task: s.Task, names: Mapping[str, str], known: Imported | None) -> None:
    """Those that were taken away here go, new ones come, all else stays as it was."""
    wanted = {names[x] for x in task.depends_on if x in names}
    carried = {source.removeprefix(f"{TOOL}:") for source in known.depends_on} if known is not None else set()
    kept = []
    for item in record.get("dependencies") or []:
        target = item.get("depends_on_id") if isinstance(item, dict) else item
        kind = str(item.get("type") or "") if isinstance(item, dict) else ""
        if kind not in WAITING_TYPES or target not in carried or target in wanted:
            kept.append(item)
            wanted -= {target} if kind in WAITING_TYPES else set()
    # What came from the file and is gone there is not ours to put back.
    wanted -= carried
    for name in (names[x] for x in task.depends_on if x in names and names[x] in wanted):
        kept.append(
            {
                "issue_id": names[task.id],
                "depends_on_id": name,
                "type": "blocks",
                "created_at": _time(task.changed_at),
                "created_by": task.added_by,
            }
        )
    if kept:
        record["dependencies"] = kept
    elif record.get("dependencies"):
        del record["dependencies"]


def state_of(task: s.Task) -> str:
    """open | draft | closed, as files know it."""
    if task.status in s.CLOSED:
        return CLOSED
    return HELD if task.status == s.DRAFT else OPEN


def _put_status(record: Record, task: s.Task, known: Imported | None) -> None:
    """The file's own word while it means the same; else ours. What closed it is said, since only Andon knows."""
    state = state_of(task)
    same = known is not None and known.state == state
    if task.status == s.RUNNING:
        same = str(record.get("status")) in ("in_progress", "hooked")
        status = "in_progress"
    else:
        status = {OPEN: "open", HELD: "deferred", CLOSED: "closed"}[state]
    if same:
        return
    record["status"] = status
    for field in ("closed_at", "close_reason"):
        record.pop(field, None)
    if state == CLOSED:
        landed = f"landed as {task.commit}" if task.commit else task.status
        record["closed_at"] = _time(task.changed_at)
        record["close_reason"] = f"cancelled: {task.reason}" if task.status == s.CANCELLED and task.reason else landed


def _time(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
