"""What one repository found out reaches the others of its workspace; and a workspace that is gone stops nobody."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.world import World

SECTION = "## What is known here"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The workspace's directory, not made yet."""
    return tmp_path / "factory"


@pytest.fixture
def api(tmp_path: Path) -> World:
    (tmp_path / "one").mkdir()
    return World.make(tmp_path / "one", isolation="process")


@pytest.fixture
def web(tmp_path: Path) -> World:
    (tmp_path / "two").mkdir()
    return World.make(tmp_path / "two", isolation="process")


@pytest.fixture
def both(api: World, web: World, place: Path) -> tuple[World, World]:
    """Two repositories of one workspace."""
    api.ok("init", "--workspace", str(place))
    api.ok("repo", "add", "--workspace", str(place), "--name", "api")
    web.ok("repo", "add", "--workspace", str(place), "--name", "web")
    for world in (api, web):
        done = world.person("config", "set", "knowledge.holdout", "0")
        assert done.exit == 0, done.out
    return api, web


def ids(world: World, *more: str) -> list[str]:
    return [x["id"] for x in world.ok("learn", "list", *more)["items"]]


def states(world: World, *more: str) -> dict[str, str]:
    return {x["repository"]: x["state"] for x in world.ok("repo", "list", *more)["items"]}


