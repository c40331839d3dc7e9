"""A toy language for the files of simulated repositories, so that the truth about a tree can be known without running it.

A file is words. `bug` fails the gate `tests`; `ugly` fails `lint`; `calls:x` fails `tests` where no file has
`defines:x` (so two changes can each be right alone and wrong together); `by:name` says who wrote it.
Conflict markers break nothing here, as in a text file that no test reads: refusing them is Andon's own duty.
The laws' checkers use these functions on what really landed; the simulated verifier uses them to measure. That is sound
since the product never sees them: it only sees verdicts.
"""

from __future__ import annotations

from andon.core import verdict as v
from andon.core import workflow as w
from andon.core.digests import sha256
from andon.testing.git import Files

WORKFLOW_PATH = ".andon/workflows/feature.md"
ENVIRONMENT_PATH = "environment"
EASY = "true"
"""the command of a gate that was weakened to nothing"""

AREAS: dict[tuple[str, ...], frozenset[str]] = {
    ("src/**",): frozenset({"src/a", "src/deep/b"}),
    ("src/deep/*",): frozenset({"src/deep/b"}),
    ("src/**", "!src/deep/**"): frozenset({"src/a"}),
    ("docs",): frozenset({"docs/c"}),
    ("docs/c", "src/a"): frozenset({"docs/c", "src/a"}),
}
"""Scopes of tasks, with the paths of the toy world that are in them: what overlaps is known without any glob."""


def outcome_of(command: str, files: Files) -> str:
    """What a command finds on a tree: passed or failed."""
    if command == EASY:
        return v.PASSED
    words = [word for path, text in files.items() if not path.startswith(".andon/") for word in text.split()]
    if command == "lint":
        return v.FAILED if "ugly" in words else v.PASSED
    defined = {word[8:] for word in words if word.startswith("defines:")}
    broken = any(word.startswith("calls:") and word[6:] not in defined for word in words)
    return v.FAILED if broken or "bug" in words else v.PASSED


def environment_digest(environment: w.Environment, files: Files) -> str:
    return f"sha256:{sha256(files.get(ENVIRONMENT_PATH, '').encode() + w.canonical_json(environment)).hexdigest()}"


def writers(before: Files, after: Files, paths: list[str]) -> set[str]:
    """Who wrote what is new in these files."""
    found = set()
    for path in paths:
        old = before.get(path, "").split()
        found |= {word[3:] for word in after.get(path, "").split() if word.startswith("by:") and word not in old}
    return found
