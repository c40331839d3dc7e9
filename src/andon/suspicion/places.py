"""Rules about which paths a change touches: CI, gates, locks, snapshots; and changes without content.

Must not know contents, but for "nothing but white space".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from andon.core.verdict import Finding
from andon.suspicion.languages import is_product, is_test
from andon.suspicion.records import Pair, finding

CI = re.compile(
    r"^(?:\.github/(?:workflows|actions)/|\.gitlab-ci\.ya?ml$|\.gitlab/ci/|\.circleci/|\.travis\.yml$|azure-pipelines\.ya?ml$"
    r"|Jenkinsfile|\.buildkite/|\.drone\.ya?ml$|appveyor\.yml$|\.appveyor\.yml$|\.woodpecker|bitbucket-pipelines\.yml$"
    r"|\.pre-commit-config\.yaml$|codecov\.ya?ml$|\.codecov\.ya?ml$|\.cirrus\.yml$|\.forgejo/workflows/|\.gitea/workflows/)"
)
GATES = re.compile(r"^\.andon/")
LOCKS = re.compile(
    r"(?:^|/)(?:package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|bun\.lockb?|poetry\.lock|uv\.lock|pdm\.lock"
    r"|Pipfile\.lock|pylock[^/]*\.toml|Cargo\.lock|go\.sum|Gemfile\.lock|composer\.lock|mix\.lock|flake\.lock|gradle\.lockfile"
    r"|packages\.lock\.json|Package\.resolved|pubspec\.lock|deno\.lock)$"
)
SNAPSHOTS = re.compile(
    r"(?:^|/)(?:__snapshots__|snapshots?|__image_snapshots__|goldens?|golden_files|cassettes|expected|baselines?)/"
    r"|\.(?:snap|ambr|golden|approved\.[A-Za-z]+|snap\.new)$"
)
SHOWN = 3

_PLACES = (
    ("ci-changed", CI, "continuous integration was touched"),
    ("gates-changed", GATES, "Andon's own definitions were touched"),
    ("locks-changed", LOCKS, "a lock of dependencies was touched"),
)


def judge(pairs: Sequence[Pair]) -> Iterator[Finding]:
    """Findings from paths alone, one for each file but for snapshots."""
    for pair in pairs:
        for rule, pattern, text in _PLACES:
            if pattern.search(pair.path):
                yield finding(rule, pair.path, 0, f"{text}: {_how(pair)}")
    yield from _snapshots(pairs)
    yield from _nothing(pairs)


def _how(pair: Pair) -> str:
    if not pair.before.exists:
        return "added"
    return "changed" if pair.after.exists else "removed"


def _snapshots(pairs: Sequence[Pair]) -> Iterator[Finding]:
    """Only together with code of the product: expectations that change alone are the subject of the change."""
    touched = [pair for pair in pairs if is_snapshot(pair.path) and pair.before.exists]
    code = next((pair.path for pair in pairs if is_product(pair.path) and not is_snapshot(pair.path)), None)
    if code is None:
        return
    for pair in touched:
        yield finding("snapshots-regenerated", pair.path, 0, f"an expectation was {_how(pair)} together with {code}")


def is_snapshot(path: str) -> bool:
    """Whether a file holds expected output."""
    found = SNAPSHOTS.search(path)
    if not found:
        return False
    # `golden/` and its like are common words; they count below tests only. `__snapshots__` and `.snap` always do.
    return found[0].startswith((".", "/__", "__")) or is_test(path)


def _nothing(pairs: Sequence[Pair]) -> Iterator[Finding]:
    if not pairs:
        yield finding("nothing-changed", "", 0, "the change holds nothing")
        return
    readable = all(
        pair.before.exists and pair.after.exists and not pair.before.problem and not pair.after.problem
        for pair in pairs
    )
    if readable and all(_words(pair.before.text) == _words(pair.after.text) for pair in pairs):
        what = "1 file" if len(pairs) == 1 else f"{len(pairs)} files"
        yield finding("nothing-changed", pairs[0].path, 0, f"only white space changed, in {what}")


def _words(text: str) -> str:
    return "".join(text.split())
