"""What the readers share: files, gathering tasks and problems, fitting values into what a task may hold."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from andon.core.decide import MAX_LIST_ITEMS, MAX_TEXT_BYTES, MAX_TITLE_CHARS
from andon.core.errors import UsageError
from andon.core.imported import ForeignTask, Lost

MAX_TASKS = 100_000
MAX_FILE_BYTES = 256 * 1024**2
MAX_PROBLEMS = 20
"""Bad lines that are named; the rest is counted."""
MAX_DEPTH = 100
"""How deeply a JSON record may be nested; what is read must be written again, and by whoever calls us."""
MAX_RAW_BYTES = 500_000
"""Of one record that is kept for export."""

TOO_DEEP = f"it is nested more than {MAX_DEPTH} deep"

CHECKBOX = re.compile(r"^(\s*)(?:[-*+]|\d+[.)])\s+\[([ xX~/-])\]\s+(.*\S)\s*$")
HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
FENCE = re.compile(r"^\s*(```+|~~~+)")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?(?:#\d+\s+)?")


class SourceFile(Struct, frozen=True, kw_only=True):
    """name: how people and sources call it, with '/'. text: its content. done: it stands where finished work stands."""

    name: str
    text: str
    done: bool = False


def read_json(text: str) -> object:
    """A JSON value. Raises ValueError with the reason."""
    try:
        found: object = msgspec.json.decode(text)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ValueError(f"no JSON: {error}") from None
    return found


def too_deep(value: object) -> bool:
    """Whether a record is nested more deeply than MAX_DEPTH. Without recursion."""
    level = [value]
    for _depth in range(MAX_DEPTH):
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner += [x for x in item.values() if isinstance(x, dict | list)]
            elif isinstance(item, list):
                inner += [x for x in item if isinstance(x, dict | list)]
        if not inner:
            return False
        level = inner
    return True


class Gathered:
    """Tasks, what is lost, and problems, as they are found."""

    def __init__(self) -> None:
        self.tasks: list[ForeignTask] = []
        self.lost: list[Lost] = []
        self.problems: list[str] = []
        self.counted = 0
        self._places: dict[str, str] = {}

    def problem(self, place: str, why: str) -> None:
        self.counted += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(f"{place}: {why}")

    def lose(self, source: str, field: str, why: str) -> None:
        self.lost.append(Lost(source=source, field=field, why=why))

    def add(self, task: ForeignTask) -> None:
        """One more task, cut to what fits. A source that was there before is a problem."""
        before = self._places.setdefault(task.source, task.place)
        if before is not task.place:
            self.problem(task.place, f"{task.source.partition(':')[2]} is a duplicate of {before}")
            return
        try:
            for text in (task.title, task.body, *task.acceptance, *task.labels, *task.scope, task.source):
                text.encode()
        except UnicodeError:
            self.problem(task.place, "it holds text that is no Unicode")
            return
        if not task.title.strip():
            self.problem(task.place, "it has no title")
            return
        self.tasks.append(self._fitted(task))

    def _fitted(self, task: ForeignTask) -> ForeignTask:
        changes: dict[str, Any] = {"title": " ".join(task.title.split())}
        if len(changes["title"]) > MAX_TITLE_CHARS:
            whole = changes["title"]
            changes["title"] = whole[: MAX_TITLE_CHARS - 1] + "…"
            changes["body"] = f"{whole}\n\n{task.body}".strip()
            self.lose(task.source, "title", f"longer than {MAX_TITLE_CHARS} characters: cut, the whole is in the body")
        body: str = changes.get("body", task.body)
        if len(body.encode()) > MAX_TEXT_BYTES:
            changes["body"] = body.encode()[: MAX_TEXT_BYTES - 10].decode(errors="ignore") + "\n[… cut]"
            self.lose(task.source, "body", f"longer than {MAX_TEXT_BYTES} bytes: cut")
        for name in ("acceptance", "labels", "scope"):
            given: tuple[str, ...] = getattr(task, name)
            items = given if name == "acceptance" else tuple(dict.fromkeys(given))
            if len(items) > MAX_LIST_ITEMS:
                self.lose(task.source, name, f"more than {MAX_LIST_ITEMS}: the rest is left out")
            changes[name] = items[:MAX_LIST_ITEMS]
        if len(task.raw) > MAX_RAW_BYTES:
            changes["raw"] = ""
            self.lose(
                task.source, "other fields", f"the record is longer than {MAX_RAW_BYTES} bytes: not kept for export"
            )
        changes["depends_on"] = tuple(dict.fromkeys(task.depends_on))
        return replace(task, **changes)

    def refuse(self) -> None:
        """Raise UsageError when there were problems."""
        if not self.problems:
            return
        more = f"; and {self.counted - len(self.problems)} more" if self.counted > len(self.problems) else ""
        text = f"nothing was imported: {'; '.join(self.problems)}{more}"
        raise UsageError(text, kind="bad_input", next="mend these places, then import again")


def slug(text: str) -> str:
    """A heading or title as one word."""
    return re.sub(r"[^\w]+", "-", text.lower()).strip("-_")[:80] or "untitled"


def bullets(text: str) -> tuple[str, ...]:
    """The items of a text that may be a list: one a line, without bullets, boxes and numbers."""
    lines = (_BULLET.sub("", line).strip() for line in text.splitlines())
    return tuple(line for line in lines if line)


def texts(value: object) -> tuple[str, ...]:
    """A list of texts out of what a file may have in its place: nothing, one text, a list."""
    if value in (None, "", [], {}):
        return ()
    if isinstance(value, str):
        return (value.strip(),)
    if isinstance(value, list):
        return tuple(str(item).strip() for item in value if item not in (None, ""))
    return (str(value),)
