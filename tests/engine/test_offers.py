"""Overlap is held where it counts: in the transaction that claims, whatever was seen when the work was chosen."""

from __future__ import annotations

from typing import Any

import pytest

from andon.engine.offers import Surroundings
from andon.store.memory import MemoryWriter
from andon.testing.parameters import Parameters
from andon.testing.simulation import simulate


@pytest.mark.parametrize("seed", range(12))
def test_two_agents_that_chose_at_once_do_not_both_get_it(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look outside the transaction sees nothing, as if all others claimed just after it."""
    original = Surroundings.against
    refused = []

    def against(self: Any, *positional: Any, **named: Any) -> str:
        reason = original(self, *positional, **named) if isinstance(self._reader, MemoryWriter) else ""
        refused.append(reason)
        return reason

    monkeypatch.setattr(Surroundings, "against", against)
    outcome = simulate(seed, Parameters(workflow="minimal", tasks=3, workers=3, scoped=1.0, calls=20))
    assert outcome.ok, outcome.violations
    assert refused
