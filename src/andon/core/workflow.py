"""The compiled workflow: what a workflow file means, as immutable records.

Shape: a flat graph. Phases (composite states) are resolved away into edges; they remain only as names for
people. Nodes are steps and pseudo-states (`fork`, `join`, `choice`); the end is `END`. The canonical JSON of
a `Workflow` is its identity (`digest`), so nothing here may hold a source position, a path or a time.

Contract: section 1 of the public contract. Must not know: how files are parsed, or how steps are carried out.
"""

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from andon.core.digests import sha256

Metadata = dict[str, Any]
"""Anything that other tools keep in a workflow file; nothing in Andon reads it. Unset when there is none, so that a
workflow without it keeps its digest."""

END = "[*]"
PASSED = "passed"
FAILED = "failed"
EXPIRED = "expired"
REJECTED = "rejected"

STEP_KINDS = ("agent", "command", "human", "fanout", "wait", "workflow", "publish", "land")
PSEUDO_KINDS = ("fork", "join", "choice")
ISOLATION_LEVELS = ("process", "sandbox", "container", "vm")
REPORT_FORMATS = ("junit", "coverage", "sarif", "tap", "json")
SCHEMA = "andon.workflow/1"

FLAKY_REFUSE = "refuse"

SUSPICION_VERSION = 1
"""Of the rules in `andon.suspicion`. A gate that refuses by them has it in its digest, so that verdicts by older rules are
void; a test fails when the rules change and this number does not."""


class Role(Struct, frozen=True, kw_only=True):
    """A part that an agent plays. distinct_from: roles that the same agent must not also have played in the run.

    resolve: "role" lets every reviewer of this role resolve its findings; unset: only the one who raised them (or a person).
    """

    description: str = ""
    distinct_from: tuple[str, ...] = ()
    resolve: str | UnsetType = UNSET


