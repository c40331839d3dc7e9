"""The state of the aggregates, as folded from their events by `evolve`.

States are frozen records; `evolve` builds the next one. They hold only what a later decision or a projection needs.
Times are seconds since the epoch. Legal transitions are the tables in `transitions.py`.
"""

from msgspec import Struct, field

from andon.core.imported import Imported
from andon.core.learning import Given, Learning
from andon.core.registry import Repository
from andon.core.swarm import OwnCommits, Swarm
from andon.core.verdict import Artifact, Finding, Submission, Verdict

# Task status
DRAFT = "draft"
OPEN = "open"
RUNNING = "running"
LANDED = "landed"
COMPLETED = "completed"
CANCELLED = "cancelled"
CLOSED = frozenset({LANDED, COMPLETED, CANCELLED})

# State of an active step
READY = "ready"
LEASED = "leased"
WAITING = "waiting"
BLOCKED = "blocked"

# Status of a run
RUN_OPEN = "open"
RUN_BLOCKED = "blocked"
RUN_ENDED = "ended"

CRITERIA = ("title", "body", "acceptance")
"""What a task asks for: the work is judged by it, so whoever works on the task does not change it."""

BLOCKING = "blocking"
"""The severity of a finding that keeps gates closed."""

SYSTEM_KINDS = frozenset({"command", "land", "join", "fanout", "workflow"})
"""Step kinds that Andon carries out itself, under a lease like any worker."""


class Task(Struct, frozen=True, kw_only=True):
    """A task. status: draft | open | running | landed | completed | cancelled."""

    id: str
    title: str
    body: str = ""
    acceptance: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    priority: int = 2
    labels: tuple[str, ...] = ()
    workflow: str = ""
    source: str = ""
    parent: str = ""
    """the task whose run made this one"""
    parent_run: str = ""
    parent_step: str = ""
    depth: int = 0
    """how many tasks are above it"""
    budget: int | None = None
    """model tokens for its runs and all below them"""
    tokens_used: int = 0
    """by runs that have ended, and all below them"""
    status: str = OPEN
    run: str = ""
    runs: int = 0
    commit: str = ""
    reason: str = ""
    added_at: float = 0.0
    added_by: str = ""
    changed_at: float = 0.0
    predicted: tuple[str, ...] = ()
    """paths that the recorded plan expects the task to touch"""
    wave: int | None = None
    """the task's wave in the recorded plan, from 1; None: it is in no plan"""
    planned_after: tuple[str, ...] = ()
    """those of `depends_on` that the plan added"""
    planned_at: float = 0.0
    planned_head: str = ""
    imported: Imported | None = None
    """what another tool's file said last, when the task came from one"""
    edited: tuple[str, ...] = ()
    """those of `CRITERIA` that were changed since its latest run began"""
    edited_by: str = ""


class Lease(Struct, frozen=True, kw_only=True):
    """Time-limited ownership with a fencing token."""

    token: int
    agent: str
    role: str
    granted_at: float
    expires_at: float
    lease_s: float
    workdir: str
    person: bool = False
    client: str = ""
    model: str = ""
    session_ends_at: float | None = None
    budget: int | None = None
    tokens_used: int = 0
    """of the budget; not counted where there is none"""


class Prepared(Struct, frozen=True, kw_only=True):
    """A landing that may be carried out: the branch may go from head to commit."""

    head: str
    commit: str
    tree: str
    patch: str
    at: float = 0.0


class ActiveStep(Struct, frozen=True, kw_only=True):
    """A step that the run is in now. lane: the fork branch. attempts_used: in this visit."""

    step: str
    kind: str
    lane: str = ""
    visit: int = 1
    role: str = ""
    state: str = READY
    due_at: float | None = None
    entered_at: float = 0.0
    base: str = ""
    base_tree: str = ""
    entry_patch: str = ""
    """patch of the submission that the visit started from; "" when an unchanged one may be submitted again"""
    reason: str = ""
    notes: str = ""
    attempt: int = 0
    attempts_used: int = 0
    handoffs: int = 0
    sessions: int = 0
    """attempts of this visit that ended because their session was over"""
    checkpoint: str = ""
    """the present attempt's notes for whoever goes on"""
    red: int = 0
    lease: Lease | None = None
    offered_to: str = ""
    offered_until: float | None = None
    """an offer that ends; None: it lasts"""
    question: str = ""
    """the message whose answer the step waits for"""
    asked: tuple[str, ...] = ()
    """all questions that this visit waited for"""
    on_expiry: str = ""
    resume_from: str = ""
    """commit that the next attempt's files begin with: what the asker left"""
    salvage: str = ""
    artifacts: tuple[Artifact, ...] = ()
    """what the last hand-off named"""
    verdicts: tuple[Verdict, ...] = ()
    """the last ones judged in this visit"""
    prepared: Prepared | None = None


