"""Inspecting a change as a whole: limits, hostile input, bounds of what is told; and the version of the rules."""

from __future__ import annotations

import hashlib
import json
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import andon.suspicion
from andon.core.verdict import Finding
from andon.core.workflow import SUSPICION_VERSION
from andon.suspicion import refusal
from andon.suspicion.inspection import RULES, File, inspect
from andon.suspicion.languages import is_test
from andon.suspicion.records import CHANGE_BYTES_MAX, FILE_BYTES_MAX
from andon.suspicion.table import FINDINGS_MAX

DEEP = {
    "attributes": "x = a" + ".b" * 50_000,
    "sums": "x = 1" + "+1" * 50_000,
    "parentheses": "(" * 50_000,
    "signs": "x = " + "-" * 50_000 + "1",
    "calls": "f" + "()" * 50_000,
    "lists": "x = " + "[" * 150 + "]" * 150,
    "else": "if a: pass\n" + "elif a: pass\n" * 5_000,
    "null": "a\0b",
    "decorators": "@a\n" * 5_000 + "def test_a(): pass",
    "many tests": "".join(f"def test_{n}(): g({n})\n" for n in range(4_000)),
    "many asserts": "def test_a():\n" + "".join(f"    assert f({n}) == {n}\n" for n in range(4_000)),
    "comments": "/*" * 200_000,
    "quotes": '"' * 200_001,
    "words": "a" * 1_900 + "\n" + ("@Test\nint " + " " * 1_900 + "\n") * 200,
    "brackets": "[tool.mypy.overrides]\n" + "'x[' = true\n",
    "items": "[tool.ruff]\nignore = [" + ", ".join(f"'E{n}'" for n in range(20_000)) + "]\n",
    "options": "[tool:pytest]\naddopts = -k " + "x " * 200_000,
    "one line": "x = '" + "a" * 900_000 + "'",
    "ors": "def test_a():\n    assert " + " or ".join("x" for _ in range(20_000)),
}


@pytest.mark.parametrize(
    "path",
    [
        "tests/test_a.py",
        "src/a.py",
        "tests/a.test.js",
        "tests/ATest.java",
        "pyproject.toml",
        ".eslintrc.json",
        "setup.cfg",
        ".eslintrc.js",
    ],
)
@pytest.mark.parametrize("kind", DEEP)
def test_hostile_input_ends_soon_and_never_raises(kind: str, path: str) -> None:
    began = time.process_time()
    text = DEEP[kind].encode()
    for before, after in ((b"x = 1\n", text), (text, b"x = 1\n"), (None, text), (text, text + b"\n#")):
        found = inspect([File(path=path, before=before, after=after)])
        assert all(len(finding.message) <= 400 for finding in found)
    assert time.process_time() - began < 30


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=200),
    st.binary(max_size=200),
    st.sampled_from(["tests/test_a.py", "a.rb", "a_test.go", "setup.cfg", "\udcff\n.py", "package.json"]),
)
def test_any_bytes_are_inspected(before: bytes, after: bytes, path: str) -> None:
    found = inspect([File(path=path, before=before, after=after)])
    assert {finding.rule for finding in found} <= set(RULES)
    assert json.dumps([finding.path for finding in found]).isascii()
    assert all(finding.path.isprintable() and finding.message.isprintable() for finding in found)


def test_what_is_too_large_says_so() -> None:
    big = b"x = 1\n" * (FILE_BYTES_MAX // 6 + 1)
    (found,) = inspect([File(path="src/a.py", before=big, after=b"x = 1\n")])
    assert (found.rule, "larger than" in found.message) == ("not-inspected", True)
    half = b"#" * (FILE_BYTES_MAX // 2)
    files = [
        File(path=f"src/{n}.txt", before=half, after=half + b".") for n in range(CHANGE_BYTES_MAX // FILE_BYTES_MAX + 2)
    ]
    assert [finding.message for finding in inspect(files)] == ["the change is too large to be read whole"]


def test_order_of_files_does_not_matter() -> None:
    files = [
        File(path=f"tests/test_{n}.py", before=b"def test_a():\n    assert f(%d)\n" % n, after=b"") for n in range(9)
    ]
    expected = inspect(files)
    assert expected
    random.Random(1).shuffle(files)
    assert inspect(files) == expected


def test_more_findings_than_are_told_are_counted_and_refused() -> None:
    findings = [Finding(rule="ignores-added", message=str(n), path="a.py", line=n) for n in range(200)]
    findings.append(Finding(rule="tests-deleted", message="gone", path="z.py"))
    told = refusal.told(findings, {"tests-deleted"})
    assert len(told) == FINDINGS_MAX
    assert (told[0].rule, told[0].severity) == ("tests-deleted", "blocking")
    assert told[-1].message == "152 more findings: 152 ignores-added"
    assert [finding.rule for finding in refusal.refused(findings, {"tests-deleted"})] == ["tests-deleted"]


@pytest.mark.parametrize(
    ("path", "refuse", "blind"),
    [
        ("tests/test_a.py", {"tests-deleted"}, True),
        ("tests/test_a.py", {"environment-detected"}, False),
        ("src/a.py", {"tests-deleted"}, False),
        ("src/a.py", {"environment-detected"}, True),
        ("pyproject.toml", {"lint-loosened"}, True),
        ("pyproject.toml", {"tests-deleted"}, False),
        ("", {"ci-changed"}, True),
        ("", set(), False),
    ],
)
def test_what_was_not_inspected_matters_to_the_rules_that_would_have_read_it(
    path: str, refuse: set[str], blind: bool
) -> None:
    findings = [Finding(rule="not-inspected", message="x", path=path)]
    assert bool(refusal.blind(findings, refuse)) is blind


@pytest.mark.parametrize(
    "path",
    ["tests/a.py", "test_a.py", "a_test.go", "src/a.spec.ts", "conftest.py", "src/AppTest.java", "x/__tests__/a.js"],
)
def test_paths_of_tests(path: str) -> None:
    assert is_test(path)
    assert not is_test(path.replace("test", "prod").replace("Test", "Prod").replace("spec", "prod"))


# Renewed together with SUSPICION_VERSION; see the test below.
VERSION_OF_RULES = (1, "59d06bb0bebdb6b2")


def test_changed_rules_have_a_new_version() -> None:
    """A verdict that a rule gave counts only as long as the rule is the same (law 2).

    When this fails: raise SUSPICION_VERSION in core/workflow.py if main has released the present one, and renew the digest.
    """
    hasher = hashlib.sha256()
    for path in sorted(Path(andon.suspicion.__file__).parent.glob("*.py")):
        lines = (line.strip() for line in path.read_text(encoding="utf-8").split("\n"))
        hasher.update("\n".join([path.name, *(line for line in lines if line and not line.startswith("#"))]).encode())
    assert (SUSPICION_VERSION, hasher.hexdigest()[:16]) == VERSION_OF_RULES
