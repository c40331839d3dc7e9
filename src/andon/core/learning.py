"""Learnings: what was found while working, for those who come later. The record, its scopes and its limits.

Theory of operation. A learning is a short text with provenance. Its scopes say where it holds: `path:GLOB` (files of one
repository), `repo` (all of one repository), `label:NAME` (tasks with that label, in any repository) or `workspace`.
Nobody's learning is evidence: it is quoted to workers, and no gate looks at it. What an agent records is unreviewed until a
person accepts it; what a person accepted is changed and retired by people only. Must not know: stores, briefs, ranking.
"""

from collections.abc import Container, Iterable

from msgspec import Struct

ACTIVE = "active"
RETIRED = "retired"

PATH = "path"
LABEL = "label"
REPO = "repo"
WORKSPACE = "workspace"

MAX_TEXT_BYTES = 2_000
MAX_SCOPES = 20
MAX_SCOPE_CHARS = 300
MAX_LINKS = 20
MAX_ACTIVE = 5_000
"""Active learnings of a workspace; beyond that old ones are retired first."""
MAX_OF_RUN = 50
"""Learnings that one run may record."""
MAX_GIVEN = 40
"""Learnings that one step is given."""


class Learning(Struct, frozen=True, kw_only=True):
    """A learning. status: active | retired. commit: what the finder looked at. person: whether a person recorded it.

    reviewed_by: the person who accepted it, "" while nobody has. contradicts: learnings that say otherwise, as told by either.
    confirmed_at: when somebody last said that it holds (the recording counts). repository: where it was found.
    """

    id: str
    text: str
    scopes: tuple[str, ...]
    repository: str = ""
    status: str = ACTIVE
    agent: str = ""
    person: bool = False
    task: str = ""
    run: str = ""
    step: str = ""
    commit: str = ""
    supersedes: tuple[str, ...] = ()
    contradicts: tuple[str, ...] = ()
    superseded_by: str = ""
    reviewed_by: str = ""
    reviewed_at: float = 0.0
    confirmed_by: tuple[str, ...] = ()
    recorded_at: float = 0.0
    confirmed_at: float = 0.0
    changed_at: float = 0.0
    reason: str = ""
    edited_by: str = ""
    """who gave it its present words, when that is not who recorded it"""
    edited_at: float = 0.0

    def worded_by(self, names: Container[str], since: float) -> bool:
        """Whether one of these recorded or edited it at or after a moment."""
        recorded = self.agent in names and self.recorded_at >= since
        return recorded or (self.edited_by in names and self.edited_at >= since)


class Given(Struct, frozen=True, kw_only=True):
    """The learnings chosen for a step. learnings: of the first attempt, which is the measured one; token: of the newest.

    withheld: this step is one of those that get none, to compare with. asked: its agent looked all the same. measured: whether
    a green gate here says anything (a reviewer's word does not). advances: how often the step was judged up to green.
    """

    step: str
    token: int
    learnings: tuple[str, ...]
    latest: tuple[str, ...] = ()
    withheld: bool = False
    asked: bool = False
    measured: bool = True
    advances: int = 0
    passed: bool | None = None
    green: bool = False


def scope_kind(scope: str) -> str:
    """path | label | repo | workspace, "" for none of them."""
    kind, colon, value = scope.partition(":")
    if colon and kind in (PATH, LABEL) and value.strip():
        return kind
    return scope if scope in (REPO, WORKSPACE) else ""


def scope_value(scope: str) -> str:
    """The glob or label of a scope."""
    return scope.partition(":")[2]


def normal(text: str) -> str:
    """The text as it is compared with others: lower case, single spaces."""
    return " ".join(text.lower().split())


def stronger(one: Learning, other: Learning) -> Learning:
    """Which of two that contradict is told: the one a person accepted, then the one confirmed last, then the newer."""
    return max(one, other, key=_strength)


def _strength(learning: Learning) -> tuple[bool, float, int, str]:
    digits = learning.id[1:]
    return bool(learning.reviewed_by), learning.confirmed_at, int(digits) if digits.isdecimal() else 0, learning.id


def opponents(learnings: Iterable[Learning]) -> dict[str, tuple[str, ...]]:
    """For each active learning the active ones that it contradicts, whichever of the two says so."""
    active = {x.id: x for x in learnings if x.status == ACTIVE}
    found: dict[str, dict[str, None]] = {}
    for learning in active.values():
        for name in learning.contradicts:
            if name in active and name != learning.id:
                found.setdefault(learning.id, {})[name] = None
                found.setdefault(name, {})[learning.id] = None
    return {name: tuple(others) for name, others in found.items()}
