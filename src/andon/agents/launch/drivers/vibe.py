"""mistral-vibe without a person: `vibe -p --output streaming`.

Met in the real program (3.0.2) against a scripted endpoint. What surprised us there:
- The stream counts no tokens; `--output-dir` leaves an `export.json` with usage of this run alone, also of a resumed
  session; `input_tokens` counts cached ones. Nothing is left by a run that was killed, so its tokens are unknown. The
  count is too low: an answer that a hook sent back is not in it, nor is one that ran `run_typescript`.
- The session's id stands in every line, under `sessionId`.
- The answer that a hook sent back appears in the stream, marked as discarded.
- A run that is killed leaves its turn open. Whoever resumes the session resumes that turn, and the new prompt waits until
  it has ended; so such a session is given up, and the next prompt begins another.
- It ends with 2 when the model fails (after retries for five minutes) and with 3 at a limit; 0 says nothing about the work.
- A folder that is not trusted is worked in without its hooks; `--trust` trusts it for this run.
- Without more, edits are allowed and commands are not. We allow `andon` and looking around; what else an agent may run
  is the person's to allow (`-- --auto-approve`, or `-- --agent NAME`), and then we allow nothing of our own.
"""

from __future__ import annotations

import json
from typing import Any

from andon.agents.launch.beside import read_beside
from andon.agents.launch.records import Launch, Turn, Usage, count

ALLOWED_COMMANDS = (
    "andon", "cat", "cd", "echo", "find", "git diff", "git log", "git show", "git status", "grep", "head", "ls", "pwd", "tail",
    "tree", "wc",
)  # fmt: skip
"""Takes the place of vibe's own list, which looks around, too, and does not know us."""
PERSONS_CHOICES = ("--agent", "--auto-approve", "--yolo")
ENDED_EARLY = {
    "turn_limit": "its limit of turns",
    "token_limit": "its limit of tokens",
    "price_limit": "its limit of costs",
    "deadline": "its time limit",
    "length": "the model's limit of length",
}


class VibeDriver:
    name = "vibe"
    program = "vibe"
    install = "uv tool install mistral-vibe"
    cumulative = False
    resumes = True

    def command(self, launch: Launch) -> list[str]:
        words = [self.program, "--output", "streaming", "--trust"]
        words += ["--prompt-file", launch.prompt_file] if launch.prompt_file else ["-p", launch.prompt]
        words += ["--output-dir", _directory(launch)] if launch.prompt_file else []
        words += ["--resume", launch.session] if launch.session else []
        return [*words, *launch.extra]

    def environment(self, launch: Launch) -> dict[str, str]:
        if any(word.partition("=")[0] in PERSONS_CHOICES for word in launch.extra):
            return {}
        return {"VIBE_TOOLS__BASH__ALLOWLIST": json.dumps(ALLOWED_COMMANDS)}

    def reader(self) -> VibeReader:
        return VibeReader()

    def reader_for(self, launch: Launch) -> VibeReader:
        return VibeReader(f"{_directory(launch)}/export.json" if launch.prompt_file else "")


class VibeReader:
    """Lines of the stream, and the export that the run leaves."""

    def __init__(self, export: str = "") -> None:
        self._place = export
        self._session: str | None = None
        self._words = ""
        self._export: dict[str, Any] = {}

    def feed(self, line: str) -> None:
        if not line.startswith("{"):
            return
        entry: dict[str, Any] = json.loads(line)
        if isinstance(entry.get("sessionId"), str):
            self._session = entry["sessionId"]
        if entry.get("type") != "message" or entry.get("role") != "assistant":
            return
        if (entry.get("outcome") or {}).get("type") == "discarded":
            return
        parts = entry.get("content") or ()
        self._words = "".join(str(part.get("text", "")) for part in parts if part.get("type") == "text") or self._words

    def turn(self, exit_code: int) -> Turn:
        self._export = read_beside(self._place)
        told = self._export.get("usage") or {}
        usage = Usage(
            input=count(told.get("input_tokens")),
            output=count(told.get("output_tokens")),
            cached=count(told.get("cached_input_tokens")),
        )
        session = self._session or self._export.get("session_id")
        killed = exit_code < 0 or bool(self._place and not self._export)
        return Turn(session=session, usage=usage, final_text=self._words, error=self._error(exit_code), spoilt=killed)

    def _error(self, exit_code: int) -> str:
        if exit_code == 0:
            return ""
        told = (self._export.get("error") or {}).get("message")
        if told:
            return str(told)
        outcome = str(self._export.get("outcome") or "")
        if outcome in ENDED_EARLY:
            return f"it stopped at {ENDED_EARLY[outcome]}"
        return f"it ended with exit code {exit_code}{f' ({outcome})' if outcome else ''}" if exit_code > 0 else ""


def _directory(launch: Launch) -> str:
    return f"{launch.prompt_file}.vibe"


DRIVER = VibeDriver()