class TestRegistry:
    def test_make_add_list_remove(self, api: World, web: World, place: Path) -> None:
        made = api.ok("init", "--workspace", str(place))
        assert (made["made"], made["workspace"]) == (True, str(place))
        again = api.ok("init", "--workspace", str(place))
        assert (again["made"], again["identity"]) == (False, made["identity"])
        assert states(api, "--workspace", str(place)) == {}
        added = api.ok("repo", "add", str(api.path), "--workspace", str(place))
        assert [(x["repository"], x["path"], x["state"]) for x in added["items"]] == [("repo", str(api.path), "ok")]
        assert api.git("config", "andon.workspace") == str(place)
        # Again is no harm; another one can't have its name.
        assert api.ok("repo", "add")["items"] == added["items"]
        refused = web.andon("repo", "add", "--workspace", str(place), "--json")
        assert (refused.exit, refused.kind) == (64, "name_taken"), refused.out
        assert "--name" in refused.json["error"]["next"]
        web.ok("repo", "add", "--workspace", str(place), "--name", "web")
        assert states(web) == states(api) == {"repo": "ok", "web": "ok"}
        # From the workspace itself, too.
        assert states(api, "--workspace", str(place)) == {"repo": "ok", "web": "ok"}
        listed = api.andon("repo", "list", cwd=place)
        assert (listed.exit, "web" in listed.out) == (0, True), listed.err
        removed = web.ok("repo", "remove")
        assert [x["state"] for x in removed["items"]] == ["removed"]
        assert web.git("config", "--get", "andon.workspace", check=False) == ""
        assert states(api) == {"repo": "ok"}
        # A name is one repository's for good.
        refused = web.andon("repo", "add", "--workspace", str(place), "--name", "repo", "--json")
        assert (refused.exit, refused.kind) == (64, "name_taken")
        assert web.ok("repo", "add", "--workspace", str(place), "--name", "web")["items"][0]["state"] == "ok"
        api.ok("repo", "remove", "web")
        assert web.git("config", "--get", "andon.workspace", check=False) == ""

    @pytest.mark.parametrize(
        ("args", "words"),
        [
            (["repo", "add"], "which workspace"),
            (["repo", "list"], "which workspace"),
            (["repo", "remove"], "which workspace"),
            (["repo", "add", "--workspace", "nowhere"], "no workspace at"),
            (["repo", "add", "--workspace", "{place}", "--name", "a b"], "no name for a repository"),
            (["repo", "add", "/", "--workspace", "{place}"], "not in a git repository"),
            (["repo", "add", ".", ".", "--name", "x", "--workspace", "{place}"], "for one repository"),
            (["repo", "remove", "gone", "--workspace", "{place}"], "no repository gone"),
            (["init", "--workspace", ".git/andon"], "store of one repository"),
            (["init", "--workspace", "app.txt"], "no directory"),
            (["init", "--workspace", "."], "inside the repository"),
            (["init", "--workspace", "tests/new/er"], "inside the repository"),
            (["init", "--workspace", ".git"], "inside the repository"),
            (["init", "--workspace", ".git/hooks"], "inside the repository"),
            (["init", "--workspace", ""], "no directory is named"),
            (["repo", "list", "--workspace", ""], "no directory is named"),
            (["repo", "add", "", "--workspace", "{place}", "--name", ""], "no name"),
            (["export", "x.jsonl", "--workspace", ".git/andon"], "store of one repository"),
            (["init", "--workspace", "{place}", "--commit"], "commit"),
        ],
    )
    def test_bad_input(self, api: World, place: Path, args: list[str], words: str) -> None:
        api.ok("init", "--workspace", str(place))
        result = api.andon(*(x.format(place=place) for x in args), "--json")
        assert result.exit in (6, 64), result.out
        assert words in result.json["error"]["message"]
        assert result.json["error"]["next"]

    def test_no_workspace_inside_a_repository(self, api: World, place: Path) -> None:
        api.git("worktree", "add", "-q", "--detach", str(place))
        for inside in (place, place / "tests", api.path / "sub"):
            refused = api.andon("init", "--workspace", str(inside), "--json")
            assert (refused.exit, refused.kind) == (64, "inside_repository"), refused.out
            assert not (inside / "andon.db").exists() and not (inside / "andon.db.lock").exists()
        refused = api.andon("import", "x.jsonl", "--workspace", str(place), "--json")
        assert (refused.exit, refused.kind) == (64, "inside_repository"), refused.out
        assert api.git("status", "--porcelain", cwd=place) == ""
        proposed = refused.json["error"]["next"].split()[-1]
        assert api.ok("init", "--workspace", proposed)["made"]

    def test_a_place_makes_no_repository_another_one(self, both: tuple[World, World], place: Path) -> None:
        api, web = both
        shutil.rmtree(web.path)
        here = World(path=web.path, environment=api.environment)
        api.path.rename(here.path)
        before = states(here)
        for command in (["add"], ["remove"], ["add", "--name", "api"]):
            refused = here.andon("repo", *command, "--json")
            assert refused.exit == 64, refused.out
            assert "andon repo remove web" in refused.json["error"]["next"]
            assert states(here) == before == {"api": "missing", "web": "unset"}
            assert here.git("config", "andon.repository") == "api"
        here.ok("repo", "remove", "web")
        here.ok("repo", "add")
        assert states(here) == {"api": "ok"}
        assert here.git("config", "andon.repository") == "api"

    def test_two_that_changed_places(self, both: tuple[World, World], tmp_path: Path) -> None:
        api, web = both
        for source, target in ((api.path, tmp_path / "x"), (web.path, api.path), (tmp_path / "x", web.path)):
            source.rename(target)
        assert states(api) == {"api": "unset", "web": "unset"}
        refused = web.andon("repo", "add", "--json")
        assert (refused.exit, refused.kind) == (64, "other_repository")
        web.ok("repo", "remove", "web")
        web.ok("repo", "add")
        api.ok("repo", "add")
        assert states(api) == {"api": "ok", "web": "ok"}
        assert (api.git("config", "andon.repository"), web.git("config", "andon.repository")) == ("web", "api")

    def test_who_says_outright_that_it_is_another_one_becomes_it(self, both: tuple[World, World]) -> None:
        api, web = both
        shutil.rmtree(web.path)
        here = World(path=web.path, environment=api.environment)
        api.path.rename(here.path)
        here.ok("repo", "add", "--name", "web")
        assert states(here) == {"api": "missing", "web": "ok"}

    def test_the_workspace_moves(self, both: tuple[World, World], place: Path) -> None:
        api, web = both
        api.ok("learn", "x holds", "--scope", "workspace")
        new = place.with_name("elsewhere")
        place.rename(new)
        assert "left out" in api.andon("learn", "list").err
        for world in both:
            world.ok("repo", "add", "--workspace", str(new))
        assert states(web) == {"api": "ok", "web": "ok"}
        assert ids(api) == ["W1"]
        assert not place.exists()

    def test_one_workspace_at_a_time(self, api: World, tmp_path: Path) -> None:
        for name in ("a", "b"):
            api.ok("init", "--workspace", str(tmp_path / name))
        api.ok("repo", "add", "--workspace", str(tmp_path / "a"))
        refused = api.andon("repo", "add", "--workspace", str(tmp_path / "b"), "--json")
        assert (refused.exit, refused.kind) == (64, "other_workspace")
        api.ok("repo", "remove")
        api.ok("repo", "add", "--workspace", str(tmp_path / "b"))

    def test_what_is_wrong_with_one_stops_no_other(self, api: World, web: World, place: Path) -> None:
        api.ok("init", "--workspace", str(place))
        done = api.andon("repo", "add", "/", str(web.path), "--workspace", str(place), "--json")
        assert (done.exit, done.json["ok"], len(done.json["items"])) == (64, False, 1), done.out
        assert states(web) == {"repo": "ok"}

    def test_agents_do_not_move_repositories(self, api: World, place: Path) -> None:
        api.ok("init", "--workspace", str(place))
        refused = api.andon("repo", "add", "--workspace", str(place), "--json", agent="alice")
        assert (refused.exit, refused.kind) == (5, "not_a_person")
        api.ok("repo", "add", "--workspace", str(place))
        refused = api.andon("repo", "remove", "--json", agent="alice")
        assert (refused.exit, refused.kind) == (5, "not_a_person")

    def test_moved_copied_and_deleted(self, both: tuple[World, World], place: Path, tmp_path: Path) -> None:
        api, web = both
        # A copy says the same as the original, and is not it.
        copy = World(path=tmp_path / "copy", environment=api.environment)
        shutil.copytree(api.path, copy.path)
        listed = copy.andon("learn", "list", "--json")
        assert (listed.exit, "registered" in listed.err) == (0, True), listed.err
        refused = copy.andon("repo", "add", "--json")
        assert (refused.exit, refused.kind) == (64, "name_taken")
        copy.ok("repo", "add", "--name", "copy")
        assert states(api) == {"api": "ok", "web": "ok", "copy": "ok"}
        # What moved says so itself, once it is asked to.
        moved = World(path=tmp_path / "moved", environment=web.environment)
        web.path.rename(moved.path)
        assert states(api)["web"] == "missing"
        refused = moved.andon("learn", "x holds", "--scope", "workspace", "--json")
        assert (refused.exit, refused.kind) == (6, "workspace_unavailable")
        moved.ok("repo", "add")
        assert states(api)["web"] == "ok"
        moved.ok("learn", "x holds", "--scope", "workspace")
        # What is gone is missing, stops nobody, and can be taken out of the list.
        shutil.rmtree(moved.path)
        assert states(api)["web"] == "missing"
        assert ids(api) == ["W1"]
        checked = api.ok("doctor")["checks"]
        assert [x.get("warning") for x in checked if x["check"] == "workspace"] == [True]
        api.ok("repo", "remove", "web")
        assert states(api) == {"api": "ok", "copy": "ok"}
        # Who takes its name says that it is the same.
        fresh = World(path=tmp_path / "web", environment=web.environment)
        api.git("clone", "-q", str(api.path), str(fresh.path))
        refused = fresh.andon("repo", "add", "--workspace", str(place), "--json")
        assert (refused.exit, refused.kind) == (64, "name_taken")
        fresh.ok("repo", "add", "--workspace", str(place), "--name", "web")
        assert states(api) == {"api": "ok", "copy": "ok", "web": "ok"}

    def test_killed_between_registry_and_repository(self, api: World, place: Path) -> None:
        api.ok("init", "--workspace", str(place))
        script = "import os\nfrom andon.git import membership\nmembership.write = lambda *_: os.kill(os.getpid(), 9)\n"
        script += f"import sys\nsys.argv = ['andon', 'repo', 'add', '--workspace', {str(place)!r}]\n"
        script += "from andon.cli import main\nmain()\n"
        killed = subprocess.run([sys.executable, "-c", script], cwd=api.path, env=api.environment, capture_output=True)
        assert killed.returncode == -9, killed.stderr
        assert states(api, "--workspace", str(place)) == {"repo": "unset"}
        assert api.ok("learn", "x holds", "--scope", "workspace")["learning"] == "L1"
        assert api.ok("repo", "add", "--workspace", str(place))["items"][0]["state"] == "ok"
        assert api.ok("learn", "y holds", "--scope", "workspace")["learning"] == "W1"


