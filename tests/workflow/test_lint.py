"""Each lint rule: a file that breaks it, with the place, and one beside it that does not."""

from __future__ import annotations

import pytest

from andon import workflow
from andon.core.errors import UsageError
from andon.workflow.linter import RULES

GATES = """
  tests: {run: make test, report: {junit: j.xml}, require: "tests > 0 && failed == 0"}
  review: {review: {role: reviewer}}
  size: {diff: {max_lines: 9}}
"""
DIAGRAM_LINE = 10
"""Line of the diagram's first statement in files made by `flow`."""


def flow(diagram: str, sections: str = "", *, done: str = "[]", front: str = "", gates: str = GATES) -> str:
    """A file with this diagram, whose sections are given as lines of `id: options`. front: more front matter."""
    head = f"---\nname: t\nroles: {{maker: {{}}, reviewer: {{distinct_from: [maker]}}}}\ndone: {done}\n{front}"
    shared = ",".join(line.strip() for line in gates.strip("\n").split("\n"))
    body = ""
    for line in filter(None, sections.split("\n")):
        step, options = line.split(": ", 1)
        body += f"## {step}\n```yaml\n{{{options}}}\n```\n"
    return f"{head}gates: {{{shared}}}\n---\n# A title\n```mermaid\nstateDiagram-v2\n{diagram}\n```\n{body}"


def found(text: str) -> list[str]:
    """`rule@line` of every problem, warnings with a `?`."""
    problems = workflow.lint(workflow.parse(text, "t"))
    assert all(problem.rule in RULES for problem in problems)
    return [f"{'?' if x.severity == 'warning' else ''}{x.rule}@{x.line}" for x in problems if x.rule != "unused-gate"]


def rules(text: str) -> set[str]:
    return {entry.split("@")[0] for entry in found(text)}


SOUND = flow(
    "[*] --> write\nwrite --> review\nreview --> write : rework\nreview --> land\nland --> [*]",
    "write: role: maker, gates: [tests, size]",
    done="[tests, review, size]",
)


def test_a_sound_file_has_no_problem() -> None:
    assert found(SOUND) == []
    assert workflow.load(SOUND, "t").start == "write"


def test_load_lists_every_error() -> None:
    text = SOUND.replace("review --> land", "review --> lnd").replace("tests, size]", "testz, size]")
    with pytest.raises(UsageError) as caught:
        workflow.load(text, "t")
    assert caught.value.kind == "bad_workflow"
    assert caught.value.exit == 64
    lines = str(caught.value).split("\n")
    assert any(line.startswith(".andon/workflows/t.md:14:") and " unreachable-step " in line for line in lines)
    assert any(" unknown-gate " in line and "did you mean `tests`?" in line for line in lines)


# ---------------------------------------------------------------- the graph


def test_unreachable_steps() -> None:
    assert rules(flow("[*] --> a\na --> [*]\nb --> a")) == {"unreachable-step"}
    assert rules(flow("[*] --> a\na --> [*]\nb --> c\nc --> b")) >= {"unreachable-step"}


def test_dead_ends() -> None:
    assert found(flow("[*] --> a\na --> b\nb --> a : failed\na --> [*] : failed"))[0] == f"dead-end@{DIAGRAM_LINE + 1}"
    assert rules(flow("[*] --> a\na --> b\nb --> a")) == {"dead-end"}
    assert rules(flow("[*] --> P\nstate P {\n[*] --> a\na --> [*]\n}\nP --> x : failed\nx --> [*]")) == {"dead-end"}
    assert rules(flow("[*] --> a\na --> b\na --> [*] : failed\nb --> [*]")) == set()


def test_a_misspelt_step_is_named() -> None:
    text = flow("[*] --> implement\nimplement --> review\nreview --> implment : rework\nreview --> [*]")
    assert f"unknown-step@{DIAGRAM_LINE + 2}" in found(text)
    assert rules(flow("[*] --> a\na --> [*]", "b: attempts: 2")) == {"unknown-step"}


