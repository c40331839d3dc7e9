"""mistral-vibe: hooks in `.vibe/hooks.toml`. It reads them, AGENTS.md and `.agents/skills` in trusted folders alone."""

from __future__ import annotations

import json

from andon.agents.setup.commands import hook_command
from andon.agents.setup.records import ClientSetup, TomlBlock

# event -> (tools that it is for, seconds). The end of a turn runs the step's gates.
EVENTS: dict[str, tuple[str, int]] = {
    "pre_tool": ("re:bash|edit|search_replace|write_file|process_start", 10),
    "post_tool": ("", 10),
    "post_agent": ("", 600),
}
# vibe heeds it three times in a turn, so that nobody is kept for ever.
MISSING = (
    '{"decision":"deny","reason":"There is no andon on the PATH of this session, so the work could not be checked. Put it '
    'there and run andon check, or tell your person."}'
)


def _hook(event: str, match: str, timeout_s: int) -> str:
    command = hook_command("vibe", event, timeout_s, when_missing=MISSING if event == "post_agent" else "")
    lines = ["[[hooks]]", f'name = "andon-{event}"', f'type = "{event}"']
    lines += [f'match = "{match}"'] if match else []
    # A JSON string is a TOML string, too.
    return "\n".join([*lines, f"command = {json.dumps(command)}", f"timeout = {timeout_s:.1f}"])


CLIENT = ClientSetup(
    name="vibe",
    title="mistral-vibe",
    program="vibe",
    install="uv tool install mistral-vibe",
    edits=(
        TomlBlock(
            path=".vibe/hooks.toml",
            text="\n\n".join(_hook(event, match, timeout_s) for event, (match, timeout_s) in EVENTS.items()),
        ),
    ),
    trust="vibe reads hooks in trusted folders alone, and says nothing where it does not: accept its question in the "
    "repository, and once in the directory beside it that ends in `.andon`, where claimed steps have their worktrees; or "
    "start it with `--trust`, as `andon work` does",
    enforced=(
        "a write outside the task's scope or to a protected file is denied before it happens",
        "git commands that move branches or touch the shared index are denied",
        "the end of a turn is answered by the step's gates: while one is red the agent works on, three times in a turn",
        "tools that the agent calls from within a program of its own (`run_typescript`) pass the same hooks",
    ),
    limits=(
        "after three blocks vibe ends the turn whatever the hook says, and `vibe -p` reports success; the step stays "
        "undone, and after Andon's own bound a person is called",
        "what a shell command writes is seen by the diff gate only, not beforehand",
        "a hook that fails or runs into its time limit lets the tool or the turn's end pass; the gates at `andon advance` "
        "decide all the same",
        "there is no hook at the beginning of a session: the agent learns of its step from its prompt or from AGENTS.md",
        "hooks are told no tokens; `andon work` counts them when a run has ended, and vibe leaves out the answers that a hook "
        "sent back",
    ),
    proven="real program",
)
