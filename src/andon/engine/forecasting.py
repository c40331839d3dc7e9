"""`andon workflow simulate`: reads the workflow, what is assumed and what the log measured, and lets the core play.

Rules: random numbers are made here and nowhere else, each task's from (seed, replication, task); the log is read page by page,
going on behind what can't be read. Bad input names what was expected.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from typing import Any

from andon.core import workflow as w
from andon.core.errors import UsageError
from andon.core.forecast import report
from andon.core.forecast.given import Given, given, pair_of, read_lines
from andon.core.forecast.measured import MIN_SAMPLES, Measured
from andon.core.forecast.model import build
from andon.core.forecast.report import Crew
from andon.core.forecast.spread import Uniform
from andon.core.routing import ConditionError, Evaluate
from andon.engine.workflows import WorkflowTools, read_source
from andon.ports import StoredEvent, Unreadable

DEFAULT_TASKS, DEFAULT_RUNS, DEFAULT_SEED = 100, 20, 1
DEFAULT_WORKERS = 6
"""As `andon plan` has it. One alone lands nothing where a reviewer must be another."""
PAGE = 2000
MAX_FILE_BYTES = 1_000_000
MAX_VARIANTS = 20
Pairs = list[tuple[str, str]]
ReadLog = Callable[[int, int], "list[StoredEvent | Unreadable]"]
"""(after, limit) -> the log's next events."""


def simulate(
    tools: WorkflowTools,
    root: str | None,
    cwd: str,
    evaluate: Evaluate,
    read_log: ReadLog | None,
    arguments: Mapping[str, Any],
) -> dict[str, Any]:
    """The body of the reply. read_log: given when the log is to be measured. Raises UsageError."""
    text, shown = read_source(root, arguments["name"])
    workflow = tools.load(text, os.path.basename(shown).removesuffix(".md"))
    pairs = _assumptions(arguments.get("assume") or [], cwd)
    crew = crew_of(workflow, str(arguments.get("workers") or DEFAULT_WORKERS))
    tasks, runs = _sizes(arguments)
    seed = int(arguments.get("seed", DEFAULT_SEED))
    measured = measure(workflow.name, read_log) if read_log is not None else None
    choose = chooser(evaluate)

    def play(told: Given, workers: Crew) -> dict[str, Any]:
        model = build(workflow, told, measured)
        return report.summary(report.play(model, workers, tasks, runs, draws_of(seed), choose))

    told = given(workflow, pairs)
    body: dict[str, Any] = {
        "ok": True,
        "workflow": workflow.name,
        "digest": workflow.digest(),
        "tasks": tasks,
        "workers": {role or "any": count for role, count in crew.counts.items()},
        "seed": seed,
        "runs": runs,
        **play(told, crew),
        "sources": [
            {"step": x.step, "what": x.what, "source": x.source, "value": x.value, "samples": x.samples}
            for x in build(workflow, told, measured).sources
        ],
        "measured": measured_body(measured),
        "what_if": None,
    }
    if wanted := arguments.get("what_if"):
        body["what_if"] = _what_if(workflow, str(wanted), pairs, crew, play)
    return body


def draws_of(seed: int) -> report.Draws:
    """A generator for each task of each replication. Texts seed the Mersenne twister alike on every platform."""

    def draws(replication: int, task: int) -> Uniform:
        return random.Random(f"{seed}/{replication}/{task}").random

    return draws


def chooser(evaluate: Evaluate) -> Callable[[str, str, str, dict[str, int]], str | None]:
    """Decides a choice by its condition where outcome and visits say enough; figures of gates are not known here."""
    known: dict[tuple[str, str, tuple[tuple[str, int], ...]], str | None] = {}

    def choose(_choice: str, condition: str, outcome: str, visits: dict[str, int]) -> str | None:
        key = (condition, outcome, tuple(sorted(visits.items())))
        if key not in known:
            facts = {"outcome": outcome, "visits": visits, "figures": {}, "task": {"priority": 2, "labels": []}}
            try:
                known[key] = "yes" if evaluate(condition, facts) else "no"
            except ConditionError:
                known[key] = None
        return known[key]

    return choose


# ---------------------------------------------------------------- what is put in


def _sizes(arguments: Mapping[str, Any]) -> tuple[int, int]:
    tasks, runs = int(arguments.get("tasks", DEFAULT_TASKS)), int(arguments.get("runs", DEFAULT_RUNS))
    for flag, value, most in (("--tasks", tasks, report.MAX_TASKS), ("--runs", runs, report.MAX_RUNS)):
        if not 1 <= value <= most:
            raise _bad(f"{flag} {value}: expected 1 to {most}", f"for example {flag} {min(most, 20)}")
    if tasks * runs > report.MAX_WORK:
        text = f"{tasks} tasks in {runs} replications are more than {report.MAX_WORK} in all"
        raise _bad(text, "simulate fewer tasks, or fewer --runs")
    return tasks, runs


