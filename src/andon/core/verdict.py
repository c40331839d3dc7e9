"""Submissions and verdicts: what was judged, by what, where, and how it ended.

Law 2 (a verdict is bound) and law 3 (outcomes never collapse) live in these records: a `Verdict` names its
subject, gate digest, environment digest and verifier, and only `passed` and `waived` open a gate.
"""

from msgspec import UNSET, Struct, UnsetType, field
from msgspec.structs import replace

PASSED = "passed"
FAILED = "failed"
UNMEASURED = "unmeasured"
WAIVED = "waived"
PENDING = "pending"
OUTCOMES = (PASSED, FAILED, UNMEASURED, WAIVED, PENDING)
OPENING = frozenset({PASSED, WAIVED})

BUILTIN_ENVIRONMENT = "sha256:builtin"
"""Environment digest of gates that run no command (diff, review, approval, signal, protect)."""

EMPTY_GATE = "work"
PROTECT_GATE = "protect"
"""Ids of the built-in gates: an agent step must change something; protected paths must stay as they are."""


class Finding(Struct, frozen=True, kw_only=True):
    """A remark about the change. severity: blocking | major | minor | note (rules and older reviews:
    warning). line: 1-based, 0 when about the file."""

    message: str
    path: str = ""
    line: int = 0
    severity: str = "warning"
    rule: str = ""

    @property
    def place(self) -> str:
        """How it is shown: path, or path:line; "" of what is about the whole change."""
        return f"{self.path}:{self.line}" if self.path and self.line else self.path


class Artifact(Struct, frozen=True, kw_only=True):
    """Something that belongs to handed-off work: a file of the worktree with its digest, or a link (digest "")."""

    name: str
    digest: str = ""
    bytes: int = 0


class Submission(Struct, frozen=True, kw_only=True):
    """A snapshot of a worker's tree, stored as a git commit outside any branch.

    commit, tree, base, base_tree: full object ids. patch: "patch:<sha256>" of the change base..tree.
    by: the agent. at: seconds since the epoch.
    """

    commit: str
    tree: str
    base: str
    base_tree: str
    patch: str
    by: str = ""
    at: float = 0.0

    @property
    def tree_subject(self) -> str:
        """The subject of tree-bound verdicts."""
        return f"git-tree:{self.tree}"


class Red(Struct, frozen=True, kw_only=True):
    """An earlier measurement of the very same that did not open the gate."""

    outcome: str
    summary: str
    log: str = ""
    at: float = 0.0


class Verdict(Struct, frozen=True, kw_only=True):
    """A gate's outcome on a subject, with what is needed to check it again.

    summary: one plain line. detail: the useful lines of the log (bounded). figures: numbers of the report.
    base_figures: the same on the base. isolation: the level achieved. cached: taken from an earlier, identical
    measurement. duration_s: of the measurement. log: path or URL of the whole (bounded) log, or "".
    by, why: for `waived`. at: seconds since the epoch. flaky: the same content was red before (`earlier` says how) and
    passed when it was measured again; never hidden. Both are unset where nothing was measured again, as in older logs.
    """

    gate: str
    outcome: str
    summary: str
    subject: str
    gate_digest: str
    environment_digest: str = BUILTIN_ENVIRONMENT
    verifier: str = ""
    isolation: str = "process"
    cached: bool = False
    duration_s: float = 0.0
    log: str = ""
    detail: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    base_figures: dict[str, float] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    at: float = 0.0
    by: str = ""
    why: str = ""
    flaky: bool | UnsetType = UNSET
    earlier: tuple[Red, ...] | UnsetType = UNSET

    @property
    def opens(self) -> bool:
        """Whether this outcome opens a gate (law 3)."""
        return self.outcome in OPENING


def measured_again(before: Verdict, verdict: Verdict) -> Verdict:
    """The verdict of a measurement that repeats a red one of the same content: what it was before stays with it."""
    red = Red(outcome=before.outcome, summary=before.summary, log=before.log, at=before.at)
    kept = (*(before.earlier or ()), red)
    summary = verdict.summary
    if verdict.outcome == PASSED:
        summary = f"{summary} (flaky: {red.outcome} before, {red.summary})"
    both: Verdict = replace(verdict, summary=summary, flaky=verdict.outcome == PASSED or UNSET, earlier=kept)
    return both
