"""The small interfaces between the engine and the world.

Adapters (`store`, `git`, `gates`, `runtimes`) implement these and never import each other; the engine knows only
the names here. Paths are `str` (file names may hold any bytes: they are decoded with surrogateescape).
"""

# A protocol's methods say by `...` that they have no body.
# ruff: noqa: PIE790

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from andon.core.events import Event
from andon.core.learning import Learning
from andon.core.projection import Row
from andon.core.registry import MAX_REPOSITORIES, Repository
from andon.core.state import State
from andon.core.verdict import Submission, Verdict
from andon.core.workflow import Environment, Gate, ResourceLimits
from andon.ports_mail import MailReader
from andon.ports_queue import QueueReader

if TYPE_CHECKING:
    from typing import Protocol

    from andon.core.planning.history import Commit as MinedCommit
else:
    # What a port is matters to type checkers alone, and every command pays for such a class.
    Protocol = object


class Clock(Protocol):
    """Seconds since the epoch."""

    def now(self) -> float: ...


# ---------------------------------------------------------------- git


class Change(Struct, frozen=True, kw_only=True):
    """One changed path. Modes are octal strings ("100644", "000000" when absent); lines are -1 for binary files.
    old_id, new_id: object ids of the contents."""

    path: str
    old_mode: str
    new_mode: str
    added: int
    deleted: int
    old_id: str = ""
    new_id: str = ""


class Merge(Struct, frozen=True, kw_only=True):
    """Result of a three-way merge. tree: merged tree, with conflict markers where `conflicts` names paths."""

    tree: str
    conflicts: tuple[str, ...] = ()
    messages: str = ""

    @property
    def clean(self) -> bool:
        return not self.conflicts


class CheckoutNote(Struct, frozen=True, kw_only=True):
    """What happened to a person's checkout of the moved branch. updated: brought up to date; else `message` says why not."""

    path: str
    updated: bool
    message: str


class Person(Struct, frozen=True, kw_only=True):
    name: str
    email: str


