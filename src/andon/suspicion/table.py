"""The table of rules: what each finds, how sure it is, and how heavy its finding weighs when no gate refuses it.

`docs/reference/suspicion.md` is made from it, and workflow files name rules by these ids. Cheap to import: lint reads it.
Must not know how anything is found.
"""

from __future__ import annotations

from msgspec import Struct

TREE = "tree"
"""Python by its syntax tree; other languages, where the rule has them, by patterns of lines."""
EXACT = "exact"
"""From paths, parsed configuration or whole contents: true as stated."""
PATTERN = "pattern"
"""By patterns: may be mistaken."""

WARNING = "warning"
NOTE = "note"

FINDINGS_MAX = 50
"""Findings told in one verdict; all are counted and may be refused."""

ALL = "all"
"""Stands for every rule in `refuse`."""


class Rule(Struct, frozen=True, kw_only=True):
    """sure: tree | exact | pattern. severity: warning (seldom honest) or note (often honest, worth a look)."""

    id: str
    family: str
    finds: str
    sure: str
    severity: str


def _rule(family: str, id: str, sure: str, severity: str, finds: str) -> Rule:
    return Rule(id=id, family=family, finds=finds, sure=sure, severity=severity)


_ROWS = (
    _rule("Tests", "tests-deleted", TREE, WARNING,
          "a test is gone, or is no longer collected; one that was moved or renamed is not gone"),
    _rule("Tests", "tests-removed-with-code", TREE, NOTE, "a test is gone together with the code that it names"),
    _rule("Tests", "tests-fewer", TREE, WARNING, "a parametrized test has fewer cases"),
    _rule("Tests", "tests-skipped", TREE, WARNING,
          "an existing test, class or module is skipped, expected to fail, or left out by a focus"),
    _rule("Tests", "tests-emptied", TREE, WARNING, "an existing test's body was replaced by nothing"),
    _rule("Assertions", "assertions-removed", TREE, WARNING, "an existing test asserts less than before"),
    _rule("Assertions", "assertions-weakened", TREE, WARNING,
          "an assertion of an existing test demands less, can't fail any more, or is not reached"),
    _rule("Assertions", "assertions-empty", TREE, WARNING,
          "an assertion that can't fail, such as `assert True`, or a new test made of nothing else"),
    _rule("Assertions", "subject-mocked", TREE, NOTE,
          "an existing test now replaces the very function that it calls"),
    _rule("Expectations", "expectations-changed", TREE, NOTE,
          "an expected value of an existing test changed together with the code"),
    _rule("Expectations", "snapshots-regenerated", EXACT, NOTE,
          "snapshot or golden files changed together with the code"),
    _rule("Rules", "lint-loosened", EXACT, WARNING, "a linter's configuration demands less"),
    _rule("Rules", "types-loosened", EXACT, WARNING, "a type checker's configuration demands less"),
    _rule("Rules", "coverage-loosened", EXACT, WARNING, "coverage is measured on less, or a lower figure is enough"),
    _rule("Rules", "tests-loosened", EXACT, WARNING, "the test runner's configuration runs less, or forgives more"),
    _rule("Rules", "ignores-added", TREE, WARNING,
          "a comment or attribute that silences a checker was added (`noqa`, `type: ignore`, `eslint-disable`, "
          "`pragma: no cover`, …)"),
    _rule("Machinery", "ci-changed", EXACT, NOTE, "continuous integration was touched"),
    _rule("Machinery", "gates-changed", EXACT, WARNING, "Andon's own definitions were touched"),
    _rule("Machinery", "locks-changed", EXACT, NOTE, "a lock of dependencies was touched"),
    _rule("Machinery", "runner-tampered", TREE, WARNING,
          "test support code that can change outcomes: result hooks, exits of the process, equality that is "
          "always true"),
    _rule("Machinery", "environment-detected", TREE, WARNING,
          "code outside of tests asks whether it runs under a test runner, in CI or in a sandbox"),
    _rule("Change", "nothing-changed", EXACT, NOTE, "the change holds no content, or white space only"),
    _rule("Change", "not-inspected", EXACT, NOTE,
          "a file could not be read by these rules: too large, not parseable, or in an unusual encoding"),
)  # fmt: skip

RULES: dict[str, Rule] = {rule.id: rule for rule in _ROWS}
"""Rule id -> rule, in the order of the reference."""
