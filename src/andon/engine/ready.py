"""`andon ready`: ready work in the order of `next`, whether this caller would be offered it, and why not."""

from __future__ import annotations

from typing import Any

from andon.core import queue as q
from andon.core.errors import EXIT_NOT_YET, EXIT_YES, AndonError
from andon.core.rules_worker import kept_for
from andon.engine import choosing, offers, runs
from andon.engine.interface import Reply
from andon.engine.offers import Offer, Surroundings, Wanted
from andon.engine.services import Services
from andon.engine.transact import load_run
from andon.ports import Reader

MAX_LISTED = 200


def ready(services: Services, arguments: dict[str, Any]) -> Reply:
    """Exit 0 when there is ready work, offered to the caller or not."""
    wanted = Wanted(role=arguments.get("role"), labels=tuple(arguments.get("labels") or ()))
    now = services.clock.now()
    with services.store.read() as reader:
        around = Surroundings(reader, now)
        listed = offers.queue(reader, wanted, around, now)[:MAX_LISTED]
    try:
        targets = runs.targets(services, {x.start for x in listed if not x.candidate.run})
    except AndonError as error:
        targets = {x.start: runs.Startable(error=error) for x in listed}
    items: list[dict[str, Any]] = []
    with services.store.read() as reader:
        around = Surroundings(reader, now)
        full = q.agent_is_full(services.caller.agent, around.held, around.limits)
        for offer in listed:
            why = full or _why_not(services, reader, around, offer, wanted, targets)
            items.append(_item(offer, why, _kept_for(reader, offer, now)))
    return Reply(exit=EXIT_YES if items else EXIT_NOT_YET, body={"ok": True, "items": items})


def _why_not(
    services: Services,
    reader: Reader,
    around: Surroundings,
    offer: Offer,
    wanted: Wanted,
    targets: dict[runs.StartKey, runs.Startable],
) -> str:
    try:
        return choosing.refusal(services, reader, around, offer, wanted, targets)
    except choosing.NotForIt as other:
        return str(other)


def _kept_for(reader: Reader, offer: Offer, now: float) -> str:
    """For whom the step is kept; once its time is over it is anybody's, whatever its row says."""
    if not offer.offered_to:
        return ""
    try:
        step = load_run(reader, offer.candidate.run).active.get(offer.candidate.step)
    except AndonError:
        return offer.offered_to
    return kept_for(step, now) if step is not None else ""


def _item(offer: Offer, why: str, kept: str) -> dict[str, Any]:
    candidate = offer.candidate
    return {
        "task": candidate.task,
        "title": offer.title,
        "run": candidate.run or None,
        "step": candidate.step or None,
        "role": candidate.role or None,
        "priority": candidate.priority,
        "labels": list(candidate.labels),
        "offered_to": kept or None,
        "offered": not why,
        "why_not": why or None,
    }
