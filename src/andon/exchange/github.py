"""GitHub issues: what `gh issue list --json …` prints, and the JSON of the REST API.

Rules. An issue waits for those that its text says it is blocked by or depends on, for those that it tracks in a task list
(`- [ ] #12`), and for those under `blockedBy`. Other boxes of the text are acceptance criteria. A milestone becomes a label, a
label such as `P1` or `priority: high` the priority, too. Pull requests are no issues. Source: manual of `gh`, REST API.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from andon.core.imported import CLOSED, OPEN, ForeignTask
from andon.exchange.parts import CHECKBOX, TOO_DEEP, Gathered, SourceFile, read_json, too_deep

TOOL = "github"
Record = dict[str, Any]
_URL = re.compile(r"https?://[^/]+/(?:repos/)?([^/]+/[^/]+)(?:/issues/\d+)?/?$")
_BLOCKED = re.compile(
    r"\b(?:blocked by|depends on|requires)\b:?\s*((?:[\w.-]+/[\w.-]+)?#\d+(?:\s*(?:,|and|&)\s*(?:[\w.-]+/[\w.-]+)?#\d+)*)",
    re.IGNORECASE,
)
_ISSUE = re.compile(r"([\w.-]+/[\w.-]+)?#(\d+)")
_TRACKED = re.compile(r"^(?:[\w.-]+/[\w.-]+)?#\d+\b|^https?://\S+/issues/\d+")
_LEVELS = {"critical": 0, "urgent": 0, "highest": 0, "high": 1, "medium": 2, "normal": 2, "low": 3, "lowest": 4}
_PRIORITY = re.compile(r"^(?:p|priority[-_:/ ]*p?)([0-4])$|^(?:priority|prio)[-_:/ ]+(\w+)$", re.IGNORECASE)


def looks_like(file: SourceFile) -> bool:
    if file.text.lstrip()[:1] not in ("[", "{"):
        return False
    records = _records(file, Gathered())
    return bool(records) and isinstance(records[0], dict) and "title" in records[0] and _number(records[0]) is not None


def _records(file: SourceFile, gathered: Gathered) -> list[object]:
    """The issues: an array, the answer of a search, one object, or one a line."""
    text = file.text.lstrip("\ufeff")
    try:
        found = read_json(text)
    except ValueError as error:
        if text.lstrip().startswith("{") and "\n{" in text:
            return _lines(file, gathered)
        gathered.problem(file.name, str(error))
        return []
    if isinstance(found, dict):
        return found["items"] if isinstance(found.get("items"), list) else [found]
    return found if isinstance(found, list) else [found]


def _lines(file: SourceFile, gathered: Gathered) -> list[object]:
    records: list[object] = []
    for number, line in enumerate(file.text.split("\n"), 1):
        if line.strip():
            try:
                records.append(read_json(line))
            except ValueError as error:
                gathered.problem(f"{file.name}, line {number}", str(error))
    return records


def _number(record: Record) -> int | None:
    number = record.get("number")
    return number if isinstance(number, int) and not isinstance(number, bool) and number > 0 else None


def repository_of(record: Record) -> str:
    """OWNER/REPO as its addresses say it, "" when they don't."""
    for field in ("url", "html_url", "repository_url"):
        match = _URL.match(str(record.get(field) or ""))
        if match:
            return match.group(1)
    return ""


def read(files: Sequence[SourceFile], gathered: Gathered) -> None:
    for file in files:
        for index, record in enumerate(_records(file, gathered), 1):
            place = f"{file.name}, issue {index}"
            if not isinstance(record, dict) or _number(record) is None:
                gathered.problem(place, "it has no number")
            elif too_deep(record):
                gathered.problem(place, TOO_DEEP)
            elif not isinstance(record.get("title"), str):
                gathered.problem(place, "it has no title")
            elif record.get("pull_request"):
                gathered.lose(_source(repository_of(record), record["number"]), "issue", "it is a pull request")
            else:
                _read_one(f"{place} (#{record['number']})", record, gathered)


def _source(repository: str, number: int | str) -> str:
    return f"{TOOL}:{repository}#{number}"


def _read_one(place: str, record: Record, gathered: Gathered) -> None:
    repository = repository_of(record)
    source = _source(repository, record["number"])
    body = str(record.get("body") or "").replace("\r\n", "\n")
    criteria, tracked, ticked = _boxes(body)
    if ticked:
        gathered.lose(source, "acceptance", f"{ticked} ticked boxes: nobody's word counts here, they are open")
    depends_on = [_reference(repository, text) for text in tracked]
    depends_on += [
        _reference(repository, x.group()) for m in _BLOCKED.finditer(body) for x in _ISSUE.finditer(m.group(1))
    ]
    depends_on += _blocked_by(repository, record)
    labels = [str(x.get("name") if isinstance(x, dict) else x) for x in record.get("labels") or []]
    priority = next((found for label in labels if (found := _level(label)) is not None), None)
    milestone = record.get("milestone")
    if isinstance(milestone, dict) and milestone.get("title"):
        labels.append(f"milestone:{milestone['title']}")
    for field in ("assignees", "comments", "closedByPullRequestsReferences", "projectItems", "reactionGroups"):
        if record.get(field):
            gathered.lose(source, field, "nothing here corresponds")
    state = str(record.get("state") or "open").lower()
    why = str(record.get("stateReason") or record.get("state_reason") or "").lower().replace("_", " ")
    gathered.add(
        ForeignTask(
            source=source,
            title=record["title"],
            place=place,
            body=body.strip(),
            acceptance=tuple(criteria),
            depends_on=tuple(x for x in depends_on if x and x != source),
            priority=priority,
            labels=tuple(labels),
            state=CLOSED if state == "closed" else OPEN,
            reason=f"closed on GitHub{': ' + why if why else ''}",
        )
    )


def _boxes(body: str) -> tuple[list[str], list[str], int]:
    """(criteria, issues that are tracked, how many criteria are ticked)."""
    criteria: list[str] = []
    tracked: list[str] = []
    ticked = 0
    for line in body.splitlines():
        box = CHECKBOX.match(line)
        if box is None:
            continue
        if _TRACKED.match(box.group(3)):
            tracked.append(box.group(3))
        else:
            criteria.append(box.group(3))
            ticked += box.group(2) != " "
    return criteria, tracked, ticked


def _reference(repository: str, text: str) -> str:
    """The source of `#12`, `owner/repo#12` or an address."""
    address = re.match(r"https?://[^/]+/([^/]+/[^/]+)/issues/(\d+)", text)
    if address:
        return _source(address.group(1), address.group(2))
    match = _ISSUE.search(text)
    return _source(match.group(1) or repository, match.group(2)) if match else ""


def _blocked_by(repository: str, record: Record) -> list[str]:
    found = record.get("blockedBy") or record.get("blocked_by") or []
    nodes = found.get("nodes", []) if isinstance(found, dict) else found
    numbers = [(x, _number(x)) for x in nodes if isinstance(x, dict)]
    return [_source(repository_of(x) or repository, number) for x, number in numbers if number is not None]


def _level(label: str) -> int | None:
    match = _PRIORITY.match(label.strip())
    if match is None:
        return None
    return int(match.group(1)) if match.group(1) else _LEVELS.get(match.group(2).lower())
