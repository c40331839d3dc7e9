"""Tasks of other tools come over, come over again without harm, and go back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.world import World

SAMPLES = Path(__file__).parents[1] / "exchange" / "samples"


@pytest.fixture
def quick(tmp_path: Path) -> World:
    return World.make(tmp_path, isolation="process")


def other_world(path: Path) -> World:
    path.mkdir()
    return World.make(path, isolation="process")


def put(world: World, name: str, *issues: dict[str, Any]) -> str:
    world.write(name, "".join(json.dumps({"status": "open", "priority": 2} | issue) + "\n" for issue in issues))
    return name


def exported(world: World, name: str = "out.jsonl") -> list[dict[str, Any]]:
    world.ok("task", "export", name, "--force")
    return [json.loads(line) for line in (world.path / name).read_text().splitlines()]


def tasks(world: World) -> dict[str, dict[str, Any]]:
    return {x["title"]: world.ok("task", "show", x["task"]) for x in world.ok("task", "list")["items"]}


def log_length(world: World) -> int:
    return int(world.ok("log", "--limit", "100000")["items"][-1]["position"])


A = {"id": "b-1", "title": "One", "description": "first"}
B = {"id": "b-2", "title": "Two", "dependencies": [{"depends_on_id": "b-1", "type": "blocks"}], "labels": ["x"]}


class TestImport:
    def test_a_repository_of_beads(self, quick: World) -> None:
        quick.write(".beads/issues.jsonl", (SAMPLES / "issues.jsonl").read_text())
        tried = quick.ok("task", "import", ".", "--dry-run")
        assert len(tried["added"]) == 4
        assert quick.ok("task", "list")["items"] == []
        done = quick.ok("task", "import", ".")
        assert {**done, "dry_run": True} == tried
        assert [x["task"] for x in done["added"]] == ["T1", "T3", "T4", "T5"]
        assert [x["task"] for x in done["cancelled"]] == ["T2"]
        lost = {(x["source"], x["field"]) for x in done["not_carried"]}
        assert {("beads:shop-a1.2", "assignee"), ("beads:shop-a1.2", "comments"), ("beads:vat", "_type")} <= lost
        assert ("beads:shop-a1.2", "depends_on") in lost
        found = tasks(quick)
        assert found["Show the total"]["depends_on"] == ["T3"]
        assert found["Compute the total"]["acceptance"] == ["Rounds to cents", "Handles no tax"]
        # Closed there is never landed here: nobody's word lands anything.
        assert (found["Read the basket"]["status"], found["Read the basket"]["commit"]) == ("cancelled", None)
        assert [x["task"] for x in quick.ok("ready")["items"]] == ["T3"]
        assert "not carried over" in quick.andon("task", "import", ".").out

    def test_again_changes_nothing(self, quick: World) -> None:
        name = put(quick, "i.jsonl", A, B)
        quick.ok("task", "import", name, "--label", "q3")
        before = log_length(quick)
        again = quick.ok("task", "import", name)
        assert (again["added"], again["changed"], again["unchanged"]) == ([], [], 2)
        quick.ok("task", "import", name, "--label", "q3")
        assert log_length(quick) == before
        assert tasks(quick)["Two"]["labels"] == ["x", "q3"]

    def test_what_changed_there_comes_and_what_changed_here_stays(self, quick: World) -> None:
        quick.ok("task", "import", put(quick, "i.jsonl", A, B))
        quick.ok("task", "edit", "T1", "--title", "Mine")
        quick.ok("task", "edit", "T2", "--label", "x", "--label", "mine")
        changed = put(
            quick,
            "i.jsonl",
            A | {"title": "Theirs", "description": "more", "priority": 0},
            B | {"labels": ["y"], "dependencies": []},
        )
        done = quick.ok("task", "import", changed)
        assert [(x["task"], x["fields"]) for x in done["changed"]] == [
            ("T1", ["body", "priority"]),
            ("T2", ["depends_on", "labels"]),
        ]
        assert [(x["task"], x["field"]) for x in done["kept"]] == [("T1", "title")]
        one, two = quick.ok("task", "show", "T1"), quick.ok("task", "show", "T2")
        assert (one["title"], one["body"], one["priority"]) == ("Mine", "more", 0)
        assert (two["labels"], two["depends_on"]) == (["mine", "y"], [])
        assert quick.ok("task", "import", changed)["kept"] == []

    def test_what_is_closed_there_is_cancelled_here_and_awaited_no_more(self, quick: World) -> None:
        quick.ok("task", "import", put(quick, "i.jsonl", A, B))
        closed = put(quick, "i.jsonl", A | {"status": "closed", "close_reason": "done by hand"}, B)
        done = quick.ok("task", "import", closed)
        assert [x["task"] for x in done["cancelled"]] == ["T1"]
        assert quick.ok("task", "show", "T1")["reason"] == "closed in beads: done by hand"
        assert [x["task"] for x in quick.ok("ready")["items"]] == ["T2"]
        reopened = quick.ok("task", "import", put(quick, "i.jsonl", A, B))
        assert [(x["task"], x["field"]) for x in reopened["kept"]] == [("T1", "status")]

    def test_what_runs_here_goes_on(self, quick: World) -> None:
        quick.ok("task", "import", put(quick, "i.jsonl", A, B))
        quick.claim("alice")
        done = quick.ok("task", "import", put(quick, "i.jsonl", A | {"status": "closed"}, B))
        assert [(x["task"], x["field"]) for x in done["kept"]] == [("T1", "status")]
        assert quick.ok("task", "show", "T1")["status"] == "running"
        assert quick.ok("task", "show", "T2")["depends_on"] == ["T1"]

    def test_all_or_nothing(self, quick: World) -> None:
        cycle = put(
            quick,
            "i.jsonl",
            A | {"dependencies": [{"depends_on_id": "b-3"}]},
            B,
            {"id": "b-3", "title": "Three", "dependencies": [{"depends_on_id": "b-2"}]},
        )
        refused = quick.andon("task", "import", cycle, "--json")
        assert (refused.exit, refused.kind) == (64, "bad_input")
        assert "b-1 → b-3 → b-2 → b-1" in refused.json["error"]["message"]
        quick.write("bad.jsonl", json.dumps(A) + "\nnonsense\n")
        refused = quick.andon("task", "import", "bad.jsonl", "--json")
        assert (refused.exit, "bad.jsonl, line 2" in refused.json["error"]["message"]) == (64, True)
        assert quick.ok("task", "list")["items"] == []

    def test_a_cycle_by_way_of_a_task_of_ones_own(self, quick: World) -> None:
        quick.ok("task", "import", put(quick, "i.jsonl", A))
        own = quick.add_task("Between", "--depends-on", "T1")
        two = quick.ok("task", "import", put(quick, "i.jsonl", A, B | {"dependencies": []}))["added"][0]["task"]
        quick.ok("task", "edit", two, "--depends-on", own)
        circle = put(quick, "i.jsonl", A | {"dependencies": [{"depends_on_id": "b-2"}]}, B | {"dependencies": []})
        refused = quick.andon("task", "import", circle, "--json")
        assert (refused.exit, refused.kind) == (64, "bad_input")
        assert f"b-1 → b-2 → {own} → b-1" in refused.json["error"]["message"]

    @pytest.mark.parametrize(
        ("args", "words"),
        [
            (["absent.jsonl"], "can't be read"),
            (["."], "no tasks are found"),
            (["app.txt"], "looks like none of"),
            (["app.txt", "--format", "jira"], "format jira is not known"),
            ([".", "--format", "spec-kit"], "no tasks of spec-kit"),
        ],
    )
    def test_bad_input(self, quick: World, args: list[str], words: str) -> None:
        refused = quick.andon("task", "import", *args, "--json")
        assert (refused.exit, words in refused.json["error"]["message"]) == (64, True), refused.out

    def test_several_tools_in_one_directory(self, quick: World) -> None:
        put(quick, ".beads/issues.jsonl", A)
        quick.write("specs/001-x/tasks.md", "## Phase 1: x\n- [ ] T001 Begin\n")
        refused = quick.andon("task", "import", ".", "--json")
        assert "beads, spec-kit" in refused.json["error"]["message"]
        done = quick.ok("task", "import", ".", "--format", "spec-kit")
        assert [x["source"] for x in done["added"]] == ["spec-kit:001-x/T001"]

    def test_the_other_formats(self, quick: World) -> None:
        for name in ("todo.md", "gh.json"):
            quick.write(name, (SAMPLES / name).read_text())
        done = quick.ok("task", "import", "todo.md", "--draft")
        assert len(done["added"]) == 4
        assert all(x["draft"] for x in done["added"])
        assert [x["title"] for x in done["closed"]] == ["Measure it", "Buy a cake"]
        (quick.path / "deep").mkdir()
        again = quick.ok("task", "import", "../todo.md", cwd=quick.path / "deep")
        assert again["added"] == [] and again["unchanged"] == 4
        piped = quick.andon("task", "import", "-", "--json", input=(SAMPLES / "gh.json").read_text())
        assert piped.exit == 0, piped.out
        assert [x["source"] for x in piped.json["added"]] == ["github:acme/shop#12", "github:acme/shop#11"]
        done = quick.ok("task", "import", str(SAMPLES / "backlog"))
        assert [x["source"] for x in done["added"]] == ["backlog:BACK-3", "backlog:BACK-7", "backlog:BACK-7.1"]
        assert done["format"] == "backlog"
        assert quick.ok("doctor")["ok"]


class TestExport:
    def test_beads_come_back_as_they_were(self, quick: World) -> None:
        quick.ok("task", "import", str(SAMPLES / "issues.jsonl"))
        before = [json.loads(line) for line in (SAMPLES / "issues.jsonl").read_text().splitlines() if line]
        assert exported(quick) == [x for x in before if "_type" not in x]

    def test_only_what_was_changed_here_changes(self, quick: World) -> None:
        quick.ok("task", "import", put(quick, "i.jsonl", A | {"odd": 1}, B))
        quick.ok("task", "edit", "T1", "--priority", "0", "--scope", "src/**")
        quick.ok("task", "edit", "T2", "--depends-on", "")
        quick.ok("task", "cancel", "T2", "-m", "no need")
        one, two = exported(quick)
        assert {**one, "updated_at": None} == {
            **A,
            "status": "open",
            "priority": 0,
            "odd": 1,
            "metadata": {"andon": {"scope": ["src/**"]}},
            "updated_at": None,
        }
        assert (two["status"], two["close_reason"]) == ("closed", "cancelled: no need")

    def test_from_here_to_elsewhere_and_back(self, quick: World, tmp_path: Path) -> None:
        quick.add_task("Plain", "--body", "Line\n\nline", "--priority", "1", "--label", "a")
        quick.add_task("Full", "--scope", "src/**", "--accept", "one", "--accept", "- two", "--depends-on", "T1")
        quick.add_task("Held", "--draft")
        quick.add_task("Gone")
        quick.ok("task", "cancel", "T4", "-m", "no")
        quick.implement()
        quick.review()
        quick.ok("lead")
        quick.ok("next", "--task", "T2", agent="alice")
        first = exported(quick)
        assert [x["status"] for x in first] == ["closed", "in_progress", "deferred", "closed"]
        assert first[0]["close_reason"].startswith("landed as ")
        elsewhere = other_world(tmp_path / "other")
        done = elsewhere.ok("task", "import", str(quick.path / "out.jsonl"))
        assert (len(done["added"]), len(done["cancelled"])) == (2, 2)
        found = tasks(elsewhere)
        assert found["Full"]["scope"] == ["src/**"]
        assert found["Full"]["acceptance"] == ["one", "- two"]
        assert exported(elsewhere) == first
        # Back where it came from it is known, and nothing changes.
        again = quick.ok("task", "import", "out.jsonl")
        assert again["added"] == [] and again["cancelled"] == []

    def test_standard_output_and_refusals(self, quick: World) -> None:
        quick.add_task()
        assert json.loads(quick.andon("task", "export").out)["id"] == "andon-1"
        for args, words in ((["--json"], "needs a file"), (["x.csv", "--format", "csv"], "not exported as csv")):
            refused = quick.andon("task", "export", *args)
            assert (refused.exit, words in refused.out + refused.err) == (64, True), refused.err
        quick.write("mine.jsonl", "mine\n")
        kept = quick.andon("task", "export", "mine.jsonl", "--json")
        assert (kept.exit, kept.kind) == (64, "bad_input") and "--force" in kept.json["error"]["next"]
        assert (quick.path / "mine.jsonl").read_text() == "mine\n"
        assert quick.ok("task", "export", "mine.jsonl", "--force")["tasks"] == 1
        absent = quick.andon("task", "export", "nowhere/out.jsonl", "--json")
        assert (absent.exit, absent.json["error"]["next"]) == (64, "andon task export FILE")


class TestHostileFiles:
    @pytest.mark.parametrize("form", ["beads", "github", None])
    def test_deeply_nested_json(self, quick: World, form: str | None) -> None:
        deep = "[" * 100_000
        told = '{"id": "b-1", "number": 1, "title": "One", "metadata": ' + "[" * 120 + "]" * 120 + "}\n"
        for text in (deep, '{"id": "b-1", "title": ' + deep, told):
            quick.write("deep.json", text)
            words = ["--format", form] if form else []
            result = quick.andon("task", "import", "deep.json", *words, "--json")
            assert (result.exit, result.kind) == (64, "bad_input"), result.out
            assert form is None or "nested more than 100 deep" in result.json["error"]["message"]

    def test_a_directory_is_what_is_in_it(self, quick: World, tmp_path: Path) -> None:
        secret = tmp_path / "secret.md"
        secret.write_text("---\nid: task-2\ntitle: Secret\nstatus: To Do\n---\n\nthe key\n")
        quick.write("backlog/tasks/one.md", "---\nid: task-1\ntitle: One\nstatus: To Do\n---\n")
        tasks_of = quick.path / "backlog" / "tasks"
        (tasks_of / "inner.md").symlink_to("../three.md")
        quick.write("backlog/three.md", "---\nid: task-3\ntitle: Three\nstatus: To Do\n---\n")
        (tasks_of / "out.md").symlink_to(secret)
        (tasks_of / "zero.md").symlink_to("/dev/zero")
        os.mkfifo(tasks_of / "pipe.md")
        done = quick.ok("task", "import", ".")
        assert [x["title"] for x in done["added"]] == ["Three", "One"]
        listed = {x["source"]: x["why"] for x in done["not_carried"]}
        assert set(listed) == {f"./backlog/tasks/{name}.md".removeprefix("./") for name in ("out", "zero", "pipe")}
        assert "leads out of the directory" in listed["backlog/tasks/out.md"]
        assert listed["backlog/tasks/pipe.md"] == "it is no file"
        (tasks_of / "one.md").unlink(), (tasks_of / "inner.md").unlink()
        refused = quick.andon("task", "import", ".", "--json")
        assert (refused.exit, refused.kind) == (64, "bad_input") and "backlog/tasks" in refused.out

    def test_nobody_begins_to_wait_for_what_was_cancelled_here(self, quick: World) -> None:
        quick.ok("task", "import", put(quick, "i.jsonl", A, B))
        quick.ok("task", "import", put(quick, "i.jsonl", A | {"status": "closed"}, B))
        new = {"id": "b-3", "title": "Three", "dependencies": B["dependencies"]}
        for _ in range(2):
            done = quick.ok("task", "import", put(quick, "i.jsonl", A, B, new))
            lost = {x["source"]: x["why"] for x in done["not_carried"]}
            assert set(lost) == {"beads:b-2", "beads:b-3"} and "b-1 was cancelled here as T1" in lost["beads:b-2"]
        assert [x["task"] for x in quick.ok("ready")["items"]] == ["T2", "T3"]
        # Who waited before goes on waiting: a person cancelled it here, and decides about the rest.
        quick.ok("task", "add", "Four", "--depends-on", "T2")
        both = [B | {"dependencies": []}, new | {"dependencies": [{"depends_on_id": "b-2", "type": "blocks"}]}]
        quick.ok("task", "import", put(quick, "i.jsonl", A, *both))
        quick.ok("task", "cancel", "T2", "-m", "no")
        quick.ok("task", "import", put(quick, "i.jsonl", A, *both))
        assert quick.ok("task", "show", "T3")["depends_on"] == ["T2"]


def test_a_file_and_then_its_directory(tmp_path: Path) -> None:
    world = other_world(tmp_path / "of-a-list")
    put(world, "issues.jsonl", {"id": "bd-1", "title": "One"})
    assert len(world.ok("task", "import", "issues.jsonl")["added"]) == 1
    assert world.ok("task", "import", ".")["added"] == [], "the same file, however it is named"
