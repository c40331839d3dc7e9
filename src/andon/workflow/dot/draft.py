"""A workflow in the making, and the list of what a pipeline says that it does not: what the translation's parts share.

Levels of a finding: `lost` (behaviour that the workflow lacks: essential), `changed` (carried in another form),
`metadata` (kept as text, without effect), `drawing` (only ever about looks). Must not know: DOT's grammar, Markdown.
"""

from __future__ import annotations

from msgspec import Struct, field

from andon.workflow.problems import START, At, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LOST, CHANGED, METADATA, DRAWING = "lost", "changed", "metadata", "drawing"
END = "[*]"
MAX_FINDINGS = 1_000


class Finding(Struct, frozen=True, kw_only=True):
    """line, column: 1-based, in the pipeline. instead: what the workflow does, or ""."""

    line: int
    column: int
    construct: str
    reason: str
    instead: str = ""
    level: str = LOST


class Imported(Struct, frozen=True, kw_only=True):
    """text: None when no file that lints could be made. carried: constructs that were. added: what DOT has no word for."""

    name: str
    text: str | None
    carried: int
    findings: tuple[Finding, ...]
    added: tuple[str, ...] = ()


class Step(Struct, kw_only=True):
    """A node of the draft. kind: a step's kind, or fork, join, choice. source: the DOT node's id, "" for an added one."""

    id: str
    kind: str
    at: At = START
    source: str = ""
    title: str = ""
    phase: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    brief: str = ""


class Way(Struct, kw_only=True):
    """An edge of the draft. label: an outcome, out of a choice a condition; "" for passed, or for a choice's else."""

    source: str
    target: str
    label: str = ""
    at: At = START


class Draft:
    """All that the file will say. done and gates: ids and options as in the front matter."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.title = ""
        self.description = ""
        self.direction = ""
        self.start = ""
        self.steps: dict[str, Step] = {}
        self.ways: list[Way] = []
        self.phases: dict[int, Phase] = {}
        self.gates: dict[str, dict[str, Any]] = {}
        self.done: list[str] = []
        self.metadata: dict[str, Any] = {}
        self.added: list[str] = []
        self.carried = 0
        self.names: set[str] = set()
        self._findings: dict[tuple[At, str, str], Finding] = {}

    # ------------------------------------------------------------ findings

    def find(self, level: str, at: At, construct: str, reason: str, instead: str = "") -> None:
        """Record once that something was not carried over as it stands."""
        if len(self._findings) >= MAX_FINDINGS:
            return
        one_line = " ".join(reason.split())
        finding = Finding(
            line=at[0], column=at[1], construct=shown(construct, 60), reason=one_line, instead=instead, level=level
        )
        self._findings.setdefault((at, finding.construct, one_line), finding)

    def lost(self, at: At, construct: str, reason: str, instead: str = "") -> None:
        self.find(LOST, at, construct, reason, instead)

    def changed(self, at: At, construct: str, reason: str, instead: str = "") -> None:
        self.find(CHANGED, at, construct, reason, instead)

    def findings(self) -> tuple[Finding, ...]:
        """In the order of the pipeline."""
        order = {LOST: 0, CHANGED: 1, METADATA: 2, DRAWING: 3}
        found = self._findings.values()
        return tuple(sorted(found, key=lambda x: (x.line, x.column, order[x.level], x.construct, x.reason)))

    def add(self, text: str) -> None:
        """Note something that Andon needs and the pipeline has no word for."""
        if text not in self.added:
            self.added.append(text)

    # ------------------------------------------------------------ the graph

    def out(self, step: str) -> list[Way]:
        return [way for way in self.ways if way.source == step]

    def into(self, step: str) -> list[Way]:
        return [way for way in self.ways if way.target == step]

    def targets(self) -> dict[str, list[str]]:
        """step -> where its ways lead, for searches that look at each way once."""
        found: dict[str, list[str]] = {}
        for way in self.ways:
            found.setdefault(way.source, []).append(way.target)
        return found

    def reached(self, first: str, without: set[str] | frozenset[str] = frozenset()) -> set[str]:
        """All steps on any path from here that enters none of `without`; this one included, the end too."""
        after = self.targets()
        found = {first}
        todo = [first]
        while todo:
            for target in after.get(todo.pop(), ()):
                if target not in found and target not in without:
                    found.add(target)
                    todo.append(target)
        return found

    def step(self, kind: str, wanted: str, at: At, *, source: str = "", phase: int | None = None) -> Step:
        """Add a step under the wanted id, or one like it that is free and legal."""
        made = Step(id=self.free(wanted), kind=kind, at=at, source=source, phase=phase)
        self.steps[made.id] = made
        return made

    def free(self, wanted: str) -> str:
        """An id that is legal and nobody's yet; it is taken from now on."""
        from andon.workflow.dot.names import legal_id

        base = legal_id(wanted)
        name = base
        number = 1
        while name in self.names:
            number += 1
            name = f"{base[:58]}_{number}"
        self.names.add(name)
        return name


class Phase(Struct, kw_only=True):
    """A phase made of a subgraph. parent: its index, or None."""

    id: str
    title: str
    parent: int | None
    at: At
