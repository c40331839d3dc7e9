"""A forecast as text for people: the figures first, then the steps, what it rests on, and the comparison asked for."""

from __future__ import annotations

from typing import Any

from andon.cli.plain import clean
from andon.cli.render import Body, Paint, table

Interval = dict[str, Any]


def forecast(body: Body, paint: Paint) -> str:
    """All of it."""
    workers = ", ".join(f"{count} {role}" if role != "any" else f"{count}" for role, count in body["workers"].items())
    lines = [
        paint.head(f"{body['workflow']}: {body['tasks']} tasks, workers: {workers}"),
        f"{body['runs']} replications, seed {body['seed']}; ± is the 95 % confidence interval of a mean",
        "",
        *_figures(body),
        "",
        table(_steps(body), ["STEP", "WAITS", "P90", "VISITS", "ATTEMPTS", "RED", "IN IT"], paint),
        "",
        *_sources(body, paint),
    ]
    if body["what_if"]:
        lines += ["", *_what_if(body["what_if"], paint)]
    return "\n".join(lines)


def _figures(body: Body) -> list[str]:
    used = body["utilisation"]
    busy = [f"workers {_percent(used['workers'])}"]
    if len(used["roles"]) > 1:
        busy += [f"{clean(role)} {_percent(found)}" for role, found in used["roles"].items()]
    busy += [f"{clean(name)} {_percent(found)}" for name, found in used["lead"].items()]
    money = f", {_plain(body['money'])} of money" if body["money"] else ""
    found = body["needs_person"]
    lines = [] if body["finished"]["mean"] else ["NO TASK LANDS: see what needs people, below"]
    lines += [
        f"throughput    {_plain(body['throughput_per_hour'])} tasks an hour; the last ends after {_time(body['length_s'])}",
        f"a task takes  median {_time(body['task_s']['median'])}, p90 {_time(body['task_s']['p90'])} (from when it is there)",
        f"a run takes   median {_time(body['run_s']['median'])}, p90 {_time(body['run_s']['p90'])} (from its first claim)",
        f"on the hook   {_time(body['hook_wait_s']['mean'])} until the first claim, p90 {_time(body['hook_wait_s']['p90'])}",
        f"cost          {_plain(body['tokens'], 3)} tokens, {_plain(body['verifications'])} gate runs,"
        f" {_plain(body['agent_hours'])} hours of agents{money}",
        f"busy          {', '.join(busy)}",
        f"bottleneck    {clean(body['bottleneck']['step'])}: {clean(body['bottleneck']['why'])}",
        f"needs people  {_plain(found)} of {body['tasks']} runs",
    ]
    lines += [f"              {x['share']:.2%}: {clean(x['reason'])}" for x in body["reasons"][:8]]
    return lines


def _steps(body: Body) -> list[list[str]]:
    return [
        [
            x["step"],
            duration(x["wait_s"]["mean"]["mean"]),
            duration(x["wait_s"]["p90"]["mean"]),
            f"{x['visits']['mean']:.2f}",
            f"{x['attempts']['mean']:.2f}",
            f"{x['red']['mean']:.2f}",
            duration(x["delay_s"]["mean"]),
        ]
        for x in body["steps"]
    ]


def _sources(body: Body, paint: Paint) -> list[str]:
    rows = []
    for x in body["sources"]:
        source = x["source"]
        if body["measured"] is not None and source in ("measured", "assumed"):
            source = f"{source} ({x['samples']} samples)"
        rows.append([x["step"], x["what"], x["value"], source])
    lines = [table(rows, ["STEP", "WHAT", "VALUE", "FROM"], paint)]
    if body["measured"] is not None:
        seen = body["measured"]
        lines.append(
            f"measured in {seen['runs']} runs of {seen['versions']} versions of the workflow;"
            f" fewer than {seen['least_samples']} samples count as none"
        )
    return lines


def _what_if(found: Body, paint: Paint) -> list[str]:
    rows = [
        [
            x["value"],
            _plain(x["throughput_per_hour"]),
            _mean(x["task_s"]["median"]),
            _mean(x["task_s"]["p90"]),
            _mean(x["run_s"]["median"]),
            _percent(x["utilisation"]["workers"]),
            f"{x['agent_hours']['mean']:.4g}",
            x["bottleneck"]["step"],
        ]
        for x in found["rows"]
    ]
    head = ["VALUE", "TASKS AN HOUR", "TASK", "TASK P90", "RUN", "WORKERS BUSY", "AGENT HOURS", "BOTTLENECK"]
    return [paint.head(f"What if {clean(found['key'])} is"), table(rows, head, paint)]


def _plain(found: Interval, digits: int = 4) -> str:
    return f"{found['mean']:,.{digits}g}".replace("e+0", "e") + _half(found, lambda x: f"{x:.2g}")


def _percent(found: Interval) -> str:
    return f"{found['mean']:.0%}"


def _time(found: Interval) -> str:
    if found["mean"] is None:
        return "unknown"
    return duration(found["mean"]) + _half(found, duration)


def _mean(found: Interval) -> str:
    return "-" if found["mean"] is None else duration(found["mean"])


def _half(found: Interval, show: Any) -> str:
    if found["high"] is None:
        return ""
    return f" ± {show((found['high'] - found['low']) / 2)}"


def duration(seconds: float) -> str:
    """Seconds in the largest unit that leaves two digits."""
    for unit, size in (("d", 86_400.0), ("h", 3600.0), ("m", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
