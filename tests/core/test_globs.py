"""Path globs: the meaning that scopes, protected paths and gate inputs share."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.core.globs import Globs, matches, overlaps

CASES = [
    ("src", "src", True),
    ("src", "src/a.py", True),
    ("src", "src/a/b.py", True),
    ("src", "srcs/a.py", False),
    ("src", "lib/src/a.py", False),
    ("src/", "src", False),
    ("src/", "src/a/b.py", True),
    ("src/*", "src/a.py", True),
    ("src/*", "src/a/b.py", False),
    ("src/*/", "src/a/b.py", True),
    ("src/*/", "src/a.py", False),
    ("src/**", "src/a/b.py", True),
    ("src/**", "src", False),
    ("**", "a/b/c", True),
    ("**/", "a/b", True),
    ("**/", "a", True),
    ("*", "a", True),
    ("*", "a/b", False),
    ("**/*.py", "a.py", True),
    ("**/*.py", "a/b/c.py", True),
    ("**/*.py", "a/b/c.pyc", False),
    ("**/tests", "a/tests/b.py", True),
    ("**/tests/**", "a/tests/b.py", True),
    ("**/tests/**", "a/tests", False),
    ("a/**/b", "a/b", True),
    ("a/**/b", "a/x/y/b", True),
    ("a/**/b", "a/x/y/b/c", True),
    ("a/**/b", "a/x/y/c", False),
    ("a/**/b/**", "a/b", False),
    ("a/**/b/**", "a/b/b", True),
    (".andon/**", ".andon/workflows/feature.md", True),
    ("pyproject.toml", "pyproject.toml", True),
    ("pyproject.toml", "sub/pyproject.toml", False),
    ("/src/a.py", "src/a.py", True),
    ("./src/a.py", "src/a.py", True),
    (".", "any/thing", True),
    ("/", "any/thing", True),
    ("", "a", False),
    ("a?c", "abc", True),
    ("a?c", "ac", False),
    ("a?c", "a/c", False),
    ("[ab].py", "a.py", True),
    ("[a-c].py", "b.py", True),
    ("[!a-c].py", "b.py", False),
    ("[!a-c].py", "d.py", True),
    ("[^a].py", "b.py", True),
    ("[]].py", "].py", True),
    ("[abc", "[abc", True),
    (r"\*.py", "*.py", True),
    (r"\*.py", "a.py", False),
    (r"\!x", "!x", True),
    ("README*", "README.md", True),
    ("README*", "readme.md", False),
    ("a**b", "axxb", True),
    ("a**b", "ax/xb", False),
    ("with space/new\nline", "with space/new\nline", True),
    ("*.\udcff", "a.\udcff", True),
    ("..", "a", False),
]


@pytest.mark.parametrize(("pattern", "path", "expected"), CASES)
def test_one_pattern(pattern: str, path: str, expected: bool) -> None:
    assert matches(path, [pattern]) is expected


def test_the_last_matching_pattern_decides() -> None:
    globs = Globs(["src", "!src/gen", "src/gen/keep.py"])
    assert globs.select(["src/a", "src/gen/b", "src/gen/keep.py", "x"]) == ["src/a", "src/gen/keep.py"]


def test_a_list_that_begins_with_an_exclusion_begins_with_everything() -> None:
    assert matches("a/b", ["!docs"])
    assert not matches("docs/b", ["!docs"])


def test_an_empty_list_matches_nothing() -> None:
    assert not matches("a", [])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (["src"], ["src/a.py"], True),
        (["src/a.py"], ["src/b.py"], False),
        (["src/**"], ["docs/**"], False),
        (["src/*.py"], ["src/a.*"], True),
        (["src/*.py"], ["src/*.js"], False),
        (["**/*.py"], ["src"], True),
        (["**/test_*"], ["src/a_*"], False),
        (["a", "b"], ["c", "b/x"], True),
        ([], ["a"], True),
        (["a"], [], True),
        (["a/**/z"], ["a/b/c/z"], True),
        (["a/*"], ["a/b/c"], False),
        (["a/*/"], ["a/b/c"], True),
        (["src", "!src/a"], ["src/a/x"], True),
        (["!docs"], ["src"], True),
        ([""], ["src"], False),
        (["src/"], ["src"], True),
        (["x[ab]"], ["xc"], False),
        (["*a*"], ["b*c"], True),
    ],
)
def test_overlaps(one: list[str], other: list[str], expected: bool) -> None:
    assert overlaps(one, other) is expected
    assert overlaps(other, one) is expected


SEGMENTS = st.sampled_from(["a", "b", "ab", "*", "a*", "*b", "?", "**", "[ab]", "[!a]"])
ENDS = st.sampled_from(["", "/"])
PATTERNS = st.builds(lambda parts, end: "/".join(parts) + end, st.lists(SEGMENTS, min_size=1, max_size=4), ENDS)
PATHS = st.lists(st.sampled_from(["a", "b", "ab", "ba", "c"]), min_size=1, max_size=5).map("/".join)


@given(PATTERNS, PATTERNS, PATHS)
def test_scopes_that_share_a_path_overlap(one: str, other: str, path: str) -> None:
    if matches(path, [one]) and matches(path, [other]):
        assert overlaps([one], [other])


@given(PATTERNS, PATHS)
def test_an_exclusion_is_the_complement(pattern: str, path: str) -> None:
    assert matches(path, ["!" + pattern]) is not matches(path, [pattern])


def test_no_pattern_can_hang_the_matcher() -> None:
    started = time.perf_counter()
    assert not matches("a" * 2000 + "/" + "/".join(["a"] * 200), ["*a" * 200 + "b", "**/a/" * 60 + "b"])
    assert overlaps(["*a" * 60], ["a*" * 60])
    assert time.perf_counter() - started < 2.0


def test_the_module_imports_nothing_heavy() -> None:
    code = "import sys; before = set(sys.modules); import andon.core.globs; print(sorted(set(sys.modules) - before))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for heavy in ("'re'", "'typing'", "'fnmatch'", "'functools'", "'pathlib'"):
        assert heavy not in result.stdout
