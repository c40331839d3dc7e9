"""Any program as an agent: `andon work --agent command -- ./my-agent --file {prompt_file}`.

The prompt comes on standard input and stands in the file that `{prompt_file}` and ANDON_PROMPT_FILE name. The exit code says
whether the turn broke; the last lines are the agent's words. It has no session to resume, so every prompt tells all.
"""

from __future__ import annotations

from collections import deque

from andon.agents.launch.records import Launch, Turn
from andon.core.errors import UsageError

LAST_LINES = 20
LAST_CHARS = 2000
NOT_STARTED = (126, 127)


class CommandDriver:
    """The program and its arguments are the person's own (`Launch.extra`)."""

    name = "command"
    install = "name a program that is there: andon work --agent command -- PROGRAM …"
    cumulative = False
    resumes = False

    def __init__(self, program: str) -> None:
        self.program = program

    def command(self, launch: Launch) -> list[str]:
        if not launch.extra:
            raise UsageError("no program is named", next="andon work --agent command -- PROGRAM …")
        return [word.replace("{prompt_file}", launch.prompt_file) for word in launch.extra]

    def environment(self, launch: Launch) -> dict[str, str]:
        return {"ANDON_PROMPT_FILE": launch.prompt_file}

    def standard_input(self, launch: Launch) -> str:
        return launch.prompt

    def reader(self) -> CommandReader:
        return CommandReader()


class CommandReader:
    """Keeps the last lines."""

    def __init__(self) -> None:
        self._last: deque[str] = deque(maxlen=LAST_LINES)

    def feed(self, line: str) -> None:
        self._last.append(line[:LAST_CHARS])

    def turn(self, exit_code: int) -> Turn:
        words = "\n".join(self._last).strip()[-LAST_CHARS:]
        error = f"it ended with exit code {exit_code}" if exit_code > 0 else ""
        return Turn(final_text="" if exit_code in NOT_STARTED else words, error=error)