class Git(Protocol):
    """Git plumbing on one repository. All object ids are full. No method touches a person's or worker's index,
    except `refresh_checkouts`, which brings clean checkouts of a moved branch up to date. Errors: AndonError."""

    common_dir: str
    """Absolute path of the git common directory."""
    main_worktree: str | None
    """Absolute path of the main worktree, None for a bare repository."""

    def at_hand(self) -> AbstractContextManager[None]:
        """While many questions about objects follow: keep what answers them ready."""
        ...

    def branch_head(self, branch: str) -> str | None: ...
    def tree_of(self, commit: str) -> str: ...
    def is_ancestor(self, ancestor: str, descendant: str) -> bool: ...
    def merge_base(self, one: str, other: str) -> str | None: ...
    def read_file(self, treeish: str, path: str) -> bytes | None: ...

    def mode_of(self, treeish: str, path: str) -> str | None:
        """Of what kind the blob, link or submodule at this very path is, in git's words; None when there is none."""
        ...

    def list_files(self, treeish: str, under: str = "") -> list[tuple[str, str, str]]:
        """(mode, object id, path) of every blob, link and submodule below `under`."""
        ...

    def snapshot(
        self, worktree: str, *, base: str, message: str, author: Person, under: str, at: float
    ) -> tuple[str, str]:
        """Store the working tree (tracked and untracked, not ignored) as a commit with parent `base`.

        A reference of its own, `<under>/<commit>`, keeps it: no later snapshot takes its place.

        Returns (commit, tree). Refuses (AndonError kind "bad_tree") new embedded repositories and new symbolic links
        that point out of the tree. Uses a temporary index only.
        """
        ...

    def write_tree(self, worktree: str, base: str) -> str:
        """The tree that `snapshot` would store, with the same refusals, without a commit or a reference."""
        ...

    def worktree_head(self, worktree: str) -> str: ...
    def worktree_dirty(self, worktree: str, tree: str) -> bool:
        """Whether the working tree's content differs from `tree` (untracked, not ignored files count)."""
        ...

    def changes(self, base: str, tree: str) -> list[Change]: ...
    def added_lines(self, base: str, tree: str) -> dict[str, tuple[tuple[int, int], ...] | None]:
        """Changed path -> the lines (first, last; from 1) that are new in it; None for all of them. Without removed paths."""
        ...

    def read_blobs(self, ids: Sequence[str], *, max_bytes: int | None = None) -> dict[str, bytes]:
        """Contents by object id, or by `TREE:PATH` of printable ASCII. All must be there; larger ones than `max_bytes`
        are left out."""
        ...

    def patch_digest(self, base: str, tree: str) -> str:
        """ "patch:<sha256>": the change's content and place, without its base."""
        ...

    def diff_text(self, base: str, tree: str, *, max_bytes: int = 60_000) -> str: ...
    def merge(self, ours: str, theirs: str) -> Merge:
        """Three-way merge of two commits from their merge base; objects only."""
        ...

    def commit_tree(
        self, tree: str, parents: Sequence[str], message: str, *, author: Person, committer: Person, at: float
    ) -> str: ...
    def move_branch(self, branch: str, *, new: str, expected: str, reason: str) -> bool:
        """Compare-and-swap of a branch or an integration reference (`core.swarm`). False when it is not at `expected`;
        there all zeros mean that it does not exist."""
        ...

    def set_ref(self, ref: str, commit: str) -> None: ...
    def delete_ref(self, ref: str) -> None: ...
    def refs(self, prefix: str) -> dict[str, str]: ...
    def add_worktree(self, path: str, commit: str, *, tree: str | None = None) -> None:
        """A new worktree with detached HEAD at `commit`; with `tree`, its files and index show that tree instead."""
        ...

    def update_worktree(self, path: str, old: str, new: str) -> None:
        """Make a worktree's files those of the tree `new`, if they are those of `old` now; its own index stays as it is.

        Raises AndonError kind "worktree_changed" when they are not, and changes nothing.
        """
        ...

    def remove_worktree(self, path: str) -> None: ...
    def worktrees(self) -> dict[str, str | None]:
        """path -> checked-out branch name (None when detached)."""
        ...

    def refresh_checkouts(self, branch: str, old: str, new: str) -> list[CheckoutNote]: ...
    def export_tree(self, tree: str, destination: str, *, only: Sequence[str] = ()) -> None:
        """Write the exact content of a tree (or of the paths that match the globs `only`) into an empty directory.

        No filter, hook or configuration of the repository has any influence.
        """
        ...

    def identity(self) -> Person: ...
    def author_of(self, commit: str) -> Person: ...
    def tree_with(self, treeish: str, files: Mapping[str, bytes | None]) -> str:
        """A tree like `treeish` with these files added, replaced or (None) left out; objects only."""
        ...

    def current_branch(self) -> str | None:
        """The branch checked out in the main worktree (or a bare repository's HEAD); None when detached."""
        ...

    def add_files(self, ref: str, files: Mapping[str, bytes], *, message: str, at: float) -> str:
        """Add or replace files on a reference of Andon's own by compare-and-swap; its commit afterwards."""
        ...

    def commit_contents(self, commits: Sequence[str]) -> dict[str, bytes]:
        """The content of commit objects by full id, as git stores them."""
        ...

    def commits_of(self, text: str, *, limit: int) -> list[str]:
        """The commit that a name stands for, or the commits of a range A..B, oldest first."""
        ...

    def lineage(self, commit: str, *, limit: int) -> list[str]:
        """The first parents of a commit, the nearest first, as far as they are here."""
        ...

    def commits_since(self, head: str, known: str | None, *, limit: int) -> list[MinedCommit]:
        """The newest commits of `head` that are not of `known`, with the paths that each changed; oldest first.

        Without merges, and without commits that have no parent here: what those changed is not known.
        """
        ...


# ---------------------------------------------------------------- running things


class Bind(Struct, frozen=True, kw_only=True):
    """A host path made visible at `target` inside. Without `writable` it is read-only."""

    source: str
    target: str
    writable: bool = False


