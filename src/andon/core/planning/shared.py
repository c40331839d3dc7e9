"""The places that several tasks hold, and what to do about each before anyone writes.

The criteria, in this order:
* contract first: at least MIN_CONTRACT tasks share a file, and all but one at most foresee it without having it in their
  scope. A first task settles what the others need of it; they depend on that task, hold the file no longer, and may run side
  by side. The first task is one that depends on the fewest others, and of these the one that is surest to touch the file.
* one owner: at most MAX_OWNED tasks share a place that is half or more of what each of them holds. They are one piece of
  work in parts: give them to one worker, one after the other, or make them one task. Waves keep them apart; no dependency is
  added.
* sequence: all others. Each of the tasks depends on the one before it, in the order of their waves.
Must not know: how waves are cut.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from andon.core.planning.holds import Hold, Places

CONTRACT_FIRST = "contract first"
ONE_OWNER = "one owner"
SEQUENCE = "sequence"
MIN_CONTRACT = 5
MAX_DECLARED = 1
MAX_OWNED = 3
MOST = 0.5


class Shared(Struct, frozen=True, kw_only=True):
    """A place of several tasks. path: ends in a slash when it is a directory as a whole. tasks: numbers, in issue order.

    alone: those of the tasks that hold it alone. weight: how many of them will touch it, as far as can be foreseen.
    first: the task that settles it, when the strategy is contract first.
    """

    path: str
    tasks: tuple[int, ...]
    alone: tuple[int, ...]
    weight: float
    strategy: str
    first: int | None = None


def shared_places(holds: Sequence[Hold], places: Places, heads: Sequence[int]) -> list[Shared]:
    """All places that keep tasks off one another, the weightiest first. heads: how many tasks come before each, in a row."""
    alone: dict[int, list[int]] = {}
    for task, held in enumerate(places.alone):
        for place in held:
            alone.setdefault(place, []).append(task)
    others: dict[int, list[int]] = {}
    for task, held in enumerate(places.shared):
        for place in held:
            others.setdefault(place, []).append(task)
    totals = [sum(hold.files.values()) + sum(hold.directories.values()) for hold in holds]
    found = []
    for place, mine in alone.items():
        tasks = sorted((*mine, *others.get(place, ())))
        if len(tasks) > 1:
            found.append(_judged(places.names[place], tasks, mine, holds, totals, heads))
    found.sort(key=lambda item: (-len(item.tasks), -item.weight, item.path))
    return found


def _judged(
    path: str,
    tasks: list[int],
    alone: list[int],
    holds: Sequence[Hold],
    totals: Sequence[float],
    heads: Sequence[int],
) -> Shared:
    likely = {task: _likely(holds[task], path) for task in tasks}
    weight = round(sum(likely.values()), 3)
    common = Shared(path=path, tasks=tuple(tasks), alone=tuple(alone), weight=weight, strategy=SEQUENCE)
    declared = [task for task in tasks if holds[task].declared]
    if not path.endswith("/") and len(tasks) >= MIN_CONTRACT and len(declared) <= MAX_DECLARED:
        first = min(tasks, key=lambda task: (heads[task], task not in declared, -likely[task], task))
        return replace(common, strategy=CONTRACT_FIRST, first=first)
    owned = len(tasks) <= MAX_OWNED and all(likely[task] >= MOST * totals[task] for task in tasks)
    return replace(common, strategy=ONE_OWNER) if owned else common


def _likely(hold: Hold, path: str) -> float:
    if not path.endswith("/"):
        return hold.files.get(path, 0.0)
    directory = path[:-1]
    if directory in hold.directories:
        return hold.directories[directory]
    below = [value for name, value in hold.files.items() if name == directory or name.startswith(path)]
    below += [value for name, value in hold.directories.items() if name.startswith(path) or path == "/"]
    return max(below, default=0.0)
