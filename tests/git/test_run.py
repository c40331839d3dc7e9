"""Running git: pipes, time-outs, signals, the environment."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from andon.core.errors import AndonError
from andon.git.run import base_environment, find_git, spawn
from tests.git.conftest import Sandbox


def gone(pid: int) -> bool:
    """Whether no process of this id is running (one that nobody has waited for yet counts as gone)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_large_input_and_output_do_not_block_each_other() -> None:
    data = os.urandom(3_000_000)
    done = spawn([], program="/bin/cat", stdin=data)
    assert done.code == 0
    assert done.out == data


def test_output_on_both_pipes_is_kept_apart() -> None:
    done = spawn(["-c", "head -c 300000 /dev/zero; head -c 200000 /dev/zero >&2; exit 7"], program="/bin/sh")
    assert (done.code, len(done.out), len(done.err)) == (7, 300_000, 200_000)


def test_a_child_that_does_not_read_its_input_is_no_error() -> None:
    done = spawn(["-c", "exit 3"], program="/bin/sh", stdin=b"x" * 1_000_000)
    assert done.code == 3


def test_a_time_out_ends_the_whole_group(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    start = time.monotonic()
    with pytest.raises(AndonError, match="was stopped after") as caught:
        spawn(["-c", f"sleep 60 & echo $! > {pid_file}; wait"], program="/bin/sh", timeout_s=0.3)
    assert caught.value.kind == "git_timeout"
    assert time.monotonic() - start < 10
    pid = int(pid_file.read_text())
    deadline = time.monotonic() + 5
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert gone(pid)


def test_a_process_left_behind_with_our_pipes_is_not_waited_for(tmp_path: Path) -> None:
    start = time.monotonic()
    done = spawn(["-c", "sleep 5 & echo done"], program="/bin/sh")
    assert (done.code, done.out) == (0, b"done\n")
    assert time.monotonic() - start < 4


def test_a_killed_child_is_told_by_its_signal() -> None:
    assert spawn(["-c", "kill -9 $$"], program="/bin/sh").code == -9


def test_enough_output_is_enough() -> None:
    start = time.monotonic()
    done = spawn(["-c", "yes"], program="/bin/sh", keep_bytes=100_000)
    assert done.cut
    assert len(done.out) == 100_000
    assert time.monotonic() - start < 10


def test_a_broken_pipe_ends_the_child_and_not_python() -> None:
    done = spawn(["-c", "yes | head -n 1"], program="/bin/sh")
    assert (done.code, done.out, done.err) == (0, b"y\n", b"")


def test_many_threads_at_once() -> None:
    failed: list[int] = []

    def work(number: int) -> None:
        data = bytes([number]) * 200_000
        for _ in range(5):
            if spawn([], program="/bin/cat", stdin=data).out != data:
                failed.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_no_descriptor_is_left_open() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        spawn(["-c", "echo x"], program="/bin/sh", stdin=b"y")
        with pytest.raises(AndonError):
            spawn(["-c", "sleep 9"], program="/bin/sh", timeout_s=0.01)
        with pytest.raises(AndonError):
            spawn([], program="/nowhere/git")
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_callers_git_variables_do_not_mislead(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = sandbox.head
    for name, value in {
        "GIT_DIR": str(tmp_path / "elsewhere"),
        "GIT_INDEX_FILE": str(tmp_path / "nothing"),
        "GIT_WORK_TREE": "/",
        "GIT_OBJECT_DIRECTORY": str(tmp_path),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.bare",
        "GIT_CONFIG_VALUE_0": "true",
        "GIT_EXTERNAL_DIFF": "false",
    }.items():
        monkeypatch.setenv(name, value)
    assert sandbox.repository.branch_head("main") is not None
    assert [path for _mode, _oid, path in sandbox.repository.list_files("HEAD")] == ["a.txt"]
    (sandbox.path / "a.txt").write_text("edited\n")
    tree = sandbox.repository.write_tree(str(sandbox.path), head)
    assert [change.path for change in sandbox.repository.changes(head, tree)] == ["a.txt"]
    kept = {name for name in base_environment() if name.startswith("GIT_")}
    assert not kept & {"GIT_DIR", "GIT_INDEX_FILE", "GIT_CONFIG_COUNT", "GIT_AUTHOR_NAME"}


def test_a_missing_git_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(AndonError, match="not installed") as caught:
        spawn(["version"])
    assert caught.value.kind == "git_missing"


def test_a_git_in_the_working_directory_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\nexit 9\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f".:{os.pathsep}bin{os.pathsep}{os.environ['PATH']}")
    assert os.path.isabs(find_git())
    assert spawn(["version"]).code == 0


def test_nothing_slow_is_imported() -> None:
    slow = ("subprocess", "tempfile", "shutil", "pathlib", "asyncio", "logging", "dataclasses")
    code = f"import sys; import andon.git.repository; print([x for x in {slow!r} if x in sys.modules])"
    source = str(Path(__file__).parents[2] / "src")
    bare = "import sys, msgspec, contextlib, hashlib, typing, collections.abc, select, signal; "
    floor = subprocess.run(
        [sys.executable, "-c", bare + f"print([x for x in {slow!r} if x in sys.modules])"],
        capture_output=True,
        text=True,
    )
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": source}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(eval(done.stdout)) <= set(eval(floor.stdout))
    assert "subprocess" not in done.stdout