class TestLearnings:
    def test_what_reaches_beyond_is_told_in_the_other(self, both: tuple[World, World]) -> None:
        api, web = both
        task = api.add_task()
        claim = api.claim("alice")
        made = api.ok("learn", "the app needs sh", "--scope", "workspace", agent="alice", cwd=claim["workdir"])
        assert (made["learning"], made["store"]) == ("W1", "workspace")
        api.ok("learn", "app.txt is sorted", "--scope", "path:app.txt", agent="alice")
        api.ok("learn", "banner texts are loud", "--scope", "label:banner", agent="alice")
        shown = web.ok("learn", "show", "W1")
        expected = {"agent": "alice", "task": task, "run": claim["run"], "step": "implement", "commit": claim["base"]}
        expected |= {"repository": "api", "store": "workspace"}
        assert {key: shown[key] for key in expected} == expected
        assert web.ok("show", "W1")["kind"] == "learning"
        assert web.events("W1") == ["LearningRecorded"]
        assert (ids(api), ids(web)) == (["L1", "W1", "W2"], ["W1", "W2"])
        assert "FROM" in api.andon("learn", "list").out
        web.add_task("Make the app loud: it needs sh", "--scope", "app.txt", "--label", "banner")
        told = web.claim("bob")
        known = told["brief"][told["brief"].index(SECTION) :]
        assert "> the app needs sh" in known and "> banner texts are loud" in known and "in api" in known
        assert "app.txt is sorted" not in known
        again = web.ok("brief", agent="bob", cwd=told["workdir"])["brief"]
        assert again[again.index(SECTION) :] == known
        items = web.ok("inject", "app needs sh", agent="bob")["items"]
        assert [(x["id"], x["repository"]) for x in items] == [("W1", "api")]

    def test_both_stores_are_ranked_as_one(self, both: tuple[World, World]) -> None:
        api, web = both
        for number in range(6):
            web.ok("learn", f"the parser is slow on file {number}", agent="bob")
        api.ok("learn", "the parser reads bytes", "--scope", "workspace", agent="alice")
        web.ok("learn", "the parser reads text only", "--contradicts", "W1", agent="bob")
        told = web.ok("inject", "parser reads bytes", agent="carol")["items"]
        assert (told[0]["id"], told[0]["against"]) == ("L7", ["W1"])
        assert "W1" not in [x["id"] for x in told]
        reasons = {x["id"]: x["reasons"] for x in web.ok("learn", "--review")["items"]}
        assert reasons["W1"] == reasons["L7"] == ["contradicted", "unreviewed"]
        web.ok("learn", "--review", "--accept", "W1", "--retire", "L1")
        told = web.ok("inject", "parser reads bytes", agent="carol")["items"]
        assert (told[0]["id"], told[0]["against"]) == ("W1", ["L7"])
        # The other repository knows nothing of web's own; what a person accepted holds there, too.
        assert api.ok("learn", "show", "W1")["reviewed_by"]
        refused = api.andon("learn", "retire", "W1", "--json", agent="alice")
        assert (refused.exit, refused.kind) == (5, "not_a_person")

    def test_the_wider_takes_the_narrowers_place(self, both: tuple[World, World]) -> None:
        api, _web = both
        api.ok("learn", "the build needs sh", agent="alice")
        made = api.ok("learn", "all builds need sh", "--scope", "workspace", "--supersedes", "L1", agent="bob")
        assert (made["learning"], made["supersedes"]) == ("W1", ["L1"])
        old = api.ok("learn", "show", "L1")
        assert (old["status"], old["superseded_by"]) == ("retired", "W1")
        refused = api.andon("learn", "only here", "--supersedes", "W1", "--json", agent="bob")
        assert (refused.exit, refused.kind) == (64, "bad_learning")
        for args in (["edit", "W1", "--scope", "repo"], ["edit", "L2", "--scope", "workspace"]):
            api.ok("learn", "the parser is fast", agent="bob")
            refused = api.andon("learn", *args, "--json", agent="bob")
            assert (refused.exit, refused.kind) == (64, "bad_learning"), refused.out
        assert api.ok("learn", "edit", "W1", "--text", "all builds need bash", agent="bob")["text"].endswith("bash")
        assert api.ok("doctor")["ok"]

    def test_an_accepted_one_waits_for_a_person(self, both: tuple[World, World]) -> None:
        api, _web = both
        api.ok("learn", "the build needs sh")
        api.ok("learn", "all builds need sh", "--scope", "workspace", "--supersedes", "L1", agent="bob")
        assert ids(api) == ["L1", "W1"]
        assert [x["id"] for x in api.ok("inject", "build needs sh", agent="carol")["items"]] == ["L1"]
        api.ok("learn", "confirm", "W1")
        assert ids(api) == ["W1"]

    def test_killed_between_the_two_stores(self, both: tuple[World, World]) -> None:
        api, _web = both
        api.ok("learn", "the build needs sh", agent="alice")
        words = ["learn", "all builds need sh", "--scope", "workspace", "--supersedes", "L1", "--key", "k"]
        script = "import os\nfrom andon.engine import homes\nhomes.finish = lambda *_: os.kill(os.getpid(), 9)\n"
        script += f"import sys\nsys.argv = {['andon', *words]!r}\nfrom andon.cli import main\nmain()\n"
        environment = api.environment | {"ANDON_AGENT": "bob"}
        killed = subprocess.run([sys.executable, "-c", script], cwd=api.path, env=environment, capture_output=True)
        assert killed.returncode == -9, killed.stderr
        # One of them is told, whichever store is asked first; the same again, or doctor, finishes it.
        assert ids(api) == ["W1"]
        assert [x["id"] for x in api.ok("inject", "build needs sh", agent="carol")["items"]] == ["W1"]
        assert api.ok("learn", "show", "L1")["status"] == "active"
        found = next(x for x in api.andon("doctor", "--json").json["checks"] if x["check"] == "workspace")
        assert not found["ok"] and "L1" in found["message"], found
        assert api.ok(*words, agent="bob")["learning"] == "W1"
        assert api.ok("learn", "show", "L1")["superseded_by"] == "W1"
        assert api.ok("doctor")["ok"]

    def test_doctor_finishes_what_was_killed(self, both: tuple[World, World]) -> None:
        api, _web = both
        api.ok("learn", "the build needs sh", agent="alice")
        script = "import os\nfrom andon.engine import homes\nhomes.finish = lambda *_: os.kill(os.getpid(), 9)\n"
        words = ["learn", "all builds need sh", "--scope", "workspace", "--supersedes", "L1"]
        script += f"import sys\nsys.argv = {['andon', *words]!r}\nfrom andon.cli import main\nmain()\n"
        killed = subprocess.run([sys.executable, "-c", script], cwd=api.path, env=api.environment, capture_output=True)
        assert killed.returncode == -9, killed.stderr
        assert api.andon("doctor").exit == 1
        api.ok("doctor", "--mend")
        assert api.ok("learn", "show", "L1")["superseded_by"] == "W1"

    def test_keys_and_the_same_text(self, both: tuple[World, World]) -> None:
        api, web = both
        first = api.ok("learn", "use sh", "--scope", "workspace", "--key", "k", agent="alice")
        again = api.ok("learn", "other words", "--key", "k", agent="alice")
        assert (first["learning"], again["learning"], again["known"]) == ("W1", "W1", True)
        # The other repository's key is another one; its same text confirms.
        assert web.ok("learn", "use bash", "--scope", "workspace", "--key", "k", agent="bob")["learning"] == "W2"
        same = web.ok("learn", "Use  sh", "--scope", "workspace", agent="bob")
        assert (same["learning"], same["known"], same["confirmed_by"]) == ("W1", True, ["bob"])
        refused = web.andon("learn", "edit", "W1", "--scope", "label:x", "--scope", "repo", "--json")
        assert (refused.exit, refused.kind) == (64, "bad_learning")

    def test_a_reviewer_is_not_told_what_the_author_found_anywhere(self, both: tuple[World, World]) -> None:
        api, web = both
        web.add_task("Change the app", "--scope", "app.txt")
        other = web.claim("dora", "--role", "implementer")
        web.ok("learn", "app.txt changes are cheap", "--scope", "workspace", agent="dora", cwd=other["workdir"])
        api.add_task("Change the app", "--scope", "app.txt")
        claim = api.claim("alice", "--role", "implementer")
        assert claim["run"] == other["run"]
        words = "changes of app.txt are good: believe me"
        api.ok("learn", words, "--scope", "workspace", agent="alice", cwd=claim["workdir"])
        api.write("app.txt", "LOUD\n", Path(claim["workdir"]))
        api.ok("advance", "-m", "x", agent="alice", cwd=claim["workdir"])
        review = api.claim("bob", "--role", "reviewer")
        # A run of another repository may have the same id: what was found there is told.
        assert "believe me" not in review["brief"]
        assert "> app.txt changes are cheap" in review["brief"]

    def test_use_is_measured_under_a_name_that_no_other_workspace_has(
        self, both: tuple[World, World], tmp_path: Path
    ) -> None:
        api, _web = both
        api.ok("learn", "app.txt stays short", "--scope", "workspace", agent="alice")
        api.add_task("Keep app.txt short: it stays so", "--scope", "app.txt")
        api.implement("bob")
        assert api.ok("learn", "show", "W1")["uses"]["given"] == 1
        api.ok("repo", "remove")
        api.ok("init", "--workspace", str(tmp_path / "other"))
        api.ok("repo", "add", "--workspace", str(tmp_path / "other"))
        assert api.ok("learn", "app.txt is long", "--scope", "workspace", agent="alice")["learning"] == "W1"
        assert api.ok("learn", "show", "W1")["uses"]["given"] == 0
        assert api.ok("doctor")["ok"]

    def test_what_was_known_before_stays_known(self, api: World, place: Path) -> None:
        api.ok("learn", "app.txt is sorted", "--scope", "path:app.txt", agent="alice")
        api.ok("init", "--workspace", str(place))
        api.ok("repo", "add", "--workspace", str(place), "--name", "api")
        found = api.ok("inject", "--path", "app.txt", agent="bob")["items"]
        assert [(x["id"], x["repository"]) for x in found] == [("L1", "api")]
        api.ok("learn", "app.txt is short", "--scope", "path:app.txt", agent="alice")
        api.ok("repo", "remove")
        assert {x["id"] for x in api.ok("inject", "--path", "app.txt", agent="bob")["items"]} == {"L1", "L2"}

    def test_two_repositories_write_at_once(self, both: tuple[World, World]) -> None:
        running = []
        for number in range(12):
            world = both[number % 2]
            words = [sys.executable, "-m", "andon", "learn", f"fact {number}", "--scope", "workspace"]
            environment = world.environment | {"ANDON_AGENT": f"a{number}"}
            running.append(subprocess.Popen(words, cwd=world.path, env=environment, stdout=subprocess.DEVNULL))
        assert [process.wait(timeout=60) for process in running] == [0] * 12
        found = both[0].ok("learn", "list")["items"]
        assert sorted(x["id"] for x in found) == sorted(f"W{number}" for number in range(1, 13))
        assert {x["text"] for x in found} == {f"fact {number}" for number in range(12)}
        assert both[1].ok("doctor")["ok"]


