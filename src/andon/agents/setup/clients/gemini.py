"""Gemini CLI: hooks in `.gemini/settings.json`, timeouts in milliseconds. It reads GEMINI.md, not AGENTS.md, and the skills
below `.agents/skills`.

Met in the real program (0.61.0): in a folder that is not trusted, workspace settings and with them all hooks are left out
without a word; without a terminal it exits with 55 there. `--skip-trust` trusts too late: the session runs, and no hook
does. Started in a directory below the one with `.gemini`, it finds no settings either.
"""

from __future__ import annotations

from andon.agents.setup.groups import telling_hooks
from andon.agents.setup.records import ClientSetup, Edit, OffSwitch, Section
from andon.agents.setup.shared import POINTER

SETTINGS = ".gemini/settings.json"
WRITING_TOOLS = "write_file|replace|run_shell_command"

# event -> (matcher, timeout in seconds). The end of a turn runs the step's gates.
EVENTS: dict[str, tuple[str, int]] = {
    "SessionStart": ("", 30),
    "BeforeTool": (WRITING_TOOLS, 10),
    "AfterTool": ("", 10),
    "AfterAgent": ("", 600),
    "SessionEnd": ("", 10),
}


def _edits() -> tuple[Edit, ...]:
    hooks = telling_hooks("gemini", SETTINGS, EVENTS, stop="AfterAgent")
    return (*hooks, Section(path="GEMINI.md", text=POINTER))


CLIENT = ClientSetup(
    name="gemini",
    title="Gemini CLI",
    program="gemini",
    install="npm install -g @google/gemini-cli",
    edits=_edits(),
    trust="start `gemini` once in the repository and choose *Trust parent folder*, which holds for the worktrees of "
    "`andon next` beside it too (`~/.gemini/trustedFolders.json` keeps it); or set GEMINI_CLI_TRUST_WORKSPACE=true. Not "
    "`--skip-trust`: with it no hook of the repository runs. Commit `.gemini/settings.json`, or worktrees lack it; "
    "`hooksConfig.enabled` must not be false, nor `andon` stand in `hooksConfig.disabled`, in any settings",
    enforced=(
        "the brief of the claimed step is put before the first prompt",
        "a write outside the task's scope or to a protected file is denied before it happens",
        "git commands that move branches or touch the shared index are denied",
        "the end of a turn is answered by the step's gates: while one is red the agent works on, up to Andon's bound "
        "(the client itself has none)",
    ),
    limits=(
        "in a folder that is not trusted no hook runs, and a session at a terminal does not say so",
        "settings are read in the directory of the start alone: in a directory below it no hook runs",
        "a session that was not started in a claim's worktree can't write there with its own tools (`Path not in "
        "workspace`), only through the shell: start it in the worktree, or with `--include-directories ../NAME.andon`",
        "git hooks do not run in its shell (it sets `core.hooksPath` to nothing), so Andon's guard of the target branch is not "
        "there, but under `andon work`; its documentation has a line that puts it back",
        "in ACP mode no hook fires before or after a tool, nor at the start",
        "what a shell command writes is seen by the diff gate only, not beforehand",
        "a hook that fails or runs into its time limit lets the tool or the end of the turn pass; the gates at "
        "`andon advance` decide all the same",
        "hooks are not told of tokens: budgets count them under `andon work` only",
    ),
    proven="real program",
    switches=(
        OffSwitch(paths=(SETTINGS, "~/.gemini/settings.json"), at=("hooksConfig", "enabled"), value=False),
        OffSwitch(paths=(SETTINGS, "~/.gemini/settings.json"), at=("hooksConfig", "disabled"), value="andon"),
    ),
)
