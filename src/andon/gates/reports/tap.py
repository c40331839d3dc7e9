"""Test Anything Protocol, versions 12 to 14: the plan must hold, "Bail out!" measured nothing, "todo" is not a failure.

Only top-level test lines count (a sub-test's result is its parent's line). A todo that is not ok is counted as skipped.
"""

from __future__ import annotations

import re

from andon.core.verdict import Finding
from andon.gates.reports import FINDINGS_MAX, Measured, Unreadable, shorten, tests_measured

_PLAN = re.compile(r"1\.\.(\d{1,9})\s*(?:#\s*(.*))?$")
_TEST = re.compile(r"(not )?ok\b(?:\s+(\d{1,9}))?(.*)$")
_DIRECTIVE = re.compile(r"(?<!\\)#\s*(skip|todo)\S*(.*)$", re.IGNORECASE)


def parse(content: bytes) -> Measured:
    planned: int | None = None
    tests = failed = skipped = 0
    failures: list[str] = []
    findings: list[Finding] = []
    in_yaml = False
    for line in content.decode("utf-8", errors="replace").splitlines():
        if line.startswith((" ", "\t")):
            # Indented: a YAML block or a sub-test.
            stripped = line.strip()
            in_yaml = stripped == "---" or (in_yaml and stripped != "...")
            continue
        in_yaml = False
        if line.startswith("Bail out!"):
            raise Unreadable(f"the tests bailed out: {shorten(line[9:]) or 'no reason given'}")
        if plan := _PLAN.match(line):
            if planned is not None:
                raise Unreadable("not TAP: it has two plans")
            planned = int(plan[1])
        elif test := _TEST.match(line):
            tests += 1
            if test[2] is not None and int(test[2]) != tests:
                raise Unreadable(f"not TAP: test {test[2]} came where test {tests} was due")
            directive = _DIRECTIVE.search(test[3])
            kind = directive[1].lower() if directive else ""
            if kind == "skip" or (kind == "todo" and test[1]):
                skipped += 1
            elif test[1]:
                failed += 1
                name = shorten(test[3].strip(" -")) or f"test {tests}"
                if len(failures) < FINDINGS_MAX:
                    failures.append(name)
                    findings.append(Finding(message=name, severity="blocking", rule="test"))
    if planned is None:
        raise Unreadable("not TAP: it has no plan (1..N)")
    if planned != tests:
        raise Unreadable(f"the plan says {planned} tests, {tests} were reported")
    return tests_measured(tests=tests, failed=failed, errors=0, skipped=skipped, failures=failures, findings=findings)
