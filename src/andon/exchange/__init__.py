"""Other tools' task files: reading them into `ForeignTask`s, and writing beads JSONL.

Theory of operation. Each format has one module with `looks_like(file)` and `read(files)`. A reader carries over what has a
counterpart, lists what has none (`Lost`), and gathers problems with their lines; with any problem nothing is read at all.
Texts are data. Must not know: the engine, the store, directories (`andon.app` finds and reads the files).
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType

from andon.core.errors import UsageError
from andon.core.imported import ForeignTasks
from andon.exchange.parts import MAX_TASKS, Gathered, SourceFile

FORMATS = ("beads", "markdown", "spec-kit", "backlog", "github")
_ORDER = ("beads", "github", "backlog", "spec-kit", "markdown")
"""The plainest last: every spec-kit file is a Markdown task list, too."""


def _module(form: str) -> ModuleType:
    return importlib.import_module(f"andon.exchange.{form.replace('-', '_')}")


def detect(files: Sequence[SourceFile]) -> str:
    """The format that all files have. Raises UsageError when they have none or several."""
    found: dict[str, str] = {}
    for file in files:
        form = next((x for x in _ORDER if _module(x).looks_like(file)), "")
        found.setdefault(form, file.name)
    if len(found) == 1 and "" not in found:
        return next(iter(found))
    if "" in found:
        text = f"{found['']} looks like none of {', '.join(FORMATS)}"
    else:
        text = f"several formats: {', '.join(f'{name} is {form}' for form, name in found.items())}"
    raise UsageError(text, kind="bad_input", next=f"--format {'|'.join(FORMATS)}")


def read(files: Sequence[SourceFile], form: str | None = None) -> ForeignTasks:
    """All tasks of the files. Raises UsageError naming the bad lines; then nothing was read."""
    if form is not None and form not in FORMATS:
        raise UsageError(f"the format {form} is not known", kind="bad_input", next=f"--format {'|'.join(FORMATS)}")
    chosen = form or detect(files)
    gathered = Gathered()
    _module(chosen).read(files, gathered)
    gathered.refuse()
    if len(gathered.tasks) > MAX_TASKS:
        text = f"{len(gathered.tasks)} tasks; at most {MAX_TASKS} are imported at once"
        raise UsageError(text, kind="bad_input", next="split the file")
    return ForeignTasks(format=chosen, tasks=tuple(gathered.tasks), lost=tuple(gathered.lost))
