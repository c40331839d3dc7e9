"""A draft as a workflow file: front matter, diagram, sections, and the list of what was not carried over.

Rules: the text is the plainest that says exactly this; a prompt that Markdown would read as something else stands in a
block of its own. Must not know: DOT.
"""

from __future__ import annotations

import re

from andon.workflow.dot.draft import CHANGED, LOST, Draft, Finding, Step
from andon.workflow.starters.yaml_text import word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

INDENT = "    "
VISITS = 10
# A line that ends a section, opens a block or begins raw HTML; an indented one is code already.
_STRUCTURE = re.compile(r" {0,3}(?:#{1,2}(?:[ \t]|$)|`{3}|~{3}|<)")
_BAD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]")
_PLAIN_BLOCK = re.compile(r"[^\s#].*", re.DOTALL)


def workflow_file(draft: Draft, findings: tuple[Finding, ...], source: str) -> str:
    """The whole file."""
    lines = ["---", *_front(draft), "---", f"# {_line(draft.title or draft.name)}", ""]
    lines += [f"Imported from `{_line(source).replace('`', ' ')}`. What was not carried over stands at the end.", ""]
    lines += ["```mermaid", "stateDiagram-v2", *_diagram(draft), "```"]
    for step in draft.steps.values():
        lines += _section(step)
    lines += _not_carried(findings)
    lines += ["", "## What was added", "", *(f"- {text}" for text in draft.added)] if draft.added else []
    return _BAD.sub(" ", "\n".join(lines)) + "\n"


def _line(text: str) -> str:
    return " ".join(_BAD.sub(" ", text).split())


# ---------------------------------------------------------------- YAML


def _front(draft: Draft) -> list[str]:
    values: dict[str, Any] = {"name": draft.name}
    if draft.description:
        text = _line(draft.description)
        values["description"] = text if len(text) <= 300 else text[:299] + "…"
    values["done"] = draft.done
    values["limits"] = {"visits": VISITS}
    values["gates"] = draft.gates
    values["metadata"] = draft.metadata
    return [line for key, value in values.items() if value not in ([], {}) for line in _yaml(key, value, 0)]


def _yaml(key: str, value: Any, depth: int) -> list[str]:
    """A key with its value, over as many lines as it needs."""
    margin = "  " * depth
    head = f"{margin}{word(key)}:"
    if isinstance(value, dict):
        return [head, *(line for inner, item in value.items() for line in _yaml(inner, item, depth + 1))]
    if isinstance(value, list):
        flow = f"{head} [{', '.join(word(item) for item in value)}]"
        return [flow] if len(flow) <= 110 else [head, *(f"{margin}  - {word(item)}" for item in value)]
    if isinstance(value, int):
        return [f"{head} {value}"]
    text = _BAD.sub(" ", str(value)).replace("\t", "    ") if "\n" in str(value) else str(value)
    if "\n" in text and _PLAIN_BLOCK.fullmatch(text) and not text.endswith("\n"):
        lines = [line.rstrip() for line in text.split("\n")]
        return [f"{head} |-", *(f"{margin}  {line}" if line else "" for line in lines)]
    return [f"{head} {word(text)}"]


# ---------------------------------------------------------------- the diagram


def _diagram(draft: Draft) -> list[str]:
    lines = [f"{INDENT}direction {draft.direction}"] if draft.direction and draft.direction != "TB" else []
    lines += _states(draft, None, 1)
    lines.append(f"{INDENT}[*] --> {draft.start}")
    return [
        *lines,
        *(f"{INDENT}{way.source} --> {way.target}" + (f" : {way.label}" if way.label else "") for way in draft.ways),
    ]


def _states(draft: Draft, phase: int | None, depth: int) -> list[str]:
    """Declarations, and phases with theirs. A phase begins with its first step; edges name steps, so that decides nothing."""
    margin = INDENT * depth
    lines: list[str] = []
    for step in draft.steps.values():
        if step.phase != phase:
            continue
        if step.kind in ("fork", "join", "choice"):
            lines.append(f"{margin}state {step.id} <<{step.kind}>>")
        elif step.title:
            lines.append(f'{margin}state "{step.title}" as {step.id}')
        elif phase is not None:
            lines.append(f"{margin}{step.id}")
    for index, inner in draft.phases.items():
        if inner.parent != phase:
            continue
        first = _first(draft, index)
        if not first:
            continue
        head = f'"{inner.title}" as {inner.id}' if inner.title and inner.title != inner.id else inner.id
        lines += [f"{margin}state {head} {{", f"{margin}{INDENT}[*] --> {first}"]
        lines += [*_states(draft, index, depth + 1), f"{margin}}}"]
    return lines


def _first(draft: Draft, phase: int) -> str:
    """The step that the phase begins with: the start, else one that is entered from outside, else any; "" without one."""
    inside = [step.id for step in draft.steps.values() if _within(draft, step.phase, phase)]
    if draft.start in inside:
        return draft.start if draft.steps[draft.start].phase == phase else _inner_phase(draft, draft.start, phase)
    entered = [way.target for way in draft.ways if way.target in inside and way.source not in inside]
    for name in (*entered, *inside):
        return name if draft.steps[name].phase == phase else _inner_phase(draft, name, phase)
    return ""


def _within(draft: Draft, phase: int | None, outer: int) -> bool:
    while phase is not None and phase != outer:
        phase = draft.phases[phase].parent
    return phase == outer


def _inner_phase(draft: Draft, step: str, outer: int) -> str:
    """The phase right inside `outer` that holds the step."""
    phase = draft.steps[step].phase
    while phase is not None and draft.phases[phase].parent != outer:
        phase = draft.phases[phase].parent
    return draft.phases[phase].id if phase is not None else step


# ---------------------------------------------------------------- sections


def _section(step: Step) -> list[str]:
    options = {**step.options, **({"metadata": step.metadata} if step.metadata else {})}
    brief = _brief(step.brief)
    if step.kind in ("fork", "join", "choice") or not (options or brief):
        return []
    lines = ["", f"## {step.id}"]
    if options:
        lines += ["```yaml", *(line for key, value in options.items() for line in _yaml(key, value, 0)), "```"]
    return [*lines, *brief]


def _brief(text: str) -> list[str]:
    """A prompt as prose, or inside a block where Markdown would take a part of it for structure."""
    lines = [_BAD.sub(" ", line).rstrip() for line in text.split("\n")]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    if not any(_STRUCTURE.match(line) for line in lines):
        return lines
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *lines, fence]


def _not_carried(findings: tuple[Finding, ...]) -> list[str]:
    told = [x for x in findings if x.level in (LOST, CHANGED)]
    if not told:
        return []
    lines = ["", "## What was not carried over", ""]
    for x in told:
        instead = f"; instead: {x.instead}" if x.instead else ""
        lines.append(_line(f"- {x.line}:{x.column} ({x.level}) {x.construct}: {x.reason}{instead}"))
    return lines
