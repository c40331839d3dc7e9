"""Codex CLI without a person: `codex exec --json`, gone on with by `codex exec resume ID`.

Met in the real program: codex-cli 0.169.0. Facts that surprise:
* `turn.completed` counts the whole session, also what earlier launches used; a turn that failed counts nothing.
* Items of type `error` are warnings; `error` at the top is told before each new try at the network. Only `turn.failed` is a
  failure. A hook's denials are told on standard error alone.
* An endpoint that drops connections is tried again without end (`unbounded_connection_retries`): the turn's time limit ends it.
* Options stand before `resume`; behind it `--sandbox` is a usage error, and that is exit code 2.
* A project that is not trusted is read-only unless a sandbox is named. Hooks run if the person has trusted them; without
  them the check after the turn decides all the same.
"""

from __future__ import annotations

import json
from typing import Any

from andon.agents.launch.records import Launch, Turn, Usage, count

SANDBOX = ("--sandbox", "workspace-write")
_NAMES_SANDBOX = ("-s", "--sandbox", "--dangerously-bypass-approvals-and-sandbox", "--approve-for-me")
_LAST_CHARS = 2000


class CodexDriver:
    """The prompt comes on standard input, so that its length and its first letters do not matter."""

    name = "codex"
    program = "codex"
    install = "npm install -g @openai/codex"
    cumulative = True
    resumes = True

    def command(self, launch: Launch) -> list[str]:
        sandbox = () if _names_sandbox(launch.extra) else SANDBOX
        resume = ("resume", launch.session) if launch.session else ()
        return [self.program, "exec", "--json", *sandbox, *launch.extra, *resume, "-"]

    def standard_input(self, launch: Launch) -> str:
        return launch.prompt

    def environment(self, launch: Launch) -> dict[str, str]:
        return {}

    def reader(self) -> CodexReader:
        return CodexReader()


def _names_sandbox(extra: tuple[str, ...]) -> bool:
    return any(word.split("=")[0] in _NAMES_SANDBOX or word.startswith("sandbox_mode") for word in extra)


class CodexReader:
    """Reads `codex exec --json`."""

    def __init__(self) -> None:
        self._session: str | None = None
        self._usage = Usage()
        self._final_text = ""
        self._error = ""
        self._completed = False
        self._last_plain = ""

    def feed(self, line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            self._last_plain = line.strip()[:_LAST_CHARS] or self._last_plain
            return
        kind = event.get("type")
        if kind == "thread.started":
            self._session = str(event.get("thread_id") or "") or None
        elif kind == "item.completed":
            item = event.get("item") or {}
            if item.get("type") == "agent_message":
                self._final_text = str(item.get("text") or "")
        elif kind == "turn.completed":
            self._completed = True
            self._error = ""
            self._usage = _usage(event.get("usage") or {})
        elif kind == "turn.failed":
            self._error = _message(event.get("error")) or "the turn failed"
        elif kind == "error" and not self._completed:
            self._error = _message(event) or self._error

    def turn(self, exit_code: int) -> Turn:
        error = self._error
        if not error and not self._completed:
            error = self._last_plain or f"it ended with exit code {exit_code} before its turn was complete"
        return Turn(session=self._session, usage=self._usage, final_text=self._final_text, error=error)


def _usage(counts: dict[str, Any]) -> Usage:
    """input_tokens counts cached ones, output_tokens those of reasoning."""
    return Usage(
        input=count(counts.get("input_tokens")),
        output=count(counts.get("output_tokens")),
        cached=count(counts.get("cached_input_tokens")),
    )


def _message(value: object) -> str:
    return str(value.get("message") or "")[:_LAST_CHARS] if isinstance(value, dict) else ""


DRIVER = CodexDriver()
