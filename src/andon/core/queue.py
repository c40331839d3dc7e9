"""The order among ready work, and how much of it one agent or role may hold: what `next` offers first.

Theory of operation. Work is ordered by its level: its priority, less one for each ageing time that it has waited. New
work has a level of at least 0 and waiting work sinks without end, so nothing waits for ever, whatever comes in (a
starved candidate would need more urgent ones to arrive for ever). Among equals the campaign with the fewest leases goes
first (the label `campaign:NAME`; work of no campaign is one of its own), then steps of runs under way before tasks that
have not begun, then what has waited longest. A step whose children are candidates too comes after all of them, whatever
its level: whoever took it could only wait for them, and a pool of workers that all wait does nothing for ever.
Given the same candidates the order is always the same.
Must not know: the store, scopes, clocks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

CAMPAIGN = "campaign:"
"""The prefix of the label that names a task's campaign."""


class Candidate(Struct, frozen=True, kw_only=True):
    """Ready work. run, step: "" for a task that would start a run. since: from when it has waited. number: of the id.

    below: the runs whose steps made it, or made those that did, the nearest first.
    """

    task: str
    run: str = ""
    step: str = ""
    role: str = ""
    priority: int
    since: float
    number: int = 0
    place: int = 0
    labels: tuple[str, ...] = ()
    below: tuple[str, ...] = ()


class Held(Struct, frozen=True, kw_only=True):
    """A step of an agent under lease."""

    task: str
    agent: str
    role: str = ""
    labels: tuple[str, ...] = ()


class Limits(Struct, frozen=True, kw_only=True):
    """None: no such limit. per_role: role -> the most steps of it under lease at a time."""

    per_agent: int | None = None
    per_role: Mapping[str, int] = {}


def campaign_of(labels: Sequence[str]) -> str:
    """The name of the campaign that the first such label gives; "" for none."""
    for label in labels:
        if label.startswith(CAMPAIGN):
            return label.removeprefix(CAMPAIGN)
    return ""


def level(candidate: Candidate, now: float, ageing_s: float) -> int:
    """How urgent it is by now: the lower, the more. ageing_s 0: waiting changes nothing."""
    waited_s = max(0.0, now - candidate.since)
    return candidate.priority - (int(waited_s // ageing_s) if ageing_s > 0 else 0)


def in_order(candidates: Iterable[Candidate], held: Iterable[Held], now: float, ageing_s: float) -> list[Candidate]:
    """The candidates, the one to offer first at the beginning."""
    leases = Counter(campaign_of(x.labels) for x in held)

    def key(candidate: Candidate) -> tuple[int, int, bool, float, int, int]:
        return (
            level(candidate, now, ageing_s),
            leases[campaign_of(candidate.labels)],
            not candidate.run,
            candidate.since,
            candidate.number,
            candidate.place,
        )

    return _children_first(sorted(candidates, key=key))


def _children_first(ordered: list[Candidate]) -> list[Candidate]:
    """The same order, but each after the last one that is below its run."""
    if not any(candidate.below for candidate in ordered):
        return ordered
    last: dict[str, int] = {}
    places: dict[int, tuple[int, int]] = {}
    deepest_first = sorted(range(len(ordered)), key=lambda number: -len(ordered[number].below))
    for number in deepest_first:
        candidate = ordered[number]
        place = max(number, last.get(candidate.run, 0))
        places[number] = (place, -len(candidate.below))
        for run in candidate.below:
            last[run] = max(place, last.get(run, 0))
    return [ordered[number] for number in sorted(range(len(ordered)), key=lambda number: (*places[number], number))]


def agent_is_full(agent: str, held: Iterable[Held], limits: Limits) -> str:
    """Why this agent may take no more now; "" when it may."""
    if limits.per_agent is None:
        return ""
    own = sum(x.agent == agent for x in held)
    if own < limits.per_agent:
        return ""
    return f"{agent} holds {_steps(own)}, and next.per_agent is {limits.per_agent}: finish or release one first"


def role_is_full(role: str, held: Iterable[Held], limits: Limits) -> str:
    """Why no more steps of this role may be taken now; "" when they may."""
    most = limits.per_role.get(role)
    if most is None:
        return ""
    now = sum(x.role == role for x in held)
    return "" if now < most else f"{_steps(now)} of role {role} under lease, and next.per_role.{role} is {most}"


def _steps(count: int) -> str:
    return f"{count} step{'' if count == 1 else 's'}"
