"""OpenHands CLI: hooks in `.openhands/hooks.json`. It reads AGENTS.md and `.agents/skills`, too.

The file's plain form is used, with events in small letters at the top. In a file with the older form (all below `hooks`)
OpenHands ignores whatever stands beside that, so that ours would not run, and theirs would.
"""

from __future__ import annotations

from andon.agents.setup.commands import hook_command
from andon.agents.setup.records import ClientSetup, Edit, JsonItems

SETTINGS = ".openhands/hooks.json"

# place in the file -> (event, tools that it is for, seconds). A stop runs the step's gates.
EVENTS: dict[str, tuple[str, str, int]] = {
    "user_prompt_submit": ("UserPromptSubmit", "*", 30),
    "pre_tool_use": ("PreToolUse", "terminal|file_editor|planning_file_editor|write_file|edit|apply_patch", 10),
    "post_tool_use": ("PostToolUse", "*", 10),
    "stop": ("Stop", "*", 600),
    "session_end": ("SessionEnd", "*", 10),
}


def _edits() -> tuple[Edit, ...]:
    edits: list[Edit] = []
    for place, (event, matcher, timeout_s) in EVENTS.items():
        command = hook_command("openhands", event, timeout_s)
        item = {"matcher": matcher, "hooks": [{"type": "command", "command": command, "timeout": timeout_s}]}
        edits.append(JsonItems(path=SETTINGS, at=(place,), items=(item,)))
    return tuple(edits)


CLIENT = ClientSetup(
    name="openhands",
    title="OpenHands CLI",
    program="openhands",
    install="uv tool install openhands --python 3.12",
    edits=_edits(),
    trust="OpenHands runs a repository's hooks without asking; name the agent when you start it (`ANDON_AGENT=openhands-1 "
    "openhands`), since its shell is a tmux server in which nothing tells the session",
    enforced=(
        "a write outside the task's scope or to a protected file is denied before it happens",
        "git commands that move branches or touch the shared index are denied",
        "a stop is answered by the step's gates: while one is red the agent works on, up to Andon's own bound",
        "with the first prompt the agent gets its brief, or how to begin",
    ),
    limits=(
        "without ANDON_AGENT the hooks do not know the claim that the agent took in its shell, and hold nothing",
        "what a shell command writes is seen by the diff gate only, not beforehand",
        "a hook that fails or runs into its time limit lets the tool or the stop pass, as does an `andon` that is not on the "
        "PATH; the gates at `andon advance` decide all the same",
        "`.openhands/hooks.json` of a repository takes the place of the one in your home directory; one in the older form, "
        "with all below `hooks`, leaves ours out: doctor then says that none has fired",
        "hooks are told no tokens, and can't tell a person anything: look at `andon status`",
    ),
    proven="real program",
)
