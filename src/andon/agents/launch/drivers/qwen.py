"""Qwen Code without a person: `qwen --output-format stream-json`, the prompt on standard input.

Met in the real program (0.24.4 and 0.15.10) against a scripted endpoint: one `result` line ends a run. Its usage is of the
whole session, earlier runs of a resumed one included (one block of a stop hook was counted twice), and `input_tokens` counts
cached ones. The usage of single messages is no substitute: what comes of a stop hook's blocks is told as one message with the
usage of the last. An error is `is_error` with `error.message` (exit 1); a session that is not there is told on standard error
alone. Tool calls need no question, since nobody is there to answer: what an agent may run is the person's to narrow after
`--`, as with `--approval-mode auto-edit`.
"""

from __future__ import annotations

import json
from typing import Any

from andon.agents.launch.drivers.gemini_family import command_line, literally
from andon.agents.launch.records import Launch, Turn, Usage, count

Entry = dict[str, Any]


class QwenDriver:
    name = "qwen"
    program = "qwen"
    install = "npm install -g @qwen-code/qwen-code"
    cumulative = True
    resumes = True

    def command(self, launch: Launch) -> list[str]:
        return command_line(self.program, launch)

    def environment(self, launch: Launch) -> dict[str, str]:
        return {}

    def standard_input(self, launch: Launch) -> str:
        return literally(launch.prompt)

    def reader(self) -> QwenReader:
        return QwenReader()


class QwenReader:
    """Lines of stream-json."""

    def __init__(self) -> None:
        self._session: str | None = None
        self._words = ""
        self._result: Entry | None = None

    def feed(self, line: str) -> None:
        if not line.startswith("{"):
            return
        entry: Entry = json.loads(line)
        kind = entry.get("type")
        if kind == "result":
            self._result = entry
        elif kind == "assistant" and not entry.get("parent_tool_use_id"):
            parts = entry["message"].get("content", [])
            self._words = "".join(str(x.get("text", "")) for x in parts if x.get("type") == "text") or self._words
        if isinstance(entry.get("session_id"), str):
            self._session = entry["session_id"]

    def turn(self, exit_code: int) -> Turn:
        result = self._result
        if result is None:
            error = "it ended without a result" if exit_code >= 0 else ""
            return Turn(session=self._session, final_text=self._words, error=error)
        told = result.get("usage") or {}
        usage = Usage(
            input=count(told.get("input_tokens")),
            output=count(told.get("output_tokens")),
            cached=count(told.get("cache_read_input_tokens")),
        )
        error = ""
        if result.get("is_error"):
            reason = result.get("error")
            message = reason.get("message") if isinstance(reason, dict) else None
            error = str(message or result.get("subtype") or "an error")
        words = str(result.get("result") or self._words)
        return Turn(session=self._session, usage=usage, final_text=words, error=error)


DRIVER = QwenDriver()
