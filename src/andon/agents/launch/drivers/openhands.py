"""OpenHands CLI without a person: `openhands --headless --json`.

Met in the real program (1.16.0) against a scripted endpoint. What surprised us there:
- It ends with 0 whatever happens in the conversation; only what it could not begin gives another exit code.
- Beside lines of JSON it prints plain ones. The session's id stands in one of the last, so a killed run has none.
- Tokens are not printed; `base_state.json` of the conversation counts them, over the whole session and with cached ones.
- A headless run asks for no permission at all: the agent may do anything.
- Models in variables (LLM_MODEL …) count only with `--override-with-envs`, which is the person's to add.
- Where there is tmux, the agent's shells live in a tmux server that outlives the run.
"""

from __future__ import annotations

import json
import os
from typing import Any

from andon.agents.launch.beside import read_beside
from andon.agents.launch.records import Launch, Turn, Usage

SESSION = "Conversation ID: "


class OpenHandsDriver:
    name = "openhands"
    program = "openhands"
    install = "uv tool install openhands --python 3.12"
    cumulative = True
    resumes = True

    def command(self, launch: Launch) -> list[str]:
        words = [self.program, "--headless", "--json"]
        words += ["--file", launch.prompt_file] if launch.prompt_file else [f"--task={launch.prompt}"]
        words += ["--resume", launch.session] if launch.session else []
        return [*words, *launch.extra]

    def environment(self, launch: Launch) -> dict[str, str]:
        return {"OPENHANDS_SUPPRESS_BANNER": "1"}

    def reader(self) -> OpenHandsReader:
        return OpenHandsReader()


class OpenHandsReader:
    """Events as lines of JSON between lines for people."""

    def __init__(self) -> None:
        self._session: str | None = None
        self._words = ""
        self._error = ""

    def feed(self, line: str) -> None:
        if line.startswith(SESSION):
            self._session = line[len(SESSION) :].strip() or None
        if not line.startswith("{"):
            return
        event: dict[str, Any] = json.loads(line)
        kind = event.get("kind")
        if kind == "MessageEvent" and event.get("source") == "agent":
            parts = (event.get("llm_message") or {}).get("content") or ()
            self._words = "".join(str(part.get("text", "")) for part in parts) or self._words
        elif kind == "ActionEvent" and event.get("tool_name") == "finish":
            self._words = str((event.get("action") or {}).get("message") or "") or self._words
        elif kind == "ConversationErrorEvent":
            self._error = f"{event.get('code')}: {event.get('detail')}"

    def turn(self, exit_code: int) -> Turn:
        error = self._error or (f"it ended with exit code {exit_code}" if exit_code > 0 else "")
        return Turn(session=self._session, usage=_usage(self._session), final_text=self._words, error=error)


def _usage(session: str | None) -> Usage:
    """Of all models that the session used."""
    if session is None or not session.isalnum():
        return Usage()
    home = os.environ.get("OPENHANDS_PERSISTENCE_DIR") or os.path.expanduser("~/.openhands")
    place = os.environ.get("OPENHANDS_CONVERSATIONS_DIR") or os.path.join(home, "conversations")
    stats = read_beside(os.path.join(place, session, "base_state.json")).get("stats") or {}
    told = [one.get("accumulated_token_usage") or {} for one in (stats.get("usage_to_metrics") or {}).values()]
    return Usage(
        input=sum(int(one.get("prompt_tokens") or 0) for one in told),
        output=sum(int(one.get("completion_tokens") or 0) for one in told),
        cached=sum(int(one.get("cache_read_tokens") or 0) for one in told),
    )


DRIVER = OpenHandsDriver()
