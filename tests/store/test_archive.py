"""Archives: finished runs leave the log and stay whole; every damage of a file is found and told by run."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from andon.core import events as e
from andon.core.errors import AndonError, InvariantViolation
from andon.core.evolve import replay
from andon.store import archive, archive_file, lines, rebuild
from andon.store.sqlite import SqliteStore
from benchmarks import history, store_load
from tests.store import samples

RUNS = 40
ROOT = Path(__file__).parents[2]
LATER = 2e9


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Forty finished runs, and some that go on."""
    path = str(tmp_path / "andon.db")
    history.make(path, RUNS)
    store_load.open_work(path, 3)
    made = SqliteStore(path)
    yield made
    made.close()


def move(store: SqliteStore) -> archive.Archived:
    return archive.archive(store, before=LATER, now=LATER, progress=None)


def value(store: SqliteStore, statement: str) -> Any:
    return store.open().execute(statement).fetchone()[0]


def view(store: SqliteStore) -> Any:
    with store.read() as reader:
        found = samples.everything(reader)
        found.pop("events")
        logs = {f"{kind}{number}": reader.events(f"{kind}{number}") for kind in "TR" for number in range(1, RUNS + 4)}
        return found, logs, [reader.load(name) for name in logs]


class TestMoving:
    def test_nothing_is_lost_and_the_log_is_shorter(self, store: SqliteStore) -> None:
        before = view(store)
        done = move(store)
        assert (done.runs, done.events, len(done.files)) == (RUNS, RUNS * 7, 1)
        assert value(store, "SELECT count(*) FROM events WHERE stream LIKE 'R%'") == 3 * 2
        assert view(store) == before
        assert rebuild.check(store) == []
        assert archive.check_files(store) == []
        with store.read() as reader:
            assert reader.archived_runs() == RUNS
            loaded = reader.load("R7")
            assert loaded is not None
            assert replay(x.event for x in reader.events("R7")) == loaded.state
            assert [x.seq for x in reader.events("R7", after=3, limit=2)] == [4, 5]
            assert not [x for x in reader.events(limit=1000) if x.stream == "R7"]

    def test_projections_are_rebuilt_from_archives_too(self, store: SqliteStore) -> None:
        move(store)
        before = view(store)
        for table in ("states", "runs", "tasks", "steps"):
            store.open().execute(f"DELETE FROM {table}")
        assert len(rebuild.check(store)) > RUNS
        rebuild.rebuild(store)
        assert rebuild.check(store) == []
        assert view(store) == before

    def test_the_file_is_named_by_its_content_and_plain_gzip(self, store: SqliteStore) -> None:
        (path,) = move(store).files
        content = gzip.decompress(Path(path).read_bytes())
        assert os.path.basename(path) == hashlib.sha256(content).hexdigest() + ".jsonl.gz"
        assert content.startswith(archive_file.HEADER)
        assert content.count(b"\n") == 1 + RUNS * 7
        assert os.stat(path).st_mode & 0o777 == 0o600

    def test_only_what_ended_long_enough_ago(self, store: SqliteStore) -> None:
        ended = value(store, "SELECT max(changed_at) FROM runs WHERE status = 'ended'")
        assert archive.archivable(store, ended - 1).runs == 0
        assert archive.archive(store, before=ended - 1, now=LATER, progress=None).runs == 0
        assert archive.archivable(store, ended) == archive.Archived(runs=RUNS, events=RUNS * 7)
        assert (
            not os.path.exists(archive_file.directory_of(store.path))
            or os.listdir(archive_file.directory_of(store.path)) == []
        )
        assert move(store).runs == RUNS
        assert move(store).runs == 0, "nothing is moved twice"

    def test_files_are_of_bounded_size(self, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
        before = view(store)
        monkeypatch.setattr(archive, "MAX_RUNS_IN_FILE", 15)
        done = move(store)
        assert (done.runs, len(done.files)) == (RUNS, 3)
        assert view(store) == before
        assert rebuild.check(store) == []

    def test_dependencies_still_resolve(self, store: SqliteStore) -> None:
        move(store)
        samples.add_task(store, "T900", depends_on=("T1", "T40"))
        with store.read() as reader:
            assert [row["id"] for row in reader.ready_tasks()] == ["T900"]

    def test_compacting_gives_space_back(self, store: SqliteStore) -> None:
        before = view(store)
        move(store)
        size = os.path.getsize(store.path)
        archive.compact(store)
        assert os.path.getsize(store.path) < size
        assert view(store) == before

    def test_a_run_whose_log_is_damaged_stays(self, store: SqliteStore) -> None:
        store.open().execute("UPDATE events SET data = '{' WHERE stream = 'R5' AND seq = 2")
        assert move(store).runs == RUNS - 1
        assert value(store, "SELECT count(*) FROM events WHERE stream = 'R5'") == 7
        assert len(rebuild.check(store)) == 1


class TestFaults:
    def test_a_kill_between_file_and_transaction(self, store: SqliteStore) -> None:
        before = view(store)
        program = (
            "import os, signal\n"
            "from andon.store import archive\n"
            "from andon.store.sqlite import SqliteStore\n"
            "archive._move = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
            f"archive.archive(SqliteStore({store.path!r}), before=2e9, now=2e9, progress=None)\n"
        )
        done = subprocess.run([sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": str(ROOT / "src")})
        assert done.returncode == -9
        assert view(store) == before
        (left,) = archive.forgotten_files(store)
        assert move(store).files == (left,), "the next try writes the very same file"
        assert archive.forgotten_files(store) == []
        assert view(store) == before

    def test_a_run_that_changes_meanwhile_is_not_lost(
        self, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        honest = archive._move

        def late(*arguments: Any) -> None:
            store.open().execute(
                "INSERT INTO events SELECT 100000, stream, 8, type, at, actor, NULL, data FROM events "
                "WHERE stream = 'R3' AND seq = 7"
            )
            honest(*arguments)

        monkeypatch.setattr(archive, "_move", late)
        with pytest.raises(InvariantViolation, match="R3 changed while it was archived"):
            move(store)
        assert value(store, "SELECT count(*) FROM archived_runs") == 0

    def test_damage_is_told_by_run_and_hinders_no_other(self, store: SqliteStore) -> None:
        (path,) = move(store).files
        content = bytearray(Path(path).read_bytes())
        start, size = store.open().execute("SELECT start, size FROM archived_runs WHERE stream = 'R9'").fetchone()
        content[start + size // 2] ^= 0xFF
        os.chmod(path, 0o600)
        Path(path).write_bytes(content)
        with store.read() as reader:
            with pytest.raises(AndonError, match="R9") as caught:
                reader.events("R9")
            assert (caught.value.kind, caught.value.exit) == ("corrupt", 6)
            assert len(reader.events("R8")) == 7
            assert len(reader.events("R10")) == 7
        (problem,) = rebuild.check(store)
        assert "R9" in problem
        assert len(archive.check_files(store)) == 1
        rebuild.rebuild(store)
        with store.read() as reader:
            assert reader.load("R9") is not None, "its state is kept"

    def test_a_missing_file(self, store: SqliteStore) -> None:
        (path,) = move(store).files
        os.unlink(path)
        assert ["No such file" in line for line in archive.check_files(store)] == [True]
        assert len(rebuild.check(store)) == RUNS
        with store.read() as reader:
            assert len(reader.tasks()) == RUNS + 3

    def test_an_exchanged_file(self, store: SqliteStore) -> None:
        (path,) = move(store).files
        forged = gzip.decompress(Path(path).read_bytes()).replace(b"the part is made", b"the part is good")
        Path(path).write_bytes(gzip.compress(forged))
        (problem,) = archive.check_files(store)
        assert "holds something else" in problem


def test_an_event_behind_the_archived_ones_is_read_with_them(store: SqliteStore) -> None:
    """Nothing writes one now; a later version may."""
    move(store)
    with store.write() as writer:
        loaded = writer.load("R2")
        assert loaded is not None
        samples.put(writer, "R2", [e.RunBlocked(at=5.0, actor="x", step="", reason="later")])
    with store.read() as reader:
        assert [x.seq for x in reader.events("R2")] == list(range(1, 9))
    assert rebuild.check(store) == []


def test_lines_keep_every_byte() -> None:
    for data in (b"{}", b' {"a":1}', b"\xff", b"{\n}", b"{\r}", b"", b'"text"', b'{"a":"\xc3\xbc"}'):
        row = (1, "T1", 1, None, data, "Odd", 1.5, "ann")
        text, problems = lines.encode_events([row])
        assert len(problems) == 1
        line = lines.decode(text.rstrip(b"\n"), 1)
        assert isinstance(line, lines.EventLine)
        assert lines.full_event(line, 1) == row
