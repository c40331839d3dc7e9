"""Steps that wait for a person's answer, as files of this machine: so that any worker here goes on with them.

A parked step is handed over to its own agent's name: nobody else is offered it, no attempt is used up. Once the answer is
there (or the question is void), a worker claims it again under that name; the brief then holds the answer. The files only
say which question a step waits for: the store knows for whom it is kept, so that a lost file strands nothing.
"""

from __future__ import annotations

import os

import msgspec
from msgspec import Struct

from andon.agents.launch.session import write_private

MAX_PARKED = 1000


class Parked(Struct, frozen=True, kw_only=True):
    """question: the message's id. role: the step's, "" when it has none or is not known.

    turns, questions: of the claim so far, so that asking does not begin them anew.
    """

    agent: str
    client: str
    run: str
    task: str
    step: str
    question: str
    role: str = ""
    turns: int = 0
    questions: int = 0


class ParkedSteps:
    """The files. One is written over by the next question of the same agent."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def keep(self, record: Parked) -> None:
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        path = self._path(record)
        write_private(f"{path}.new", msgspec.json.encode(record).decode())
        os.replace(f"{path}.new", path)

    def forget(self, record: Parked) -> None:
        try:
            os.unlink(self._path(record))
        except FileNotFoundError:
            pass

    def of(self, client: str) -> list[Parked]:
        """Those of a client, oldest question first. What can't be read is passed over."""
        try:
            names = sorted(os.listdir(self._directory))[:MAX_PARKED]
        except FileNotFoundError:
            return []
        found = []
        for name in names:
            if not name.endswith(".json"):
                continue
            try:
                with open(os.path.join(self._directory, name), "rb") as file:
                    found.append(msgspec.json.decode(file.read(), type=Parked))
            except (OSError, msgspec.DecodeError):
                continue
        return sorted((x for x in found if x.client == client), key=lambda x: x.question)

    def _path(self, record: Parked) -> str:
        safe = "".join(char if char.isalnum() or char in "-_." else "_" for char in record.agent)
        return os.path.join(self._directory, f"{record.run}-{record.step}-{safe}.json")
