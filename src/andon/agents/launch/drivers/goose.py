"""goose without a person: `goose run --output-format stream-json`.

From its source (after 1.36) and documentation; NOT met in the real program.
- Lines are `message`, `notification`, `error` and, last, `complete`, which counts the tokens of the whole session.
  Older versions tell a total alone there, and of the last answer, so that less is counted. A run that fails has no `complete`.
- A session has a name that its starter gives (`-n`), by which it is resumed (`-r`).
- What it may do without asking is its own setting (GOOSE_MODE), the person's to choose.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from andon.agents.launch.records import Launch, Turn, Usage


class GooseDriver:
    name = "goose"
    program = "goose"
    install = "see https://goose-docs.ai/docs/getting-started/installation"
    cumulative = True
    resumes = True

    def command(self, launch: Launch) -> list[str]:
        words = [self.program, "run", "--output-format", "stream-json", "-n", _session(launch)]
        words += ["-r"] if launch.session else []
        words += [*launch.extra]
        return [*words, *(("-i", launch.prompt_file) if launch.prompt_file else ("-t", launch.prompt))]

    def environment(self, launch: Launch) -> dict[str, str]:
        return {}

    def reader(self) -> GooseReader:
        return GooseReader(None)

    def reader_for(self, launch: Launch) -> GooseReader:
        return GooseReader(_session(launch))


class GooseReader:
    """Lines of stream-json. A message comes in pieces that share an id."""

    def __init__(self, session: str | None) -> None:
        self._session = session
        self._message = ""
        self._words = ""
        self._error = ""
        self._usage = Usage()
        self._began = False

    def feed(self, line: str) -> None:
        if not line.startswith("{"):
            return
        event: dict[str, Any] = json.loads(line)
        self._began = True
        kind = event.get("type")
        if kind == "message":
            self._said(event.get("message") or {})
        elif kind == "error":
            self._error = str(event.get("error") or event.get("message") or "an error")
        elif kind == "complete":
            total = int(event.get("total_tokens") or 0)
            output = int(event.get("output_tokens") or 0)
            self._usage = Usage(
                input=int(event.get("input_tokens") or max(0, total - output)),
                output=output,
                cached=int(event.get("cache_read_input_tokens") or 0),
            )

    def _said(self, message: dict[str, Any]) -> None:
        parts = message.get("content") or ()
        text = "".join(str(part.get("text", "")) for part in parts if part.get("type") == "text")
        if message.get("role") != "assistant" or not text:
            return
        identity = str(message.get("id") or "")
        self._words = self._words + text if identity and identity == self._message else text
        self._message = identity

    def turn(self, exit_code: int) -> Turn:
        error = self._error or (f"it ended with exit code {exit_code}" if exit_code > 0 else "")
        session = self._session if self._began else None
        return Turn(session=session, usage=self._usage, final_text=self._words, error=error)


def _session(launch: Launch) -> str:
    """A name that no other claim has: of the first prompt's file, and where it works."""
    if launch.session:
        return launch.session
    text = f"{launch.workdir}\n{launch.prompt_file or os.urandom(8).hex()}"
    return f"andon-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


DRIVER = GooseDriver()
