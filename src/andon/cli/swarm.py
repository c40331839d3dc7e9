"""Text for what concerns children: spawn, wait, and the tree of a run."""

from __future__ import annotations

from typing import Any

from andon.cli.plain import clean, one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from andon.cli.render import Paint

Body = dict[str, Any]
COLORS = {"landed": "32", "completed": "32", "cancelled": "31", "blocked": "31"}
MAX_DEPTH_SHOWN = 4
MAX_STATUS_LINES = 60


def spawned(body: Body, paint: Paint) -> str:
    lines = [f"{body['task']}: {clean(body['title'])} (child of {body['run']}, step {body['step']})"]
    if process := body.get("process"):
        lines.append(f"process {process['pid']} works on it; its log: {clean(str(process['log']))}")
    else:
        lines.append(f"any worker takes it: andon next --task {body['task']}; andon wait waits for it")
    return "\n".join(lines)


def waited(body: Body, paint: Paint) -> str:
    lines = [line for item in body["items"] for line in _child(item, paint, 0)]
    if merged := body.get("merged"):
        how = "was left out" if merged["left_out"] else "is in this worktree now"
        lines.append(f"what they landed ({merged['commit'][:12]}) {how}")
    return "\n".join(lines)


def tree(children: Body, paint: Paint, depth: int = 0) -> list[str]:
    """The children of a run, indented, and theirs below them."""
    lines = []
    pad = "  " * depth
    for step, swarm in children.items():
        join = f", join {swarm['join']}" if swarm["join"] else ""
        outcome = f", {swarm['outcome']}" if swarm["outcome"] else ""
        lines.append(f"{pad}children of {step}{join}{outcome}: {len(swarm['items'])}, {swarm['open']} open")
        for item in swarm["items"]:
            lines += _child(item, paint, depth + 1)
    return lines


def _child(item: Body, paint: Paint, depth: int) -> list[str]:
    pad = "  " * depth
    state = str(item["outcome"] or item["status"])
    run = f" {item['run']}" if item["run"] else ""
    tokens, budget = item["tokens"], item["budget"]
    of = f" of {budget}" if budget is not None else ""
    used = f" ({tokens}{of} tokens)" if tokens or of else ""
    title = one_line(str(item["title"]))
    lines = [f"{pad}{item['task']}{run} {paint(state, COLORS.get(state, '33'))}: {title}{used}"]
    told = [item["message"], item["reason"]]
    lines += [f"{pad}    {one_line(str(text))}" for text in told if text]
    if depth < MAX_DEPTH_SHOWN and item.get("children"):
        lines += tree(item["children"], paint, depth + 1)
    return lines


def status_tree(items: list[Body]) -> list[str]:
    """Open children below the runs that they belong to, indented."""
    by_run: dict[str, list[Body]] = {}
    for item in items:
        by_run.setdefault(str(item["parent_run"]), []).append(item)
    below = {str(item["run"]) for item in items if item["run"]}
    roots = [run for run in by_run if run not in below]
    lines: list[str] = []
    for run in roots:
        lines.append(f"{by_run[run][0]['parent']} {run}")
        lines += _below(by_run, run, 1)
    return lines[:MAX_STATUS_LINES] + (
        [f"… and {len(lines) - MAX_STATUS_LINES} more"] if len(lines) > MAX_STATUS_LINES else []
    )


def _below(by_run: dict[str, list[Body]], run: str, depth: int) -> list[str]:
    lines = []
    for item in by_run.get(run, ()) if depth <= MAX_DEPTH_SHOWN else ():
        where = f" {item['run']}" if item["run"] else ""
        held = "held back" if item["status"] == "draft" else str(item["status"])
        lines.append(f"{'  ' * depth}{item['task']}{where} {held}: {one_line(str(item['title']))}")
        lines += _below(by_run, str(item["run"]), depth + 1) if item["run"] else []
    return lines
