"""Export, import, archive, doctor, and a clock that jumps, through the command line."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.e2e.world import World

SITE = """
import os, time
if "FAKE_OFFSET_S" in os.environ:
    real = time.time
    time.time = lambda: real() + float(os.environ["FAKE_OFFSET_S"])
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path, isolation="process", implement_gates="[scope]", done="[review]")


def database(world: World) -> Path:
    return world.path / ".git/andon/andon.db"


def landed(world: World) -> str:
    """One task, all the way."""
    task = world.add_task("The first")
    world.implement()
    world.review()
    world.ok("lead")
    return task


def another(world: World, tmp_path: Path, name: str = "other") -> World:
    path = tmp_path / name
    world.git("clone", "-q", str(world.path), str(path))
    return World(path=path, environment=world.environment)


class TestTransfer:
    def test_a_workspace_moves(self, world: World, tmp_path: Path) -> None:
        landed(world)
        world.add_task("The second", "--after", "T1")
        claim = world.claim("carol")
        world.ok("ask", "Which colour?", agent="carol", cwd=claim["workdir"])
        wrote = world.ok("export", str(tmp_path / "all.jsonl"))
        assert wrote["counts"]["events"] > 20
        other = another(world, tmp_path)
        read = other.ok("import", str(tmp_path / "all.jsonl"))
        assert (read["digest"], read["identical"]) == (wrote["digest"], False)
        again = other.andon("export")
        assert (again.exit, again.out) == (0, (tmp_path / "all.jsonl").read_text())
        for words in (("task", "list"), ("run", "list"), ("log", "R1"), ("log",), ("status",), ("inbox",)):
            assert other.ok(*words) == world.ok(*words), words
        assert other.ok("import", str(tmp_path / "all.jsonl"))["identical"]
        result = other.andon("init", "--json")
        assert (result.exit, result.json["key"]) == (0, None)
        assert "nothing can land yet" in result.err
        # The keys and the evidence travel on their own: the one in secret, the other with the repository.
        shutil.copytree(
            os.path.join(os.path.dirname(database(world)), "keys"), os.path.dirname(database(other)) + "/keys"
        )
        other.git("fetch", "-q", str(world.path), "refs/andon/evidence/*:refs/andon/evidence/*")
        assert other.ok("init")["key"]
        assert other.andon("doctor").exit == 0
        assert other.ok("show", "R1")["commit"] == world.head()

    def test_through_a_pipe(self, world: World, tmp_path: Path) -> None:
        world.add_task()
        text = world.andon("export").out
        other = another(world, tmp_path)
        result = other.andon("import", "-", "--json", input=text)
        assert (result.exit, result.json["lines"]) == (0, text.count("\n") - 1)
        assert other.andon("export", "-").out == text

    def test_refusals_name_what_to_do(self, world: World, tmp_path: Path) -> None:
        world.add_task()
        text = world.andon("export").out
        result = world.andon("export", "--json")
        assert (result.exit, result.kind) == (64, "usage")
        (tmp_path / "cut.jsonl").write_text(text[:-30])
        other = another(world, tmp_path)
        result = other.andon("import", str(tmp_path / "cut.jsonl"), "--json")
        assert (result.exit, result.kind) == (64, "truncated")
        assert other.andon("import", str(tmp_path / "none"), "--json").exit == 64
        assert world.andon("export", str(tmp_path / "no/where.jsonl"), "--json").exit == 64
        other.add_task("Something else") if other.andon("init").exit == 0 else None
        result = other.andon("import", "-", "--json", input=text)
        assert (result.exit, result.kind) == (1, "not_empty")

    def test_a_file_appears_when_it_is_whole(self, world: World, tmp_path: Path) -> None:
        world.add_task()
        (tmp_path / "all.jsonl").write_text("an older backup\n")
        base = sqlite3.connect(database(world))
        base.execute("UPDATE settings SET value = CAST(x'ff' AS TEXT) WHERE key = 'target'")
        base.commit()
        base.close()
        assert world.andon("export", str(tmp_path / "all.jsonl")).exit == 6
        assert (tmp_path / "all.jsonl").read_text() == "an older backup\n"
        assert sorted(x.name for x in tmp_path.glob("all*")) == ["all.jsonl"]


