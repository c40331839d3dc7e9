"""The replies of `andon config` as text."""

from __future__ import annotations

from andon.cli.plain import clean
from andon.cli.render import Body, Paint, table


def config_list(body: Body, paint: Paint) -> str:
    rows = [
        [
            str(x["key"]),
            str(x["value"]),
            f"by {x['set_by']}" if x["set"] else "default",
            str(x["allowed"]),
            str(x["help"]),
        ]
        for x in body["items"]
    ]
    return table(rows, ["KEY", "VALUE", "SET", "ALLOWED", "WHAT IT IS"], paint)


def config_get(body: Body, paint: Paint) -> str:
    return clean(str(body["value"]))


def config_set(body: Body, paint: Paint) -> str:
    how = "set to" if body["set"] else "again its default,"
    return f"{clean(str(body['key']))} is {how} {clean(str(body['value']))}"
