"""Workers are processes of their own, are heard, and never outlive the demo."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from andon.demo import crew as module
from andon.demo.crew import Crew

STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print('{"agent": "x", "what": "pids", "text": "", "pids": [%d, %d]}' % (os.getpid(), child.pid), flush=True)
print("not json", flush=True)
time.sleep(60)
"""


def alive(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def begin(crew: Crew, tmp_path: Path) -> list[int]:
    process = crew._start(
        "stubborn", [sys.executable, "-c", STUBBORN], "stubborn", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    crew._listen_in_background(process, "stubborn")
    note = crew.notes.get(timeout=20)
    assert note["what"] == "pids"
    return [int(number) for number in note["pids"]]


def gone(processes: list[int]) -> bool:
    deadline = time.monotonic() + 10
    while any(alive(number) for number in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_stop_ends_a_worker_that_ignores_it_and_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE_S", 0.3)
    crew = Crew(tmp_path, tmp_path)
    processes = begin(crew, tmp_path)
    assert all(alive(number) for number in processes)
    assert os.getpgid(processes[0]) != os.getpgid(0), "a Ctrl-C on the terminal must not reach it before the driver"
    crew.stop()
    assert gone(processes)


def test_kill_ends_a_worker_at_once(tmp_path: Path) -> None:
    crew = Crew(tmp_path, tmp_path)
    processes = begin(crew, tmp_path)
    crew.kill("stubborn")
    assert gone(processes)
    crew.stop()
    assert not crew.is_running("stubborn")
    assert crew.dead() == [], "a killed one is no surprise"


def test_what_is_no_note_is_reported(tmp_path: Path) -> None:
    crew = Crew(tmp_path, tmp_path)
    begin(crew, tmp_path)
    note = crew.notes.get(timeout=20)
    crew.stop()
    assert (note["what"], note["text"], note["character"]) == ("unexpected", "not json", "stubborn")
