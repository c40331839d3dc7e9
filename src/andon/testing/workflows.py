"""The workflows of simulated worlds: each shape that the core treats in its own way."""

from __future__ import annotations

import msgspec

from andon.core import workflow as w
from andon.core.swarm import CHILD_KINDS, EACH

TESTS = w.RunGate(id="tests", run="tests")
LINT = w.RunGate(id="lint", run="lint")
REVIEW = w.ReviewGate(id="review", role="reviewer")
CONSENT = w.ApprovalGate(id="consent", expires_s=86_400.0)
SCOPE = w.DiffGate(id="scope", max_files=6)
ROLES = {"implementer": w.Role(), "reviewer": w.Role(distinct_from=("implementer",)), "planner": w.Role()}
LIMITS = w.Limits(visits=6, wall_time_s=10 * 86_400.0, submissions=4)

Edge = tuple[str, ...]


def make(name: str, lease_s: float, session_s: float = 0.0, own_commits: str = "none") -> w.Workflow:
    """The workflow of this shape. session_s: of its agents' steps; 0 for none. own_commits: see `Parameters`.

    Edges are (source, target[, outcome[, condition]]); the first is the start.
    """
    steps, edges, gates, done, pseudo = _SHAPES[name](lease_s)
    if session_s:
        steps = [msgspec.structs.replace(x, session_s=session_s) if x.kind == "agent" else x for x in steps]
    shape = (steps, edges, gates, done, pseudo)
    return _compiled("feature", name, _each(shape) if own_commits in ("parents", "all") else shape)


def _each(shape: Shape) -> Shape:
    """The same, but what children integrated lands as their own commits."""
    steps = [msgspec.structs.replace(x, land=EACH) if x.kind in CHILD_KINDS else x for x in shape[0]]
    return steps, *shape[1:]


def _compiled(name: str, description: str, shape: Shape) -> w.Workflow:
    steps, edges, gates, done, pseudo = shape
    made = []
    for edge in edges[1:]:
        source, target, outcome, condition = (*edge, "", "")[:4]
        made.append(w.Edge(source=source, target=target, outcome=outcome or w.PASSED, condition=condition or None))
    return w.Workflow(
        name=name,
        description=description,
        steps={step.id: step for step in steps},
        edges=tuple(made),
        gates={gate.id: gate for gate in gates},
        done=done,
        roles=ROLES,
        limits=LIMITS,
        pseudo=pseudo,
        start=edges[0][1],
    )


def children_of(name: str, lease_s: float, own_commits: str = "none") -> dict[str, w.Workflow]:
    """The workflows that the children in worlds of this shape follow, by their names."""
    if name not in SWARM_SHAPES:
        return {}
    found = {"piece": _compiled("piece", "piece", _piece(lease_s))}
    if name in ("nested", "endless"):
        part = _part(lease_s) if name == "nested" else _endless(lease_s)
        found["part"] = _compiled("part", "part", _each(part) if own_commits in ("children", "all") else part)
    return found


def decode(text: str) -> w.Workflow:
    """The workflow behind a simulated workflow file."""
    return msgspec.json.decode(text.encode(), type=w.Workflow)


def weakened(workflow: w.Workflow) -> w.Workflow:
    """The same with gates that ask for nothing: what a cheat, or a careless push, makes of it."""
    easy: dict[str, w.Gate] = {
        name: w.RunGate(id=name, run="true") if isinstance(gate, w.RunGate) else gate
        for name, gate in workflow.gates.items()
    }
    return msgspec.structs.replace(workflow, gates=easy)


Shape = tuple[list[w.Step], list[Edge], list[w.Gate], tuple[str, ...], dict[str, str]]


def _implement(lease_s: float, name: str = "implement", **more: object) -> w.Step:
    made = w.Step(id=name, role="implementer", gates=("tests",), attempts=3, lease_s=lease_s)
    return msgspec.structs.replace(made, **more)


def _review(lease_s: float) -> w.Step:
    return w.Step(id="review", role="reviewer", gates=("review",), lease_s=lease_s, outcomes=("rework",))


def _standard(lease_s: float) -> Shape:
    steps = [_implement(lease_s), _review(lease_s), w.Step(id="land", kind="land")]
    edges = [("", "implement"), ("implement", "review"), ("review", "implement", "rework"), ("review", "land")]
    return steps, [*edges, ("land", w.END)], [TESTS, REVIEW, SCOPE], ("tests", "review", "scope"), {}


def _approved(lease_s: float) -> Shape:
    ask = w.Step(id="ask", kind="human", expires_s=4 * lease_s)
    steps = [_implement(lease_s), ask, w.Step(id="land", kind="land")]
    edges: list[Edge] = [("", "implement"), ("implement", "ask"), ("ask", "implement", "rejected")]
    edges += [("ask", "implement", "expired"), ("ask", "land"), ("land", w.END)]
    return steps, edges, [TESTS, CONSENT], ("tests", "consent"), {}


def _consented(lease_s: float) -> Shape:
    steps = [_implement(lease_s), w.Step(id="land", kind="land")]
    return (
        steps,
        [("", "implement"), ("implement", "land"), ("land", w.END)],
        [TESTS, CONSENT],
        ("tests", "consent"),
        {},
    )


def _forked(lease_s: float) -> Shape:
    steps = [
        _implement(lease_s, "left", gates=()),
        _implement(lease_s, "right", gates=()),
        _implement(lease_s, "mend", empty=True),
        _review(lease_s),
        w.Step(id="land", kind="land"),
    ]
    edges: list[Edge] = [("", "split"), ("split", "left"), ("split", "right"), ("left", "both"), ("right", "both")]
    edges += [("both", "mend"), ("mend", "review"), ("review", "mend", "rework"), ("review", "land"), ("land", w.END)]
    return steps, edges, [TESTS, REVIEW], ("tests", "review"), {"split": "fork", "both": "join"}


