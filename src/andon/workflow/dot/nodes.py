"""A pipeline's nodes as steps: what kind each becomes, with which options and which brief, and what it loses on the way.

Rules: a tool is a command step, and one without a command fails; a person's gate gets an expiry, since nothing may wait
without end; a manager loop becomes a step that fails, so that nothing passes in its place. Must not know: edges.
"""

from __future__ import annotations

import re

from andon.workflow.dot import dialect as d
from andon.workflow.dot.draft import CHANGED, DRAWING, LOST, METADATA, Draft, Phase, Step
from andon.workflow.dot.graph import Attr, Graph, Node
from andon.workflow.dot.names import title
from andon.workflow.problems import shown

EXPIRY = "2d"
MAX_ATTEMPTS = 100
MAX_PHASES = 16

_KINDS = {d.AGENT: "agent", d.HUMAN: "human", d.CHOICE: "choice", d.FORK: "fork", d.JOIN: "join", d.TOOL: "command"}
_GOAL = re.compile(r"\$goal\b|\$\{goal\}")


def graph_attributes(graph: Graph, draft: Draft) -> None:
    """The name, the goal, and what a graph says about all nodes."""
    goal = d.value(graph.attrs, "goal")
    draft.title = d.label(graph.attrs) or graph.id
    draft.description = " ".join((goal or draft.title).split())
    draft.direction = {"LR": "LR", "RL": "RL", "BT": "BT", "TB": "TB"}.get(d.value(graph.attrs, "rankdir"), "")
    kept: dict[str, str] = {"goal": goal} if goal else {}
    for key, attr in graph.attrs.items():
        if key in d.GRAPH_WORDS:
            draft.carried += 1
        elif keep(draft, f"graph attribute {key}", attr):
            kept[key] = attr.value
    if kept:
        draft.metadata["dot"] = kept


def keep(draft: Draft, construct: str, attr: Attr) -> bool:
    """Record what becomes of an attribute without a meaning of its own. Returns whether to keep it as metadata."""
    key = attr.key
    if d.DEFAULTS.get(key) == attr.value.strip().lower():
        return False
    if key in d.DRAWING:
        draft.find(DRAWING, attr.at, construct, "it is about drawing only")
        return False
    reason = d.LOST_WORDS.get(key) or (d.LOST_WORDS["pre_hook"] if key.startswith("tool_hooks.") else "")
    if reason:
        draft.lost(attr.at, construct, reason, "kept as metadata, without effect")
    else:
        why = d.NO_EFFECT.get(key, "Andon gives it no meaning")
        draft.find(METADATA, attr.at, construct, why, "kept as metadata, without effect")
    return True


def phases(graph: Graph, draft: Draft) -> None:
    """Subgraphs that group nodes for the reader, with a label or a cluster's name, become phases."""
    used: set[int] = set()
    for node in graph.nodes.values():
        here = node.subgraph
        while here is not None and here not in used:
            used.add(here)
            here = graph.subgraphs[here].parent
    depth: dict[int, int] = {}
    for index, subgraph in enumerate(graph.subgraphs):
        label = d.label(subgraph.attrs)
        named = bool(label) or subgraph.id.startswith("cluster")
        parent = _phase_of(draft, graph, subgraph.parent)
        deep = depth.get(parent, 0) if parent is not None else 0
        if index in used and named and deep < MAX_PHASES:
            name = draft.free(subgraph.id.removeprefix("cluster_").removeprefix("cluster") or label or "phase")
            draft.phases[index] = Phase(id=name, title=title(label), parent=parent, at=subgraph.at)
            depth[index] = deep + 1
            draft.carried += 1
        for key, attr in subgraph.attrs.items():
            if key != "label":
                keep(draft, f"subgraph attribute {key}", attr)


def _phase_of(draft: Draft, graph: Graph, subgraph: int | None) -> int | None:
    """The nearest enclosing subgraph that is a phase."""
    while subgraph is not None and subgraph not in draft.phases:
        subgraph = graph.subgraphs[subgraph].parent
    return subgraph


