"""What may be asked of the core: commands in the imperative.

Every command carries `at` (seconds since the epoch) and `actor` (who asks). Ids, commits and measured verdicts are
data; the core never fetches anything itself.
"""

from __future__ import annotations

from msgspec import Struct

from andon.core.verdict import Finding, Submission, Verdict


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


class CancelTask(Command, frozen=True, kw_only=True):
    reason: str = ""


class AttachRun(Command, frozen=True, kw_only=True):
    run: str


class DetachRun(Command, frozen=True, kw_only=True):
    run: str
    outcome: str
    commit: str = ""


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


class Claim(Command, frozen=True, kw_only=True):
    """role: the role that the worker plays (None: whatever the step asks for)."""

    step: str
    workdir: str
    role: str | None = None
    person: bool = False
    lease_s: float | None = None


class Renew(Command, frozen=True, kw_only=True):
    """notes: what whoever goes on must know, "" leaves them. salvage: for when the tokens end the attempt."""

    step: str
    token: int
    tokens_used: int = 0
    notes: str = ""
    salvage: str = ""


class CountTokens(Command, frozen=True, kw_only=True):
    """Tokens of an attempt that is over, told by its agent: a review that ended the step, the last words after `advance`."""

    step: str
    token: int
    tokens_used: int


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
    also_by: str = ""


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


class AcknowledgeMessage(Command, frozen=True, kw_only=True):
    pass


class AnswerMessage(Command, frozen=True, kw_only=True):
    body: str
