"""Claude Code without a person: `claude -p --output-format stream-json --verbose`.

Met in the real program (2.1.197) against a scripted endpoint: one `result` line ends a run; its usage is of this run
alone, also when a session is resumed, and leaves cached tokens out of `input_tokens`; an error is `is_error` with the
message as `result` (exit 1), or `errors` for a session that is not there. Without more, edits are allowed and so is
`andon`; any other command asks for a permission that nobody gives, and is refused: what else an agent may run is the
person's to allow (in the client's settings, or after `--`).
"""

from __future__ import annotations

import json
from typing import Any

from andon.agents.launch.records import Launch, Turn, Usage, count

Entry = dict[str, Any]


class ClaudeDriver:
    name = "claude"
    program = "claude"
    install = "npm install -g @anthropic-ai/claude-code"
    cumulative = False
    resumes = True

    def command(self, launch: Launch) -> list[str]:
        words = [self.program, "-p", "--output-format", "stream-json", "--verbose"]
        if not any(word.startswith(("--permission-mode", "--dangerously-skip-permissions")) for word in launch.extra):
            words += ["--permission-mode", "acceptEdits"]
        words += ["--allowedTools=Bash(andon:*)"]
        words += ["--resume", launch.session] if launch.session else []
        return [*words, *launch.extra]

    def environment(self, launch: Launch) -> dict[str, str]:
        return {}

    def standard_input(self, launch: Launch) -> str:
        return launch.prompt

    def reader(self) -> ClaudeReader:
        return ClaudeReader()


class ClaudeReader:
    """Lines of stream-json. What was used by a run that was cut off is the sum over its messages."""

    def __init__(self) -> None:
        self._session: str | None = None
        self._messages: dict[str, Usage] = {}
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
            self._said(entry["message"])
        if kind in ("system", "assistant") and isinstance(entry.get("session_id"), str):
            self._session = entry["session_id"]

    def _said(self, message: Entry) -> None:
        self._messages[str(message.get("id"))] = _usage(message.get("usage") or {})
        text = "".join(str(part.get("text", "")) for part in message.get("content", []) if part.get("type") == "text")
        self._words = text or self._words

    def turn(self, exit_code: int) -> Turn:
        result = self._result
        if result is None:
            told = list(self._messages.values())
            usage = Usage(
                input=sum(x.input for x in told), output=sum(x.output for x in told), cached=sum(x.cached for x in told)
            )
            error = "it ended without a result" if exit_code >= 0 else ""
            return Turn(session=self._session, usage=usage, final_text=self._words, error=error)
        words = str(result.get("result") or "")
        if not result.get("is_error"):
            return Turn(session=self._session, usage=_usage_of_run(result), final_text=words)
        told_errors = result.get("errors")
        error = "; ".join(map(str, told_errors)) if isinstance(told_errors, list) and told_errors else words
        return Turn(
            session=self._session, usage=_usage_of_run(result), error=error or str(result.get("subtype") or "an error")
        )


def _usage_of_run(result: Entry) -> Usage:
    """Over all models, subagents' included, where that is told."""
    models = [x for x in (result.get("modelUsage") or {}).values() if isinstance(x, dict)]
    if not models:
        return _usage(result.get("usage") or {})
    cached = sum(count(x.get("cacheReadInputTokens")) for x in models)
    written = sum(count(x.get("cacheCreationInputTokens")) for x in models)
    return Usage(
        input=sum(count(x.get("inputTokens")) for x in models) + cached + written,
        output=sum(count(x.get("outputTokens")) for x in models),
        cached=cached,
    )


def _usage(told: Entry) -> Usage:
    cached = count(told.get("cache_read_input_tokens"))
    fresh = count(told.get("input_tokens")) + count(told.get("cache_creation_input_tokens"))
    return Usage(input=fresh + cached, output=count(told.get("output_tokens")), cached=cached)


DRIVER = ClaudeDriver()
