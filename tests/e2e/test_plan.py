"""`andon plan` from outside: what it predicts, what it says of shared files, what it records, and what it refuses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.e2e.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A project with a history: the parser and its test change together, and the registry is hot."""
    made = World.make(tmp_path)
    for name in ("registry", "parser", "printer", "lexer", "store"):
        made.write(f"src/{name}.py", f"# {name}\n")
    made.write("tests/test_parser.py", "# tests\n")
    made.git("add", ".")
    made.git("commit", "-q", "-m", "the modules")
    for number in range(4):
        made.write("src/parser.py", f"# parser {number}\n")
        made.write("tests/test_parser.py", f"# tests {number}\n")
        made.git("commit", "-q", "-a", "-m", f"Parser: brackets are balanced, part {number}")
    return made


def waves(body: dict[str, Any]) -> dict[str, int]:
    return {item["task"]: item["wave"] for item in body["items"]}


def paths(body: dict[str, Any], task: str) -> list[str]:
    return [x["path"] for item in body["items"] if item["task"] == task for x in item["predicted"]]


def test_a_plan_is_made_recorded_used_and_cleared(world: World) -> None:
    one = world.add_task("Balance the brackets in src/parser.py")
    two = world.add_task("Print a table", "--scope", "src/printer.py")
    three = world.add_task("Speed up src/parser.py and src/lexer.py and src/store.py")
    body = world.ok("plan", "--workers", "3")
    assert paths(body, one)[0] == "src/parser.py" and "tests/test_parser.py" in paths(body, one)
    assert paths(body, two) == ["src/printer.py"]
    assert waves(body)[two] == 1 and waves(body)[one] != waves(body)[three]
    assert (body["waves"], body["lower_bound"], body["one_at_a_time"]) == (2, 2, 3)
    [shared] = [item for item in body["shared"] if item["path"] == "src/parser.py"]
    assert sorted(shared["tasks"]) == [one, three] and shared["strategy"] == "sequence"
    assert body["recorded"]["state"] == "none"
    assert "TaskPlanned" not in world.events(one), "only --apply records"

    text = world.andon("plan")
    assert text.exit == 0 and "not recorded: andon plan --apply" in text.out and "src/parser.py" in text.out

    applied = world.ok("plan", "--workers", "3", "--apply")
    assert applied["changed"] == 3 and applied["applied"]
    later, earlier = (three, one) if waves(applied)[three] == 2 else (one, three)
    assert {"task": later, "after": earlier, "path": "src/parser.py", "strategy": "sequence"} in applied["added"]
    shown = world.ok("task", "show", later)
    assert shown["wave"] == 2 and shown["depends_on"] == [earlier] and "src/parser.py" in shown["predicted"]
    listed = {item["task"]: item for item in world.ok("task", "list")["items"]}
    assert listed[later]["status"] == "blocked" and listed[two]["wave"] == 1
    assert "wave 2 of the plan" in world.andon("show", later).out

    again = world.ok("plan", "--workers", "3", "--apply")
    assert again["changed"] == 0 and again["recorded"]["state"] == "current"
    assert again["items"] == applied["items"], "the plan does not see its own dependencies"
    assert world.events(one).count("TaskPlanned") == 1

    cleared = world.ok("plan", "--clear")
    assert sorted(cleared["cleared"]) == sorted([one, two, three])
    shown = world.ok("task", "show", later)
    assert (shown["wave"], shown["predicted"], shown["depends_on"]) == (None, [], [])
    assert world.ok("plan", "--clear")["cleared"] == []


def test_many_tasks_on_one_file_get_a_contract_first(world: World) -> None:
    tasks = [world.add_task(f"Register kind {number} in src/registry.py") for number in range(5)]
    body = world.ok("plan", "--workers", "4", "--apply")
    [hot] = [item for item in body["shared"] if item["path"] == "src/registry.py"]
    assert (hot["strategy"], hot["count"]) == ("contract first", 5)
    rest = [task for task in tasks if task != hot["first"]]
    assert waves(body) == {hot["first"]: 1} | dict.fromkeys(rest, 2)
    assert (body["waves"], body["greedy"]) == (2, 5)
    for task in rest:
        shown = world.ok("task", "show", task)
        assert shown["depends_on"] == [hot["first"]] and "src/registry.py" not in shown["predicted"]


def test_a_plan_that_is_made_again_leaves_the_contract_with_the_task_that_is_under_way(world: World) -> None:
    tasks = [world.add_task(f"Register kind {number} in src/registry.py") for number in range(6)]
    world.ok("plan", "--workers", "6", "--apply")
    first = next(task for task in tasks if not world.ok("task", "show", task)["depends_on"])
    world.claim("alice", "--task", first)
    again = world.ok("plan", "--workers", "6", "--apply")
    assert again["waves"] == 1
    for task in (task for task in tasks if task != first):
        shown = world.ok("task", "show", task)
        assert shown["depends_on"] == [first] and "src/registry.py" not in shown["predicted"]
    assert f"after {first}" in world.andon("plan").out


