"""What is SQLite's own: files, errors in plain words, indexes, many processes, crashes."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from andon.core import events as e
from andon.core.errors import AndonError, InvariantViolation, UsageError
from andon.core.evolve import replay
from andon.core.projection import rows
from andon.store import connection, errors, locking, rebuild, search
from andon.store.sql_text import APPLICATION_ID, SCHEMA_VERSION, migrations, statements
from andon.store.sqlite import SqliteStore
from andon.store.sqlite_reader import SQL
from tests.store import samples

ROOT = Path(__file__).parents[2]
WORKER = str(Path(__file__).with_name("worker.py"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(str(tmp_path / "andon" / "andon.db"))
    yield made
    made.close()


def start(mode: str, store: SqliteStore, name: str, count: int, **more: Any) -> subprocess.Popen[str]:
    environment = {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]), "PATH": os.environ["PATH"]}
    return subprocess.Popen(
        [sys.executable, WORKER, mode, store.path, name, str(count)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def value(store: SqliteStore, statement: str) -> Any:
    return store.open().execute(statement).fetchone()[0]


class TestFiles:
    def test_modes_and_marks(self, store: SqliteStore) -> None:
        samples.add_task(store, "T1")
        directory = Path(store.path).parent
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        for suffix in ("", "-wal", "-shm", ".lock"):
            assert stat.S_IMODE(os.stat(store.path + suffix).st_mode) == 0o600, suffix
        assert value(store, "PRAGMA application_id") == APPLICATION_ID
        assert value(store, "PRAGMA user_version") == SCHEMA_VERSION
        assert value(store, "PRAGMA journal_mode") == "wal"
        assert value(store, "PRAGMA synchronous") == 2
        assert value(store, "PRAGMA integrity_check") == "ok"

    def test_the_migrations_are_numbered_without_gaps(self) -> None:
        assert [version for version, _script in migrations(0)] == list(range(1, SCHEMA_VERSION + 1))
        assert migrations(SCHEMA_VERSION) == []

    def test_every_block_says_what_it_is_for(self) -> None:
        for name in ("store", "hot"):
            text = (ROOT / "src/andon/store/sql" / f"{name}.sql").read_text()
            for block in text.split("-- name: ")[1:]:
                assert block.splitlines()[1].startswith("-- "), block.splitlines()[0]
            found = statements(name)
            assert len(found.names) == text.count("-- name: ")
            assert all(found[block] and not found[block].startswith("--") for block in found.names)

    def test_the_tables_have_the_projections_columns(self, store: SqliteStore) -> None:
        samples.add_task(store, "T1", depends_on=("T2",))
        samples.start_run(store, "R1")
        samples.message(store, "M1")
        samples.learning(store, "L1")
        with store.write() as writer:
            given = e.LearningsGiven(at=1.0, actor="bob", step="implement", token=1, learnings=("L1",))
            samples.put(writer, "R1", [given])
        kept_by_the_store = {
            "tasks": {"number", "open_dependencies"},
            "task_dependencies": {"place"},
            "runs": {"number"},
            "steps": {"number", "place"},
            "messages": {"number"},
            "learnings": {"number", "indexed"},
            "learning_uses": {"number", "place"},
        }
        seen = set()
        with store.read() as reader:
            for stream in ("T1", "R1", "M1", "L1"):
                loaded = reader.load(stream)
                assert loaded is not None
                for table, found in rows(loaded.state).items():
                    columns = {x[1] for x in store.open().execute(f"PRAGMA table_info({table})")}
                    assert columns == {*found[0], *kept_by_the_store[table]}
                    seen.add(table)
        assert seen == set(kept_by_the_store)

    def test_a_store_can_be_closed_and_used_again(self, store: SqliteStore) -> None:
        samples.add_task(store, "T1")
        store.close()
        store.close()
        with store.read() as reader:
            assert samples.ids(reader.tasks()) == ["T1"]

    def test_odd_names(self, tmp_path: Path) -> None:
        made = SqliteStore(str(tmp_path / "a b?c#d%20e\udce9" / "andon.db"))
        samples.add_task(made, "T1")
        made.close()
        assert os.path.exists(made.path)
        assert os.listdir(tmp_path) == ["a b?c#d%20e\udce9"]

    def test_an_up_to_date_database_is_opened_with_one_question(self, store: SqliteStore) -> None:
        samples.add_task(store, "T1")
        store.close()
        seen: list[str] = []
        real = sqlite3.connect

        def connect(*args: Any, **more: Any) -> sqlite3.Connection:
            made = real(*args, **more)
            made.set_trace_callback(seen.append)
            return made

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(connection.sqlite3, "connect", connect)
            store.open()
        assert seen[0] == "PRAGMA user_version"
        assert not [x for x in seen if "journal_mode" in x or "BEGIN" in x or "sqlite_master" in x]

    @pytest.mark.filterwarnings("ignore:.*fork")
    def test_a_child_of_a_fork_opens_its_own_connection(self, store: SqliteStore) -> None:
        samples.add_task(store, "T1")
        pid = os.fork()
        if pid == 0:
            try:
                samples.add_task(store, "T2")
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        samples.add_task(store, "T3")
        with store.read() as reader:
            assert samples.ids(reader.tasks()) == ["T1", "T2", "T3"]
        assert rebuild.check(store) == []

    def test_two_threads_at_once_are_a_bug(self, store: SqliteStore) -> None:
        caught: list[BaseException] = []

        def other() -> None:
            try:
                with store.read():
                    pass
            except InvariantViolation as error:
                caught.append(error)

        with store.read():
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
        assert len(caught) == 1


class TestErrors:
    def refused(self, store: SqliteStore, kind: str, words: str) -> AndonError:
        with pytest.raises(AndonError) as caught, store.read() as reader:
            reader.tasks()
        assert (caught.value.kind, caught.value.exit) == (kind, 6), caught.value
        assert words in caught.value.message
        assert os.path.dirname(store.path) in caught.value.message
        assert caught.value.next
        return caught.value

    def test_a_newer_schema_is_left_untouched(self, store: SqliteStore) -> None:
        samples.add_task(store, "T1")
        store.open().execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        store.close()
        before = Path(store.path).read_bytes()
        self.refused(store, "newer_schema", "newer Andon")
        with pytest.raises(AndonError), store.write():
            pass
        assert Path(store.path).read_bytes() == before

    def test_another_programs_database(self, store: SqliteStore) -> None:
        os.makedirs(os.path.dirname(store.path))
        other = sqlite3.connect(store.path)
        other.execute("CREATE TABLE mine (a)")
        other.commit()
        other.close()
        self.refused(store, "not_andon", "another program")

    def test_no_database_at_all(self, store: SqliteStore) -> None:
        os.makedirs(os.path.dirname(store.path))
        Path(store.path).write_bytes(b"once upon a time " * 500)
        self.refused(store, "corrupt", "no SQLite database")

    def test_a_directory_and_a_file_in_the_way(self, tmp_path: Path) -> None:
        (tmp_path / "d" / "andon.db").mkdir(parents=True)
        self.refused(SqliteStore(str(tmp_path / "d" / "andon.db")), "store_unavailable", "can't be opened")
        (tmp_path / "file").touch()
        self.refused(SqliteStore(str(tmp_path / "file" / "andon.db")), "store_unavailable", "can't be used")

    def test_a_read_only_place(self) -> None:
        """Another user's directory: nothing can be written, and it says so. (A file mode would not stop root.)"""
        directory = tempfile.mkdtemp(prefix="andon-test-")
        store = SqliteStore(os.path.join(directory, "andon.db"))
        try:
            samples.add_task(store, "T1")
            store.close()
            if os.getuid() != 0:
                os.chmod(store.path, 0o400)
            os.chmod(store.path + ".lock", 0o644)
            os.chmod(store.path, 0o644 if os.getuid() == 0 else 0o444)
            os.chmod(directory, 0o755 if os.getuid() == 0 else 0o555)
            program = (
                "import os, sys\n"
                "sys.path[:0] = sys.argv[2:]\n"
                "from andon.core.errors import AndonError\n"
                "from andon.store.sqlite import SqliteStore\n"
                "from tests.store import samples\n"
                "if os.getuid() == 0: os.setuid(65534)\n"
                "try:\n    samples.add_task(SqliteStore(sys.argv[1]), 'T2')\n"
                "except AndonError as error: print(error.kind, error.exit, error.message, '|', error.next)\n"
            )
            done = subprocess.run(
                [sys.executable, "-c", program, store.path, str(ROOT / "src"), str(ROOT)],
                capture_output=True,
                text=True,
                check=True,
            )
            assert done.stdout.startswith("store_unavailable 6 "), done
            assert "Traceback" not in done.stderr
            os.chmod(directory, 0o700)
            os.chmod(store.path, 0o600)
            with store.read() as reader:
                assert samples.ids(reader.tasks()) == ["T1"]
            store.close()
        finally:
            os.chmod(directory, 0o700)
            subprocess.run(["rm", "-r", directory], check=True)

    def test_a_full_disk_loses_nothing(self, store: SqliteStore) -> None:
        samples.add_task(store, "T1")
        pages = value(store, "PRAGMA page_count")
        store.open().execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(AndonError) as caught:
            samples.add_task(store, "T2", body="x" * 150_000)
        assert (caught.value.kind, caught.value.exit) == ("store_unavailable", 6)
        assert "disk is full" in caught.value.message
        store.open().execute("PRAGMA max_page_count = 1000000")
        samples.add_task(store, "T2", body="x" * 150_000)
        with store.read() as reader:
            assert samples.ids(reader.tasks()) == ["T1", "T2"]
        assert rebuild.check(store) == []

    def test_a_database_locked_by_another_program(self, store: SqliteStore) -> None:
        samples.add_task(store, "T1")
        store.open().execute("PRAGMA busy_timeout = 50")
        other = sqlite3.connect(store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(AndonError) as caught:
            samples.add_task(store, "T2")
        assert (caught.value.kind, caught.value.exit) == ("store_unavailable", 6)
        assert "locked" in caught.value.message
        with store.read() as reader:
            assert samples.ids(reader.tasks()) == ["T1"], "reading goes on"
        other.execute("ROLLBACK")
        samples.add_task(store, "T2")
        other.close()

    def test_a_stuck_writer_is_named(self, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
        samples.add_task(store, "T1")
        holder = start("hold", store, "holder", 60)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        monkeypatch.setattr(locking.WriteLock.acquire, "__defaults__", (0.2,))
        with pytest.raises(AndonError) as caught:
            samples.add_task(store, "T2")
        assert (caught.value.kind, caught.value.exit) == ("store_unavailable", 6)
        assert store.path + ".lock" in caught.value.message
        with store.read() as reader:
            assert samples.ids(reader.tasks()) == ["T1"]
        holder.kill()
        holder.communicate()
        monkeypatch.undo()
        samples.add_task(store, "T2")
        with store.read() as reader:
            assert reader.setting("holder") is None

    def test_one_damaged_aggregate_does_not_hinder_the_others(self, store: SqliteStore) -> None:
        for name in ("T1", "T2", "T3"):
            samples.add_task(store, name)
        store.open().execute("UPDATE states SET state = '{\"id\": 1' WHERE stream = 'T1'")
        store.open().execute("UPDATE states SET state = CAST(x'fffe00' AS TEXT) WHERE stream = 'T2'")
        with store.read() as reader:
            for name in ("T1", "T2"):
                with pytest.raises(AndonError) as caught:
                    reader.load(name)
                assert (caught.value.kind, caught.value.exit, caught.value.next) == ("corrupt", 6, "andon doctor")
                assert name in caught.value.message
            assert reader.load("T3") is not None
            assert samples.ids(reader.ready_tasks()) == ["T1", "T2", "T3"]
        samples.finish_task(store, "T3")
        assert len(rebuild.check(store)) == 2
        rebuild.rebuild(store)
        assert rebuild.check(store) == []

    def test_a_damaged_event_is_named(self, store: SqliteStore) -> None:
        samples.add_task(store, "T1")
        samples.add_task(store, "T2")
        store.open().execute("UPDATE events SET data = '{}' WHERE stream = 'T1'")
        with store.read() as reader:
            with pytest.raises(AndonError, match="event 1 of T1"):
                reader.events("T1")
            assert len(reader.events("T2")) == 1

    def test_a_damaged_page_is_a_clear_error(self, store: SqliteStore) -> None:
        for number in range(1, 200):
            samples.add_task(store, f"T{number}")
        store.close()
        content = bytearray(Path(store.path).read_bytes())
        for page in range(2, len(content) // 4096):
            content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
        Path(store.path).write_bytes(content)
        self.refused(store, "corrupt", "damaged")

    def test_a_remembered_verdict_that_is_damaged_is_measured_again(self, store: SqliteStore) -> None:
        store.put("s", "g", "e", samples.verdict())
        store.open().execute("UPDATE measurements SET verdict = '{\"gate\": 3}'")
        assert store.get("s", "g", "e") is None

    def test_bugs_stay_bugs(self) -> None:
        assert isinstance(errors.translate(sqlite3.ProgrammingError("closed"), "/db"), InvariantViolation)
        assert isinstance(errors.translate(sqlite3.DataError("string or blob too big"), "/db"), UsageError)


class TestPlans:
    """Hot queries go by an index: a scan of a whole table grows with history."""

    HOT = (
        "load",
        "events_all",
        "events_stream",
        "ready_steps",
        "ready_tasks",
        "queued_steps",
        "queued_tasks",
        "queued_task",
        "leases",
        "landing_tasks",
        "next_moment",
        "expired_leases",
        "overlong_leases",
        "due_steps",
        "archived_run",
        "next_runs",
        "births",
        "unborn",
        "streams",
        "any_event",
        "steps_of_run",
        "steps_leased",
        "step_at",
        "tasks_of_status",
        "tasks_all",
        "dependencies",
        "runs_of_status",
        "messages_to",
        "messages_of_run",
        "messages_answered",
        "measurement",
        "cause_seen",
        "advance_state",
        "task_status",
        "count_dependencies",
        "count_dependents",
        "drop_steps",
        "drop_dependencies",
        "counter",
        "stream_known",
    )

    def plan(self, store: SqliteStore, text: str) -> list[str]:
        names = {word.strip(",()\n").lstrip(":") for word in text.replace("(", " ").split() if word.startswith(":")}
        parameters = {name.rstrip(",)"): None for name in names}
        return [str(row[3]) for row in store.open().execute("EXPLAIN QUERY PLAN " + text, parameters)]

    @pytest.mark.parametrize("name", HOT)
    def test_the_stores_queries(self, store: SqliteStore, name: str) -> None:
        for line in self.plan(store, SQL[name]):
            scan = line.startswith("SCAN") and " USING " not in line and "json_each" not in line
            assert not scan, line
            assert "AUTOMATIC" not in line, line

    @pytest.mark.parametrize(
        ("name", "index"),
        [
            ("ready_steps", "steps_ready"),
            ("ready_tasks", "tasks_ready"),
            ("queued_steps", "steps_ready"),
            ("queued_tasks", "tasks_ready"),
            ("leases", "steps_leased"),
            ("next_moment", "steps_waiting"),
            ("expired_leases", "steps_leased"),
            ("overlong_leases", "steps_leased"),
            ("due_steps", "steps_waiting"),
            ("step_at", "steps_workdir"),
            ("steps_leased", "steps_"),
            ("messages_answered", "messages_answered"),
            ("messages_to", "messages_recipient"),
        ],
    )
    def test_partial_indexes(self, store: SqliteStore, name: str, index: str) -> None:
        plan = self.plan(store, SQL[name])
        assert any(index in line for line in plan), plan

    @pytest.mark.parametrize("name", ["orphans", "wrong_counts", "archivable", "only_archived"])
    def test_checks_of_the_whole_keep_no_copy_of_the_log(self, store: SqliteStore, name: str) -> None:
        plan = self.plan(store, SQL[name])
        assert not [line for line in plan if "LIST SUBQUERY" in line or "AUTOMATIC" in line], plan
        assert not [line for line in plan if line.startswith("SCAN events") and "INDEX" not in line], plan

    @pytest.mark.parametrize(
        "name",
        [
            "ready_steps",
            "ready_tasks",
            "queued_steps",
            "queued_tasks",
            "tasks_of_status",
            "runs_of_status",
            "tasks_all",
        ],
    )
    def test_queues_come_in_order_without_sorting(self, store: SqliteStore, name: str) -> None:
        assert not [line for line in self.plan(store, SQL[name]) if "TEMP B-TREE" in line]

    @pytest.mark.parametrize("name", ["something_ready", "lease", "renewal_state", "renewal_step", "renewal_run"])
    def test_the_hot_path(self, store: SqliteStore, name: str) -> None:
        for line in self.plan(store, statements("hot")[name]):
            assert not line.startswith("SCAN") or " USING " in line or "CONSTANT ROW" in line, line


class TestProcesses:
    def test_eight_writers(self, store: SqliteStore) -> None:
        """No error, nothing lost or done twice, no gap, and nobody starves."""
        count = 60
        samples.add_task(store, "T1")
        for number in range(8):
            samples.add_task(store, f"T{10 + number}")
        workers = [start("append", store, str(10 + number), count) for number in range(8)]
        outputs = [worker.communicate(timeout=120) for worker in workers]
        assert [worker.returncode for worker in workers] == [0] * 8, outputs
        with store.read() as reader:
            shared = reader.events("T1", limit=10_000)
            assert [x.seq for x in shared] == list(range(1, 8 * count + 2))
            for number in range(8):
                own = reader.events(f"T{10 + number}", limit=10_000)
                assert [x.cause for x in own[1:]] == [f"{10 + number}-{x}" for x in range(count)]
            everything = reader.events(limit=100_000)
            assert [x.position for x in everything] == list(range(1, 16 * count + 10))
        assert rebuild.check(store) == []
        # Loosely: with a starving queue the worst wait is of the order of the whole run.
        assert max(float(output) for output, _errors in outputs) < 5.0

    def test_many_make_the_database_at_once(self, store: SqliteStore) -> None:
        workers = [start("create", store, str(number), 5) for number in range(6)]
        outputs = [worker.communicate(timeout=60) for worker in workers]
        assert [worker.returncode for worker in workers] == [0] * 6, outputs
        with store.write() as writer:
            assert writer.next_id("task") == "T31"

    def test_kill_9_at_any_moment(self, store: SqliteStore) -> None:
        """What was said to be committed is there; what was not is there wholly or not at all; the next one goes on."""
        samples.add_task(store, "T1")
        samples.add_task(store, "T2")
        for delay_ms in (0, 1, 3, 7, 13):
            worker = start("die", store, "2", 100_000)
            assert worker.stdout is not None
            worker.stdout.readline()
            time.sleep(delay_ms / 1000)
            worker.kill()
            output, _ = worker.communicate()
            said = len(output.split()) + 1
            with store.read() as reader:
                shared, own = reader.load("T1"), reader.load("T2")
                assert shared is not None
                assert own is not None
                assert shared.seq == own.seq, "both appends of a transaction or none"
                assert shared.seq > said
            assert rebuild.check(store) == []
            assert value(store, "PRAGMA integrity_check") == "ok"
            with store.write() as writer:
                for name in ("T1", "T2"):
                    samples.put(writer, name, [e.TaskEdited(at=9.0, actor="test")])
        store.close()

    def test_kill_9_inside_a_transaction_frees_the_lock(self, store: SqliteStore) -> None:
        samples.add_task(store, "T1")
        worker = start("half", store, "x", 3000)
        worker.communicate(timeout=60)
        assert worker.returncode == -9
        begin = time.perf_counter()
        samples.add_task(store, "T2")
        assert time.perf_counter() - begin < 5.0
        with store.read() as reader:
            assert [x.stream for x in reader.events()] == ["T1", "T2"]
        assert rebuild.check(store) == []
        assert value(store, "PRAGMA integrity_check") == "ok"

    def test_a_reader_keeps_its_moment(self, store: SqliteStore) -> None:
        samples.add_task(store, "T1")
        other = SqliteStore(store.path)
        with store.read() as reader:
            assert len(reader.tasks()) == 1
            samples.add_task(other, "T2")
            assert len(reader.tasks()) == 1
            assert len(reader.events()) == 1
        with store.read() as reader:
            assert len(reader.tasks()) == 2
        other.close()


class TestSearch:
    WORDS = ("parser", "byte", "lock")

    def test_without_fts5_the_same_are_found(self, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
        """A Python whose SQLite lacks FTS5 searches plainly, and what it writes is found when the index is there again."""
        monkeypatch.setattr(search, "_known", {"fts5": False})
        samples.learning(store, "L1", "The parser reads bytes")
        samples.learning(store, "L2", "Who lands holds a lock; the parser does not")
        with store.read() as reader:
            plain = reader.search_learnings(self.WORDS)
        assert not store.open().execute("SELECT 1 FROM sqlite_master WHERE name = 'learning_words'").fetchall()
        monkeypatch.setattr(search, "_known", {"fts5": True})
        samples.learning(store, "L3", "Locks are taken in order")
        with store.read() as reader:
            assert set(reader.search_learnings(self.WORDS)) == {*plain, "L3"}
        rebuild.rebuild(store)
        assert not store.open().execute("SELECT 1 FROM learnings WHERE indexed = 0").fetchall()
        with store.read() as reader:
            assert set(reader.search_learnings(self.WORDS)) == {*plain, "L3"}

    def test_the_index_is_used(self, store: SqliteStore) -> None:
        samples.learning(store, "L1", "The parser reads bytes")
        with store.view() as reader:
            if not search.has_fts5(reader):
                pytest.fail("this SQLite has no FTS5: only the plain search was tested")
            asked = {"query": '"parser"', "limit": 5}
            plan = store.open().execute("EXPLAIN QUERY PLAN " + SQL["search_learnings"], asked).fetchall()
        assert any("VIRTUAL TABLE INDEX" in str(row[3]) for row in plan), plan


class TestRebuild:
    def test_every_kind_of_difference_is_found_and_mended(self, store: SqliteStore) -> None:
        samples.add_task(store, "T1", depends_on=("T2",))
        samples.add_task(store, "T2")
        samples.add_task(store, "T3")
        samples.start_run(store, "R1")
        samples.message(store, "M1")
        samples.learning(store, "L1")
        with store.write() as writer:
            given = e.LearningsGiven(at=1.0, actor="bob", step="implement", token=1, learnings=("L1",))
            samples.put(writer, "R1", [given])
        before = self.view(store)
        damage = {
            "UPDATE states SET state = replace(state, 'Task T1', 'forged') WHERE stream = 'T1'": "state of T1",
            "UPDATE states SET seq = 7 WHERE stream = 'T2'": "state of T2 is at 7",
            "DELETE FROM states WHERE stream = 'T3'": "state of T3 is missing",
            "UPDATE tasks SET status = 'landed' WHERE id = 'T2'": "rows of T2",
            "UPDATE tasks SET open_dependencies = 0 WHERE id = 'T1'": "T1 counts 0 open dependencies instead of 1",
            "UPDATE steps SET state = 'leased' WHERE run = 'R1'": "steps: the rows of R1",
            "UPDATE runs SET number = 5": "runs: the rows of R1",
            "DELETE FROM messages": "messages: the rows of M1",
            "UPDATE learnings SET words = 'forged'": "learnings: the rows of L1",
            "UPDATE learning_uses SET withheld = 1": "learning_uses: the rows of R1",
            "INSERT INTO learnings VALUES ('L9', 9, 'active', '', '', '', 0)": "learnings holds L9",
            "DELETE FROM task_dependencies": "task_dependencies: the rows of T1",
            "INSERT INTO task_dependencies VALUES ('T9', 0, 'T1')": "task_dependencies holds T9",
            "INSERT INTO states VALUES ('T9', 'task', 1, '{}')": "states holds T9",
        }
        for statement, words in damage.items():
            store.open().execute(statement)
            found = rebuild.check(store)
            assert any(words in line for line in found), (statement, found)
            rebuild.rebuild(store)
            assert rebuild.check(store) == []
            assert self.view(store) == before
        for statement in damage:
            store.open().execute(statement)
        assert len(rebuild.check(store)) >= 8
        rebuild.rebuild(store)
        assert rebuild.check(store) == []
        assert self.view(store) == before

    def view(self, store: SqliteStore) -> Any:
        with store.read() as reader:
            loaded = {stream: reader.load(stream) for stream in ("T1", "T2", "T3", "R1", "M1", "T9")}
            return loaded, samples.everything(reader)

    def test_a_damaged_log_is_reported_and_hinders_no_other_stream(self, store: SqliteStore) -> None:
        for number in range(1, 8):
            samples.add_task(store, f"T{number}")
            with store.write() as writer:
                samples.put(writer, f"T{number}", [e.TaskEdited(at=2.0, actor="a", title="later")])
        base = store.open()
        base.execute("UPDATE events SET data = '{' WHERE stream = 'T1' AND seq = 1")
        base.execute("DELETE FROM events WHERE stream = 'T2' AND seq = 1")
        base.execute("UPDATE events SET seq = seq + 10 WHERE stream = 'T3'")
        base.execute("UPDATE events SET data = replace(data, 'later', 'forged') WHERE stream = 'T4'")
        base.execute("UPDATE events SET actor = 'eve' WHERE stream = 'T5' AND seq = 2")
        base.execute(
            "UPDATE events SET data = (SELECT data FROM events WHERE stream = 'T7' AND seq = 1), "
            "type = 'TaskAdded', at = 1.5, actor = 'ann' WHERE stream = 'T6' AND seq = 2"
        )
        found = "\n".join(rebuild.check(store))
        for words in (
            "event 1 of T1 (position 1) can't be read",
            "event 1 of T2 is missing",
            "event 1 of T3 is missing",
            "state of T4 is not what",
            "event 2 of T5: its columns differ",
            "event 2 of T6 does not follow",
        ):
            assert words in found, found
        assert " T7:" not in found
        assert "of T7" not in found
        base.execute("UPDATE tasks SET title = 'x' WHERE id = 'T7'")
        rebuild.rebuild(store)
        with store.read() as reader:
            assert [row["title"] for row in reader.tasks()] == [
                "later",
                "later",
                "later",
                "forged",
                "later",
                "later",
                "later",
            ]

    def test_lost_counters_come_back(self, store: SqliteStore) -> None:
        samples.add_task(store, "T41")
        store.open().execute("DELETE FROM counters")
        rebuild.rebuild(store)
        with store.write() as writer:
            assert writer.next_id("task") == "T42"

    def test_the_list_of_differences_is_bounded(self, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(1, 30):
            samples.add_task(store, f"T{number}")
        store.open().execute("UPDATE tasks SET title = 'x'")
        monkeypatch.setattr(rebuild, "MAX_DIFFERENCES", 10)
        found = rebuild.check(store)
        assert len(found) == 11
        assert found[-1].startswith("…")


class TestLock:
    def test_one_holder_and_a_bounded_wait(self, tmp_path: Path) -> None:
        path = str(tmp_path / "lock")
        one, other = locking.WriteLock(path), locking.WriteLock(path)
        assert one.acquire()
        begin = time.perf_counter()
        assert not other.acquire(0.1)
        assert 0.05 < time.perf_counter() - begin < 5.0
        threading.Timer(0.1, one.release).start()
        assert other.acquire(10.0)
        assert not one.acquire(0.05)
        other.release()
        # The waiter that gave up must not keep what it gets later.
        deadline = time.monotonic() + 10.0
        while not one.acquire(0.05):
            assert time.monotonic() < deadline
        one.close()
        other.close()

    def test_no_place_for_the_file(self, tmp_path: Path) -> None:
        with pytest.raises(OSError, match="No such file"):
            locking.WriteLock(str(tmp_path / "none" / "lock")).acquire()


def test_a_log_replays_to_the_stored_state(store: SqliteStore) -> None:
    definition = samples.start_run(store, "R1")
    for number in range(5):
        token = samples.claim(store, definition, "R1", f"agent-{number}", at=1000.0 + number)
        assert token == number + 1
        with store.write() as writer:
            samples.put(
                writer, "R1", [e.AttemptEnded(at=1001.0, actor="a", step="implement", token=token, how="released")]
            )
    with store.read() as reader:
        loaded = reader.load("R1")
        assert loaded is not None
        assert replay(x.event for x in reader.events("R1")) == loaded.state
