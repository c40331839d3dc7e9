"""Overlap of scopes: never denied where a path is in both, and denied where it plainly should be."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.core.globs import Globs
from andon.core.scopes import Occupied, overlap

NAMES = ("a", "b", "ab", "a.py", "b.md")
PATHS = ["/".join(parts) for length in (1, 2, 3) for parts in itertools.product(NAMES, repeat=length)]
SEGMENTS = st.sampled_from(("a", "b", "ab", "*", "**", "a*", "*.py", "*.md", "?", "[ab]", "[!a]", "a.py"))


@st.composite
def patterns(draw: st.DrawFn) -> str:
    body = "/".join(draw(st.lists(SEGMENTS, min_size=1, max_size=3)))
    return draw(st.sampled_from(("", "", "", "!"))) + body + draw(st.sampled_from(("", "", "/")))


SCOPES = st.lists(patterns(), min_size=1, max_size=3)


@given(SCOPES, SCOPES)
@settings(max_examples=600, deadline=None)
def test_a_path_in_both_scopes_is_never_denied(one: list[str], other: list[str]) -> None:
    mine, yours = Globs(one), Globs(other)
    shared = [path for path in PATHS if mine.matches(path) and yours.matches(path)]
    if shared:
        assert overlap(one, other) and overlap(other, one), shared[0]


@given(st.lists(SCOPES, min_size=1, max_size=5), SCOPES)
@settings(max_examples=300, deadline=None)
def test_the_index_says_what_the_pairs_say(held: list[list[str]], wanted: list[str]) -> None:
    occupied: Occupied[int] = Occupied()
    for number, scope in enumerate(held):
        occupied.add(number, scope)
    meeting = {number for number, scope in enumerate(held) if overlap(scope, wanted)}
    found = occupied.first(wanted)
    assert (found is not None) == bool(meeting)
    if found is not None:
        assert found[0] in meeting and occupied.first(wanted, but=tuple(meeting)) is None


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        (["src/a/**"], ["src/b/**"], False),
        (["src/**"], ["src/b/c.py"], True),
        (["src"], ["src/b/c.py"], True),
        (["src/*.py"], ["src/deep/x.py"], False),
        (["**/*.md"], ["src/*.py"], False),
        (["**/*.md"], ["docs/**"], True),
        (["src/**", "!src/gen/**"], ["src/gen/x.py"], False),
        (["src/**", "!src/gen"], ["src/gen/**"], False),
        (["src/**", "!src/gen/**", "src/gen/x.py"], ["src/gen/*"], True),
        (["src/**", "!src/gen/*.py"], ["src/gen/**"], True),
        (["!docs/**"], ["docs/**"], False),
        (["!docs/**"], ["src/x"], True),
        ([], ["src/**"], False),
        ([], [], False),
    ],
)
def test_examples(one: list[str], other: list[str], meet: bool) -> None:
    assert overlap(one, other) is meet
    assert overlap(other, one) is meet
