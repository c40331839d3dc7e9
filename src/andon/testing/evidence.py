"""Evidence in simulations: nothing is signed, but it is kept, lost and missed as the real one is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from andon.core import workflow as w
from andon.ports import EvidenceEntry, LandingFacts, SealedVerdicts

if TYPE_CHECKING:
    from andon.testing.process import Process


class SimulatedEvidence:
    """The port `Evidence`. What is kept stands in the world, as the evidence reference stands in the repository."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._kept = process.world.evidence

    def ensure(self, line: str | None, now: float) -> str:
        self._process.point(changes=line is None)
        return line or "simulated"

    def seal(self, facts: LandingFacts) -> SealedVerdicts:
        content = w.canonical_json(facts.verdicts)
        return SealedVerdicts(facts=facts, content=content, digest=w.digest_of(facts.verdicts), inputs={})

    def summarise(self, sealed: SealedVerdicts, commit: str) -> bytes:
        return " ".join((commit, *sealed.facts.covers)).encode()

    def keep(self, entries: Sequence[EvidenceEntry], now: float) -> None:
        self._process.point(changes=True)
        for one in entries:
            commit, *covers = one.summary.decode().split(" ")
            self._kept[commit] = one.digest
            self._process.world.covered.update(covers)
        self._process.point()

    def rotate(self, now: float) -> str:
        return "simulated"

    def problem(self, line: str | None, now: float) -> str | None:
        return None

    def lacking(self, commits: list[str]) -> list[str]:
        return [commit for commit in commits if commit not in self._kept]

    def described(self) -> list[dict[str, object]]:
        return [{"id": "simulated"}]
