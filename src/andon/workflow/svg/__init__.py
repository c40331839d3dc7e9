"""Workflows drawn as SVG, without any external program or library.

`render_svg` is the whole interface. The passes, each in a module of its own: faces (what is on the cards) → graph
(ranks, chains, lanes) → order (few crossings) → place (pixels) → routes (lines) → layout (records) → draw (elements).
A layered drawing after Sugiyama; see each module for its rules.
Must not know: how workflow files are read, or how runs are stored.
"""

from __future__ import annotations

from andon.workflow.svg.draw import draw
from andon.workflow.svg.layout import lay_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from andon.core.workflow import Workflow


def render_svg(workflow: Workflow, *, states: Mapping[str, str] | None = None) -> str:
    """An SVG document that shows the workflow. Deterministic.

    states: step id -> done | running | ready | waiting | red, to colour a live run; other values are ignored.
    """
    return draw(workflow, lay_out(workflow), states or {})
