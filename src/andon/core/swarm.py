"""Children of a run: what a step that hands work on to other tasks knows of them, and the arithmetic of joins and budgets.

Rules: a child has exactly one result; a join is decided by results alone, never by what a child's gates said; what is
reserved for children is out of the parent's reach until it is given back (law 13). Pure data; must not know: routing, git.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from andon.core.errors import EXIT_NOT_YET, EXIT_USAGE, Rejected

CHILD_KINDS = frozenset({"fanout", "workflow"})
"""Step kinds that hand their work on to children and wait for them."""
INTEGRATION = "refs/andon/swarm/"
"""Integration references: where children's work is put together before it is the parent's. Never a branch."""

ONE, EACH = "one", "each"
"""How what children integrated lands: as their parent's one change, or with their own commits in the history."""

MAX_DEPTH = 3
"""Children of children of children; no deeper."""
DEFAULT_CHILDREN = 100
MAX_CHILDREN = 1000
"""Of one run at a time, however they came about."""
MAX_TREE = 1000
"""Tasks below one task that nobody's run made."""
KEPT_OF_TEN = 1
"""A worker that makes children keeps so many tenths of what is left: it waits for them, and works with what they made.

What is left counts as it would without the children of this step that are open: asking again takes nothing more from it.
"""
MAX_RESULT_CHARS = 4000
"""Of a text in a child's result; all of it stands in the child's own run."""

GOOD = frozenset({"landed", "completed"})

PASSED, FAILED = "passed", "failed"


class Child(Struct, frozen=True, kw_only=True):
    """One child and, when outcome is not "", its result: landed | completed | cancelled.

    key: the item's own name. budget: tokens reserved for it. released: whether it may be claimed. dropped: whether it is
    not needed any more. taking: whether the step's own worker began to bring in what it integrated. taken: whether that
    worker has it, or said that it does without. tokens: used by its runs and all below them.
    """

    index: int
    key: str
    task: str
    item: str = ""
    """digest of the item that it was made of"""
    budget: int | None = None
    released: bool = True
    dropped: bool = False
    taking: bool = False
    taken: bool = False
    run: str = ""
    outcome: str = ""
    commit: str = ""
    message: str = ""
    notes: str = ""
    reason: str = ""
    tokens: int = 0

    @property
    def is_over(self) -> bool:
        return self.outcome != ""

    @property
    def is_good(self) -> bool:
        return self.outcome in GOOD


class Swarm(Struct, frozen=True, kw_only=True):
    """The children of one visit of a step.

    ref: their integration reference. base, base_tree: the commit that the parent's change is measured against.
    join: all | any | a number; "" when the step's own worker waits for them. common: the last commit that both the
    reference and that worker's tree hold. tip: what a child landed last. conflicts: paths that were left with conflicts
    when that was brought in. outcome: of the join. land: one | each.
    """

    step: str
    visit: int
    ref: str
    base: str
    base_tree: str
    join: str = ""
    max_parallel: int | None = None
    common: str = ""
    tip: str = ""
    conflicts: tuple[str, ...] = ()
    outcome: str = ""
    land: str = ONE
    children: tuple[Child, ...] = ()

    @property
    def unmerged(self) -> tuple[str, ...]:
        """Children whose integrated work that worker neither has nor did without. Each is named: none is taken for another."""
        return tuple(child.task for child in self.children if child.commit and not child.taken)


class OwnCommits(Struct, frozen=True, kw_only=True):
    """What children integrated on one reference that lands as their own commits.

    base: the commit of the run's target that the parent's change was measured against. start: what the reference was set
    to before there were children, with the parent's work so far. tip: what a child landed last.
    """

    ref: str
    base: str
    start: str
    tip: str


class Result(Struct, frozen=True, kw_only=True):
    """A child's entry in the array at the join. outcome: landed | completed | cancelled."""

    index: int
    key: str
    task: str
    run: str
    outcome: str
    commit: str = ""
    message: str = ""
    notes: str = ""
    reason: str = ""
    tokens: int = 0


def ref_of(target: str) -> str:
    """The full reference that a run's target stands for: a branch, or an integration reference."""
    return target if is_integration(target) else f"refs/heads/{target}"


def is_integration(target: str) -> bool:
    return target.startswith(INTEGRATION)


def integration_ref(run: str, step: str, token: int) -> str:
    """Each attempt to hand work on has a reference of its own, so that one that lost its lease disturbs nobody."""
    return f"{INTEGRATION}{run}/{step}/{token}"


def run_of(ref: str) -> str:
    """The run whose children land on an integration reference."""
    return ref.removeprefix(INTEGRATION).partition("/")[0]


def open_children(swarm: Swarm | None) -> tuple[Child, ...]:
    return tuple(child for child in swarm.children if not child.is_over) if swarm is not None else ()


def waits_for(count: int) -> str:
    """Why a step waits that has handed its work on."""
    return f"waits for {count} children"


def reason_now(swarm: Swarm | None, reason: str) -> str:
    """A step's reason as it is now: of the children that it said it waits for, some may be over."""
    if swarm is None or reason not in {waits_for(count) for count in range(1, len(swarm.children) + 1)}:
        return reason
    count = len(open_children(swarm))
    return waits_for(count) if count != 1 else "waits for 1 child"


