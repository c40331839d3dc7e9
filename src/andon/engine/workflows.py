"""The workflow verbs: lint, graph, compile, over files of the working tree or of the target branch."""

from __future__ import annotations

import os
from typing import Any, Protocol

import msgspec

from andon.core import state as s
from andon.core.errors import EXIT_NO, EXIT_USAGE, EXIT_YES, AndonError
from andon.core.workflow import Workflow
from andon.engine.people import run_of
from andon.engine.runs import WORKFLOW_DIRECTORY, workflow_names, workflow_path


class WorkflowTools(Protocol):
    """What `andon.workflow` offers; given by the composition root."""

    def load(self, text: str, name: str) -> Workflow: ...
    def problems(self, text: str, name: str) -> list[dict[str, Any]]:
        """All problems of parsing, compiling and lint: rule, severity, file, line, column, message, next."""
        ...

    def mermaid(self, text: str, name: str) -> str: ...
    def svg(self, workflow: Workflow, states: dict[str, str] | None) -> str: ...
    def imported(self, text: str, file: str, name: str) -> dict[str, Any]:
        """A DOT pipeline as a workflow: text (None when none lints), carried, findings, added."""
        ...


def read_source(root: str | None, name: str) -> tuple[str, str]:
    """(text, path shown) of a workflow given by name or by file path."""
    candidates = [name] if name.endswith(".md") or os.sep in name else []
    if root is not None:
        candidates.append(os.path.join(root, workflow_path(name)))
    for path in candidates:
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read(), os.path.relpath(path, root) if root and path.startswith(root) else path
    there = ", ".join(all_names(root)) or "none"
    raise AndonError(
        f"there is no workflow {name} (there: {there})",
        kind="unknown_workflow",
        next="give a name or a path to a .md file",
        exit=EXIT_USAGE,
    )


def all_names(root: str | None) -> list[str]:
    """The names of the workflow files of the working tree."""
    directory = os.path.join(root or "", WORKFLOW_DIRECTORY)
    if root is None or not os.path.isdir(directory):
        return []
    return sorted(name.removesuffix(".md") for name in os.listdir(directory) if name.endswith(".md"))


def lint(tools: WorkflowTools, root: str | None, names: list[str]) -> tuple[int, dict[str, Any]]:
    """Problems of all named workflows (default: all). Exit 1 when any is an error."""
    wanted = names or all_names(root)
    if not wanted:
        text = f"there are no workflow files under {WORKFLOW_DIRECTORY}/"
        raise AndonError(text, kind="no_workflows", next="andon init", exit=EXIT_USAGE)
    items: list[dict[str, Any]] = []
    for name in wanted:
        text, shown = read_source(root, name)
        for problem in tools.problems(text, os.path.basename(shown).removesuffix(".md")):
            items.append({**problem, "file": shown})
    errors = sum(1 for item in items if item["severity"] == "error")
    body = {"ok": errors == 0, "workflows": wanted, "items": items, "errors": errors}
    return (EXIT_NO if errors else EXIT_YES), body


def compile_one(tools: WorkflowTools, root: str | None, name: str) -> dict[str, Any]:
    text, shown = read_source(root, name)
    workflow = tools.load(text, os.path.basename(shown).removesuffix(".md"))
    return {"ok": True, "digest": workflow.digest(), "workflow": msgspec.to_builtins(workflow)}


def graph(
    tools: WorkflowTools, services: Any, root: str | None, *, name: str | None, form: str, run: str | None
) -> dict[str, Any]:
    """Mermaid or SVG; with a run its pinned workflow, coloured by where the run is."""
    if run:
        state = run_of(services, run)
        with services.store.read() as reader:
            workflow = services.engine.definitions.get(reader, state.workflow)
        if form != "svg":
            raise AndonError("the graph of a run is drawn as SVG", kind="usage", next="--format svg", exit=EXIT_USAGE)
        return {"ok": True, "format": form, "graph": tools.svg(workflow, step_states(state))}
    names = [name] if name else all_names(root)[:1]
    if not names:
        raise AndonError("there is no workflow to draw", kind="no_workflows", next="andon init", exit=EXIT_USAGE)
    text, shown = read_source(root, names[0])
    label = os.path.basename(shown).removesuffix(".md")
    drawn = tools.svg(tools.load(text, label), None) if form == "svg" else tools.mermaid(text, label)
    return {"ok": True, "format": form, "graph": drawn}


def step_states(run: s.Run) -> dict[str, str]:
    """step -> done | running | ready | waiting | red, for colouring a graph."""
    states = {note.step: "done" for note in run.notes}
    words = {s.READY: "ready", s.LEASED: "running", s.WAITING: "waiting", s.BLOCKED: "red"}
    states.update({step.step: words[step.state] for step in run.active.values()})
    return states


__all__ = ["WorkflowTools", "all_names", "compile_one", "graph", "lint", "read_source", "step_states", "workflow_names"]
