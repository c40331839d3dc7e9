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

WORKED = ("codex", "gemini", "vibe", "mini-swe-agent")
HOOKED = ("codex", "gemini", "vibe")
"""mini-swe-agent has no hooks."""
LIMIT_S = 15.0


def run() -> list[Row]:
    return [_measured(name, True) for name in WORKED] + [_measured(name, False) for name in HOOKED]


def _measured(name: str, by_worker: bool) -> Row:
    harness: Any = importlib.import_module("tests.clients.harness")
    directory = tempfile.mkdtemp(prefix="andon-bench-")
    try:
        scene = harness.Scene.make(Path(directory), name)
        scene.hooks()
        scene.task()
        began = time.perf_counter()
        session = scene.work("diligent", "--once") if by_worker else _as_a_person_would(scene)
        landed = scene.lead()
        seconds = time.perf_counter() - began
        if not landed or scene.landed() != "hello":
            raise RuntimeError(f"{name} did not land: {session.tell()}")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    how = "worked" if by_worker else "hooked"
    return Row(
        name=f"{name}, {how}: a session of two steps",
        value=seconds,
        floor=LIMIT_S,
        unit="s",
        ratio=seconds / LIMIT_S,
        limit=1.0,
    )


def _as_a_person_would(scene: Any) -> Any:
    """Claim in a shell, then start the client where the work is."""
    scene.world.environment["ANDON_AGENT"] = "bench"
    return scene.session("diligent", cwd=Path(scene.world.ok("next")["workdir"]))
