"""Cursor: hooks in `.cursor/hooks.json`; it reads AGENTS.md and `.agents/skills`. From its documentation."""

from __future__ import annotations

from typing import Any

from andon.agents.setup.commands import hook_command
from andon.agents.setup.records import ClientSetup, Edit, JsonItems, JsonValue

HOOKS = ".cursor/hooks.json"
EVENTS = {"sessionStart": 30, "preToolUse": 10, "postToolUse": 10, "stop": 600, "sessionEnd": 10}
LOOP_LIMIT = 10
MISSING = (
    '{"followup_message":"There is no andon on the PATH of this session, so the work was not checked. '
    'Tell the person that it must be put there."}'
)
ANSWERED_BEFORE = '"loop_count": *[1-9]'


def _edits() -> tuple[Edit, ...]:
    edits: list[Edit] = [JsonValue(path=HOOKS, at=("version",), value=1)]
    for event, timeout_s in EVENTS.items():
        item: dict[str, Any] = {
            "command": hook_command("cursor", event, timeout_s, optional=True),
            "timeout": timeout_s,
        }
        if event == "stop":
            item["command"] = hook_command("cursor", event, timeout_s, when_missing=MISSING, unless=ANSWERED_BEFORE)
            item["loop_limit"] = LOOP_LIMIT
        edits.append(JsonItems(path=HOOKS, at=("hooks", event), items=(item,)))
    return tuple(edits)


CLIENT = ClientSetup(
    name="cursor",
    title="Cursor",
    program="cursor-agent",
    install="see cursor.com/cli",
    edits=_edits(),
    trust="hooks of a project run only in a workspace that you trust: open the worktree's directory, not the repository's, "
    "and trust it; Settings, Hooks lists what runs",
    enforced=(
        "a write outside the task's scope or to a protected file is denied before it happens",
        "git commands that move branches or touch the shared index are denied",
        "a stop is answered by the step's gates: while one is red they become the next prompt, up to Andon's bound",
    ),
    limits=(
        f"after {LOOP_LIMIT} follow-ups in a row Cursor ends whatever the hook says; Andon's own bound is reached before",
        "completions by Tab and edits by hand are not seen by hooks",
        "what a shell command writes is seen by the diff gate only, not beforehand",
        "a hook that fails or runs into its time limit lets the tool or the stop pass; the gates at `andon advance` decide",
        "its use of tokens is not reported by hooks",
    ),
)
