"""From diagram and options to the flat graph."""

from __future__ import annotations

import subprocess
import sys

import pytest

from andon import workflow
from andon.core import workflow as w


def compiled(diagram: str, sections: str = "", front: str = "") -> w.Workflow:
    text = f"---\nname: t\n{front}---\n```mermaid\nstateDiagram-v2\n{diagram}\n```\n{sections}"
    parsed = workflow.parse(text, "t")
    assert parsed.workflow is not None, [problem.text() for problem in parsed.problems]
    return parsed.workflow


def edges(flow: w.Workflow) -> set[str]:
    return {f"{x.source} {x.condition or x.outcome} {x.target}" for x in flow.edges}


def rules(diagram: str, sections: str = "", front: str = "") -> list[str]:
    text = f"---\nname: t\n{front}---\n```mermaid\nstateDiagram-v2\n{diagram}\n```\n{sections}"
    return [problem.rule for problem in workflow.parse(text, "t").problems]


def options(yaml: str, step: str = "a") -> str:
    return f"## {step}\n```yaml\n{yaml}\n```\n"


DEEP = """
[*] --> Outer
state Outer {
    [*] --> Middle
    state Middle {
        [*] --> Inner
        state Inner {
            [*] --> x
            x --> [*]
        }
        Inner --> [*]
        Inner --> Inner : again
    }
    Middle --> y
    y --> [*]
    y --> Middle : again
}
Outer --> z
Outer --> z : failed
z --> [*]
"""


def test_phases_of_any_depth() -> None:
    flow = compiled(DEEP)
    assert flow.start == "x"
    assert edges(flow) == {
        "x passed y", "x again x", "x failed z", "y passed z", "y again x", "y failed z", "z passed [*]",
    }  # fmt: skip
    assert flow.steps["x"].phase == ("Outer", "Middle", "Inner")
    assert flow.steps["z"].phase == ()
    assert set(flow.phases) == {"Outer", "Middle", "Inner"}


def test_labelled_edges_of_a_phase_hold_for_steps_without_their_own() -> None:
    body = (
        "[*] --> P\nstate P {\n[*] --> a\na --> b\nb --> a : failed\nb --> [*]\n}\nP --> c : failed\nP --> c\nc --> [*]"
    )
    assert edges(compiled(body)) == {
        "a passed b", "b failed a", "b passed c", "a failed c", "c passed [*]",
    }  # fmt: skip


def test_a_phase_may_leave_by_another_outcome() -> None:
    body = "[*] --> P\nstate P {\n[*] --> a\na --> [*] : skip\na --> [*]\n}\nP --> b\nb --> [*]"
    assert edges(compiled(body)) == {"a skip b", "a passed b", "b passed [*]"}


def test_a_state_used_outside_all_phases_belongs_to_its_phase() -> None:
    flow = compiled("[*] --> P\nr --> a : rework\nstate P {\n[*] --> a\na --> [*]\n}\nP --> r\nr --> [*]")
    assert flow.steps["a"].phase == ("P",)
    assert "r rework a" in edges(flow)


@pytest.mark.parametrize(
    ("diagram", "rule"),
    [
        ("state P {\n[*] --> a\n}\nstate Q {\n[*] --> a\n}\n[*] --> P", "ambiguous-phase"),
        ("state P {\n[*] --> a\na --> P\n}\n[*] --> P", "ambiguous-phase"),
        ("state P {\n[*] --> a\nstate Q {\n[*] --> b\nb --> a\n}\n}\n[*] --> P", "ambiguous-phase"),
        ("[*] --> P\nstate P {\na --> b\n}", "phase-without-start"),
        ("[*] --> P\nstate P {\n[*] --> a\n}\nstate P {\n[*] --> b\n}", "duplicate-state"),
        ("[*] --> a\nstate a <<fork>>\nstate a <<join>>", "duplicate-state"),
        ("[*] --> a\nstate a <<fork>>\nstate a {\n[*] --> b\n}", "duplicate-state"),
        ("[*] --> a\n[*] --> b", "second-start"),
        ("[*] --> a : go", "bad-label"),
        ("[*] --> [*]", "bad-edge"),
        ("a --> [*]", "no-start"),
        ("[*] --> P\nstate P {\n[*] --> P_start\n}", "reserved-word"),
        ("[*] --> a\na --> b : two words", "bad-label"),
        ("[*] --> a\nclass b hot", "unknown-step"),
    ],
)
def test_refused_diagrams(diagram: str, rule: str) -> None:
    assert rule in rules(diagram)


