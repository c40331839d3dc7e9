"""The whole sweep: a fault at every write boundary of every move of every chapter. `make crashes`.

python -m tests.crashes [--all] [--actions kill,kill-one,full,eio] [CHAPTER ...]

Without --all, writes of SQLite into one file that follow each other without a sync are one boundary as far as a crash
is concerned, since none of them counts before the last: the first, the middle and the last are tried.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.crashes.chapters import CHAPTERS
from tests.crashes.disturb import disturb, worth_trying
from tests.crashes.layer import build
from tests.crashes.scene import Scene

Part = tuple[str, int, int, tuple[str, ...], bool]


def sweep(part: Part) -> tuple[int, int, list[str]]:
    """(boundaries there are, faults tried, problems) of one part of a chapter."""
    chapter, number, parts, actions, everything = part
    options, script = CHAPTERS[chapter]
    directory = Path(tempfile.mkdtemp(prefix=f"andon-crashes-{chapter}-"))
    found: list[str] = []
    there = tried = 0
    try:
        scene = Scene(directory, build(directory), **options)
        scene.play(script())
        for move in scene.moves:
            there += len(move.boundaries)
            for action in actions:
                chosen = worth_trying(move.boundaries, action, everything=everything)
                for at in chosen[number::parts]:
                    tried += 1
                    try:
                        problems = disturb(scene, move, action, at)
                    except AssertionError as error:
                        problems = [f"{move.name}, {action} at {at}: {error}"]
                    for problem in problems:
                        print(problem[:600].replace(str(directory), ""), flush=True)
                    found += problems
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return there, tried, found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crashes")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--actions", default="kill")
    parser.add_argument("--jobs", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("chapters", nargs="*", default=list(CHAPTERS))
    asked = parser.parse_args()
    began = time.monotonic()
    actions = tuple(asked.actions.split(","))
    parts: list[Part] = [
        (chapter, number, asked.jobs, actions, asked.all) for chapter in asked.chapters for number in range(asked.jobs)
    ]
    with multiprocessing.Pool(asked.jobs) as pool:
        results = pool.map(sweep, parts, chunksize=1)
    there = sum(result[0] for result in results) // asked.jobs
    tried = sum(result[1] for result in results)
    found = [problem for result in results for problem in result[2]]
    took = time.monotonic() - began
    print(f"crashes: {there} boundaries, {tried} faults tried ({asked.actions}), {len(found)} problems, {took:.0f} s")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
