"""mini-swe-agent without a person: `mini -y --exit-immediately`, in Andon's own environment class.

Met in the real program (2.4.6) against a scripted endpoint. What surprised us there:
- Nothing that it prints is for programs; all is in the trajectory (`-o`), which is written anew after each step, so that
  even a killed run leaves its tokens. `prompt_tokens` counts cached ones.
- It exits with 0 at a limit, too; the trajectory's `exit_status` tells the difference.
- A model whose price is unknown ends the first run with an error, unless MSWEA_COST_TRACKING is `ignore_errors`; that is the
  person's to set.
- Unconfigured, it begins by asking questions at the terminal. There is none here, so we say that it is configured; what is
  missing then is an error of its model.
- A session can't be resumed: each turn tells all.
"""

from __future__ import annotations

import os
from typing import Any

from andon.agents import mini_swe_agent
from andon.agents.launch.beside import read_beside
from andon.agents.launch.records import Launch, Turn, Usage, count

ENVIRONMENT_CLASS = "andon_environment.AndonEnvironment"
DIRECTORY = os.path.dirname(os.path.abspath(mini_swe_agent.__file__))


class MiniDriver:
    name = "mini-swe-agent"
    program = "mini"
    install = "uv tool install mini-swe-agent"
    cumulative = False
    resumes = False

    def command(self, launch: Launch) -> list[str]:
        words = [self.program, "--yolo", "--exit-immediately", f"--task={launch.prompt}"]
        if not any(word.partition("=")[0] == "--environment-class" for word in launch.extra):
            words.append(f"--environment-class={ENVIRONMENT_CLASS}")
        words += [f"--output={_trajectory(launch)}"] if launch.prompt_file else []
        return [*words, *launch.extra]

    def environment(self, launch: Launch) -> dict[str, str]:
        places = [DIRECTORY, os.environ.get("PYTHONPATH", "")]
        return {
            "PYTHONPATH": os.pathsep.join(place for place in places if place),
            "MSWEA_CONFIGURED": "true",
            "MSWEA_SILENT_STARTUP": "1",
        }

    def reader(self) -> MiniReader:
        return MiniReader()

    def reader_for(self, launch: Launch) -> MiniReader:
        return MiniReader(_trajectory(launch))


class MiniReader:
    """Reads the trajectory; what is printed is for people."""

    def __init__(self, trajectory: str = "") -> None:
        self._place = trajectory

    def feed(self, line: str) -> None:
        """Nothing to learn."""

    def turn(self, exit_code: int) -> Turn:
        trajectory = read_beside(self._place)
        info = trajectory.get("info") or {}
        told = [_usage(message) for message in trajectory.get("messages") or ()]
        usage = Usage(
            input=sum(x.input for x in told), output=sum(x.output for x in told), cached=sum(x.cached for x in told)
        )
        status = str(info.get("exit_status") or "")
        words = str(info.get("submission") or "").strip()
        error = ""
        if exit_code > 0:
            error = f"it ended with exit code {exit_code}{f' ({status})' if status else ''}"
        elif exit_code == 0 and status != "Submitted":
            error = f"it ended without a submission ({status})" if status else "it left no trajectory"
        return Turn(usage=usage, final_text=words, error=error)


def _trajectory(launch: Launch) -> str:
    return f"{launch.prompt_file}.trajectory.json" if launch.prompt_file else ""


def _usage(message: dict[str, Any]) -> Usage:
    """Of one answer of the model; nothing for all other messages."""
    response = (message.get("extra") or {}).get("response")
    used = response.get("usage") if isinstance(response, dict) else None
    if not isinstance(used, dict):
        return Usage()
    details = used.get("prompt_tokens_details") or {}
    return Usage(
        input=count(used.get("prompt_tokens") or used.get("input_tokens")),
        output=count(used.get("completion_tokens") or used.get("output_tokens")),
        cached=count(details.get("cached_tokens")),
    )


DRIVER = MiniDriver()
