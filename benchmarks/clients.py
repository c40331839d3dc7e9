"""A whole session of a real client through a workflow of two steps, from its start to the landed commit, in seconds.

The model is scripted and answers at once, so that what is measured is the client, its hooks and Andon. The scenes are
those of the tests (`tests/clients`), which alone know how a client is driven.
"""

from __future__ import annotations

import importlib
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import Row

CLIENTS = ("codex", "gemini", "vibe", "mini-swe-agent")
LIMIT_S = 15.0


def run() -> list[Row]:
    return [_measured(name, by_worker) for name in CLIENTS for by_worker in (False, True)]


def _measured(name: str, by_worker: bool) -> Row:
    harness: Any = importlib.import_module("tests.clients.harness")
    directory = tempfile.mkdtemp(prefix="andon-bench-")
    try:
        scene = harness.Scene.make(Path(directory), name)
        scene.hooks()
        scene.task()
        began = time.perf_counter()
        session = scene.work("diligent", "--once") if by_worker else scene.session("diligent")
        landed = scene.lead()
        seconds = time.perf_counter() - began
        if not landed or scene.landed() != "hello":
            raise RuntimeError(f"{name} did not land: {session.tell()}")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    how = "andon work" if by_worker else "its hooks"
    return Row(
        name=f"{name}: a session of two steps, {how}",
        value=seconds,
        floor=LIMIT_S,
        unit="s",
        ratio=seconds / LIMIT_S,
        limit=1.0,
    )
