"""What a worker does after a turn: every rule, and that every way ends."""

from __future__ import annotations

import itertools

import pytest

from andon.agents.launch import loop
from andon.agents.launch.loop import Bounds, Move, Situation, decide

BOUNDS = Bounds(turns=5, broken=3)


def after(**more: object) -> Move:
    values: dict[str, object] = {"held": True, "how": loop.TURN_ENDED, "turns": 1, **more}
    return decide(Situation(**values), BOUNDS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("situation", "move"),
    [
        ({}, Move(what=loop.CHECK)),
        ({"checked": loop.GREEN}, Move(what=loop.ADVANCE)),
        ({"checked": loop.PENDING}, Move(what=loop.ADVANCE)),
        ({"checked": loop.CLOSED}, Move(what=loop.PROMPT, why=loop.RED)),
        ({"checked": loop.CLOSED, "turns": 5}, Move(what=loop.RELEASE, why="gates are still red after 5 turns")),
        ({"held": False, "how": loop.TURN_BROKEN}, Move(what=loop.DONE)),
        ({"question": "M1"}, Move(what=loop.PARK, why="M1")),
        ({"review": True}, Move(what=loop.PROMPT, why=loop.NO_OUTCOME)),
        (
            {"review": True, "turns": 5},
            Move(what=loop.RELEASE, why="the review was left without an outcome after 5 turns"),
        ),
        ({"how": loop.TURN_BROKEN, "broken": 1, "error": "e"}, Move(what=loop.PROMPT, why=loop.BROKEN)),
        ({"how": loop.TURN_OVERTIME, "broken": 1}, Move(what=loop.PROMPT, why=loop.OVERTIME)),
        (
            {"how": loop.TURN_BROKEN, "broken": 3, "turns": 3, "error": "e"},
            Move(what=loop.RELEASE, why="3 turns in a row broke off; the last: e"),
        ),
        (
            {"how": loop.TURN_BROKEN, "broken": 2, "alive": False, "error": "e"},
            Move(what=loop.PASS_ON, why="the client does not work here: e", stops=True),
        ),
        ({"how": loop.TURN_CANCELLED, "error": "x"}, Move(what=loop.PASS_ON, why="x", stops=True)),
        (
            {"checked": loop.CLOSED, "spent": True},
            Move(what=loop.PASS_ON, why="the worker's budget of tokens is used up; gates are still red", stops=True),
        ),
        ({"checked": loop.GREEN, "spent": True}, Move(what=loop.ADVANCE)),
    ],
)
def test_moves(situation: dict[str, object], move: Move) -> None:
    assert after(**situation) == move


def test_questions_are_bounded_like_turns() -> None:
    assert after(question="M6", questions=5).what == loop.RELEASE
    assert after(question="M5", questions=4) == Move(what=loop.PARK, why="M5")
    settled = loop.after_question
    assert settled(answered=True, turns=5, spent=False, bounds=BOUNDS).what == loop.PROMPT
    assert settled(answered=False, turns=4, spent=False, bounds=BOUNDS).what == loop.PROMPT
    assert settled(answered=False, turns=5, spent=False, bounds=BOUNDS).what == loop.RELEASE
    for answered in (True, False):
        spent = settled(answered=answered, turns=1, spent=True, bounds=BOUNDS)
        assert (spent.what, spent.stops) == (loop.PASS_ON, True)


def test_a_review_is_never_advanced_by_the_worker() -> None:
    for how, checked, turns in itertools.product(
        (loop.TURN_ENDED, loop.TURN_BROKEN, loop.TURN_OVERTIME),
        ("", loop.GREEN, loop.PENDING, loop.CLOSED),
        range(1, 7),
    ):
        assert after(review=True, how=how, checked=checked, turns=turns, broken=1).what not in (
            loop.ADVANCE,
            loop.CHECK,
        )


def test_a_turn_that_broke_off_is_never_taken_for_done() -> None:
    for how, checked in itertools.product((loop.TURN_BROKEN, loop.TURN_OVERTIME), ("", loop.GREEN, loop.PENDING)):
        assert after(how=how, checked=checked, broken=1).what == loop.PROMPT


def test_nothing_is_prompted_for_ever() -> None:
    """At the bound of turns, whatever has happened, there is no other prompt."""
    for how, checked, review, alive, broken in itertools.product(
        (loop.TURN_ENDED, loop.TURN_BROKEN, loop.TURN_OVERTIME, loop.TURN_CANCELLED),
        (loop.GREEN, loop.PENDING, loop.CLOSED),
        (True, False),
        (True, False),
        (0, 1, 3),
    ):
        move = after(how=how, checked=checked, review=review, alive=alive, broken=broken, turns=5)
        assert move.what not in (loop.PROMPT, loop.CHECK)
