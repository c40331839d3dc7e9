"""Seeded randomness in separate streams, so that a change in one part of a simulation does not shuffle the others."""

from __future__ import annotations

from random import Random


class Streams:
    """Independent generators that follow from one seed, whatever PYTHONHASHSEED is."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.setup = Random(f"{seed}/setup")
        self.schedule = Random(f"{seed}/schedule")
        self.network = Random(f"{seed}/network")
        self.faults = Random(f"{seed}/faults")
        self.content = Random(f"{seed}/content")
        self.rewrites = Random(f"{seed}/rewrites")
