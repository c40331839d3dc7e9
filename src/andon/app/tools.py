"""The workflow package behind the engine's `WorkflowTools`."""

from __future__ import annotations

from typing import Any

from andon.core.workflow import Workflow


class Tools:
    """Parsing, lint and drawing of workflow files."""

    def load(self, text: str, name: str) -> Workflow:
        from andon import workflow

        return workflow.load(text, name)

    def problems(self, text: str, name: str) -> list[dict[str, Any]]:
        import msgspec

        from andon import workflow

        parsed = workflow.parse(text, name)
        found: list[dict[str, Any]] = [msgspec.to_builtins(problem) for problem in workflow.lint(parsed)]
        return found

    def mermaid(self, text: str, name: str) -> str:
        from andon import workflow

        return workflow.graph(workflow.parse(text, name))

    def imported(self, text: str, file: str, name: str) -> dict[str, Any]:
        import msgspec

        from andon.workflow.dot import import_pipeline

        found: dict[str, Any] = msgspec.to_builtins(import_pipeline(text, file, name))
        return found

    def svg(self, workflow: Workflow, states: dict[str, str] | None) -> str:
        from andon.workflow.svg import render_svg

        return render_svg(workflow, states=states)
