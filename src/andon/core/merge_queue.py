"""The merge queue of one target branch: in which order submissions are tried, which trees are measured, who goes back.

Theory of operation. A round takes the first submissions in order (its window) and asks for checks. A check measures what
would land: the tree of its last submission on top of all before it. What lands is a sequence of which every single tree was
green; so it never matters which check was asked for first. Two ways of asking:

* `each`: every prefix of the window, the first ones first, several at a time (speculation: a later prefix is measured before
  the earlier ones are known). The first red prefix ends the round: what is behind it was measured on a wrong guess.
* `batch`: the tip of the window alone; when it is red its halves, each on top of what was accepted before it, and so on
  (bisection). Then every tree in between that was not measured yet is, since each of them lands.

Rules. A submission goes back only when it is red on top of exactly what lands before it, which is green without it: nobody
pays for another's fault, and of two that are broken only together the first in order lands. A red single is measured once
more before that counts (`retries`). Every round decides at least one submission. Pure: no clock, no I/O; must not know what
a check costs, or what was remembered of earlier ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from andon.core.errors import InvariantViolation

EACH = "each"
BATCH = "batch"
MODES = (EACH, BATCH)

GREEN = "green"
RED = "red"
HELD = "held"
"""Nobody's fault, and no pass: a word is missing that may still come, or nothing could be measured."""
OUTCOMES = (GREEN, RED, HELD)

WINDOW_DEFAULT = 8
WINDOW_MAX = 64
WINDOW_START = 2
RETRIES_DEFAULT = 1
RETRIES_MAX = 3
AGEING_S = 3600.0
"""Waiting so long is worth one step of priority."""

Items = tuple[str, ...]


class Waiting(Struct, frozen=True, kw_only=True):
    """A submission that waits to land. priority: 0 is most urgent. since: when it came, seconds since the epoch."""

    key: str
    priority: int = 2
    since: float = 0.0