def _built(lease_s: float) -> Shape:
    steps = [
        _implement(lease_s),
        w.Step(id="build", kind="command", run="lint", attempts=3),
        w.Step(id="rest", kind="wait", for_s=60.0),
        w.Step(id="land", kind="land"),
    ]
    edges: list[Edge] = [("", "implement"), ("implement", "build"), ("build", "implement", "failed")]
    edges += [("build", "rest"), ("rest", "land"), ("land", w.END)]
    return steps, edges, [TESTS, LINT], ("tests", "lint"), {}


def _planned(lease_s: float) -> Shape:
    plan = w.Step(id="plan", role="planner", empty=True, lease_s=lease_s)
    steps = [plan, _implement(lease_s), _review(lease_s), w.Step(id="land", kind="land")]
    edges: list[Edge] = [("", "plan"), ("plan", "implement"), ("implement", "how")]
    edges += [("how", "review", "", "visits.implement > 1"), ("how", "land")]
    edges += [("review", "implement", "rework"), ("review", "land"), ("land", w.END)]
    return steps, edges, [TESTS, LINT, REVIEW], ("tests", "lint"), {"how": "choice"}


def _minimal(lease_s: float) -> Shape:
    steps = [_implement(lease_s, gates=("tests", "scope")), w.Step(id="land", kind="land")]
    return steps, [("", "implement"), ("implement", "land"), ("land", w.END)], [TESTS, SCOPE], ("tests",), {}


LIST = "list.json"


def _plan(lease_s: float) -> w.Step:
    return w.Step(id="plan", role="planner", empty=True, attempts=3, lease_s=lease_s)


def _spread(**more: object) -> w.Step:
    made = w.Step(id="spread", kind="fanout", for_each=LIST, workflow="piece")
    return msgspec.structs.replace(made, **more)


def _fanned(lease_s: float, **more: object) -> Shape:
    mend = _implement(lease_s, "mend", empty=True)
    spread = _spread(**{"max_parallel": 1, **more})
    steps = [_plan(lease_s), spread, mend, _review(lease_s), w.Step(id="land", kind="land")]
    edges: list[Edge] = [("", "plan"), ("plan", "spread"), ("spread", "plan", "failed"), ("spread", "mend")]
    edges += [("mend", "review"), ("review", "mend", "rework"), ("review", "land"), ("land", w.END)]
    return steps, edges, [TESTS, REVIEW], ("tests", "review"), {}


def _raced(lease_s: float) -> Shape:
    return _fanned(lease_s, join="any", max_parallel=None)


def _counted(lease_s: float) -> Shape:
    return _fanned(lease_s, join="2", tokens=9000, max_parallel=2)


def _nested(lease_s: float) -> Shape:
    return _fanned(lease_s, workflow="part", max_parallel=2)


def _part(lease_s: float) -> Shape:
    """What a child follows that hands its own work on."""
    steps = [_plan(lease_s), _spread(), _implement(lease_s, "mend", empty=True), w.Step(id="land", kind="land")]
    edges: list[Edge] = [("", "plan"), ("plan", "spread"), ("spread", "plan", "failed"), ("spread", "mend")]
    return steps, [*edges, ("mend", "land"), ("land", w.END)], [TESTS], ("tests",), {}


def _endless(lease_s: float) -> Shape:
    """Every child would hand its work on again: the limit of depth ends that, and the work is done where it stops."""
    steps, edges, gates, done, pseudo = _part(lease_s)
    again = [msgspec.structs.replace(x, workflow="part") if x.kind == "fanout" else x for x in steps]
    edges = [edge for edge in edges if edge[:2] != ("spread", "plan")] + [("spread", "mend", "failed")]
    return again, edges, gates, done, pseudo


def _spawning(lease_s: float) -> Shape:
    """An agent makes children of its own step and waits for them."""
    steps = [_implement(lease_s, "gather"), _review(lease_s), w.Step(id="land", kind="land")]
    edges: list[Edge] = [("", "gather"), ("gather", "review"), ("review", "gather", "rework"), ("review", "land")]
    return steps, [*edges, ("land", w.END)], [TESTS, REVIEW], ("tests", "review"), {}


def _handed(lease_s: float) -> Shape:
    work = w.Step(id="work", kind="workflow", workflow="piece")
    steps = [work, _implement(lease_s, "mend", empty=True), w.Step(id="land", kind="land")]
    edges: list[Edge] = [("", "work"), ("work", "mend"), ("work", "mend", "failed"), ("mend", "land"), ("land", w.END)]
    return steps, edges, [TESTS], ("tests",), {}


def _piece(lease_s: float) -> Shape:
    steps = [_implement(lease_s), w.Step(id="land", kind="land")]
    return steps, [("", "implement"), ("implement", "land"), ("land", w.END)], [TESTS], ("tests",), {}


SWARM_SHAPES = ("fanned", "raced", "counted", "nested", "handed", "endless", "spawning")

_SHAPES = {
    "fanned": _fanned,
    "raced": _raced,
    "counted": _counted,
    "nested": _nested,
    "handed": _handed,
    "endless": _endless,
    "spawning": _spawning,
    "standard": _standard,
    "approved": _approved,
    "consented": _consented,
    "forked": _forked,
    "built": _built,
    "planned": _planned,
    "minimal": _minimal,
}
