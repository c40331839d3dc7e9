"""For tests of `andon hook`: a world with a task, a session as far as its hooks go, and what is done to both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e.world import Result, World

APPROVAL = {"gates": "  blessing: {approval: {by: [human]}}", "implement_gates": "[tests, scope, blessing]"}
"""For `world_with_a_task`: a gate that a person must open."""


def world_with_a_task(directory: Path, **more: Any) -> World:
    made = World.make(directory, isolation="process", **more)
    made.add_task("Change the app", "--scope", "app.txt")
    return made


class Client:
    """A session of Claude Code, as far as its hooks go."""

    def __init__(self, world: World, agent: str | None, cwd: str | Path, session: str = "s1") -> None:
        self.world = world
        self.agent = agent
        self.cwd = str(cwd)
        self.session = session

    def raw(self, event: str, *options: str, extra: dict[str, str] | None = None, **payload: Any) -> Result:
        text = json.dumps({"session_id": self.session, "cwd": self.cwd, "hook_event_name": event, **payload})
        return self.world.andon(
            "hook", "claude", event, *options, agent=self.agent, cwd=self.cwd, input=text, **(extra or {})
        )

    def hook(self, event: str, *options: str, extra: dict[str, str] | None = None, **payload: Any) -> dict[str, Any]:
        done = self.raw(event, *options, extra=extra, **payload)
        assert done.exit == 0 and not done.err, (done.exit, done.out, done.err)
        return done.json if done.out else {}

    def stop(self, *options: str, extra: dict[str, str] | None = None, **payload: Any) -> dict[str, Any]:
        return self.hook("Stop", *options, extra=extra, stop_hook_active=False, **payload)

    def denial(self, path: str) -> str:
        answer = self.hook("PreToolUse", tool_name="Write", tool_input={"file_path": path, "content": "x"})
        return str(answer.get("hookSpecificOutput", {}).get("permissionDecisionReason", ""))


def edit(client: Client, text: str = "one\nTWO\n") -> None:
    (Path(client.cwd) / "app.txt").write_text(text)


def needs(world: World) -> list[dict[str, Any]]:
    return list(world.ok("status")["needs_human"])


def break_store(world: World) -> None:
    for name in ("andon.db-wal", "andon.db-shm"):
        (world.path / ".git/andon" / name).unlink(missing_ok=True)
    (world.path / ".git/andon/andon.db").write_bytes(b"no database" * 1000)
