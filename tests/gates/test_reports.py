"""Report formats: what counts, what measured nothing, and what is no report at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.core.figures import CHANGED, COVERAGE, REPORTS
from andon.gates.reports import FINDINGS_MAX, Measured, Unreadable, parse
from andon.gates.reports.json import rebuild


def read(report_format: str, content: str | bytes | dict[str, Any]) -> Measured:
    if isinstance(content, dict):
        content = json.dumps(content)
    return parse(report_format, content.encode() if isinstance(content, str) else content)


def refused(report_format: str, content: str | bytes | dict[str, Any]) -> str:
    with pytest.raises(Unreadable) as caught:
        read(report_format, content)
    return str(caught.value)


# ---------------------------------------------------------------- junit

PYTEST = """<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="1"
 failures="1" skipped="1" tests="4"><testcase classname="tests.test_a" name="test_ok" time="0.001"/>
<testcase classname="tests.test_a" name="test_bad"><failure message="assert 1 == 2">def test_bad():
&gt;       assert 1 == 2
E       assert 1 == 2

tests/test_a.py:5: AssertionError</failure></testcase>
<testcase classname="tests.test_a" name="test_broken"><error message="failed on setup with boom">boom</error></testcase>
<testcase classname="tests.test_a" name="test_later"><skipped type="pytest.xfail" message=""/></testcase>
</testsuite></testsuites>"""


def test_junit_of_pytest() -> None:
    report = read("junit", PYTEST)
    assert report.values == {"tests": 4, "failed": 2, "errors": 1, "skipped": 1, "passed": 1}
    assert report.bad == "failed: 2 of 4 tests: test_bad, test_broken"
    assert report.findings[0].message == "test_bad: assert 1 == 2"
    assert (report.findings[0].path, report.findings[0].line) == ("tests/test_a.py", 5)
    assert set(report.values) == set(REPORTS["junit"])


def test_junit_with_suites_in_suites_and_a_single_suite() -> None:
    inner = "<testsuite><testcase name='a'/></testsuite>"
    nested = f"<testsuites><testsuite>{inner}<testcase name='b'/></testsuite></testsuites>"
    assert read("junit", nested).values["tests"] == 2
    assert read("junit", "<testsuite><testcase name='a'/></testsuite>").values["tests"] == 1


def test_junit_counts_a_case_once() -> None:
    both = "<testsuite><testcase name='a'><failure/><error/><skipped/></testcase></testsuite>"
    assert read("junit", both).values == {"tests": 1, "failed": 1, "errors": 1, "skipped": 0, "passed": 0}


def test_junit_never_believes_the_attributes() -> None:
    report = read("junit", "<testsuites tests='500' failures='0'><testsuite tests='500' failures='0'/></testsuites>")
    assert report.nothing == "the report holds zero tests"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("not xml", "not XML"),
        ("<testsuites><testsuite>", "not XML"),
        ("<coverage/>", "not JUnit XML"),
        ("<testsuites/><testsuites/>", "not XML"),
        ("<!DOCTYPE x SYSTEM 'file:///etc/passwd'><testsuites/>", "document type"),
        (
            '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><testsuites><testcase name="&b;"/></testsuites>',
            "document",
        ),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><testsuites/>".encode("utf-16"), "document type"),
        (b"\xff\xfe\x00", "not XML"),
    ],
)
def test_what_is_not_junit(content: str | bytes, said: str) -> None:
    assert said in refused("junit", content)


def test_deep_junit_neither_crashes_nor_hangs() -> None:
    depth = 20_000
    content = "<testsuite>" * depth + "<testcase name='a'/>" + "</testsuite>" * depth
    try:
        assert read("junit", content).values["tests"] == 1
    except Unreadable as refusal:
        assert str(refusal)


def test_findings_and_names_are_bounded() -> None:
    cases = "".join(f"<testcase name='t{n}{'x' * 1000}'><failure>{'y' * 1000}</failure></testcase>" for n in range(500))
    report = read("junit", f"<testsuite>{cases}</testsuite>")
    assert report.values["failed"] == 500
    assert len(report.findings) == FINDINGS_MAX
    assert max(len(one.message) for one in report.findings) < 700


# ---------------------------------------------------------------- coverage


def covered(executed: list[int], missing: list[int], **more: Any) -> dict[str, Any]:
    entry = {"executed_lines": executed, "missing_lines": missing, "summary": {"percent_covered": 100.0}, **more}
    return {"meta": {}, "files": {"a.py": entry}, "totals": {"percent_covered": 100.0}}


def test_coverage_counts_lines_file_by_file() -> None:
    report = read("coverage", covered([1, 2, 3], [4]))
    assert report.values == {"covered_lines": 3, "lines": 4, "line_rate": 0.75}
    assert report.summary == "75.0% of 4 lines covered"
    with_branches = read("coverage", covered([1], [], executed_branches=[[1, 2]], missing_branches=[[1, 3]]))
    assert with_branches.values["branch_rate"] == 0.5
    # The figures of changed lines need the change; the gate adds them.
    assert set(with_branches.values) == set(REPORTS["coverage"]) - set(CHANGED) == set(COVERAGE)


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{}",
        '{"files": {}}',
        '{"files": {"a": 1}, "totals": {}}',
        '{"files": {"a": {}}, "totals": {}}',
        "nonsense",
    ],
)
def test_what_is_not_coverage(content: str) -> None:
    assert "not" in refused("coverage", content)


def test_coverage_of_nothing() -> None:
    assert read("coverage", {"files": {}, "totals": {}}).nothing == "the coverage report holds zero lines"


# ---------------------------------------------------------------- sarif


def sarif(*results: dict[str, Any], **run: Any) -> dict[str, Any]:
    return {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t"}}, "results": list(results), **run}]}


def test_sarif_counts_what_stands_by_level() -> None:
    place = {"physicalLocation": {"artifactLocation": {"uri": "a.py"}, "region": {"startLine": 3}}}
    rules = {"driver": {"rules": [{"id": "R", "defaultConfiguration": {"level": "error"}}]}}
    report = read("sarif", sarif(
        {"level": "error", "message": {"text": "bad\nmore"}, "ruleId": "X1", "locations": [place]},
        {"ruleId": "R"},
        {"message": {"text": "no level is a warning"}},
        {"level": "note"},
        {"level": "error", "suppressions": [{"kind": "inSource"}]},
        {"level": "error", "suppressions": [{"kind": "external", "status": "rejected"}]},
        {"level": "error", "kind": "pass"},
        {"level": "error", "baselineState": "absent"},
        {"level": "catastrophe"},
        tool=rules,
    ))  # fmt: skip
    assert report.values == {"findings": 6, "error_findings": 4, "warning_findings": 1}
    assert report.bad == "4 findings of level error"
    first = report.findings[0]
    assert (first.message, first.path, first.line, first.rule, first.severity) == ("bad", "a.py", 3, "X1", "blocking")
    assert set(report.values) == set(REPORTS["sarif"])


def test_a_clean_sarif_is_a_measurement() -> None:
    report = read("sarif", sarif())
    assert (report.nothing, report.bad, report.values["findings"]) == ("", "", 0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"version": "2.1.0", "runs": []}, "no run"),
        (sarif(invocations=[{"executionSuccessful": False}]), "did not succeed"),
        ({"version": "2.1.0", "runs": [{"tool": {}}]}, "no results"),
    ],
)
def test_a_scanner_that_did_not_scan(content: dict[str, Any], said: str) -> None:
    assert said in read("sarif", content).nothing


@pytest.mark.parametrize(
    "content", [{}, {"runs": []}, {"version": "1.0", "runs": []}, {"version": "2.1.0", "runs": [3]}]
)
def test_what_is_not_sarif(content: dict[str, Any]) -> None:
    assert "not SARIF" in refused("sarif", content)


# ---------------------------------------------------------------- tap


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("1..2\nok 1 - a\nok 2 - b\n", (2, 0, 0)),
        ("TAP version 13\nok 1\nnot ok 2 - b\n  ---\n  message: x\n  not ok 5\n  ...\n1..2\n", (2, 1, 0)),
        ("TAP version 14\n# Subtest: s\n    ok 1 - inner\n    not ok 2 - inner\n    1..2\nok 1 - s\n1..1\n", (1, 0, 0)),
        ("1..3\nok 1 # SKIP no\nnot ok 2 # TODO later\nok 3 # todo now\n", (3, 0, 2)),
        ("ok\nok\n1..2\n", (2, 0, 0)),
        ("1..1\nnot ok 1 - has \\# skip in its name\n", (1, 1, 0)),
        ("1..1\nok 1 - okay\nokra is no test\n", (1, 0, 0)),
    ],
)
def test_tap(content: str, expected: tuple[int, int, int]) -> None:
    values = read("tap", content).values
    assert (values["tests"], values["failed"], values["skipped"]) == expected
    assert set(values) == set(REPORTS["tap"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("1..0 # SKIP all of it\n", "zero tests"),
        ("1..1\nok 1 # SKIP\n", "the only test was skipped"),
    ],
)
def test_tap_that_measured_nothing(content: str, said: str) -> None:
    assert said in read("tap", content).nothing


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("ok 1\nok 2\n", "no plan"),
        ("1..3\nok 1\n", "the plan says 3 tests, 1 were reported"),
        ("1..1\nok 1\nok 2\n", "the plan says 1"),
        ("1..2\nok 1\nok 1\n", "test 1 came where test 2 was due"),
        ("1..1\n1..1\nok 1\n", "two plans"),
        ("1..2\nok 1\nBail out! disk on fire\n", "bailed out: disk on fire"),
        ("hello", "no plan"),
    ],
)
def test_what_is_not_tap(content: str, said: str) -> None:
    assert said in refused("tap", content)


# ---------------------------------------------------------------- json


def test_json_numbers_become_figures() -> None:
    report = read("json", '{"a": {"b": 3, "ok": true, "list": [1, 2]}, "c": 1.5, "text": "x", "none": null}')
    assert report.figures == {"report.a.b": 3.0, "report.c": 1.5}
    assert report.values["report"]["a"]["list"] == [1, 2]
    assert rebuild(report.figures) == {"a": {"b": 3.0}, "c": 1.5}
    assert set(report.values) == set(REPORTS["json"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[1]", "not an object"),
        ("{", "not JSON"),
        ('{"a": NaN}', "NaN is not JSON"),
        ('{"a": 100000000000000000000}', "does not fit"),
        ('{"a":' * 200_000 + "1" + "}" * 200_000, "nested too deeply"),
        (b"\xff{", "not JSON"),
    ],
)
def test_what_is_not_json(content: str | bytes, said: str) -> None:
    assert said in refused("json", content)


def test_an_empty_object_measured_nothing() -> None:
    assert read("json", "{}").nothing


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(REPORTS)), st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_content_does_anything_but_measure_or_refuse(report_format: str, content: bytes) -> None:
    try:
        assert isinstance(parse(report_format, content), Measured)
    except Unreadable as refusal:
        assert str(refusal)
