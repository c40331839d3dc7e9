"""One damaged record costs what it is about, and nothing else: status, plans, briefs and offers go on (law 12)."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.world import World

STATE = "UPDATE states SET state = 'garbage' WHERE stream = '{}'"
ROW = "UPDATE {} SET {} = '{}' WHERE id = '{}'"
SETTING = "INSERT INTO settings VALUES ('{}', '{}') ON CONFLICT (key) DO UPDATE SET value = excluded.value"


@dataclass
class Scene:
    """alice works on T1, bob asked and handed T2 on; T3 and T4 (after T3) are open."""

    world: World
    workdir: str
    good: Path

    @property
    def database(self) -> Path:
        return self.world.path / ".git/andon/andon.db"

    def break_it(self, statement: str) -> None:
        for left in self.database.parent.glob("andon.db-*"):
            left.unlink()
        shutil.copy(self.good, self.database)
        shutil.rmtree(Path(f"{self.world.path}.andon") / "R3-implement-1", ignore_errors=True)
        self.world.git("worktree", "prune")
        connection = sqlite3.connect(self.database)
        changed = connection.execute(statement).rowcount
        connection.commit()
        connection.close()
        assert changed

    def claim(self) -> dict[str, Any]:
        return self.world.ok("next", "--role", "implementer", "--task", "T3", agent="dave")

    def brief(self) -> dict[str, Any]:
        return self.world.ok("brief", agent="alice", cwd=self.workdir)

    def planned(self) -> list[str]:
        return [x["task"] for x in self.world.ok("plan", "--apply")["items"]]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    directory = tmp_path_factory.mktemp("bad")
    world = World.make(directory, isolation="process")
    names = [world.add_task(f"Change {name}", "--scope", f"{name}.txt", "--label", "x") for name in "abc"]
    world.add_task("Change d", "--scope", "d.txt", "--depends-on", names[2])
    workdir = world.claim("alice", "--role", "implementer", "--task", names[0])["workdir"]
    other = world.claim("bob", "--role", "implementer", "--task", names[1])["workdir"]
    world.ok("say", "alice", "the first", agent="bob")
    world.ok("say", "alice", "the second", agent="bob")
    world.ok("ask", "which?", agent="bob", cwd=other)
    world.ok("learn", "The parser reads bytes", agent="bob", cwd=other)
    world.ok("handoff", "--to", "carol", "-m", "over to you", agent="bob", cwd=other)
    database = world.path / ".git/andon/andon.db"
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    good = directory / "good.db"
    shutil.copy(database, good)
    return Scene(world, workdir, good)


@pytest.mark.parametrize(
    ("name", "planned"),
    [("T1", ["T3", "T4"]), ("T3", ["T4"]), ("T4", ["T3"]), ("R2", ["T3", "T4"]), ("M1", ["T3", "T4"])],
)
def test_a_damaged_state_stops_no_plan_and_no_status(scene: Scene, name: str, planned: list[str]) -> None:
    scene.break_it(STATE.format(name))
    assert scene.planned() == planned
    result = scene.world.andon("plan")
    assert (f"planned without {name}, which can't be read: andon doctor" in result.err) is (name in ("T3", "T4"))
    status = scene.world.ok("status")
    assert len(status["running"]) == 1 and [x["task"] for x in status["ready"]] == ["T2", "T3"]
    assert scene.world.andon("status").exit == 0
    if name != "T1":
        assert scene.brief()["brief"]
    if name != "T3":
        assert scene.claim()["task"] == "T3"
    scene.world.ok("plan", "--clear")


def test_a_damaged_task_that_is_named_is_an_error(scene: Scene) -> None:
    scene.break_it(STATE.format("T3"))
    for extra in ([], ["--clear"]):
        refused = scene.world.andon("plan", "T3", *extra, "--json")
        assert (refused.exit, refused.kind) == (6, "corrupt")


def test_a_dependency_that_can_not_be_read_is_waited_for(scene: Scene) -> None:
    scene.break_it(STATE.format("T3"))
    (item,) = scene.world.ok("plan")["items"]
    assert (item["task"], item["waits_for"]) == ("T4", ["T3"])


@pytest.mark.parametrize(
    ("task", "column", "text"),
    [
        ("T1", "labels", "gar[bage"),
        ("T1", "scope", "[1,{}]"),
        ("T1", "predicted", "gar[bage"),
        ("T2", "labels", "[1,{}]"),
        ("T2", "scope", "gar[bage"),
        ("T4", "scope", "gar[bage"),
        ("T4", "predicted", "[1,{}]"),
    ],
)
def test_a_damaged_row_stops_no_offer_and_no_list(scene: Scene, task: str, column: str, text: str) -> None:
    scene.break_it(ROW.format("tasks", column, text, task))
    ready = [x["task"] for x in scene.world.ok("ready")["items"]]
    assert "T3" in ready
    assert scene.claim()["task"] == "T3"
    assert len(scene.world.ok("task", "list")["items"]) == 4
    assert scene.brief()["brief"]


def test_the_scope_of_a_lease_counts_although_its_row_is_damaged(scene: Scene) -> None:
    scene.break_it(ROW.format("tasks", "scope", "gar[bage", "T1"))
    other = scene.world.add_task("Another", "--scope", "a.txt")
    refused = scene.world.andon("next", "--role", "implementer", "--task", other, "--json", agent="dave")
    assert refused.exit == 3 and "overlaps with T1" in refused.json["error"]["message"]


@pytest.mark.parametrize(("column", "text"), [("priority", "high"), ("added_at", "x")])
def test_a_number_that_is_none_stops_no_other_offer(scene: Scene, column: str, text: str) -> None:
    scene.world.add_task("Another")
    scene.break_it(ROW.format("tasks", column, text, "T3"))
    assert "T2" in [x["task"] for x in scene.world.ok("ready")["items"]]
    assert scene.world.andon("next", "--role", "implementer", "--task", "T3", agent="dave").exit == 3


def test_a_damaged_message_hides_no_other(scene: Scene) -> None:
    scene.break_it(ROW.format("messages", "acknowledged", "x", "M1"))
    assert [x["id"] for x in scene.world.ok("inbox", agent="alice")["items"]] == ["M1", "M2"]
    assert "the second" in scene.brief()["brief"]


@pytest.mark.parametrize("moment", ["x", "9e999", "1e300"])
def test_a_message_of_which_nobody_knows_when_it_came_is_read(scene: Scene, moment: str) -> None:
    scene.break_it(ROW.format("messages", "sent_at", moment, "M1"))
    assert [x["id"] for x in scene.world.ok("inbox", agent="alice")["items"]] == ["M1", "M2"]
    assert "the first" in scene.brief()["brief"]
    assert "the first" in scene.world.ok("next", "--role", "implementer", agent="alice")["brief"]


@pytest.mark.parametrize("content", ["garbage", "{}"])
def test_a_damaged_definition_is_healed_by_the_next_start(scene: Scene, content: str) -> None:
    scene.break_it(f"UPDATE definitions SET content = CAST('{content}' AS BLOB)")
    assert scene.world.ok("status")["running"]
    assert scene.planned() == ["T3", "T4"]
    assert scene.claim()["task"] == "T3"
    assert scene.brief()["brief"], "the same definition as that of the older run"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("config:next.overlap", "garbage"),
        ("config:next.ageing", "garbage"),
        ("config:next.per_agent", "garbage"),
        ("config-names:next.per_role", "garbage { 0.0"),
        ("config:messages.undelivered_after", "garbage"),
        ("queue:frozen:main", "{"),
        ("queue:gates", '{"tests": ['),
        ("queue:gates", '{"tests": 3}'),
        ("queue:window:main", "garbage"),
        ("startable:", "0.0 x y z a"),
    ],
)
def test_a_setting_that_is_none_stops_nothing(scene: Scene, key: str, value: str) -> None:
    scene.break_it(SETTING.format(key, value))
    assert scene.world.andon("status").exit == 0
    assert scene.planned() == ["T3", "T4"]
    assert scene.claim()["task"] == "T3"
    assert scene.brief()["brief"]
    assert scene.world.andon("config", "list").exit == 0


def test_a_remembered_definition_that_is_gone_is_made_again(scene: Scene) -> None:
    scene.break_it(
        "UPDATE settings SET value = substr(value, 1, length(value) - 5) || 'xxxxx' WHERE key = 'startable:'"
    )
    assert scene.claim()["task"] == "T3"