def test_a_recorded_plan_goes_out_of_date(world: World) -> None:
    one = world.add_task("Change src/lexer.py")
    world.ok("plan", "--apply")
    two = world.add_task("Change src/store.py")
    world.ok("task", "edit", one, "--title", "Change src/store.py, too")
    world.write("src/new.py", "x\n")
    world.git("add", ".")
    world.git("commit", "-q", "-m", "a new module")
    body = world.ok("plan")
    assert body["recorded"] == {
        "state": "outdated",
        "why": ["main has moved since it was made", f"changed since: {one}", f"in no plan: {two}"],
    }
    assert "out of date" in world.andon("plan").out
    world.ok("plan", "--apply")
    assert world.ok("plan")["recorded"] == {"state": "current", "why": []}


def test_only_named_tasks_and_labels_are_planned(world: World) -> None:
    one = world.add_task("One in src/lexer.py", "--label", "red")
    two = world.add_task("Two", "--depends-on", one)
    three = world.add_task("Three in src/lexer.py", "--depends-on", two)
    draft = world.add_task("Later", "--draft")
    assert set(waves(world.ok("plan"))) == {one, two, three}
    assert set(waves(world.ok("plan", "--label", "red"))) == {one}
    body = world.ok("plan", one, three, draft)
    assert waves(body) == {one: 1, three: 2, draft: 1}, "the way by an unplanned task counts"
    waits = {item["task"]: item["waits_for"] for item in body["items"]}
    assert waits == {one: [], three: [two], draft: []}
    world.ok("plan", one, three, "--apply")
    assert world.ok("task", "show", two)["wave"] is None


def test_what_is_under_way_is_said(world: World) -> None:
    running = world.add_task("Speed up src/lexer.py")
    world.claim("alice", "--role", "implementer")
    waiting = world.add_task("Rename things in src/lexer.py")
    other = world.add_task("Rename things in src/store.py")
    items = {item["task"]: item for item in world.ok("plan")["items"]}
    assert items[waiting]["kept_off"] == [{"task": running, "path": "src/lexer.py"}]
    assert items[other]["kept_off"] == [] and running not in items
    lines = world.andon("plan").out.splitlines()
    assert [f"{running} is at work on src/lexer.py" in x for x in lines if waiting in x] == [True]
    assert ["nothing before it" in x for x in lines if waiting in x or other in x] == [False, True]
    assert world.ok("plan", "--apply")["changed"] == 2
    assert world.ok("plan", "--apply")["changed"] == 0, "who is at work is not recorded"


def test_the_drawing(world: World) -> None:
    first = world.add_task("Change <src/parser.py> & more")
    world.add_task("Change src/parser.py and src/lexer.py, src/store.py")
    body = world.ok("plan", "--svg", "plan.svg")
    text = (world.path / "plan.svg").read_text()
    assert body["svg"].endswith("plan.svg")
    tree = ElementTree.fromstring(text)
    groups = [group.get("data-task") for group in tree.iter() if group.get("data-task")]
    assert first in groups and len(groups) == 2
    world.ok("plan", "--svg", "again.svg")
    assert (world.path / "again.svg").read_text() == text


def test_what_can_not_be_planned_is_refused_with_the_next_step(world: World) -> None:
    task = world.add_task("Change the app")
    for arguments, part in (
        (("plan", "T99"), "no task T99"),
        (("plan", "--workers", "0"), "0 workers"),
        (("plan", "--workers", "many"), "many"),
        (("plan", "--svg", "no/such/plan.svg"), "can't be written"),
        (("plan", "--clear", "--svg", "x.svg"), "can't be drawn"),
        (("plan", "--clear", "--apply"), "recorded or cleared, not both"),
    ):
        refused = world.andon(*arguments, "--json")
        assert refused.exit == 64 and part in refused.json["error"]["message"], arguments
        assert refused.json["error"]["next"], arguments
    unlabelled = world.andon("plan", "--label", "nosuch")
    assert unlabelled.exit == 0 and "none of 1 tasks has the label nosuch" in unlabelled.out
    world.claim("alice", "--role", "implementer")
    refused = world.andon("plan", task, "--json")
    assert refused.exit == 64 and "is running" in refused.json["error"]["message"]
    assert world.andon("plan").out.startswith("nothing to plan")


def test_the_history_is_mined_once_and_then_what_came_since(world: World) -> None:
    world.add_task("Balance brackets")
    assert world.ok("plan")["commits"] == 5
    file = world.path / ".git" / "andon" / "history.db"
    before = file.read_bytes()
    world.ok("plan")
    assert file.read_bytes() == before, "nothing was mined again"
    world.write("src/lexer.py", "# brackets\n")
    world.git("commit", "-q", "-a", "-m", "Lexer")
    assert world.ok("plan")["commits"] == 6
    world.git("commit", "-q", "--amend", "-m", "Lexer, said otherwise")
    assert world.ok("plan")["commits"] == 6, "rewritten history is mined anew"
    file.write_bytes(b"rubbish")
    assert world.ok("plan")["commits"] == 6


