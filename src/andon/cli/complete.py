"""What the shell may complete: for each place on the command line the words that can stand there, and nothing else.

Rules: a place of free text gets none; nothing is guessed where no repository is. Must not know: how shells ask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

from andon.core.errors import AndonError

Found = list[CompletionItem]
Completer = Callable[[click.Context, click.Parameter, str], Found]

IDS: dict[str, tuple[tuple[str, str], ...]] = {
    "task": (("task_list", "task"),),
    "tasks": (("task_list", "task"),),
    "depends_on": (("task_list", "task"),),
    "run": (("task_list", "task"), ("run_list", "run")),
    "run_id": (("run_list", "run"),),
    "id": (("task_list", "task"), ("run_list", "run")),
    "learning": (("learn_list", "learning"),),
    "learnings": (("learn_list", "learning"),),
}
"""Name of an argument or option -> the verbs that list what it may be, and the field with the word."""
OF_VERBS = {(verb, "key"): (("config_list", "key"),) for verb in ("config_get", "config_set", "config_unset")}
FILES = frozenset({"file", "path", "svg", "output"})
CHOICES: dict[tuple[str, str], tuple[str, ...]] = {
    ("ask", "on_expiry"): ("ready", "cord"),
    ("workflow_graph", "format"): ("mermaid", "svg"),
    ("workflow_import", "format"): ("dot",),
    ("task_import", "format"): ("beads", "markdown", "spec-kit", "backlog", "github"),
    ("task_export", "format"): ("beads",),
}
COLORS = ("auto", "always", "never")


def completer(verb: str, name: str) -> Completer | None:
    """What completes an argument or an option of a verb; None: nothing does."""
    if name in FILES:
        return _files
    words = COLORS if name == "color" else CHOICES.get((verb, name))
    if words is not None:
        return _among(words)
    lists = OF_VERBS.get((verb, name)) or IDS.get(name)
    return _listed(lists) if lists is not None else None


def _files(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Found:
    return [CompletionItem(incomplete, type="file")]


def _among(words: tuple[str, ...]) -> Completer:
    def complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Found:
        return [CompletionItem(word) for word in words if word.startswith(incomplete)]

    return complete


def _listed(lists: tuple[tuple[str, str], ...]) -> Completer:
    def complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Found:
        words = [word for verb, field in lists for word in _words(verb, field)]
        return [CompletionItem(word) for word in words if word.startswith(incomplete)]

    return complete


def _words(verb: str, field: str) -> list[str]:
    import os

    from andon.app import open_coordinator
    from andon.engine.interface import CallContext

    try:
        coordinator = open_coordinator(CallContext(cwd=os.getcwd(), agent="completion"))
        items: list[dict[str, Any]] = coordinator.call(verb, {}).body["items"]
    except AndonError:
        return []
    words = (str(item.get(field) or item.get("id") or "") for item in items)
    # A setting of which none was set stands in the list with a place holder.
    return [word for word in words if not word.endswith(".NAME")]
