"""`andon mcp` in a real client: an agent goes through its step by tools alone.

Codex offers a server's tools only after its model has searched for them, which the scripted model does not.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.clients import Client
from tests.clients.harness import Scene


def serve(scene: Scene) -> None:
    """Add the server to the client's own configuration, as docs/how-to/mcp.md says."""
    file = scene.home / f".{scene.client.name}" / "settings.json"
    settings = json.loads(file.read_text())
    settings["mcpServers"] = {"andon": {"command": "andon", "args": ["mcp"], "trust": True}}
    file.write_text(json.dumps(settings))


@pytest.mark.clients("gemini")
def test_an_agent_goes_through_its_step_by_tools(client: Client, tmp_path: Path) -> None:
    scene = Scene.make(tmp_path, client)
    serve(scene)
    scene.task()
    session = scene.session("by-tools")
    assert session.exit == 0 and not session.errors, session.tell()
    (claimed,) = [x for x in scene.world.ok("log", "R1")["items"] if x["type"] == "StepClaimed"]
    assert claimed["data"]["person"] is False
    assert claimed["actor"].startswith("mcp-") or claimed["actor"].startswith(client.name), claimed
    assert scene.lead(), session.tell()
    assert scene.landed() == "hello"
