"""The clients as parameters: those of the slower set carry the mark `slower_clients`. One that is missing fails with its install line."""

from __future__ import annotations

import pytest

from tests.clients.clients import CLIENTS, Client


def every(*names: str) -> list[object]:
    """Parameters for these clients, or all."""
    chosen = [CLIENTS[name] for name in names or CLIENTS]
    marks = {True: [pytest.mark.slower_clients], False: []}
    return [pytest.param(client, id=client.name, marks=marks[client.slower]) for client in chosen]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `client` runs with each; `@pytest.mark.clients("codex", "gemini")` narrows that."""
    if "client" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("clients")
        metafunc.parametrize("client", every(*(mark.args if mark else ())))


@pytest.fixture(autouse=True)
def is_installed(request: pytest.FixtureRequest) -> None:
    if "client" in request.fixturenames:
        client: Client = request.getfixturevalue("client")
        if client.missing:
            pytest.fail(client.missing, pytrace=False)
