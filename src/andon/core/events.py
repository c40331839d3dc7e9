"""What has happened: the events of the three aggregates (task, run, message).

Events are facts in the past tense, versioned by type name and never edited. Each carries all that `evolve` needs,
so `replay(events) == projections` (law 9). Times are seconds since the epoch. Adding a field needs a default;
changing a meaning needs a new event type.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from andon.core.verdict import Finding, Submission, Verdict


class Event(Struct, frozen=True, kw_only=True, tag=True, tag_field="type"):
    """Base of all events. The tag `type` is the class name."""

    at: float
    actor: str


# ---------------------------------------------------------------- task


class TaskAdded(Event, frozen=True, kw_only=True):
    """A unit of work was added. scope: path globs. depends_on: task ids. priority: 0 is most urgent."""

    task: str
    title: str
    body: str = ""
    acceptance: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    priority: int = 2
    labels: tuple[str, ...] = ()
    workflow: str = ""
    draft: bool = False
    source: str = ""


class TaskEdited(Event, frozen=True, kw_only=True):
    """Fields of a task were changed; None leaves a field as it was."""

    title: str | None = None
    body: str | None = None
    acceptance: tuple[str, ...] | None = None
    scope: tuple[str, ...] | None = None
    depends_on: tuple[str, ...] | None = None
    priority: int | None = None
    labels: tuple[str, ...] | None = None
    workflow: str | None = None
    draft: bool | None = None


class TaskCancelled(Event, frozen=True, kw_only=True):
    reason: str = ""


class RunAttached(Event, frozen=True, kw_only=True):
    """A run of this task started; no other may start while it is open."""

    run: str


class RunDetached(Event, frozen=True, kw_only=True):
    """The task's run ended. outcome: landed | completed | cancelled."""

    run: str
    outcome: str
    commit: str = ""


# ---------------------------------------------------------------- run


class RunStarted(Event, frozen=True, kw_only=True):
    """A run of a task began with definitions pinned by digest (law 8)."""

    run: str
    task: str
    workflow: str
    workflow_name: str
    definitions: str
    """commit of the target branch that the definitions were read from"""
    target: str
    base: str
    base_tree: str
    scope: tuple[str, ...] = ()
    priority: int = 2
    labels: tuple[str, ...] = ()


class StepEntered(Event, frozen=True, kw_only=True):
    """A step became active. lane: the fork branch, "" for the main line. visit: 1 for the first entry."""

    step: str
    lane: str
    visit: int
    kind: str
    base: str
    """commit that the visit starts from; an agent's change is measured against it"""
    base_tree: str
    role: str = ""
    due_at: float | None = None
    """when a human or wait step is over without an answer"""
    resend: bool = False
    """the work came back from landing: the same change may be submitted again"""
    reason: str = ""
    notes: str = ""


class StepClaimed(Event, frozen=True, kw_only=True):
    """One worker's attempt began under a lease with a fencing token."""

    step: str
    agent: str
    role: str
    attempt: int
    token: int
    lease_s: float
    expires_at: float
    workdir: str
    person: bool = False
    session_ends_at: float | None = None
    """no renewal reaches beyond it"""
    budget: int | None = None
    """the tokens that this attempt may use"""


class LeaseRenewed(Event, frozen=True, kw_only=True):
    step: str
    token: int
    expires_at: float
    tokens_used: int = 0


class TokensCounted(Event, frozen=True, kw_only=True):
    """Tokens that an attempt used and told of after its lease was over."""

    step: str
    token: int
    tokens_used: int


class CheckpointNoted(Event, frozen=True, kw_only=True):
    """What whoever goes on must know, told while the work goes on; the attempt's end hands it over."""

    step: str
    token: int
    notes: str


class AttemptEnded(Event, frozen=True, kw_only=True):
    """The lease is over without an outcome.

    how: released | expired | session | budget | handed_off | exhausted | interrupted | waiting | reviewed.
    """

    step: str
    token: int
    how: str
    reason: str = ""
    counts: bool = True
    """whether it uses up one of the step's attempts"""
    salvage: str = ""
    """commit that keeps what the worker's tree held"""
    to: str = ""
    """hand-off: the agent or role that the step is offered to"""
    notes: str = ""


class Submitted(Event, frozen=True, kw_only=True):
    """The worker's tree was stored; earlier verdicts of other subjects no longer count (law 2)."""

    step: str
    token: int
    submission: Submission
    also_by: str = ""
    """a person who acted in the worker's place: an author too"""


class Judged(Event, frozen=True, kw_only=True):
    """Verdicts that Andon measured for a subject were recorded."""

    step: str
    verdicts: tuple[Verdict, ...]
    environment_digest: str
    green: bool


class ReviewRecorded(Event, frozen=True, kw_only=True):
    """A reviewer's word on the very change. approves is False when findings block or another outcome was chosen."""

    step: str
    role: str
    agent: str
    patch: str
    approves: bool
    findings: tuple[Finding, ...] = ()
    message: str = ""


