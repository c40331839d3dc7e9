"""Andon's environment for mini-swe-agent: a local environment that asks `andon hook` before and after commands and at the end.

Use it with `--environment-class andon_environment.AndonEnvironment` and this file's directory on PYTHONPATH. Written by
`andon init --client mini-swe-agent`; a change here is lost at the next one.

Rules: a hook that fails, hangs or prints something strange lets the agent go on (Andon's gates decide on the work anyway).
Must not import Andon: this runs in mini-swe-agent's own environment, Python 3.10 and later.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from typing import Any

from minisweagent.environments.local import (  # type: ignore[import-not-found,unused-ignore]
    LocalEnvironment,
    LocalEnvironmentConfig,
)
from minisweagent.exceptions import Submitted  # type: ignore[import-not-found,unused-ignore]

CLIENT = "mini-swe-agent"
QUICK_S = 10
STOP_S = 600
COMMAND_S = 600
"""mini-swe-agent's own 30 s would end `andon check` in the middle of a test run."""
AFTER_EVERY_S = 10.0
"""A hook after each command would cost a process for nothing; Andon itself writes more seldom still."""


def _leave_no_trace() -> None:
    """Take this directory off PYTHONPATH again, so that the agent's own commands don't see it."""
    here = os.path.dirname(os.path.abspath(__file__))
    places = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    kept = [place for place in places if place and os.path.abspath(place) != here]
    if kept:
        os.environ["PYTHONPATH"] = os.pathsep.join(kept)
    else:
        os.environ.pop("PYTHONPATH", None)


_leave_no_trace()


class AndonEnvironmentConfig(LocalEnvironmentConfig):  # type: ignore[misc,unused-ignore]
    timeout: int = COMMAND_S


class AndonEnvironment(LocalEnvironment):  # type: ignore[misc,unused-ignore]
    """A local environment under Andon. Each one is a session, so an agent of its own, unless ANDON_AGENT names it."""

    def __init__(self, *, config_class: type = AndonEnvironmentConfig, **kwargs: Any) -> None:
        super().__init__(config_class=config_class, **kwargs)
        self._session = uuid.uuid4().hex[:16]
        if not os.environ.get("ANDON_AGENT"):
            os.environ["ANDON_AGENT"] = f"{CLIENT}-{self._session}"
        self._after_at = float("-inf")
        self._greeted = bool(os.environ.get("ANDON_LAUNCHED"))  # its prompt is the brief
        self._blocked = False

    def execute(self, action: dict[str, Any], cwd: str = "", **kwargs: Any) -> dict[str, Any]:
        """As the local environment, but for what Andon denies, and a submission that its gates don't let pass."""
        place = os.path.abspath(cwd or self.config.cwd or os.getcwd())
        greeting = self._greeting(place)
        asked = {"command": str(action.get("command", ""))}
        answer = self._ask("before_tool", QUICK_S, place, asked)
        if answer.get("decision") == "deny":
            return _output(greeting, f"Not run. {answer.get('reason')}", returncode=1)
        try:
            output: dict[str, Any] = super().execute(action, cwd, **kwargs)
        except Submitted as submitted:
            reasons = self._reasons_to_go_on(place, submitted)
            if not reasons:
                raise
            return _output(greeting, reasons, returncode=1)
        context = self._after(place, asked)
        texts = [text for text in (greeting, str(output.get("output", "")), context) if text]
        return {**output, "output": "\n\n".join(texts)}

    def _greeting(self, place: str) -> str:
        """What an agent must know at the beginning; once, before its first command's output."""
        if self._greeted:
            return ""
        self._greeted = True
        return str(self._ask("session_start", QUICK_S, place, {}).get("context", ""))

    def _after(self, place: str, asked: dict[str, Any]) -> str:
        now = time.monotonic()
        if now - self._after_at < AFTER_EVERY_S:
            return ""
        self._after_at = now
        return str(self._ask("after_tool", QUICK_S, place, asked).get("context", ""))

    def _reasons_to_go_on(self, place: str, submitted: Any) -> str:
        """ "" when the agent may end."""
        messages: tuple[dict[str, Any], ...] = getattr(submitted, "messages", ()) or ({},)
        said = str(messages[0].get("content", ""))
        answer = self._ask("stop", STOP_S, place, {"final_text": said, "blocked_before": self._blocked})
        if answer.get("notice"):
            _tell(str(answer["notice"]))
        self._blocked = answer.get("decision") == "continue"
        return str(answer.get("reason") or "Andon: not done") if self._blocked else ""

    def _ask(self, event: str, timeout_s: int, place: str, more: dict[str, Any]) -> dict[str, Any]:
        """Andon's answer; {} when there is none."""
        payload = {"session_id": self._session, "cwd": place, **more}
        words = ["andon", "hook", CLIENT, event, "--timeout", str(timeout_s)]
        try:
            done = subprocess.run(
                words,
                input=json.dumps(payload).encode(),
                capture_output=True,
                cwd=place,
                timeout=timeout_s,
                check=False,
            )
            answer = json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else {}
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            if event == "stop":
                _tell(f"Andon was not asked ({error}): run andon check")
            return {}
        return answer if isinstance(answer, dict) else {}


def _tell(line: str) -> None:
    """To the person, beside what mini-swe-agent prints."""
    sys.stderr.write(f"{line}\n")


def _output(greeting: str, text: str, *, returncode: int) -> dict[str, Any]:
    return {
        "output": f"{greeting}\n\n{text}" if greeting else text,
        "returncode": returncode,
        "exception_info": "",
    }
