"""What tasks that somebody is at work on mean for those that are planned.

Rules. They are in no plan; the waves come behind them. A file of one of them that so many planned tasks foresee that it calls
for a contract is settled by that one: the others depend on it and hold the file no longer, as when it was planned with them.
A dependency on one of them that an earlier plan added stays while the two still meet. A task and its parent share their paths
by intent. Nothing is made to wait for a task that has parts among these, since it waits for them itself. Must not know: how
waves are cut, who is at work.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from andon.core.planning.holds import Hold, Places
from andon.core.planning.shared import MAX_DECLARED, MIN_CONTRACT


def settled_by(holds: Sequence[Hold], others: Sequence[Hold], whole: Sequence[int]) -> list[dict[str, int]]:
    """For each task the files that one of the others settles for it, and which one. whole: of the others, those that have
    no parts among the tasks."""
    found: list[dict[str, int]] = [{} for _ in holds]
    holders: dict[str, list[int]] = {}
    for number, other in enumerate(others):
        for path in other.files:
            holders.setdefault(path, []).append(number)
    for path, (first, *more) in holders.items():
        tasks = [task for task, hold in enumerate(holds) if path in hold.files]
        declared = sum(1 for task in tasks if holds[task].declared) + others[first].declared
        if more or first not in whole or len(tasks) + 1 < MIN_CONTRACT or declared > MAX_DECLARED:
            continue
        for task in tasks:
            if not holds[task].declared:
                found[task][path] = first
    return found


def without(hold: Hold, paths: Sequence[str]) -> Hold:
    """The hold without these files."""
    return (
        replace(hold, files={path: sure for path, sure in hold.files.items() if path not in paths}) if paths else hold
    )


def kept_off(
    holds: Sequence[Hold], released: Sequence[frozenset[str]], others: Sequence[Hold]
) -> list[tuple[tuple[int, str], ...]]:
    """For each task what the others, who are at work already, keep it off: (which of them, the place), one place for each."""
    if not others:
        return [()] * len(holds)
    count = len(holds)
    places = Places([*holds, *others], [*released, *(frozenset() for _ in others)])
    alone: dict[int, list[int]] = {}
    anyhow: dict[int, list[int]] = {}
    for other in range(len(others)):
        for place in places.alone[count + other]:
            alone.setdefault(place, []).append(other)
            anyhow.setdefault(place, []).append(other)
        for place in places.shared[count + other]:
            anyhow.setdefault(place, []).append(other)
    found = []
    for task in range(count):
        met: dict[int, str] = {}
        for held, holders in ((places.alone[task], anyhow), (places.shared[task], alone)):
            for place in held:
                for other in holders.get(place, ()):
                    met.setdefault(other, places.names[place])
        found.append(tuple(met.items()))
    return found