def test_unbounded_loops() -> None:
    loop = "[*] --> a\na --> b\nb --> a : rework\nb --> [*]"
    assert rules(flow(loop)) == set()
    assert rules(flow(loop, front="limits: {visits: none}\n")) == {"unbounded-loop"}
    assert rules(flow("[*] --> a\na --> [*]", front="limits: {visits: 0}\n")) == set()
    spin = "[*] --> a\na --> c\nstate c <<choice>>\nstate d <<choice>>\nc --> d : true\nc --> [*] : else\nd --> c"
    assert "unbounded-loop" in rules(flow(spin))


def test_edges_that_never_fire() -> None:
    assert found(flow("[*] --> a\na --> b\na --> c\nb --> [*]\nc --> [*]"))[0] == f"edge-never-fires@{DIAGRAM_LINE + 2}"
    assert rules(flow("[*] --> a\na --> [*]\na --> a : rework", "a: run: make")) == {"edge-never-fires"}
    assert rules(flow("[*] --> a\na --> [*]\na --> a : failed", "a: run: make")) == set()
    assert rules(flow("[*] --> a\na --> [*]\na --> a : expired")) == {"?edge-never-fires"}
    ask = "[*] --> a\na --> [*]\na --> a : rejected\na --> a : expired"
    assert rules(flow(ask, "a: kind: human, expires: 1h")) == set()
    assert rules(flow(ask, "a: kind: human, expires: 1h, on_expiry: rejected")) == {"edge-never-fires"}
    assert rules(flow(ask + "\na --> a : later", "a: kind: human, expires: 1h")) == {"?edge-never-fires"}
    assert rules(flow(ask + "\na --> a : later", "a: kind: human, expires: 1h, outcomes: [later]")) == set()
    phase = "[*] --> P\nstate P {\n[*] --> a\na --> [*]\n}\nP --> [*]\nP --> P : rework"
    assert rules(flow(phase, "a: run: make")) == {"edge-never-fires"}
    assert rules(flow(phase)) == set()


def test_choices() -> None:
    base = "[*] --> a\na --> c\nstate c <<choice>>\n"
    assert rules(flow(base + "c --> [*] : visits['a'] > 1\nc --> a : else")) == set()
    assert rules(flow(base + "c --> [*] : visits['a'] > 1\nc --> a")) == set()
    assert rules(flow(base + "c --> [*] : visits['a'] > 1")) == {"?choice-without-else"}
    assert rules(flow(base + "c --> [*] : true\nc --> a : visits['a'] > 1")) == {"edge-never-fires"}
    assert rules(flow(base + "c --> [*] : false\nc --> [*]")) == {"edge-never-fires"}
    assert rules(flow(base + "c --> [*]\nc --> a : else")) == {"edge-never-fires"}
    assert rules(flow(base + "c --> [*] : true\nc --> a : else")) == {"edge-never-fires"}
    assert rules(flow(base + "c --> a : else\nc --> [*] : true")) == {"edge-never-fires"}


def test_waits() -> None:
    timer = "[*] --> a\na --> [*]\na --> a : expired"
    assert rules(flow(timer, "a: kind: wait, for: 10m")) == {"edge-never-fires"}
    assert rules(flow(timer, "a: kind: wait, signal: ci, for: 10m")) == set()
    assert rules(flow(timer, "a: kind: wait, signal: ci, for: 10m, on_expiry: late")) == {"edge-never-fires"}


def test_outcomes_without_an_edge() -> None:
    assert rules(flow("[*] --> a\na --> [*]", "a: outcomes: [later]")) == {"missing-outcome-edge"}
    human = flow("[*] --> a\na --> [*]", "a: kind: human, expires: 1d")
    assert found(human) == ["?missing-outcome-edge@10", "?missing-outcome-edge@15"]


# ---------------------------------------------------------------- forks and joins

FORK = "state f <<fork>>\nstate j <<join>>\n"


