"""A conversation with one client over the turns of one claim, whatever the client's protocol.

`Headless` starts the client's program once a turn and resumes its session; ACP keeps one process (`drivers/acp.py`). Usage is
of each turn alone, also for clients that count the whole session. Must not know claims, gates or the coordinator.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

from andon.agents.hooks.call import ToolUse
from andon.agents.launch.loop import TURN_BROKEN, TURN_CANCELLED, TURN_ENDED, TURN_OVERTIME
from andon.agents.launch.process import (
    CANCELLED,
    DIED,
    TIMED_OUT,
    Cancel,
    ClientProcess,
    Finish,
    Started,
    TreeMaker,
    run_client,
)
from andon.agents.launch.records import Driver, Launch, Reader, ReadsBeside, ReadsPrompt, Turn, Usage

MUTE_TURNS = 2
"""Resumed turns in a row that failed without using the model: then the session may be gone, and another is begun."""


class Place(Struct, frozen=True, kw_only=True):
    """Where and as whom a client is started. env: all of its variables. logs: directory of logs and prompt files.

    permits: why a tool may not be used, "" when it may; for clients that ask. None: writes stay in the workdir.
    started: is told the number of each process that a client's descend from.
    """

    workdir: str
    env: Mapping[str, str]
    logs: str
    name: str
    extra: tuple[str, ...] = ()
    permits: Callable[[ToolUse], str] | None = None
    started: Started | None = None


class Played(Struct, frozen=True, kw_only=True):
    """One turn. how: of `loop`. alive: the client did anything at all. log: where its output is kept."""

    how: str
    final_text: str = ""
    error: str = ""
    usage: Usage = Usage()
    session: str | None = None
    alive: bool = True
    log: str = ""


class Session(Protocol):
    """remembers: the next prompt is heard with what was said before."""

    @property
    def remembers(self) -> bool: ...

    def turn(self, prompt: str, *, timeout_s: float, cancel: Cancel) -> Played: ...

    def close(self) -> None: ...


class Headless:
    """A client that is started once a turn. session: of an earlier claim, to go on with."""

    def __init__(self, driver: Driver, place: Place, make_tree: TreeMaker, *, session: str | None = None) -> None:
        self._driver = driver
        self._place = place
        self._make_tree = make_tree
        self._session = session
        self._counted = Usage()
        self._number = 0
        self._mute = 0

    @property
    def remembers(self) -> bool:
        return self._driver.resumes and self._session is not None

    def turn(self, prompt: str, *, timeout_s: float, cancel: Cancel) -> Played:
        self._number += 1
        place = self._place
        stem = os.path.join(place.logs, f"{place.name}-{self._number}")
        write_private(f"{stem}.prompt.md", prompt)
        launch = Launch(
            prompt=prompt,
            workdir=place.workdir,
            session=self._session if self._driver.resumes else None,
            extra=place.extra,
            prompt_file=f"{stem}.prompt.md",
        )
        driver = self._driver
        reader = driver.reader_for(launch) if isinstance(driver, ReadsBeside) else driver.reader()
        client = ClientProcess(
            driver.command(launch),
            env={**place.env, **driver.environment(launch)},
            cwd=place.workdir,
            make_tree=self._make_tree,
            standard_input=driver.standard_input(launch) if isinstance(driver, ReadsPrompt) else None,
            log=f"{stem}.log",
            started=place.started,
        )
        finish = run_client(client, on_line=_guarded(reader.feed), timeout_s=timeout_s, cancel=cancel)
        turn = _told(reader, finish.exit_code)
        if launch.session is None or turn.session not in (None, launch.session):
            self._counted = Usage()
        usage = self._of_this_turn(turn.usage)
        self._remember(turn, usage)
        return played(turn, finish, usage, session=self._session, log=f"{stem}.log")

    def _remember(self, turn: Turn, usage: Usage) -> None:
        self._session = None if turn.spoilt else turn.session or self._session
        self._mute = self._mute + 1 if turn.error and not usage.total else 0
        if self._mute >= MUTE_TURNS:
            self._session = None

    def _of_this_turn(self, told: Usage) -> Usage:
        """A turn that was cut off may tell nothing; then the next one's count holds it."""
        if not self._driver.cumulative:
            return told
        usage, self._counted = usage_since(self._counted, told)
        return usage

    def close(self) -> None:
        """Nothing is left between turns."""


def usage_since(before: Usage, told: Usage) -> tuple[Usage, Usage]:
    """(what was used since, what has been used by now) of a count of the whole session, which never goes back."""
    after = Usage(
        input=max(told.input, before.input),
        output=max(told.output, before.output),
        cached=max(told.cached, before.cached),
    )
    used = Usage(
        input=after.input - before.input, output=after.output - before.output, cached=after.cached - before.cached
    )
    return used, after


def played(turn: Turn, finish: Finish, usage: Usage, *, session: str | None, log: str) -> Played:
    """A turn and its process's end, in one."""
    # Who was killed did start; who only failed, without a word of the model's, may not be set up.
    alive = bool(turn.final_text or usage.total or finish.how == DIED)
    how, error = TURN_ENDED, turn.error
    if finish.how == CANCELLED:
        how, error = TURN_CANCELLED, finish.reason
    elif finish.how == TIMED_OUT:
        how, error, alive = TURN_OVERTIME, finish.reason, True
    elif finish.reason or turn.error:
        said = finish.stderr_tail.splitlines()
        how = TURN_BROKEN
        error = "; ".join(dict.fromkeys(x for x in (turn.error, finish.reason, " / ".join(said[-3:])) if x))[:1000]
    return Played(how=how, final_text=turn.final_text, error=error, usage=usage, session=session, alive=alive, log=log)


def write_private(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)


def _told(reader: Reader, exit_code: int) -> Turn:
    """What the reader makes of all lines; a client whose last word can't be made out broke the turn off."""
    try:
        return reader.turn(exit_code)
    except Exception as error:
        return Turn(error=f"what the client said could not be read: {type(error).__name__}: {error}"[:500])


def _guarded(feed: Callable[[str], None]) -> Callable[[str], None]:
    """A line in a form that its reader did not expect must not end the worker; the turn's end shows what is missing."""

    def safely(line: str) -> None:
        try:
            feed(line)
        except Exception:
            return

    return safely
