"""Workflow files: reading, checking, compiling and drawing them.

    parsed = workflow.parse(text, "feature")      # never raises; parsed.workflow, .diagram, .problems, .positions
    problems = workflow.lint(parsed)              # all problems, of reading and of the rules
    compiled = workflow.load(text, "feature")     # or UsageError kind "bad_workflow"
    mermaid = workflow.graph(parsed)              # the diagram as Mermaid
    schema = workflow.json_schema()               # JSON Schema of the compiled form

Importing this package costs nothing; each function imports what it needs. Must not know: git, stores, runs.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from andon.core.workflow import Workflow
    from andon.workflow.compile import Parsed
    from andon.workflow.problems import Problem

__all__ = ["errors", "graph", "json_schema", "lint", "load", "parse"]

MAX_SHOWN = 20


def parse(text: str, name: str) -> Parsed:
    """Read a workflow file. name: the workflow's name, or the path of its file, which problems then name.

    Never raises for what the text holds. `workflow` is None when there is an error among `problems`.
    """
    from andon.workflow.compile import parse as read

    return read(text, name)


def lint(parsed: Parsed) -> tuple[Problem, ...]:
    """All problems, of reading and of the lint rules, in the order of the file. Only errors make lint red."""
    from andon.workflow.linter import lint as check

    return check(parsed)


def errors(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """The problems that make lint red and keep a workflow from being loaded."""
    return tuple(problem for problem in problems if problem.severity == "error")


def load(text: str, name: str) -> Workflow:
    """The compiled workflow of a file that passes lint (warnings are allowed).

    Raises UsageError kind "bad_workflow"; its message lists `file:line:col: rule-id message` lines (law 4).
    """
    from andon.core.errors import UsageError

    parsed = parse(text, name)
    found = errors(lint(parsed))
    if parsed.workflow is not None and not found:
        return parsed.workflow
    shown = [problem.text() for problem in found[:MAX_SHOWN]]
    if len(found) > MAX_SHOWN:
        shown.append(f"… and {len(found) - MAX_SHOWN} more")
    message = "\n".join([f"workflow {parsed.name} has {len(found)} error(s):", *shown])
    raise UsageError(message, kind="bad_workflow", next=f"fix them; andon workflow lint {parsed.file} shows all")


def graph(parsed: Parsed) -> str:
    """The diagram as Mermaid; reading it again gives the same diagram. Raises UsageError when there is none."""
    from andon.core.errors import UsageError
    from andon.workflow.mermaid_out import print_mermaid

    if parsed.diagram is None:
        raise UsageError(
            f"{parsed.file} has no diagram that can be read",
            kind="bad_workflow",
            next=f"andon workflow lint {parsed.file}",
        )
    return print_mermaid(parsed.diagram)


def json_schema() -> dict[str, object]:
    """JSON Schema (2020-12) of the compiled workflow, as published in `workflow.schema.json`."""
    from andon.workflow.schema import json_schema as build

    return build()
