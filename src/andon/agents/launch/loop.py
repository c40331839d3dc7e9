"""What a worker does after each turn of its agent: one pure decision, `decide`.

Theory of operation. A turn ends somehow; the claim may be over by then (the agent advanced by itself, or lost it).
If it is still held, a question to a person parks it; a turn that broke is taken up again, a few times; a review waits
for the agent's own outcome; and otherwise Andon's own check decides: green or pending goes on, red becomes the next
prompt. Every way is bounded: turns, broken turns in a row, failures to check. The agent's word decides nothing.

Must not know processes, prompts' texts or the coordinator.
"""

from __future__ import annotations

from msgspec import Struct

# What the worker does next.
DONE = "done"  # the claim is over, by whatever act; note what became of it
CHECK = "check"  # ask for our own check, then decide again
ADVANCE = "advance"  # verify and proceed, in the agent's place
PROMPT = "prompt"  # another turn; `why` says which prompt
PARK = "park"  # a person was asked: keep the step for this agent until there is an answer
RELEASE = "release"  # give the step up; an attempt is used up
PASS_ON = "pass_on"  # give the step up through no fault of the agent's; offered to anyone

# Why another turn.
RED = "red"
NO_OUTCOME = "no_outcome"  # a review without an outcome
BROKEN = "broken"  # the client died, or reported an error
OVERTIME = "overtime"
ANSWERED = "answered"
VOID = "void"  # a question that nobody answered in time

# How our check answered.
GREEN, PENDING, CLOSED = "green", "pending", "closed"

# How a turn ended.
TURN_ENDED, TURN_OVERTIME, TURN_BROKEN, TURN_CANCELLED = "ended", "overtime", "broken", "cancelled"


class Bounds(Struct, frozen=True, kw_only=True):
    """turns: prompts of one claim. broken: turns in a row that broke or ran over time. questions: to people, of one claim;
    turns and questions go on where they were when a parked step is taken up again."""

    turns: int = 5
    broken: int = 3
    questions: int = 5


class Situation(Struct, frozen=True, kw_only=True):
    """What is known after a turn.

    held: the claim is still this agent's. how: of the turn. turns: so far. broken: broken turns in a row, this one
    included. alive: the client ever did anything in this claim. checked: our check's answer, "" before it. review: the
    step asks for the agent's own outcome. question: an unanswered question to a person. questions: those before it. spent: the
    budget is used up.
    """

    held: bool
    how: str
    turns: int
    broken: int = 0
    alive: bool = True
    checked: str = ""
    review: bool = False
    question: str = ""
    questions: int = 0
    spent: bool = False
    error: str = ""


class Move(Struct, frozen=True, kw_only=True):
    """what: of the above. why: which prompt, or the reason that is recorded. stops: the worker claims nothing more."""

    what: str
    why: str = ""
    stops: bool = False


def decide(seen: Situation, bounds: Bounds) -> Move:
    """The next move. Rules in the order in which they hold."""
    if not seen.held:
        return Move(what=DONE)
    if seen.how == TURN_CANCELLED:
        return Move(what=PASS_ON, why=seen.error or "the worker was stopped", stops=True)
    if seen.how in (TURN_BROKEN, TURN_OVERTIME):
        return _broken(seen, bounds)
    if seen.question and seen.questions >= bounds.questions:
        return Move(
            what=RELEASE, why=f"it asked people more than {bounds.questions} questions; the last: {seen.question}"
        )
    if seen.question:
        return Move(what=PARK, why=seen.question)
    if seen.review:
        return _again(seen, bounds, NO_OUTCOME, "the review was left without an outcome")
    if not seen.checked:
        return Move(what=CHECK)
    if seen.checked in (GREEN, PENDING):
        return Move(what=ADVANCE)
    return _again(seen, bounds, RED, "gates are still red")


def after_question(*, answered: bool, turns: int, spent: bool, bounds: Bounds) -> Move:
    """Once a question is settled. A person's answer is worth a turn; a question that became void is not."""
    if spent or not answered:
        seen = Situation(held=True, how=TURN_ENDED, turns=turns, spent=spent)
        return _again(seen, bounds, VOID, "a question to a person was not answered in time")
    return Move(what=PROMPT, why=ANSWERED)


def _broken(seen: Situation, bounds: Bounds) -> Move:
    if not seen.alive and seen.broken >= min(2, bounds.broken):
        # A client that never did anything is not set up; another attempt would only use up the step's attempts.
        return Move(what=PASS_ON, why=f"the client does not work here: {seen.error}", stops=True)
    why = OVERTIME if seen.how == TURN_OVERTIME else BROKEN
    if seen.broken >= bounds.broken:
        return Move(what=RELEASE, why=f"{seen.broken} turns in a row broke off; the last: {seen.error}")
    return _again(seen, bounds, why, seen.error)


def _again(seen: Situation, bounds: Bounds, why: str, reason: str) -> Move:
    if seen.spent:
        return Move(what=PASS_ON, why=f"the worker's budget of tokens is used up; {reason}", stops=True)
    if seen.turns >= bounds.turns:
        return Move(what=RELEASE, why=f"{reason} after {seen.turns} turns")
    return Move(what=PROMPT, why=why)