def damage(place: Path) -> None:
    (place / "andon.db").write_bytes(b"no database at all" * 1000)


def take_away(place: Path) -> None:
    place.rename(place.with_name("away"))


def empty(place: Path) -> None:
    (place / "andon.db").write_bytes(b"")


def make_newer(place: Path) -> None:
    base = sqlite3.connect(place / "andon.db")
    base.execute("PRAGMA user_version = 9999")
    base.close()


class TestOutOfReach:
    @pytest.mark.parametrize("harm", [damage, take_away, empty, make_newer])
    def test_work_goes_on_and_only_writes_are_refused(self, both: tuple[World, World], place: Path, harm: Any) -> None:
        api, _web = both
        api.ok("learn", "app.txt is read by sh", "--scope", "workspace", agent="alice")
        api.ok("learn", "app.txt is sorted", "--scope", "path:app.txt", agent="alice")
        api.add_task("Change the app", "--scope", "app.txt")
        harm(place)
        told = api.andon("next", "--role", "implementer", "--json", agent="bob")
        assert told.exit == 0, told.err
        assert told.err.count("the workspace is left out") == 1
        assert "> app.txt is sorted" in told.json["brief"]
        workdir = told.json["workdir"]
        api.write("app.txt", "one\n", Path(workdir))
        api.ok("advance", "-m", "done", agent="bob", cwd=workdir)
        assert ids(api) == ["L1"]
        refused = api.andon("learn", "x holds", "--scope", "workspace", "--json", agent="bob")
        assert refused.exit == 6, refused.out
        assert "--scope repo" in refused.json["error"]["next"]
        assert api.ok("learn", "x holds", "--scope", "repo", agent="bob")["learning"] == "L2"
        assert api.andon("learn", "show", "W1", "--json").exit in (6, 64)
        checked = api.andon("doctor", "--json")
        found = next(x for x in checked.json["checks"] if x["check"] == "workspace")
        assert (checked.exit, found["ok"], bool(found["next"])) == (1, False, True), found
        # The repository is free of it whenever a person says so.
        api.ok("repo", "remove")
        assert api.ok("learn", "y holds", "--scope", "workspace", agent="bob")["learning"] == "L3"
        assert not place.exists() or harm is not take_away

    def test_doctor_mends_and_salvages(self, both: tuple[World, World], place: Path) -> None:
        api, web = both
        for number in range(5):
            api.ok("learn", f"fact {number} " + "and more " * 200, "--scope", "workspace", agent="alice")
        base = sqlite3.connect(place / "andon.db")
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        base.execute("UPDATE learnings SET status = 'retired' WHERE id = 'W3'")
        base.commit()
        base.close()
        assert api.andon("doctor").exit == 1
        api.ok("doctor", "--mend")
        assert len(ids(web)) == 5
        base = sqlite3.connect(place / "andon.db")
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = base.execute("PRAGMA page_size").fetchone()
        (root,) = base.execute("SELECT rootpage FROM sqlite_master WHERE name = 'learnings_status'").fetchone()
        base.close()
        with open(place / "andon.db", "r+b") as file:
            file.seek((root - 1) * size)
            file.write(os.urandom(size))
        assert api.andon("doctor").exit == 1
        done = api.andon("doctor", "--salvage", "--json")
        assert done.exit == 0, done.out
        assert len(ids(web)) == 5
        assert states(api) == {"api": "ok", "web": "ok"}

    def test_what_is_salvaged_is_what_is_damaged(self, both: tuple[World, World], place: Path) -> None:
        api, web = both
        for text in ("parser reads bytes", "parser reads lines"):
            api.ok("learn", text, "--scope", "workspace", agent="alice")
        base = sqlite3.connect(place / "andon.db")
        base.execute("UPDATE events SET data = '{' WHERE stream = 'W1'")
        base.commit()
        base.close()
        for option in ([], ["--mend"], ["--salvage"]):
            done = api.andon("doctor", *option, "--json")
            checks = {x["check"]: x for x in done.json["checks"]}
            check = checks["workspace"]
            assert (done.exit, check["ok"], "event 1 of W1" in check["message"]) == (1, False, True), check
            assert f"import FILE --workspace {place}" in check["next"] and "--mend" not in check["next"]
            assert checks["log and projections"]["ok"] and "salvage" not in done.json
        # The repository's own database was sound, and is the one that it was.
        assert not list((api.path / ".git/andon").glob("andon.db.damaged-*"))
        kept = place / "andon.db.damaged-1/andon.db"
        assert str(kept.parent) in check["message"] and kept.exists()
        assert ids(api) == ids(web) == ["W1", "W2"]
        assert web.ok("learn", "parser reads all", "--scope", "workspace")["learning"] == "W3"
        assert states(api) == {"api": "ok", "web": "ok"}

    def test_one_broken_record_costs_itself(self, both: tuple[World, World], place: Path) -> None:
        api, web = both
        for text in ("parser reads bytes", "parser reads lines"):
            api.ok("learn", text, "--scope", "workspace", agent="alice")
        base = sqlite3.connect(place / "andon.db")
        base.execute("UPDATE states SET state = '{' WHERE stream = 'W1'")
        base.execute("UPDATE states SET state = '{' WHERE stream = 'repo:web'")
        base.commit()
        base.close()
        assert [x["id"] for x in api.ok("inject", "parser reads", agent="bob")["items"]] == ["W2"]
        assert states(api) == {"api": "ok"}
        listed = web.andon("learn", "list", "--json")
        assert (listed.exit, "left out" in listed.err) == (0, True)
        api.ok("doctor", "--mend")
        assert ids(web) == ["W1", "W2"]

    def test_backup_and_restore(self, both: tuple[World, World], place: Path, tmp_path: Path) -> None:
        api, web = both
        api.ok("learn", "parser reads bytes", "--scope", "workspace", agent="alice")
        api.ok("export", str(tmp_path / "all.jsonl"), "--workspace", str(place))
        shutil.rmtree(place)
        api.ok("import", str(tmp_path / "all.jsonl"), "--workspace", str(place))
        assert states(web) == {"api": "ok", "web": "ok"}
        assert ids(web) == ["W1"]
        refused = api.andon("export", "--workspace", str(tmp_path / "nowhere"), str(tmp_path / "x"), "--json")
        assert (refused.exit, refused.kind) == (6, "workspace_unavailable")
        assert not (tmp_path / "nowhere").exists()
