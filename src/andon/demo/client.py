"""The public command line, called as an agent calls it: a subprocess, its exit code, and one JSON object.

Rules: nothing of Andon is imported to do work; every call is `python -m andon … --json` with the agent's name in
ANDON_AGENT. Must not know: tasks, characters.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from andon.demo.project import git_environment

CALL_TIMEOUT_S = 170
COMMAND = (sys.executable, "-m", "andon")


class Reply(Struct, frozen=True, kw_only=True):
    """What a command answered: its exit code (contract, section 2) and its JSON object."""

    exit_code: int
    data: dict[str, Any]
    error_output: str = ""

    @property
    def kind(self) -> str:
        """The error's kind, "" without an error."""
        return str(self._error().get("kind", ""))

    @property
    def message(self) -> str:
        """The error's message, else the last line on standard error."""
        message = self._error().get("message")
        return str(message) if message else (self.error_output.strip().splitlines() or [""])[-1]

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        found = self.data.get("verdicts")
        return found if isinstance(found, list) else []

    def closed(self) -> list[dict[str, Any]]:
        """The verdicts that keep the step's exit closed."""
        return [verdict for verdict in self.verdicts if verdict.get("outcome") not in ("passed", "waived")]

    def reason(self) -> str:
        """Why the answer is no, in Andon's own words."""
        found = [f"{x.get('gate')} {x.get('outcome')}: {x.get('summary')}" for x in self.closed()]
        return "; ".join(found) or self.message

    def _error(self) -> dict[str, Any]:
        error = self.data.get("error")
        return error if isinstance(error, dict) else {}


def environment_of(agent: str | None) -> dict[str, str]:
    """The environment of a demo process: a clean git, and the agent's name (None: a person's)."""
    own = git_environment(agent or "Andon demo")
    own = {key: value for key, value in own.items() if not key.startswith("ANDON_")}
    own |= {"PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
    if agent is not None:
        own["ANDON_AGENT"] = agent
    return own


class Andon:
    """The command line as one agent uses it from one directory."""

    def __init__(self, agent: str | None, directory: Path) -> None:
        self.agent = agent
        self.directory = directory

    def call(self, *arguments: str, directory: Path | None = None, extra: Mapping[str, str] | None = None) -> Reply:
        """Run a command with --json. A reply that is no JSON object is given as exit 70, kind "no_json"."""
        command = [*COMMAND, *arguments, "--json"]
        done = subprocess.run(
            command,
            check=False,
            cwd=directory or self.directory,
            env=environment_of(self.agent) | dict(extra or {}),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=CALL_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
        try:
            data = json.loads(done.stdout)
        except ValueError:
            data = None
        if isinstance(data, dict):
            return Reply(exit_code=done.returncode, data=data, error_output=done.stderr)
        message = f"`andon {' '.join(arguments)}` printed no JSON: {(done.stdout + done.stderr).strip()[-200:]}"
        return Reply(exit_code=70, data={"ok": False, "error": {"kind": "no_json", "message": message}})


def own_python_path() -> None:
    """Make child processes find this very package, also when it runs from a source tree."""
    import andon

    root = str(Path(andon.__file__).resolve().parents[1])
    known = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    if root not in known:
        os.environ["PYTHONPATH"] = os.pathsep.join([root, *known])
