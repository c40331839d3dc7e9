"""Export and import: exact, complete or refused, all or nothing, with bounded memory."""

from __future__ import annotations

import hashlib
import io
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from andon.core import events as e
from andon.core.errors import AndonError, UsageError
from andon.store import archive, archive_file, lines, rebuild, transfer
from andon.store.sqlite import SqliteStore
from benchmarks import history
from tests.store import samples

ROOT = Path(__file__).parents[2]


def busy(path: Path) -> SqliteStore:
    """A workspace with a bit of everything."""
    store = SqliteStore(str(path / "andon.db"))
    samples.add_task(store, "T1", title='Ünïcode "quoted"\n\\ and \x00', depends_on=("T2",))
    samples.add_task(store, "T2")
    samples.finish_task(store, "T2")
    definition = samples.start_run(store, "R1")
    samples.claim(store, definition, "R1", "alice", at=1000.125)
    samples.human_step(store, "R2")
    samples.message(store, "M1", body="line\nline")
    samples.learning(store, "L1")
    samples.learning(store, "L2", retired=True)
    with store.write() as writer:
        writer.next_id("task")
        writer.put_setting("target", "mäin")
        writer.put_definition("sha256:odd", b"\xff\x00 no text")
        samples.put(writer, "T2", [e.TaskEdited(at=1e16 / 3, actor="ann", priority=1)], cause="once / ünd")
    store.put("s", "g", "e", samples.verdict())
    return store


def exported(store: SqliteStore) -> bytes:
    file = io.BytesIO()
    done = transfer.export(store, file)
    assert done.lines == file.getvalue().count(b"\n") - 1
    return file.getvalue()


def imported(path: Path, content: bytes) -> SqliteStore:
    store = SqliteStore(str(path / "andon.db"))
    transfer.import_(store, io.BytesIO(content))
    return store


def view(store: SqliteStore) -> Any:
    with store.read() as reader:
        return samples.everything(reader), reader.load("R1"), reader.setting("target"), reader.definition("sha256:odd")


class TestRoundTrip:
    def test_all_comes_back_and_exports_to_the_same_bytes(self, tmp_path: Path) -> None:
        store = busy(tmp_path / "a")
        content = exported(store)
        other = imported(tmp_path / "b", content)
        assert exported(other) == content
        assert view(other) == view(store)
        assert rebuild.check(other) == []
        assert other.get("s", "g", "e") == store.get("s", "g", "e")
        with other.write() as writer:
            assert writer.next_id("task") == "T4", "ids go on where they were: T1 and T2 are in use, T3 was given out"

    def test_an_empty_workspace(self, tmp_path: Path) -> None:
        content = exported(SqliteStore(str(tmp_path / "a" / "andon.db")))
        assert exported(imported(tmp_path / "b", content)) == content

    def test_archives_come_along(self, tmp_path: Path) -> None:
        history.make(str(tmp_path / "andon.db"), 50)
        store = SqliteStore(str(tmp_path / "andon.db"))
        archive.archive(store, before=2e9, now=3e9, progress=None)
        history_before = {name: store_events(store, name) for name in ("R1", "R50")}
        content = exported(store)
        other = imported(tmp_path / "b", content)
        assert exported(other) == content
        assert {name: store_events(other, name) for name in ("R1", "R50")} == history_before
        assert rebuild.check(other) == []
        assert archive.check_files(other) == []

    def test_a_damaged_log_is_carried_over_as_it_is(self, tmp_path: Path) -> None:
        store = busy(tmp_path / "a")
        base = store.open()
        base.execute("UPDATE events SET data = CAST(x'fffe7b' AS TEXT) WHERE stream = 'T1'")
        base.execute("UPDATE events SET actor = 'eve' WHERE stream = 'M1'")
        base.execute("UPDATE events SET data = '{\n}' WHERE stream = 'R2' AND seq = 2")
        file = io.BytesIO()
        done = transfer.export(store, file)
        assert [line.split(" (")[0] for line in done.problems] == ["event 1 of T1", "event 2 of R2"]
        other = SqliteStore(str(tmp_path / "b" / "andon.db"))
        result = transfer.import_(other, io.BytesIO(file.getvalue()))
        assert len(result.problems) == 3
        rows = "SELECT position, stream, seq, type, at, actor, cause, CAST(data AS BLOB), typeof(data) FROM events"
        assert other.open().execute(rows).fetchall() == base.execute(rows).fetchall()
        assert exported(other) == file.getvalue()
        with other.read() as reader:
            assert reader.load("R1") is not None, "the others are there (law 12)"


def store_events(store: SqliteStore, stream: str) -> Any:
    with store.read() as reader:
        return reader.events(stream)