class TestArchive:
    def test_a_landed_run_is_still_known(self, world: World, tmp_path: Path) -> None:
        task = landed(world)
        before = {words: world.ok(*words) for words in (("show", "R1"), ("log", "R1"), ("log", task), ("show", task))}
        assert world.ok("archive")["runs"] == 0, "it ended a moment ago"
        assert world.ok("archive", "--older-than", "0s", "--dry-run")["runs"] == 1
        done = world.ok("archive", "--older-than", "0s", "--compact")
        assert (done["runs"], done["compacted"]) == (1, True)
        assert {words: world.ok(*words) for words in before} == before
        everything = world.andon("log")
        assert "1 runs are archived" in everything.err
        assert "LandingPrepared" not in everything.out
        doctor = world.ok("doctor")
        assert [x["ok"] for x in doctor["checks"] if x["check"] in ("archives", "log and projections")] == [True, True]
        world.add_task("The second", "--after", task)
        assert world.claim("carol")["task"] == "T2"
        text = world.andon("export").out
        other = another(world, tmp_path)
        assert other.andon("import", input=text).exit == 0
        assert other.andon("export").out == text
        assert other.ok("log", "R1") == before[("log", "R1")]

    def test_bad_ages(self, world: World) -> None:
        assert world.andon("archive", "--older-than", "-1s", "--json").exit == 64
        assert world.andon("archive", "--older-than", "soon", "--json").exit == 64
        assert world.andon("archive", "--older-than", "nan", "--json").exit == 64


class TestDamage:
    def test_the_log_goes_on_behind_a_damaged_event(self, world: World) -> None:
        for number in range(3):
            world.add_task(f"Task {number}")
        base = sqlite3.connect(database(world))
        base.execute("UPDATE events SET data = '{\"type\":\"Odd\"}' WHERE stream = 'T2'")
        base.commit()
        base.close()
        result = world.andon("log", "--json")
        assert result.exit == 1
        assert [x["type"] for x in result.json["items"]] == ["TaskAdded", "unreadable", "TaskAdded"]
        assert "event 1 of T2" in result.json["items"][1]["data"]["problem"]
        assert result.kind == "corrupt"
        text = world.andon("log")
        assert (text.exit, text.out.count("TaskAdded"), "event 1 of T2" in text.err) == (1, 2, True)
        assert world.andon("log", "T2").exit == 1
        assert world.andon("log", "T3").exit == 0
        assert world.andon("log", "T9").exit == 64

    def test_doctor_says_what_to_do_about_a_damaged_file(self, world: World) -> None:
        landed(world)
        before = world.ok("log", "R1")
        path = database(world)
        base = sqlite3.connect(path)
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = base.execute("SELECT rootpage FROM sqlite_master WHERE name = 'runs'").fetchone()
        base.close()
        with path.open("r+b") as file:
            file.seek((root - 1) * 4096)
            file.write(b"\xa5" * 4096)
        result = world.andon("run", "list", "--json")
        assert (result.exit, result.kind, result.json["error"]["next"]) == (6, "corrupt", "andon doctor")
        doctor = world.andon("doctor", "--json")
        assert doctor.exit == 1
        checks = {x["check"]: x for x in doctor.json["checks"]}
        assert not checks["database"]["ok"]
        assert "--salvage" in checks["database"]["next"]
        assert checks["isolation process"]["ok"], "what needs no database is checked all the same"
        saved = world.ok("doctor", "--salvage")
        assert saved["salvage"]["lost"] == []
        assert os.path.exists(os.path.join(saved["salvage"]["kept"], "andon.db"))
        assert world.ok("log", "R1") == before
        assert world.andon("doctor").exit == 0

    def test_nothing_mends_an_event_that_is_lost_and_its_state_is_kept(self, world: World) -> None:
        world.add_task("The first")
        base = sqlite3.connect(database(world))
        base.execute("UPDATE events SET data = '{' WHERE stream = 'T1'")
        base.commit()
        base.close()
        for option in ([], ["--mend"], ["--salvage"]):
            done = world.andon("doctor", *option, "--json")
            check = next(x for x in done.json["checks"] if x["check"] == "log and projections")
            assert (done.exit, check["ok"], "event 1 of T1" in check["message"]) == (1, False, True), check
            assert "andon import" in check["next"] and "--mend" not in check["next"]
        assert done.json["salvage"]["lost"]
        assert [x["title"] for x in world.ok("task", "list")["items"]] == ["The first"]

    def test_a_sound_database_is_not_replaced(self, world: World) -> None:
        world.add_task("Only one")
        assert "salvage" not in world.andon("doctor", "--salvage", "--json").json
        assert not list(database(world).parent.glob("andon.db.damaged-*"))

    def test_a_destroyed_header(self, world: World) -> None:
        world.add_task("Only one")
        base = sqlite3.connect(database(world))
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        base.close()
        with database(world).open("r+b") as file:
            file.write(b"\xa5" * 100)
        result = world.andon("task", "list", "--json")
        assert (result.exit, result.kind) == (6, "corrupt")
        assert world.andon("doctor", "--json").exit == 1
        assert world.andon("doctor", "--salvage").exit == 0
        assert [x["title"] for x in world.ok("task", "list")["items"]] == ["Only one"]

    @pytest.mark.parametrize("how", ["deleted", "emptied"])
    def test_a_lost_database_is_no_fresh_start(self, world: World, how: str) -> None:
        world.add_task()
        if how == "deleted":
            database(world).unlink()
        else:
            os.truncate(database(world), 0)
        for words in (("status",), ("next",), ("task", "list"), ("init",), ("inbox",), ("export", "x")):
            result = world.andon(*words, "--json")
            assert (result.exit, result.kind) == (6, "database_gone"), (words, result.out, result.err)
        for path in database(world).parent.glob("andon.db*"):
            path.unlink()
        assert world.andon("init").exit == 0, "what the error says works"


