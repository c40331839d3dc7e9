"""Commits that a landing brought along: those of children have evidence of their own, the others are named by the landing's.

Whatever else comes in between is refused, and so is whatever was changed afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from andon.app.verify import verify
from andon.evidence import entry
from andon.git.repository import Repository
from tests.e2e.swarm_world import SPREAD, Swarm
from tests.evidence.forge import Forger
from tests.evidence.scene import Scene, named
from tests.evidence.test_flips import flips


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A stranger's clone in which HEAD is a landing with its children's own commits."""
    directory = tmp_path_factory.mktemp("landed")
    world = Swarm.build(directory, f"{SPREAD}\nland: each")
    world.plan(["one", "two"])
    world.piece("alice")
    world.piece("bob")
    world.ok("lead")
    claim = world.claim("carol")
    world.ok("advance", "-m", "fits", agent="carol", cwd=claim["workdir"])
    world.ok("lead")
    scene = Scene(world=world, clone=directory / "clone", key=directory / "andon.pem")
    scene.key.write_text(world.andon("key", "show").out)
    world.git("clone", "-q", str(world.path), str(scene.clone))
    world.git("config", "user.name", "Mal", cwd=scene.clone)
    world.git("config", "user.email", "mal@example.com", cwd=scene.clone)
    return scene


@pytest.fixture
def scene(landed: Scene) -> Scene:
    """As it was when it landed."""
    landed.git("reset", "-q", "--hard", "origin/main")
    landed.fetch()
    return landed


def covered(scene: Scene) -> str:
    """The commit that the children's reference began with."""
    (path,) = [name for name in scene.files() if name.startswith("covered/")]
    return path.removeprefix("covered/").replace("/", "")


class Altered:
    """The clone's repository with other files on the evidence reference."""

    def __init__(self, path: Path) -> None:
        self.real = Repository.find(str(path))
        self.files: dict[str, bytes | None] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def read_file(self, treeish: str, path: str) -> bytes | None:
        return self.files[path] if path in self.files else self.real.read_file(treeish, path)


def said(git: Altered, scene: Scene, commits: str) -> str:
    body = verify(git, "/nonexistent", {"commits": commits, "keys": [str(scene.key)]}).body  # type: ignore[arg-type]
    return "" if body["ok"] else named(body)


def digest_at(scene: Scene, commit: str) -> str:
    return scene.git("log", "-1", "--format=%(trailers:key=Andon-Evidence,valueonly)", commit).strip()


def test_a_stranger_verifies_all_that_came_in(scene: Scene) -> None:
    body = scene.verify("HEAD^1..HEAD").json
    assert (body["ok"], body["verified"], body["covered"], body["failed"], body["unmanaged"]) == (True, 3, 1, 0, 0)
    head, found = scene.git("rev-parse", "HEAD"), {x["commit"]: x for x in body["commits"]}
    assert found[covered(scene)]["covered_by"] == head
    assert found[head]["target"] == "main"
    for child in ("HEAD^2", "HEAD^2~1"):
        item = found[scene.git("rev-parse", child)]
        assert (item["ok"], item["target"].startswith("refs/andon/swarm/R1/spread/")) == (True, True)


def test_without_the_landing_that_brought_them_they_are_not_good(scene: Scene) -> None:
    """As another branch, or by name: their parent's gates never held there. That nothing else lets them pass."""
    child, first, before = "HEAD^2", "HEAD^2~1", covered(scene)
    head = scene.git("rev-parse", "HEAD")
    by_name = f"the landing that names it ({head}) is not in what is verified"
    for wanted in (before, f"HEAD^1..{before}"):
        assert by_name in scene.refused(wanted, "--allow-unmanaged")
    for wanted, failed in (
        (child, 1),
        (first, 1),
        (f"HEAD^1..{first}", 2),
        (f"HEAD^1..{child}", 3),
        (f"{first}..{child}", 1),
    ):
        result = scene.verify(wanted, "--allow-unmanaged")
        body = result.json
        assert (result.exit, body["verified"], body["covered"], body["failed"], body["unmanaged"]) == (
            1,
            0,
            0,
            failed,
            0,
        )
        assert "the landing of R1 is not in what is verified" in named(body)
        assert "a range that ends with the landing" in body["error"]["next"]
    # Nor does a commit by hand upon them.
    tree = scene.git("rev-parse", "HEAD^{tree}")
    mine = scene.git("commit-tree", tree, "-p", child, "-m", "by hand")
    result = scene.verify(f"HEAD^1..{mine}", "--allow-unmanaged")
    assert (result.exit, result.json["failed"], result.json["unmanaged"]) == (1, 3, 1)


