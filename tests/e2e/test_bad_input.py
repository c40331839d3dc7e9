"""Bad input and odd repositories get a clear answer, and nothing is lost."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.world import World


def work(world: World, agent: str = "alice") -> Path:
    world.add_task()
    return Path(world.claim(agent)["workdir"])


def test_a_broken_workflow_names_file_line_and_column(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    world.write(
        ".andon/workflows/feature.md", "---\nname: feature\n---\n```mermaid\nstateDiagram-v2\n  [*] -> a\n```\n"
    )
    world.git("commit", "-q", "-am", "broken")
    lint = world.andon("workflow", "lint")
    assert lint.exit == 1
    assert ".andon/workflows/feature.md:6:" in lint.out
    world.add_task()
    refused = world.andon("next", "--json", "--task", "T1", agent="alice")
    assert refused.exit == 64
    assert "feature.md:6:" in refused.json["error"]["message"]
    # One broken workflow does not stop others' work (law 12).
    world.write_workflow("other")
    text = (world.path / ".andon/workflows/other.md").read_text().replace("name: feature", "name: other")
    world.write(".andon/workflows/other.md", text)
    world.git("add", ".")
    world.git("commit", "-q", "-m", "another")
    good = world.add_task("Good", "--workflow", "other")
    assert world.claim("alice")["task"] == good


def test_an_unknown_or_uncommitted_workflow(world: World) -> None:
    world.add_task("x", "--workflow", "nothere")
    refused = world.andon("run", "start", "T1", "--json")
    assert (refused.exit, refused.kind) == (64, "unknown_workflow")
    assert "feature" in refused.json["error"]["message"]


def test_a_bare_repository(tmp_path: Path, world: World) -> None:
    world.git("clone", "-q", "--bare", str(world.path), str(tmp_path / "bare.git"))
    bare = tmp_path / "bare.git"
    world.git("config", "user.name", "Pat", cwd=bare)
    world.git("config", "user.email", "pat@example.com", cwd=bare)
    made = world.andon("init", "--json", cwd=bare)
    assert made.exit == 0, made.out + made.err
    world.ok("task", "add", "In a bare repository", cwd=bare)
    claim = world.ok("next", agent="alice", cwd=bare)
    world.write("app.txt", "changed\n", Path(claim["workdir"]))
    world.ok("advance", agent="alice", cwd=claim["workdir"])
    review = world.ok("next", "--role", "reviewer", agent="bob", cwd=bare)
    world.ok("advance", agent="bob", cwd=review["workdir"])
    assert world.ok("lead", cwd=bare)["landed"]
    assert world.git("show", "main:app.txt", cwd=bare) == "changed"


def test_a_shallow_clone(tmp_path: Path, world: World) -> None:
    world.git("commit", "-q", "--allow-empty", "-m", "second")
    shallow = tmp_path / "shallow"
    world.git("clone", "-q", "--depth", "1", f"file://{world.path}", str(shallow))
    world.git("config", "user.name", "Pat", cwd=shallow)
    world.git("config", "user.email", "pat@example.com", cwd=shallow)
    world.ok("init", cwd=shallow)
    world.ok("task", "add", "In a shallow clone", cwd=shallow)
    claim = world.ok("next", agent="alice", cwd=shallow)
    world.write("app.txt", "changed\n", Path(claim["workdir"]))
    world.ok("advance", agent="alice", cwd=claim["workdir"])
    review = world.ok("next", "--role", "reviewer", agent="bob", cwd=shallow)
    world.ok("advance", agent="bob", cwd=review["workdir"])
    assert world.ok("lead", cwd=shallow)["landed"]


def test_a_detached_head_needs_a_target(tmp_path: Path) -> None:
    world = World.make(tmp_path, init=False)
    world.git("checkout", "-q", "--detach")
    refused = world.andon("init", "--json")
    assert (refused.exit, refused.kind) == (64, "no_target")
    assert "--target" in refused.json["error"]["next"]
    assert world.ok("init", "--target", "main")["target"] == "main"


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    world = World.make(tmp_path, init=False)
    world.git("init", "-q", "-b", "main", str(empty))
    refused = world.andon("init", "--json", cwd=empty)
    assert refused.exit == 64
    assert "commit" in refused.json["error"]["next"]


def test_a_missing_identity(tmp_path: Path) -> None:
    world = World.make(tmp_path)
    world.add_task()
    world.implement()
    world.review()
    world.git("config", "--unset", "user.name")
    world.git("config", "--unset", "user.email")
    refused = world.andon("lead", "--json")
    assert refused.exit == 1
    assert "who you are" in refused.json["error"]["message"]
    world.git("config", "user.name", "Pat")
    world.git("config", "user.email", "pat@example.com")
    assert world.ok("lead")["landed"], "nothing was lost"


def test_odd_file_names_land_unchanged(world: World) -> None:
    workdir = work(world)
    names = [
        b"with space.txt",
        b"new\nline.txt",
        b"tab\t.txt",
        b"latin-\xe9.txt",
        b"-dash",
        b'quote".txt',
        "häuser.txt".encode(),
    ]
    for name in names:
        with open(os.path.join(os.fsencode(workdir), name), "wb") as file:
            file.write(name)
    done = world.andon("advance", "--json", agent="alice", cwd=workdir)
    assert done.exit == 0, done.out
    review = world.claim("bob", "--role", "reviewer")
    world.ok("advance", agent="bob", cwd=review["workdir"])
    world.ok("lead")
    listed = subprocess.run(
        ["git", "ls-tree", "-r", "-z", "--name-only", "main"], cwd=world.path, capture_output=True, check=True
    ).stdout.split(b"\0")
    assert set(names) <= set(listed)
    for name in names:
        assert (Path(os.fsdecode(os.fsencode(world.path) + b"/" + name))).read_bytes() == name


def test_a_link_out_of_the_tree_is_refused(world: World) -> None:
    workdir = work(world)
    (workdir / "inside").symlink_to("app.txt")
    world.ok("submit", agent="alice", cwd=workdir)
    (workdir / "outside").symlink_to("/etc/passwd")
    refused = world.andon("advance", "--json", agent="alice", cwd=workdir)
    assert (refused.exit, refused.kind) == (1, "bad_tree")
    assert "outside" in refused.json["error"]["message"]
    (workdir / "outside").unlink()
    (workdir / "sub").mkdir()
    (workdir / "sub/up").symlink_to("../../elsewhere")
    assert world.andon("check", "--json", agent="alice", cwd=workdir).kind == "bad_tree"


@pytest.mark.parametrize("rewritten", [False, True])
def test_a_head_that_was_moved_over_old_files_is_refused(world: World, rewritten: bool) -> None:
    world.add_task()
    workdir = Path(world.claim("alice")["workdir"])
    if rewritten:
        world.git("commit", "-q", "--amend", "-m", "the same, in other words", ANDON_GUARD="off")
    world.write("news.txt", "of somebody else\n")
    world.git("add", "news.txt")
    world.git("commit", "-q", "-m", "news", ANDON_GUARD="off")
    world.write("app.txt", "mine\n", workdir)
    world.git("reset", "-q", "--soft", "main", cwd=workdir)
    refused = world.andon("advance", "--json", agent="alice", cwd=workdir)
    assert (refused.exit, refused.kind) == (1, "bad_tree"), refused.out
    assert "undoes what landed meanwhile in news.txt" in refused.json["error"]["message"]
    world.git("checkout", "-q", "main", "--", "news.txt", cwd=workdir)
    world.ok("submit", agent="alice", cwd=workdir)


def test_an_embedded_repository_is_refused(world: World) -> None:
    workdir = work(world)
    world.git("init", "-q", str(workdir / "vendor"))
    world.write("vendor/lost.txt", "would be lost\n", workdir)
    world.git("add", ".", cwd=workdir / "vendor")
    world.git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "x", cwd=workdir / "vendor")
    refused = world.andon("advance", "--json", agent="alice", cwd=workdir)
    assert (refused.exit, refused.kind) == (1, "bad_tree")
    assert "vendor" in refused.json["error"]["message"]


def test_a_submodule_stays_as_it_is(tmp_path: Path) -> None:
    world = World.make(tmp_path, init=False)
    library = tmp_path / "library"
    world.git("init", "-q", "-b", "main", str(library))
    world.write("lib.txt", "library\n", library)
    world.git("add", ".", cwd=library)
    world.git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "lib", cwd=library)
    world.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library), "lib")
    world.git("commit", "-q", "-m", "a submodule")
    world.ok("init")
    world.add_task()
    world.implement()
    world.review()
    assert world.ok("lead")["landed"]
    assert world.git("ls-tree", "main", "lib").startswith("160000")


def test_lfs_pointers_are_kept_as_they_are(world: World) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n"
    workdir = work(world)
    world.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n", workdir)
    world.write("big.bin", pointer, workdir)
    world.write("app.txt", "x\n", workdir)
    world.ok("advance", agent="alice", cwd=workdir)
    review = world.claim("bob", "--role", "reviewer")
    world.ok("advance", agent="bob", cwd=review["workdir"])
    world.ok("lead")
    assert world.git("show", "main:big.bin") == pointer.strip()


def test_a_dirty_checkout_of_the_target_is_left_alone_with_a_word(world: World) -> None:
    world.add_task()
    world.implement()
    world.review()
    world.write("app.txt", "my own unsaved work\n")
    done = world.andon("lead", "--json")
    assert done.exit == 0
    assert (world.path / "app.txt").read_text() == "my own unsaved work\n"
    assert "git stash" in done.err


def test_a_dirty_file_that_is_not_concerned_is_kept(world: World) -> None:
    world.add_task()
    world.implement()
    world.review()
    world.write("protected.txt", "my own unsaved work\n")
    world.write("untracked.txt", "mine too\n")
    done = world.andon("lead", "--json")
    assert done.exit == 0
    assert (world.path / "app.txt").read_text().startswith("one\nTWO")
    assert (world.path / "protected.txt").read_text() == "my own unsaved work\n"
    assert world.git("status", "--porcelain").splitlines() == ["M protected.txt", "?? untracked.txt"]


@pytest.mark.parametrize("garbage", [b"not a database at all", b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_broken_database_is_named_and_left_alone(world: World, garbage: bytes) -> None:
    path = world.path / ".git/andon/andon.db"
    for extra in ("-wal", "-shm"):
        (path.parent / (path.name + extra)).unlink(missing_ok=True)
    path.write_bytes(garbage)
    for args in (["status"], ["next"], ["task", "list"]):
        result = world.andon(*args, "--json")
        assert result.exit == 6, result.out + result.err
        assert "andon.db" in result.json["error"]["message"]
        assert result.json["error"]["next"]
    assert path.read_bytes() == garbage


def test_one_corrupt_run_does_not_stop_the_others(world: World) -> None:
    import sqlite3

    world.add_task("Broken")
    world.add_task("Fine")
    broken = world.claim("alice", "--task", "T1")
    world.ok("release", agent="alice", cwd=broken["workdir"])
    database = sqlite3.connect(world.path / ".git/andon/andon.db")
    database.execute("UPDATE states SET state = '{\"half' WHERE stream = ?", (broken["run"],))
    database.commit()
    database.close()
    assert world.claim("bob")["task"] == "T2"
    assert world.ok("status")["counts"]
    assert world.andon("show", broken["run"], "--json").kind == "corrupt"
    doctor = world.andon("doctor", "--json")
    assert doctor.exit == 1
    assert broken["run"] in doctor.out
    assert world.andon("doctor", "--mend").exit in (0, 1)
    assert world.ok("show", broken["run"])["task"] == "T1", "mended from the log"


def test_a_workdir_that_is_gone(world: World) -> None:
    import shutil

    workdir = work(world)
    shutil.rmtree(workdir)
    result = world.andon("check", "--json", agent="alice", ANDON_RUN="R1")
    assert result.exit in (1, 6, 64)
    assert result.json["error"]["next"]
    assert world.ok("doctor", "--mend")["checks"]


def test_a_huge_title_and_body_are_refused(world: World) -> None:
    assert world.andon("task", "add", "x" * 600, "--json").exit == 64
    big = world.andon("task", "add", "x", "--body", "-", "--json", input="y" * 300_000)
    assert big.exit == 64
    assert "larger" in big.json["error"]["message"]
    assert world.ok("task", "list")["items"] == []
