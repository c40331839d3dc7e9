"""opencode: a plugin in `.opencode/plugins/`, since it has no hooks of its own. Met in the real program, 1.18.33.

* There is no question of trust: plugins of the directory and those above it, up to the worktree's top, are always loaded
  (not with `--pure` or OPENCODE_DISABLE_PROJECT_CONFIG).
* Where there is any plugin, opencode waits until npm has installed `@opencode-ai/plugin` in each of its directories,
  `.opencode` among them (in `node_modules`, which it has git ignore). Without a network that takes more than a minute, unless
  `npm_config_offline` is set. Our plugin needs nothing of it.
* A path outside of the directory that the session began in needs the permission `external_directory`, which `opencode run`
  refuses without asking, and that ends the turn. Hence: begin in the worktree.
"""

from __future__ import annotations

from pathlib import Path

from andon.agents.setup.records import ClientSetup, WholeFile

PLUGIN = ".opencode/plugins/andon.js"
TEXT = Path(__file__).with_name("opencode.js").read_text(encoding="utf-8")

CLIENT = ClientSetup(
    name="opencode",
    title="opencode",
    program="opencode",
    install="npm install -g opencode-ai",
    edits=(WholeFile(path=PLUGIN, text=TEXT),),
    enforced=(
        "a write outside the task's scope or to a protected file is denied before it happens",
        "git commands that move branches or touch the shared index are denied",
        "after a turn the step's gates run: while one is red its reasons are the next prompt, up to Andon's bound",
        "the step's brief is given with the first prompt in a claimed worktree",
    ),
    limits=(
        "what a shell command writes is seen by the diff gate only, but for redirections in plain sight",
        "`opencode run` prints nothing of what is done after the first turn, though it waits for it",
        "a plugin that is not loaded (`--pure`) or can't ask Andon lets everything pass; the gates at `andon advance` decide "
        "all the same",
        "a session that was started in the main checkout needs the permission `external_directory` for the worktree of its "
        "claim: start `opencode` in that worktree",
        "the agent `plan` is not kept at work, since it may not write",
    ),
    proven="real program",
)