def test_wherever_the_landing_is_part_of_the_history_they_are_good(scene: Scene) -> None:
    """From within what it brought along, and from there on, whatever else is merged."""
    tree = scene.git("rev-parse", "HEAD^{tree}")
    later = scene.git("commit-tree", tree, "-p", "HEAD", "-m", "later")
    merge = scene.git("commit-tree", tree, "-p", "HEAD^1", "-p", later, "-m", "later")
    back = scene.git("commit-tree", tree, "-p", later, "-p", "HEAD^2", "-m", "what was there before")
    turned = scene.git("commit-tree", tree, "-p", "HEAD^2", "-p", later, "-m", "the other way")
    for start, end, counts in (
        (covered(scene), "HEAD", (3, 0, 0)),
        ("HEAD^2~1", "HEAD", (2, 0, 0)),
        ("HEAD^2", "HEAD", (1, 0, 0)),
        ("HEAD^1", later, (3, 1, 1)),
        ("HEAD^1", merge, (3, 1, 2)),
        ("HEAD^1", back, (3, 1, 2)),
        ("HEAD^1", turned, (3, 1, 2)),
        ("HEAD^2~1", turned, (2, 0, 2)),
        ("HEAD", turned, (0, 0, 2)),
    ):
        result = scene.verify(f"{start}..{end}", "--allow-unmanaged")
        body = result.json
        found = (body["verified"], body["covered"], body["unmanaged"])
        assert (result.exit, found, body["failed"]) == (0, counts, 0), (start, end)


def test_without_the_landings_word_it_is_nobodys(scene: Scene) -> None:
    scene.write(entry.covered_path(covered(scene)), None)
    assert "it was not landed by Andon" in scene.refused("HEAD^1..HEAD")
    body = scene.verify("HEAD^1..HEAD", "--allow-unmanaged").json
    assert (body["ok"], body["verified"], body["unmanaged"]) == (True, 3, 1)


def test_every_byte_of_what_leads_there(scene: Scene) -> None:
    git, commit = Altered(scene.clone), covered(scene)
    path = entry.covered_path(commit)
    good = scene.read(path)
    assert said(git, scene, "HEAD^1..HEAD") == ""
    for at, flipped in flips(good):
        git.files[path] = flipped
        assert path in said(git, scene, commit), at
    for cut in (b"", good[:-1], good + b"\n"):
        git.files[path] = cut
        assert path in said(git, scene, commit)


def test_a_changed_summary_takes_what_it_names_along(scene: Scene) -> None:
    git, commit = Altered(scene.clone), covered(scene)
    path = entry.summary_path(digest_at(scene, "HEAD"))
    good = scene.read(path)
    for at in range(0, len(good), 97):
        git.files[path] = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        assert path in said(git, scene, "HEAD^1..HEAD"), at
        assert entry.covered_path(commit) in said(git, scene, commit), at
    git.files[path] = None
    assert entry.covered_path(commit) in said(git, scene, commit)


def test_another_landing_does_not_name_it(scene: Scene) -> None:
    commit = covered(scene)
    scene.write(entry.covered_path(commit), digest_at(scene, "HEAD^2").encode())
    assert "does not name this commit" in scene.refused(commit)


def test_no_other_commit_comes_in_under_its_name(scene: Scene) -> None:
    tree = scene.git("rev-parse", "HEAD^{tree}")
    mine = scene.git("commit-tree", tree, "-p", "HEAD", "-m", "mine")
    scene.write(entry.covered_path(mine), digest_at(scene, "HEAD").encode())
    assert "does not name this commit" in scene.refused(mine)
    # Nor does a merge by hand of what is covered.
    merge = scene.git("commit-tree", tree, "-p", "HEAD^1", "-p", "HEAD^2", "-m", "by hand")
    assert f"{merge[:12]}" in scene.world.andon("verify", merge, "--key", str(scene.key), cwd=scene.clone).out
    assert "it was not landed by Andon" in scene.refused(f"HEAD^1..{merge}")