class Review(Struct, frozen=True, kw_only=True):
    step: str
    role: str
    agent: str
    patch: str
    approves: bool
    findings: tuple[Finding, ...] = ()
    message: str = ""
    at: float = 0.0


class RaisedFinding(Struct, frozen=True, kw_only=True):
    """A reviewer's finding as the run keeps it. resolved_by "": it is open. why: of the last word on it."""

    id: str
    step: str
    role: str
    agent: str
    patch: str
    finding: Finding
    at: float = 0.0
    resolved_by: str = ""
    why: str = ""
    reopened: int = 0

    @property
    def holds(self) -> bool:
        """Whether it keeps the review gates of its role closed."""
        return not self.resolved_by and self.finding.severity == BLOCKING


class Approval(Struct, frozen=True, kw_only=True):
    """A person's word on a change. approves False: a rejection."""

    step: str
    person: str
    patch: str
    approves: bool
    message: str = ""
    at: float = 0.0


class Signal(Struct, frozen=True, kw_only=True):
    name: str
    tree: str
    outcome: str
    by: str
    message: str = ""
    at: float = 0.0


class Waiver(Struct, frozen=True, kw_only=True):
    gate: str
    patch: str
    gate_digest: str
    person: str
    why: str
    tree: str = ""
    at: float = 0.0


class Note(Struct, frozen=True, kw_only=True):
    """What a finished step handed over to later ones."""

    step: str
    agent: str
    outcome: str
    message: str
    notes: str = ""


class Run(Struct, frozen=True, kw_only=True):
    """One execution of a workflow for one task.

    submissions: by lane ("" is the main line). verdicts: measured ones, by `verdict_key`. environments: environment
    digest by tree subject. lanes: the branches of each open fork, by the lane that forked. arrived: lanes in, by join.
    authors: agents whose work is in a submission. roles: agents who acted, by role.
    """

    id: str
    task: str
    workflow: str
    workflow_name: str
    definitions: str
    target: str
    base: str
    base_tree: str
    scope: tuple[str, ...] = ()
    priority: int = 2
    labels: tuple[str, ...] = ()
    started_at: float = 0.0
    clock_from: float = 0.0
    """the wall-time limit counts from here: the start, or the last time a person put the run back to work"""
    changed_at: float = 0.0
    status: str = RUN_OPEN
    outcome: str = ""
    commit: str = ""
    reason: str = ""
    active: dict[str, ActiveStep] = field(default_factory=dict)
    visits: dict[str, int] = field(default_factory=dict)
    token: int = 0
    submissions: dict[str, Submission] = field(default_factory=dict)
    submitted_in: dict[str, str] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    environments: dict[str, str] = field(default_factory=dict)
    reviews: tuple[Review, ...] = ()
    findings: tuple[RaisedFinding, ...] = ()
    """in the order of their ids: F1 is the first"""
    machines: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """(client, model) of an agent's claims; an agent of whom nothing is known is not here"""
    approvals: tuple[Approval, ...] = ()
    signals: tuple[Signal, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    notes: tuple[Note, ...] = ()
    lanes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    arrived: dict[str, tuple[str, ...]] = field(default_factory=dict)
    authors: tuple[str, ...] = ()
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    landed_tree: str = ""
    landed_at: float = 0.0
    """when the landing was prepared: the `done` gates were judged as of then"""
    tokens_used: int = 0
    given: tuple[Given, ...] = ()
    """learnings chosen for its steps, one record for each step"""
    parent: str = ""
    """the run that this one's task is a child of"""
    depth: int = 0
    budget: int | None = None
    """model tokens for this run and all below it"""
    children_tokens: int = 0
    """used by children that are over"""
    swarms: dict[str, Swarm] = field(default_factory=dict)
    """the children of each step's latest visit"""
    own_commits: tuple[OwnCommits, ...] = ()
    """of children that were joined, in the order of the joins, when they land as their own"""
    tokens_from: int = 0
    """the limit counts from here: 0, or what was used when a person last put the run back to work"""


class Message(Struct, frozen=True, kw_only=True):
    """A note between agents and humans. kind: say | ask | handoff."""

    id: str
    kind: str
    sender: str
    recipient: str
    body: str
    run: str = ""
    step: str = ""
    sent_at: float = 0.0
    expires_at: float | None = None
    thread: str = ""
    """"" in messages from before there were threads: they stand alone"""
    in_reply_to: str = ""
    person: bool = False
    """a question to a person by name"""
    repeated: int = 0
    """how often it was sent again under its key"""
    acknowledged: tuple[str, ...] = ()
    answer: str = ""
    answered_by: str = ""
    answered_at: float | None = None


State = Task | Run | Message | Learning | Repository


def verdict_key(gate: str, subject: str, gate_digest: str) -> str:
    """The binding of a verdict, apart from environment and verifier which are compared when it is used."""
    return f"{gate} {subject} {gate_digest}"
