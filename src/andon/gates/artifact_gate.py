"""A file must exist in the tree: of a least size and, if asked, valid against a JSON Schema of the definitions.

The schema is read from the commit that defines the gates, never from the tree that is judged (law 8). A symbolic
link is not a file. Must not know the working tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from andon.core.workflow import ArtifactGate
    from andon.ports import Git

_FILE_MODES = ("100644", "100755")


class CannotTell(Exception):
    """The gate could not be measured; the text says why."""


def judge(gate: ArtifactGate, git: Git, *, tree: str, definitions: str) -> tuple[bool, str]:
    """(holds, summary). Raises CannotTell when the schema is missing or not a schema."""
    schema = _schema(gate.schema, git, definitions) if gate.schema is not None else None
    mode = git.mode_of(tree, gate.path)
    if mode is None:
        return False, f"{gate.path} does not exist"
    if mode not in _FILE_MODES:
        return False, f"{gate.path} is a {'symbolic link' if mode == '120000' else 'submodule'}, not a file"
    content = git.read_file(tree, gate.path)
    if content is None:
        raise CannotTell(f"{gate.path} is in the tree, but its content can't be read")
    if len(content) < gate.min_bytes:
        return False, f"{gate.path} has {len(content)} bytes, at least {gate.min_bytes} are needed"
    if schema is not None:
        problem = _against(schema, content)
        if problem is not None:
            return False, f"{gate.path}: {problem}"
        return True, f"{gate.path} exists ({len(content)} bytes) and is valid"
    return True, f"{gate.path} exists ({len(content)} bytes)"


def _schema(path: str, git: Git, definitions: str) -> Any:
    import json

    content = git.read_file(definitions, path) if definitions else None
    if content is None:
        where = f"commit {definitions[:12]}" if definitions else "none are known"
        raise CannotTell(f"the schema {path} is not among the workflow's definitions ({where})")
    try:
        schema = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CannotTell(f"the schema {path} is not JSON: {error}") from error
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    if not isinstance(schema, (dict, bool)):
        raise CannotTell(f"the schema {path} is not a JSON Schema")
    try:
        kind: Any = validator_for(schema)
        kind.check_schema(schema)
    except SchemaError as error:
        raise CannotTell(f"the schema {path} is not a JSON Schema: {error.message}") from error
    from referencing import Registry

    # An empty registry: references to other documents must not reach for the network.
    return kind(schema, registry=Registry())


def _against(validator: Any, content: bytes) -> str | None:
    import json

    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"
    from referencing.exceptions import Unresolvable

    try:
        errors = sorted(validator.iter_errors(document), key=lambda one: [str(part) for part in one.absolute_path])
    except (Unresolvable, RecursionError) as problem:
        raise CannotTell(f"the schema can't be applied: {problem}") from problem
    if not errors:
        return None
    first = errors[0]
    where = "/".join(str(part) for part in first.absolute_path)
    message = first.message if len(first.message) <= 200 else first.message[:199] + "…"
    return f"{where or 'the document'}: {message}"
