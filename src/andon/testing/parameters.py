"""What one simulated world is like: its size, its workflow, and which faults happen how often.

Swarm testing: each seed switches most faults off and gives the others a rate of its own, since a world in which everything
goes wrong at once never gets to the deep states (Groce et al., "Swarm Testing", ISSTA 2012).
"""

from __future__ import annotations

from random import Random

from msgspec import Struct

WORKFLOWS = ("standard", "approved", "consented", "forked", "built", "planned", "minimal")
SWARMS = ("fanned", "raced", "counted", "nested", "handed", "endless", "spawning")
"""those in which work is handed on to children"""


class Parameters(Struct, frozen=True, kw_only=True):
    """Rates are chances from 0 to 1: `switch`, `kill`, `error` at each point of a call, the network's per call."""

    workflow: str = "standard"
    tasks: int = 2
    workers: int = 3
    pleasers: int = 0
    """workers that report success without checking"""
    cheaters: int = 0
    """workers that try what is not theirs to do"""
    leads: int = 1
    calls: int = 40
    """length of the safety phase, in calls"""
    lease_s: float = 600.0
    switch: float = 0.02
    """another call goes first"""
    zombie: float = 0.0
    """such a pause outlives the lease"""
    kill: float = 0.0
    error: float = 0.0
    """a full disk, or a conflict in the store"""
    unmeasured: float = 0.0
    """a gate gives no answer"""
    drop: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.0
    lose_reply: float = 0.0
    skew_s: float = 0.0
    """how far a process's clock may be off"""
    bugs: float = 0.2
    """a worker's edit is wrong"""
    overlap: float = 0.2
    """a worker's edit touches a file that others touch"""
    outsiders: float = 0.0
    """somebody pushes to the target branch between two calls"""
    race: float = 0.0
    """somebody pushes (or the lead stands still) in the very moment in which it moves the branch"""
    people_act: float = 0.3
    corrupt: bool = False
    """one run's record becomes unreadable"""
    flaky: float = 0.0
    """a gate fails on a tree that is good"""
    freezes: float = 0.0
    """a person's act is to freeze the target branch, or to unfreeze it"""
    rush: bool = False
    """many tasks and a lead that comes seldom: submissions wait in line"""
    window: int = 8
    mode: str = "each"
    scoped: float = 0.0
    """a task says what it touches"""
    session: float = 0.0
    """how many leases long a session of an agent's step is; 0: no sessions"""
    rewrites: float = 0.0
    """an outsider words a commit anew that already stands on the target branch, before the next push"""
    own_commits: str = "none"
    """whose children land as their own commits: none | parents (of tasks that nobody's run made) | children | all"""

    @classmethod
    def swarm(cls, random: Random) -> Parameters:
        """Parameters of a seed."""

        def rate(low: float, high: float, chance: float = 0.4) -> float:
            return low * (high / low) ** random.random() if random.random() < chance else 0.0

        return cls(
            workflow=random.choice((*WORKFLOWS, *SWARMS)),
            tasks=random.choice((1, 1, 2, 2, 3)),
            workers=random.choice((1, 2, 2, 3)),
            pleasers=random.choice((0, 0, 1)),
            cheaters=random.choice((0, 0, 1)),
            leads=random.choice((1, 2, 3)),
            calls=random.choice((10, 20, 30, 60)),
            lease_s=random.choice((120.0, 600.0, 1800.0)),
            switch=rate(0.005, 0.15, 0.7),
            zombie=rate(0.05, 0.5, 0.5),
            kill=rate(0.002, 0.03),
            error=rate(0.002, 0.03, 0.3),
            unmeasured=rate(0.02, 0.3, 0.3),
            drop=rate(0.01, 0.1, 0.3),
            duplicate=rate(0.01, 0.2, 0.3),
            delay=rate(0.01, 0.2, 0.3),
            lose_reply=rate(0.01, 0.2, 0.3),
            skew_s=rate(1.0, 900.0, 0.3),
            bugs=rate(0.1, 0.6, 0.7),
            overlap=rate(0.2, 0.9, 0.6),
            outsiders=rate(0.02, 0.2, 0.3),
            race=rate(0.1, 0.5, 0.4),
            people_act=rate(0.2, 0.9, 0.8),
            corrupt=random.random() < 0.1,
            flaky=rate(0.02, 0.4, 0.3),
            freezes=rate(0.1, 0.6, 0.4),
            rush=random.random() < 0.3,
            window=random.choice((1, 2, 8)),
            mode=random.choice(("each", "each", "batch")),
            scoped=rate(0.4, 1.0, 0.5),
            session=random.choice((0.0, 0.0, 0.7, 1.5, 4.0)),
            own_commits=random.choice(("none", "none", "none", "parents", "children", "all", "all")),
            rewrites=rate(0.5, 1.0, 0.6),
        )
