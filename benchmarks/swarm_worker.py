"""A scripted worker of the swarm's load: `python -m benchmarks.swarm_worker ORDERS`, ORDERS a JSON object.

One process that pulls a task, makes its change in the worktree that it is given, and advances, until the stop file
appears. It may be killed at any moment. Most workers call what the command line calls, in their own process (`Here`:
thirty-two workers that start Python for every act measure Python); some start `andon` for each act, as an agent does
(`Orders.spawn`). What Andon answered goes to standard output, one JSON object a line.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from andon.app import open_coordinator
from andon.cli.parse import parse
from andon.cli.table import find
from andon.core.errors import AndonError, InvariantViolation
from andon.demo.client import Andon, Reply
from andon.demo.project import show
from andon.engine.interface import CallContext

WAIT = "20s"
INDEX = "index.txt"
LINES_APART = 4
"""Git merges changes of one file that are so far apart, where no line is like another."""


class Orders(Struct, frozen=True, kw_only=True):
    """What the driver tells a worker. tasks: task id -> its number. stop: file whose appearance ends the worker.

    think_s: how long it holds a claim before it writes, as an agent thinks. spawn: start `andon` for each act.
    """

    agent: str
    repository: str
    tasks: dict[str, int]
    stop: str
    think_s: float
    spawn: bool


class Here:
    """The command line's own parser and coordinator, without a process for each call."""

    def __init__(self, agent: str, directory: Path) -> None:
        self.agent = agent
        self.directory = directory

    def call(self, *arguments: str, directory: Path | None = None) -> Reply:
        found = find([*arguments])
        if found is None:
            raise InvariantViolation(f"no command {arguments}")
        context = CallContext(cwd=str(directory or self.directory), agent=self.agent)
        try:
            reply = open_coordinator(context).call(found[0][0], parse(*found))
        except AndonError as error:
            told = {"ok": False, "error": {"kind": error.kind, "message": str(error), "next": error.next}}
            return Reply(exit_code=error.exit, data=told)
        return Reply(exit_code=reply.exit, data=reply.body)


def index_of(tasks: int) -> str:
    """The index before anything is done."""
    return "".join(f"line {number}\n" for number in range(tasks * LINES_APART))


def change(workdir: Path, base: str, number: int) -> None:
    """A file of the task's own, and its line of the one file that all tasks change. A conflict is done again on the base."""
    if "<<<<<<<" in (workdir / INDEX).read_text():
        show(workdir, base)
    parts = workdir / "parts"
    parts.mkdir(exist_ok=True)
    (parts / f"{number}.txt").write_text(f"part {number}\n")
    lines = (workdir / INDEX).read_text().splitlines()
    lines[number * LINES_APART] = f"{number} done"
    (workdir / INDEX).write_text("\n".join(lines) + "\n")


def work(orders: Orders) -> None:
    """Until the stop file appears."""
    root = Path(orders.repository)
    andon = Andon(orders.agent, root) if orders.spawn else Here(orders.agent, root)
    stop = Path(orders.stop)
    while not stop.exists():
        claimed = andon.call("next", "--role", "implementer", "--wait", WAIT)
        note("next", claimed)
        if claimed.exit_code != 0:
            if claimed.exit_code != 3:
                time.sleep(0.5)
            continue
        workdir = Path(str(claimed.data["workdir"]))
        time.sleep(orders.think_s)
        try:
            change(workdir, str(claimed.data["base"]), orders.tasks[str(claimed.data["task"])])
        except (OSError, AndonError) as error:
            # The lease was over and the worktree is gone, or holds another's conflict.
            note("change", Reply(exit_code=1, data={"error": {"kind": "worktree", "message": str(error)}}))
            continue
        note("advance", andon.call("advance", "-m", "done", directory=workdir))


def note(verb: str, reply: Reply) -> None:
    line = {"verb": verb, "exit": reply.exit_code, "kind": reply.kind, "message": reply.message[:300]}
    print(json.dumps(line | {"run": reply.data.get("run"), "task": reply.data.get("task")}), flush=True)


if __name__ == "__main__":
    work(msgspec.json.decode(sys.argv[1], type=Orders))