def test_names_that_a_task_has_point_to_the_files_that_define_them(world: World) -> None:
    world.write("src/store.py", "class LedgerStore:\n    def renew_holding(self):\n        pass\n")
    world.write("src/huge.py", "# " + "x" * 300_000 + "\ndef renew_huge():\n    pass\n")
    os.symlink("store.py", world.path / "src" / "link.py")
    world.git("add", ".")
    world.git("commit", "-q", "-m", "Things")
    task = world.add_task("Make renew_holding and renew_huge faster")
    [item] = world.ok("plan")["items"]
    first = item["predicted"][0]
    assert (first["path"], first["reason"]) == ("src/store.py", "defines renew_holding") and first["score"] > 0.5
    assert "src/store.py" in item["holds"] and "src/huge.py" not in paths({"items": [item]}, task)
    assert "src/link.py" not in paths({"items": [item]}, task)

    file = world.path / ".git" / "andon" / "definitions.db"
    before = file.read_bytes()
    world.ok("plan")
    assert file.read_bytes() == before, "nothing was read again"
    world.write("src/lexer.py", "def renew_holding():\n    pass\n")
    world.write("src/store.py", "class LedgerStore:\n    pass\n")
    world.git("commit", "-q", "-a", "-m", "Moved")
    assert paths(world.ok("plan"), task)[0] == "src/lexer.py", "names are those of the branch's head"
    world.git("reset", "-q", "--hard", "HEAD~1")
    assert paths(world.ok("plan"), task)[0] == "src/store.py"
    file.write_bytes(b"rubbish")
    assert paths(world.ok("plan"), task)[0] == "src/store.py"


def test_files_that_can_not_be_read_leave_the_plan_without_their_names(world: World) -> None:
    world.write("src/store.py", "def renew_holding():\n    pass\n")
    world.git("commit", "-q", "-a", "-m", "Things")
    world.add_task("Make renew_holding faster in src/parser.py")
    blob = world.git("rev-parse", "HEAD:src/lexer.py").strip()
    (world.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    result = world.andon("plan", "--json")
    assert result.exit == 0 and "names that they define" in result.err
    assert result.json["items"][0]["predicted"][0]["path"] == "src/parser.py"


def test_a_shallow_clone_is_planned_with_a_note(world: World, tmp_path: Path) -> None:
    world.git("clone", "-q", "--depth", "2", f"file://{world.path}", str(tmp_path / "shallow"))
    clone = World(path=tmp_path / "shallow", environment=world.environment)
    clone.git("config", "user.name", "Pat Person")
    clone.git("config", "user.email", "pat@example.com")
    assert clone.andon("init").exit == 0
    clone.add_task("Balance the brackets in src/parser.py")
    result = clone.andon("plan", "--json")
    assert result.exit == 0 and "git fetch --unshallow" in result.err
    assert result.json["commits"] == 1, "the edge of a shallow history changed nothing that is known"
    assert clone.ok("plan")["items"][0]["predicted"][0]["path"] == "src/parser.py"


def test_text_on_the_command_line_can_not_break_the_plan(world: World) -> None:
    task = world.add_task(
        "../../etc/passwd src//parser.py ./src/parser.py: {a}[b]*?\\ \u202e", "--body", "\t" * 50 + "x.y.z." * 200
    )
    assert paths(world.ok("plan"), task)[:1] == ["src/parser.py"]
    world.add_task(
        "Scope with odd globs", "--scope", "!src/**", "--scope", "[", "--scope", "**/*.py", "--scope", "nowhere/"
    )
    assert world.ok("plan", "--apply")["applied"]


def test_file_names_that_are_no_text_or_hold_lines(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    evil = "src/app\n  T9 after T8: all.py\tis yours.py"
    names = [os.path.join(os.fsencode(world.path), name) for name in (b"src/bad\xff.py", evil.encode(), b"src/good.py")]
    for number in range(30):
        for path in names:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(b"# %d\n" % number)
        world.git("add", ".")
        world.git("commit", "-q", "-m", f"Brackets are balanced, part {number}")
    one = world.add_task("Balance the brackets in src/good.py")
    two = world.add_task("Balance the other brackets in src/good.py")
    other = world.add_task("Print a table", "--scope", "docs/**")
    applied = world.ok("plan", "--apply")
    assert applied["changed"] == 3
    assert "src/bad?.py" in world.ok("task", "show", one)["predicted"]
    assert world.ok("task", "show", other)["wave"] == 1
    text = world.andon("plan", "--svg", "plan.svg").out
    assert "app\\n  T9 after" in text and "\n  T9 after" not in text and two in text
    ElementTree.parse(world.path / "plan.svg")
    # What is held so keeps others off the very file.
    declared = world.add_task("Mend it", "--scope", "src/**")
    world.ok("plan", "--clear", two)
    world.claim("alice", "--task", one)
    assert world.andon("next", "--task", declared, agent="bob").exit == 3
