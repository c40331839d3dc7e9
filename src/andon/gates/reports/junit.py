"""JUnit XML, as pytest, Maven, Jest, Go and most runners write it: its test cases are counted one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from andon.core.verdict import Finding
from andon.gates.reports import FINDINGS_MAX, Measured, Unreadable, shorten, tests_measured

if TYPE_CHECKING:
    from collections.abc import Iterator


def parse(content: bytes) -> Measured:
    """Count the test cases. A case with a failure or an error is failed, once, however many it holds."""
    _refuse_doctype(content)
    from junitparser import Error, Failure, JUnitXml, JUnitXmlError, Skipped

    try:
        root: Any = JUnitXml.fromstring(content)
    except (JUnitXmlError, SyntaxError, ValueError) as error:
        raise Unreadable(f"not JUnit XML: {error}") from error
    tests = failed = errors = skipped = 0
    failures: list[str] = []
    findings: list[Finding] = []
    for case in _cases(root):
        tests += 1
        results = list(case.result)
        bad = [one for one in results if isinstance(one, (Failure, Error))]
        if bad:
            failed += 1
            errors += any(isinstance(one, Error) for one in bad)
            if len(failures) < FINDINGS_MAX:
                failures.append(_name(case))
                findings.append(_finding(case, bad[0]))
        elif any(isinstance(one, Skipped) for one in results):
            skipped += 1
    return tests_measured(
        tests=tests, failed=failed, errors=errors, skipped=skipped, failures=failures, findings=findings
    )


def _refuse_doctype(content: bytes) -> None:
    """A document type can hold entities that unfold without end or read files; no runner writes one."""
    from xml.parsers import expat

    def refuse(*_: object) -> None:
        raise Unreadable("the report declares a document type, which a test report has no use for")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise Unreadable(f"not XML: {error}") from error


def _cases(node: Any) -> Iterator[Any]:
    """Every test case below a <testsuites> or <testsuite>, with suites in suites."""
    from junitparser import TestCase, TestSuite

    element = node._elem
    todo = [element]
    if element.tag.rpartition("}")[2] not in ("testsuites", "testsuite"):
        raise Unreadable(f"not JUnit XML: its root is <{element.tag}>")
    while todo:
        current = todo.pop()
        # Children are put on in reverse, so that cases come in file order.
        for child in reversed(list(current)):
            if child.tag == TestSuite._tag or child.tag == TestCase._tag:
                todo.append(child)
        if current.tag == TestCase._tag:
            yield TestCase.fromelem(current)  # type: ignore[no-untyped-call]


def _name(case: Any) -> str:
    return shorten(case.name or "unnamed")


def _finding(case: Any, bad: Any) -> Finding:
    text = bad.text or ""
    path, line = _place(text)
    attributes = case._elem.attrib
    path = path or str(attributes.get("file", ""))
    number = str(attributes.get("line", ""))
    return Finding(
        message=f"{_name(case)}: {shorten(bad.message or text)}",
        path=path,
        line=line or (int(number) if number.isdecimal() and len(number) < 9 else 0),
        severity="blocking",
        rule="test",
    )


def _place(text: str) -> tuple[str, int]:
    """The last "path:line:" that opens a line: where pytest says that a test broke. Paths in the checkout only."""
    import re

    found = re.findall(r"^([\w./\-]+\.\w+):(\d{1,8}):", text[-20_000:], re.MULTILINE)
    for path, line in reversed(found):
        if not path.startswith(("/", "..")):
            return path, int(line)
    return "", 0
