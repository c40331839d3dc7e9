"""`task import` and `task export` for people: counts, and what was not carried over."""

from __future__ import annotations

from andon.cli.render import Body, Paint

MAX_LINES = 50


def imported(body: Body, paint: Paint) -> str:
    """What was done, then each thing that was kept or not carried over."""
    verb = "would be " if body["dry_run"] else ""
    counts = [
        f"{len(body['added'])} {verb}added",
        f"{len(body['changed'])} {verb}changed",
        f"{body['unchanged']} unchanged",
    ]
    counts += [f"{len(body['cancelled'])} {verb}cancelled"] if body["cancelled"] else []
    counts += [f"{len(body['closed'])} closed there, not imported"] if body["closed"] else []
    lines = [f"{body['format']}: {', '.join(counts)}"]
    lines += _some([f"{x['task']} {x['source']}: {x['title']}" for x in body["added"]])
    lines += _some([f"{x['task']} {x['source']}: {', '.join(x['fields'])} changed" for x in body["changed"]])
    if body["kept"]:
        lines += [paint.head("kept as they are here:")]
        lines += _some([f"{x['task']} {x['source']}: {x['field']}: {x['why']}" for x in body["kept"]])
    if body["not_carried"]:
        lines += [paint.head("not carried over:")]
        lines += _some([f"{x['source']}: {x['field']}: {x['why']}" for x in body["not_carried"]])
    if body["absent"]:
        lines += [f"{len(body['absent'])} tasks of {body['format']} are not in it; they stay as they are"]
    return "\n".join(lines)


def _some(lines: list[str]) -> list[str]:
    shown = [f"  {line}" for line in lines[:MAX_LINES]]
    return shown + ([f"  … and {len(lines) - MAX_LINES} more (--json)"] if len(lines) > MAX_LINES else [])


def exported(body: Body, paint: Paint) -> str:
    return "" if body["file"] == "-" else f"{body['tasks']} tasks written to {body['file']}"
