"""What may be asked of the core: commands in the imperative.

Every command carries `at` (seconds since the epoch) and `actor` (who asks). Ids, commits and measured verdicts are
data; the core never fetches anything itself.
"""

from __future__ import annotations

from msgspec import Struct

from andon.core.imported import Imported
from andon.core.swarm import Child
from andon.core.verdict import Artifact, Finding, Submission, Verdict

TOKENS_MAX = 10**9
"""Model tokens in one count. Whoever tells more is not believed."""


class Command(Struct, frozen=True, kw_only=True):
    at: float
    actor: str


# ---------------------------------------------------------------- task


class AddTask(Command, frozen=True, kw_only=True):
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
    imported: Imported | None = None


class EditTask(Command, frozen=True, kw_only=True):
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


class ReleaseTask(Command, frozen=True, kw_only=True):
    """The parent has room for this child, which was held back."""


class CancelTask(Command, frozen=True, kw_only=True):
    reason: str = ""


class PlanTask(Command, frozen=True, kw_only=True):
    """Record what a plan says of the task; see the event `TaskPlanned`. Without wave and paths: take it out of the plan."""

    predicted: tuple[str, ...] = ()
    wave: int | None = None
    after: tuple[str, ...] = ()
    head: str = ""
    reason: str = ""


class RememberImport(Command, frozen=True, kw_only=True):
    """Keep what another tool's file says of the task, for the next import and for export."""

    imported: Imported


class AttachRun(Command, frozen=True, kw_only=True):
    run: str


class DetachRun(Command, frozen=True, kw_only=True):
    run: str
    outcome: str
    commit: str = ""
    tokens: int = 0
    authors: tuple[str, ...] = ()
    message: str = ""
    notes: str = ""


# ---------------------------------------------------------------- run


class StartRun(Command, frozen=True, kw_only=True):
    run: str
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
    parent: str = ""
    depth: int = 0
    budget: int | None = None


class Claim(Command, frozen=True, kw_only=True):
    """role: the role that the worker plays (None: whatever the step asks for)."""

    step: str
    workdir: str
    role: str | None = None
    person: bool = False
    lease_s: float | None = None
    client: str = ""
    model: str = ""
    """what the worker is made of; "" when it is not known"""


class Renew(Command, frozen=True, kw_only=True):
    """tokens_used: since the last count, 0 to TOKENS_MAX. notes: what whoever goes on must know, "" leaves them. salvage: for
    when the tokens end the attempt."""

    step: str
    token: int
    tokens_used: int = 0
    notes: str = ""
    salvage: str = ""


class CountTokens(Command, frozen=True, kw_only=True):
    """Tokens of an attempt that is over, told by its agent: a review that ended the step, the last words after `advance`.

    tokens_used: 1 to TOKENS_MAX.
    """

    step: str
    token: int
    tokens_used: int


class GiveLearnings(Command, frozen=True, kw_only=True):
    """Record which learnings were chosen for an attempt's brief; see the event."""

    step: str
    token: int
    learnings: tuple[str, ...]
    withheld: bool = False
    asked: bool = False


class Release(Command, frozen=True, kw_only=True):
    """counts False: nothing was tried (the circumstances were not right), so no attempt is used up."""

    step: str
    token: int
    reason: str = ""
    salvage: str = ""
    counts: bool = True


class HandOff(Command, frozen=True, kw_only=True):
    """to: an agent's name or "role:<name>"; "" offers the step to anyone."""

    step: str
    token: int
    to: str
    notes: str
    salvage: str = ""
    gates: tuple[str, ...] = ()
    """that must open first, besides those of the step's `handoff_gates`; measured on `submission`"""
    submission: Submission | None = None
    verdicts: tuple[Verdict, ...] = ()
    environment_digest: str = ""
    artifacts: tuple[Artifact, ...] = ()
    also_by: str = ""


class Park(Command, frozen=True, kw_only=True):
    """Give the lease up until a question is answered. due_at: when the question is void. on_expiry: ready | cord."""

    step: str
    token: int
    question: str
    due_at: float | None = None
    on_expiry: str = "ready"
    salvage: str = ""
    notes: str = ""


class Resume(Command, frozen=True, kw_only=True):
    """The question that a step waited for has got an answer."""

    step: str
    question: str


class ExpireLease(Command, frozen=True, kw_only=True):
    step: str
    token: int
    salvage: str = ""


class ShortenLease(Command, frozen=True, kw_only=True):
    """The clock went back: a lease that reaches farther than its own length ends that length from now."""

    step: str
    token: int


class Interrupt(Command, frozen=True, kw_only=True):
    """The process that carried out a step of Andon's own is known to be gone (the caller holds its lock)."""

    step: str
    token: int
    reason: str


class Submit(Command, frozen=True, kw_only=True):
    """Store a snapshot without asking to proceed. also_by: who acted, when not the lease's owner (a person)."""

    step: str
    token: int
    submission: Submission
    also_by: str = ""


class Advance(Command, frozen=True, kw_only=True):
    """Ask to leave a step. verdicts: measured by Andon on this very submission.

    submission: None when the step has no tree of its own (a review, or nothing changed). outcome: None means `passed`.
    """

    step: str
    token: int
    outcome: str | None = None
    submission: Submission | None = None
    verdicts: tuple[Verdict, ...] = ()
    environment_digest: str = ""
    message: str = ""
    notes: str = ""
    findings: tuple[Finding, ...] = ()
    resolve: tuple[str, ...] = ()
    """ids of findings that the reviewer says are mended"""
    also_by: str = ""


class ResolveFindings(Command, frozen=True, kw_only=True):
    """person: a person says so. aliases: all names this person is known by. role: what the actor plays now."""

    findings: tuple[str, ...]
    why: str
    person: bool = False
    aliases: tuple[str, ...] = ()
    role: str = ""


