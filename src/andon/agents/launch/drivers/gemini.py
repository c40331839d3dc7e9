"""Gemini CLI without a person: `gemini --output-format stream-json`, the prompt on standard input.

Met in the real program (0.61.0) against a scripted endpoint: `init` tells the session, one `result` line ends a run; its
numbers are of this run alone, also when a session is resumed. `input_tokens` counts cached ones; thoughts are in neither
number, but in `total_tokens`. An error is `status: error` with a message; exit codes are no clue (400 of the model's
endpoint became 144). What fails before the start (no trust: 55, no such session: 42) is on standard error alone. A session
is found again only in the directory in which it began. Git hooks would not run in its shell without more (`git_hooks`).
Tool calls need no question, since nobody is there to answer: what an agent may run is the person's to narrow after `--`, as
with `--approval-mode auto_edit` or `--policy`.
"""

from __future__ import annotations

import json
from typing import Any

from andon.agents.launch.drivers.gemini_family import command_line, git_hooks, literally
from andon.agents.launch.records import Launch, Turn, Usage, count

Entry = dict[str, Any]


class GeminiDriver:
    name = "gemini"
    program = "gemini"
    install = "npm install -g @google/gemini-cli"
    cumulative = False
    resumes = True

    def command(self, launch: Launch) -> list[str]:
        return command_line(self.program, launch)

    def environment(self, launch: Launch) -> dict[str, str]:
        # A worktree that Andon made of the person's own repository; `--skip-trust` would leave its hooks out.
        return {"GEMINI_CLI_TRUST_WORKSPACE": "true", **git_hooks(launch.workdir)}

    def standard_input(self, launch: Launch) -> str:
        return literally(launch.prompt)

    def reader(self) -> GeminiReader:
        return GeminiReader()


class GeminiReader:
    """Lines of stream-json. Words come in pieces: those since the last tool or block of the stop hook are the last."""

    def __init__(self) -> None:
        self._session: str | None = None
        self._words = ""
        self._fresh = True
        self._errors: list[str] = []
        self._result: Entry | None = None

    def feed(self, line: str) -> None:
        if not line.startswith("{"):
            return
        entry: Entry = json.loads(line)
        kind = entry.get("type")
        if kind == "init" and isinstance(entry.get("session_id"), str):
            self._session = entry["session_id"]
        elif kind == "result":
            self._result = entry
        elif kind == "message" and entry.get("role") == "assistant":
            self._words = ("" if self._fresh else self._words) + str(entry.get("content") or "")
            self._fresh = False
        elif kind == "error" and entry.get("severity") == "error":
            self._errors.append(str(entry.get("message") or "an error"))
        else:
            self._fresh = True

    def turn(self, exit_code: int) -> Turn:
        result = self._result
        if result is None:
            error = "; ".join(self._errors) or ("it ended without a result" if exit_code >= 0 else "")
            return Turn(session=self._session, final_text=self._words, error=error)
        error = ""
        if result.get("status") != "success":
            told = result.get("error")
            message = told.get("message") if isinstance(told, dict) else None
            error = str(message or "; ".join(self._errors) or "an error")
        return Turn(session=self._session, usage=_usage(result.get("stats") or {}), final_text=self._words, error=error)


def _usage(stats: Entry) -> Usage:
    """Of all models. What is in the total and in neither of its parts are thoughts, which are paid for like output."""
    told = count(stats.get("input_tokens"))
    total = count(stats.get("total_tokens"))
    output = max(count(stats.get("output_tokens")), total - told)
    return Usage(input=told, output=output, cached=count(stats.get("cached")))


DRIVER = GeminiDriver()
