"""What has happened: the events of the four aggregates (task, run, message, learning).

Events are facts in the past tense, versioned by type name and never edited. Each carries all that `evolve` needs,
so `replay(events) == projections` (law 9). Times are seconds since the epoch. Adding a field needs a default;
changing a meaning needs a new event type.
"""

from __future__ import annotations

import msgspec

from andon.core.event import Event as Event
from andon.core.events_talk import FindingReopened as FindingReopened
from andon.core.events_talk import FindingResolved as FindingResolved
from andon.core.events_talk import FindingsRaised as FindingsRaised
from andon.core.events_talk import MessageAcknowledged as MessageAcknowledged
from andon.core.events_talk import MessageAnswered as MessageAnswered
from andon.core.events_talk import MessageRepeated as MessageRepeated
from andon.core.events_talk import MessageSent as MessageSent
from andon.core.imported import Imported
from andon.core.swarm import Child, Result
from andon.core.verdict import Artifact, Finding, Submission, Verdict

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
    parent: str = ""
    parent_run: str = ""
    parent_step: str = ""
    depth: int = 0
    budget: int | None = None


class TaskEdited(Event, frozen=True, kw_only=True):
    """Fields of a task were changed; None leaves a field as it was. person: a person did it."""

    title: str | None = None
    body: str | None = None
    acceptance: tuple[str, ...] | None = None
    scope: tuple[str, ...] | None = None
    depends_on: tuple[str, ...] | None = None
    priority: int | None = None
    labels: tuple[str, ...] | None = None
    workflow: str | None = None
    draft: bool | None = None
    person: bool = False


class TaskCancelled(Event, frozen=True, kw_only=True):
    reason: str = ""


class TaskImported(Event, frozen=True, kw_only=True):
    """What another tool's file said of the task, as of this import; the next one is compared with it."""

    imported: Imported


class RunAttached(Event, frozen=True, kw_only=True):
    """A run of this task started; no other may start while it is open."""

    run: str


class RunDetached(Event, frozen=True, kw_only=True):
    """The task's run ended. outcome: landed | completed | cancelled.

    tokens: used by it and all below it. authors, message, notes: what the parent of a child is told.
    """

    run: str
    outcome: str
    commit: str = ""
    tokens: int = 0
    authors: tuple[str, ...] = ()
    message: str = ""
    notes: str = ""


class TaskPlanned(Event, frozen=True, kw_only=True):
    """What a plan says of the task. after: the dependencies that the plan adds, in place of those of an earlier plan.

    predicted: paths that the task is expected to touch. wave: from 1; None and no paths: the task is in no plan.
    head: the target branch's commit that the plan was made on. reason: why it stands in this wave.
    """

    predicted: tuple[str, ...] = ()
    wave: int | None = None
    after: tuple[str, ...] = ()
    head: str = ""
    reason: str = ""


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
    parent: str = ""
    depth: int = 0
    budget: int | None = None


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
    client: str = ""
    model: str = ""
    """what the worker is made of, as far as it is known"""
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


class LearningsGiven(Event, frozen=True, kw_only=True):
    """Learnings were chosen for the brief of an attempt. withheld: they were not told, to compare with. asked: the agent asked
    for some itself. measured: whether the step's first advance says something about them."""

    step: str
    token: int
    learnings: tuple[str, ...]
    withheld: bool = False
    asked: bool = False
    measured: bool = True


class CheckpointNoted(Event, frozen=True, kw_only=True):
    """What whoever goes on must know, told while the work goes on; the attempt's end hands it over."""

    step: str
    token: int
    notes: str


class AttemptEnded(Event, frozen=True, kw_only=True):
    """The lease is over without an outcome.

    how: released | expired | session | budget | handed_off | exhausted | interrupted | waiting | reviewed | asked.
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
    offered_until: float | None = None
    """hand-off to an agent: from then on the step is for others, too"""
    notes: str = ""
    question: str = ""
    """asked: the message whose answer the step waits for, until `due_at`; `on_expiry`: ready | cord"""
    due_at: float | None = None
    on_expiry: str = ""
    artifacts: tuple[Artifact, ...] = ()
    """hand-off: files and links that belong to the work, beside it"""


class StepResumed(Event, frozen=True, kw_only=True):
    """A step that waited for an answer is ready again, for its asker alone until `offered_until`. how: answered | expired."""

    step: str
    question: str
    how: str
    reason: str
    offered_until: float


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


class ChildrenAdded(Event, frozen=True, kw_only=True):
    """A step handed work on. ref: where it is integrated; join "" when the step's own worker waits; see `swarm.Swarm`."""

    step: str
    token: int
    visit: int
    ref: str
    base: str
    base_tree: str
    children: tuple[Child, ...]
    join: str = ""
    max_parallel: int | None = None
    common: str = ""
    land: str = "one"


