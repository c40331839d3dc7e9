"""Codex CLI: hooks in `.codex/hooks.json`, and rules that let Andon's own commands out of Codex's sandbox.

Met in the real program: codex-cli 0.169.0. What decides whether a hook runs:
* The project must be trusted (`projects` in the person's own config; `codex exec --trust` records it): else the whole `.codex`
  is passed over, with a warning. Trust in a main checkout holds for its linked worktrees, wherever they are, and the other
  way round.
* Each hook must be trusted by its digest (`hooks.state` in the person's own config; `/hooks` in the terminal interface records
  it). Without a person in front (`codex exec`) one that is not trusted is passed over in silence. A hook that changes must be
  trusted again. `--dangerously-bypass-hook-trust` runs them all, but only in a trusted project.
* In a linked worktree the hooks are those of the *main checkout's* files, yet only if the worktree has a `.codex` of its own.
  Rules and other configuration are the worktree's.
The sandbox of commands (`workspace-write`) keeps `.git` and `.codex` closed, so that `andon next` can't claim there, and has no
netlink, so that no sandbox can be made within. A rule `allow` runs a command outside of it, if every command of the line is
allowed and nothing is redirected; hence only what agents need, and `cd`.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tomllib
from typing import Any

from andon.agents.setup.groups import blocking_hooks
from andon.agents.setup.records import ClientSetup, Edit, OffSwitch, WholeFile

HOOKS = ".codex/hooks.json"
RULES = ".codex/rules/andon.rules"
TOOLS = "^(Bash|apply_patch)$"
ALLOWED = (
    "next", "brief", "check", "advance", "submit", "handoff", "say", "ask", "inbox", "heartbeat", "release", "status", "show",
    "log", "ready",
)  # fmt: skip
"""Nothing that starts a program of the caller's choice or is a person's act."""

# event -> (matcher, timeout in seconds). A stop runs the step's gates; a session's end may take 3 s at most.
EVENTS: dict[str, tuple[str, int]] = {
    "SessionStart": ("", 30),
    "PreToolUse": (TOOLS, 10),
    "PostToolUse": ("", 10),
    "Stop": ("", 600),
    "SessionEnd": ("", 3),
}
RULES_TEXT = f"""\
# Written by `andon init --client codex`; a change here is lost at the next one.
# What agents need of Andon runs outside of Codex's sandbox: it writes below .git/andon and makes worktrees.
prefix_rule(
    pattern = ["andon", {json.dumps(list(ALLOWED))}],
    decision = "allow",
    justification = "Andon's own commands for agents",
)
prefix_rule(
    pattern = ["cd"],
    decision = "allow",
    justification = "so that `cd DIRECTORY && andon check` is one allowed line",
)
"""


def _edits() -> tuple[Edit, ...]:
    return (*blocking_hooks("codex", HOOKS, EVENTS), WholeFile(path=RULES, text=RULES_TEXT))


def hook_digest(event: str, matcher: str | None, handler: dict[str, Any]) -> str:
    """The digest by which Codex 0.169 trusts a hook: of its event, matcher, command and timeout, in canonical JSON."""
    normal = {
        "type": "command",
        "command": handler["command"],
        "timeout": max(1, int(handler.get("timeout", 600))),
        "async": bool(handler.get("async", False)),
    }
    identity: dict[str, Any] = {"event_name": _label(event), "hooks": [normal]}
    if matcher:
        identity["matcher"] = matcher
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _label(event: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in event).lstrip("_")


def trust_lines(root: str, hooks: dict[str, Any], present: str = "") -> str:
    """What is missing in the person's `~/.codex/config.toml` so that this project and Andon's own hooks in it are trusted.

    root: the main checkout. hooks: the content of its `.codex/hooks.json`, since Codex knows a hook by its place there.
    present: the file as it is; a table that is there already comes as a comment that says what to set in it, since with
    a table twice Codex does not start. For machines on which nobody can open `/hooks`. Nobody else's hooks are trusted.
    """
    known = tomllib.loads(present)
    lines = _missing(known, ("projects", root), "trust_level", "trusted")
    for event, groups in hooks.get("hooks", {}).items():
        for place, group in enumerate(groups):
            for number, handler in enumerate(group.get("hooks", ())):
                if "andon hook codex" in str(handler.get("command", "")):
                    key = f"{root}/{HOOKS}:{_label(event)}:{place}:{number}"
                    digest = hook_digest(event, group.get("matcher"), handler)
                    lines += _missing(known, ("hooks", "state", key), "trusted_hash", digest)
    return "\n".join([*lines, ""]) if lines else ""


def _missing(known: dict[str, Any], at: tuple[str, ...], name: str, wanted: str) -> list[str]:
    table: Any = known
    for key in at:
        table = table.get(key) if isinstance(table, dict) else None
    header = ".".join([*at[:-1], json.dumps(at[-1])])
    if table is None:
        return [f"[{header}]", f"{name} = {json.dumps(wanted)}", ""]
    if isinstance(table, dict) and table.get(name) == wanted:
        return []
    return [f"# In the table [{header}] that is there already, set: {name} = {json.dumps(wanted)}", ""]


def main() -> int:
    """Print what is missing for the checkout that this is run in; nothing is written."""
    root = os.getcwd()
    home = os.environ.get("CODEX_HOME") or os.path.join(os.path.expanduser("~"), ".codex")
    config = os.path.join(home, "config.toml")
    try:
        present = ""
        if os.path.exists(config):
            with open(config, encoding="utf-8") as file:
                present = file.read()
        with open(os.path.join(root, HOOKS), encoding="utf-8") as file:
            lines = trust_lines(root, json.load(file), present)
        tomllib.loads(f"{present}\n{lines}")
    except (OSError, ValueError) as error:
        sys.stderr.write(
            f"andon: {error}\nnext: in the main checkout: andon init --client codex; see that {config} is good\n"
        )
        return 1
    # A line of its own, should the file end without one.
    sys.stdout.write(f"\n{lines}" if lines else "")
    return 0


CLIENT = ClientSetup(
    name="codex",
    title="Codex CLI",
    program="codex",
    install="npm install -g @openai/codex",
    edits=_edits(),
    trust="Codex passes over hooks that you have not trusted, without a word under `codex exec`: start `codex` once in the "
    "main checkout, trust the project, open `/hooks` and trust those that hold `andon hook`; again after each change of them. "
    "That holds for all worktrees. `.codex/` must be committed: a worktree without one has no hooks",
    enforced=(
        "a patch outside the task's scope or to a protected file is denied before it happens",
        "git commands that move branches or touch the shared index are denied; Codex's sandbox keeps .git closed besides",
        "a stop is answered by the step's gates: while one is red the agent works on, up to Andon's bound",
        "the step's brief is given at the start of a session in a claimed worktree",
    ),
    limits=(
        "what a shell command writes is seen by the diff gate only, but for redirections and patches in plain sight",
        "a hook that fails, prints anything but its answer or runs into its time limit lets the tool or the stop pass; the "
        "gates at `andon advance` decide all the same",
        "gates with isolation `process` run what the agent wrote outside of Codex's sandbox: ask for isolation `sandbox`",
        "a session that was started in the main checkout may not write into the worktree of its claim: start `codex` in that "
        "worktree, or give it with `--add-dir`",
        "a reason or brief of more than about 10,000 characters loses its middle",
    ),
    proven="real program",
    switches=tuple(
        OffSwitch(paths=(".codex/config.toml", "~/.codex/config.toml"), at=("features", name), value=False)
        for name in ("hooks", "codex_hooks")
    ),
)

if __name__ == "__main__":
    sys.exit(main())