@pytest.mark.parametrize(
    "body",
    [
        "[*] --> f\nf --> a\nf --> b\na --> j\nb --> j\nj --> [*]",
        "[*] --> f\nf --> a\nf --> b\na --> a : again\na --> j\nb --> c\nc --> j\nj --> [*]",
        "[*] --> f\nf --> P\nf --> b\nstate P {\n[*] --> a\na --> [*]\n}\nP --> j\nb --> j\nj --> [*]",
        "state g <<fork>>\nstate k <<join>>\n[*] --> f\nf --> a\nf --> g\ng --> b\ng --> c\nb --> k\nc --> k\nk --> j\n"
        "a --> j\nj --> [*]",
        "[*] --> f\nf --> a\nf --> b\na --> j\nb --> j\nj --> end1\nend1 --> f : again\nend1 --> [*]",
    ],
)
def test_matching_forks(body: str) -> None:
    assert rules(flow(FORK + body)) == set()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("[*] --> f\nf --> a\na --> j\nb --> j\n[*] --> b\nj --> [*]", "second-start"),
        ("[*] --> f\nf --> a\na --> [*]\nj --> [*]", "fork-join-mismatch"),
        ("[*] --> f\nf --> a\nf --> b\na --> j\nb --> [*]\nb --> j : x\nj --> [*]", "fork-join-mismatch"),
        ("[*] --> f\nf --> a\nf --> b\na --> j\nb --> j\nb --> f : rework\nj --> [*]", "fork-join-mismatch"),
        ("[*] --> w\nw --> f\nf --> a\nf --> b\na --> j\nb --> j\nb --> w : rework\nj --> [*]", "fork-join-mismatch"),
        ("[*] --> f\nf --> a\nf --> b\na --> c\nb --> c\nc --> j\na --> j : x\nj --> [*]", "fork-join-mismatch"),
        ("[*] --> w\nw --> f\nw --> a : skip\nf --> a\nf --> b\na --> j\nb --> j\nj --> [*]", "fork-join-mismatch"),
        ("[*] --> w\nw --> f\nw --> j : skip\nf --> a\nf --> b\na --> j\nb --> j\nj --> [*]", "fork-join-mismatch"),
        ("state k <<join>>\n[*] --> f\nf --> a\nf --> b\na --> j\na --> k : x\nb --> k\nb --> j : x\n"
         "j --> [*]\nk --> [*]", "fork-join-mismatch"),
        ("[*] --> a\na --> j\na --> j : x\nj --> [*]\nf --> a\nf --> b\nb --> [*]", "fork-join-mismatch"),
        ("[*] --> f\nf --> a : now\nf --> b\na --> j\nb --> j\nj --> [*]", "bad-label"),
    ],
)  # fmt: skip
def test_forks_that_do_not_match(body: str, says: str) -> None:
    assert says in rules(flow(FORK + body))


# ---------------------------------------------------------------- done gates


@pytest.mark.parametrize(
    ("body", "sections", "done", "wanted"),
    [
        # The landing measures what is bound to the tree.
        ("[*] --> a\na --> land\nland --> [*]", "", "[tests]", set()),
        # It does not review.
        ("[*] --> a\na --> land\nland --> [*]", "a: role: maker", "[review]",
         {"done-gate-bypassed", "role-unfillable"}),
        ("[*] --> a\na --> r\nr --> land\nland --> [*]", "r: role: reviewer", "[review]", set()),
        ("[*] --> a\na --> r\na --> land : skip\nr --> land\nland --> [*]", "r: role: reviewer", "[review]",
         {"done-gate-bypassed"}),
        # Leaving a step by another outcome than `passed` proves nothing.
        ("[*] --> a\na --> r\nr --> land : skip\nr --> land\nland --> [*]", "r: role: reviewer", "[review]",
         {"done-gate-bypassed"}),
        ("[*] --> a\na --> [*]\na --> [*] : skip", "a: gates: [tests]", "[tests]", {"done-gate-bypassed"}),
        # A step that passes into the end evaluates what can be measured.
        ("[*] --> a\na --> [*]", "", "[tests, size]", set()),
        ("[*] --> a\na --> b\nb --> [*]", "b: kind: human, expires: 1h, on_expiry: rejected", "[tests]",
         {"?missing-outcome-edge"}),
        # Edits after the last evaluation.
        ("[*] --> a\na --> r\nr --> b\nb --> land\nland --> [*]", "r: role: reviewer", "[review]", {"done-gate-stale"}),
        ("[*] --> a\na --> r\nr --> b\nb --> land\nland --> [*]", "r: role: reviewer\na: gates: [tests]", "[tests]",
         set()),
        ("[*] --> a\na --> b\nb --> land\nland --> [*]", "a: gates: [size]", "[size]", {"done-gate-stale"}),
        ("[*] --> a\na --> b\nb --> land\nland --> [*]", "a: gates: [size]\nb: run: make", "[size]", set()),
        ("[*] --> a\na --> r\nr --> a : rework\nr --> land\nland --> a : conflict\nland --> [*]", "r: role: reviewer",
         "[review, size]", {"done-gate-bypassed"}),
        ("[*] --> a\na --> r\nr --> a : rework\nr --> land\nland --> a : conflict\nland --> [*]",
         "r: role: reviewer\na: gates: [size]", "[review, size]", set()),
    ],
)  # fmt: skip
def test_done_gates(body: str, sections: str, done: str, wanted: set[str]) -> None:
    text = flow(body, sections, done=done)
    assert rules(text) == wanted