class ChildEnded(Event, frozen=True, kw_only=True):
    """A child has its one result. authors: whose work may be in it."""

    step: str
    task: str
    run: str
    outcome: str
    commit: str = ""
    message: str = ""
    notes: str = ""
    reason: str = ""
    tokens: int = 0
    authors: tuple[str, ...] = ()


class ChildrenReleased(Event, frozen=True, kw_only=True):
    """There is room for children that were held back."""

    step: str
    tasks: tuple[str, ...]


class ChildrenDropped(Event, frozen=True, kw_only=True):
    """Children that are not needed any more: they are cancelled."""

    step: str
    tasks: tuple[str, ...]
    reason: str


class ChildrenMerging(Event, frozen=True, kw_only=True):
    """What these children integrated is about to be brought into the worker's tree, which from now on may hold it."""

    step: str
    token: int
    tasks: tuple[str, ...]


class ChildrenMerged(Event, frozen=True, kw_only=True):
    """The step's worker has what was integrated up to this commit (or said that it does without)."""

    step: str
    token: int
    commit: str
    left_out: bool = False
    conflicts: tuple[str, ...] = ()
    """paths that hold conflicts now"""
    tasks: tuple[str, ...] | None = None
    """the children whose work that is; one that lands meanwhile is not among them. None: all that had landed"""


class ChildrenJoined(Event, frozen=True, kw_only=True):
    """All children are over. results: one for each, in the order of the items. submission: their integrated work."""

    step: str
    token: int
    outcome: str
    results: tuple[Result, ...]
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
    merged: tuple[str, ...] = ()
    """what children integrated, whose own commits come along: the commit's further parents"""


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


# ---------------------------------------------------------------- learning


class LearningRecorded(Event, frozen=True, kw_only=True):
    """Something was found out. scopes: path:GLOB | repo | label:NAME | workspace. person: a person recorded it."""

    learning: str
    text: str
    scopes: tuple[str, ...]
    repository: str = ""
    person: bool = False
    task: str = ""
    run: str = ""
    step: str = ""
    commit: str = ""
    supersedes: tuple[str, ...] = ()
    contradicts: tuple[str, ...] = ()


class LearningEdited(Event, frozen=True, kw_only=True):
    """None leaves a part as it was. person: a person did it; an agent's edit is unreviewed again."""

    text: str | None = None
    scopes: tuple[str, ...] | None = None
    contradicts: tuple[str, ...] | None = None
    person: bool = False


class LearningConfirmed(Event, frozen=True, kw_only=True):
    """Somebody says that it holds. person: a person accepted it."""

    person: bool = False


class LearningRetired(Event, frozen=True, kw_only=True):
    """It is told no more. superseded_by: the learning that takes its place."""

    reason: str = ""
    superseded_by: str = ""


TaskEvent = TaskAdded | TaskEdited | TaskCancelled | TaskPlanned | TaskImported | RunAttached | RunDetached
RunEvent = (
    RunStarted
    | StepEntered
    | StepClaimed
    | LeaseRenewed
    | TokensCounted
    | LearningsGiven
    | CheckpointNoted
    | AttemptEnded
    | StepResumed
    | Submitted
    | Judged
    | ReviewRecorded
    | FindingsRaised
    | FindingResolved
    | FindingReopened
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
    | ChildrenAdded
    | ChildEnded
    | ChildrenReleased
    | ChildrenDropped
    | ChildrenMerging
    | ChildrenMerged
    | ChildrenJoined
)
MessageEvent = MessageSent | MessageRepeated | MessageAcknowledged | MessageAnswered
LearningEvent = LearningRecorded | LearningEdited | LearningConfirmed | LearningRetired
AnyEvent = TaskEvent | RunEvent | MessageEvent | LearningEvent

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
