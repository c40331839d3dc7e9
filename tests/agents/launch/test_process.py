"""A client as a process: its lines, its bounds, and that nothing of it outlives its turn."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from andon.agents.launch import process as p
from andon.agents.launch.process import Cancel, ClientProcess, Finish, Lines, Log, run_client
from andon.app.work.clients import make_tree
from andon.core.errors import AndonError
from tests.e2e.test_work import gone


def run(
    command: str, tmp_path: Path, *, timeout_s: float = 30.0, cancel: Cancel | None = None, **more: object
) -> tuple[Finish, list[str]]:
    lines: list[str] = []
    stop = cancel or Cancel()
    client = ClientProcess(
        ["/bin/sh", "-c", command],
        env={"PATH": os.environ["PATH"]},
        cwd=str(tmp_path),
        make_tree=make_tree,
        **more,  # type: ignore[arg-type]
    )
    try:
        return run_client(client, on_line=lines.append, timeout_s=timeout_s, cancel=stop, grace_s=0.5), lines
    finally:
        stop.close()


def test_lines_exit_code_and_the_end_of_standard_error(tmp_path: Path) -> None:
    finish, lines = run("echo one; printf 'two\\r\\nthree'; echo why >&2; exit 7", tmp_path)
    assert lines == ["one", "two", "three"]
    assert (finish.how, finish.exit_code, finish.stderr_tail) == (p.ENDED, 7, "why")


def test_standard_input_is_the_prompt_or_nothing(tmp_path: Path) -> None:
    prompt = "line\n" * 100_000
    assert run("wc -c", tmp_path, standard_input=prompt)[1] == [str(len(prompt))]
    assert run("wc -c", tmp_path)[1] == ["0"]


def test_a_signal_is_a_death(tmp_path: Path) -> None:
    finish, _ = run("kill -9 $$", tmp_path)
    assert (finish.how, finish.reason, finish.exit_code) == (p.DIED, "killed by SIGKILL", -1)


def test_out_of_time_is_term_then_kill(tmp_path: Path) -> None:
    began = time.monotonic()
    finish, lines = run("trap 'echo asked' TERM; while :; do sleep 0.1; done", tmp_path, timeout_s=0.5)
    assert finish.how == p.TIMED_OUT
    assert lines == ["asked"]
    assert time.monotonic() - began < 5
    polite, said = run("trap 'echo bye; exit 0' TERM; while :; do sleep 0.1; done", tmp_path, timeout_s=0.5)
    assert (polite.how, said) == (p.TIMED_OUT, ["bye"])


def test_a_cancel_from_another_thread_ends_it_at_once(tmp_path: Path) -> None:
    cancel = Cancel()
    threading.Timer(0.3, cancel.cancel, ["the lease is lost"]).start()
    began = time.monotonic()
    finish, _ = run("sleep 60", tmp_path, cancel=cancel)
    assert (finish.how, finish.reason) == (p.CANCELLED, "the lease is lost")
    assert time.monotonic() - began < 3


def test_children_in_sessions_of_their_own_end_with_it(tmp_path: Path) -> None:
    command = "setsid sh -c 'echo $$ > child; sleep 300' & while [ ! -s child ]; do sleep 0.02; done"
    finish, _ = run(command, tmp_path)
    assert finish.how == p.ENDED
    assert gone(int((tmp_path / "child").read_text()), 1.0)


ESCAPES = {
    "another environment": "env -i sh -c 'echo $$ > child; exec sleep 773' & ",
    "a second fork, another session and environment": "(env -i setsid sh -c 'echo $$ > child; exec sleep 771' &); ",
}


@pytest.mark.parametrize("start", ESCAPES.values(), ids=ESCAPES.keys())
def test_no_child_gets_away(start: str, tmp_path: Path) -> None:
    finish, _ = run(start + "while [ ! -s child ]; do sleep 0.01; done", tmp_path)
    assert finish.how == p.ENDED
    assert gone(int((tmp_path / "child").read_text()), 1.0)
    (tmp_path / "child").unlink()
    finish, _ = run(start + "sleep 300", tmp_path, timeout_s=1.0)
    assert finish.how == p.TIMED_OUT
    assert gone(int((tmp_path / "child").read_text()), 1.0)


def test_a_child_that_keeps_the_pipe_does_not_hang_the_turn(tmp_path: Path) -> None:
    began = time.monotonic()
    finish, lines = run("(sleep 60; echo late) & echo done", tmp_path)
    assert (finish.how, lines) == (p.ENDED, ["done"])
    assert time.monotonic() - began < 4


def test_what_can_not_be_started_says_so(tmp_path: Path) -> None:
    with pytest.raises(AndonError) as caught:
        ClientProcess(["/nowhere/agent"], env={}, cwd=str(tmp_path), make_tree=make_tree)
    assert (caught.value.kind, caught.value.exit) == ("no_client", 64)


KILLED = """
import os, sys
from andon.agents.launch.process import Cancel, ClientProcess, run_client
from andon.app.work.clients import make_tree
command = sys.argv[2] + "echo $$ > client; sleep 300"
client = ClientProcess(["/bin/sh", "-c", command], env={"PATH": os.environ["PATH"]}, cwd=sys.argv[1], make_tree=make_tree)
run_client(client, on_line=print, timeout_s=300, cancel=Cancel())
"""


@pytest.mark.parametrize("escape", ["setsid sh -c 'echo $$ > child; sleep 300' & ", *ESCAPES.values()])
def test_a_client_dies_with_its_worker_however_that_dies(escape: str, tmp_path: Path) -> None:
    worker = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path), escape], start_new_session=True)
    until = time.monotonic() + 20
    while not ((tmp_path / "child").exists() and (tmp_path / "child").read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    for name in ("client", "child"):
        assert gone(int((tmp_path / name).read_text()), 5.0), name


def test_a_line_without_end_is_left_out_and_the_next_one_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(p, "LINE_BYTES_MAX", 10)
    lines = Lines()
    found = [
        line
        for chunk in (b"short\n", b"much too ", b"long for us", b" still\nafter\nla", b"st")
        for line in lines.add(chunk)
    ]
    assert found == ["short", "after"]
    assert list(lines.rest()) == ["last"]
    assert lines.dropped == 1


def test_a_log_is_private_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(p, "LOG_BYTES_MAX", 20)
    log = Log(str(tmp_path / "log"))
    for _ in range(10):
        log.add(b"0123456789")
    log.close()
    text = (tmp_path / "log").read_bytes()
    assert text.endswith(b"[the rest is left out]\n")
    assert len(text) < 60
    assert os.stat(tmp_path / "log").st_mode & 0o777 == 0o600


def test_output_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(p, "OUTPUT_BYTES_MAX", 1024**2)
    finish, _ = run("yes", tmp_path)
    assert finish.how == p.CANCELLED
    assert "printed more than" in finish.reason


def test_a_client_that_talks_is_answered_while_it_runs(tmp_path: Path) -> None:
    command = ["/bin/sh", "-c", 'while read -r line; do echo "heard ${#line}"; done']
    client = ClientProcess(
        command, env={"PATH": os.environ["PATH"]}, cwd=str(tmp_path), make_tree=make_tree, talks=True
    )
    try:
        # More than a pipe holds: it is sent as fast as it is read.
        client.send("x" * 300_000 + "\n" + "y\n")
        heard: list[str] = []
        until = time.monotonic() + 20
        while len(heard) < 2 and time.monotonic() < until:
            heard += client.read(0.2)
        assert heard == ["heard 300000", "heard 1"]
    finally:
        client.close()