def needed(join: str, count: int) -> int:
    """How many children must end well."""
    return count if join == "all" else 1 if join == "any" else int(join)


def verdict(swarm: Swarm) -> str:
    """passed or failed as soon as nothing can change that; "" before."""
    if not swarm.children:
        return PASSED
    good = sum(child.is_good for child in swarm.children)
    wanted = needed(swarm.join, len(swarm.children))
    if good >= wanted:
        return PASSED
    return FAILED if good + len(open_children(swarm)) < wanted else ""


def may_start(swarm: Swarm) -> tuple[str, ...]:
    """Tasks of held back children for which there is room now."""
    held = [child for child in open_children(swarm) if not child.released]
    at_work = sum(child.released for child in open_children(swarm))
    room = len(held) if swarm.max_parallel is None else max(0, swarm.max_parallel - at_work)
    return tuple(child.task for child in held[:room])


def results(swarm: Swarm) -> tuple[Result, ...]:
    """One entry for each child, in the order of the items."""
    return tuple(
        Result(
            index=x.index,
            key=x.key,
            task=x.task,
            run=x.run,
            outcome=x.outcome,
            commit=x.commit,
            message=x.message,
            notes=x.notes,
            reason=x.reason,
            tokens=x.tokens,
        )
        for x in sorted(swarm.children, key=lambda child: child.index)
    )


def summary(swarm: Swarm) -> str:
    """The join in one plain line, with why each child that did not end well did not."""
    good = [child for child in swarm.children if child.is_good]
    bad = [
        f"{x.task} ({x.key}) {x.outcome or 'open'}: {x.reason}".rstrip(": ") for x in swarm.children if not x.is_good
    ]
    more = f"; and {len(bad) - 10} more" if len(bad) > 10 else ""
    text = f"{len(good)} of {len(swarm.children)} children ended well (join {swarm.join})"
    return f"{text}; {'; '.join(bad[:10])}{more}" if bad else text


# ---------------------------------------------------------------- budgets


def reserved(swarms: Mapping[str, Swarm]) -> int:
    """Tokens that open children may use."""
    return sum(child.budget or 0 for swarm in swarms.values() for child in open_children(swarm))


def shares(total: int, count: int) -> list[int]:
    """A budget divided among children; the first ones get what does not divide."""
    each, rest = divmod(total, count)
    return [each + (1 if number < rest else 0) for number in range(count)]


def kept(left: int, swarm: Swarm | None) -> int:
    """Of so many tokens, those that a worker keeps which waits for its children, a swarm, itself."""
    promised = sum(child.budget or 0 for child in open_children(swarm))
    return max(1, (left + promised) * KEPT_OF_TEN // 10)


def refuse(
    depth: int, have: Iterable[Swarm], more: int, budgets: Sequence[int | None], left: int | None, *, keep: int = 0
) -> Rejected | None:
    """Why a run at this depth may not get so many children more, or None when it may (law 13).

    keep: so many tokens stay with the run's own worker, whose next count of tokens would stop the run otherwise.
    """
    count = sum(len(open_children(swarm)) for swarm in have) + more
    if depth + 1 > MAX_DEPTH:
        text = f"children may be nested {MAX_DEPTH} deep, and this run is {depth} deep"
        return Rejected(kind="too_deep", message=text, next="let this run do the work itself", exit=EXIT_USAGE)
    if count > MAX_CHILDREN:
        text = f"a run has at most {MAX_CHILDREN} open children; these would make {count}"
        return Rejected(kind="too_many_children", message=text, next="hand on fewer, larger pieces", exit=EXIT_USAGE)
    if left is None:
        return None
    if any(budget is None or budget < 1 for budget in budgets):
        text = f"the run has {left} tokens left, so each child needs a share of its own"
        return Rejected(
            kind="no_budget", message=text, next="give the children fewer tokens, or --budget", exit=EXIT_USAGE
        )
    asked = sum(budget or 0 for budget in budgets)
    if asked > left:
        text = f"{asked} tokens can't be reserved for the children: {left} are left"
        return Rejected(kind="no_budget", message=text, next="reserve fewer, or raise the budget", exit=EXIT_USAGE)
    if asked > left - keep:
        text = f"{asked} tokens can't be reserved for the children: {left} are left, and {keep} of them stay with you"
        following = f"reserve at most {left - keep}" if left > keep else "andon wait; or raise the budget"
        return Rejected(kind="no_budget", message=text, next=following, exit=EXIT_USAGE)
    return None


# ---------------------------------------------------------------- the worker who waits for them itself


def refuse_leaving(swarm: Swarm | None, visit: int, *, passed: bool) -> Rejected | None:
    """Why a worker may not leave a step whose children it made, or None when it may: nothing of theirs is lost."""
    if swarm is None or swarm.visit != visit or swarm.join:
        return None
    if still := open_children(swarm):
        names = ", ".join(child.task for child in still[:10])
        text = f"{len(still)} children of step {swarm.step} are open: {names}"
        return Rejected(
            kind="children_open", message=text, next="andon wait, or andon wait --cancel", exit=EXIT_NOT_YET
        )
    if passed and swarm.unmerged:
        text = f"what the children of step {swarm.step} landed is not in this worktree yet"
        following = "andon wait brings it in (--no-merge leaves it out)"
        return Rejected(kind="children_unmerged", message=text, next=following, exit=EXIT_NOT_YET)
    return None
