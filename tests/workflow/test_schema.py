"""The published JSON Schema is that of the records, and compiled files agree with it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

import andon.workflow
from andon import workflow
from andon.workflow.schema import schema_text

PUBLISHED = Path(andon.workflow.__file__).parent / "workflow.schema.json"
COMPILED = sorted((Path(__file__).parent / "golden").glob("*.json"))


def test_the_published_file_is_up_to_date() -> None:
    advice = "run: python -m andon.workflow.schema > src/andon/workflow/workflow.schema.json"
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text(), advice
    jsonschema.Draft202012Validator.check_schema(workflow.json_schema())


@pytest.mark.parametrize("path", COMPILED, ids=lambda path: path.stem)
def test_compiled_files_are_valid(path: Path) -> None:
    validator = jsonschema.Draft202012Validator(workflow.json_schema())
    value = json.loads(path.read_text(encoding="utf-8"))
    assert list(validator.iter_errors(value)) == []
    value["start"] = 3
    assert list(validator.iter_errors(value)) != []
