"""Claude Code: hooks in `.claude/settings.json`. It reads CLAUDE.md, not AGENTS.md, and skills below `.claude/skills`.

Met in the real program, 2.1.197: red stops kept it at work, writes outside the scope were denied. With `-p` it runs the hooks
of a folder that nobody trusted; at a terminal it asks first.
"""

from __future__ import annotations

from andon.agents.setup.commands import hook_command
from andon.agents.setup.records import ClientSetup, Edit, JsonItems, OffSwitch, Section, WholeFile
from andon.agents.setup.shared import POINTER, SKILL

SETTINGS = ".claude/settings.json"
WRITING_TOOLS = "Bash|Edit|MultiEdit|Write|NotebookEdit"

# event -> (matcher, timeout in seconds). A stop runs the step's gates.
EVENTS: dict[str, tuple[str, int]] = {
    "SessionStart": ("", 30),
    "PreToolUse": (WRITING_TOOLS, 10),
    "PostToolUse": ("", 10),
    "Stop": ("", 600),
    "SessionEnd": ("", 10),
}
MISSING = (
    '{"decision":"block","reason":"There is no andon on the PATH of this session, so the work was not checked. '
    'Tell the person that it must be put there."}'
)
ANSWERED_BEFORE = '"stop_hook_active": *true'


def _edits() -> tuple[Edit, ...]:
    edits: list[Edit] = []
    for event, (matcher, timeout_s) in EVENTS.items():
        command = hook_command("claude", event, timeout_s)
        if event == "Stop":
            command = hook_command("claude", event, timeout_s, when_missing=MISSING, unless=ANSWERED_BEFORE)
        group = {"matcher": matcher} if matcher else {}
        item = {**group, "hooks": [{"type": "command", "command": command, "timeout": timeout_s}]}
        edits.append(JsonItems(path=SETTINGS, at=("hooks", event), items=(item,)))
    edits.append(WholeFile(path=".claude/skills/andon/SKILL.md", text=SKILL))
    edits.append(Section(path="CLAUDE.md", text=POINTER))
    return tuple(edits)


CLIENT = ClientSetup(
    name="claude",
    title="Claude Code",
    program="claude",
    install="npm install -g @anthropic-ai/claude-code",
    edits=_edits(),
    trust="at a terminal `claude` asks whether you trust the folder, and runs no hook before (`claude -p` asks nothing); "
    "`disableAllHooks` must not be set in your own settings; `/hooks` lists what runs",
    enforced=(
        "a write outside the task's scope or to a protected file is denied before it happens",
        "git commands that move branches or touch the shared index are denied",
        "a stop is answered by the step's gates: while one is red the agent works on, up to Andon's bound",
    ),
    limits=(
        "what a shell command writes is seen by the diff gate only, not beforehand",
        "a hook that fails or runs into its time limit lets the tool or the stop pass; the gates at `andon advance` "
        "decide all the same",
        "a person can switch hooks off (`disableAllHooks`); doctor then says that none has fired",
    ),
    proven="real program",
    switches=(
        OffSwitch(
            paths=(SETTINGS, ".claude/settings.local.json", "~/.claude/settings.json"),
            at=("disableAllHooks",),
            value=True,
        ),
    ),
)