class Job(Struct, frozen=True, kw_only=True):
    """One command to run in isolation.

    command: for /bin/sh -c. workdir: host path of the checkout; the job sees it at `inside` (sandbox) or as it is
    (process). out: host path of the fresh report directory ($ANDON_OUT). env: the whole environment, nothing is inherited.
    """

    command: str
    workdir: str
    out: str
    env: Mapping[str, str]
    limits: ResourceLimits
    network: bool = False
    binds: tuple[Bind, ...] = ()
    home: str | None = None
    """host path of a persistent home directory; None: a fresh, empty one"""
    home_writable: bool = False
    """whether the job may change `home` (set-up does; a gate does not)"""


class JobResult(Struct, frozen=True, kw_only=True):
    """status: exited | timed_out | killed | not_started. exit_code: when exited. signal: when killed.

    output: standard output and error together, head and tail kept, never more than limits.output_bytes.
    stdout: standard output alone (bounded the same way). truncated: bytes left out. reason: plain words when not exited.
    """

    status: str
    exit_code: int | None = None
    signal: int | None = None
    output: bytes = b""
    stdout: bytes = b""
    truncated: int = 0
    duration_s: float = 0.0
    reason: str = ""


class Runtime(Protocol):
    """An isolation level. `probe` returns None when usable here, else why not. Nothing outlives `run`."""

    level: str

    def probe(self) -> str | None: ...
    def inside(self, workdir: str) -> str:
        """The path at which a job sees its checkout."""
        ...

    def run(self, job: Job) -> JobResult: ...


# ---------------------------------------------------------------- gates


class VerdictCache(Protocol):
    """Measured verdicts (passed and failed only) by what they depend on. The three keys are digests."""

    def get(self, subject_key: str, gate_digest: str, environment_digest: str) -> Verdict | None: ...
    def put(self, subject_key: str, gate_digest: str, environment_digest: str, verdict: Verdict) -> None: ...


class GateRequest(Struct, frozen=True, kw_only=True):
    """All that a gate may look at. scope: the task's path globs. definitions: commit whose files define gates (schemas)."""

    gate: Gate
    submission: Submission
    environment: Environment
    scope: tuple[str, ...] = ()
    definitions: str = ""
    fresh: bool = False
    """measure again even when a cached verdict exists"""
    landing: bool = False
    """asked by the lead, who believes no verdict that was not measured for a landing"""
    after: Verdict | None = None
    """the red verdict on the same content that this measurement repeats; a pass is then recorded as flaky"""


class Verifier(Protocol):
    """Carries out the gate kinds run, diff and artifact, and command steps. Never raises for what a gate did: an
    unreachable, missing or broken thing is an `unmeasured` verdict with the reason (laws 3 and 4)."""

    def environment_digest(self, environment: Environment, tree: str, base_tree: str) -> str: ...
    def verify(self, request: GateRequest) -> Verdict: ...
    def protect(self, submission: Submission, globs: Sequence[str], *, suspicion: bool = False) -> Verdict:
        """The built-in gate `protect`: no protected path differs from the base. globs: see `core.gate_files`.
        suspicion: with the findings about the change, which never decide here."""
        ...

    def run_command(
        self, name: str, command: str, limits: ResourceLimits, submission: Submission, environment: Environment
    ) -> Verdict:
        """A deterministic `command` step, as a verdict of gate `name`."""
        ...


Progress = Callable[[str], None]
"""Called with one short plain line at a time."""


# ---------------------------------------------------------------- evidence


class LandingFacts(Struct, frozen=True, kw_only=True):
    """All that is signed about a landing. tree lands on head; patch: of that change. at: seconds since the epoch.

    workflow, definitions: the pinned workflow's digest and the commit that it was read from. gates: their definitions.
    people: who reviewed or approved, by gate. protected: the patterns of the gate `protect`.
    verdicts: the core's, one for each gate that had to hold. merged: the commit's further parents, with which commits of
    children come along. covers: those among what comes along that have no evidence of their own.
    """

    task: str
    run: str
    step: str
    target: str
    head: str
    tree: str
    patch: str
    workflow: str
    workflow_name: str
    definitions: str
    gates: Mapping[str, Any]
    environment_digest: str
    authors: tuple[str, ...]
    people: Mapping[str, tuple[str, ...]]
    protected: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    at: float
    merged: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()

    @property
    def workflow_uri(self) -> str:
        return f"git:.andon/workflows/{self.workflow_name}.md@{self.definitions}"


