"""What counts as "nothing lost": the whole join, the plan that was applied, the pair, the takeover."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from andon.demo.swarm import facts
from andon.demo.swarm.facts import Child
from andon.demo.swarm.pieces import CONTRACT, PIECES, RENAMES, SHARED, USES, VICTIM

KEYS = [piece.key for piece in PIECES]
TASKS = {key: f"T{number}" for number, key in enumerate(KEYS, 2)}
PLAN = {"shared": [{"path": SHARED, "strategy": "contract first", "first": TASKS[CONTRACT]}]}
REASON = f"tests failed: 4 of 434 tests (landed since its base: T9, {TASKS[RENAMES]}, T7)"


def child(key: str) -> Child:
    return Child(
        key=key,
        task=TASKS[key],
        run=f"R{TASKS[key]}",
        outcome="landed",
        commit="c0ffee",
        message="done",
        wave=1 if key == CONTRACT else 2,
        depends_on=() if key == CONTRACT else (CONTRACT,),
        workers=("lars", "jane") if key == VICTIM else ("ivo",),
        sent_back=(REASON,) if key == USES else (),
        green_alone=True,
        integrated=True,
    )


def found(key: str = "", plan: dict[str, Any] | None = None, killed: str = "lars", **changes: Any) -> list[str]:
    children = [replace(child(x), **changes) if x == key else child(x) for x in KEYS]
    return facts.differences(children, KEYS, PLAN if plan is None else plan, killed)


def test_as_it_should_be_is_no_difference() -> None:
    assert found() == []


def test_a_lost_result_is_a_difference() -> None:
    assert "ended as cancelled" in found("snowflake", outcome="cancelled")[0]
    assert "without its whole result" in found("snowflake", message="")[0]
    assert "is not on its parent's reference" in found("snowflake", integrated=False)[0]
    children = [child(key) for key in KEYS[:-1]]
    assert "the join holds" in facts.differences(children, KEYS, PLAN, "lars")[0]


def test_a_plan_that_is_missing_different_or_not_applied_is_a_difference() -> None:
    assert found(plan={}) == [f"the plan did not name {SHARED} as shared"]
    other = {"shared": [{"path": SHARED, "strategy": "sequence", "first": "T2"}]}
    assert "is sequence by T2" in found(plan=other)[0]
    assert "the plan was not applied" in found("snowflake", depends_on=())[0]
    assert "the plan was not applied" in found("snowflake", wave=None)[0]


def test_the_pair_must_break_only_together_and_the_reason_must_name_the_other() -> None:
    assert "was not green by itself" in found(USES, green_alone=False)[0]
    assert "was not sent back" in found(USES, sent_back=())[0]
    assert "for another reason" in found(USES, sent_back=("tests failed (landed since its base: T33)",))[0]
    assert "for another reason" in found(USES, sent_back=(f"conflicts with {TASKS[RENAMES]}",))[0]
    assert f"{RENAMES} was sent back" in found(RENAMES, sent_back=("x",))[0]


def test_the_killed_workers_piece_must_be_taken_over() -> None:
    assert found(killed="") == [f"nobody was killed at work on {VICTIM}"]
    assert found(VICTIM, workers=("lars",)) == [f"nobody took {VICTIM} over from lars"]


def test_what_a_log_says() -> None:
    passed = {"gate": "tests", "outcome": "passed"}
    green = {"type": "Judged", "data": {"step": "implement", "verdicts": [passed]}}
    back = {"type": "StepFinished", "data": {"step": "land", "outcome": "failed", "message": REASON}}
    claim = {"type": "StepClaimed", "data": {"step": "implement", "agent": "ivo"}}
    assert facts.claims([claim, green, back, claim]) == ("ivo", "ivo")
    assert facts.refusals([claim, green, back]) == (REASON,)
    assert facts.green_alone([claim, green, back])
    assert not facts.green_alone([claim, back, green])
    assert not facts.green_alone([claim])


def test_a_shortened_reason_keeps_who_landed_meanwhile() -> None:
    long = facts.shortened("tests failed: " + "x" * 400 + f" (landed since its base: {TASKS[RENAMES]})")
    assert len(long) < 250
    assert long.endswith(f"(landed since its base: {TASKS[RENAMES]})")
    assert facts.shortened("short") == "short"
