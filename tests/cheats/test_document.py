"""The threat model's table says what the suite proves, and the suite covers every row."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.cheats.table import ATTACKS, DOCUMENT, OPEN, STATES, renewed


def names_asked_for() -> set[str]:
    """The attempts that tests name: in `attack("…")`, and in the table of what may lie in a tree."""
    found: set[str] = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def test_every_row_has_a_test() -> None:
    assert set(ATTACKS) - names_asked_for() == set()


def test_the_document_holds_the_present_table() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == renewed(text), "renew it: PYTHONPATH=src:. python -m tests.cheats.table"


def test_states_are_of_the_three_and_say_why() -> None:
    held = [attack.at(level) for attack in ATTACKS.values() for level in ("sandbox", "process")]
    assert {state for state, _ in held} <= set(STATES)
    assert all(why for _, why in held)


def test_process_is_never_said_to_be_stronger() -> None:
    stronger = [name for name, one in ATTACKS.items() if one.at("sandbox")[0] == OPEN != one.at("process")[0]]
    assert stronger == []