class SealedVerdicts(Struct, frozen=True, kw_only=True):
    """Signed verdicts. content: one envelope a line; digest: of the content. inputs: gate -> its envelope's digest."""

    facts: LandingFacts
    content: bytes
    digest: str
    inputs: Mapping[str, str]


class EvidenceEntry(Struct, frozen=True, kw_only=True):
    """What is stored of a landed commit. workflow: (digest, canonical JSON)."""

    digest: str
    verdicts: bytes
    summary: bytes
    workflow: tuple[str, bytes]


class Evidence(Protocol):
    """Signs what lands, and stores it with the repository. Raises AndonError: then nothing lands."""

    def ensure(self, line: str | None, now: float) -> str:
        """The workspace's line of keys, able to sign. line: as recorded; None: the first key is made."""
        ...

    def seal(self, facts: LandingFacts) -> SealedVerdicts: ...
    def summarise(self, sealed: SealedVerdicts, commit: str) -> bytes: ...
    def keep(self, entries: Sequence[EvidenceEntry], now: float) -> None:
        """Store entries, all or none; again: nothing changes."""
        ...

    def rotate(self, now: float) -> str: ...
    def problem(self, line: str | None, now: float) -> str | None: ...
    def lacking(self, commits: list[str]) -> list[str]:
        """Those of the landed commits for which nothing is stored."""
        ...

    def described(self) -> list[dict[str, object]]:
        """The workspace's keys, oldest first: id, from, until, state, public."""
        ...


# ---------------------------------------------------------------- store


class StoredEvent(Struct, frozen=True, kw_only=True):
    """An event as it stands in the log. position: order over all streams. seq: from 1 within the stream."""

    position: int
    stream: str
    seq: int
    event: Event
    cause: str | None = None


class Unreadable(Struct, frozen=True, kw_only=True):
    """An event that stands in the log and can't be read; `problem` names stream, seq and position."""

    position: int
    stream: str
    seq: int
    problem: str


class Loaded(Struct, frozen=True, kw_only=True):
    """An aggregate's state and the seq of its last event (the optimistic lock)."""

    state: State
    seq: int


