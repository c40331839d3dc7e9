"""Each safeguard switched off is noticed; the summary of the test run says how many seeds it took."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from andon.testing import ABLATIONS, Ablation, simulate, switched_off

MAX_SEEDS = 4000


@pytest.mark.parametrize("ablation", ABLATIONS, ids=lambda ablation: ablation.name.replace(" ", "-"))
def test_a_safeguard_switched_off_is_noticed(
    ablation: Ablation, record_property: Callable[[str, object], None]
) -> None:
    with switched_off(ablation):
        found = next((x for x in map(simulate, range(MAX_SEEDS)) if not x.ok), None)
    assert found is not None, f"{ablation.what}: not noticed in {MAX_SEEDS} seeds; it is not tested"
    record_property("ablation", f"{ablation.name} {found.seed + 1}")
    # The seed is good again once the safeguard is back: the ablation left nothing behind.
    assert simulate(found.seed).ok


def test_every_law_has_a_safeguard_that_is_tested() -> None:
    # 4 is fail closed, 13 the limits; 14 stands for liveness.
    assert {ablation.law for ablation in ABLATIONS} == set(range(1, 15))
    assert len({ablation.name for ablation in ABLATIONS}) == len(ABLATIONS)
