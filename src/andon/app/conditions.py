"""Conditions out of a choice, evaluated with CEL; the library is imported when there is a choice to make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from andon.core.routing import ConditionError


def evaluate(condition: str, facts: Mapping[str, object]) -> bool:
    """Raises ConditionError unless the result is a boolean (law 4)."""
    from cel_expr_python import cel

    from andon.core.figures import choice_variables, declare

    task = facts["task"]
    values: dict[str, Any] = {key: facts[key] for key in ("outcome", "visits", "figures")}
    if isinstance(task, dict):
        values.update({f"task.{key}": value for key, value in task.items()})
    try:
        environment = cel.NewEnv(variables=declare(choice_variables(), cel.Type))
        result = environment.compile(condition).eval(data=values)
    except Exception as error:
        raise ConditionError(str(error).strip().splitlines()[0]) from error
    if result.type() != cel.Type.BOOL:
        raise ConditionError(f"it gives {result.type().name()}, not a boolean")
    return bool(result.value() is True)
