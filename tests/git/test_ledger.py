"""Files on a reference of Andon's own, and the walk through history that verification needs."""

from __future__ import annotations

import threading

import pytest

from andon.core.errors import AndonError, InvariantViolation, UsageError
from andon.git.repository import Repository
from tests.git.conftest import Sandbox

REF = "refs/andon/evidence/test"


def files(repository: Repository) -> dict[str, bytes | None]:
    return {path: repository.read_file(REF, path) for _mode, _oid, path in repository.list_files(REF)}


def test_files_are_added_and_nothing_is_lost(sandbox: Sandbox) -> None:
    repository = sandbox.repository
    first = repository.add_files(REF, {"a/b/c": b"1\n", "d": b""}, message="one", at=1.0)
    second = repository.add_files(REF, {"a/b/e": b"2", "a/f": b"3"}, message="two", at=2.0)
    assert files(repository) == {"a/b/c": b"1\n", "a/b/e": b"2", "a/f": b"3", "d": b""}
    assert sandbox.git("rev-list", REF).split() == [second, first]
    assert repository.add_files(REF, {"a/f": b"3"}, message="again", at=3.0) == second
    repository.add_files(REF, {"a/f": b"4"}, message="changed", at=4.0)
    assert repository.read_file(REF, "a/f") == b"4"
    assert sandbox.git("fsck", "--strict") == ""


def test_nothing_is_written_to_what_a_reference_points_to(sandbox: Sandbox) -> None:
    sandbox.repository.add_files(REF, {"a": b"1"}, message="one", at=1.0)
    head = sandbox.git("rev-parse", "main")
    sandbox.git("update-ref", "-d", REF)
    sandbox.git("symbolic-ref", REF, "refs/heads/main")
    with pytest.raises(AndonError, match="is symbolic") as refused:
        sandbox.repository.add_files(REF, {"b": b"2"}, message="two", at=2.0)
    assert "update-ref --no-deref -d" in refused.value.next
    assert sandbox.git("rev-parse", "main") == head


def test_many_writers_at_once(sandbox: Sandbox) -> None:
    def write(number: int) -> None:
        mine = Repository.find(str(sandbox.path))
        mine.add_files(REF, {f"landed/{number % 3}/{number}": b"x"}, message=str(number), at=1.0)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(files(sandbox.repository)) == 6


def test_only_andons_own_references(sandbox: Sandbox) -> None:
    with pytest.raises(InvariantViolation):
        sandbox.repository.add_files("refs/heads/main", {"a": b""}, message="no", at=1.0)


def test_a_reference_that_can_not_be_written(sandbox: Sandbox) -> None:
    lock = sandbox.path / ".git" / f"{REF}.lock"
    # A file would be taken for what a killed git of ours left, and removed.
    lock.mkdir(parents=True)
    with pytest.raises(AndonError, match="lock"):
        sandbox.repository.add_files(REF, {"a": b""}, message="no", at=1.0)


def test_ranges(sandbox: Sandbox) -> None:
    repository = sandbox.repository
    base = sandbox.head
    one = sandbox.commit({"x": b"1"}, base)
    two = sandbox.commit({"x": b"2"}, one)
    assert repository.commits_of(two, limit=10) == [two]
    assert repository.commits_of(f"{base}..{two}", limit=10) == [one, two]
    assert repository.commits_of(f"{two}..{base}", limit=10) == []
    assert repository.lineage(two, limit=10)[:2] == [one, base]
    assert repository.lineage(two, limit=1) == [one]
    assert repository.commit_contents([two])[two].startswith(b"tree ")
    for wrong in ("", "..", "nothing", f"{base}...{two}", f"{base}..", "-n1", "^HEAD", f"{base}..--all"):
        with pytest.raises(UsageError):
            repository.commits_of(wrong, limit=10)
    with pytest.raises(UsageError, match="more than 1"):
        repository.commits_of(f"{base}..{two}", limit=1)
