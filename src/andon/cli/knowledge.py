"""Learnings for people: tables, and a review at a terminal, one after the other."""

from __future__ import annotations

import sys
from typing import Any

from andon.cli.plain import clean, one_line
from andon.cli.render import Body, Paint, table
from andon.engine.interface import CallContext, Coordinator

WORDS = {"a": "accept", "r": "retire"}
MAX_TEXT = 70


def as_who_it_is(caller: CallContext) -> CallContext:
    """The caller, as a person only when nothing speaks for an agent."""
    from msgspec.structs import replace

    from andon.cli.person import is_person

    if not caller.person or is_person(caller):
        return caller
    changed: CallContext = replace(caller, person=False)
    return changed


def ask_through(coordinator: Coordinator, arguments: dict[str, Any]) -> None:
    """Show each learning of the queue and ask what becomes of it; the answers are put into the arguments."""
    if arguments.get("accept") or arguments.get("retire"):
        return
    items = coordinator.call("learn", {"review": True}).body["items"]
    answers: dict[str, list[str]] = {"accept": [], "retire": []}
    for number, item in enumerate(items, 1):
        sys.stderr.write(f"\n{number} of {len(items)}: {clean(_told(item))}\n")
        sys.stderr.write("[a]ccept, [r]etire, [s]kip or [q]uit? ")
        sys.stderr.flush()
        answer = sys.stdin.readline().strip().lower()[:1]
        if answer == "q" or not answer:
            break
        if answer in WORDS:
            answers[WORDS[answer]].append(item["id"])
    arguments.update({name: found for name, found in answers.items() if found})


def _told(item: Body) -> str:
    lines = [f"{item['id']} ({', '.join(item['reasons'])}), {', '.join(item['scopes'])}, by {item['agent']}"]
    lines += [f"  says otherwise: {', '.join(item['against'])}"] if item["against"] else []
    lines += [f"  {line}" for line in item["text"].splitlines()]
    return "\n".join([*lines, f"  {_uses(item['uses'])}"])


def _uses(uses: Body) -> str:
    control = uses["control"]
    if not uses["given"] and not control["given"]:
        return "not measured yet"
    return f"green at once {uses['passed']} of {uses['given']}; without it {control['passed']} of {control['given']}"


def learned(body: Body, paint: Paint) -> str:
    """`learn`: what was recorded, or the queue."""
    if "items" in body:
        return _queue(body, paint)
    if body["known"]:
        return f"{body['learning']} says that already"
    where = ", in the workspace's store" if body["store"] == "workspace" else ""
    return f"{body['learning']} recorded for {', '.join(body['scopes'])}{where}" + (
        "" if body["reviewed_by"] else " (unreviewed)"
    )


def _queue(body: Body, paint: Paint) -> str:
    lines = []
    for name in ("accepted", "retired"):
        lines += [f"{name}: {', '.join(body[name])}"] if body[name] else []
    if not body["items"]:
        return "\n".join([*lines, "nothing to review"])
    rows = [
        [x["id"], ", ".join(x["reasons"]), ", ".join(x["against"]), ", ".join(x["scopes"]), _short(x["text"])]
        for x in body["items"]
    ]
    lines.append(table(rows, ["ID", "WHY", "AGAINST", "SCOPE", "TEXT"], paint))
    return "\n".join([*lines, "andon learn --review --accept ID --retire ID"])


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


def listed(body: Body, paint: Paint) -> str:
    if not body["items"]:
        return "nothing was learned yet"
    several = any(x["store"] == "workspace" for x in body["items"])
    rows = [
        [
            x["id"],
            x["status"] if x["status"] != "active" else "accepted" if x["reviewed_by"] else "unreviewed",
            ", ".join(x["scopes"]),
            f"{x['uses']['passed']}/{x['uses']['given']}",
            f"{x['uses']['control']['passed']}/{x['uses']['control']['given']}",
            ", ".join(x["against"]),
            *_origin(x, several),
            _short(x["text"]),
        ]
        for x in body["items"]
    ]
    names = ["ID", "STATE", "SCOPE", "WITH", "WITHOUT", "AGAINST", *(["FROM"] if several else []), "TEXT"]
    return table(rows, names, paint)


def _origin(item: Body, several: bool) -> list[str]:
    """Where it was found, when some stand in the store of a workspace."""
    return [str(item["repository"] or "")] if several else []


def shown(body: Body, paint: Paint) -> str:
    """One learning."""
    state = body["status"] if body["status"] != "active" else "accepted" if body["reviewed_by"] else "unreviewed"
    lines = [f"{paint.head(body['id'])} {state}, {', '.join(body['scopes'])}", "", body["text"], ""]
    keys = (
        "store",
        "repository",
        "agent",
        "task",
        "run",
        "step",
        "commit",
        "recorded_at",
        "confirmed_at",
        "edited_by",
        "reviewed_by",
        "superseded_by",
        "reason",
    )
    lines += [f"{key}: {body[key]}" for key in keys if body.get(key)]
    lines += [f"says otherwise: {', '.join(body['against'])}"] if body.get("against") else []
    return "\n".join([*lines, _uses(body["uses"])] if "uses" in body else lines)


def changed(body: Body, paint: Paint) -> str:
    items = body.get("items") or [body]
    return "\n".join(
        f"{x['id']} {x['status'] if x['status'] != 'active' else 'accepted' if x['reviewed_by'] else 'unreviewed'}"
        for x in items
    )


def injected(body: Body, paint: Paint) -> str:
    return str(body["text"]) or "nothing is known about that"
