"""The moving parts of a simulation: workers, runs without content, branches of forks, and visits of steps."""

from __future__ import annotations

from andon.core.forecast.model import StepModel
from andon.core.forecast.spread import Uniform


class Worker:
    """roles: those that it plays; None for all."""

    __slots__ = ("number", "roles")

    def __init__(self, number: int, roles: frozenset[str] | None) -> None:
        self.number = number
        self.roles = roles

    def may_play(self, role: str) -> bool:
        return self.roles is None or not role or role in self.roles


class Lane:
    """The branches of one passage of a fork, which share it. open: how many have not arrived at the join."""

    __slots__ = ("open", "parent")

    def __init__(self, parent: Lane | None, branches: int) -> None:
        self.parent = parent
        self.open = branches


class Job:
    """A task and its run. carried: the worker whose hands it is in between two steps.

    is_new: its first step is being entered. over: ended, or a person is needed."""

    __slots__ = (
        "active",
        "approved",
        "arrived",
        "authors",
        "carried",
        "is_new",
        "number",
        "origin",
        "over",
        "roles",
        "started",
        "tokens",
        "uniform",
        "visits",
        "visits_total",
    )

    def __init__(self, number: int, uniform: Uniform, arrived: int) -> None:
        self.number = number
        self.uniform = uniform
        self.arrived = arrived
        self.started = arrived
        self.visits: dict[str, int] = {}
        self.visits_total = 0
        self.active: set[str] = set()
        self.roles: dict[str, set[int]] = {}
        self.authors: set[int] = set()
        self.approved: set[str] = set()
        self.origin = ""
        self.tokens = 0.0
        self.carried: Worker | None = None
        self.over = False
        self.is_new = False


class Visit:
    """One entry of a step, or (pieces: the whole) one child of a fan-out. held: children that are not offered yet.

    at_fault: of a landing, whether it is red by itself."""

    __slots__ = (
        "at_fault",
        "attempts",
        "entered_at",
        "held",
        "job",
        "lane",
        "left",
        "needed",
        "number",
        "pieces",
        "ready_at",
        "reviewers",
        "reviewing",
        "step",
        "waited",
    )

    def __init__(
        self, job: Job, step: StepModel, lane: Lane | None, entered_at: int, *, pieces: Visit | None = None
    ) -> None:
        self.job = job
        self.step = step
        self.lane = lane
        self.entered_at = entered_at
        self.ready_at = entered_at
        self.number = 0
        self.attempts = 0
        self.reviewing = step.reviewing
        self.reviewers: set[int] = set()
        self.pieces = pieces
        self.held: list[Visit] = []
        self.needed = 0
        self.left = False
        self.waited = False
        self.at_fault = False

    @property
    def is_void(self) -> bool:
        """Whether what its worker brings is not waited for any more."""
        return self.job.over or (self.pieces is not None and self.pieces.left)
