"""Settings of the workspace: anybody reads them, a person at a terminal changes them, and what is wrong is named."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.world import World


def test_a_person_changes_a_setting_and_lets_it_have_its_default_again(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    listed = {x["key"]: x for x in world.ok("config", "list")["items"]}
    assert listed["next.overlap"]["value"] == "refuse" and not listed["next.overlap"]["set"]
    allowed = {key: listed[key]["allowed"] for key in ("next.overlap", "next.ageing", "next.per_agent")}
    assert allowed == {
        "next.overlap": "refuse or warn",
        "next.ageing": "from 0s to 365d",
        "next.per_agent": "from 1 to 10000, or none",
    }
    assert allowed["next.per_agent"] in world.andon("config", "list").out
    assert listed["next.ageing"]["value"] == "4h" and listed["next.per_role.NAME"]["value"] == "none"

    done = world.person("config", "set", "next.per_role.implementer", "4")
    assert done.exit == 0 and "to change the setting next.per_role.implementer to 4" in done.out, done.out
    found = world.ok("config", "get", "next.per_role.implementer")
    assert found["value"] == "4" and found["set_by"]
    assert found["set_at"] and "next.per_role.implementer" in world.andon("config", "list").out

    assert world.person("config", "unset", "next.per_role.implementer").exit == 0
    assert world.ok("config", "get", "next.per_role.implementer")["value"] == "none"
    assert "next.per_role.implementer" not in world.andon("config", "list").out


def test_agents_and_bad_values_are_refused(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    refused = world.andon("config", "set", "next.overlap", "warn", "--json", agent="alice")
    assert refused.exit == 5 and json.loads(refused.out)["error"]["kind"] == "not_a_person"
    silent = world.andon("config", "set", "next.overlap", "warn")
    assert "only a person at a terminal may change the setting next.overlap to warn" in silent.err, silent.err
    for key, value in (("next.overlap", "maybe"), ("next.ageing", "soon"), ("next.per_agent", "0"), ("next.what", "1")):
        wrong = world.person("config", "set", key, value)
        assert wrong.exit == 64 and key in wrong.out, (wrong.exit, wrong.out)
        assert "Type yes" not in wrong.out, "nobody confirms what is refused afterwards"
    assert "next: andon config set next.ageing 4h" in world.person("config", "set", "next.ageing", "soon").out
    assert world.person("config", "unset", "next.what").exit == 64
    assert world.ok("config", "get", "next.overlap")["value"] == "refuse"
    assert world.andon("config", "get", "nothing", "--json").kind == "bad_input"
