"""Processes at hand give the answers of the ordinary commands, or none."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from andon.core.errors import AndonError
from andon.git import sole
from andon.git.repository import Repository
from andon.git.standing import Workshop
from andon.ports import Person
from tests.git.conftest import Sandbox

ANN = Person(name="Ann Żółć", email="ann@example.com")


def workshop_of(repository: Repository) -> Workshop:
    assert repository._workshop is not None
    return repository._workshop


def test_the_answers_are_the_same(sandbox: Sandbox) -> None:
    first = sandbox.commit({"a.txt": b"one\ntwo\n", "ü/b c.txt": b"b\n"})
    second = sandbox.commit({"a.txt": b"one\n2\n", "new.bin": b"\0\1"}, base=first)
    plain, at_hand = Repository.find(str(sandbox.path)), Repository.find(str(sandbox.path))
    with at_hand.at_hand():
        assert at_hand.tree_of(second) == plain.tree_of(second)
        assert at_hand.author_of(second) == plain.author_of(second)
        assert at_hand.changes(first, second) == plain.changes(first, second)
        assert at_hand.patch_digest(first, second) == plain.patch_digest(first, second)
        assert at_hand.patch_digest(first, first) == plain.patch_digest(first, first)
        assert at_hand.commit_contents([first, second]) == plain.commit_contents([first, second])
        for path in ("a.txt", "ü/b c.txt", "nowhere", "ü"):
            assert at_hand.read_file(second, path) == plain.read_file(second, path)
            assert at_hand.mode_of(second, path) == plain.mode_of(second, path)
        for message in ("a title", "Żółć\n\nbody\n", "\n"):
            for author in (ANN, Person(name="<odd>", email="."), Person(name=" x. ", email="x@y")):
                given = {"author": author, "committer": ANN, "at": 1_700_000_000.5}
                tree = plain.tree_of(second)
                assert at_hand.commit_tree(tree, [first, second], message, **given) == plain.commit_tree(
                    tree, [first, second], message, **given
                )


def test_evidence_is_stored_just_so(sandbox: Sandbox) -> None:
    plain, at_hand = Repository.find(str(sandbox.path)), Repository.find(str(sandbox.path))
    for number in range(3):
        files = {f"x/{number}/f.json": b"1", "x.y": b"2", "x0/g": b"%d" % number, "top": b"same"}
        one = plain.add_files("refs/andon/evidence/one", files, message="m", at=float(number))
        with at_hand.at_hand():
            other = at_hand.add_files("refs/andon/evidence/other", files, message="m", at=float(number))
            assert at_hand.add_files("refs/andon/evidence/other", files, message="m", at=9.0) == other
        assert one == other
    assert sandbox.git("fsck", "--strict") == ""


def test_what_is_missing_is_said_as_ever(sandbox: Sandbox) -> None:
    head = sandbox.commit({"a.txt": b"a\n"})
    repository = Repository.find(str(sandbox.path))
    with repository.at_hand():
        with pytest.raises(AndonError) as caught:
            repository.commit_contents(["1" * 40])
        assert caught.value.kind == "git_failed"
        assert repository.read_file(head, "a.txt") == b"a\n"


def test_a_process_that_was_killed_costs_nothing_but_time(sandbox: Sandbox) -> None:
    head = sandbox.commit({"a.txt": b"a\n"})
    repository = Repository.find(str(sandbox.path))
    with repository.at_hand():
        assert repository.read_file(head, "a.txt") == b"a\n"
        for process in workshop_of(repository)._processes.values():
            os.kill(process._pid, signal.SIGKILL)
        assert repository.read_file(head, "a.txt") == b"a\n"
        assert repository.author_of(head).name
        assert repository.commit_tree(repository.tree_of(head), [], "m", author=ANN, committer=ANN, at=1.0)
    assert list((Path(sandbox.path) / ".git" / "andon" / "tmp").iterdir()) == []


def test_nothing_is_started_that_would_keep_the_lock(sandbox: Sandbox) -> None:
    head = sandbox.commit({"a.txt": b"a\n"})
    repository = Repository.find(str(sandbox.path))
    with repository.at_hand():
        with sole.sole(repository.common_dir) as alone:
            assert alone
            assert repository.read_file(head, "a.txt") == b"a\n"
            assert workshop_of(repository)._processes == {}
        with sole.sole(repository.common_dir) as alone:
            assert alone


def test_several_threads_get_their_own_answers(sandbox: Sandbox) -> None:
    head = sandbox.commit({f"{number}.txt": b"%d\n" % number * 1000 for number in range(8)})
    repository = Repository.find(str(sandbox.path))
    wrong: list[int] = []

    def ask(number: int) -> None:
        for _ in range(20):
            if repository.read_file(head, f"{number}.txt") != b"%d\n" % number * 1000:
                wrong.append(number)

    with repository.at_hand():
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_kinds_of_paths_are_told_alike(sandbox: Sandbox) -> None:
    head = sandbox.commit({"a.txt": b"a\n", "d/e/f": b"f\n"})
    os.symlink("a.txt", Path(sandbox.path) / "link")
    sandbox.git("add", "link")
    tree = sandbox.git("write-tree").strip()
    plain, at_hand = Repository.find(str(sandbox.path)), Repository.find(str(sandbox.path))
    with at_hand.at_hand():
        for treeish in (head, tree, "HEAD"):
            for path in (
                "a.txt",
                "link",
                "d",
                "d/e",
                "d/e/f",
                "d/e/g",
                "x/y",
                "./a.txt",
                "d//e/f",
                "d/../a.txt",
                "/a.txt",
            ):
                assert at_hand.mode_of(treeish, path) == plain.mode_of(treeish, path), (treeish, path)
        assert at_hand.mode_of(tree, "link") == "120000"
        assert at_hand.mode_of(head, "d/e/f") == "100644"