class Reader(QueueReader, MailReader, Protocol):
    """A consistent view of the store. `Row` values are plain; times are seconds since the epoch."""

    def load(self, stream: str) -> Loaded | None:
        """Raises AndonError kind "corrupt" (naming the stream) when the stored state can't be read."""
        ...

    def events(self, stream: str | None = None, *, after: int = 0, limit: int = 1000) -> list[StoredEvent]:
        """In order. `after`: a seq when `stream` is given, else a position. Raises AndonError kind "corrupt"."""
        ...

    def log(
        self, stream: str | None = None, *, after: int = 0, limit: int = 1000
    ) -> Sequence[StoredEvent | Unreadable]:
        """The same, going on behind an event that can't be read (law 12).

        Without `stream`, the events of archived runs are left out; they are found by the run's id.
        """
        ...

    def archived_runs(self) -> int:
        """How many runs have their events in archive files."""
        ...

    def caused(self, cause: str) -> str | None:
        """The stream in which this cause has had its effect; None when it has had none."""
        ...

    def definition(self, digest: str) -> bytes | None: ...
    def setting(self, key: str) -> str | None: ...
    def ready_steps(
        self,
        *,
        kinds: Sequence[str],
        role: str | None = None,
        task: str | None = None,
        run: str | None = None,
        limit: int = 50,
    ) -> list[Row]:
        """Steps in state 'ready', most urgent first (priority, entered_at). role, task, run: only those."""
        ...

    def ready_tasks(self, *, task: str | None = None, limit: int = 50) -> list[Row]:
        """Open tasks whose dependencies have all landed or completed, most urgent first (priority, number).

        task: only this one.
        """
        ...

    def expired_leases(self, now: float, *, limit: int = 100) -> list[Row]: ...
    def overlong_leases(self, now: float, *, slack_s: float, limit: int = 100) -> list[Row]:
        """Leases that reach farther than their own length and the slack: the clock went back since they were granted."""
        ...

    def due_steps(self, now: float, *, limit: int = 100) -> list[Row]:
        """Waiting steps (of people, of time, of a question) whose due_at has passed."""
        ...

    def steps(self, run: str | None = None, *, state: str | None = None) -> list[Row]: ...
    def tasks(self, *, status: Sequence[str] = (), limit: int = 1000) -> list[Row]:
        """Each with `open_dependencies`: how many dependencies have not landed."""
        ...

    def dependencies(self, task: str) -> list[str]: ...
    def runs(self, *, status: Sequence[str] = (), limit: int = 1000) -> list[Row]: ...
    def next_runs(self, after: tuple[int, str], *, limit: int = 1000) -> list[tuple[int, str]]:
        """(number, id) of the runs behind one, in natural order: for looking at all of them, bit by bit."""
        ...

    def messages(
        self,
        *,
        recipients: Sequence[str] = (),
        run: str | None = None,
        sender: str | None = None,
        unacknowledged_by: str | None = None,
        unanswered: bool = False,
        answered: bool = False,
        thread: str | None = None,
        limit: int = 200,
    ) -> list[Row]:
        """In natural order; each argument narrows. answered: questions that have got an answer. thread: all of it, alone."""
        ...

    def learnings(
        self, *, status: str | None = None, run: str | None = None, same: str | None = None, limit: int = 10_000
    ) -> list[Learning]:
        """In natural order; each argument narrows. same: with this text, as `learning.normal` gives it. Unreadable ones
        are passed over (law 12)."""
        ...

    def count_learnings(self, *, status: str | None = None, run: str | None = None) -> int: ...
    def search_learnings(self, words: Sequence[str], *, limit: int = 200) -> dict[str, float]:
        """Active learnings that hold one of the words, the best ones, with scores above 0 (BM25)."""
        ...

    def learning_uses(self, workflow: str | None = None, step: str | None = None) -> list[Row]:
        """For each learning: given, passed, given_advances, held, held_passed, held_advances, of measured first advances."""
        ...

    def repositories(self, *, limit: int = MAX_REPOSITORIES) -> list[Repository]:
        """Those of a workspace's registry, removed ones included, by name. Unreadable ones are passed over (law 12)."""
        ...

    def task_sources(self, tool: str) -> dict[str, str]:
        """source -> task, of the tasks that came from a tool ("beads"); the newest where several did."""
        ...

    def step_at(self, workdir: str) -> Row | None:
        """The leased step whose workdir is this directory."""
        ...


class Writer(Reader, Protocol):
    """The one writer. Everything inside is one transaction."""

    def append(
        self, stream: str, expected_seq: int, events: Sequence[Event], state: State, *, cause: str | None = None
    ) -> None:
        """Append events and replace the aggregate's state and rows. Raises Conflict when the stream is not at expected_seq
        or `cause` was seen before."""
        ...

    def put_definition(self, digest: str, content: bytes) -> None: ...
    def put_setting(self, key: str, value: str) -> None: ...
    def next_id(self, kind: str) -> str:
        """The next free id: T1, T2 … for "task", R1 … for "run", M1 … for "message", L1 … for "learning",
        W1 … for "shared"."""
        ...


class Store(VerdictCache, Protocol):
    """The coordination database. Reading never blocks writing."""

    def read(self) -> AbstractContextManager[Reader]: ...
    def write(self) -> AbstractContextManager[Writer]: ...
    def close(self) -> None: ...


class Conflict(Exception):
    """Another writer was first; load again and decide again."""