def landing(summary: dict[str, Any]) -> dict[str, Any]:
    found = summary["predicate"]["andon_landing"]
    assert isinstance(found, dict)
    return found


CASES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "nothing came along": (lambda s: landing(s).update(merged=[], covers=[]), "summary.json merged"),
    "something else came along": (lambda s: landing(s).update(merged=["0" * 40]), "summary.json merged"),
    "it does not say": (lambda s: (landing(s).pop("merged"), landing(s).pop("covers")), "summary.json merged"),
    "names without a way in": (lambda s: landing(s).update(merged=[]), "summary.json covers"),
    "no list": (lambda s: landing(s).update(covers="all"), "summary.json payload"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_came_along_is_bound(scene: Scene, name: str) -> None:
    change, part = CASES[name]
    commit = Forger(scene).forge(lambda _verdicts, summary: change(summary))
    assert part in scene.refused(commit)
    # The children's own evidence is untouched, and no landing that is good brought them along.
    assert f"the landing that brought it along, {commit}, is not good itself" in scene.refused(f"{commit}^1..{commit}")


def test_what_did_not_come_along_can_not_be_named(scene: Scene) -> None:
    """Even by who holds the key: a commit of the branch itself, from before Andon."""
    before = scene.git("rev-parse", "HEAD^1")
    commit = Forger(scene).forge(lambda _verdicts, summary: landing(summary)["covers"].append(before))
    assert scene.verify(commit).exit == 0
    scene.write(entry.covered_path(before), digest_at(scene, commit).encode())
    assert f"it did not come along with the landing that names it ({commit})" in scene.refused(f"{before}^..{commit}")


def test_another_parent_is_another_commit(scene: Scene) -> None:
    """A parent more or less, or in another order: the landing's summary names the commit and its parents."""
    first, second = scene.git("rev-parse", "HEAD^1"), scene.git("rev-parse", "HEAD^2")
    one, other = f"parent {first}\n".encode(), f"parent {second}\n".encode()
    for made in (b"", one, other + one, one + other + one):
        changed = scene.recommit(lambda data, made=made: data.replace(one + other, made))  # type: ignore[misc]
        text = scene.refused(changed)
        assert "summary.json" in text or "a parent" in text, made


def test_what_is_lost_is_put_back(scene: Scene) -> None:
    world = scene.world
    here = Scene(world=world, clone=world.path, key=scene.key)

    def nothing_is_left() -> None:
        world.git("update-ref", "-d", scene.ref, ANDON_GUARD="off")

    def nothing_leads_there() -> None:
        here.write(entry.covered_path(covered(scene)), None)

    for lose in (nothing_is_left, nothing_leads_there):
        lose()
        assert world.andon("verify", "main^1..main").exit == 1
        (check,) = [x for x in world.andon("doctor", "--json").json["checks"] if not x["ok"]]
        assert check["check"] == "evidence"
        world.ok("doctor", "--mend")
        body = world.ok("verify", "main^1..main")
        assert (body["verified"], body["covered"]) == (3, 1)


def test_after_a_rotation(scene: Scene) -> None:
    """Children's evidence and their parent's may be of different keys; both stay good by the newest one."""
    world = scene.world
    assert isinstance(world, Swarm)
    start = world.head()
    world.plan(["three"])
    world.piece("dave")
    world.ok("lead")
    assert world.person("key", "rotate").exit == 0
    claim = world.claim("erin")
    world.ok("advance", "-m", "fits", agent="erin", cwd=claim["workdir"])
    world.ok("lead")
    assert world.person("key", "rotate").exit == 0
    scene.key.write_text(world.andon("key", "show").out)
    scene.fetch()
    body = scene.verify(f"{start}..HEAD").json
    assert (body["ok"], body["verified"], body["covered"]) == (True, 2, 1)
    assert scene.verify("HEAD~2..HEAD").exit == 0
