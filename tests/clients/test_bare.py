"""Each real client by itself against the scripted endpoint, without Andon: it runs a command, writes a file, and ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.clients import KEY, Client
from tests.clients.endpoint import total
from tests.clients.harness import Scene


def test_a_client_runs_a_command_writes_a_file_and_ends(
    client: Client, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    scene = Scene.make(tmp_path, client)
    written = scene.world.path / "greeting.txt"
    session = scene.session("diligent-shell", "Do the task.", path=str(written))
    record_property("client", f"{client.name} {session.seconds:.1f} s")
    told = (session.exit, session.out[-3000:], session.err[-3000:], session.moves)
    assert session.exit == 0, told
    assert (scene.world.path / "shell.txt").read_text() == "from-the-shell\n", told
    assert written.read_text() == "hello\n", told
    assert "shell-has-run" in session.heard, told
    assert session.errors == []
    asked = [record for record in session.records if record.dialect]
    assert {record.dialect for record in asked} == {client.dialect}
    assert {record.authorization.removeprefix("Bearer ") for record in asked} == {KEY}
    assert total(session.records).input >= 300
    assert client.reports in session.out, told
