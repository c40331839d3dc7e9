"""The rules of a workspace's registry."""

from __future__ import annotations

import pytest

from andon.core import commands as c
from andon.core import events as e
from andon.core.errors import InvariantViolation, Rejected
from andon.core.evolve import replay
from andon.core.registry import MAX_NAME_CHARS, MAX_PATH_CHARS, Repository, decide_repository, is_name
from andon.core.transitions import REPOSITORY, Transition


def add(name: str = "api", path: str = "/a/.git", *, moved: bool = False) -> c.AddRepository:
    return c.AddRepository(at=2.0, actor="ann", repository=name, path=path, moved=moved)


def known(*more: e.Event) -> Repository:
    state = replay([e.RepositoryAdded(at=1.0, actor="ann", repository="api", path="/a/.git"), *more])
    assert isinstance(state, Repository)
    return state


REMOVED = e.RepositoryRemoved(at=1.5, actor="ann")


def test_adding_is_repeatable_and_a_name_is_one_repositorys() -> None:
    assert decide_repository(known(), add()) == []
    assert isinstance(decide_repository(None, add()), list)
    for state in (known(), known(REMOVED)):
        refused = decide_repository(state, add(path="/b/.git"))
        assert isinstance(refused, Rejected) and refused.kind == "name_taken" and "/a/.git" in refused.message
    moved = decide_repository(known(), add(path="/b/.git", moved=True))
    assert moved == [e.RepositoryMoved(at=2.0, actor="ann", path="/b/.git")]
    again = decide_repository(known(REMOVED), add())
    assert again == [e.RepositoryAdded(at=2.0, actor="ann", repository="api", path="/a/.git")]


def test_removing_is_repeatable() -> None:
    command = c.RemoveRepository(at=2.0, actor="ann")
    assert decide_repository(known(), command) == [e.RepositoryRemoved(at=2.0, actor="ann")]
    assert decide_repository(known(REMOVED), command) == []
    with pytest.raises(InvariantViolation):
        decide_repository(None, command)


@pytest.mark.parametrize("name", ["", ".git", "-x", "a b", "a/b", "a@b", "ä", "x" * (MAX_NAME_CHARS + 1), "a:b"])
def test_what_is_no_name(name: str) -> None:
    assert not is_name(name)
    refused = decide_repository(None, add(name))
    assert isinstance(refused, Rejected) and refused.kind == "bad_input" and refused.exit == 64


def test_a_path_has_a_limit() -> None:
    refused = decide_repository(None, add(path="/" * (MAX_PATH_CHARS + 1)))
    assert isinstance(refused, Rejected) and refused.kind == "bad_input"


def test_every_transition_is_in_the_table() -> None:
    commands = [add(), add(path="/b/.git", moved=True), c.RemoveRepository(at=3.0, actor="ann")]
    for more in ([], [REMOVED]):
        before = known(*more)
        for command in commands:
            events = decide_repository(before, command)
            assert isinstance(events, list)
            for event in events:
                after = known(*more, event)
                row = Transition(before=before.status, event=type(event).__name__, after=after.status)
                assert row in REPOSITORY, row
