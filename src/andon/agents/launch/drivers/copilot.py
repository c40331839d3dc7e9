"""Copilot CLI without a person: `copilot --output-format json`, the prompt on standard input.

Met in the real program (1.0.102) against a scripted endpoint: events one a line, a `result` line with the session's id
at the end, errors as `session.error` (exit 1). Tokens stand in no event but in `--usage-output-file`, which counts the
whole session, also after `--resume`, and counts cached tokens in its input. Without more, files may be written (here
and in the system's temporary directory) and `andon` may be run; other commands are refused: the person allows them
after `--` (`-- --allow-all-tools`).
"""

from __future__ import annotations

import json
from typing import Any

from andon.agents.launch.records import Launch, Turn, Usage, count

Entry = dict[str, Any]


class CopilotDriver:
    name = "copilot"
    program = "copilot"
    install = "npm install -g @github/copilot"
    cumulative = True
    resumes = True

    def command(self, launch: Launch) -> list[str]:
        words = [self.program, "--output-format", "json", "--no-ask-user", "--no-color", "--stream", "off"]
        words += ["--allow-tool=write", "--allow-tool=shell(andon:*)"]
        words += [f"--usage-output-file={usage_file(launch)}"] if usage_file(launch) else []
        words += [f"--resume={launch.session}"] if launch.session else []
        return [*words, *launch.extra]

    def environment(self, launch: Launch) -> dict[str, str]:
        return {}

    def standard_input(self, launch: Launch) -> str:
        return launch.prompt

    def reader(self) -> CopilotReader:
        return CopilotReader("")

    def reader_for(self, launch: Launch) -> CopilotReader:
        return CopilotReader(usage_file(launch))


def usage_file(launch: Launch) -> str:
    """Beside the prompt's file; "" without one."""
    return f"{launch.prompt_file}.usage" if launch.prompt_file else ""


class CopilotReader:
    """Lines of JSON, and the usage file at the end."""

    def __init__(self, usage_file: str) -> None:
        self._usage_file = usage_file
        self._session: str | None = None
        self._words = ""
        self._error = ""
        self._ended = False

    def feed(self, line: str) -> None:
        if not line.startswith("{"):
            return
        entry: Entry = json.loads(line)
        kind = entry.get("type")
        data: Entry = entry.get("data") or {}
        if kind == "assistant.message" and not data.get("parentToolCallId"):
            self._words = str(data.get("content") or "") or self._words
        elif kind == "session.error":
            self._error = str(data.get("message") or "an error")
        elif kind == "result":
            self._ended = True
            self._session = entry.get("sessionId") or None

    def turn(self, exit_code: int) -> Turn:
        error = self._error if exit_code != 0 else ""
        if not error and exit_code > 0:
            error = f"it ended with exit code {exit_code}"
        if not error and not self._ended and exit_code == 0:
            error = "it ended without a result"
        words = "" if error else self._words
        return Turn(session=self._session, usage=self._usage(), final_text=words, error=error)

    def _usage(self) -> Usage:
        try:
            with open(self._usage_file, encoding="utf-8") as file:
                models = json.load(file)["modelMetrics"].values()
            told = [x["usage"] for x in models]
            return Usage(
                input=sum(count(x.get("inputTokens")) for x in told),
                output=sum(count(x.get("outputTokens")) for x in told),
                cached=sum(count(x.get("cacheReadTokens")) for x in told),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            # Not written by a session that was cut off; the next one's count holds it.
            return Usage()


DRIVER = CopilotDriver()
