"""Properties of import and export over any issues and any tasks: nothing is lost on the way there and back."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from andon.core import commands as c
from andon.core import state as s
from andon.engine import task_import
from andon.engine.services import Caller
from andon.engine.transact import Engine, Unit
from andon.exchange import beads, read
from andon.exchange.parts import SourceFile
from andon.store import rebuild
from andon.store.memory import MemoryStore

SEEDS = st.integers(0, 2**32)
PIECES = (
    "",
    "x",
    "a b",
    "- one\n- two",
    "* [ ] #1 three",
    "1. four",
    "line\n\nline",
    "\tü\x00",
    "# head",
    "- ",
    "  end  ",
    "🎯",
)


def words(dice: Random) -> str:
    return " ".join(dice.choices(PIECES, k=dice.randint(0, 3)))


def title_of(dice: Random) -> str:
    return dice.choice(("Fix it", "Ünïcode 🎯", "- [ ] box", '"quoted" \\', "x" * 500))


class Clock:
    def __init__(self) -> None:
        self.at = 1_000_000.0

    def now(self) -> float:
        self.at += 1.0
        return self.at


class Here:
    """As much of the engine's services as an import needs."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.engine = Engine(self.store, lambda _condition, _facts: False)
        self.clock = Clock()
        self.caller = Caller(agent="ann", cwd="/")

    def after(self, effects: Any) -> None:
        assert not list(effects)

    def say(self, line: str) -> None:
        pass

    def bring(self, lines: str) -> dict[str, Any]:
        foreign = read([SourceFile(name="i.jsonl", text=lines)], "beads")
        return task_import.apply(self, foreign, labels=(), draft=False, dry_run=False).body  # type: ignore[arg-type]

    def tasks(self) -> list[s.Task]:
        with self.store.read() as reader:
            loaded = [reader.load(str(row["id"])) for row in reader.tasks()]
        return [x.state for x in loaded if x is not None and isinstance(x.state, s.Task)]

    def out(self) -> str:
        return b"".join(beads.write(self.tasks())).decode()


def issues(dice: Random) -> list[dict[str, Any]]:
    """Issues as beads might write them, with all that it knows and something that it does not."""
    found: list[dict[str, Any]] = []
    for number in range(dice.randint(0, 6)):
        status = dice.choice(["open", "in_progress", "blocked", "deferred", "closed", "tombstone", "odd"])
        issue: dict[str, Any] = {"id": f"x-{number}", "title": title_of(dice), "status": status}
        issue["priority"] = dice.randint(0, 4)
        more: dict[str, Any] = {
            "description": words(dice),
            "design": words(dice),
            "notes": words(dice),
            "acceptance_criteria": words(dice),
            "issue_type": dice.choice(["task", "bug", "epic", "message"]),
            "assignee": words(dice),
            "labels": dice.sample(["a", "b", "ü c"], dice.randint(0, 3)),
            "external_ref": dice.choice([None, "gh-9"]),
            "metadata": {"tool": {"x": 1}},
            "estimated_minutes": dice.randint(0, 2**60),
            "whatever": dice.choice([None, True, 1.5, [[], {"y": "z"}]]),
        }
        issue |= {name: more[name] for name in dice.sample(sorted(more), dice.randint(0, len(more)))}
        if dice.random() < 0.5:
            kinds = ["blocks", "related", "parent-child", "waits-for", "conditional-blocks"]
            targets = dice.sample(range(number + 1), dice.randint(1, number + 1))
            issue["dependencies"] = [
                {
                    "issue_id": issue["id"],
                    "depends_on_id": f"x-{x}" if x != number else "gone-1",
                    "type": dice.choice(kinds),
                }
                for x in targets
            ]
        found.append(issue)
    return found


def lines_of(found: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(issue) + "\n" for issue in found)


@settings(max_examples=100, deadline=None)
@given(SEEDS)
def test_any_beads_come_back_as_they_were(seed: int) -> None:
    here, found = Here(), issues(Random(seed))
    here.bring(lines_of(found))
    assert [json.loads(line) for line in here.out().splitlines()] == found
    before = here.store.log_length()
    again = here.bring(lines_of(found))
    assert (again["added"], again["changed"], again["kept"], here.store.log_length()) == ([], [], [], before)
    assert rebuild.check(here.store) == []


@settings(max_examples=100, deadline=None)
@given(SEEDS)
def test_importing_a_changed_file_is_the_same_as_importing_it_at_once(seed: int) -> None:
    """Where nothing is changed here, the file alone decides; but what was closed once stays closed here."""
    here, fresh, dice = Here(), Here(), Random(seed)
    first, second = issues(dice), issues(dice)
    here.bring(lines_of(first))
    here.bring(lines_of(second))
    fresh.bring(lines_of(second))
    twice = {x.source: x for x in here.tasks()}
    for task in fresh.tasks():
        other = twice[task.source]
        if other.status == s.CANCELLED:
            continue
        same = ("title", "body", "acceptance", "priority", "status")
        assert {name: getattr(other, name) for name in same} == {name: getattr(task, name) for name in same}
        assert set(other.labels) == set(task.labels)
    open_again = {x["source"].removeprefix("beads:") for x in here.bring(lines_of(second))["kept"]}
    assert not open_again
    mine = {record["id"]: record for record in map(json.loads, here.out().splitlines())}
    closed_here = {x.source.removeprefix("beads:") for x in here.tasks() if x.status == s.CANCELLED}
    for issue in second:
        if issue["id"] not in closed_here or issue["status"] in ("closed", "tombstone"):
            assert mine[issue["id"]] == issue


def act(here: Here, unit: Unit, dice: Random) -> None:
    """One change by hand."""
    move = dice.choice(["add", "draft", "edit", "cancel", "after"])
    name, title, text = f"T{dice.randint(1, 5)}", title_of(dice), words(dice)
    listed = [words(dice) for _ in range(dice.randint(0, 3))]
    base: dict[str, Any] = {"at": here.clock.now(), "actor": "ann"}
    acceptance = tuple(x for x in listed if x.strip())
    loaded = unit.writer.load(name)
    if move in ("add", "draft"):
        made = unit.writer.next_id("task")
        labels = ("a",) if text else ()
        more = {"body": text, "acceptance": acceptance, "labels": labels, "draft": move == "draft"}
        unit.on_task(made, c.AddTask(**base, task=made, title=title, **more))
    elif loaded is not None and move == "edit":
        unit.on_task(name, c.EditTask(**base, title=title, scope=("src/**",), workflow="w"))
    elif loaded is not None and move == "cancel":
        unit.on_task(name, c.CancelTask(**base, reason=title))
    elif loaded is not None and move == "after" and name != "T1":
        unit.on_task(name, c.EditTask(**base, depends_on=("T1",)))


@settings(max_examples=100, deadline=None)
@given(SEEDS)
def test_from_here_to_elsewhere_and_back(seed: int) -> None:
    here, there, dice = Here(), Here(), Random(seed)
    for _ in range(dice.randint(0, 12)):
        here.engine.transact(lambda unit: act(here, unit, dice))
    first = here.out()
    there.bring(first)
    assert there.out() == first
    assert {x.title for x in there.tasks()} == {x.title for x in here.tasks()}
    kept = ("title", "body", "acceptance", "scope", "priority", "labels", "workflow", "status")
    for mine, other in zip(here.tasks(), there.tasks(), strict=True):
        assert {x: getattr(mine, x).strip() if x == "body" else getattr(mine, x) for x in kept} == {
            x: getattr(other, x) for x in kept
        }
