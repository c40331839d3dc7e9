"""Many replications, and what they say: means with 95 % confidence intervals, the bottleneck, and the price.

Rules: an interval is Student's t over the replications' own figures (each median or 90th percentile is one figure). The body
is plain JSON; every number in it is rounded, so that it is the same everywhere.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from andon.core.forecast.model import Model
from andon.core.forecast.simulate import Choose, Simulation
from andon.core.forecast.spread import Uniform
from andon.core.forecast.tally import TICKS, Tally

MAX_TASKS = 100_000
MAX_RUNS = 1000
MAX_WORK = 2_000_000
"""Tasks times replications."""
MAX_WORKERS = 10_000
BUSY_SHARE = 0.8
"""A resource used more than this is what holds the others up."""
Z_975 = 1.959963984540054
SMALL_T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365}
TIMES = tuple(f"{name}_{word}_s" for name in ("task", "run") for word in ("mean", "median", "p90"))
"""Figures that only a replication in which something landed has."""
Figures = dict[str, float]
Draws = Callable[[int, int], Uniform]
"""(replication, task) -> its generator."""


class Crew(Struct, frozen=True, kw_only=True):
    """How many workers play each role; under "" those that play any."""

    counts: dict[str, int]

    @property
    def size(self) -> int:
        return sum(self.counts.values())

    def workers(self) -> list[frozenset[str] | None]:
        return [frozenset({role}) if role else None for role, count in self.counts.items() for _ in range(count)]


class Played(Struct, frozen=True, kw_only=True):
    """figures: of each replication. blocked: reasons over all of them."""

    model: Model
    crew: Crew
    tasks: int
    figures: list[Figures]
    blocked: dict[str, int]


def play(model: Model, crew: Crew, tasks: int, runs: int, draws: Draws, choose: Choose) -> Played:
    """All replications."""
    figures: list[Figures] = []
    blocked: Counter[str] = Counter()
    for replication in range(runs):
        tally = Simulation(model, crew.workers(), partial(draws, replication), choose).run(tasks)
        blocked.update(tally.blocked)
        figures.append(_figures(model, crew, tasks, tally))
    return Played(model=model, crew=crew, tasks=tasks, figures=figures, blocked=dict(blocked))


# ---------------------------------------------------------------- one replication


def percentile(ordered: Sequence[float], share: float) -> float:
    """Linear between the nearest ranks; 0 of nothing."""
    if not ordered:
        return 0.0
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _figures(model: Model, crew: Crew, tasks: int, tally: Tally) -> Figures:
    length = max(tally.now, 1)
    done = len(tally.task_times)
    figures: Figures = {
        "finished": done,
        "throughput_per_hour": done * 3600.0 * TICKS / max(tally.last_end, 1) if done else 0.0,
        "length_s": length / TICKS,
        "needs_person": sum(tally.blocked.values()),
        "visits_per_task": sum(x.visits for x in tally.steps.values()) / tasks,
        "tokens": tally.tokens,
        "verifications": sum(x.verifications for x in tally.steps.values()),
        "agent_hours": sum(tally.worked) / TICKS / 3600.0,
        "worker_utilisation": sum(tally.worked) / (len(tally.worked) * length),
    }
    for name, times in (("task", tally.task_times), ("run", tally.run_times)) if done else ():
        ordered = sorted(times)
        for word, share in (("median", 0.5), ("p90", 0.9)):
            figures[f"{name}_{word}_s"] = percentile(ordered, share) / TICKS
        figures[f"{name}_mean_s"] = sum(times) / done / TICKS
    ordered = sorted(tally.hook_waits)
    figures["hook_mean_s"], figures["hook_p90_s"] = (
        sum(ordered) / max(len(ordered), 1) / TICKS,
        percentile(ordered, 0.9) / TICKS,
    )
    begin = 0
    for role, count in crew.counts.items():
        figures[f"utilisation:{role}"] = sum(tally.worked[begin : begin + count]) / (count * length)
        begin += count
    for step in model.steps.values():
        seen = tally.steps[step.id]
        ordered = sorted(seen.waits)
        figures |= {
            f"{step.id}:wait_mean_s": sum(ordered) / max(len(ordered), 1) / TICKS,
            f"{step.id}:wait_p90_s": percentile(ordered, 0.9) / TICKS,
            f"{step.id}:visits": seen.visits / tasks,
            f"{step.id}:attempts": seen.attempts / tasks,
            f"{step.id}:red": seen.red / tasks,
            f"{step.id}:verifications": seen.verifications / tasks,
            f"{step.id}:busy_share": seen.busy / length,
            f"{step.id}:delay_s": seen.delay / tasks / TICKS,
        }
    return figures


# ---------------------------------------------------------------- over the replications


def t_975(degrees: int) -> float:
    """The 97.5th percentile of Student's t (a table for few degrees, then the Cornish-Fisher expansion)."""
    if degrees in SMALL_T:
        return SMALL_T[degrees]
    z = Z_975
    terms = (
        (z**3 + z) / (4 * degrees),
        (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2),
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * degrees**3),
    )
    return z + sum(terms)