def ordered(waiting: Iterable[Waiting], now: float, ageing_s: float = AGEING_S) -> tuple[Waiting, ...]:
    """The order of landing: priority, then arrival. Who waits rises, so that nobody waits for ever."""

    def rank(one: Waiting) -> tuple[int, float]:
        aged = int(max(0.0, now - one.since) // ageing_s) if ageing_s > 0 else 0
        return one.priority - aged, one.since

    return tuple(sorted(waiting, key=rank))


def adapted(window: int, limit: int, *, red: bool) -> int:
    """The next round's window: twice as many after a green round, half as many after a red one."""
    return max(1, min(window // 2 if red else window * 2, limit))


# ---------------------------------------------------------------- one round


class Check(Struct, frozen=True, kw_only=True):
    """Measure the tree of `group` on top of `after`: the last one's tree, when all of them were applied in order."""

    after: Items
    group: Items

    @property
    def items(self) -> Items:
        """All that the measured tree holds, in order."""
        return self.after + self.group


class Told(Struct, frozen=True, kw_only=True):
    """What a check brought. final: measuring a red one again could bring nothing else. times: how often it was measured."""

    outcome: str
    final: bool = False
    times: int = 1


class Round(Struct, frozen=True, kw_only=True):
    """One window on one head. told: what is known by now."""

    items: Items
    mode: str = EACH
    retries: int = RETRIES_DEFAULT
    told: Mapping[Check, Told] = field(default_factory=dict)

    def tell(self, check: Check, outcome: str, *, final: bool = False) -> Round:
        """The round with one more outcome. One that is told again counts from then on."""
        if outcome not in OUTCOMES:
            raise InvariantViolation(f"{outcome!r} is no outcome of a check")
        before = self.told.get(check)
        times = before.times + 1 if before is not None else 1
        known = Told(outcome=outcome, final=final, times=times)
        after: Round = replace(self, told={**self.told, check: known})
        return after


class Back(Struct, frozen=True, kw_only=True):
    """A submission that goes back: red on top of `after`, which lands and is green."""

    item: str
    after: Items


def holds(back: Back, landed: Items) -> bool:
    """Whether what somebody was red on top of is what has landed; else nothing is known about the fault."""
    return back.after == landed[: len(back.after)]


class Decision(Struct, frozen=True, kw_only=True):
    """Either what must be measured now, the most useful first; or (over) what becomes of the round.

    search: whether `wanted` looks for culprits in groups. land: the sequence that lands. back, held: who does not.
    Submissions in none of them stay in the queue for the next round.
    """

    wanted: tuple[Check, ...] = ()
    search: bool = False
    land: Items = ()
    back: tuple[Back, ...] = ()
    held: Items = ()

    @property
    def over(self) -> bool:
        return not self.wanted


def decide(given: Round) -> Decision:
    """The next move of a round."""
    if not given.items or given.mode == EACH:
        return _prefixes(given, given.items)
    if given.mode != BATCH:
        raise InvariantViolation(f"{given.mode!r} is no way of asking")
    search = _Search(given)
    search.resolve(given.items)
    if search.wanted is not None:
        return Decision(wanted=(search.wanted,), search=True)
    found = _prefixes(given, search.accepted)
    if not found.over:
        return found
    # Who was found red on top of what does not land after all is tried again in another round.
    back = tuple(one for one in search.back if len(one.after) <= len(found.land))
    decision: Decision = replace(found, back=(*back, *found.back), held=(*search.held, *found.held))
    return decision


def _prefixes(given: Round, items: Items) -> Decision:
    """Every tree of the sequence, as far as the first one that is not green."""
    wanted: list[Check] = []
    for place, item in enumerate(items):
        check = Check(after=items[:place], group=(item,))
        told = given.told.get(check)
        if told is None:
            wanted.append(check)
        elif told.outcome != GREEN:
            if wanted:
                break
            if _worth_another(given, told):
                return Decision(wanted=(check,))
            if told.outcome == HELD:
                return Decision(land=items[:place], held=(item,))
            return Decision(land=items[:place], back=(Back(item=item, after=items[:place]),))
    return Decision(wanted=tuple(wanted)) if wanted else Decision(land=items)


def _worth_another(given: Round, told: Told) -> bool:
    return told.outcome == RED and not told.final and told.times <= given.retries


class _Search:
    """Bisection, replayed from what is known: it ends at the first check that nobody has told."""

    def __init__(self, given: Round) -> None:
        self._given = given
        self.accepted: Items = ()
        self.back: list[Back] = []
        self.held: Items = ()
        self.wanted: Check | None = None

    def resolve(self, group: Items) -> None:
        if self.wanted is not None:
            return
        check = Check(after=self.accepted, group=group)
        told = self._given.told.get(check)
        if told is None or (len(group) == 1 and _worth_another(self._given, told)):
            self.wanted = check
        elif told.outcome == GREEN:
            self.accepted += group
        elif len(group) > 1:
            half = len(group) // 2
            self.resolve(group[:half])
            self.resolve(group[half:])
        elif told.outcome == HELD:
            self.held += group
        else:
            self.back.append(Back(item=group[0], after=self.accepted))


# ---------------------------------------------------------------- closed forms


def batch_cost(failure_rate: float, depth: int) -> float:
    """Checks asked for a change while a batch of 2^depth is searched, when changes fail by themselves at this rate."""
    size: int = 2**depth
    red = [float(2**level * (1 - (1 - failure_rate) ** (2 ** (depth - level)))) for level in range(depth)]
    return (1 + 2 * sum(red)) / size


def window_resolves(failure_rate: float, window: int) -> float:
    """Changes decided in a round whose whole window is measured at once."""
    return float(window) if failure_rate == 0 else float(1 - (1 - failure_rate) ** window) / failure_rate


def window_cost(failure_rate: float, window: int) -> float:
    """Checks for a decided change in such rounds."""
    return window / window_resolves(failure_rate, window)
