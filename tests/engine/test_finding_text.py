"""What reviewers type as findings: read as it is meant, or refused; never less than what was said."""

from __future__ import annotations

from typing import Any

import pytest

from andon.core.errors import UsageError
from andon.engine.finding_text import MAX_FINDING_CHARS, MAX_FINDINGS, parse_findings


def read(item: Any) -> tuple[str, int, str, str]:
    (found,) = parse_findings([item])
    return found.path, found.line, found.severity, found.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("app.py:3: blocking: wrong", ("app.py", 3, "blocking", "wrong")),
        ("ä b/f ü\tx.txt:1: blocking: no", ("ä b/f ü\tx.txt", 1, "blocking", "no")),
        ("my file: Major: no", ("my file", 0, "major", "no")),
        ("BLOCKING: wrong", ("", 0, "blocking", "wrong")),
        ("app.py: Blocking : wrong", ("app.py", 0, "blocking", "wrong")),
        ("app.py:3:blocking:wrong", ("app.py", 3, "blocking", "wrong")),
        ("app.py:3:7: blocking: wrong", ("app.py", 3, "blocking", "wrong")),
        ("app.py:3-9: blocking: wrong", ("app.py", 3, "blocking", "wrong")),
        ("C:\\app.py:3: blocking: wrong", ("C:\\app.py", 3, "blocking", "wrong")),
        ("Makefile: warning: a tab", ("Makefile", 0, "warning", "a tab")),
        ("note: nice tests", ("", 0, "note", "nice tests")),
        ("minor: Critical paths have no test", ("", 0, "minor", "Critical paths have no test")),
        ("a full stop is missing", ("", 0, "minor", "a full stop is missing")),
        ("app.py:3: std::vector, see https://example.com: hm", ("app.py", 3, "minor", "std::vector, see https://example.com: hm")),
        ("blocking: one\nmajor: two", ("", 0, "blocking", "one\nmajor: two")),
        ({"message": "wrong", "path": "a b", "line": "3", "severity": "Blocking"}, ("a b", 3, "blocking", "wrong")),
        ({"message": "hm"}, ("", 0, "minor", "hm")),
    ],
)  # fmt: skip
def test_it_is_read_as_it_is_meant(text: Any, expected: tuple[str, int, str, str]) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "critical: wrong",
        "blocker: wrong",
        "app.py:3: high: wrong",
        "a b/c d.py: severe: wrong",
        "app.py:3: very critical: wrong",
        "app.py:3 blocking: wrong",
        "app.py:3 blocking wrong",
        "app.py:3: wrong: blocking: wrong",
        "app.py:3: one\nblocking: two",
        "note: one\nblocking: two",
        "minor: blocking: wrong",
        "[blocking] app.py: wrong",
        "app.py:3: **BLOCKING**: wrong",
        "app.py:3: blocking",
        "blocking:",
        "app.py:3:",
        "",
        {"message": "wrong", "severity": "critical"},
        {"message": "wrong", "level": "blocking"},
        {"message": "", "severity": "blocking"},
    ],
)
def test_what_may_be_meant_graver_is_refused_with_the_grammar(text: Any) -> None:
    with pytest.raises(UsageError) as caught:
        parse_findings([text])
    assert caught.value.kind == "bad_input"
    assert "path:line: severity: text" in caught.value.next and "blocking, major, minor, note" in caught.value.next


@pytest.mark.parametrize("line", ["three", float("inf"), [3]])
def test_a_line_is_a_number(line: Any) -> None:
    with pytest.raises(UsageError, match="is no number"):
        parse_findings([{"message": "wrong", "line": line}])


def test_limits() -> None:
    for items in (
        ["x"] * (MAX_FINDINGS + 1),
        ["x" * (MAX_FINDING_CHARS + 1)],
        [": " * 100_000],
        ["a" * 2000 + ".py: x"],
    ):
        with pytest.raises(UsageError):
            parse_findings(items)