def test_done_gates_over_forks() -> None:
    beside = FORK + "[*] --> a\na --> f\nf --> r\nf --> s\nr --> j\ns --> j\nj --> land\nland --> [*]"
    sections = "r: role: reviewer\na: role: maker"
    # A branch that only checks leaves the other branch's review as it is; one that edits does not.
    assert rules(flow(beside, sections + "\ns: run: make", done="[review]")) == set()
    assert rules(flow(beside, sections + "\ns: role: maker", done="[review]")) == {"done-gate-bypassed"}
    before = FORK + "[*] --> a\na --> r\nr --> f\nf --> s\nf --> t\ns --> j\nt --> j\nj --> land\nland --> [*]"
    assert rules(flow(before, sections + "\ns: run: x\nt: run: y", done="[review]")) == set()
    assert rules(flow(before, sections + "\ns: run: x", done="[review]")) == {"done-gate-stale"}


def test_the_place_of_a_detour() -> None:
    text = flow("[*] --> a\na --> r\na --> land : skip\nr --> land\nland --> [*]", "r: role: reviewer", done="[review]")
    problem = next(x for x in workflow.lint(workflow.parse(text, "t")) if x.rule == "done-gate-bypassed")
    assert problem.line == DIAGRAM_LINE + 2
    assert "a -(skip)-> land -> [*]" in problem.message


def test_unknown_done_gate() -> None:
    assert rules(flow("[*] --> a\na --> [*]", done="[test]")) == {"done-unknown-gate"}


# ---------------------------------------------------------------- roles, gates, kinds


def test_roles() -> None:
    diagram = "[*] --> a\na --> [*]"
    assert rules(flow(diagram, "a: role: makr")) == {"unknown-role"}
    assert rules(flow(diagram, "a: gates: [review]")) == {"role-unfillable"}
    assert rules(flow(diagram, gates="x: {review: {role: nobody}}")) == {"unknown-role"}
    assert rules(flow(diagram, "a: role: reviewer")) == {"role-unfillable"}
    itself = (
        "---\nname: t\nroles: {x: {distinct_from: [x]}}\n---\n```mermaid\nstateDiagram-v2\n[*] --> a\na --> [*]\n```\n"
    )
    assert found(itself) == ["role-unfillable@3"]


def test_people_have_a_deadline() -> None:
    human = "[*] --> a\na --> [*]\na --> a : rejected"
    assert rules(flow(human, "a: kind: human")) == {"human-gate-without-expiry"}
    assert rules(flow("[*] --> a\na --> [*]", gates="x: {approval: {by: [lena]}}")) == {"human-gate-without-expiry"}
    assert rules(flow("[*] --> a\na --> [*]", gates="x: {approval: {by: [lena], expires: 2d}}")) == set()
    assert rules(flow(human, "a: kind: human, expires: 1h, on_expiry: passed")) == {"expiry-passes"}


