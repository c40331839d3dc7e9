"""What the second act came to, and whether that is what should have come: from Andon's own log, and from git.

Pure: facts go in, differences come out. Must not know: processes, terminals, how facts are fetched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from andon.demo.swarm.pieces import CONTRACT, RENAMES, SHARED, USES, VICTIM

REASON_CHARS = 150
Events = Sequence[Mapping[str, Any]]


class Child(Struct, frozen=True, kw_only=True):
    """One entry of the join. workers: who claimed it, in order. sent_back: the lead's reasons, in order. depends_on: keys.

    green_alone: its own gate `tests` passed before the lead tried it. integrated: its commit is on the parent's reference.
    """

    key: str
    task: str
    run: str
    outcome: str
    commit: str
    message: str
    wave: int | None
    depends_on: tuple[str, ...]
    workers: tuple[str, ...]
    sent_back: tuple[str, ...]
    green_alone: bool
    integrated: bool


class SwarmSummary(Struct, frozen=True, kw_only=True):
    """The second act's result. differences: where reality was not as it should be; empty when ok."""

    ok: bool
    task: str
    run: str
    duration_s: float
    commit: str
    evidence: str
    tested: bool
    shared: str
    strategy: str
    waves: int
    one_at_a_time: int
    children: tuple[Child, ...]
    pair_reason: str
    pair_mended_by: str
    killed: str
    taken_over: str
    final_tests: str
    differences: tuple[str, ...]


def claims(events: Events) -> tuple[str, ...]:
    """Who claimed the step `implement`, in order."""
    found = [event["data"] for event in events if event["type"] == "StepClaimed"]
    return tuple(str(data["agent"]) for data in found if data["step"] == "implement")


def refusals(events: Events) -> tuple[str, ...]:
    """The reasons with which the lead sent the work back."""
    found = [event["data"] for event in events if event["type"] == "StepFinished" and event["data"]["step"] == "land"]
    return tuple(str(data["message"]) for data in found if data["outcome"] in ("failed", "conflict"))


def shortened(reason: str) -> str:
    """A refusal in a line: what is red, and who landed meanwhile."""
    text, mark, landed = " ".join(reason.split()).partition("(landed since its base:")
    cut = text if len(text) <= REASON_CHARS else text[: REASON_CHARS - 1].rstrip() + "… "
    return cut + mark + landed


def green_alone(events: Events) -> bool:
    """Whether the first submission passed gate `tests` by itself, before the lead tried it."""
    for event in events:
        if event["type"] == "StepFinished" and event["data"]["step"] == "land":
            return False
        for verdict in event["data"].get("verdicts", []):
            if (verdict["gate"], verdict["outcome"]) == ("tests", "passed") and event["data"]["step"] == "implement":
                return True
    return False


def differences(children: Sequence[Child], wanted: Sequence[str], plan: Mapping[str, Any], killed: str) -> list[str]:
    """Where the children, the plan, the pair or the takeover are not as they should be."""
    found = []
    if [child.key for child in children] != list(wanted):
        found.append(f"the join holds {[child.key for child in children]}, expected {list(wanted)}")
    for child in children:
        if child.outcome != "landed" or not child.commit or not child.message:
            found.append(f"child {child.key} ended as {child.outcome or 'open'} without its whole result")
        if not child.integrated:
            found.append(f"the commit of child {child.key} is not on its parent's reference")
    by_key = {child.key: child for child in children}
    if {CONTRACT, RENAMES, USES, VICTIM} <= set(by_key):
        found += _plan(by_key, plan)
        found += _pair(by_key[RENAMES], by_key[USES])
        found += _takeover(by_key[VICTIM], killed)
    return found


def shared_file(plan: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the plan says about the shared file."""
    empty: dict[str, Any] = {}
    return next((one for one in plan.get("shared") or [] if one["path"] == SHARED), empty)


def _plan(children: Mapping[str, Child], plan: Mapping[str, Any]) -> list[str]:
    shared = shared_file(plan)
    if not shared:
        return [f"the plan did not name {SHARED} as shared"]
    found = []
    first = children[CONTRACT]
    if (shared["strategy"], shared["first"]) != ("contract first", first.task):
        found.append(f"the plan for {SHARED} is {shared['strategy']} by {shared['first']}, expected contract first")
    for child in children.values():
        if child.key != CONTRACT and (CONTRACT not in child.depends_on or not (child.wave or 0) > (first.wave or 0)):
            found.append(f"the plan was not applied: {child.key} does not come after {CONTRACT}")
    return found


def _pair(renames: Child, uses: Child) -> list[str]:
    found = [f"{child.key} was not green by itself" for child in (renames, uses) if not child.green_alone]
    if renames.sent_back:
        found.append(f"{renames.key} was sent back: {renames.sent_back[0]}")
    reason = uses.sent_back[0] if uses.sent_back else ""
    if not reason:
        found.append(f"{uses.key} was not sent back, though it breaks with {renames.key}")
    elif "conflicts" in reason or renames.task not in reason.replace(",", " ").replace(")", " ").split():
        found.append(f"{uses.key} was sent back for another reason than {renames.task}: {reason}")
    return found


def _takeover(victim: Child, killed: str) -> list[str]:
    after = [worker for worker in victim.workers if worker != killed]
    if not killed or victim.workers[:1] != (killed,):
        return [f"nobody was killed at work on {victim.key}"]
    return [] if after else [f"nobody took {victim.key} over from {killed}"]
