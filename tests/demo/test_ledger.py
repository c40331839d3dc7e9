"""What counts as "reality matched": every trick tried, refused, and refused by the gate that should."""

from __future__ import annotations

from typing import Any

from andon.demo.ledger import EXPECTED, Expectation, Ledger


def tried(expectation: Expectation, **answer: Any) -> dict[str, Any]:
    reply = {"exit": expectation.exits[0], "kind": "", "reason": "no", "closed": [expectation.gate], "isolation": []}
    return {
        "agent": expectation.cheat,
        "what": "tried",
        "task": "t",
        "text": expectation.text,
        "cheat": expectation.cheat,
        "reply": reply | answer,
    }


def full(**changed: dict[str, Any]) -> Ledger:
    ledger = Ledger()
    for expectation in EXPECTED:
        ledger.add(tried(expectation, **changed.get(expectation.text, {})))
    ledger.add({"agent": "ada", "what": "conflict", "task": "t", "text": "finds a conflict"})
    return ledger


def test_all_refused_as_expected_is_no_difference() -> None:
    ledger = full()
    assert ledger.complete()
    assert ledger.differences() == []
    assert len(ledger.refused()) == len(EXPECTED)
    assert all(one.refused for one in ledger.refused())


def test_a_trick_that_was_let_through_is_a_difference() -> None:
    first = EXPECTED[0]
    ledger = full(**{first.text: {"exit": 0, "closed": []}})
    assert [text for text in ledger.differences() if "was not refused" in text]
    assert [one.agent for one in ledger.refused() if not one.refused] == [first.cheat]


def test_refused_by_another_gate_or_with_another_exit_is_a_difference() -> None:
    gated = next(x for x in EXPECTED if x.gate == "tests")
    late = next(x for x in EXPECTED if x.cheat == "late")
    ledger = full(**{gated.text: {"closed": ["lint"]}, late.text: {"exit": 70}})
    assert [text for text in ledger.differences() if "not by gate tests" in text]
    assert [text for text in ledger.differences() if "exit 70, expected (4,)" in text]


def test_a_trick_that_nobody_tried_is_a_difference() -> None:
    ledger = Ledger()
    assert not ledger.complete()
    assert len([text for text in ledger.differences() if "never tried" in text]) == len(EXPECTED)
    assert "no change conflicted with what had landed meanwhile" in ledger.differences()


def test_a_hidden_deletion_must_be_found_by_a_reviewer() -> None:
    ledger = full()
    hidden = {
        "agent": "test-deleter",
        "what": "hid_deletion",
        "task": "issue399",
        "text": "hides",
        "reply": {"exit": 0},
    }
    ledger.add(hidden)
    assert "no reviewer found the deleted test that was hidden behind new ones" in ledger.differences()
    ledger.add(
        {
            "agent": "rhea",
            "what": "sent_back",
            "task": "issue399",
            "text": "sends it back: 1 test(s) of the base are gone",
            "reply": {"exit": 0},
        }
    )
    assert ledger.differences() == []
    assert ledger.refused()[-1].agent == "test-deleter"
    assert "rhea" in ledger.refused()[-1].why


def test_a_refused_own_review_must_have_been_there_to_refuse() -> None:
    own = next(x for x in EXPECTED if x.cheat == "own-review")
    ledger = Ledger()
    ledger.add(tried(own) | {"was_ready": False})
    assert [text for text in ledger.differences() if "no review was ready" in text]


def test_whatever_no_script_foresaw_is_a_difference() -> None:
    ledger = full()
    ledger.add({"agent": "ada", "what": "unexpected", "task": "t", "text": "the edit does not fit"})
    assert ledger.differences() == ["ada: the edit does not fit"]


def test_taken_over_is_the_next_claim_of_the_victims_task() -> None:
    ledger = Ledger()
    for agent, step in (("victim", "implement"), ("rhea", "review"), ("ben", "implement")):
        ledger.add({"agent": agent, "what": "claimed", "task": "t", "text": "", "step": step})
    assert ledger.taken_over("t", "victim") == "ben"
    assert ledger.taken_over("other", "victim") == ""
