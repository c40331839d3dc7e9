"""Damage of the database file: a clear error or healed, and nothing lost that can be read."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from andon.core.errors import AndonError
from andon.store import archive, hot, rebuild, salvage
from andon.store.pages import PAGE_BYTES, Pages
from andon.store.sql_text import APPLICATION_ID, SCHEMA_VERSION, migrations
from andon.store.sqlite import SqliteStore
from benchmarks import history, store_load
from tests.store import samples

ROOT = Path(__file__).parents[2]
RUNS = 60


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    path = str(tmp_path / "andon.db")
    history.make(path, RUNS)
    store_load.open_work(path, 4)
    made = SqliteStore(path)
    made.put("s", "g", "e", samples.verdict())
    # Long enough for overflow chains.
    samples.add_task(made, "T900", body="long " * 5000)
    with made.write() as writer:
        writer.put_setting("target", "main")
    yield made
    made.close()


def view(store: SqliteStore) -> Any:
    with store.read() as reader:
        names = [f"{kind}{number}" for kind in "TR" for number in range(1, RUNS + 5)]
        return (
            reader.events(limit=100_000),
            reader.tasks(),
            reader.runs(),
            reader.steps(),
            reader.setting("target"),
            [reader.load(name) for name in names],
        )


def pages_of(store: SqliteStore, name: str) -> list[int]:
    """The pages of a table or index, found by walking from its root."""
    store.open().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (root,) = store.open().execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()
    content = Path(store.path).read_bytes()
    found, waiting = [], [root]
    while waiting:
        number = waiting.pop(0)
        found.append(number)
        page = content[(number - 1) * PAGE_BYTES : number * PAGE_BYTES]
        if page[0] in (2, 5):
            cells = int.from_bytes(page[3:5], "big")
            places = [int.from_bytes(page[12 + 2 * i : 14 + 2 * i], "big") for i in range(cells)]
            waiting += [int.from_bytes(page[x : x + 4], "big") for x in places]
            waiting.append(int.from_bytes(page[8:12], "big"))
    return found


def spoil(store: SqliteStore, page: int, start: int = 0, size: int = PAGE_BYTES) -> None:
    store.open().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    with open(store.path, "r+b") as file:
        file.seek((page - 1) * PAGE_BYTES + start)
        file.write(b"\xa5" * size)


class TestPages:
    def test_an_index_is_healed(self, store: SqliteStore) -> None:
        before = view(store)
        store.open().execute("PRAGMA writable_schema = ON")
        # An index that misses entries: what a lost write leaves.
        root = pages_of(store, "tasks_number")[0]
        content = Path(store.path).read_bytes()[(root - 1) * PAGE_BYTES : root * PAGE_BYTES]
        store.close()
        cells = int.from_bytes(content[3:5], "big")
        with open(store.path, "r+b") as file:
            file.seek((root - 1) * PAGE_BYTES + 3)
            file.write((cells - 3).to_bytes(2, "big"))
        assert salvage.problems(store)
        salvage.reindex(store)
        assert salvage.problems(store) == []
        assert view(store) == before
        assert rebuild.check(store) == []

    @pytest.mark.parametrize("name", ["tasks", "runs", "states", "steps", "tasks_number", "events_stream", "messages"])
    def test_what_follows_from_the_log_is_salvaged_whole(self, store: SqliteStore, name: str) -> None:
        before = view(store)
        for page in pages_of(store, name)[-3:]:
            spoil(store, page)
        assert self.damaged(store)
        result = salvage.salvage(store.path)
        assert result.lost == ()
        assert salvage.problems(store) == []
        assert rebuild.check(store) == []
        assert view(store) == before
        assert store.get("s", "g", "e") == samples.verdict()

    def damaged(self, store: SqliteStore) -> bool:
        try:
            return bool(salvage.problems(store))
        except AndonError as error:
            return error.kind == "corrupt"

    def test_a_leaf_of_the_log_costs_its_runs_only(self, store: SqliteStore) -> None:
        before = view(store)
        leaf = pages_of(store, "events")[len(pages_of(store, "events")) // 2]
        spoil(store, leaf)
        with store.read() as reader, pytest.raises(AndonError) as caught:
            reader.events(limit=100_000)
        assert (caught.value.kind, caught.value.exit, caught.value.next) == ("corrupt", 6, "andon doctor")
        named = rebuild.check(store)
        assert 0 < len(named) < 40, "those in the page are named, the others replay"
        result = salvage.salvage(store.path)
        assert salvage.problems(store) == []
        after = view(store)
        assert {x.position for x in before[0]} > {x.position for x in after[0]}
        assert len(before[0]) - len(after[0]) < 30
        assert after[1:] == before[1:], "states are kept where the log is lost"
        hurt = {x.stream for x in before[0]} - {x.stream for x in after[0]}
        missing = {x.stream for x in before[0] if x not in after[0]}
        assert hurt <= missing
        for stream in missing:
            assert any(f" {stream} " in line or f" {stream}." in line for line in result.lost), stream
        healthy = {x.stream for x in before[0]} - missing
        assert not [line for line in result.lost if line.split(" ")[3] in healthy]

    @pytest.mark.parametrize("name", ["events", "definitions"])
    def test_what_no_tree_leads_to_is_found_on_its_pages(self, store: SqliteStore, name: str) -> None:
        before = view(store)
        root = pages_of(store, name)[0]
        if name == "definitions":
            store.close()
            with open(store.path, "r+b") as file:  # The root of a small table is its only leaf: only the way is lost.
                file.seek(0)
                page = file.read(PAGE_BYTES)
                file.seek(0)
                file.write(page.replace(b"CREATE TABLE definitions", b"CREATE TABLE definitionz"))
        else:
            spoil(store, root)
        result = salvage.salvage(store.path)
        assert result.lost == ()
        assert (result.unreachable > 100) == (name == "events")
        assert view(store) == before
        assert rebuild.check(store) == []

    def test_the_header(self, store: SqliteStore) -> None:
        before = view(store)
        spoil(store, 1, 0, 100)
        with pytest.raises(AndonError) as caught, store.read():
            pass
        assert (caught.value.kind, caught.value.exit) == ("corrupt", 6)
        with pytest.raises(AndonError):
            hot.status(store.path, 1e9)
        result = salvage.salvage(store.path)
        assert result.lost == ()
        assert view(store) == before

    def test_the_first_page(self, store: SqliteStore) -> None:
        before = view(store)
        spoil(store, 1)
        result = salvage.salvage(store.path)
        after = view(store)
        assert result.lost == ()
        assert after[:4] == before[:4]
        assert after[5] == before[5]
        assert after[4] is None, "settings stand in no row that tells what it is: andon init --target"

    def test_the_first_page_with_archives(self, store: SqliteStore) -> None:
        archive.archive(store, before=2e9, now=2e9, progress=None)
        before = view(store)
        logs = self.logs(store)
        spoil(store, 1)
        result = salvage.salvage(store.path)
        assert result.lost == ()
        after = view(store)
        assert after[:4] == before[:4]
        assert self.logs(store) == logs
        assert rebuild.check(store) == []
        assert archive.forgotten_files(store) == []
        assert archive.check_files(store) == []

    def logs(self, store: SqliteStore) -> Any:
        with store.read() as reader:
            return [reader.events(f"R{number}") for number in range(1, RUNS + 5)]

    def test_the_damaged_file_is_kept_as_it_was(self, store: SqliteStore) -> None:
        spoil(store, pages_of(store, "states")[-1])
        damaged = Path(store.path).read_bytes()
        first = salvage.salvage(store.path)
        assert (Path(first.kept) / "andon.db").read_bytes() == damaged
        second = salvage.salvage(store.path)
        assert second.kept != first.kept
        assert (second.lost, second.events) == ((), first.events)
        assert sorted(os.listdir(first.kept)) == ["andon.db"]

    def test_a_sound_database_loses_nothing_and_archives_stay(self, store: SqliteStore) -> None:
        archive.archive(store, before=2e9, now=2e9, progress=None)
        before = view(store)
        store.close()
        result = salvage.salvage(store.path)
        assert (result.lost, result.unreachable) == ((), 0)
        assert view(store) == before
        assert rebuild.check(store) == []

    def test_a_process_that_has_the_old_file_open_goes_on_with_the_new_one(self, store: SqliteStore) -> None:
        other = SqliteStore(store.path)
        with other.read() as reader:
            assert len(reader.tasks()) == RUNS + 5
        store.close()
        salvage.salvage(store.path)
        samples.add_task(other, "T901")
        with store.read() as reader:
            assert reader.load("T901") is not None
        other.close()


class TestWal:
    def test_a_torn_end_of_the_log_is_healed(self, store: SqliteStore, tmp_path: Path) -> None:
        """A power cut leaves part of the last transaction, or rubbish behind it."""
        store.open().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        samples.add_task(store, "T901")
        whole = os.path.getsize(store.path + "-wal")
        samples.add_task(store, "T902", body="x" * 20_000)
        content = Path(store.path + "-wal").read_bytes()
        base = Path(store.path).read_bytes()
        for cut in (whole, whole + 1, whole + 4096, whole + 4120 + 24, len(content) - 1, len(content)):
            for tail in (b"", b"\xa5" * 9000):
                directory = tmp_path / f"cut-{cut}-{len(tail)}"
                directory.mkdir()
                (directory / "andon.db").write_bytes(base)
                (directory / "andon.db-wal").write_bytes(content[:cut] + tail)
                copy = SqliteStore(str(directory / "andon.db"))
                with copy.read() as reader:
                    assert reader.load("T901") is not None, "what was committed is there"
                    assert (reader.load("T902") is not None) == (cut == len(content))
                assert salvage.problems(copy) == []
                assert rebuild.check(copy) == []
                copy.close()

    def test_a_shared_memory_file_from_another_life(self, store: SqliteStore, tmp_path: Path) -> None:
        samples.add_task(store, "T901")
        for name, text in (("none", None), ("zeros", bytes(32768)), ("rubbish", b"\xa5" * 32768), ("short", b"x")):
            directory = tmp_path / name
            directory.mkdir()
            for suffix in ("", "-wal"):
                shutil.copy(store.path + suffix, directory / f"andon.db{suffix}")
            if text is not None:
                (directory / "andon.db-shm").write_bytes(text)
            copy = SqliteStore(str(directory / "andon.db"))
            with copy.read() as reader:
                assert reader.load("T901") is not None
            assert rebuild.check(copy) == []
            copy.close()

    def test_a_missing_log_leaves_what_was_checkpointed(self, store: SqliteStore, tmp_path: Path) -> None:
        store.open().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        samples.add_task(store, "T901")
        shutil.copy(store.path, tmp_path / "other.db")
        copy = SqliteStore(str(tmp_path / "other.db"))
        with copy.read() as reader:
            assert reader.load("T901") is None
            assert reader.load("T900") is not None
        assert rebuild.check(copy) == []
        copy.close()

    def test_pages_are_read_through_the_log(self, store: SqliteStore) -> None:
        pages = Pages(store.path)
        before = len(list(pages.records()))
        pages.close()
        samples.add_task(store, "T901", body="y" * 30_000)
        pages = Pages(store.path)
        found = [values for _rowid, values in pages.records() if len(values) == 8 and values[1] == "T901"]
        assert len(found) == 1
        assert len(list(pages.records())) > before
        pages.close()


class TestWholeFile:
    def refused(self, store: SqliteStore, kind: str, *words: str) -> None:
        with pytest.raises(AndonError) as caught, store.read():
            pass
        assert (caught.value.kind, caught.value.exit) == (kind, 6)
        for word in words:
            assert word in caught.value.message + caught.value.next

    def test_deleted(self, store: SqliteStore) -> None:
        store.close()
        os.unlink(store.path)
        self.refused(store, "database_gone", "is gone", "andon import")
        assert not os.path.exists(store.path), "no empty one takes its place"
        with pytest.raises(AndonError) as caught:
            hot.status(store.path, 1e9)
        assert caught.value.kind == "database_gone"

    def test_deleted_while_it_is_open(self, store: SqliteStore) -> None:
        samples.add_task(store, "T901")
        for suffix in ("", "-wal", "-shm"):
            os.unlink(store.path + suffix)
        self.refused(store, "database_gone", "is gone")
        with pytest.raises(AndonError, match="is gone"):
            samples.add_task(store, "T902")

    def test_emptied_and_its_log_is_left_alone(self, store: SqliteStore) -> None:
        samples.add_task(store, "T901")
        other = Path(store.path).with_name("copy.db")
        for suffix in ("", "-wal", ".lock"):
            shutil.copy(store.path + suffix, f"{other}{suffix}")
        os.truncate(other, 0)
        size = os.path.getsize(f"{other}-wal")
        copy = SqliteStore(str(other))
        self.refused(copy, "database_gone", "is empty")
        assert not hot.nothing_ready(str(other), None, "a", 1e9)
        with pytest.raises(AndonError, match="is empty"):
            hot.status(str(other), 1e9)
        assert os.path.getsize(f"{other}-wal") == size > 0

    def test_a_directory_in_its_place(self, store: SqliteStore) -> None:
        store.close()
        os.unlink(store.path)
        os.mkdir(store.path)
        self.refused(store, "store_unavailable", "is a directory")

    def test_a_newer_schema_is_named_and_left(self, store: SqliteStore) -> None:
        store.open().execute(f"PRAGMA user_version = {SCHEMA_VERSION + 7}")
        store.open().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store.close()
        before = Path(store.path).read_bytes()
        self.refused(store, "newer_schema", f"schema {SCHEMA_VERSION + 7}", f"up to {SCHEMA_VERSION}", "newer Andon")
        with pytest.raises(AndonError) as caught:
            hot.status(store.path, 1e9)
        assert caught.value.kind == "newer_schema"
        assert Path(store.path).read_bytes() == before

    @pytest.mark.parametrize(
        ("statement", "kind"),
        [(f"PRAGMA user_version = {SCHEMA_VERSION + 1}", "newer_schema"), ("PRAGMA application_id = 7", "not_andon")],
    )
    def test_what_is_no_damage_is_not_salvaged(self, store: SqliteStore, statement: str, kind: str) -> None:
        store.open().execute(statement)
        store.close()
        for settled in (False, True):  # In the write-ahead log, then in the file.
            if settled:
                base = sqlite3.connect(store.path)
                base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                base.close()
            before = Path(store.path).read_bytes()
            with pytest.raises(AndonError) as caught:
                salvage.salvage(store.path)
            assert (caught.value.kind, caught.value.exit) == (kind, 6)
            assert Path(store.path).read_bytes() == before
        assert not list(Path(store.path).parent.glob("*.damaged*"))

    def test_nothing_is_not_salvaged(self, store: SqliteStore) -> None:
        store.close()
        os.truncate(store.path, 0)
        with pytest.raises(AndonError, match="gone or empty"):
            salvage.salvage(store.path)

    def test_an_older_schema_is_brought_up_to_date(self, store: SqliteStore, tmp_path: Path) -> None:
        before = view(store)
        store.close()
        (first, script), *_later = migrations(0)
        old = sqlite3.connect(tmp_path / "old.db", isolation_level=None)
        old.executescript(script)
        old.execute("ATTACH ? AS new", (store.path,))
        for (table,) in old.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
            columns = ", ".join(row[1] for row in old.execute(f"PRAGMA main.table_info({table})"))
            old.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")
        old.execute("DETACH new")
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        old.execute(f"PRAGMA user_version = {first}")
        old.close()
        os.replace(tmp_path / "old.db", store.path)
        assert view(store) == before
        assert salvage.problems(store) == []
        assert store.open().execute("SELECT count(*) FROM archived_runs").fetchone() == (0,)

    def test_a_read_only_file_system(self, store: SqliteStore) -> None:
        store.close()
        directory = os.path.dirname(store.path)
        program = (
            "import sys\n"
            "from andon.core.errors import AndonError\n"
            "from andon.store.sqlite import SqliteStore\n"
            "from tests.store import samples\n"
            "try:\n"
            f"    samples.add_task(SqliteStore({store.path!r}), 'T999')\n"
            "except AndonError as error:\n"
            "    print(error.kind, error.exit, error.message, '|', error.next)\n"
        )
        done = subprocess.run(
            ["bwrap", "--dev-bind", "/", "/", "--ro-bind", directory, directory, sys.executable, "-c", program],
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])},
            capture_output=True,
            text=True,
        )
        assert done.stdout.startswith("store_unavailable 6 "), (done.stdout, done.stderr)
        assert store.path in done.stdout
        with store.read() as reader:
            assert reader.load("T999") is None


def test_rubbish_in_the_pages_is_survived(store: SqliteStore, tmp_path: Path) -> None:
    """Seeded damage anywhere: the answer is always data or an AndonError, never another exception; salvage ends."""
    import random

    store.open().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = Path(store.path).read_bytes()
    for seed in range(25):
        chance = random.Random(seed)
        damaged = bytearray(content)
        for _ in range(chance.choice((1, 5, 40))):
            place = chance.randrange(len(damaged))
            size = chance.choice((1, 8, 512, 4096))
            damaged[place : place + size] = chance.randbytes(len(damaged[place : place + size]))
        path = tmp_path / f"seed-{seed}" / "andon.db"
        path.parent.mkdir()
        path.write_bytes(damaged)
        copy = SqliteStore(str(path))
        for act in (rebuild.check, salvage.problems, view):
            try:
                act(copy)
            except AndonError as error:
                assert error.exit == 6, (seed, error)
        copy.close()
        result = salvage.salvage(str(path))
        assert result.events > 0, seed
        assert salvage.problems(copy) == [], seed
        copy.close()
    assert sqlite3.sqlite_version_info >= (3, 35)
