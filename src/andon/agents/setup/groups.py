"""Hooks in the form of Claude Code's settings, which Codex CLI, Gemini CLI and Qwen Code took over: groups with a matcher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from andon.agents.setup.commands import ANSWERED_BEFORE, BLOCK_WHEN_MISSING, hook_command
from andon.agents.setup.records import Edit, JsonItems

Events = Mapping[str, tuple[str, int]]
"""event -> (matcher, timeout in seconds)"""

TELL_WHEN_MISSING = (
    '{"systemMessage":"There is no andon on the PATH of this session: the work was not checked. Put it there and run '
    'andon check."}'
)


def blocking_hooks(client: str, path: str, events: Events) -> list[Edit]:
    """For clients that say at a `Stop` whether they were blocked before: there, a missing `andon` blocks once."""
    made: list[Edit] = []
    for event, (matcher, timeout_s) in events.items():
        missing, unless = (BLOCK_WHEN_MISSING, ANSWERED_BEFORE) if event == "Stop" else ("", "")
        command = hook_command(client, event, timeout_s, when_missing=missing, unless=unless)
        made.append(_edit(path, event, matcher, {"type": "command", "command": command, "timeout": timeout_s}))
    return made


def telling_hooks(client: str, path: str, events: Events, *, stop: str) -> list[Edit]:
    """For Gemini CLI and its like, which count milliseconds: at the event `stop` a person is told of a missing `andon`."""
    made: list[Edit] = []
    for event, (matcher, timeout_s) in events.items():
        command = hook_command(client, event, timeout_s, when_missing=TELL_WHEN_MISSING if event == stop else "")
        hook = {"name": "andon", "type": "command", "command": command, "timeout": timeout_s * 1000}
        made.append(_edit(path, event, matcher, hook))
    return made


def _edit(path: str, event: str, matcher: str, hook: dict[str, Any]) -> Edit:
    group: dict[str, Any] = {"matcher": matcher} if matcher else {}
    return JsonItems(path=path, at=("hooks", event), items=({**group, "hooks": [hook]},))
