"""The clients as parameters: those of the slower set carry the mark `slower_clients`. One that is missing fails with its install line."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.clients.clients import CLIENTS, Client
from tests.clients.manners import MANNERS, Manner

PARAMETERS: dict[str, Mapping[str, Client | Manner]] = {"client": CLIENTS, "manner": MANNERS}
"""Name of a test's argument -> whom it runs with; `manner` is a client as a person starts it, held by hooks."""


def every(table: Mapping[str, Client | Manner], *names: str) -> list[object]:
    """Parameters for these clients, or all."""
    chosen = [table[name] for name in names or table]
    marks = {True: [pytest.mark.slower_clients], False: []}
    return [pytest.param(one, id=one.name, marks=marks[one.slower]) for one in chosen]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `client` or `manner` runs with each; `@pytest.mark.clients("codex", "gemini")` narrows that."""
    for name, table in PARAMETERS.items():
        if name in metafunc.fixturenames:
            mark = metafunc.definition.get_closest_marker("clients")
            metafunc.parametrize(name, every(table, *(mark.args if mark else ())))


@pytest.fixture(autouse=True)
def is_installed(request: pytest.FixtureRequest) -> None:
    for name in PARAMETERS:
        if name in request.fixturenames:
            one: Client | Manner = request.getfixturevalue(name)
            if one.missing:
                pytest.fail(one.missing, pytrace=False)
