"""From the text of a pipeline to a workflow file that lints, or to the list of what stands in its way.

Rules: what is written lints without errors; when it does not, there is no file and every error of lint becomes a
finding at the node that it names. Must not know: how files are read and written.
"""

from __future__ import annotations

import re

from andon.core.errors import UsageError
from andon.workflow.dot import dialect as d
from andon.workflow.dot import nodes
from andon.workflow.dot.draft import END, Draft, Imported, Step
from andon.workflow.dot.forks import well_formed
from andon.workflow.dot.goals import goal_gates, landing
from andon.workflow.dot.graph import DotError, Graph
from andon.workflow.dot.parser import parse
from andon.workflow.dot.routes import Routes
from andon.workflow.dot.write import workflow_file
from andon.workflow.markdown import split_lines
from andon.workflow.problems import Collector, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from andon.workflow.compile import Parsed

MAX_STEPS = 300
MAX_EDGES = 400
_DONE_RULES = ("done-gate-bypassed", "done-gate-stale")


def translate(text: str, file: str, name: str) -> Imported:
    """See `andon.workflow.dot.import_pipeline`."""
    problems = Collector(file, split_lines(text.removeprefix("\ufeff")))
    graph = _read(text, problems)
    if graph is None or problems.failed:
        raise _refused(problems)
    draft, parsed, written = _attempt(graph, file, name, approvals=True)
    if _errors(parsed, _DONE_RULES):
        draft, parsed, written = _attempt(graph, file, name, approvals=False)
    errors = _errors(parsed) if draft.start in draft.steps else []
    if draft.start not in draft.steps:
        start = next(node for node in graph.nodes.values() if d.kind(node)[0] == d.START)
        draft.lost(start.at, "workflow no-start", "the start leads to no step that does anything", "no file is written")
    for problem in errors:
        _explain(draft, graph, problem)
    return Imported(
        name=name,
        text=None if errors or draft.start not in draft.steps else written,
        carried=draft.carried,
        findings=draft.findings(),
        added=tuple(draft.added),
    )


def _read(text: str, problems: Collector) -> Graph | None:
    try:
        graph = parse(text)
    except DotError as error:
        problems.add(error.rule, error.at, error.message, error.next)
        return None
    kinds = {name: d.kind(node)[0] for name, node in graph.nodes.items()}
    for wanted, word in ((d.START, "Mdiamond"), (d.EXIT, "Msquare")):
        found = [graph.nodes[name] for name, kind in kinds.items() if kind == wanted]
        if not found:
            text = f"the pipeline has no {wanted} node"
            problems.add(f"no-{wanted}", graph.at, text, f"add one: {wanted} [shape={word}]")
        for extra in found[1:] if wanted == d.START else ():
            text = f"`{extra.id}` is a second start; the first is `{found[0].id}`"
            problems.add("second-start", extra.at, text, "keep one, and lead it to a parallel or conditional node")
    if len(graph.nodes) > MAX_STEPS or len(graph.edges) > MAX_EDGES:
        text = f"a workflow has at most {MAX_STEPS} steps and {MAX_EDGES} edges"
        problems.add("too-large", graph.at, text, "split it")
    return graph


def _refused(problems: Collector) -> UsageError:
    lines = [problem.text() for problem in problems.sorted()]
    head = f"{problems.file} is no pipeline that can be imported:"
    return UsageError("\n".join([head, *lines]), kind="bad_pipeline", next="mend it where the message points")


def _attempt(graph: Graph, file: str, name: str, *, approvals: bool) -> tuple[Draft, Parsed, str]:
    from andon.workflow.compile import parse as read

    draft = Draft(name)
    nodes.graph_attributes(graph, draft)
    nodes.phases(graph, draft)
    steps = nodes.steps(graph, draft)
    Routes(graph, draft, steps).make()
    ending = landing(draft, steps)
    well_formed(draft, ending)
    _prune(draft)
    goal_gates(graph, draft, steps, ending, approvals=approvals)
    written = workflow_file(draft, draft.findings(), file)
    return draft, read(written, name), written


def _prune(draft: Draft) -> None:
    """Leave out what nothing leads to."""
    reached = draft.reached(draft.start)
    for step in list(draft.steps.values()):
        if step.id not in reached:
            if step.source:
                draft.lost(step.at, f"node {step.source}", "nothing leads to it from the start", "it is left out")
            del draft.steps[step.id]
    draft.ways = [way for way in draft.ways if way.source in draft.steps and way.target in (*draft.steps, END)]
    seen: set[tuple[str, str]] = set()
    kept = []
    for way in draft.ways:
        if (way.source, way.label) not in seen or draft.steps[way.source].kind == "fork":
            kept.append(way)
        seen.add((way.source, way.label))
    draft.ways = kept
    for step in draft.steps.values():
        _only_drawn_outcomes(draft, step)


def _only_drawn_outcomes(draft: Draft, step: Step) -> None:
    """An outcome that a person may choose needs its edge, which may have been left out."""
    drawn = {way.label for way in draft.out(step.id)}
    if "outcomes" in step.options:
        step.options["outcomes"] = [word for word in step.options["outcomes"] if word in drawn]
    if not step.options.get("outcomes", True):
        del step.options["outcomes"]
    if step.options.get("on_expiry", "rejected") not in (*drawn, "rejected"):
        del step.options["on_expiry"]


def _errors(parsed: Parsed, rules: tuple[str, ...] = ()) -> list[Problem]:
    from andon.workflow.linter import lint

    found = [problem for problem in lint(parsed) if problem.severity == "error"]
    return [problem for problem in found if problem.rule in rules] if rules else found


def _explain(draft: Draft, graph: Graph, problem: Problem) -> None:
    """An error of lint, said about the node that it names."""
    at = graph.at
    for name in re.findall(r"`(\w+)`", problem.message):
        step = draft.steps.get(name)
        if step is not None and step.source:
            at = graph.nodes[step.source].at
            break
    draft.lost(at, f"workflow {problem.rule}", problem.message, "no file is written")
