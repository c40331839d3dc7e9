"""Claude Code: hooks in `.claude/settings.json`. It reads CLAUDE.md, not AGENTS.md, and skills below `.claude/skills`.

Met in the real program, 2.1.197: red stops kept it at work, writes outside the scope were denied. With `-p` it runs the hooks
of a folder that nobody trusted; at a terminal it asks first.
"""

from __future__ import annotations

from andon.agents.setup.groups import blocking_hooks
from andon.agents.setup.records import ClientSetup, Edit, OffSwitch, Section, WholeFile
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


def _edits() -> tuple[Edit, ...]:
    skill = WholeFile(path=".claude/skills/andon/SKILL.md", text=SKILL)
    return (*blocking_hooks("claude", SETTINGS, EVENTS), skill, Section(path="CLAUDE.md", text=POINTER))


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