def _assumptions(words: list[str], cwd: str) -> Pairs:
    """KEY=VALUE, or a file of such lines, in the order in which they are given."""
    pairs: Pairs = []
    for word in words:
        path = os.path.join(cwd, word)
        if "=" in word and not os.path.isfile(path):
            pairs.append(pair_of(word))
            continue
        if not os.path.isfile(path):
            raise _bad(f"--assume {word!r} is neither KEY=VALUE nor a file", "andon workflow simulate --help")
        if os.path.getsize(path) > MAX_FILE_BYTES:
            raise _bad(f"{word} is larger than {MAX_FILE_BYTES} bytes", "give fewer assumptions")
        with open(path, encoding="utf-8", errors="replace") as file:
            pairs += read_lines(file.read(), word)
    return pairs


def crew_of(workflow: w.Workflow, text: str) -> Crew:
    """`8`, or `implementer=4,reviewer=2`, or both (`implementer=4,any=2`). Raises UsageError."""
    counts: dict[str, int] = {}
    for part in text.split(","):
        role, equals, number = part.strip().rpartition("=")
        if equals and role != "any" and role not in workflow.roles:
            known = ", ".join((*workflow.roles, "any"))
            raise _bad(f"--workers: workflow {workflow.name} has no role {role!r}", f"name one of {known}")
        if not number.isdecimal() or len(number) > 6:
            raise _bad(
                f"--workers {text!r}: {part.strip()!r} is no number of workers", "8, or implementer=4,reviewer=2"
            )
        name = "" if role == "any" else role
        counts[name] = counts.get(name, 0) + int(number)
    counts = {role: count for role, count in counts.items() if count}
    crew = Crew(counts=counts)
    if not 1 <= crew.size <= report.MAX_WORKERS:
        raise _bad(f"--workers {text!r}: expected 1 to {report.MAX_WORKERS} in all", "for example --workers 8")
    for step in workflow.steps.values():
        worked = step.kind in ("agent", "fanout", "workflow")
        if worked and "" not in counts and step.role is not None and step.role not in counts:
            raise _bad(f"--workers {text!r}: nobody plays {step.role}, whose step is {step.id}", f"add {step.role}=1")
    return crew


def measure(workflow: str, read_log: ReadLog) -> Measured:
    """Fold the whole log; what can't be read is passed over (law 12)."""
    measured, after = Measured(workflow), 0
    while found := read_log(after, PAGE):
        for stored in found:
            if isinstance(stored, StoredEvent):
                measured.add(stored.stream, stored.event)
        after = found[-1].position
    return measured


def measured_body(measured: Measured | None) -> dict[str, Any] | None:
    if measured is None:
        return None
    return {"runs": measured.runs, "versions": len(measured.versions), "least_samples": MIN_SAMPLES}


# ---------------------------------------------------------------- what if


def _what_if(
    workflow: w.Workflow, text: str, pairs: Pairs, crew: Crew, play: Callable[[Given, Crew], dict[str, Any]]
) -> dict[str, Any]:
    """The same tasks with one thing changed: `workers`, `workers.ROLE`, or any key that --assume takes."""
    key, values = pair_of(text)
    listed = [value.strip() for value in values.split(",")]
    if not 1 <= len(listed) <= MAX_VARIANTS or not all(listed):
        raise _bad(f"--what-if {text!r}: expected 1 to {MAX_VARIANTS} values", "for example --what-if workers=4,8,16")
    rows = []
    for value in listed:
        told, workers = given(workflow, pairs), crew
        if key == "workers":
            workers = crew_of(workflow, value)
        elif key.startswith("workers."):
            role = key.removeprefix("workers.")
            counts = {**{name or "any": count for name, count in crew.counts.items()}, role: value}
            workers = crew_of(workflow, ",".join(f"{name}={count}" for name, count in counts.items()))
        else:
            told = given(workflow, [*pairs, (key, value)])
        body = play(told, workers)
        wanted = (
            "throughput_per_hour",
            "task_s",
            "run_s",
            "utilisation",
            "agent_hours",
            "tokens",
            "money",
            "bottleneck",
        )
        rows.append({"value": value, **{name: body[name] for name in (*wanted, "needs_person")}})
    return {"key": key, "rows": rows}


def _bad(message: str, following: str) -> UsageError:
    return UsageError(message, kind="bad_input", next=following)
