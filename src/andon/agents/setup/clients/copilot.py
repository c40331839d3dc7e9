"""GitHub Copilot CLI: hooks in a file of their own below `.github/hooks`; it reads AGENTS.md and `.agents/skills`.

Met in the real program, 1.0.102. A hook that can't be started denies the tool there, so each one is silent without Andon.
"""

from __future__ import annotations

from andon.agents.setup.commands import ANSWERED_BEFORE, BLOCK_WHEN_MISSING, hook_command
from andon.agents.setup.records import ClientSetup, Edit, JsonItems, JsonValue

HOOKS = ".github/hooks/andon.json"
EVENTS = {"sessionStart": 30, "preToolUse": 10, "postToolUse": 10, "agentStop": 600, "sessionEnd": 10}


def _edits() -> tuple[Edit, ...]:
    edits: list[Edit] = [JsonValue(path=HOOKS, at=("version",), value=1)]
    for event, timeout_s in EVENTS.items():
        if event == "agentStop":
            command = hook_command("copilot", event, timeout_s, when_missing=BLOCK_WHEN_MISSING, unless=ANSWERED_BEFORE)
        else:
            command = hook_command("copilot", event, timeout_s, optional=True)
        item = {"type": "command", "bash": command, "timeoutSec": timeout_s}
        edits.append(JsonItems(path=HOOKS, at=("hooks", event), items=(item,)))
    return tuple(edits)


CLIENT = ClientSetup(
    name="copilot",
    title="GitHub Copilot CLI",
    program="copilot",
    install="npm install -g @github/copilot",
    edits=_edits(),
    trust="hooks of a folder that is not trusted are skipped without a word: start `copilot` once in the worktree's "
    "directory and trust it, or give `--trust-folder` with `-p`",
    enforced=(
        "a write outside the task's scope or to a protected file is denied before it happens",
        "git commands that move branches or touch the shared index are denied",
        "a stop is answered by the step's gates: while one is red the agent works on, up to Andon's bound",
    ),
    limits=(
        "after eight blocked stops in a row Copilot ends whatever the hook says; Andon's own bound is reached before",
        "what a shell command writes is seen by the diff gate only, not beforehand",
        "a hook that runs into its time limit lets the tool or the stop pass; the gates at `andon advance` decide",
        "nothing can be shown to the person by a hook: look at `andon status`",
        "its use of tokens is not reported by hooks",
    ),
    proven="real program",
)
