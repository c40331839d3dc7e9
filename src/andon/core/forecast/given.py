"""What a person gives or assumes: lines `KEY = VALUE`, from the command line or a file, checked against the workflow.

Keys: `STEP.duration`, `.fix`, `.tokens`, `.red`, `.lost`, `.answer`, `.width`; of a landing `.window`, `.parallel`, `.mode`,
`.retries`, `.flaky`, too; `STEP.OUTCOME`, the probability of an outcome; `CHOICE.TARGET`, that of a way out of a choice;
`arrivals`, the time between tasks; `price`, of a million tokens.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from andon.core import workflow as w
from andon.core.errors import UsageError
from andon.core.forecast.spread import COUNT_UNITS, DURATION_UNITS, Spread, number_of, spread_of
from andon.core.merge_queue import MODES, RETRIES_MAX, WINDOW_MAX

DURATIONS = frozenset({"duration", "fix", "answer"})
COUNTS = frozenset({"tokens", "width"})
PROBABILITIES = frozenset({"red", "lost", "flaky"})
WHOLES = {"window": (1, WINDOW_MAX), "parallel": (1, WINDOW_MAX), "retries": (0, RETRIES_MAX)}
MODE = "mode"
MAX_PROBABILITY = 0.99
"""Of what is tried again: a certainty of red or lost attempts would never end well."""


class Given(Struct, kw_only=True):
    """By key. spreads: `STEP.what` and `arrivals`. chances: `STEP.red`, `STEP.OUTCOME`, `CHOICE.TARGET`.

    wholes: `STEP.window`, how many landings the lead takes a round; `STEP.parallel`, how many it verifies at once;
    `STEP.retries`, how often it measures a red one again. modes: `STEP.mode`, how it asks.
    price: of a million tokens, None when it was not given.
    """

    spreads: dict[str, Spread] = {}
    chances: dict[str, float] = {}
    wholes: dict[str, int] = {}
    modes: dict[str, str] = {}
    price: float | None = None


def read_lines(text: str, source: str) -> list[tuple[str, str]]:
    """(key, value) of each line of a file; `#` begins a comment. Raises UsageError."""
    pairs = []
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.partition("#")[0].strip()
        if plain:
            pairs.append(pair_of(plain, f"{source}:{number}: "))
    return pairs


def pair_of(text: str, where: str = "") -> tuple[str, str]:
    """KEY=VALUE. Raises UsageError."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise _bad(f"{where}{text!r} is not KEY=VALUE", "for example --assume implement.duration=10m..30m")
    return key.strip(), value.strip()


def given(workflow: w.Workflow, pairs: Iterable[tuple[str, str]]) -> Given:
    """All that was given; a later line replaces an earlier one. Raises UsageError."""
    found = Given(spreads={}, chances={}, wholes={}, modes={})
    for key, value in pairs:
        _take(workflow, found, key, value)
    for node in (*workflow.steps, *workflow.pseudo):
        total = sum(found.chances.get(f"{node}.{name}", 0.0) for name in ways(workflow, node))
        if total > 1.0 + 1e-9:
            raise _bad(f"the probabilities of the ways out of {node} sum to {total:.3g}", "give at most 1 together")
        if total < 1.0 - 1e-6 and all(f"{node}.{name}" in found.chances for name in ways(workflow, node)):
            raise _bad(
                f"the probabilities of all ways out of {node} sum to {total:.3g}", "leave one out, or give 1 together"
            )
    return found


def ways(workflow: w.Workflow, node: str) -> list[str]:
    """The names of the ways out of a node: outcomes of a step, targets of a choice."""
    if node in workflow.pseudo:
        return list(dict.fromkeys(edge.target for edge in workflow.out(node)))
    return list(dict.fromkeys(edge.outcome for edge in workflow.out(node)))


def _take(workflow: w.Workflow, found: Given, key: str, value: str) -> None:
    if key == "arrivals":
        found.spreads[key] = spread_of(key, value, DURATION_UNITS)
        return
    if key == "price":
        found.price = _number(key, value, 0.0, 1e9, "3")
        return
    node, _, what = key.rpartition(".")
    is_step = node in workflow.steps
    if not is_step and workflow.pseudo.get(node) != "choice":
        known = ", ".join([*workflow.steps, *(x for x, kind in workflow.pseudo.items() if kind == "choice")])
        text = f"{key}: workflow {workflow.name} has no step or choice {node or key!r}"
        if not node:
            raise _bad(text, f"name arrivals, price, or STEP.WHAT with one of {known} (--what-if: workers, too)")
        raise _bad(text, f"name one of {known}")
    if is_step and what in DURATIONS:
        found.spreads[key] = spread_of(key, value, DURATION_UNITS)
    elif is_step and what in COUNTS:
        found.spreads[key] = spread_of(key, value, COUNT_UNITS)
    elif is_step and what in PROBABILITIES:
        found.chances[key] = _number(key, value, 0.0, MAX_PROBABILITY, "0.1")
    elif is_step and what in WHOLES:
        least, most = WHOLES[what]
        found.wholes[key] = int(_number(key, value, least, most, str(least)))
    elif is_step and what == MODE:
        if value not in MODES:
            raise _bad(f"{key} = {value!r}: expected {' or '.join(MODES)}", f"for example {key}={MODES[-1]}")
        found.modes[key] = value
    elif what in ways(workflow, node):
        found.chances[key] = _number(key, value, 0.0, 1.0, "0.2")
    else:
        options = sorted({*DURATIONS, *COUNTS, *PROBABILITIES, *WHOLES, MODE}) if is_step else []
        known = ", ".join([*ways(workflow, node), *options])
        raise _bad(f"{key}: {node} has no {what!r}", f"name one of {known}")


def _number(key: str, value: str, least: float, most: float, example: str) -> float:
    number = number_of(value.removesuffix("%"), {})
    if number is not None and value.endswith("%"):
        number /= 100.0
    if number is None or not least <= number <= most:
        raise _bad(f"{key} = {value!r}: expected a number from {least:g} to {most:g}", f"for example {key}={example}")
    return number


def _bad(message: str, following: str) -> UsageError:
    return UsageError(message, kind="bad_input", next=following)