class TestClock:
    def shifted(self, world: World, tmp_path: Path, seconds: float) -> dict[str, str]:
        site = tmp_path / "site"
        site.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(SITE)
        return {"PYTHONPATH": f"{site}:{world.environment['PYTHONPATH']}", "FAKE_OFFSET_S": str(seconds)}

    def test_forward_expires_leases_and_doubles_nothing(self, world: World, tmp_path: Path) -> None:
        world.add_task()
        first = world.claim("alice")
        later = self.shifted(world, tmp_path, 86_400)
        second = world.claim("bob", **later)
        assert (second["run"], second["lease"]["token"]) == (first["run"], first["lease"]["token"] + 1)
        # The clock is set right again: alice is fenced whatever it says.
        assert world.andon("advance", agent="alice", cwd=first["workdir"]).exit == 4
        assert world.andon("next", "--json", agent="alice").exit == 3
        world.write("app.txt", "two\n", Path(second["workdir"]))
        world.ok("advance", agent="bob", cwd=second["workdir"])
        doctor = world.ok("doctor")
        assert doctor["checks"][1]["ok"]
        events = world.events(first["run"])
        assert events.count("StepFinished") == 1

    def test_backward_leaves_no_endless_lease(self, world: World, tmp_path: Path) -> None:
        world.add_task()
        year = 365 * 86_400
        ahead = world.claim("alice", **self.shifted(world, tmp_path, year))
        # The clock is right again, and alice's lease would last a year. Whoever comes by cuts it to its length.
        assert world.andon("next", "--json", agent="bob").exit == 3
        lease = json.loads(world.andon("heartbeat", "--json", agent="alice", cwd=ahead["workdir"]).out)["lease"]
        assert lease["token"] == ahead["lease"]["token"]
        assert lease["expires_at"][:4] != ahead["lease"]["expires_at"][:4]
        # Alice is dead; ten minutes later bob gets the step.
        claim = world.claim("bob", **self.shifted(world, tmp_path, 601 + 600))
        assert claim["lease"]["token"] == ahead["lease"]["token"] + 1
        assert world.andon("advance", agent="alice", cwd=ahead["workdir"]).exit == 4
        assert world.ok("doctor")["checks"][1]["ok"]
        log = world.ok("log", ahead["run"])["items"]
        assert [x["seq"] for x in log] == list(range(1, len(log) + 1)), "the order is that of the log, not of the clock"


def test_doctor_counts_the_worktrees_of_runs_that_ended_just_now(tmp_path: Path) -> None:
    world = World.make(tmp_path, isolation="process")
    world.add_task()
    workdir = Path(world.implement()["workdir"])
    world.review()
    assert world.ok("lead")["landed"]
    checks = {x["check"]: x for x in world.ok("doctor")["checks"]}
    assert checks["worktrees"]["message"] == "2 of ended runs; the lead removes each 60 minutes after its run ended"
    assert "andon verify COMMIT" in checks["evidence"]["message"]
    assert workdir.is_dir()
    world.ok("doctor", "--mend")
    assert not workdir.exists()
    message = {x["check"]: x["message"] for x in world.ok("doctor")["checks"]}["worktrees"]
    assert message == "none is left over"
