"""From a file to a compiled workflow: reads the parts, flattens the diagram, puts both together.

Rules: every problem of the file is reported in one go where that makes sense; a file with any error compiles to
nothing; no text whatever raises. The result holds no source position, so its digest is its meaning; places are kept
beside it.
Must not know: the rules of lint.
"""

from __future__ import annotations

import os

import msgspec
from msgspec import Struct, field

from andon.core import workflow as w
from andon.workflow import mermaid, source
from andon.workflow.diagram import Diagram
from andon.workflow.flatten import Flat, Flattener
from andon.workflow.front_options import read_front
from andon.workflow.gate_options import Places
from andon.workflow.markdown import split_lines
from andon.workflow.problems import At, Collector, Problem, did_you_mean
from andon.workflow.step_options import read_step

MAX_STEPS = 300
DIRECTORY = ".andon/workflows"


class Parsed(Struct, frozen=True, kw_only=True):
    """A workflow file, read.

    workflow: None when the file has an error. diagram: as written, None when there is none. problems: in file order.
    positions: what -> (line, column), for example "step:implement", "step:implement.role", "gate:tests.require",
    "done:tests", "role:reviewer", "edge:3" and "edge:3.label" (an index into workflow.edges), "front.done".
    """

    name: str
    file: str
    lines: tuple[str, ...]
    workflow: w.Workflow | None
    diagram: Diagram | None
    problems: tuple[Problem, ...]
    positions: dict[str, At] = field(default_factory=dict)


def file_and_name(name: str) -> tuple[str, str]:
    """(file, workflow name) of a name or of a path to a file."""
    stem = os.path.basename(name)
    if stem.endswith(".md"):
        return name, stem[: -len(".md")] or "workflow"
    return f"{DIRECTORY}/{name}.md", stem or "workflow"


def parse(text: str, name: str) -> Parsed:
    """Read a workflow file. name: the workflow's name, or the file's path (its problems then name that path)."""
    file, stem = file_and_name(name)
    # A byte order mark is invisible and allowed once, at the very start.
    lines = split_lines(text.removeprefix("\ufeff"))
    problems = Collector(file, lines)
    parts = source.read(text, lines, problems)
    places: Places = {}
    diagram = mermaid.parse(parts.diagram, problems) if parts.diagram is not None else None
    workflow = _compile(parts, diagram, stem, problems, places)
    return Parsed(
        name=workflow.name if workflow is not None else stem,
        file=file,
        lines=lines,
        workflow=None if problems.failed else workflow,
        diagram=diagram,
        problems=problems.sorted(),
        positions=places,
    )


def _compile(
    parts: source.Source, diagram: Diagram | None, name: str, problems: Collector, places: Places
) -> w.Workflow | None:
    if parts.front is None and diagram is None:
        return None
    front = read_front(parts.front, name, problems, places)
    if diagram is None or not diagram.body:
        if diagram is not None and not problems.failed:
            problems.add("no-start", diagram.at, "the diagram is empty", "add: [*] --> first_step")
        return None
    flattener = Flattener(diagram, problems)
    if len(flattener.steps()) > MAX_STEPS:
        problems.add("diagram-too-large", diagram.at, f"a workflow has at most {MAX_STEPS} steps")
        return None
    gates = dict(front.gates)
    steps = _steps(parts, flattener, gates, problems, places)
    _name_reviewers(steps, gates)
    flat = flattener.flat(lambda step, outcome: can_inherit(steps[step], outcome))
    _edge_places(flat, places)
    if flat.start is None:
        return None
    return w.Workflow(
        name=front.name,
        description=front.description,
        roles=front.roles,
        environment=front.environment,
        protect=front.protect,
        done=front.done,
        limits=front.limits,
        gates=gates,
        steps=steps,
        pseudo=flat.pseudo,
        start=flat.start,
        edges=tuple(item.edge for item in flat.edges),
        phases=flat.phases,
        metadata=front.metadata,
    )


def _steps(
    parts: source.Source, flattener: Flattener, gates: dict[str, w.Gate], problems: Collector, places: Places
) -> dict[str, w.Step]:
    ids = flattener.steps()
    sections = {section.id: section for section in parts.sections}
    for section in parts.sections:
        if section.id not in ids:
            _unknown_section(section, flattener, problems)
    steps: dict[str, w.Step] = {}
    for name, phase in ids.items():
        places[f"step:{name}"] = flattener.places[name]
        title = flattener.titles.get(name, "")
        steps[name] = read_step(name, title, phase, sections.get(name), gates, problems, places)
        if name in sections:
            places[f"section:{name}"] = sections[name].at
    for name in flattener.pseudo:
        places[f"step:{name}"] = flattener.places.get(name, (1, 1))
    for name, scope in flattener.scopes.items():
        places[f"phase:{name}"] = scope.at
    return steps


def _name_reviewers(steps: dict[str, w.Step], gates: dict[str, w.Gate]) -> None:
    """An agent step that has a review gate's name and no role is that review."""
    for name, step in steps.items():
        gate = gates.get(name)
        if isinstance(gate, w.ReviewGate) and step.kind == "agent" and step.role is None:
            steps[name] = msgspec.structs.replace(step, role=gate.role)


def _unknown_section(section: source.Section, flattener: Flattener, problems: Collector) -> None:
    """A section for something that is no step. A phase or pseudo-state may have prose, but no options."""
    kind = flattener.pseudo.get(section.id) or ("phase" if section.id in flattener.scopes and section.id else "")
    if not kind:
        advice = did_you_mean(section.id, flattener.steps())
        problems.add("unknown-step", section.at, f"the diagram has no step `{section.id}`", advice)
    elif section.options is not None:
        problems.add("unknown-step", section.options_at, f"`{section.id}` is a {kind}, not a step; it has no options")


def wait_outcomes(step: w.Step) -> tuple[str, ...]:
    """How a wait step can end besides `passed`: a bad signal, or none in time. A timer only passes."""
    if step.signal is None:
        return ()
    return (w.FAILED,) if step.for_s is None else (w.FAILED, step.on_expiry)


def can_inherit(step: w.Step, outcome: str) -> bool:
    """Whether a phase's labelled edge may hold for a step: whether a step of its kind can end so at all."""
    if outcome in step.outcomes:
        return True
    if step.kind == "command":
        return outcome == w.FAILED
    if step.kind == "human":
        return outcome in (w.REJECTED, step.on_expiry if step.expires_s is not None else w.REJECTED)
    if step.kind == "wait":
        return outcome in wait_outcomes(step)
    if step.kind in ("land", "publish"):
        return outcome in (w.FAILED, "conflict")
    return outcome != w.EXPIRED


def _edge_places(flat: Flat, places: Places) -> None:
    for number, item in enumerate(flat.edges):
        places[f"edge:{number}"] = item.at
        places[f"edge:{number}.label"] = item.label_at