class ReopenFinding(Command, frozen=True, kw_only=True):
    finding: str
    why: str
    person: bool = False


class Approve(Command, frozen=True, kw_only=True):
    """actor is the person; aliases are all names this person is known by. step: None picks the waiting one."""

    aliases: tuple[str, ...] = ()
    step: str | None = None
    message: str = ""
    signed: str = ""
    agent: bool = False


class Reject(Command, frozen=True, kw_only=True):
    aliases: tuple[str, ...] = ()
    step: str | None = None
    outcome: str | None = None
    message: str = ""
    agent: bool = False


class PostSignal(Command, frozen=True, kw_only=True):
    name: str
    tree: str
    outcome: str
    message: str = ""
    url: str = ""


class Waive(Command, frozen=True, kw_only=True):
    gate: str
    why: str
    aliases: tuple[str, ...] = ()
    agent: bool = False


class Tick(Command, frozen=True, kw_only=True):
    """Let time act on the run: leases, human steps, waits, the wall-time limit."""


class PrepareLanding(Command, frozen=True, kw_only=True):
    """Ask to move the branch: what would land, and what was measured on it."""

    step: str
    token: int
    head: str
    commit: str
    tree: str
    patch: str
    merged: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    environment_digest: str = ""


class ConfirmLanding(Command, frozen=True, kw_only=True):
    step: str
    commit: str


class AbandonLanding(Command, frozen=True, kw_only=True):
    """The branch did not move to the prepared commit. keep_lease: the same lead tries again on the new head.

    commit: the prepared one; "" for whichever is.
    """

    step: str
    reason: str
    commit: str = ""
    keep_lease: bool = False


class RefuseLanding(Command, frozen=True, kw_only=True):
    """The merge conflicts or the merged tree is red: the work goes back, measured against the new head."""

    step: str
    token: int
    how: str
    """conflict | failed"""
    reason: str
    head: str
    head_tree: str
    verdicts: tuple[Verdict, ...] = ()
    environment_digest: str = ""


class JoinLanes(Command, frozen=True, kw_only=True):
    """The merged result of a join's branches; submission None and a reason: they conflict."""

    step: str
    token: int
    submission: Submission | None = None
    reason: str = ""


class HandOn(Command, frozen=True, kw_only=True):
    """Give a step's work to children. problem: why the step can't (it fails). join "": its worker waits for them itself."""

    step: str
    token: int
    ref: str = ""
    base: str = ""
    base_tree: str = ""
    children: tuple[Child, ...] = ()
    join: str = ""
    max_parallel: int | None = None
    common: str = ""
    land: str = "one"
    problem: str = ""
    overdrawn: int = 0
    """tokens that open children used beyond what is reserved for them"""


class EndChild(Command, frozen=True, kw_only=True):
    """A child of the run is over: what `ChildEnded` says."""

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


class BeginMerge(Command, frozen=True, kw_only=True):
    """The worker of the step is about to bring in what these children integrated."""

    step: str
    token: int
    tasks: tuple[str, ...]


class MergeChildren(Command, frozen=True, kw_only=True):
    """The worker of the step has what these children integrated, up to `commit`."""

    step: str
    token: int
    commit: str
    tasks: tuple[str, ...]
    left_out: bool = False
    conflicts: tuple[str, ...] = ()


class DropChildren(Command, frozen=True, kw_only=True):
    """The worker of the step does without these children; none named: all that are open."""

    step: str
    token: int
    tasks: tuple[str, ...] = ()
    reason: str = ""


class JoinChildren(Command, frozen=True, kw_only=True):
    """All children are over. submission: their integrated work (None: nothing was integrated)."""

    step: str
    token: int
    submission: Submission | None = None
    verdicts: tuple[Verdict, ...] = ()
    environment_digest: str = ""


class RetryRun(Command, frozen=True, kw_only=True):
    step: str = ""
    reason: str = ""


class CancelRun(Command, frozen=True, kw_only=True):
    reason: str = ""


# ---------------------------------------------------------------- message


class SendMessage(Command, frozen=True, kw_only=True):
    message: str
    kind: str
    recipient: str
    body: str
    run: str = ""
    step: str = ""
    expires_at: float | None = None
    in_reply_to: str = ""
    thread: str = ""
    """that of the message it replies to; "" begins a thread"""
    person: bool = False
    """whether the recipient is a person by name"""
    waiting: int = 0
    """unacknowledged messages in the recipient's mailbox now"""
    recent: int = 0
    """messages that this sender sent within the last SENDER_WINDOW_S"""


class RepeatMessage(Command, frozen=True, kw_only=True):
    """The same message came again, under its key."""


class AcknowledgeMessage(Command, frozen=True, kw_only=True):
    """mailboxes: those that the actor reads now."""

    mailboxes: tuple[str, ...] = ()


class AnswerMessage(Command, frozen=True, kw_only=True):
    """mailboxes: those that the actor reads now. A person answers whatever waits."""

    body: str
    mailboxes: tuple[str, ...] = ()
    person: bool = False


# ---------------------------------------------------------------- learning


class RecordLearning(Command, frozen=True, kw_only=True):
    """person: whether a person records it. The linked learnings are looked at by the caller."""

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


class EditLearning(Command, frozen=True, kw_only=True):
    text: str | None = None
    scopes: tuple[str, ...] | None = None
    contradicts: tuple[str, ...] | None = None
    person: bool = False


class ConfirmLearning(Command, frozen=True, kw_only=True):
    person: bool = False


class RetireLearning(Command, frozen=True, kw_only=True):
    reason: str = ""
    superseded_by: str = ""
    person: bool = False
