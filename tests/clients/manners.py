"""How a person starts each client so that Andon's hooks hold it, as docs/how-to/clients says it. Facts alone.

Codex CLI is in its sandbox, with hooks that are trusted one by one, the rules that let Andon's commands out, and nothing writable
but the directory of the session. mini-swe-agent has no hooks, but an environment of ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from andon.agents.setup.clients.codex import HOOKS, trust_lines
from tests.clients.clients import CLIENTS, MINI_ALONE, ROOT, Client
from tests.clients.harness import PROMPT, Scene, Session


def _nothing(scene: Scene) -> None:
    pass


@dataclass(frozen=True)
class Manner:
    """in_claim: the client is started in a claim's worktree, else in the main checkout, where its agent claims by itself.

    lease_s: long enough for a session's first tool, also on a busy machine. blocks: how often its agent is kept at work at a
    stop. prepare: what a person does beside `andon init --client`. limited: with the person's own limit, where it has one.
    dying: what lets its shell see the processes outside, so that the agent can kill its client.
    """

    client: Client
    in_claim: bool = False
    lease_s: int = 8
    blocks: int = 5
    prepare: Callable[[Scene], None] = _nothing
    limited: Callable[[str], list[str]] | None = None
    dying: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.client.name

    @property
    def slower(self) -> bool:
        return self.client.slower

    @property
    def missing(self) -> str:
        return self.client.missing

    def scene(self, directory: Path, *, short: bool = False) -> Scene:
        """short: with a lease that is soon over."""
        scene = Scene.hooked(directory, self.client, lease=f"{self.lease_s}s" if short else "10m")
        self.prepare(scene)
        return scene

    def play(self, scene: Scene, persona: str, *more: str, cwd: Path | None = None, **options: Any) -> Session:
        """more: words at the end of the command line."""
        return scene.inside([*self.client.command(PROMPT), *more], persona, cwd=cwd, **options)


CODEX_ALONE = (
    *("codex", "exec", "--json", "--sandbox", "workspace-write"),
    # The scene lies in the directory for temporary files, which Codex keeps writable unless it is told not to.
    *("-c", "sandbox_workspace_write.exclude_slash_tmp=true"),
    *("-c", "sandbox_workspace_write.exclude_tmpdir_env_var=true"),
)


def trust(scene: Scene) -> None:
    """What a person does with `/hooks`."""
    config = scene.home / ".codex" / "config.toml"
    hooks = json.loads((scene.world.path / HOOKS).read_text())
    config.write_text(f"{config.read_text()}\n{trust_lines(str(scene.world.path), hooks)}")


ENVIRONMENT = ".andon/mini-swe-agent"
MINI_HELD = (*MINI_ALONE[:-1], "-c", f"{ENVIRONMENT}/andon.yaml")
AT_MOST = 12
"""Turns, where the person's own limit is tried."""

CODEX = Manner(
    client=replace(CLIENTS["codex"], command=lambda prompt: [*CODEX_ALONE, prompt]),
    in_claim=True,
    lease_s=15,
    prepare=trust,
    dying=("--dangerously-bypass-approvals-and-sandbox",),
)
# Its own tools write in the workspace alone that it is started in.
GEMINI = Manner(client=CLIENTS["gemini"], in_claim=True, lease_s=15)
VIBE = Manner(
    client=CLIENTS["vibe"],
    lease_s=4,
    # It heeds no more in a turn.
    blocks=3,
    limited=lambda prompt: [*CLIENTS["vibe"].command(prompt), "--max-turns", str(AT_MOST)],
)
MINI = Manner(
    client=replace(
        CLIENTS["mini-swe-agent"],
        command=lambda prompt: [*MINI_HELD, "-t", prompt],
        environment={
            **CLIENTS["mini-swe-agent"].environment,
            "PYTHONPATH": f"{ENVIRONMENT}:{ROOT / 'src'}:{ROOT}",
        },
    ),
    lease_s=4,
    limited=lambda prompt: [*MINI_HELD, "-c", f"agent.step_limit={AT_MOST}", "-t", prompt],
)
OPENCODE = Manner(client=CLIENTS["opencode"], lease_s=20)
QWEN = Manner(client=CLIENTS["qwen"], in_claim=True, lease_s=15)
CLAUDE = Manner(client=CLIENTS["claude"])
COPILOT = Manner(client=CLIENTS["copilot"])

MANNERS = {manner.name: manner for manner in (CODEX, GEMINI, VIBE, MINI, OPENCODE, QWEN, CLAUDE, COPILOT)}
