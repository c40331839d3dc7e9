"""A workspace that answers in unforeseen ways stops no reading."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from andon.core.errors import AndonError
from andon.engine import space as spaces
from andon.engine.services import Services
from andon.engine.space import Space
from andon.engine.transact import Engine
from andon.store.memory import MemoryStore
from tests.store import samples


class Asked:
    """As much of the services as reading needs."""

    def __init__(self, space: Space | None) -> None:
        self.store = MemoryStore()
        self.space = space
        self.space_trouble = ""
        self.remarks: list[str] = []


def asked(look: Callable[[], None]) -> Services:
    engine = Engine(MemoryStore(), lambda _condition, _facts: True)
    found = Asked(Space(directory="/w", name="api", path="/a/.git", engine=engine, look=look))
    return found  # type: ignore[return-value]


@pytest.mark.parametrize(
    "error", [AndonError("gone", next="look"), OSError(5, "Input/output error"), PermissionError()]
)
def test_whatever_stands_in_the_way_is_said_once(error: Exception) -> None:
    def look() -> None:
        raise error

    services = asked(look)
    samples.learning(services.store, "L1", "The parser reads bytes", repository="api")
    for _ in range(3):
        assert spaces.usable(services) is None
        with services.store.read() as reader:
            assert [x.id for x in spaces.known(services, reader, None)] == ["L1"]
    assert len(services.remarks) == 1 and "left out" in services.remarks[0]


def test_a_workspace_that_knows_nothing_of_the_repository_is_left_out() -> None:
    services = asked(lambda: None)
    assert spaces.usable(services) is None
    assert "holds no workspace" in services.remarks[0]
    space = services.space
    assert space is not None
    with space.look().write() as writer:
        writer.put_setting(spaces.IDENTITY_SETTING, "0123")
    services.space_trouble = ""
    assert spaces.usable(services) is None
    assert "not registered" in services.remarks[1]
