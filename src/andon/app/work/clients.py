"""Which client a worker launches, whether it is there, and in what environment it runs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable

from msgspec import Struct

from andon.agents.launch.drivers import find_driver
from andon.agents.launch.drivers.acp import AcpSession, find_agent
from andon.agents.launch.drivers.command import CommandDriver
from andon.agents.launch.process import Tree
from andon.agents.launch.session import Headless, Place, Session
from andon.core.errors import EXIT_USAGE, AndonError, UsageError

PROCESSES_MAX = 100_000
"""A client is not bounded in processes; its tree is only ended."""


class Client(Struct, frozen=True, kw_only=True):
    """name: as on the command line. start: a session in a place."""

    name: str
    extra: tuple[str, ...]
    start: Callable[[Place], Session]


def find_client(name: str, extra: tuple[str, ...]) -> Client:
    """Raises AndonError kind "no_client" when it is not installed, with the line that installs it."""
    if name.startswith("acp:"):
        agent = find_agent(name.removeprefix("acp:"), extra)
        _installed(agent.command[0], agent.install)
        return Client(name=name, extra=extra, start=lambda place: AcpSession(agent, place, make_tree))
    driver = CommandDriver(_first(extra)) if name == "command" else find_driver(name)
    _installed(driver.program, driver.install)
    return Client(name=name, extra=extra, start=lambda place: Headless(driver, place, make_tree))


def _first(extra: tuple[str, ...]) -> str:
    if not extra:
        raise UsageError("--agent command needs a program", next="andon work --agent command -- PROGRAM …")
    return extra[0]


def _installed(program: str, install: str) -> None:
    if shutil.which(program) is None:
        raise AndonError(
            f"{program} is not installed or not on the PATH", kind="no_client", next=install, exit=EXIT_USAGE
        )


def make_tree(pid: int, mark: str) -> Tree:
    from andon.runtimes.proctree import MarkedTree

    return MarkedTree(pid, mark, PROCESSES_MAX)


def environment(agent: str, run: str, model: str = "") -> dict[str, str]:
    """The worker's own variables, and the claim's. `andon` itself is found, if only at the end of the PATH."""
    own = dict(os.environ)
    own |= {"ANDON_AGENT": agent, "ANDON_RUN": run, "ANDON_LAUNCHED": "1"}
    if model:
        own["ANDON_MODEL"] = model
    if shutil.which("andon") is None:
        beside = os.path.dirname(sys.executable)
        if os.path.exists(os.path.join(beside, "andon")):
            own["PATH"] = os.pathsep.join(x for x in (own.get("PATH", ""), beside) if x)
    return own
