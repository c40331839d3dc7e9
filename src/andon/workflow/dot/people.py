"""A person's gate: its choices, read from the edges' labels, as an approval and the outcomes of a rejection.

Rules: one choice is the approval (by its words, else the first); every other is an outcome that a person names. Expiry is
never the approval (law 11). Must not know: how other nodes route.
"""

from __future__ import annotations

import re

from andon.workflow.dot.draft import Way
from andon.workflow.dot.names import normal_label, outcome, without_accelerator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from andon.workflow.dot.routes import Arrow, Routes

_APPROVES = re.compile(
    r"\b(approve[ds]?|accept(ed)?|yes|ok(ay)?|lgtm|ship( it)?|merge|deploy|release|publish|continue|proceed|go|pass(ed)?)\b",
    re.IGNORECASE,
)
_REJECTS = re.compile(
    r"\b(reject(ed)?|no|deny|denied|decline[d]?|abort|cancel|stop|fail(ed)?|not|don'?t|never)\b", re.IGNORECASE
)


def _words(arrow: Arrow) -> str:
    """What a person is offered by an edge: its label, what its condition asks for, or its target's name."""
    if arrow.label:
        return without_accelerator(arrow.label)
    if asked := re.search(r"(?:preferred_label|human\.gate\.label)\s*==?\s*\"?([^\"&|]+)", arrow.condition):
        return without_accelerator(asked[1])
    if re.search(r"outcome\s*==?\s*\"?(fail|failed|rejected)\b|outcome\s*!=\s*\"?success", arrow.condition):
        return "reject"
    return "approve" if "success" in arrow.condition else arrow.edge.target.replace("_", " ")


def human(routes: Routes, name: str) -> None:
    """Make the ways out of a person's step, and say in its brief what each choice is called."""
    arrows = routes.out[name]
    step = routes.steps[name]
    if not arrows:
        routes._ends_here(name)
        return
    approving = next((x for x in arrows if _APPROVES.search(_words(x)) and not _REJECTS.search(_words(x))), None)
    approving = approving or next((x for x in arrows if not _REJECTS.search(_words(x))), arrows[0])
    named: dict[str, Arrow] = {}
    lines = [f"- {_words(approving)}: `andon approve`"]
    routes._way(name, approving)
    for arrow in arrows:
        if arrow is approving:
            continue
        rejects = _REJECTS.search(_words(arrow)) and "rejected" not in named
        word = "rejected" if rejects else outcome(_words(arrow))
        if word in named:
            routes._never(arrow, named[word])
            continue
        named[word] = arrow
        routes._way(name, arrow, word)
        lines.append(f"- {_words(arrow)}: `andon reject" + (f" --outcome {word}`" if word != "rejected" else "`"))
    step.brief = "\n\n".join(x for x in (step.brief, "\n".join(lines)) if x)
    if others := [word for word in named if word != "rejected"]:
        step.options["outcomes"] = others
    _default_choice(routes, name, approving, named)


def _default_choice(routes: Routes, name: str, approving: Arrow, named: dict[str, Arrow]) -> None:
    """What happens when nobody decides in time."""
    node = routes.graph.nodes[name]
    step = routes.steps[name]
    attr = node.attrs.get("human.default_choice")
    target = node.attrs.get("retry_target")
    if attr is None:
        if target is not None and target.value in routes.graph.nodes:
            way = Way(source=step.id, target=routes._target(target.value), label="expired", at=target.at)
            routes.draft.ways.append(way)
        return
    for word, arrow in named.items():
        if attr.value == arrow.edge.target or normal_label(attr.value) == normal_label(arrow.label):
            step.options["on_expiry"] = word
            routes.draft.carried += 1
            return
    reason = (
        "expiry is not approval" if attr.value in (approving.edge.target, approving.label) else "it is no choice here"
    )
    construct = f"node {name}: human.default_choice"
    routes.draft.lost(attr.at, construct, reason, "when nobody decides, the run stops for a person")
