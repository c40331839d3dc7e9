"""The file of mined history: what is kept comes back, and whatever is wrong with the file means that nothing is kept."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from andon.core.planning.history import Commit
from andon.store import mined
from andon.store.mined import MinedFile


def commit(number: int, *files: str) -> Commit:
    return Commit(id=f"{number:040x}", at=float(number), message=f"message {number}", files=files or ("a",))


@pytest.fixture
def kept(tmp_path: Path) -> MinedFile:
    file = MinedFile(str(tmp_path / "mined.db"))
    file.keep("one", [commit(1, "a", "b\udcff"), commit(2)], after="")
    return file


def test_what_is_kept_comes_back_also_paths_that_are_no_text(kept: MinedFile) -> None:
    assert kept.read() == ("one", [commit(1, "a", "b\udcff"), commit(2)])


def test_adding_goes_behind_the_mark_that_was_read_or_nowhere(kept: MinedFile) -> None:
    kept.keep("two", [commit(3)], after="one")
    kept.keep("other", [commit(4)], after="one")
    mark, commits = kept.read()
    assert (mark, [x.at for x in commits]) == ("two", [1.0, 2.0, 3.0])


def test_a_new_beginning_takes_the_place_of_all(kept: MinedFile) -> None:
    kept.keep("new", [commit(9)], after="")
    assert kept.read() == ("new", [commit(9)])


def test_only_the_newest_stay(kept: MinedFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mined, "MAX_COMMITS", 3)
    kept.keep("two", [commit(number) for number in range(3, 7)], after="one")
    assert [x.at for x in kept.read()[1]] == [4.0, 5.0, 6.0]


def test_no_file_keeps_nothing(tmp_path: Path) -> None:
    assert MinedFile(str(tmp_path / "none.db")).read() == ("", [])
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("harm", ["rubbish", "cut", "empty", "version", "foreign", "column"])
def test_a_bad_file_keeps_nothing_and_is_made_anew(kept: MinedFile, harm: str) -> None:
    path = Path(kept.path)
    if harm == "rubbish":
        path.write_bytes(b"\x00rubbish" * 999)
    elif harm == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    elif harm == "empty":
        path.write_bytes(b"")
    else:
        base = sqlite3.connect(path)
        statements = {
            "version": ["PRAGMA user_version = 99"],
            "foreign": ["DROP TABLE commits", "DROP TABLE mark", "CREATE TABLE theirs (x)"],
            "column": ["ALTER TABLE commits DROP COLUMN at"],
        }
        for statement in statements[harm]:
            base.execute(statement)
        base.commit()
        base.close()
    assert kept.read() == ("", [])
    kept.keep("new", [commit(5)], after="")
    assert kept.read() == ("new", [commit(5)])
    kept.keep("newer", [commit(6)], after="new")
    assert kept.read()[0] == "newer"
