"""A round of the lead in virtual time, by the lead's own rules: what is measured when, who lands, who goes back.

Theory of operation. `merge_queue.decide` asks for checks, the most useful first; so many at a time are begun, each takes the
time that is drawn for it, and what it brings is told, until the round is over. A check is red when one of its submissions is
at fault, or by a flaky gate's chance, which is drawn anew each time: so bisection, second tries and innocent submissions that
wait for another round come out as they do in the lead. What still runs when the round is decided was for nothing, and counts.
Pure; must not know: steps, workers, where random numbers come from.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

from msgspec import Struct

from andon.core import merge_queue as q


class Played(Struct, frozen=True, kw_only=True):
    """What a round came to. land, back: places in the window, in order; the others stay in the queue.

    checks: that were begun; searched: of these, in groups. flaky: red ones that nobody was at fault for. ticks: how long it
    took.
    """

    land: tuple[int, ...]
    back: tuple[int, ...]
    checks: int
    searched: int
    flaky: int
    ticks: int


def play_round(
    faulty: Sequence[bool],
    ticks_of: Callable[[int], int],
    flaked: Callable[[int], bool],
    *,
    mode: str,
    retries: int,
    parallel: int,
) -> Played:
    """faulty: by place. ticks_of, flaked: of one measurement of the tree whose last submission has this place."""
    items = tuple(str(place) for place in range(len(faulty)))
    going = q.Round(items=items, mode=mode, retries=retries)
    running: dict[q.Check, str] = {}
    green: set[q.Items] = set()
    ends: list[tuple[int, int, q.Check]] = []
    now = begun = searched = flaky = 0
    while not (decision := q.decide(going)).over:
        if known := [check for check in decision.wanted if check.items in green]:
            # The same tree has passed already: its verdict is remembered.
            going = going.tell(known[0], q.GREEN)
            continue
        for check in decision.wanted:
            if len(running) >= parallel or check in running:
                continue
            place = int(check.items[-1])
            at_fault = any(faulty[int(item)] for item in check.items)
            by_chance = flaked(place) and not at_fault
            flaky += by_chance
            running[check] = q.RED if at_fault or by_chance else q.GREEN
            heapq.heappush(ends, (now + ticks_of(place), begun, check))
            begun += 1
            searched += decision.search
        now, _, check = heapq.heappop(ends)
        outcome = running.pop(check)
        if outcome == q.GREEN:
            green.add(check.items)
        going = going.tell(check, outcome)
    back = tuple(sorted(int(one.item) for one in decision.back))
    land = tuple(int(item) for item in decision.land)
    return Played(land=land, back=back, checks=begun, searched=searched, flaky=flaky, ticks=now)