def test_choices_and_forks() -> None:
    flow = compiled(
        "[*] --> c\nstate c <<choice>>\nc --> f : outcome == 'x'\nc --> [*] : else\nstate f <<fork>>\n"
        "state j <<join>>\nf --> a\nf --> b\na --> j\nb --> j\nj --> [*]"
    )
    assert flow.pseudo == {"c": "choice", "f": "fork", "j": "join"}
    assert [(x.condition, x.target) for x in flow.out("c")] == [("outcome == 'x'", "f"), (None, "[*]")]
    assert [x.target for x in flow.out("f")] == ["a", "b"]
    assert set(flow.steps) == {"a", "b"}


def test_kinds() -> None:
    body = "[*] --> a\na --> land\nland --> publish\npublish --> [*]"
    flow = compiled(body, options("run: make"))
    assert [flow.steps[x].kind for x in ("a", "land", "publish")] == ["command", "land", "publish"]
    assert compiled(body, options("kind: agent", "land")).steps["land"].kind == "agent"
    assert compiled(body, options("kind: wait\nfor: 5m")).steps["a"].for_s == 300
    assert rules(body, options("expires: 1d")) == ["unknown-key"]
    assert rules(body, options("kind: command")) == ["bad-value"]
    assert rules(body, options("kind: robot")) == ["bad-value"]


def test_step_options() -> None:
    body = "[*] --> a\na --> [*]"
    agent = compiled(body, options("role: maker\nattempts: 5\nlease: 40m\nempty: allow\noutcomes: [later]")).steps["a"]
    assert (agent.role, agent.attempts, agent.lease_s, agent.empty, agent.outcomes) == (
        "maker",
        5,
        2400,
        True,
        ("later",),
    )
    human = compiled(body, options("kind: human\nby: lena\ncount: 2\nexpires: 2d\non_expiry: rejected")).steps["a"]
    assert (human.by, human.count, human.expires_s, human.on_expiry) == (("lena",), 2, 172_800, "rejected")
    fan = compiled(body, options("kind: fanout\nfor_each: list.json\nworkflow: one\njoin: 3\nmax_parallel: 4")).steps[
        "a"
    ]
    assert (fan.for_each, fan.workflow, fan.join, fan.max_parallel) == ("list.json", "one", "3", 4)
    command = compiled(body, options("run: make\ntimeout: 90s\nmemory: 1GiB\nprocesses: 9\noutput: 4KiB")).steps["a"]
    assert command.limits == w.ResourceLimits(timeout_s=90, memory_bytes=2**30, processes=9, output_bytes=4096)