class Environment(Struct, frozen=True, kw_only=True):
    """Where gates and command steps run.

    isolation: the least level accepted. setup: shell commands run once per digest, in a checkout of the tree.
    reuse: globs; set-up runs again only when the content of these files changes. network: none | setup | all.
    env: variables. path: absolute directories put before the system's default PATH.
    """

    isolation: str = "sandbox"
    setup: tuple[str, ...] = ()
    setup_timeout_s: float = 1800.0
    reuse: tuple[str, ...] = ()
    network: str = "none"
    env: dict[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ()


class Limits(Struct, frozen=True, kw_only=True):
    """Named limits of a run. visits: entries of any one step. submissions: advances tried under one lease."""

    visits: int = 5
    wall_time_s: float = 86_400.0
    tokens: int | None = None
    submissions: int = 20


class ResourceLimits(Struct, frozen=True, kw_only=True):
    """What one gate process tree may use. memory_bytes: per process (data segment)."""

    timeout_s: float = 600.0
    memory_bytes: int = 4 * 1024**3
    processes: int = 512
    output_bytes: int = 1024**2


class Report(Struct, frozen=True, kw_only=True):
    """format: one of REPORT_FORMATS. path: relative to $ANDON_OUT, or "-" for standard output."""

    format: str
    path: str


class RunGate(Struct, frozen=True, kw_only=True, tag="run", tag_field="kind"):
    """A command whose exit code and report decide. require: CEL over the report's figures and `base.*`.

    flaky: "refuse" when a red outcome at landing is final; unset, it may be measured again (and is recorded as flaky).
    """

    id: str
    run: str
    report: Report | None = None
    require: str | None = None
    inputs: tuple[str, ...] = ()
    limits: ResourceLimits = ResourceLimits()
    flaky: str | UnsetType = UNSET


class DiffGate(Struct, frozen=True, kw_only=True, tag="diff", tag_field="kind"):
    """Bounds on the change. within: "task.scope" or globs. forbid: globs. commits: most commits (None: any).

    refuse: ids of rules of suspicion; a finding of one of them closes the gate.
    """

    id: str
    within: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    max_lines: int | None = None
    max_files: int | None = None
    commits: int | None = None
    refuse: tuple[str, ...] = ()


class ArtifactGate(Struct, frozen=True, kw_only=True, tag="artifact", tag_field="kind"):
    """A file of the tree exists. schema: path of a JSON Schema on the target branch. min_bytes: least size."""

    id: str
    path: str
    schema: str | None = None
    min_bytes: int = 1


class ReviewGate(Struct, frozen=True, kw_only=True, tag="review", tag_field="kind"):
    """A passing review of the very change by `count` different agents in `role`, none of them its author.

    distinct_model, distinct_client: the reviewers' must be known, and others than the authors' (unset: they may be the same).
    """

    id: str
    role: str
    count: int = 1
    distinct_model: bool | UnsetType = UNSET
    distinct_client: bool | UnsetType = UNSET


class ApprovalGate(Struct, frozen=True, kw_only=True, tag="approval", tag_field="kind"):
    """Approval of the very change by `count` people. by: names (empty: any person). expires_s: age limit."""

    id: str
    by: tuple[str, ...] = ()
    count: int = 1
    expires_s: float | None = None


class SignalGate(Struct, frozen=True, kw_only=True, tag="signal", tag_field="kind"):
    """Evidence posted from outside (such as CI) about the very tree. name: the signal's. by: who may post."""

    id: str
    name: str
    by: tuple[str, ...] = ()
    expires_s: float | None = None


class PolicyGate(Struct, frozen=True, kw_only=True, tag="policy", tag_field="kind"):
    """Reserved: a policy decision. Accepted in files; refused when a run starts, until it is carried out."""

    id: str
    policy: str


Gate = RunGate | DiffGate | ArtifactGate | ReviewGate | ApprovalGate | SignalGate | PolicyGate
TREE_GATES = (RunGate, ArtifactGate, SignalGate)
"""Gates whose verdict is bound to the tree; all others are bound to the change (the patch)."""


class Step(Struct, frozen=True, kw_only=True):
    """One micro-step and its options. Durations in seconds. phase: names from the outermost phase inwards."""

    id: str
    kind: str = "agent"
    title: str = ""
    phase: tuple[str, ...] = ()
    role: str | None = None
    gates: tuple[str, ...] = ()
    attempts: int = 3
    lease_s: float = 1800.0
    empty: bool = False
    outcomes: tuple[str, ...] = ()
    brief: str = ""
    handoff_gates: tuple[str, ...] | UnsetType = UNSET
    """gates that must open on the work before it is handed off"""
    # command
    run: str | None = None
    limits: ResourceLimits = ResourceLimits()
    # human
    by: tuple[str, ...] = ()
    count: int = 1
    expires_s: float | None = None
    on_expiry: str = EXPIRED
    # wait
    for_s: float | None = None
    signal: str | None = None
    # fanout and workflow
    for_each: str | None = None
    workflow: str | None = None
    join: str = "all"
    max_parallel: int | None = None
    schema: str | UnsetType = UNSET
    max_children: int | UnsetType = UNSET
    tokens: int | UnsetType = UNSET
    """of an agent's attempt; reserved for the children of a fan-out"""
    land: str | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    session_s: float | UnsetType = UNSET
    """the longest time that one claim of an agent lasts"""


class Edge(Struct, frozen=True, kw_only=True):
    """source, target: node ids, or END as target. outcome: of a step. condition: CEL, out of a choice only.

    Out of a choice an edge without a condition is the 'else'. Out of a fork or join, outcome is PASSED.
    """

    source: str
    target: str
    outcome: str = PASSED
    condition: str | None = None


class Workflow(Struct, frozen=True, kw_only=True):
    """A compiled workflow. start: the node that a run enters first. pseudo: id -> fork | join | choice."""

    schema: str = SCHEMA
    name: str
    description: str = ""
    roles: dict[str, Role] = field(default_factory=dict)
    environment: Environment = Environment()
    protect: tuple[str, ...] = (".andon/**",)
    done: tuple[str, ...] = ()
    limits: Limits = Limits()
    gates: dict[str, Gate] = field(default_factory=dict)
    steps: dict[str, Step] = field(default_factory=dict)
    pseudo: dict[str, str] = field(default_factory=dict)
    start: str
    edges: tuple[Edge, ...] = ()
    phases: dict[str, str] = field(default_factory=dict)
    """phase name -> title"""
    metadata: Metadata | UnsetType = UNSET

    def out(self, node: str) -> tuple[Edge, ...]:
        """The edges that leave a node, in file order."""
        return tuple(edge for edge in self.edges if edge.source == node)

    def canonical(self) -> bytes:
        """Canonical JSON: sorted keys, no white space. Same meaning, same bytes."""
        return canonical_json(self)

    def digest(self) -> str:
        """ "sha256:<hex>" of the canonical JSON."""
        return digest_of(self)


def canonical_json(value: object) -> bytes:
    """JSON with sorted keys and without white space; the input of every digest."""
    return msgspec.json.encode(value, order="sorted")


def digest_of(value: object) -> str:
    """ "sha256:<hex>" of the canonical JSON of a record."""
    return f"sha256:{sha256(canonical_json(value)).hexdigest()}"


def gate_digest(gate: Gate) -> str:
    """The identity of a gate's definition; any change of any option, or of rules that it refuses by, gives another digest."""
    if isinstance(gate, DiffGate) and gate.refuse:
        return digest_of({"gate": gate, "suspicion": SUSPICION_VERSION})
    return digest_of(gate)
