"""CEL conditions of gates: compiled with the types of `core.figures`, true only on the boolean true.

An error in a condition, a name without a value, or any result but a boolean is a `ConditionError`, never a yes (law 4).
Must not know reports or gates; the values come in by name. The CEL library is imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from andon.core.figures import declare, require_variables
from andon.gates.identity import asks_for_base, asks_for_change

if TYPE_CHECKING:
    from collections.abc import Mapping


class ConditionError(Exception):
    """The condition is wrong, or could not be answered; the text says why and where."""


class Condition:
    """A compiled `require`. names: the figures it mentions, in alphabetical order."""

    def __init__(self, expression: str, report_format: str | None) -> None:
        from cel_expr_python import cel

        self.expression = expression
        self.report_format = report_format
        variables = require_variables(report_format)
        self._cel = cel
        try:
            environment = cel.NewEnv(variables=declare(variables, cel.Type))
            self._compiled = environment.compile(expression)
        except Exception as error:
            raise ConditionError(_plain(str(error))) from error
        if self._compiled.return_type() not in (cel.Type.BOOL, cel.Type.DYN):
            raise ConditionError(f"it gives {self._compiled.return_type().name()}, not a boolean")
        self.names = tuple(sorted(name for name in variables if _mentions(expression, name)))

    @property
    def uses_base(self) -> bool:
        """Whether figures of the base are asked for."""
        return asks_for_base(self.expression)

    @property
    def uses_changed(self) -> bool:
        """Whether figures of the changed lines are asked for."""
        return asks_for_change(self.expression) and self.report_format == "coverage"

    @property
    def uses_exit(self) -> bool:
        """Whether the condition judges the exit code itself."""
        return "exit" in self.names

    def holds(self, values: Mapping[str, Any]) -> bool:
        """The answer. Raises ConditionError for anything but true or false."""
        try:
            result = self._compiled.eval(data=dict(values))
        except Exception as error:
            raise ConditionError(_plain(str(error))) from error
        if result.type() != self._cel.Type.BOOL:
            raise ConditionError(f"it gives {result.type().name()}: {_plain(str(result.value()))}")
        return result.value() is True

    def shown(self, values: Mapping[str, Any]) -> str:
        """The figures that decided, as "tests 3, base.tests 5"; for the summary of a red gate."""
        told = [(name, values[name]) for name in self.names if isinstance(values.get(name), (int, float))]
        return ", ".join(f"{name} {value:g}" for name, value in told)


def _mentions(expression: str, name: str) -> bool:
    import re

    # Text in quotes is not a name; "report.exit" is not the figure "exit".
    bare = re.sub(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'", '""', expression)
    return re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", bare) is not None


def _plain(text: str) -> str:
    """The library's message without its frame: "column 9: undeclared reference to 'foo'"."""
    import re

    line = text.strip().splitlines()[0] if text.strip() else "no reason given"
    if found := re.search(r"ERROR: <input>:(\d+):(\d+): (.*)", line):
        where = f"column {found[2]}" if found[1] == "1" else f"line {found[1]}, column {found[2]}"
        return f"{where}: {found[3]}"
    return re.sub(r"^[A-Z_]+: ", "", line)