def test_every_gate_kind() -> None:
    front = """gates:
  one: {run: make, report: {sarif: $ANDON_OUT/x.sarif}, require: findings == 0, inputs: ["src/**"], timeout: 5}
  two: {diff: {within: task.scope, forbid: [a, b], max_lines: 4, max_files: 3, commits: 2}}
  three: {artifact: {path: a/b.json, schema: s.json, min_size: 1KiB}}
  four: {review: {role: r, count: 2}}
  five: {approval: {by: [lena], count: 2, expires: 1d}}
  six: {signal: {name: ci, by: [bot], expires: 1h}}
  seven: {policy: p}
"""
    gates = compiled("[*] --> a\na --> [*]", options("gates: [one, {eight: {signal: nightly}}]"), front).gates
    limits = w.ResourceLimits(timeout_s=5)
    report = w.Report(format="sarif", path="x.sarif")
    assert gates["one"] == w.RunGate(
        id="one", run="make", report=report, require="findings == 0", inputs=("src/**",), limits=limits
    )
    assert gates["two"] == w.DiffGate(
        id="two", within=("task.scope",), forbid=("a", "b"), max_lines=4, max_files=3, commits=2
    )
    assert gates["three"] == w.ArtifactGate(id="three", path="a/b.json", schema="s.json", min_bytes=1024)
    assert gates["four"] == w.ReviewGate(id="four", role="r", count=2)
    assert gates["five"] == w.ApprovalGate(id="five", by=("lena",), count=2, expires_s=86_400)
    assert gates["six"] == w.SignalGate(id="six", name="ci", by=("bot",), expires_s=3600)
    assert gates["seven"] == w.PolicyGate(id="seven", policy="p")
    assert gates["eight"] == w.SignalGate(id="eight", name="nightly")


@pytest.mark.parametrize(
    "gate",
    ["{}", "{run: x, review: {role: r}}", "{run: ''}", "{run: x, report: junit.xml}", "{run: x, report: {junit: ../x}}",
     "{artifact: {path: /etc/passwd}}", "{artifact: {}}", "{review: {}}", "{diff: {}}", "{signal: {}}", "[]", "run"],
)  # fmt: skip
def test_bad_gates(gate: str) -> None:
    assert set(rules("[*] --> a\na --> [*]", front=f"gates:\n  x: {gate}\n")) & {"bad-gate", "bad-value"}


def test_front_matter() -> None:
    front = (
        "description: What it is.\nroles: [maker, reviewer]\nprotect: [conftest.py]\n"
        "limits: {visits: 7, wall_time: 1h, tokens: none, submissions: 9}\n"
        "environment: {isolation: vm, setup: make venv, reuse: [a], network: all, env: {N: 1.10, E: ''},"
        " path: [/opt/x]}\n"
    )
    flow = compiled("[*] --> a\na --> [*]", front=front)
    assert flow.description == "What it is."
    assert set(flow.roles) == {"maker", "reviewer"}
    assert flow.protect == (".andon/**", "conftest.py")
    assert flow.limits == w.Limits(visits=7, wall_time_s=3600, tokens=None, submissions=9)
    assert flow.environment == w.Environment(
        isolation="vm", setup=("make venv",), reuse=("a",), network="all", env={"N": "1.10", "E": ""}, path=("/opt/x",)
    )


def test_the_digest_is_the_meaning() -> None:
    plain = compiled("[*] --> a\na --> [*]", options("attempts: 3\nlease: 30m"))
    dressed = compiled("%% a comment\ndirection LR\n[*]-->a\n\na   --> [*]", "\n\n" + options("lease: 1800"))
    assert plain.digest() == dressed.digest()
    assert plain.digest() != compiled("[*] --> a\na --> [*]", options("attempts: 4")).digest()


def test_a_step_named_like_a_review_gate_is_that_review() -> None:
    front = "roles: [maker, critic]\ngates: {review: {review: {role: critic}}}\n"
    body = "[*] --> a\na --> review\nreview --> [*]"
    assert compiled(body, front=front).steps["review"].role == "critic"
    assert compiled(body, options("role: maker", "review"), front).steps["review"].role == "maker"


def test_names_of_files() -> None:
    text = "---\nname: other\n---\n```mermaid\nstateDiagram-v2\n[*] --> a\na --> [*]\n```\n"
    parsed = workflow.parse(text, "some/dir/feature.md")
    assert (parsed.file, parsed.name) == ("some/dir/feature.md", "other")
    assert [(x.rule, x.severity) for x in parsed.problems] == [("name-mismatch", "warning")]
    assert workflow.parse(text, "other").file == ".andon/workflows/other.md"


def test_importing_is_cheap() -> None:
    heavy = "('yaml', 're', 'msgspec', 'typing')"
    code = f"from andon import workflow; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-I", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == "[]"
