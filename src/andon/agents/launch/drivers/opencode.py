"""opencode without a person: `opencode run --format json`, gone on with by `--session ID`. Met in the real program, 1.18.33.

Facts that surprise:
* The directory is the variable PWD's, not the process's; a session that is resumed in another directory than its own is
  carried out, and never ends.
* Each `step_finish` counts its own request; nothing counts the session. Cached tokens are not in `input`.
* An error is one line of type `error` and exit code 1. A permission that is refused ends the turn with exit code 0 and
  nothing but the failed tool.
* An endpoint that drops connections is tried again without end: the turn's time limit ends it.
* A prompt among the words is quoted anew when it holds spaces; on standard input it stays as it is.
"""

from __future__ import annotations

import json
from typing import Any

from andon.agents.launch.records import Launch, Turn, Usage, count

Entry = dict[str, Any]
TITLE = "Andon"
"""Of a session: without one opencode asks the model for it, and counts that nowhere."""
_LAST_CHARS = 2000


class OpencodeDriver:
    """The prompt comes on standard input."""

    name = "opencode"
    program = "opencode"
    install = "npm install -g opencode-ai"
    cumulative = False
    resumes = True

    def command(self, launch: Launch) -> list[str]:
        session = ("--session", launch.session) if launch.session else ("--title", TITLE)
        return [self.program, "run", "--format", "json", "--dir", launch.workdir, *session, *launch.extra]

    def standard_input(self, launch: Launch) -> str:
        return launch.prompt

    def environment(self, launch: Launch) -> dict[str, str]:
        return {"PWD": launch.workdir}

    def reader(self) -> OpencodeReader:
        return OpencodeReader()


class OpencodeReader:
    """Lines of JSON; there is none that ends the turn."""

    def __init__(self) -> None:
        self._session: str | None = None
        self._usage = Usage()
        self._final_text = ""
        self._error = ""
        self._refused = ""
        self._last_plain = ""

    def feed(self, line: str) -> None:
        if not line.startswith("{"):
            self._last_plain = line.strip()[:_LAST_CHARS] or self._last_plain
            return
        entry: Entry = json.loads(line)
        kind = entry.get("type")
        part: Entry = entry.get("part") or {}
        self._session = entry.get("sessionID") or self._session
        if kind == "text":
            self._final_text = str(part.get("text") or "")
            self._refused = ""
        elif kind == "step_finish":
            self._add(part.get("tokens") or {})
        elif kind == "tool_use":
            self._refused = _refusal(part.get("state") or {})
        elif kind == "error":
            self._error = _message(entry.get("error")) or "an error"

    def _add(self, told: Entry) -> None:
        cache: Entry = told.get("cache") or {}
        cached = count(cache.get("read"))
        self._usage = Usage(
            input=self._usage.input + count(told.get("input")) + cached + count(cache.get("write")),
            output=self._usage.output + count(told.get("output")) + count(told.get("reasoning")),
            cached=self._usage.cached + cached,
        )

    def turn(self, exit_code: int) -> Turn:
        error = self._error or self._refused
        if not error and exit_code != 0:
            error = self._last_plain or f"it ended with exit code {exit_code}"
        if not error and self._session is None:
            error = self._last_plain or "it ended without having begun a session"
        return Turn(session=self._session, usage=self._usage, final_text=self._final_text, error=error)


def _refusal(state: Entry) -> str:
    """A permission that nobody could give; the agent was not heard again after it."""
    error = str(state.get("error") or "")
    return error[:_LAST_CHARS] if state.get("status") == "error" and "rejected permission" in error else ""


def _message(error: object) -> str:
    if not isinstance(error, dict):
        return str(error or "")[:_LAST_CHARS]
    data = error.get("data")
    told = data.get("message") if isinstance(data, dict) else error.get("message")
    return str(told or error.get("name") or "")[:_LAST_CHARS]


DRIVER = OpencodeDriver()
