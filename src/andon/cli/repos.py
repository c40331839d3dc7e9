"""The repositories of a workspace for people."""

from __future__ import annotations

from andon.cli.render import Body, Paint, table

STATES = {"ok": "ok", "missing": "missing", "unset": "does not point here (andon repo add)", "removed": "removed"}


def listed(body: Body, paint: Paint) -> str:
    if not body["items"]:
        return f"no repository in {body['workspace']}"
    rows = [[x["repository"], _state(x), x["path"]] for x in body["items"]]
    return "\n".join([f"workspace {body['workspace']}", table(rows, ["NAME", "STATE", "PATH"], paint)])


def _state(item: Body) -> str:
    known = STATES[item["state"]]
    return known if item["state"] != "ok" or item["set_up"] else "not set up (andon init there)"
