"""goose: a plugin of hooks in `.agents/plugins/andon/`, of Andon's alone. It reads AGENTS.md and `.agents/skills`, too."""

from __future__ import annotations

import json

from andon.agents.setup.commands import hook_command
from andon.agents.setup.records import ClientSetup, WholeFile

PLUGIN = ".agents/plugins/andon"

# event -> (regular expression of tools, seconds). A stop runs the step's gates.
EVENTS: dict[str, tuple[str, int]] = {
    "PreToolUse": ("(shell|write|edit|text_editor)$", 10),
    "PostToolUse": ("", 10),
    "PostToolUseFailure": ("", 10),
    "Stop": ("", 600),
    "SessionEnd": ("", 10),
}
MANIFEST = {"name": "andon", "version": "1.0.0", "description": "Written by `andon init --client goose`."}


def _hooks() -> dict[str, object]:
    rules: dict[str, object] = {}
    for event, (matcher, timeout_s) in EVENTS.items():
        action = {"type": "command", "command": hook_command("goose", event, timeout_s), "timeout": timeout_s}
        rules[event] = [({"matcher": matcher} if matcher else {}) | {"hooks": [action]}]
    return {"hooks": rules}


CLIENT = ClientSetup(
    name="goose",
    title="goose",
    program="goose",
    install="see https://goose-docs.ai/docs/getting-started/installation",
    edits=(
        WholeFile(path=f"{PLUGIN}/plugin.json", text=json.dumps(MANIFEST, indent=2) + "\n"),
        WholeFile(path=f"{PLUGIN}/hooks/hooks.json", text=json.dumps(_hooks(), indent=2) + "\n"),
    ),
    trust="start goose in the worktree, from which it loads the project's plugins; `andon` must not stand in "
    "`disabledPlugins` of its settings",
    enforced=(
        "a write outside the task's scope or to a protected file is denied before it happens (1.35 and later)",
        "git commands that move branches or touch the shared index are denied",
        "a stop is answered by the step's gates: while one is red the agent works on, up to Andon's own bound of 5, which "
        "comes before goose's of 8",
    ),
    limits=(
        "taken from goose's documentation and source; nobody has seen it with the real program",
        "before 1.34 there are no hooks",
        "what a shell command writes is seen by the diff gate only, not beforehand",
        "a hook that fails or runs into its time limit lets the tool or the stop pass, as does an `andon` that is not on the "
        "PATH; the gates at `andon advance` decide all the same",
        "goose takes no text from a hook when a session or a turn begins: the agent learns of its step from its prompt or "
        "from AGENTS.md",
        "hooks are told no tokens, and can't tell a person anything: look at `andon status`",
    ),
)
