"""Comments and attributes that silence a checker: `noqa`, `type: ignore`, `eslint-disable`, `pragma: no cover`, and their like.

A line that was moved as it is, within a file or between files, is no new ignore; nor is another one in place of one that
went. Python's are read from its tokens, so that a text which mentions `noqa` is none. Must not know configuration files.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence

from andon.core.verdict import Finding
from andon.suspicion.languages import is_code
from andon.suspicion.records import Pair, Side, cut, finding

PYTHON: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("noqa", r"#\s*(?:flake8\s*:\s*|ruff\s*:\s*)?noqa\b"),
        ("type: ignore", r"#\s*(?:type|pyright|pyrefly|ty)\s*:\s*ignore\b"),
        ("mypy: ignore-errors", r"#\s*mypy\s*:\s*(?:ignore-errors|disable-error-code|allow-)"),
        ("pylint: disable", r"#\s*pylint\s*:\s*(?:disable|skip-file)"),
        ("pragma: no cover", r"#\s*pragma\s*:\s*no\s*(?:cover|branch)\b"),
        ("nosec", r"#\s*nosec\b"),
    )
)
OTHERS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("eslint-disable", r"(?://|/\*|#|<!--|\{/\*)\s*(?:eslint-disable|tslint:disable|biome-ignore|oxlint-disable|stylelint-disable)"),
        ("@ts-ignore", r"(?://|/\*|\{/\*)\s*@ts-(?:ignore|nocheck|expect-error)"),
        ("coverage ignore", r"(?:/\*|//)\s*(?:istanbul|c8|v8)\s+ignore\b"
            r"|//\s*LCOV_EXCL|//\s*GCOV_EXCL|:nocov:|#\[(?:cfg_attr\([^)]*,\s*)?coverage\(off\)|no_coverage"),
        ("nolint", r"//\s*nolint\b|//\s*NOLINT|#\s*shellcheck\s+disable=|//\s*lint:(?:file-)?ignore|//\s*gosec\b"),
        ("#[allow]", r"^\s*#!?\[(?:allow|expect)\("),
        ("@SuppressWarnings", r"@(?:file:)?Suppress(?:Warnings|Lint)?\(|@SuppressFBWarnings"
            r"|//\s*(?:NOSONAR|CHECKSTYLE:OFF)|#pragma\s+warning\s+disable"),
        ("rubocop:disable", r"#\s*rubocop:(?:disable|todo)\b|#\s*standard:disable"),
        ("phpstan-ignore", r"@phpstan-ignore|@psalm-suppress|phpcs:ignore|@codeCoverageIgnore"),
        ("warnings disabled", r"#\s*pragma\s+(?:GCC|clang)\s+diagnostic\s+ignored|#\s*pragma\s+warning\s*\(\s*disable"),
    )
)  # fmt: skip

_BETWEEN = re.compile(r"\W+")

Mark = tuple[str, int, str]
"""(kind, line, the words of the line)."""


def judge(pairs: Sequence[Pair]) -> Iterator[Finding]:
    """One finding for each ignore that is new to the change."""
    gone: Counter[tuple[str, str]] = Counter()
    new: list[tuple[Pair, Mark]] = []
    for pair in pairs:
        if not is_code(pair.path):
            continue
        before, after = list(_marks(pair, pair.before)), list(_marks(pair, pair.after))
        old = Counter((kind, text) for kind, _line, text in before)
        fresh = []
        for mark in after:
            if old[(mark[0], mark[2])] > 0:
                old[(mark[0], mark[2])] -= 1
            else:
                fresh.append(mark)
        # What is left of the old ones may have been replaced in place: an edited line keeps its ignore.
        spare = Counter(kind for (kind, _text), count in old.items() for _ in range(count))
        for mark in fresh:
            if spare[mark[0]] > 0:
                spare[mark[0]] -= 1
                next_old = next((key for key in old if key[0] == mark[0] and old[key] > 0), None)
                if next_old is not None:
                    old[next_old] -= 1
            else:
                new.append((pair, mark))
        gone += old
    for pair, (kind, line, text) in new:
        if gone[(kind, text)] > 0:
            gone[(kind, text)] -= 1
            continue
        shown = cut(pair.after.lines[line - 1].strip())
        yield finding("ignores-added", pair.path, line, f"`{kind}` was added: `{shown}`")


def _marks(pair: Pair, side: Side) -> Iterator[Mark]:
    if not side.exists or side.problem or not side.text:
        return
    if pair.is_python:
        for line, comment in comments(side):
            for kind, pattern in PYTHON:
                if pattern.search(comment):
                    yield kind, line, _squeeze(side.lines[line - 1])
        return
    for line, text in enumerate(side.lines, 1):
        for kind, pattern in OTHERS:
            if pattern.search(text):
                yield kind, line, _squeeze(text)


def comments(side: Side) -> Iterator[tuple[int, str]]:
    """(line, text) of a Python file's comments, as far as it can be cut into tokens."""
    # Most files mention nothing of the kind; cutting them into tokens would be wasted.
    low = side.text.lower()
    if not any(word in low for word in ("noqa", "ignore", "disable", "pragma", "nosec", "mypy:", "skip-file")):
        return
    try:
        for token in tokenize.generate_tokens(io.StringIO(side.text).readline):
            if token.type == tokenize.COMMENT and token.start[0] <= len(side.lines):
                yield token.start[0], token.string
    except (tokenize.TokenError, SyntaxError, RecursionError, MemoryError):
        # A file that does not parse has a finding of its own; what was read before the error counts.
        return


def _squeeze(text: str) -> str:
    """The words alone: a line that was only formatted anew is the same line."""
    return _BETWEEN.sub(" ", text).strip()
