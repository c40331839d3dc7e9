"""The legal transitions of tasks, steps, runs and verdict outcomes, as tables; the documentation's diagrams come from them.

Theory of operation: `evolve` says what each event makes of a state; these tables say which (before, event, after) may
ever be seen. A test walks the product at random and finds every transition in its table; `mermaid` draws the tables.
"""

from __future__ import annotations

from msgspec import Struct

from andon.core import learning as k
from andon.core import registry as r
from andon.core import state as s

NONE = "[*]"


class Transition(Struct, frozen=True, kw_only=True):
    """before and after are states; NONE stands for not existing (any more)."""

    before: str
    event: str
    after: str


def _table(*rows: tuple[str, str, str]) -> frozenset[Transition]:
    return frozenset(Transition(before=before, event=event, after=after) for before, event, after in rows)


TASK = _table(
    (NONE, "TaskAdded", s.OPEN),
    (NONE, "TaskAdded", s.DRAFT),
    (s.DRAFT, "TaskEdited", s.DRAFT),
    (s.DRAFT, "TaskEdited", s.OPEN),
    (s.OPEN, "TaskEdited", s.OPEN),
    (s.OPEN, "TaskEdited", s.DRAFT),
    (s.RUNNING, "TaskEdited", s.RUNNING),
    (s.DRAFT, "TaskPlanned", s.DRAFT),
    (s.OPEN, "TaskPlanned", s.OPEN),
    *((status, "TaskImported", status) for status in (s.DRAFT, s.OPEN, s.RUNNING, s.LANDED, s.COMPLETED, s.CANCELLED)),
    (s.DRAFT, "TaskCancelled", s.CANCELLED),
    (s.OPEN, "TaskCancelled", s.CANCELLED),
    (s.OPEN, "RunAttached", s.RUNNING),
    (s.RUNNING, "RunDetached", s.LANDED),
    (s.RUNNING, "RunDetached", s.COMPLETED),
    (s.RUNNING, "RunDetached", s.OPEN),
)

STEP = _table(
    (NONE, "StepEntered", s.READY),
    (NONE, "StepEntered", s.WAITING),
    (s.READY, "StepClaimed", s.LEASED),
    (s.LEASED, "LeaseRenewed", s.LEASED),
    (s.LEASED, "LearningsGiven", s.LEASED),
    (s.LEASED, "CheckpointNoted", s.LEASED),
    (s.LEASED, "Submitted", s.LEASED),
    (s.LEASED, "Judged", s.LEASED),
    (s.LEASED, "ReviewRecorded", s.LEASED),
    (s.LEASED, "AttemptEnded", s.READY),
    (s.LEASED, "AttemptEnded", s.WAITING),
    (s.LEASED, "LandingPrepared", s.LEASED),
    (s.LEASED, "LandingAbandoned", s.LEASED),
    (s.READY, "LandingAbandoned", s.READY),
    (s.LEASED, "Landed", s.LEASED),
    (s.READY, "Landed", s.READY),
    (s.WAITING, "Judged", s.WAITING),
    (s.WAITING, "StepReopened", s.READY),
    (s.WAITING, "StepResumed", s.READY),
    (s.READY, "RunBlocked", s.BLOCKED),
    (s.LEASED, "RunBlocked", s.BLOCKED),
    (s.WAITING, "RunBlocked", s.BLOCKED),
    (s.BLOCKED, "RunBlocked", s.BLOCKED),
    (s.BLOCKED, "RunUnblocked", s.READY),
    (s.BLOCKED, "RunUnblocked", s.WAITING),
    (s.LEASED, "StepFinished", NONE),
    (s.READY, "StepFinished", NONE),
    (s.WAITING, "StepFinished", NONE),
    (s.LEASED, "LanesJoined", NONE),
    (s.WAITING, "ChildEnded", s.READY),
    (s.READY, "RunEnded", NONE),
    (s.LEASED, "RunEnded", NONE),
    (s.WAITING, "RunEnded", NONE),
    (s.BLOCKED, "RunEnded", NONE),
)

RUN = _table(
    (NONE, "RunStarted", s.RUN_OPEN),
    (s.RUN_OPEN, "RunBlocked", s.RUN_BLOCKED),
    (s.RUN_BLOCKED, "RunBlocked", s.RUN_BLOCKED),
    (s.RUN_BLOCKED, "RunUnblocked", s.RUN_OPEN),
    (s.RUN_BLOCKED, "RunUnblocked", s.RUN_BLOCKED),
    (s.RUN_OPEN, "RunEnded", s.RUN_ENDED),
    (s.RUN_BLOCKED, "RunEnded", s.RUN_ENDED),
)
LEARNING = _table(
    (NONE, "LearningRecorded", k.ACTIVE),
    (k.ACTIVE, "LearningEdited", k.ACTIVE),
    (k.ACTIVE, "LearningConfirmed", k.ACTIVE),
    (k.ACTIVE, "LearningRetired", k.RETIRED),
)

REPOSITORY = _table(
    (NONE, "RepositoryAdded", r.REGISTERED),
    (r.REGISTERED, "RepositoryMoved", r.REGISTERED),
    (r.REGISTERED, "RepositoryRemoved", r.REMOVED),
    (r.REMOVED, "RepositoryAdded", r.REGISTERED),
)

TABLES = {"task": TASK, "step": STEP, "run": RUN, "learning": LEARNING, "repository": REPOSITORY}


def mermaid(name: str) -> str:
    """A state diagram of one table; events between the same two states share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for row in sorted(TABLES[name], key=lambda row: (row.before, row.after, row.event)):
        if row.before != row.after:
            arrows.setdefault((row.before, row.after), []).append(row.event)
    lines = ["stateDiagram-v2"]
    lines += [f"    {before} --> {after} : {', '.join(events)}" for (before, after), events in arrows.items()]
    return "\n".join(lines) + "\n"