def test_gates_and_kinds() -> None:
    diagram = "[*] --> a\na --> [*]"
    assert rules(flow(diagram, "a: gates: [nope]")) == {"unknown-gate"}
    assert rules(flow(diagram, gates="x: {run: make}")) == {"?no-report"}
    assert rules(flow(diagram, gates="x: {run: make, require: output_lines > 0}")) == set()
    assert rules(flow(diagram, gates="x: {policy: p}")) == {"?unsupported-kind"}
    assert rules(flow(diagram, "a: kind: wait")) == {"bad-step"}
    assert rules(flow(diagram, "a: kind: wait, for: 10m")) == set()
    assert rules(flow(diagram, "a: kind: publish")) == {"?unsupported-kind"}
    handed = "a: kind: workflow, workflow: piece, land: each"
    assert rules(flow(diagram, handed)) == {"?unused-option"}
    assert "?unused-option" not in rules(flow("[*] --> a\na --> land\nland --> [*]", handed))
    assert rules(flow(diagram, front="environment: {isolation: jail}\n")) == {"isolation-unknown"}


# ---------------------------------------------------------------- conditions


@pytest.mark.parametrize(
    ("report", "require"),
    [
        ("junit: x", "tests > 0 && failed + errors == 0 && skipped <= base.skipped && passed == tests"),
        ("coverage: x", "line_rate >= 0.8 && covered_lines >= base.covered_lines && branch_rate > base.branch_rate"),
        ("sarif: x", "error_findings == 0 && findings <= base.findings"),
        ("tap: '-'", "tests > 0"),
        ("json: x", "report.summary.score > 3 && report['ok'] == true && base.report.n < report.n"),
        ("json: x", "report.ok"),
    ],
)
def test_sound_conditions(report: str, require: str) -> None:
    gate = f'x: {{run: make, report: {{{report}}}, require: "{require}"}}'
    assert rules(flow("[*] --> a\na --> [*]", gates=gate)) == set()


@pytest.mark.parametrize(
    ("require", "column", "says"),
    [
        ("tests > 0 && failled == 0", 14, "did you mean `failed`?"),
        ("tests > ", 9, "Syntax error"),
        ("tests + 1", 1, "gives int"),
        ("line_rate > 0.5", 1, "there is no `line_rate` here"),
        ("duration_s < 80", 12, "decimal point"),
        ("tests == 'x'", 7, "no matching overload"),
        ("base.test > 1", 5, "there is no"),
    ],
)
def test_conditions_that_do_not_type_check(require: str, column: int, says: str) -> None:
    text = f'---\nname: t\ngates:\n  x:\n    run: make\n    report: {{junit: j}}\n    require: "{require}"\n---\n'
    text += "```mermaid\nstateDiagram-v2\n[*] --> a\na --> [*]\n```\n## a\n```yaml\ngates: [x]\n```\n"
    (problem,) = workflow.lint(workflow.parse(text, "t"))
    assert (problem.rule, problem.line) == ("condition-type", 7)
    assert problem.column == 14 + column, problem.text()
    assert says in problem.text()


def test_conditions_of_choices() -> None:
    base = "[*] --> a\na --> c\nstate c <<choice>>\nc --> a : else\nc --> [*] : "
    for fine in ("outcome == 'passed'", "'x' in task.labels && task.priority > 1", "figures.tests.failed == 0",
                 "visits['a'] > 2"):  # fmt: skip
        assert rules(flow(base + fine)) == set(), fine
    for bad in ("tests > 0", "outcome", "visits > 2", "task.labels == 3", "outcome =="):
        assert rules(flow(base + bad)) == {"condition-type"}, bad
    (problem,) = [
        x for x in workflow.lint(workflow.parse(flow(base + "outcom == 'x'"), "t")) if x.rule == "condition-type"
    ]
    assert (problem.line, problem.column) == (DIAGRAM_LINE + 4, 13)


def test_exit_codes_that_get_lost() -> None:
    diagram = "[*] --> a\na --> [*]"
    for command in ("make | tee log", "make || true", "make; echo done", "make &", "make && { a | b; }"):
        text = flow(diagram, "a: gates: [x]", gates=f'x: {{run: "{command}", require: "output_lines > 0"}}')
        assert "?hidden-exit" in rules(text), command
    for command in (
        "a && b",
        "a || b",
        "a 2>&1 | b; exit ${PIPESTATUS[0]}",
        "awk '/x|y/ {print}' f",
        "n=$(a | b); make",
    ):
        text = flow(diagram, "a: gates: [x]", gates=f'x: {{run: "{command}", require: "output_lines > 0"}}')
        assert "?hidden-exit" not in rules(text), command
