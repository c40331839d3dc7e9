"""A worker's claim as data: how it was given, and how it ended."""

from __future__ import annotations

import calendar
import time
from typing import Any

from msgspec import Struct

WELL = frozenset({"advanced", "waiting", "reviewed"})
OWN_ENDS = WELL | {"handed_off", "released", "exhausted", "parked"}
"""Ends of a claim that are the agent's own act."""


class Job(Struct, frozen=True, kw_only=True):
    """A claim as `next` gave it. turns, questions: of the claim before, when it was parked. void: its question is."""

    task: str
    run: str
    step: str
    attempt: int
    token: int
    agent: str
    workdir: str
    brief: str
    lease_s: float
    review: bool = False
    role: str = ""
    turns: int = 0
    questions: int = 0
    void: bool = False

    @classmethod
    def of(cls, body: dict[str, Any], agent: str, began: float) -> Job:
        return cls(
            task=body["task"],
            run=body["run"],
            step=body["step"],
            attempt=body["attempt"],
            token=body["lease"]["token"],
            agent=agent,
            workdir=body["workdir"],
            brief=body["brief"],
            lease_s=max(1.0, seconds_of(body["lease"]["expires_at"]) - began),
            review=bool(body.get("review")),
            role=str(body.get("role") or ""),
        )


class Became(Struct, frozen=True, kw_only=True):
    """What became of a claim. how: advanced | waiting | reviewed | handed_off | released | exhausted | lost | blocked |
    parked. outcome: of the step, when it was left."""

    how: str
    outcome: str = ""
    reason: str = ""


class Carried(Struct, frozen=True, kw_only=True):
    """The end of one claim, for people. stops: the worker claims nothing more."""

    task: str
    run: str
    step: str
    agent: str
    attempt: int
    how: str
    outcome: str = ""
    reason: str = ""
    turns: int = 0
    tokens: int = 0
    final_text: str = ""
    log: str = ""
    stops: bool = False
    client_broke: bool = False
    interrupted: bool = False

    @property
    def well(self) -> bool:
        return self.how in WELL

    def described(self) -> dict[str, Any]:
        return {
            "task": self.task,
            "run": self.run,
            "step": self.step,
            "agent": self.agent,
            "attempt": self.attempt,
            "ok": self.well,
            "how": self.how,
            "outcome": self.outcome or None,
            "reason": self.reason or None,
            "turns": self.turns,
            "tokens": self.tokens,
            "final_text": self.final_text[:2000],
            "log": self.log or None,
        }


def seconds_of(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time in UTC."""
    return float(calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")))
