"""The simulator: production core and coordinator in a seeded world where everything may go wrong. Public.

    from andon.testing import simulate
    outcome = simulate(seed=7)          # Outcome: violations of the laws, counts, hash of the trace
    assert outcome.ok, outcome.violations

    python -m andon.testing --seeds 1000            # many seeds; a failing one prints itself
    python -m andon.testing --seed 7 --trace        # one seed again, with all that happened in it
    python -m andon.testing --ablations             # each safeguard switched off: how many seeds until it is noticed
    python -m andon.testing --soak 8h               # fresh seeds for hours

Needs the extra `andon[testing]` (greenlet). `MemoryGit` and `andon.store.memory.MemoryStore` are honest twins of the real
adapters, for tests of programs that use Andon's engine. See docs/discussion/simulation.md.
"""

from andon.testing.ablations import ABLATIONS, Ablation, switched_off
from andon.testing.git import MemoryGit, MemoryRepository
from andon.testing.laws import Violation
from andon.testing.parameters import Parameters
from andon.testing.simulation import Outcome, simulate

__all__ = [
    "ABLATIONS",
    "Ablation",
    "MemoryGit",
    "MemoryRepository",
    "Outcome",
    "Parameters",
    "Violation",
    "simulate",
    "switched_off",
]
