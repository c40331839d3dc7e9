"""Choosing what to claim, outside of any write transaction: the first few items that this agent could have now.

Whatever is chosen is tried, and checked again, in the transaction that claims (`engine.claims`); what is not chosen is
remembered with the reason, for the answer "nothing is ready".
"""

from __future__ import annotations

from collections.abc import Set

from msgspec import Struct

from andon.core import queue as q
from andon.core import state as s
from andon.core.decide_run import claim_refusal
from andon.core.errors import EXIT_USAGE, AndonError
from andon.core.judge import is_review_step
from andon.core.swarm import GOOD
from andon.core.workflow import Step, Workflow
from andon.engine import offers, runs
from andon.engine.offers import Offer, Surroundings, Wanted
from andon.engine.services import Services
from andon.engine.transact import load_run
from andon.ports import Reader

FEW = 8
"""Tried in one transaction; more only when others were faster with all of these."""
MAX_REASONS = 3


class Choice(Struct, frozen=True, kw_only=True):
    """offers: in the order in which they are to be tried. why: what was passed over, in words, beginning with its own mark."""

    offers: list[Offer]
    targets: dict[runs.StartKey, runs.Startable]
    why: str


class NotForIt(Exception):
    """Another agent or role is meant, or it can't be read: why, which tells a caller who asks for any work nothing.

    told: a caller should hear of it all the same, since no other work will make it fit.
    """

    def __init__(self, why: str, *, told: bool = False) -> None:
        super().__init__(why)
        self.told = told


class Seen:
    """What became of the items that were looked at, for one answer."""

    def __init__(self, tried: Set[tuple[str, str]]) -> None:
        self.keys = set(tried)
        self.chosen: list[Offer] = []
        self.targets: dict[runs.StartKey, runs.Startable] = {}
        self.reasons: list[str] = []
        self.broken: dict[runs.StartKey, list[str]] = {}

    def tell(self, services: Services) -> None:
        """Say which tasks can't start, once for each cause."""
        for start, tasks in self.broken.items():
            error = self.targets[start].error
            more = f" and {len(tasks) - 1} more are" if len(tasks) > 1 else " is"
            services.say(f"task {tasks[0]}{more} passed over: {error.message if error is not None else ''}")


def choose(services: Services, wanted: Wanted, tried: Set[tuple[str, str]]) -> Choice:
    """The first few items that are neither refused nor among `tried`. Raises AndonError when a named task can't start.

    As long as none of those that waited longest may be had, more are looked at: what others wait for hides nothing.
    """
    now, seen, each = services.clock.now(), Seen(tried), offers.EACH
    while True:
        with services.store.read() as reader:
            around = Surroundings(reader, now)
            full = q.agent_is_full(services.caller.agent, around.held, around.limits)
            listed = offers.queue(reader, wanted, around, now, each)
        if full and listed:
            return Choice(offers=[], targets={}, why=f": {full}")
        _look_at(services, wanted, [x for x in listed if x.key not in seen.keys], seen, around)
        if seen.chosen or len(listed) < each:
            break
        each *= offers.WIDER
    seen.tell(services)
    why = ""
    if not seen.chosen:
        with services.store.read() as reader:
            why = _where_it_is(services, reader, wanted)
        seen.reasons = [reason for reason in seen.reasons if reason not in why]
    more = f"; and {len(seen.reasons) - MAX_REASONS} more" if len(seen.reasons) > MAX_REASONS else ""
    told = "".join(f"; {reason}" for reason in seen.reasons[:MAX_REASONS]) + more
    return Choice(offers=seen.chosen, targets=seen.targets, why=why + told)


def _look_at(services: Services, wanted: Wanted, listed: list[Offer], seen: Seen, around: Surroundings) -> None:
    """Choose among these, in their order, until there are a few. Whoever claims looks at what is under lease again."""
    starts = {x.start for x in listed if not x.candidate.run}
    seen.targets.update(runs.targets(services, starts - seen.targets.keys()))
    with services.store.read() as reader:
        around.ask(reader)
        for offer in listed:
            seen.keys.add(offer.key)
            target = None if offer.candidate.run else seen.targets.get(offer.start)
            if target is not None and target.error is not None:
                seen.broken.setdefault(offer.start, []).append(offer.candidate.task)
            try:
                reason = refusal(services, reader, around, offer, wanted, seen.targets)
            except NotForIt as other:
                seen.reasons += [str(other)] if other.told else []
                continue
            if reason:
                seen.reasons.append(f"task {offer.candidate.task} {reason}")
            else:
                seen.chosen.append(offer)
                if len(seen.chosen) == FEW:
                    return


