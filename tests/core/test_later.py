"""A module that is imported at its first use: what it has is the module's, and what it is, is its own."""

from __future__ import annotations

import copy
import pickle
import sys

from andon.core.later import Later, later

NAME = "this"
"""A module of the standard library that nobody needs."""


def test_it_has_what_its_module_has() -> None:
    assert later("fractions").Fraction(1, 2) * 2 == 1


def test_nothing_is_imported_by_who_copies_it_or_looks_what_it_is() -> None:
    found = later(NAME)
    for same in (copy.copy(found), copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert isinstance(same, Later)
        assert object.__getattribute__(same, "_module") == NAME
    assert not hasattr(found, "__wrapped__")
    assert not hasattr(Later.__new__(Later), "anything")
    assert NAME not in sys.modules
