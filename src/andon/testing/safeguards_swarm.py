"""The safeguards of children, each as the patch that switches it off. See `safeguards`."""

from __future__ import annotations

from msgspec.structs import replace

from andon.core import events as e
from andon.core import evolve_swarm, queue, rules_swarm
from andon.core import react as reactions
from andon.core import state as s
from andon.core import swarm as sw
from andon.core.evolve_swarm import SWARM_EVENTS
from andon.engine import integration, taking_in, trial
from andon.engine import swarm as handing_on
from andon.engine.own_commits import Own, own_commits
from andon.engine.services import Services
from andon.testing.safeguards import Patch


def orphans() -> list[Patch]:
    return [(reactions, "_cancel_children", lambda *_: [])]


def silent_children() -> list[Patch]:
    return [(reactions, "_of_task", lambda *_: [])]


def join_without_children() -> list[Patch]:
    return [(handing_on, "integrated", lambda *_: None)]


def strangers() -> list[Patch]:
    original = evolve_swarm._ended

    def ended(run: s.Run, event: e.ChildEnded) -> s.Run:
        return original(run, replace(event, authors=()))

    return [(SWARM_EVENTS, e.ChildEnded, ended)]


def left_behind() -> list[Patch]:
    """A step is left whatever its children do, and without what they made."""
    return [(sw, "refuse_leaving", lambda *_, **__: None)]


def comes_back() -> list[Patch]:
    """What was left out is only not taken in this time."""
    return [(taking_in, "_without", lambda _services, swarm, _head: swarm.common)]


def half_brought_in() -> list[Patch]:
    """What was half brought in counts as left out when the worker says so."""
    return [(SWARM_EVENTS, e.ChildrenMerging, lambda run, _event: run)]


def parents_first() -> list[Patch]:
    """A parent that can only wait is offered by its level, before its children."""
    return [(queue, "_children_first", lambda ordered: ordered)]


def wherever_it_stands() -> list[Patch]:
    """An integration reference is believed wherever it stands."""
    return [(integration, "_is_explained", lambda *_: True)]


def overbooked() -> list[Patch]:
    """A fan-out starts whether or not its tokens can be reserved."""
    return [(rules_swarm, "tokens_left", lambda *_: None)]


def squashed() -> list[Patch]:
    """What children integrated lands in one commit, whatever their parent's workflow says."""
    return [(trial, "own_commits", lambda *_: Own())]


def unnamed() -> list[Patch]:
    """What comes along without evidence of its own is named by nobody's."""
    original = own_commits

    def without_names(services: Services, run: s.Run, head: str) -> Own:
        found: Own = replace(original(services, run, head), covers=())
        return found

    return [(trial, "own_commits", without_names)]


def brought_back() -> list[Patch]:
    """Children's own commits come along whatever they stand on, though somebody took that out of the branch."""
    original = own_commits

    def whatever(services: Services, run: s.Run, head: str) -> Own:
        on_it = tuple(replace(own, base=head) for own in run.own_commits)
        return original(services, replace(run, own_commits=on_it), head)

    return [(trial, "own_commits", whatever)]


def all_at_once() -> list[Patch]:
    def may_start(swarm: sw.Swarm) -> tuple[str, ...]:
        return tuple(child.task for child in sw.open_children(swarm) if not child.released)

    return [(sw, "may_start", may_start)]


def bottomless() -> list[Patch]:
    return [(sw, "MAX_DEPTH", 10**6)]
