"""A plan as text for people: the waves, the shared places with what to do about them, and how good the plan is."""

from __future__ import annotations

from typing import Any

from andon.cli.plain import clean, file_name, one_line
from andon.cli.render import Paint, table

MAX_ROWS = 200
MAX_SHARED = 20
MAX_ADDED = 60
FILES_SHOWN = 3

Body = dict[str, Any]


def plan(body: Body, paint: Paint) -> str:
    """What `andon plan` prints."""
    if "cleared" in body:
        names = ", ".join(body["cleared"])
        return f"taken out of the plan: {names}" if names else "no task was in a plan"
    if not body["items"] and body["passed_over"]:
        labels = " or ".join(clean(label) for label in body["labels"])
        return f"nothing to plan: none of {body['passed_over']} tasks has the label {labels}; andon task list --status open"
    if not body["items"]:
        return "nothing to plan: no open task; andon task add TITLE"
    parts = [_waves(body, paint), _shared(body, paint), _added(body, paint), _figures(body)]
    return "\n\n".join(part for part in parts if part)


def _waves(body: Body, paint: Paint) -> str:
    items = sorted(body["items"], key=lambda item: item["wave"])
    rows = [
        [
            str(item["wave"]),
            item["task"],
            one_line(item["title"], 40),
            _files(item),
            _why(item),
        ]
        for item in items[:MAX_ROWS]
    ]
    text = table(rows, ["WAVE", "TASK", "TITLE", "FILES", "WHY"], paint)
    return text + (f"\n… and {len(items) - MAX_ROWS} more (--json)" if len(items) > MAX_ROWS else "")


def _files(item: Body) -> str:
    """What it holds, then what else is likely."""
    likely = [f"{x['path']} {round(100 * x['score'])} %" for x in item["predicted"] if x["path"] not in item["holds"]]
    shown = [*item["holds"], *likely]
    more = f" +{len(shown) - FILES_SHOWN}" if len(shown) > FILES_SHOWN else ""
    return file_name(", ".join(shown[:FILES_SHOWN]) + more) or "-"


def _why(item: Body) -> str:
    reason = item["reason"]
    first = [f"waits for {', '.join(item['waits_for'][:3])}, in no plan"] if item["waits_for"] else []
    for one in item["kept_off"][:2]:
        first.append(f"{one['task']} is at work on {file_name(one['path'])}")
    if first:
        # "nothing before it" is said of the plan alone, and would deny what follows.
        reason = "; ".join(first if item["wave"] == 1 else [reason, *first])
    if item["predicted"] and not item["declared"]:
        reason += f"; {item['predicted'][0]['reason']}"
    return one_line(reason, 90)


def _shared(body: Body, paint: Paint) -> str:
    if not body["shared"]:
        return ""
    lines = [paint.head("Shared")]
    for item in body["shared"][:MAX_SHARED]:
        names = ", ".join(item["tasks"][:8]) + (f" and {item['count'] - 8} more" if item["count"] > 8 else "")
        lines.append(f"  {file_name(item['path'])}: {names}: {paint(item['strategy'], '33')}; {item['advice']}")
    more = body["shared_places"] - min(MAX_SHARED, len(body["shared"]))
    return "\n".join([*lines, *([f"  … and {more} more (--json)"] if more > 0 else [])])


def _added(body: Body, paint: Paint) -> str:
    if not body["added"]:
        return ""
    lines = [paint.head("Dependencies added" if body["applied"] else "Dependencies that --apply adds")]
    for edge in body["added"][:MAX_ADDED]:
        lines.append(f"  {edge['task']} after {edge['after']}: {file_name(edge['path'])} ({edge['strategy']})")
    more = len(body["added"]) - MAX_ADDED
    return "\n".join([*lines, *([f"  … and {more} more (--json)"] if more > 0 else [])])


def _figures(body: Body) -> str:
    count = body["waves"]
    lines = [
        f"{len(body['items'])} tasks in {count} wave{'s' if count != 1 else ''} for {body['workers']} workers; at least "
        f"{body['lower_bound']} are needed ({body['distance_percent']:g} % above). "
        f"One at a time: {body['one_at_a_time']}; in issue order: {body['greedy']}."
    ]
    state = body["recorded"]
    if body["applied"]:
        lines.append(f"recorded: {body['changed']} tasks" if body["changed"] else "recorded before, nothing changed")
    elif state["state"] == "none":
        lines.append("not recorded: andon plan --apply")
    elif state["state"] == "outdated":
        lines.append(f"the recorded plan is out of date ({'; '.join(state['why'])}): andon plan --apply")
    else:
        lines.append("the recorded plan is up to date")
    if body.get("svg"):
        lines.append(f"drawn in {clean(body['svg'])}")
    return "\n".join(lines)
