"""Lint of conditions: every CEL text compiles and gives a boolean, with the place inside the file.

Rule `condition-type`. The names and types are those of `andon.core.figures`, which gates use to evaluate. CEL is
imported only when there is something to check. Must not know: how conditions are evaluated.
"""

from __future__ import annotations

import re

from andon.core import figures
from andon.core import workflow as w
from andon.workflow.problems import At, did_you_mean, shown
from andon.workflow.rules import Subject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_CHARACTERS = 2000
"""The library itself bounds nesting."""
RULE = "condition-type"

_ERROR = re.compile(r"ERROR: [^:]*:(-?\d+):(-?\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_NUMBERS = re.compile(r"no matching overload for '_([<>=!]+)_' applied to '\((double, int|int, double)\)'")


def conditions(subject: Subject) -> None:
    """Check every `require` and every condition out of a choice."""
    environments: dict[str, Any] = {}
    for gate in subject.workflow.gates.values():
        if isinstance(gate, w.RunGate) and gate.require is not None:
            report = gate.report.format if gate.report else None
            variables = figures.require_variables(report)
            at = subject.at(f"gate:{gate.id}.require", f"gate:{gate.id}")
            _check(subject, environments, report or "none", variables, gate.require, at)
    choices = {name for name, kind in subject.workflow.pseudo.items() if kind == "choice"}
    for number, edge in enumerate(subject.workflow.edges):
        if edge.source in choices and edge.condition is not None:
            at = subject.at(f"edge:{number}.label")
            _check(subject, environments, "choice", figures.choice_variables(), edge.condition, at)


def _check(
    subject: Subject, environments: dict[str, Any], key: str, variables: dict[str, str], text: str, at: At
) -> None:
    if len(text) > MAX_CHARACTERS:
        subject.error(RULE, at, f"the condition is longer than {MAX_CHARACTERS} characters")
        return
    from cel_expr_python import cel

    if key not in environments:
        environments[key] = cel.NewEnv(variables=figures.declare(variables, cel.Type))
    try:
        compiled = environments[key].compile(text)
    except (RuntimeError, TypeError, ValueError) as error:
        _report(subject, text, at, str(error), variables)
        return
    kind = compiled.return_type().name()
    if kind not in ("BOOL", "DYN"):
        subject.error(
            RULE,
            at,
            f"the condition `{shown(text)}` gives {kind.lower()}, not true or false",
            "compare it with something",
        )


def _report(subject: Subject, text: str, at: At, error: str, variables: dict[str, str]) -> None:
    match = _ERROR.search(error)
    if match is None:
        subject.error(RULE, at, f"not a condition: {shown(error, 160)}")
        return
    place = _inside(subject, text, at, int(match[1]), int(match[2]))
    message = match[3].replace(" (in container '')", "")
    advice = ""
    if unknown := _UNDECLARED.search(message):
        word = unknown[1]
        advice = did_you_mean(word, variables) or _known(variables)
        message = f"there is no `{shown(word)}` here"
    elif numbers := _NUMBERS.search(message):
        message = f"`{numbers[1]}` compares a fraction with a whole number"
        advice = "write the number with a decimal point, such as 0.8 or 80.0"
    subject.error(RULE, place, f"in the condition `{shown(text)}`: {shown(message, 200)}", advice)


def _known(variables: dict[str, str]) -> str:
    names = [name for name in variables if not name.startswith(figures.BASE)]
    based = ", and each with `base.`" if len(names) < len(variables) else ""
    return f"known: {', '.join(names)}{based}"


def _inside(subject: Subject, text: str, at: At, line: int, column: int) -> At:
    """The place in the file of a place in the condition, if the condition stands there as it is; else its start.

    CEL counts code points, as Python does.
    """
    wanted = text.split("\n")
    if not 1 <= line <= len(wanted):
        return at
    number = at[0] + line - 1
    if number > len(subject.lines):
        return at
    if not subject.lines[number - 1].startswith(wanted[line - 1], at[1] - 1):
        return at
    return number, at[1] + min(column, len(wanted[line - 1]) + 1) - 1