class TestRefusals:
    def refused(self, tmp_path: Path, content: bytes, kind: str, words: str) -> None:
        store = SqliteStore(str(tmp_path / "refused" / "andon.db"))
        with pytest.raises(UsageError) as caught:
            transfer.import_(store, io.BytesIO(content))
        assert (caught.value.kind, caught.value.exit) == (kind, 64)
        assert words in caught.value.message, caught.value.message
        with store.read() as reader:
            assert reader.events() == []
            assert reader.setting("target") is None
        assert not os.path.exists(archive_file.directory_of(store.path)) or not os.listdir(
            archive_file.directory_of(store.path)
        )

    def test_every_cut_is_noticed(self, tmp_path: Path) -> None:
        content = exported(busy(tmp_path))
        ends = [place for place, byte in enumerate(content) if byte == 10]
        for cut in (0, 1, len(content) // 2, len(content) - 1, *[end + 1 for end in ends[:-1]], *ends[3:6]):
            self.refused(tmp_path, content[:cut], "truncated", "it was cut off")

    def test_every_change_is_noticed(self, tmp_path: Path) -> None:
        content = exported(busy(tmp_path))
        self.refused(tmp_path, content.replace(b"Task T2", b"Task T9"), "bad_export", "altered or damaged")
        whole = content.splitlines(keepends=True)
        self.refused(tmp_path, b"".join(whole[:5] + whole[6:]), "bad_export", "altered or damaged")
        self.refused(tmp_path, content + b"{}\n", "bad_export", "behind the last line")
        self.refused(tmp_path, content.replace(b'"kind":"event"', b'"kind":"other"', 1), "bad_export", "line ")
        self.refused(tmp_path, b"\x89PNG\n" + content, "bad_export", "line 1 can't be read")
        self.refused(tmp_path, whole[1] + content, "bad_export", "no header")

    def test_a_newer_format_is_named(self, tmp_path: Path) -> None:
        content = exported(busy(tmp_path)).replace(b'"format":1', b'"format":2', 1)
        self.refused(tmp_path, content, "newer_format", "format 2; this Andon knows format 1")

    def test_an_event_that_stands_twice(self, tmp_path: Path) -> None:
        content = exported(busy(tmp_path))
        whole = content.splitlines(keepends=True)
        (event,) = (line for line in whole if b'"position":3,' in line)
        copy = event.replace(b'"position":3,', b'"position":900,')
        body = b"".join([*whole[:-1], copy]).replace(
            b'"events":%d' % (len([x for x in whole if b'"kind":"event"' in x])),
            b'"events":%d' % (len([x for x in whole if b'"kind":"event"' in x]) + 1),
            1,
        )
        end = lines.encode(lines.EndLine(lines=len(whole), sha256=hashlib.sha256(body).hexdigest()))
        self.refused(tmp_path, body + end, "bad_export", "repeats an event")

    def test_an_altered_archive_leaves_nothing(self, tmp_path: Path) -> None:
        history.make(str(tmp_path / "andon.db"), 5)
        store = SqliteStore(str(tmp_path / "andon.db"))
        archive.archive(store, before=2e9, now=3e9, progress=None)
        content = exported(store)
        self.refused(tmp_path, content.replace(b"the part is made", b"the part was made", 1), "bad_export", "became")
        self.refused(tmp_path, content[:-1], "truncated", "cut off")

    def test_a_workspace_with_work_is_left_alone_unless_it_is_the_same(self, tmp_path: Path) -> None:
        store = busy(tmp_path / "a")
        content = exported(store)
        assert transfer.import_(store, io.BytesIO(content)).identical
        samples.add_task(store, "T9")
        before = exported(store)
        with pytest.raises(AndonError) as caught:
            transfer.import_(store, io.BytesIO(content))
        assert (caught.value.kind, caught.value.exit) == ("not_empty", 1)
        assert exported(store) == before

    def test_a_kill_in_the_middle_leaves_nothing(self, tmp_path: Path) -> None:
        content = exported(busy(tmp_path / "a"))
        path = tmp_path / "b" / "andon.db"
        program = (
            "import os, signal, sys\n"
            "from andon.store import rebuild, transfer\n"
            "from andon.store.sqlite import SqliteStore\n"
            "rebuild.rebuild_in = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
            f"transfer.import_(SqliteStore({str(path)!r}), sys.stdin.buffer)\n"
        )
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
        done = subprocess.run([sys.executable, "-c", program], input=content, env=environment)
        assert done.returncode == -9
        store = imported(tmp_path / "b", content)
        assert exported(store) == content


class TestCompleteness:
    def test_every_table_is_exported_or_rebuilt(self, tmp_path: Path) -> None:
        store = busy(tmp_path)
        known = {*transfer.EXPORTED, *transfer.REBUILT, *transfer.OWN_LINES}
        tables = {row[0] for row in store.open().execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables - {"sqlite_stat1", "sqlite_sequence"} == known, "a new table must be listed in transfer.py"
        for table, columns in transfer.EXPORTED.items():
            assert columns == tuple(row[1] for row in store.open().execute(f"PRAGMA table_info({table})"))


MEASURE = """
import sys
from andon.store import rebuild, transfer
from andon.store.sqlite import SqliteStore
what, path, other = sys.argv[1:]
store = SqliteStore(path)
if what == "check":
    assert rebuild.check(store) == []
elif what == "export":
    with open(other, "wb") as file:
        transfer.export(store, file)
else:
    with open(other, "rb") as file:
        transfer.import_(store, file)
# Not ru_maxrss, which begins with the peak of the parent.
print(next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    peaks: dict[int, dict[str, float]] = {}
    for tasks in (5_000, 20_000):
        source, text, target = (str(tmp_path / str(tasks) / name) for name in ("a/andon.db", "all", "b/andon.db"))
        os.makedirs(os.path.dirname(source))
        history.make(source, tasks)
        peaks[tasks] = {}
        for what, path in (("check", source), ("export", source), ("import", target)):
            done = subprocess.run(
                [sys.executable, "-c", MEASURE, what, path, text],
                env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
            peaks[tasks][what] = float(done.stdout)
        counted = sqlite3.connect(target).execute("SELECT count(*) FROM events").fetchone()
        assert counted == (tasks * history.EVENTS_PER_TASK,)
    for what, peak in peaks[20_000].items():
        assert peak < peaks[5_000][what] + 8, (what, peaks)
