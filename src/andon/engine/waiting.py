"""Waiting for something in the store without asking it all the time.

A waiter listens for the bell that every commit rings, looks, and sleeps until it rings again, until time alone may have
changed something (a lease is over, a step is due), or for FALLBACK_S: a process killed between its commit and its ring
must not leave others waiting. The number of looks thus depends on what happens, not on how long nothing does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from andon.engine.services import Services

FALLBACK_S = 5.0
LEAST_S = 0.02
"""Clocks and sleeps are not exact: a look that comes a little too early must not become many."""

T = TypeVar("T")


def until(services: Services, look: Callable[[], T | None], wait_s: float, *, about: str) -> T | None:
    """What `look` finds, as soon as it finds something; None when it found nothing in time. wait_s 0: one look.

    about: WORK or MESSAGES of the port `Bell`.
    """
    if wait_s <= 0:
        return look()
    deadline = time.monotonic() + wait_s
    with services.engine.bell.listen(about) as ear:
        while (found := look()) is None:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return None
            ear.wait(min(left_s, FALLBACK_S, time_alone_s(services)))
    return found


def time_alone_s(services: Services) -> float:
    """The seconds until time changes something without anybody's doing."""
    now = services.clock.now()
    with services.store.read() as reader:
        moment = reader.next_moment(now)
    return FALLBACK_S if moment is None else max(LEAST_S, moment - now + LEAST_S)
