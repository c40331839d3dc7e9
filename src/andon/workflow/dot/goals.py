"""Goal gates as `done` gates, and the landing at the end.

Rules: an agent's word is never evidence (law 1). A tool's goal gate is its command. An agent's goal gate is the command
of the tool that checks it next; where there is none, a gate that fails stands in its place until somebody writes a
real one. A person's goal gate is an approval. Must not know: the diagram's form.
"""

from __future__ import annotations

from andon.workflow.dot import dialect as d
from andon.workflow.dot.draft import END, Draft, Step, Way
from andon.workflow.dot.graph import Attr, Graph, Node
from andon.workflow.dot.nodes import EXPIRY, retry_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RESERVED_GATES = frozenset({"work", "protect"})


def landing(draft: Draft, steps: dict[str, Step]) -> str:
    """Where the pipeline ends: a `land` step if agents work in it, else the end itself."""
    if not any(step.kind == "agent" or step.brief for step in steps.values() if step.kind in ("agent", "join")):
        return END
    land = draft.step("land", "land", (1, 1))
    if land.id != "land":
        land.options["kind"] = "land"
    for way in draft.ways:
        if way.target == END:
            way.target = land.id
    if draft.start == END:
        draft.start = land.id
    draft.ways.append(Way(source=land.id, target=END))
    land.brief = "Carried out by `andon lead`: merged, the `done` gates run again on the merged tree, one commit."
    draft.add(f"the step `{land.id}`: a pipeline leaves its work where it was made, Andon lands it")
    return land.id


def goal_gates(graph: Graph, draft: Draft, steps: dict[str, Step], ending: str, *, approvals: bool) -> None:
    """Turn each `goal_gate=true` into a `done` gate. approvals: whether a person's may become an approval gate."""
    first: Attr | None = None
    for node in graph.nodes.values():
        step = steps.get(node.id)
        if step is None or step.id not in draft.steps or not d.is_true(node.attrs, "goal_gate"):
            continue
        if step.kind == "command":
            _of_tool(node, step, draft, ending)
        elif step.kind == "agent":
            _of_agent(node, step, draft)
        elif step.kind == "human":
            _of_person(node, step, draft, approvals)
        else:
            continue
        target = retry_target(node, graph)
        if target is not None and first is not None and target.value != first.value:
            text = "a landing that is refused leads to one step"
            draft.lost(target.at, f"node {node.id}: {target.key}", text, f"it leads to {first.value}")
        first = first or target
    wanted = first or retry_target(graph, graph)
    if draft.done:
        _back(draft, steps, ending, wanted)
    elif (unused := retry_target(graph, graph)) is not None:
        text = "it is where unsatisfied goal gates lead, and there are none"
        draft.changed(unused.at, f"graph attribute {unused.key}", text, "it is left out")


def _back(draft: Draft, steps: dict[str, Step], ending: str, target: Attr | None) -> None:
    """Where a refused landing leads."""
    if target is None or ending not in draft.steps:
        return
    if target.value not in steps or steps[target.value].id not in draft.steps:
        return
    draft.ways.append(Way(source=ending, target=steps[target.value].id, label="failed", at=target.at))


def _gate_id(draft: Draft, wanted: str) -> str:
    name = f"{wanted}_gate" if wanted in RESERVED_GATES else wanted
    while name in draft.gates:
        name = f"{name}_"
    return name


def _put(draft: Draft, step: Step, gate: str, options: dict[str, Any], *, on_step: bool) -> None:
    draft.gates[gate] = options
    draft.done.append(gate)
    if on_step:
        step.options.setdefault("gates", []).append(gate)


def _command(step: Step) -> dict[str, Any]:
    options: dict[str, Any] = {"run": step.options["run"]}
    if "timeout" in step.options:
        options["timeout"] = step.options["timeout"]
    return options


def _of_tool(node: Node, step: Step, draft: Draft, ending: str) -> None:
    draft.carried += 1
    if draft.gates.get(step.id) == _command(step):
        return
    # Without a landing nothing measures the gate at the end, so the step itself does.
    _put(draft, step, _gate_id(draft, step.id), _command(step), on_step=ending == END)


def _of_agent(node: Node, step: Step, draft: Draft) -> None:
    attr = node.attrs["goal_gate"]
    construct = f"node {node.id}: goal_gate"
    checker = _checked_by(draft, step)
    if checker is not None:
        name = _gate_id(draft, checker.id)
        if draft.gates.get(checker.id) == _command(checker):
            name = checker.id
            step.options.setdefault("gates", []).append(name)
        else:
            _put(draft, step, name, _command(checker), on_step=True)
        text = "an agent's word is no evidence (law 1)"
        draft.changed(attr.at, construct, text, f"the gate is the command of {checker.id}, which checks it next")
        return
    gate = _gate_id(draft, f"{step.id}_goal")
    text = "an agent's word is no evidence (law 1), and the pipeline has no command that checks this node"
    draft.lost(attr.at, construct, text, f"the gate {gate} fails until you give it a command or make it a review")
    command = f"echo 'TODO: say how a machine can tell that {step.id} is achieved' >&2; exit 1"
    _put(draft, step, gate, {"run": command}, on_step=True)


def _checked_by(draft: Draft, step: Step) -> Step | None:
    """The tool with a command of its own that comes next when the agent has passed, choices passed over."""
    here = step.id
    for _ in range(len(draft.steps)):
        ways = [way for way in draft.out(here) if not way.label or "passed" in way.label]
        targets = {way.target for way in ways}
        if len(targets) != 1:
            return None
        here = targets.pop()
        found = draft.steps.get(here)
        if found is None or found.kind not in ("command", "choice"):
            return None
        if found.kind == "command":
            return None if "TODO:" in found.options["run"] else found
    return None


def _of_person(node: Node, step: Step, draft: Draft, approvals: bool) -> None:
    if approvals:
        options = {"approval": {"expires": step.options.get("expires", EXPIRY)}}
        _put(draft, step, _gate_id(draft, step.id), options, on_step=True)
        draft.carried += 1
        return
    attr = node.attrs["goal_gate"]
    text = "the approval would not be about what lands: a step after it may edit, or a way goes round it"
    draft.lost(attr.at, f"node {node.id}: goal_gate", text, "the step is kept, the gate is not")