class ApprovalRecorded(Event, frozen=True, kw_only=True):
    """A person approved the very change. step: the human step, "" when given for gates alone."""

    step: str
    person: str
    patch: str
    message: str = ""
    signed: str = ""


class RejectionRecorded(Event, frozen=True, kw_only=True):
    step: str
    person: str
    patch: str
    message: str = ""


class SignalRecorded(Event, frozen=True, kw_only=True):
    """Evidence from outside about a tree: outcome passed | failed."""

    name: str
    tree: str
    outcome: str
    by: str
    message: str = ""
    url: str = ""


class GateWaived(Event, frozen=True, kw_only=True):
    """A person lets a gate be open for this very change."""

    gate: str
    patch: str
    gate_digest: str
    person: str
    why: str
    tree: str = ""
    """a waiver of a gate on the tree holds for this very tree"""


class StepFinished(Event, frozen=True, kw_only=True):
    """A step was left with an outcome."""

    step: str
    outcome: str
    message: str = ""
    notes: str = ""


class StepReopened(Event, frozen=True, kw_only=True):
    """A parked step got a red answer: it is ready for another attempt."""

    step: str
    reason: str


class ChoiceTaken(Event, frozen=True, kw_only=True):
    choice: str
    target: str
    condition: str = ""


class LanesForked(Event, frozen=True, kw_only=True):
    fork: str
    lane: str
    lanes: tuple[str, ...]


class LaneArrived(Event, frozen=True, kw_only=True):
    """A fork's branch reached the join, with what it had submitted (None: nothing changed)."""

    join: str
    lane: str


class LanesJoined(Event, frozen=True, kw_only=True):
    """All branches are in. submission: their merged result."""

    join: str
    lanes: tuple[str, ...]
    lane: str
    submission: Submission | None = None


class Rebased(Event, frozen=True, kw_only=True):
    """The run's work is measured against a newer commit of the target branch from now on."""

    base: str
    base_tree: str


class LandingPrepared(Event, frozen=True, kw_only=True):
    """All `done` gates hold on what is about to land; the branch may be moved from `head` to `commit`."""

    step: str
    token: int
    head: str
    commit: str
    tree: str
    patch: str


class LandingAbandoned(Event, frozen=True, kw_only=True):
    """The branch was not moved to the prepared commit."""

    step: str
    reason: str


class Landed(Event, frozen=True, kw_only=True):
    step: str
    commit: str
    tree: str


class RunBlocked(Event, frozen=True, kw_only=True):
    """The cord: the run needs a human. step: where, "" for the run as a whole."""

    step: str
    reason: str


class RunUnblocked(Event, frozen=True, kw_only=True):
    """A person put the run, or one step, back to work with fresh attempts and visits."""

    step: str
    reason: str = ""
    tokens_from: int = 0
    """the tokens that the run had used by then: its limit counts from there"""


class RunEnded(Event, frozen=True, kw_only=True):
    """outcome: landed | completed | cancelled."""

    outcome: str
    commit: str = ""
    reason: str = ""


# ---------------------------------------------------------------- message


class MessageSent(Event, frozen=True, kw_only=True):
    """kind: say | ask | handoff. recipient: an agent, "role:<name>", "run:<id>", or "human"."""

    message: str
    kind: str
    recipient: str
    body: str
    run: str = ""
    step: str = ""
    expires_at: float | None = None


class MessageAcknowledged(Event, frozen=True, kw_only=True):
    by: str


class MessageAnswered(Event, frozen=True, kw_only=True):
    by: str
    body: str


TaskEvent = TaskAdded | TaskEdited | TaskCancelled | RunAttached | RunDetached
RunEvent = (
    RunStarted
    | StepEntered
    | StepClaimed
    | LeaseRenewed
    | TokensCounted
    | CheckpointNoted
    | AttemptEnded
    | Submitted
    | Judged
    | ReviewRecorded
    | ApprovalRecorded
    | RejectionRecorded
    | SignalRecorded
    | GateWaived
    | StepFinished
    | StepReopened
    | ChoiceTaken
    | LanesForked
    | LaneArrived
    | LanesJoined
    | Rebased
    | LandingPrepared
    | LandingAbandoned
    | Landed
    | RunBlocked
    | RunUnblocked
    | RunEnded
)
MessageEvent = MessageSent | MessageAcknowledged | MessageAnswered
AnyEvent = TaskEvent | RunEvent | MessageEvent

_decoder: msgspec.json.Decoder[AnyEvent] | None = None


def encode(event: Event) -> bytes:
    """JSON of an event, with its `type`."""
    return msgspec.json.encode(event)


def decode(data: bytes | str) -> AnyEvent:
    """The event behind its JSON. Raises msgspec.ValidationError for unknown or malformed events."""
    global _decoder
    if _decoder is None:
        _decoder = msgspec.json.Decoder(AnyEvent)
    return _decoder.decode(data)
