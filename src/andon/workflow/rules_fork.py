"""Lint of forks and joins: every fork has one join, and its branches are apart.

Rule `fork-join-mismatch`. The branches of a fork must be disjoint, all lead to one and the same join and nowhere else
(not to the end, not back to before the fork), and only they may lead there; an inner fork counts with its join as
one piece. `regions` is what other rules need of the result. Must not know: gates.
"""

from __future__ import annotations

from msgspec import Struct

from andon.core import workflow as w
from andon.workflow.problems import At, listed
from andon.workflow.rules import Subject

RULE = "fork-join-mismatch"


class Region(Struct, frozen=True, kw_only=True):
    """A well-formed fork. branches: the nodes of each, without fork and join."""

    fork: str
    join: str
    branches: tuple[frozenset[str], ...]


class _Mismatch(Exception):
    def __init__(self, at: At, message: str, next: str = "") -> None:
        super().__init__(message)
        self.at = at
        self.message = message
        self.next = next


def regions(subject: Subject) -> dict[str, Region] | None:
    """Fork -> region. None when some fork or join is malformed; then the problems are reported."""
    pseudo = subject.workflow.pseudo
    found: dict[str, Region] = {}
    fine = True
    for node, kind in pseudo.items():
        if kind != "choice":
            fine = _degree(subject, node, kind) and fine
    if not fine:
        return None
    for node, kind in pseudo.items():
        if kind != "fork" or node in found:
            continue
        try:
            _region(subject, node, (), found)
        except _Mismatch as mismatch:
            subject.error(RULE, mismatch.at, mismatch.message, mismatch.next)
            fine = False
    matched = {region.join for region in found.values()}
    for node, kind in pseudo.items():
        if fine and kind == "join" and node not in matched:
            subject.error(RULE, subject.at(f"step:{node}"), f"join `{node}` belongs to no fork", "add a <<fork>>")
            fine = False
    return found if fine and _apart(subject, found) else None


def _degree(subject: Subject, node: str, kind: str) -> bool:
    entering, leaving = len(subject.before[node]), len(subject.after[node])
    at = subject.at(f"step:{node}")
    if kind == "fork" and leaving < 2:
        subject.error(RULE, at, f"fork `{node}` has {leaving} branches; it needs at least 2", f"add: {node} --> step")
        return False
    if kind == "join" and (entering < 2 or leaving > 1):
        text = f"join `{node}` needs 2 or more edges into it and 1 out of it; it has {entering} and {leaving}"
        subject.error(RULE, at, text)
        return False
    return True


def _region(subject: Subject, fork: str, outer: tuple[str, ...], found: dict[str, Region]) -> Region:
    if fork in found:
        return found[fork]
    joins: dict[str, At] = {}
    branches: list[frozenset[str]] = []
    for number, edge in subject.after[fork]:
        branch = _branch(subject, fork, edge.target, number, (*outer, fork), found, joins)
        for other in branches:
            if shared := sorted(branch & other):
                text = f"two branches of fork `{fork}` share {listed(shared)}"
                raise _Mismatch(subject.at(f"step:{shared[0]}"), text, "join them first, or give each its own step")
        branches.append(branch)
    if len(joins) != 1:
        at = subject.at(f"step:{fork}")
        if not joins:
            raise _Mismatch(at, f"no branch of fork `{fork}` reaches a join", "add: state j <<join>>")
        raise _Mismatch(
            at,
            f"the branches of fork `{fork}` reach different joins: {listed(sorted(joins))}",
            "let all of them reach one",
        )
    region = Region(fork=fork, join=next(iter(joins)), branches=tuple(branches))
    taken = next((other for other in found.values() if other.join == region.join), None)
    if taken is not None:
        raise _Mismatch(subject.at(f"step:{fork}"), f"forks `{taken.fork}` and `{fork}` share the join `{region.join}`")
    found[fork] = region
    return region


def _branch(
    subject: Subject,
    fork: str,
    first: str,
    number: int,
    open_forks: tuple[str, ...],
    found: dict[str, Region],
    joins: dict[str, At],
) -> frozenset[str]:
    """The nodes of one branch; notes the joins that it reaches."""
    inside: set[str] = set()
    todo: list[tuple[str, int]] = [(first, number)]
    while todo:
        node, way = todo.pop()
        at = subject.at(f"edge:{way}")
        if node == w.END:
            raise _Mismatch(at, f"a branch of fork `{fork}` reaches the end without a join", "lead it to the join")
        if node in open_forks:
            raise _Mismatch(
                at,
                f"a branch of fork `{fork}` leads back to fork `{node}` without a join",
                "join first, and go back from there",
            )
        kind = subject.workflow.pseudo.get(node)
        if kind == "join":
            joins.setdefault(node, at)
            continue
        if node in inside:
            continue
        inside.add(node)
        if kind == "fork":
            inner = _region(subject, node, open_forks, found)
            inside.update(*inner.branches)
            inside.add(inner.join)
            todo.extend((edge.target, n) for n, edge in subject.after[inner.join])
        else:
            todo.extend((edge.target, n) for n, edge in subject.after[node])
    return frozenset(inside)


def _apart(subject: Subject, found: dict[str, Region]) -> bool:
    """Nothing from outside leads into a branch or to its join."""
    for region in found.values():
        everything = frozenset().union(*region.branches)
        for node in (*sorted(everything), region.join):
            for number, edge in subject.before[node]:
                if edge.source in everything or edge.source == region.fork:
                    continue
                what = f"join `{node}`" if node == region.join else f"`{node}`, a branch of fork `{region.fork}`"
                text = f"`{edge.source}` leads to {what} from outside the fork"
                subject.error(RULE, subject.at(f"edge:{number}"), text, f"lead it to `{region.fork}`")
                return False
    start = subject.workflow.start
    for region in found.values():
        if start == region.join or any(start in branch for branch in region.branches):
            text = f"the start leads into a branch of fork `{region.fork}`"
            subject.error(RULE, subject.at(f"step:{start}"), text, f"lead it to `{region.fork}`")
            return False
    return True
