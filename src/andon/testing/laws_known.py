"""What the laws' checkers know of a run, from its events alone. Part of `laws`."""

from __future__ import annotations

from msgspec import Struct, field

from andon.core import events as e
from andon.core import workflow as w
from andon.core.verdict import Submission, Verdict


class Violation(Struct, frozen=True, kw_only=True):
    """A law that did not hold. law: its number. at: virtual seconds since the simulation began."""

    law: int
    text: str
    at: float

    def __str__(self) -> str:
        return f"law {self.law} at {self.at:.0f} s: {self.text}"


class Held(Struct, kw_only=True):
    """A lease as the events tell it."""

    token: int
    agent: str
    expires_at: float
    ends_at: float = float("inf")
    """when its session is over"""


class Known(Struct, kw_only=True):
    """What is known of a run."""

    id: str
    task: str
    target: str
    workflow: w.Workflow
    base: str = ""
    scope: tuple[str, ...] = ()
    parent: str = ""
    token: int = 0
    held: dict[str, Held] = field(default_factory=dict)
    lane: dict[str, str] = field(default_factory=dict)
    hands: set[str] = field(default_factory=set)
    """people who wrote in an agent's place"""
    submitted: dict[str, Submission] = field(default_factory=dict)
    green: dict[str, tuple[Verdict, ...]] = field(default_factory=dict)
    """the last judgement of each step, if it was green"""
    closed: set[str] = field(default_factory=set)
    """the trees that the last judgement called red"""
    playing: dict[str, str] = field(default_factory=dict)
    """the role in which each step was claimed"""
    roles: dict[str, set[str]] = field(default_factory=dict)
    """who did something in each role; a claim given up without a trace is not an act"""
    reviews: list[e.ReviewRecorded] = field(default_factory=list)
    approvals: list[e.ApprovalRecorded | e.RejectionRecorded] = field(default_factory=list)
    heard: int = 0
    """so many of them were there when the landing that is under way was decided"""
    waivers: list[e.GateWaived] = field(default_factory=list)
    findings: dict[str, tuple[str, str]] = field(default_factory=dict)
    """open blocking findings: who raised each, and in which role"""
    raised: dict[str, tuple[str, str]] = field(default_factory=dict)
    parked: dict[str, tuple[str, float | None]] = field(default_factory=dict)
    """the question that each step waits for, and when that is void"""
    attempts: dict[str, int] = field(default_factory=dict)
    due: dict[str, float | None] = field(default_factory=dict)
    entered: dict[str, float] = field(default_factory=dict)
    red: dict[int, int] = field(default_factory=dict)
    """red judgements under each lease"""
    prepared: e.LandingPrepared | None = None
    landed: str = ""
    ended: str = ""
    count: int = 0
