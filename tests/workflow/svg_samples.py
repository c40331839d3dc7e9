"""Workflows to draw: small, medium, large, deeply nested, odd, and random ones."""

from __future__ import annotations

import random

from andon.core.workflow import (
    END,
    FAILED,
    PASSED,
    ApprovalGate,
    DiffGate,
    Edge,
    Gate,
    ReviewGate,
    Role,
    RunGate,
    Step,
    Workflow,
)

GATES: dict[str, Gate] = {
    "tests": RunGate(id="tests", run="pytest"),
    "lint": RunGate(id="lint", run="ruff check ."),
    "scope": DiffGate(id="scope", within=("task.scope",)),
    "review": ReviewGate(id="review", role="reviewer"),
    "sign_off": ApprovalGate(id="sign_off", expires_s=86_400.0),
}
KINDS = ("agent", "agent", "agent", "command", "human", "fanout", "wait", "workflow", "publish", "land")


def edges(*lines: str) -> tuple[Edge, ...]:
    """Edges written as "a > b", "a > b : outcome" or, out of a choice, "a > b ? condition"."""
    result = []
    for line in lines:
        way, _, condition = line.partition(" ? ")
        way, _, outcome = way.partition(" : ")
        source, target = (part.strip() for part in way.split(">"))
        result.append(
            Edge(source=source, target=target, outcome=outcome.strip() or PASSED, condition=condition.strip() or None)
        )
    return tuple(result)


def small() -> Workflow:
    steps = [
        Step(id="implement", role="implementer", gates=("tests", "lint", "scope")),
        Step(id="review", role="reviewer", gates=("review",)),
        Step(id="land", kind="land"),
    ]
    return Workflow(
        name="feature",
        description="One task from an idea to a landed commit.",
        roles={"implementer": Role(), "reviewer": Role(distinct_from=("implementer",))},
        gates=GATES,
        done=("tests", "review"),
        steps={step.id: step for step in steps},
        start="implement",
        edges=edges("implement > review", "review > implement : rework", "review > land", f"land > {END}"),
    )


def medium() -> Workflow:
    steps = [
        Step(id="break_down", role="product", phase=("Plan",)),
        Step(id="estimate", role="product", phase=("Plan",)),
        Step(id="implement", role="implementer", phase=("Build",), gates=tuple(GATES)),
        Step(id="format", kind="command", run="ruff format .", phase=("Build",)),
        Step(id="review", role="reviewer", phase=("Verify",), gates=("review",)),
        Step(id="security", role="security", phase=("Verify",)),
        Step(id="qa", role="qa", title="Quality assurance", phase=("Verify",)),
        Step(id="triage", role="triage"),
        Step(id="sign_off", kind="human", by=("maria",), expires_s=259_200.0, phase=("Ship",)),
        Step(id="ci", kind="wait", signal="ci", phase=("Ship",)),
        Step(id="publish", kind="publish", phase=("Ship",)),
        Step(id="land", kind="land", phase=("Ship",)),
    ]
    return Workflow(
        name="factory",
        gates=GATES,
        steps={step.id: step for step in steps},
        pseudo={"enough": "choice", "split": "fork", "verified": "join"},
        phases={"Plan": "Plan", "Build": "Build", "Verify": "Verify", "Ship": "Ship it"},
        start="break_down",
        edges=edges(
            "break_down > estimate",
            "estimate > enough",
            'enough > break_down ? visits["break_down"] < 3',
            "enough > implement",
            "implement > format",
            "implement > triage : failed",
            "format > split",
            *(f"split > {name}" for name in ("review", "security", "qa")),
            *(f"{name} > verified" for name in ("review", "security", "qa")),
            *(f"{name} > verified : rework" for name in ("review", "security", "qa")),
            "verified > triage",
            "triage > implement : rework",
            "triage > sign_off",
            "sign_off > publish",
            "sign_off > implement : rejected",
            "sign_off > triage : expired",
            "publish > ci",
            "ci > land",
            "ci > triage : failed",
            "land > triage : failed",
            f"land > {END}",
        ),
    )


def nested() -> Workflow:
    long_id = "an_identifier_that_is_much_too_long_for_any_card_and_has_to_be_cut"
    steps = [
        Step(id="a", phase=("One", "Two", "Three")),
        Step(id="b", phase=("One", "Two")),
        Step(id="c", phase=("One",)),
        Step(id="d", kind="human", phase=("Other",)),
        Step(id="e", kind="command", run='echo "<hi>" && true'),
        Step(id=long_id, phase=("Other",), title="<script>alert('x') & \"y\"</script>"),
    ]
    return Workflow(
        name="odd <&\"'> name",
        description="Not ]]> closed <style> \x00 \x1b[31m",
        gates=GATES,
        steps={step.id: step for step in steps},
        phases={"One": "The <first> phase", "Two": "Two", "Three": "Three", "Other": "Other"},
        start="a",
        edges=edges(
            "a > b",
            "a > a : again",
            "b > c",
            "c > a : rework",
            "b > d : rejected",
            "d > e",
            "c > e",
            f"e > {long_id}",
            f"{long_id} > {END}",
            "d > b : <back> & forth",
        ),
    )


def large(seed: int = 0, count: int = 40) -> Workflow:
    """A random workflow: a line of steps in nested phases, with branches, rework and choices."""
    chance = random.Random(seed)
    names = [f"step_{number:02}" for number in range(count)]
    phases: dict[str, str] = {}
    steps: dict[str, Step] = {}
    path: tuple[str, ...] = ()
    for name in names:
        if chance.random() < 0.25:
            outer = path[: chance.randint(0, min(len(path), 2))]
            path = (*outer, f"Phase {len(phases) + 1}")
            phases[path[-1]] = path[-1]
        elif chance.random() < 0.15:
            path = ()
        gates = tuple(chance.sample(sorted(GATES), chance.randint(0, len(GATES))))
        kind = chance.choice(KINDS)
        steps[name] = Step(id=name, kind=kind, phase=path, gates=gates, role=chance.choice(["maker", "critic", None]))
    pseudo = {f"choice_{number}": "choice" for number in range(count // 12)}
    lines = [f"{one} > {other}" for one, other in zip(names, [*names[1:], END], strict=True)]
    for choice in pseudo:
        source, target, other = chance.sample(names, 3)
        lines += [f"{source} > {choice} : {choice}", f"{choice} > {target} ? visits > 1", f"{choice} > {other}"]
    for number in range(count // 3):
        source, target = chance.choice(names), chance.choice(names)
        lines.append(f"{source} > {target} : {chance.choice([FAILED, 'rework', 'rejected'])}{number}")
    return Workflow(
        name=f"random {seed}",
        gates=GATES,
        steps=steps,
        pseudo=pseudo,
        phases=phases,
        start=names[0],
        edges=edges(*lines),
    )


ALL = {"small": small(), "medium": medium(), "nested": nested(), **{f"large {n}": large(n) for n in range(3)}}
