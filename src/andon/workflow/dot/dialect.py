"""The words of agent pipelines in DOT: what shapes, types and attributes mean there, and what becomes of each.

The vocabulary is that of the public Attractor specification and the runners that follow it. Must not know: the draft.
"""

from __future__ import annotations

import re

from andon.workflow.dot.graph import Attrs, Node
from andon.workflow.problems import shown

START, EXIT, AGENT, HUMAN, CHOICE = "start", "exit", "agent", "human", "conditional"
FORK, JOIN, TOOL, MANAGER = "parallel", "fan-in", "tool", "manager loop"

SHAPES = {
    "mdiamond": START,
    "msquare": EXIT,
    "box": AGENT,
    "hexagon": HUMAN,
    "diamond": CHOICE,
    "component": FORK,
    "tripleoctagon": JOIN,
    "parallelogram": TOOL,
    "house": MANAGER,
}
TYPES = {
    "start": START,
    "exit": EXIT,
    "codergen": AGENT,
    "agent": AGENT,
    "wait.human": HUMAN,
    "human": HUMAN,
    "conditional": CHOICE,
    "parallel": FORK,
    "parallel.fan_in": JOIN,
    "fan_in": JOIN,
    "tool": TOOL,
    "command": TOOL,
    "stack.manager_loop": MANAGER,
}
COMMANDS = ("tool_command", "script", "command")
"""Attributes that hold a tool's command; the first is the specification's, the others are runners'."""

NODE_WORDS = frozenset(
    {
        "label", "shape", "type", "prompt", "max_retries", "goal_gate", "retry_target", "fallback_retry_target",
        "timeout", "human.default_choice", *COMMANDS,
    }
)  # fmt: skip
EDGE_WORDS = frozenset({"label", "condition", "weight", "loop_restart"})
GRAPH_WORDS = frozenset({"goal", "label", "default_max_retry", "default_max_retries", "retry_target",
                         "fallback_retry_target", "rankdir"})  # fmt: skip

NO_EFFECT: dict[str, str] = {
    "model_stylesheet": "which model works is chosen where agents are started",
    "llm_model": "which model works is chosen where agents are started",
    "llm_provider": "which model works is chosen where agents are started",
    "model": "which model works is chosen where agents are started",
    "reasoning_effort": "which model works is chosen where agents are started",
    "fidelity": "every agent gets its brief and what earlier steps handed over",
    "default_fidelity": "every agent gets its brief and what earlier steps handed over",
    "thread_id": "every attempt is a session of its own",
    "class": "classes only select models",
    "auto_status": "no status file is read: gates decide",
    "max_parallel": "how many work at a time is decided by how many agents there are",
}
"""Kept as metadata; why it has no effect."""

LOST_WORDS: dict[str, str] = {
    "allow_partial": "a step passes or does not: partial success is no outcome that opens a gate",
    "join_policy": "a join waits for every branch",
    "join_k": "a join waits for every branch",
    "join_quorum": "a join waits for every branch",
    "error_policy": "a branch that fails stops the run for a person",
    "pre_hook": "there are no hooks around a step",
    "post_hook": "there are no hooks around a step",
    "tool_hooks.pre": "there are no hooks around an agent's tools",
    "tool_hooks.post": "there are no hooks around an agent's tools",
    "vars": "a workflow has no variables besides the task",
}
"""Behaviour that a workflow does not have; why."""

DEFAULTS = {"join_policy": "wait_all", "allow_partial": "false", "auto_status": "false", "loop_restart": "false"}
"""Values that say what would hold anyway."""

_DRAWING = """
    K URL area arrowhead arrowsize arrowtail bgcolor center charset clusterrank color colorscheme comment compound
    concentrate constraint decorate dim dir distortion dpi edgeURL edgehref esep fillcolor fixedsize fontcolor fontname
    fontpath fontsize forcelabels gradientangle group head_lp headclip headlabel headport height href id image imagepath
    imagepos imagescale inputscale labelURL labelangle labeldistance labelfloat labelfontcolor labelfontname
    labelfontsize labelhref labeljust labelloc labeltooltip landscape layer layers layout len lhead lheight ltail margin
    mclimit mindist minlen mode nodesep nojustify normalize notranslate nslimit ordering orientation outputorder overlap
    pad page pagedir pencolor penwidth peripheries pin pos quadtree quantum rank ranksep ratio rects regular remincross
    resolution root rotate samehead sametail samplepoints scale searchsize sep shapefile showboxes sides size skew
    smoothing sortv splines style stylesheet tailclip taillabel tailport target tooltip truecolor vertices viewport
    voro_margin width xdotversion xlabel xlp z newrank rankdir
"""
DRAWING = frozenset(_DRAWING.split())

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)?$")
MAX_SECONDS = 366 * 86_400.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_TAG = re.compile(r"<[^<>]*>")


def value(attrs: Attrs, key: str) -> str:
    """An attribute's text, "" without one."""
    return attrs[key].value if key in attrs else ""


def is_true(attrs: Attrs, key: str) -> bool:
    return value(attrs, key).strip().lower() in ("true", "yes", "1")


def whole(text: str) -> int | None:
    """A whole number, None when it is none."""
    text = text.strip()
    return int(text) if re.fullmatch(r"[-+]?[0-9]{1,9}", text) else None


def duration(text: str) -> str | None:
    """A duration as a workflow file writes it (a bare number is seconds), None when it is none or out of bounds."""
    match = _DURATION.fullmatch(text.strip()) if len(text) < 32 else None
    if match is None:
        return None
    unit = match[2] or "s"
    return f"{match[1]}{unit}" if 0.001 <= float(match[1]) * _UNITS[unit] <= MAX_SECONDS else None


def label(attrs: Attrs) -> str:
    """The label as one line, without DOT's line breaks and HTML's tags."""
    if "label" not in attrs:
        return ""
    text = attrs["label"].value
    if attrs["label"].html:
        text = _TAG.sub(" ", text)
    return " ".join(text.replace("\\l", " ").replace("\\r", " ").replace("\\N", "").replace("\\G", "").split())


def kind(node: Node) -> tuple[str, str]:
    """(what the node is, why that is a guess or "")."""
    kind_of_type = value(node.attrs, "type").strip()
    shape = value(node.attrs, "shape").strip()
    ends = {"start": START, "exit": EXIT, "end": EXIT}
    if node.id.lower() in ends and not kind_of_type and ("shape" not in node.attrs or node.attrs["shape"].inherited):
        return ends[node.id.lower()], ""
    if kind_of_type:
        if kind_of_type in TYPES:
            return TYPES[kind_of_type], ""
        return SHAPES.get(shape.lower(), AGENT), f"the type `{shown(kind_of_type)}` is a runner's own"
    if shape:
        if shape.lower() in SHAPES:
            return SHAPES[shape.lower()], ""
        return AGENT, f"the shape `{shown(shape)}` has no meaning of its own"
    return (TOOL if any(key in node.attrs for key in COMMANDS) else AGENT), ""
