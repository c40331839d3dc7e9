"""The published JSON Schema of the compiled workflow, made from the records themselves.

`python -m andon.workflow.schema` prints it; `workflow.schema.json` beside this file holds that text, and a test keeps
the two the same. Must not know: workflow files.
"""

from __future__ import annotations


def json_schema() -> dict[str, object]:
    """JSON Schema (2020-12) of `andon.core.workflow.Workflow`."""
    import msgspec

    from andon.core.workflow import SCHEMA, Workflow

    made = msgspec.json.schema(Workflow)
    head: dict[str, object] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Andon compiled workflow ({SCHEMA})",
    }
    return {**head, **made}


def schema_text() -> str:
    """The schema as the published file holds it."""
    import json

    return json.dumps(json_schema(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(schema_text())