def refusal(
    services: Services,
    reader: Reader,
    around: Surroundings,
    offer: Offer,
    wanted: Wanted,
    targets: dict[runs.StartKey, runs.Startable],
) -> str:
    """Why an item is not given to this agent now, as the rest of a sentence; "" when it may be tried. Raises NotForIt."""
    candidate = offer.candidate
    role, looks_only = candidate.role, False
    if candidate.run:
        looks_only = _looks_only(services, reader, offer, wanted)
    else:
        target = targets.get(offer.start)
        if target is None:
            raise NotForIt("its workflow was not looked up")
        if target.error is not None:
            if wanted.task:
                raise target.error
            return f"can't start: {target.error.message}"
        role = starting_role(target.workflow, wanted.role)
    scope = offer.scope or offers.predicted_of(reader, candidate.task)
    reason = around.against(candidate.task, role, scope, looks_only=looks_only)
    return f"is held back: {reason}" if reason else ""


def _looks_only(services: Services, reader: Reader, offer: Offer, wanted: Wanted) -> bool:
    """Whether the step, which this agent could have, is a review. One that can't be read does not stop others (law 12)."""
    candidate = offer.candidate
    try:
        run = load_run(reader, candidate.run)
        workflow = services.engine.definitions.get(reader, run.workflow)
    except AndonError as error:
        services.say(f"run {candidate.run} is passed over: {error.message}")
        raise NotForIt(error.message) from error
    caller, now = services.caller, services.clock.now()
    refused = claim_refusal(workflow, run, candidate.step, caller.agent, wanted.role, now, caller.machine)
    if run.status != s.RUN_OPEN or refused is not None:
        distinct = refused is not None and refused.kind == "not_distinct"
        raise NotForIt(refused.message if refused is not None else f"run {run.id} is {run.status}", told=distinct)
    return is_review_step(workflow, workflow.steps[candidate.step])


def starting_role(workflow: Workflow | None, role: str | None) -> str:
    """The role of the step that a run begins with; "" for any, or when Andon does it. Raises NotForIt for another role."""
    step: Step | None = workflow.steps.get(workflow.start) if workflow else None
    if step is None or step.kind != "agent":
        return ""
    if role and step.role not in (None, role):
        raise NotForIt(f"its first step is for role {step.role}")
    return step.role or ""


def _waits_for(reader: Reader, task: s.Task) -> str:
    """The dependencies of an open task that are not over, in words; "" for none."""
    if task.status != s.OPEN:
        return ""
    names = []
    for name in reader.dependencies(task.id):
        loaded = reader.load(name)
        status = loaded.state.status if loaded is not None and isinstance(loaded.state, s.Task) else "unknown"
        if status not in GOOD:
            names.append(f"{name} ({status})")
    more = f" and {len(names) - MAX_REASONS} more" if len(names) > MAX_REASONS else ""
    return f" and waits for {', '.join(names[:MAX_REASONS])}{more}" if names else ""


def _where_it_is(services: Services, reader: Reader, wanted: Wanted) -> str:
    """Where the named task or run is, and why this agent may not do it."""
    name = wanted.task or wanted.run
    if name is None:
        return ""
    loaded = reader.load(name)
    if loaded is None:
        raise AndonError(f"there is no {name}", kind="unknown_id", next="andon status", exit=EXIT_USAGE)
    state = loaded.state
    if isinstance(state, s.Task) and state.status == s.RUNNING:
        state = load_run(reader, state.run)
    if isinstance(state, s.Task):
        return f": task {state.id} is {state.status}{_waits_for(reader, state)}"
    if not isinstance(state, s.Run):
        return ""
    workflow = services.engine.definitions.get(reader, state.workflow)
    caller, now = services.caller, services.clock.now()
    reasons = [
        claim_refusal(workflow, state, step, caller.agent, wanted.role, now, caller.machine) for step in state.active
    ]
    listed = "; ".join(reason.message for reason in reasons if reason is not None)
    return f": {listed or f'run {state.id} is {state.status}'}"