def steps(graph: Graph, draft: Draft) -> dict[str, Step]:
    """A step for each node but starts and exits; node id -> step."""
    found: dict[str, Step] = {}
    for node in graph.nodes.values():
        kind, doubt = d.kind(node)
        if doubt:
            attr = node.attrs.get("type") or node.attrs["shape"]
            level = LOST if attr.key == "type" else CHANGED
            draft.find(level, attr.at, f"node {node.id}", doubt, f"it is taken for: {kind}")
        _elsewhere(draft, node)
        if kind in (d.START, d.EXIT):
            draft.carried += 1
            _other_attributes(graph, node, None, draft)
            continue
        step = draft.step(
            _KINDS.get(kind, "command"), node.id, node.at, source=node.id, phase=_phase_of(draft, graph, node.subgraph)
        )
        if step.id != node.id:
            draft.changed(node.at, f"node {node.id}", "the name can't be a step's id", f"the step is called {step.id}")
        label = title(d.label(node.attrs))
        step.title = label if label != step.id else ""
        found[node.id] = step
        _options(graph, node, kind, step, draft)
        _other_attributes(graph, node, step, draft)
        if kind != d.MANAGER:
            draft.carried += 1
    return found


def _elsewhere(draft: Draft, node: Node) -> None:
    for at in node.elsewhere:
        draft.changed(at, f"node {node.id}", "a step belongs to one phase", "it stays in the first")


def _other_attributes(graph: Graph, node: Node, step: Step | None, draft: Draft) -> None:
    for key, attr in node.attrs.items():
        if key in d.NODE_WORDS or (attr.inherited and step is None):
            continue
        if keep(draft, f"node {node.id}: {key}", attr) and step is not None:
            step.metadata[key] = attr.value
    for key in ("retry_target", "fallback_retry_target"):
        if key in node.attrs and node.attrs[key].value not in graph.nodes:
            draft.lost(node.attrs[key].at, f"node {node.id}: {key}", "it names no node", "it is left out")
    if step is None:
        return
    classes = [x for x in re.split(r"[,\s]+", d.value(node.attrs, "class")) if x]
    here = node.subgraph
    while here is not None:
        derived = re.sub(r"[^a-z0-9-]", "", d.label(graph.subgraphs[here].attrs).lower().replace(" ", "-"))
        classes += [derived] if derived else []
        here = graph.subgraphs[here].parent
    styled = "class" in node.attrs or "model_stylesheet" in graph.attrs
    if classes and styled and step.kind == "agent":
        step.metadata["class"] = ",".join(dict.fromkeys(classes))


# ---------------------------------------------------------------- options by kind


def _options(graph: Graph, node: Node, kind: str, step: Step, draft: Draft) -> None:
    if kind == d.AGENT:
        _agent(graph, node, step, draft)
    elif kind == d.TOOL:
        _tool(graph, node, step, draft)
    elif kind == d.HUMAN:
        _human(graph, node, step, draft)
    elif kind == d.MANAGER:
        _manager(node, step, draft)
    else:
        _pseudo(graph, node, kind, step, draft)


def _agent(graph: Graph, node: Node, step: Step, draft: Draft) -> None:
    if step.id in ("land", "publish"):
        step.options["kind"] = "agent"
    _attempts(graph, node, step, draft)
    if lease := _timeout(node, draft):
        step.options["lease"] = lease
        text = "a lease runs out without a sign of life, and a heartbeat renews it"
        draft.changed(node.attrs["timeout"].at, f"node {node.id}: timeout", text, f"lease: {lease}")
    step.options["empty"] = "allow"
    draft.add(
        "`empty: allow` on agent steps: a pipeline's node may succeed without changing a file; remove it where it may not"
    )
    step.brief = prompt(graph, node, draft) or d.label(node.attrs)


def prompt(graph: Graph, node: Node, draft: Draft) -> str:
    """A node's prompt with the goal in it; a prompt that names a file says so."""
    attr = node.attrs.get("prompt")
    if attr is None:
        return ""
    text = attr.value.strip("\n")
    if re.match(r"[@/][\w./:-]+", text) and "\n" not in text:
        what = f"the prompt names {'a file' if text[0] == '@' else 'a command'}, which is not read here"
        draft.changed(attr.value_at, f"node {node.id}: prompt", what, "the brief refers to it")
        text = f"Follow the instructions in `{text[1:]}`." if text[0] == "@" else f"Carry out `{text}`."
    goal = d.value(graph.attrs, "goal") or "the task"
    return _GOAL.sub(lambda _: goal, text)


