"""How long a plan of 10,000 tasks takes on a generated repository of 20,000 files with 5,000 commits, from the
command line. Each file defines 15 functions.

The repository is made by `git fast-import`; the tasks go into the store by the engine, without a process for each. Measured
are the first plan, which mines the history and reads the files, and the next one.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from andon.app import open_coordinator
from andon.engine.interface import CallContext
from benchmarks.measure import Row, table

TASKS = 10_000
FILES = 20_000
COMMITS = 5_000
PACKAGES = 400
DEFINED = 15
"""The names that each file defines."""
GOAL_S = 10.0
_SYLLABLES = (
    "ka",
    "lo",
    "mi",
    "ren",
    "su",
    "tor",
    "vel",
    "ash",
    "dun",
    "fir",
    "gol",
    "hex",
    "jin",
    "pra",
    "qui",
    "zeb",
)


class _Dice:
    """A fixed stream of numbers."""

    def __init__(self) -> None:
        self.state = 12_345

    def upto(self, limit: int) -> int:
        self.state = (self.state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        return (self.state >> 33) % limit

    def hot(self, limit: int) -> int:
        """Low numbers much more often than high ones, as files are changed in life."""
        return min(self.upto(limit), self.upto(limit), self.upto(limit))

    def word(self) -> str:
        return "".join(_SYLLABLES[self.upto(16)] for _ in range(2 + self.upto(2)))


def paths() -> list[str]:
    dice = _Dice()
    names: dict[str, None] = {}
    while len(names) < FILES:
        package = len(names) % PACKAGES
        names[f"src/area{package % 20}/pack{package}/{dice.word()}_{dice.word()}.py"] = None
    return list(names)


def words_of(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".py").replace("_", " ")


def text_of(path: str, at: int) -> str:
    """A module of DEFINED functions, of whose names some are the file's and the others its own."""
    dice = _Dice()
    dice.state += hash_of(path)
    base = path.rpartition("/")[2].removesuffix(".py")
    names = [f"{base}_{dice.word()}" if dice.upto(3) == 0 else f"{dice.word()}_{dice.word()}" for _ in range(DEFINED)]
    body = "\n".join(f"def {name}(one, other):\n    return one + other * {at}\n\n" for name in names)
    return f'"""What {base} is for."""\n\n{body}'


def hash_of(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6])


def make_repository(directory: Path, names: list[str]) -> None:
    dice = _Dice()
    subprocess.run(["git", "init", "-q", "-b", "main", str(directory)], check=True)
    for key, value in (("user.name", "Ben Ch"), ("user.email", "ben@example.com")):
        subprocess.run(["git", "-C", str(directory), "config", key, value], check=True)
    lines: list[str] = []

    def commit(at: int, message: str, changed: list[str]) -> None:
        lines.append(f"commit refs/heads/main\ncommitter B <b@x> {1_600_000_000 + at * 3600} +0000")
        lines.append(f"data {len(message)}\n{message}")
        for path in changed:
            text = text_of(path, at)
            lines.append(f"M 100644 inline {path}\ndata {len(text)}\n{text}")

    commit(0, "all", names)
    for at in range(1, COMMITS):
        start = dice.hot(FILES)
        changed = list(
            dict.fromkeys([names[start], *(names[(start + PACKAGES * dice.upto(4)) % FILES] for _ in range(3))])
        )
        commit(at, f"{words_of(names[start])} {dice.word()} {dice.word()}", changed)
    subprocess.run(
        ["git", "-C", str(directory), "fast-import", "--quiet"], input="\n".join(lines).encode() + b"\n", check=True
    )
    subprocess.run(["git", "-C", str(directory), "reset", "-q", "--hard"], check=True)


def add_tasks(directory: Path, names: list[str]) -> None:
    dice = _Dice()
    coordinator = open_coordinator(CallContext(cwd=str(directory), agent="bench"))
    for number in range(TASKS):
        path = names[dice.hot(FILES)]
        arguments: dict[str, object] = {"title": f"{words_of(path)} {dice.word()}"}
        kind = number % 4
        if kind == 0:
            arguments["body"] = f"Change {path} so that {dice.word()} is right, and what {dice.word()} needs."
        elif kind == 1:
            arguments["scope"] = [path, names[dice.upto(FILES)]]
        elif kind == 2 and number % 40 == 2:
            arguments["scope"] = [path.rpartition("/")[0] + "/**"]
        if number > 10 and dice.upto(5) == 0:
            arguments["depends_on"] = [f"T{1 + dice.upto(number)}"]
        coordinator.call("task_add", arguments)


def run() -> list[Row]:
    """The time of the first plan and of the next one."""
    names = paths()
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(Path(__file__).parents[1] / "src")}
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as scratch:
        directory = Path(scratch) / "repo"
        make_repository(directory, names)
        command = [sys.executable, "-m", "andon"]
        subprocess.run([*command, "init"], cwd=directory, env=environment, check=True, capture_output=True)
        add_tasks(directory, names)
        took: list[tuple[float, float]] = []
        for _ in range(2):
            start, before = time.perf_counter(), os.times()
            done = subprocess.run(
                [*command, "plan", "--json"], cwd=directory, env=environment, check=True, capture_output=True
            )
            after = os.times()
            worked = after.children_user + after.children_system - before.children_user - before.children_system
            took.append((time.perf_counter() - start, worked))
        body = json.loads(done.stdout)
        print(
            f"{len(body['items'])} tasks, {body['commits']} commits: {body['waves']} waves, at least {body['lower_bound']}, "
            f"issue order {body['greedy']}, {body['shared_places']} shared places, {len(body['added'])} dependencies",
            file=sys.stderr,
        )
    (first, first_worked), (following, following_worked) = took
    return [
        _row("first plan, history mined and files read", first),
        _row("the same in processor time", first_worked),
        _row("next plan", following),
        _row("the same in processor time", following_worked),
    ]


def _row(what: str, seconds: float) -> Row:
    """The floor is the time that the plan may take."""
    name = f"plan of 10,000 tasks on 20,000 files: {what}"
    return Row(name=name, value=seconds, floor=GOAL_S, unit="s", ratio=seconds / GOAL_S, limit=1.0)


if __name__ == "__main__":
    print(table(run()))
