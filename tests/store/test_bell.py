"""The bell: who listens is woken at once, who is dead is swept away, and a ring never waits."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from andon.ports_queue import MESSAGES, WORK
from andon.store.bell import DeafEar, PipeBell, PipeEar


def test_a_ring_wakes_those_who_listen_for_it(tmp_path: Path) -> None:
    bell = PipeBell(str(tmp_path / "waiters"))
    bell.ring({WORK})
    assert not (tmp_path / "waiters").exists(), "nobody waits: nothing is made"
    with bell.listen(WORK) as work, bell.listen(MESSAGES) as messages:
        bell.ring({WORK})
        bell.ring({WORK})
        assert work.wait(0) and not messages.wait(0)
        assert not work.wait(0), "several rings before a look are one"
        bell.ring({MESSAGES})
        assert messages.wait(0) and not work.wait(0)
        late = threading.Timer(0.05, bell.ring, [{WORK}])
        late.start()
        assert work.wait(60)
        late.join()
    assert list((tmp_path / "waiters").iterdir()) == []


def test_a_killed_waiter_is_swept_away_and_others_are_woken(tmp_path: Path) -> None:
    directory = tmp_path / "waiters"
    code = (
        "import sys, time\nfrom andon.store.bell import PipeBell\n"
        "with PipeBell(sys.argv[1]).listen('work'):\n    print('here', flush=True)\n    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(directory)], stdout=subprocess.PIPE, text=True) as waiter:
        assert waiter.stdout is not None and waiter.stdout.readline() == "here\n"
        waiter.kill()
    assert len(list(directory.iterdir())) == 1
    bell = PipeBell(str(directory))
    with bell.listen(WORK) as ear:
        bell.ring({WORK})
        assert ear.wait(0)
        assert len(list(directory.iterdir())) == 1


def test_a_ring_never_waits_and_touches_no_ordinary_file(tmp_path: Path) -> None:
    directory = tmp_path / "waiters"
    bell = PipeBell(str(directory))
    with bell.listen(WORK) as ear:
        (directory / "work-file").write_text("")
        os.symlink(directory / "work-file", directory / "work-link")
        for _ in range(70_000 if isinstance(ear, PipeEar) else 0):
            pipe = next(x for x in directory.iterdir() if x.is_fifo())
            descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            try:
                while os.write(descriptor, b"!" * 4096):
                    pass
            except BlockingIOError:
                break
            finally:
                os.close(descriptor)
        bell.ring({WORK})
        assert ear.wait(0)
        assert (directory / "work-file").read_text() == ""


def test_where_no_pipe_can_be_made_a_waiter_sleeps_in_short_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(95, "not supported")

    monkeypatch.setattr(os, "mkfifo", refused)
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    with PipeBell(str(tmp_path / "waiters")).listen(WORK) as ear:
        assert isinstance(ear, DeafEar)
        assert not ear.wait(5.0)
    assert slept == [0.2]
