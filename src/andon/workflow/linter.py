"""`andon workflow lint`: all rules over one parsed workflow file.

Rules are pure functions over a `Subject`; each has a stable id (`RULES`). A file that does not compile has its own
problems only. Must not know: how problems are shown.
"""

from __future__ import annotations

from andon.workflow import rules_commands, rules_conditions, rules_done, rules_fork, rules_graph, rules_parts
from andon.workflow.compile import Parsed
from andon.workflow.problems import Collector, Problem
from andon.workflow.rules import Subject

RULES: dict[str, str] = {
    # Reading the file.
    "file-too-large": "the file is larger than a workflow may be",
    "bad-character": "an invisible, reordering or control character",
    "no-front-matter": "the YAML front matter is missing or has no end",
    "unclosed-fence": "a code block has no end",
    "diagram-count": "not exactly one state diagram",
    "duplicate-section": "two sections for one step",
    "options-count": "two yaml blocks in one section",
    "bad-yaml": "not YAML, or a part of YAML that is not allowed",
    "duplicate-key": "a key is given twice",
    "unknown-key": "an option that does not exist",
    "bad-value": "an option's value has the wrong form",
    # The diagram.
    "bad-diagram": "not in the Mermaid subset",
    "concurrency": "concurrent regions (`--`)",
    "diagram-too-large": "more than Mermaid draws, or a workflow may have",
    "reserved-word": "an id that Mermaid or Andon uses itself",
    "duplicate-state": "a state is declared twice in different ways",
    "ambiguous-phase": "a state is used in two phases",
    "no-start": "the diagram has no `[*] -->`",
    "second-start": "more than one `[*] -->`",
    "phase-without-start": "a phase has no `[*] -->`",
    "bad-label": "a label that is no outcome, or where none may stand",
    "bad-edge": "an edge that can't be followed",
    # Gates and steps.
    "bad-gate": "a gate's definition is incomplete or contradictory",
    "duplicate-gate": "a gate is defined twice",
    "bad-step": "a step lacks what its kind needs",
    "no-mender": "what children made may need a person when it does not fit",
    "unused-option": "an option without effect",
    "name-mismatch": "the workflow's name is not its file's",
    "isolation-unknown": "no such isolation level",
    "expiry-passes": "a step would pass by nobody deciding",
    "unknown-step": "a section, style or edge for a step that does not exist",
    "unknown-gate": "a step names a gate that is not defined",
    "unknown-role": "a role that is not defined",
    "done-unknown-gate": "`done` names a gate that is not defined",
    "role-unfillable": "a role that nobody can play",
    "human-gate-without-expiry": "a wait for a person that nothing ends",
    "no-report": "a gate decided by the exit code alone",
    "unused-gate": "a gate that nothing names",
    "unprotected": "files are taken out of the protection that every workflow has",
    "hidden-exit": "a gate's command hides the exit code of a part of it",
    "unsupported-kind": "not carried out yet",
    # The graph.
    "unreachable-step": "nothing leads there",
    "dead-end": "no way on, or no way to the end",
    "unbounded-loop": "a loop that no limit bounds",
    "edge-never-fires": "an edge that can't be taken",
    "missing-outcome-edge": "an outcome without an edge",
    "choice-without-else": "a choice that may have no way on",
    "fork-join-mismatch": "branches and joins that do not match",
    "done-gate-bypassed": "a path to the end goes round a `done` gate",
    "done-gate-stale": "a `done` gate is older than the last edit",
    "condition-type": "a condition that is not valid CEL or no boolean",
}
"""Rule id -> what it finds."""


def lint(parsed: Parsed) -> tuple[Problem, ...]:
    """All problems of a file: those of reading it, and when it compiles those of every rule. In file order."""
    if parsed.workflow is None:
        return parsed.problems
    problems = Collector(parsed.file, parsed.lines)
    problems.extend(parsed.problems)
    subject = Subject(parsed, parsed.workflow, problems)
    rules_parts.references(subject)
    rules_parts.roles(subject)
    rules_parts.people(subject)
    rules_parts.gates(subject)
    rules_parts.kinds(subject)
    rules_commands.commands(subject)
    rules_graph.unreachable(subject)
    rules_graph.dead_ends(subject)
    rules_graph.loops(subject)
    rules_graph.edges(subject)
    rules_done.done_gates(subject, rules_fork.regions(subject))
    rules_conditions.conditions(subject)
    return problems.sorted()
