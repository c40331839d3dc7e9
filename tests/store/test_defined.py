"""The file of names that blobs define: what is kept comes back, and whatever is wrong with it means that nothing is kept."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from andon.core.planning.definitions import Defined, defined
from andon.core.planning.names import MAX_NAMES
from andon.store import defined as module
from andon.store.defined import DefinedFile

ONE = {("py", "a" * 40): defined(("read_row", "Größe")), ("c", "a" * 40): Defined()}
TWO = {("py", "b" * 40): defined(("other",))}


@pytest.fixture
def kept(tmp_path: Path) -> DefinedFile:
    file = DefinedFile(str(tmp_path / "definitions.db"))
    file.keep(ONE)
    return file


def test_what_is_kept_comes_back_and_more_comes_to_it(kept: DefinedFile) -> None:
    assert kept.read() == ONE
    kept.keep(TWO)
    kept.keep(TWO)
    assert kept.read() == ONE | TWO


def test_the_most_names_that_a_file_may_have_are_kept(kept: DefinedFile) -> None:
    most = {("py", "c" * 40): defined(tuple(f"row_{number:03}" for number in range(MAX_NAMES)))}
    kept.keep(most)
    assert kept.read() == ONE | most and dict(most["py", "c" * 40].words)["row"] == MAX_NAMES


def test_no_file_keeps_nothing(tmp_path: Path) -> None:
    assert DefinedFile(str(tmp_path / "none.db")).read() == {}
    assert not (tmp_path / "none.db").exists()


def test_what_is_gone_is_forgotten_once_there_is_much_of_it(kept: DefinedFile, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.keep(TWO, gone=list(ONE))
    assert kept.read() == ONE | TWO
    monkeypatch.setattr(module, "MIN_GONE", 1)
    kept.keep({}, gone=list(ONE))
    assert kept.read() == TWO


@pytest.mark.parametrize("harm", ["rubbish", "cut", "empty", "version", "foreign", "column", "row"])
def test_a_bad_file_keeps_nothing_and_is_made_anew(kept: DefinedFile, harm: str) -> None:
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
            "foreign": ["DROP TABLE defined", "CREATE TABLE theirs (x)"],
            "column": ["ALTER TABLE defined DROP COLUMN words"],
            "row": ["UPDATE defined SET words = 'one word too many'"],
        }
        for statement in statements[harm]:
            base.execute(statement)
        base.commit()
        base.close()
    assert kept.read() == {}
    kept.keep(TWO)
    assert kept.read() == TWO
