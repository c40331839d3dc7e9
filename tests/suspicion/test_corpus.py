"""Recall and precision on hand-made changes: every cheat is found, no honest look-alike is."""

from __future__ import annotations

import pytest

from andon.suspicion.inspection import RULES, File, inspect
from tests.suspicion import cheats, honest
from tests.suspicion.cheats import Case, Files


def found(files: Files) -> set[str]:
    made = [
        File(
            path=path,
            before=None if before is None else before.encode(),
            after=None if after is None else after.encode(),
        )
        for path, before, after in files
    ]
    return {finding.rule for finding in inspect(made)}


@pytest.mark.parametrize("case", cheats.ALL, ids=[case[0] for case in cheats.ALL])
def test_cheats_are_found(case: Case) -> None:
    name, files, rules = case
    assert rules
    # An emptied test often looks like another sin, too; what matters is that the one it is stands there.
    assert rules <= found(files), (name, found(files))


@pytest.mark.parametrize("case", honest.ALL, ids=[case[0] for case in honest.ALL])
def test_honest_changes_are_left_alone(case: Case) -> None:
    name, files, allowed = case
    assert found(files) - {"nothing-changed"} <= allowed, (name, found(files))


def test_every_rule_has_a_cheat() -> None:
    shown = set().union(
        *(rules for _name, _files, rules in cheats.ALL), *(rules for _name, _files, rules in honest.ALL)
    )
    assert set(RULES) == shown
    assert len(cheats.ALL) + len(honest.ALL) >= 150
