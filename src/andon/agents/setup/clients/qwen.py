"""Qwen Code: hooks in `.qwen/settings.json`, timeouts in milliseconds. It reads AGENTS.md, and skills below `.qwen/skills`.

Met in the real program (0.24.4 and 0.15.10): settings without `$version` are rewritten by the client where it is started.
In a claim's worktree that would be a change to a protected file, which nobody made.
"""

from __future__ import annotations

from andon.agents.setup.groups import telling_hooks
from andon.agents.setup.records import ClientSetup, Edit, JsonValue, OffSwitch, WholeFile
from andon.agents.setup.shared import SKILL

SETTINGS = ".qwen/settings.json"
SETTINGS_VERSION = 4
WRITING_TOOLS = "write_file|edit|notebook_edit|run_shell_command|monitor"

# event -> (matcher, timeout in seconds). A stop runs the step's gates.
EVENTS: dict[str, tuple[str, int]] = {
    "SessionStart": ("", 30),
    "PreToolUse": (WRITING_TOOLS, 10),
    "PostToolUse": ("", 10),
    "Stop": ("", 600),
    "SessionEnd": ("", 10),
}


def _edits() -> tuple[Edit, ...]:
    version = JsonValue(path=SETTINGS, at=("$version",), value=SETTINGS_VERSION)
    hooks = telling_hooks("qwen", SETTINGS, EVENTS, stop="Stop")
    return (version, *hooks, WholeFile(path=".qwen/skills/andon/SKILL.md", text=SKILL))


CLIENT = ClientSetup(
    name="qwen",
    title="Qwen Code",
    program="qwen",
    install="npm install -g @qwen-code/qwen-code",
    edits=_edits(),
    trust="nothing as long as `security.folderTrust.enabled` is off, which is the default; where it is on, trust the "
    "directory that holds the repository (`/trust`), and with it the worktrees of `andon next` beside it. Commit "
    "`.qwen/settings.json`, or worktrees lack it; `disableAllHooks` must not be set",
    enforced=(
        "the brief of the claimed step is given at the start of a session",
        "a write outside the task's scope or to a protected file is denied before it happens",
        "git commands that move branches or touch the shared index are denied",
        "a stop is answered by the step's gates: while one is red the agent works on, up to Andon's bound",
    ),
    limits=(
        "the client overrides the stop hook at its 8th block in a row and reports success; Andon's bound is lower, and "
        "the step stays claimed and red all the same",
        "versions of 2025 (0.15.10 was tried) drop the brief at the start of a session; `andon brief` prints it",
        "settings are read in the directory of the start alone: in a directory below it no hook runs",
        "what a shell command writes is seen by the diff gate only, not beforehand",
        "a hook that fails or runs into its time limit lets the tool or the stop pass; the gates at `andon advance` "
        "decide all the same",
        "hooks are not told of tokens: budgets count them under `andon work` only",
    ),
    proven="real program",
    switches=(OffSwitch(paths=(SETTINGS, "~/.qwen/settings.json"), at=("disableAllHooks",), value=True),),
)