def interval(values: Sequence[float]) -> dict[str, float | None]:
    """Mean, and the bounds of its 95 % confidence interval; None with one replication, which says nothing about that.

    Of no values nothing is known: a time of tasks of which none landed is not 0.
    """
    if not values:
        return {"mean": None, "low": None, "high": None}
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return {"mean": rounded(mean), "low": None, "high": None}
    deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in values) / (len(values) - 1))
    half = t_975(len(values) - 1) * deviation / math.sqrt(len(values))
    return {"mean": rounded(mean), "low": rounded(max(mean - half, 0.0)), "high": rounded(mean + half)}


def rounded(value: float) -> float:
    """Six significant digits; what comes after is another machine's logarithm."""
    return float(f"{value:.6g}")


def _mean(played: Played, name: str) -> float:
    return math.fsum(x[name] for x in played.figures) / len(played.figures)


def summary(played: Played) -> dict[str, Any]:
    """The figures of a forecast as JSON."""
    names = dict.fromkeys((*TIMES, *played.figures[0]))
    of = {name: interval([x[name] for x in played.figures if name in x]) for name in names}
    runs = len(played.figures)
    body: dict[str, Any] = {
        name: of[name]
        for name in ("throughput_per_hour", "length_s", "finished", "needs_person", "visits_per_task", "agent_hours")
    }
    body["task_s"] = {word: of[f"task_{word}_s"] for word in ("mean", "median", "p90")}
    body["run_s"] = {word: of[f"run_{word}_s"] for word in ("mean", "median", "p90")}
    body["hook_wait_s"] = {word: of[f"hook_{word}_s"] for word in ("mean", "p90")}
    body["tokens"], body["verifications"] = of["tokens"], of["verifications"]
    price = played.model.price
    body["money"] = interval([x["tokens"] * price / 1e6 for x in played.figures]) if price is not None else None
    roles = {role or "any": of[f"utilisation:{role}"] for role in played.crew.counts}
    lands = {f"lead at {x.id}": of[f"{x.id}:busy_share"] for x in played.model.steps.values() if x.kind == "land"}
    body["utilisation"] = {"workers": of["worker_utilisation"], "roles": roles, "lead": lands}
    body["steps"] = [
        {
            "step": step.id,
            "kind": step.kind,
            "role": step.role or None,
            "wait_s": {"mean": of[f"{step.id}:wait_mean_s"], "p90": of[f"{step.id}:wait_p90_s"]},
            **{
                name: of[f"{step.id}:{name}"]
                for name in ("visits", "attempts", "red", "verifications", "busy_share", "delay_s")
            },
        }
        for step in played.model.steps.values()
    ]
    body["bottleneck"] = bottleneck(played)
    body["reasons"] = [
        {"reason": reason, "share": rounded(count / (runs * played.tasks))}
        for reason, count in sorted(played.blocked.items(), key=lambda x: (-x[1], x[0]))
    ]
    return body


def bottleneck(played: Played) -> dict[str, str]:
    """The step that holds the others up, and why: the busiest step of the busiest resource, or where the time goes."""
    steps = played.model.steps.values()
    used = {role: _mean(played, f"utilisation:{role}") for role in played.crew.counts}
    lands = {x.id: _mean(played, f"{x.id}:busy_share") for x in steps if x.kind == "land"}
    land = max(lands, key=lambda x: lands[x], default="")
    role = max(used, key=lambda x: used[x])
    if land and lands[land] >= max(used[role], BUSY_SHARE):
        return {"step": land, "why": f"the lead is busy {lands[land]:.0%} of the time; more workers land no more"}
    worked = [x for x in steps if x.kind in ("agent", "fanout", "workflow", "command") and _is_for(x.role, role)]
    if used[role] >= BUSY_SHARE and worked:
        first = max(worked, key=lambda x: _mean(played, f"{x.id}:busy_share"))
        total = math.fsum(_mean(played, f"{x.id}:busy_share") for x in worked)
        share = _mean(played, f"{first.id}:busy_share") / total if total else 0.0
        name = f"workers for {role}" if role else "workers"
        return {
            "step": first.id,
            "why": f"{name} are busy {used[role]:.0%} of the time, {share:.0%} of that with this step",
        }
    slow = max(steps, key=lambda x: _mean(played, f"{x.id}:delay_s"))
    total = math.fsum(_mean(played, f"{x.id}:delay_s") for x in steps)
    share = _mean(played, f"{slow.id}:delay_s") / total if total else 0.0
    return {"step": slow.id, "why": f"nobody is short of time; {share:.0%} of a task's time is spent here"}


def _is_for(step_role: str, role: str) -> bool:
    return not role or not step_role or step_role == role
