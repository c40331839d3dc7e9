"""Gates that run nothing: bounds on the change, protected paths, artifacts; and conditions by themselves."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from andon.core.errors import InvariantViolation
from andon.core.workflow import ApprovalGate, ArtifactGate, DiffGate, Environment, gate_digest
from andon.gates.conditions import Condition, ConditionError
from andon.gates.diff_gate import judge
from andon.ports import Change, GateRequest


def change(path: str, added: int = 1, deleted: int = 0) -> Change:
    return Change(path=path, old_mode="100644", new_mode="100644", added=added, deleted=deleted)


@pytest.mark.parametrize(
    ("gate", "paths", "scope", "holds", "said"),
    [
        (DiffGate(id="d", within=("task.scope",)), ["src/a"], ("src",), True, "1 file and 1 lines changed"),
        (DiffGate(id="d", within=("task.scope",)), ["docs/a"], ("src",), False, "outside the scope (src): docs/a"),
        (DiffGate(id="d", within=("task.scope",)), ["docs/a"], (), True, "changed"),
        (DiffGate(id="d", within=("task.scope", "docs")), ["docs/a", "src/b"], ("src",), True, "2 files"),
        (DiffGate(id="d", within=("task.scope", "docs")), ["other"], (), True, "changed"),
        (DiffGate(id="d", within=("src", "!src/gen")), ["src/gen/x"], (), False, "outside"),
        (DiffGate(id="d", forbid=("**/*.lock",)), ["a/b.lock"], (), False, "forbidden: a/b.lock"),
        (DiffGate(id="d", max_lines=1), ["a", "b"], (), False, "2 lines changed, at most 1"),
        (DiffGate(id="d", max_lines=2), ["a", "b"], (), True, "2 lines"),
        (DiffGate(id="d", max_files=1), ["a", "b"], (), False, "2 files changed, at most 1"),
        (DiffGate(id="d", commits=0), ["a"], (), False, "1 commits, at most 0"),
        (DiffGate(id="d"), [], (), True, "0 files"),
    ],
)
def test_diff_gate(gate: DiffGate, paths: list[str], scope: tuple[str, ...], holds: bool, said: str) -> None:
    found, summary, _ = judge(gate, [change(path) for path in paths], scope=scope, commits=1)
    assert (found, said in summary) == (holds, True), summary


def test_binary_files_make_no_room_for_lines() -> None:
    gate = DiffGate(id="d", max_lines=3)
    holds, summary, _ = judge(gate, [change("bin", -1, -1), change("a", 2, 2)], scope=(), commits=1)
    assert not holds
    assert summary.startswith("4 lines")


def test_file_names_can_not_break_the_line() -> None:
    holds, summary, paths = judge(
        DiffGate(id="d", forbid=("**",)), [change("a\nok: passed\x1b[2J"), *map(change, "bcdefg")], scope=(), commits=1
    )
    assert not holds
    assert "\n" not in summary
    assert "\x1b" not in summary
    assert summary.endswith("and 2 more")
    assert len(paths) == 7


def test_diff_verdicts_are_bound_to_the_change(world: Any, sandbox: Any) -> None:
    gate = DiffGate(id="scope", within=("task.scope",), max_lines=10)
    good = world.check(sandbox, gate, {"src/a": "1\n"}, scope=["src"])
    assert (good.outcome, good.subject) == ("passed", world.submission(world.git("rev-parse", "HEAD")).patch)
    assert good.environment_digest == "sha256:builtin"
    bad = world.check(sandbox, gate, scope=["docs"])
    assert bad.outcome == "failed"
    assert bad.gate_digest == good.gate_digest == gate_digest(gate)
    renamed = world.check(sandbox, gate, {"src/a": None, "elsewhere/a": "1\n"}, scope=["src"])
    assert renamed.outcome == "failed"


def test_protected_paths(world: Any, sandbox: Any) -> None:
    verifier = world.verifier(sandbox)
    base = world.commit({".andon/workflows/feature.md": "x", "pyproject.toml": "y"})
    commit = world.commit({"src/a": "1"})
    globs = (".andon/**", "pyproject.toml")
    good = verifier.protect(world.submission(commit, base), globs)
    assert (good.gate, good.outcome, good.subject) == ("protect", "passed", f"patch:{commit}")
    edits = ({".andon/new": "1"}, {"pyproject.toml": "z"}, {"pyproject.toml": None}, {"pyproject.toml": ("link", "x")})
    for files in edits:
        edited = verifier.protect(world.submission(world.commit(files), base), globs)
        assert edited.outcome == "failed", files
        assert next(iter(files)).split("/")[0] in edited.summary


SCHEMA = '{"type": "object", "required": ["items"], "properties": {"items": {"type": "array", "minItems": 1}}}'


def test_artifacts(world: Any, sandbox: Any) -> None:
    definitions = world.commit({"schema.json": SCHEMA})
    world.commit({"plan.json": '{"items": []}', "empty": "", "link": ("link", "plan.json"), "schema.json": "true"})

    def check(**options: Any) -> tuple[str, str]:
        gate = ArtifactGate(id="plan", **options)
        verdict = world.check(sandbox, gate, definitions=definitions)
        assert verdict.subject == world.submission("HEAD").tree_subject
        return verdict.outcome, verdict.summary

    assert check(path="plan.json") == ("passed", "plan.json exists (13 bytes)")
    assert check(path="missing") == ("failed", "missing does not exist")
    assert check(path="plan") == ("failed", "plan does not exist")
    assert check(path="empty")[0] == "failed"
    assert check(path="plan.json", min_bytes=100)[0] == "failed"
    assert check(path="link") == ("failed", "link is a symbolic link, not a file")
    outcome, summary = check(path="plan.json", schema="schema.json")
    assert outcome == "failed", "the schema of the definitions counts, not the tree's own"
    assert summary.startswith("plan.json: items: ")
    assert check(path="plan.json", schema="nowhere.json")[0] == "unmeasured"
    assert check(path="empty", schema="schema.json", min_bytes=0)[0] == "failed"
    world.commit({"plan.json": '{"items": [1]}'})
    assert check(path="plan.json", schema="schema.json") == ("passed", "plan.json exists (14 bytes) and is valid")


@pytest.mark.parametrize("schema", ["{", "[1]", '{"type": "nonsense"}', '{"$ref": "http://127.0.0.1:9/x.json"}'])
def test_a_broken_schema_is_unmeasured(world: Any, sandbox: Any, schema: str) -> None:
    definitions = world.commit({"schema.json": schema, "plan.json": "{}"})
    gate = ArtifactGate(id="plan", path="plan.json", schema="schema.json")
    assert world.check(sandbox, gate, definitions=definitions).outcome == "unmeasured"


def test_other_kinds_are_a_bug(world: Any, sandbox: Any) -> None:
    request = GateRequest(gate=ApprovalGate(id="a"), submission=world.submission("HEAD"), environment=Environment())
    with pytest.raises(InvariantViolation):
        world.verifier(sandbox).verify(request)


def test_a_missing_object_is_unmeasured(world: Any, sandbox: Any) -> None:
    import msgspec

    submission = msgspec.structs.replace(world.submission("HEAD"), tree="0" * 40, base="1" * 40)
    verifier = world.verifier(sandbox)
    for gate in (DiffGate(id="d", max_files=3), ArtifactGate(id="a", path="x")):
        request = GateRequest(gate=gate, submission=submission, environment=Environment())
        assert verifier.verify(request).outcome == "unmeasured"
    assert verifier.protect(submission, ["x"]).outcome == "unmeasured"


# ---------------------------------------------------------------- conditions


@pytest.mark.parametrize(
    ("expression", "report_format", "said"),
    [
        ("tests >", "junit", "column 8: Syntax error"),
        ("tets > 0", "junit", "column 1: undeclared reference to 'tets'"),
        ("tests > 'a'", "junit", "column 7: found no matching overload"),
        ("tests", "junit", "it gives INT, not a boolean"),
        ("tests > 0", None, "undeclared reference to 'tests'"),
        ("tests > 0 &&\n (", "junit", "line 2, column 3: Syntax error"),
        ("report.x", "coverage", "undeclared reference"),
    ],
)
def test_a_wrong_condition_says_where(expression: str, report_format: str | None, said: str) -> None:
    with pytest.raises(ConditionError) as caught:
        Condition(expression, report_format)
    assert said in str(caught.value)


def test_only_true_is_yes() -> None:
    assert Condition("tests > 0", "junit").holds({"tests": 1}) is True
    assert Condition("tests > 0", "junit").holds({"tests": 0}) is False
    for expression, values in [
        ("tests > 0", {}),
        ("1 / tests > 0", {"tests": 0}),
        ("report.ok", {"report": {"ok": "true"}}),
        ("report.missing", {"report": {}}),
        ("report", {"report": {}}),
    ]:
        with pytest.raises(ConditionError):
            Condition(expression, "json" if "report" in expression else "junit").holds(values)


def test_what_a_condition_mentions() -> None:
    condition = Condition("tests >= base.tests && 'exit' != \"failed\"", "junit")
    assert condition.names == ("base.tests", "tests")
    assert condition.uses_base
    assert not condition.uses_exit
    assert Condition("exit == 0", None).uses_exit
    assert not Condition("base.exit == 0", None).uses_exit
    assert not Condition("report.exit == 0", "json").uses_exit
    assert Condition("tests >= base . tests", "junit").uses_base


def test_a_cached_verdict_imports_little() -> None:
    code = (
        "import sys, msgspec, andon.ports; before = set(sys.modules);"
        "import andon.gates.verifier; print(sorted(set(sys.modules) - before))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for heavy in ("subprocess", "tempfile", "shutil", "json", "xml", "re", "cel_expr_python", "pathlib", "contextlib"):
        assert f"'{heavy}'" not in result.stdout