def _attempts(graph: Graph, node: Node, step: Step, draft: Draft) -> None:
    attr = (
        node.attrs.get("max_retries") or graph.attrs.get("default_max_retry") or graph.attrs.get("default_max_retries")
    )
    if attr is None:
        return
    retries = d.whole(attr.value)
    if retries is None or retries < 0:
        draft.lost(attr.value_at, f"{attr.key} {attr.value}", "it is no whole number", "the default: attempts: 3")
        return
    step.options["attempts"] = min(retries + 1, MAX_ATTEMPTS)
    if retries + 1 > MAX_ATTEMPTS:
        text = f"a step has at most {MAX_ATTEMPTS} attempts"
        draft.changed(attr.value_at, f"{attr.key} {attr.value}", text, f"attempts: {MAX_ATTEMPTS}")


def _timeout(node: Node, draft: Draft) -> str:
    attr = node.attrs.get("timeout")
    if attr is None:
        return ""
    found = d.duration(attr.value)
    if found is None:
        draft.lost(
            attr.value_at, f"node {node.id}: timeout", f"`{shown(attr.value)}` is no duration", "the default holds"
        )
    return found or ""


def _tool(graph: Graph, node: Node, step: Step, draft: Draft) -> None:
    attr = next((node.attrs[key] for key in d.COMMANDS if key in node.attrs and node.attrs[key].value.strip()), None)
    step.options["kind"] = "command"
    if attr is None:
        draft.lost(node.at, f"node {node.id}", "the tool has no command", "the step fails until you give it one")
        step.options["run"] = f"echo 'TODO: the tool {step.id} had no command' >&2; exit 1"
    else:
        step.options["run"] = attr.value.strip("\n")
        spare = [key for key in d.COMMANDS if key in node.attrs and key != attr.key]
        for key in spare:
            draft.lost(node.attrs[key].at, f"node {node.id}: {key}", "a step has one command", f"{attr.key} is run")
    if "max_retries" in node.attrs:
        _attempts(graph, node, step, draft)
        text = "a command that failed would fail again; only one that could not be measured is tried again"
        draft.changed(node.attrs["max_retries"].at, f"node {node.id}: max_retries", text, "attempts counts those")
    if limit := _timeout(node, draft):
        step.options["timeout"] = limit
    if "prompt" in node.attrs:
        step.brief = prompt(graph, node, draft)
    draft.add(
        "commands run in a sandbox on a clean checkout, without network: what they change is not kept; see `environment`"
    )


def _human(graph: Graph, node: Node, step: Step, draft: Draft) -> None:
    step.options["kind"] = "human"
    step.options["expires"] = _timeout(node, draft) or EXPIRY
    if "timeout" not in node.attrs:
        draft.add(f"`expires: {EXPIRY}` on people's steps: nothing waits without end")
    step.brief = "\n\n".join(x for x in (prompt(graph, node, draft), d.label(node.attrs)) if x)
    if "max_retries" in node.attrs:
        draft.lost(
            node.attrs["max_retries"].at, f"node {node.id}: max_retries", "a person is asked once", "it is ignored"
        )


def _manager(node: Node, step: Step, draft: Draft) -> None:
    text = "a manager loop supervises another pipeline while it runs; Andon has no such step"
    draft.lost(node.at, f"node {node.id}", text, "the step fails until you replace it")
    step.options["kind"] = "command"
    step.options["run"] = f"echo 'TODO: the manager loop {step.id} was not carried over' >&2; exit 1"
    for key in ("prompt", "timeout", "max_retries", *d.COMMANDS):
        if key in node.attrs:
            step.metadata[key] = node.attrs[key].value


def _pseudo(graph: Graph, node: Node, kind: str, step: Step, draft: Draft) -> None:
    for key in ("timeout", "max_retries", "goal_gate", *d.COMMANDS, *(("prompt",) if kind != d.JOIN else ())):
        attr = node.attrs.get(key)
        if attr is not None and not attr.inherited and attr.value.strip().lower() not in ("", "0", "false"):
            draft.lost(
                attr.at, f"node {node.id}: {key}", f"a {step.kind} only routes; it does no work", "it is left out"
            )
    if kind == d.JOIN:
        text = "a join merges what the branches made; it does not choose one candidate"
        draft.changed(node.at, f"node {node.id}", text, "all branches are merged")
        step.brief = prompt(graph, node, draft)
    step.metadata.clear()


def retry_target(attrs_of: Node | Graph, graph: Graph) -> Attr | None:
    """Where a failure leads: the first of the two attributes that names a node."""
    for key in ("retry_target", "fallback_retry_target"):
        attr = attrs_of.attrs.get(key)
        if attr is not None and attr.value in graph.nodes:
            return attr
    return None
