from __future__ import annotations

import pytest

from andon.workflow.svg import text


def test_what_fits_is_left_alone() -> None:
    assert text.fit("review", 12, 200) == "review"


@pytest.mark.parametrize("limit", [20, 40, 80, 160])
def test_what_is_too_long_is_cut_to_the_limit_with_an_ellipsis(limit: int) -> None:
    cut = text.fit("a very long condition that never ends and never fits", 12, limit)
    assert cut.endswith("…")
    assert text.width(cut, 12) <= limit


def test_wrapping_breaks_identifiers_and_keeps_all_characters_that_fit() -> None:
    lines = text.wrap("reproduce_the_reported_bug", 13, 120, 3)
    assert len(lines) > 1
    assert "".join(lines) == "reproduce_the_reported_bug"
    assert all(text.width(line, 13) <= 120 for line in lines)


def test_the_last_line_ends_in_an_ellipsis_when_there_is_more() -> None:
    lines = text.wrap("one two three four five six seven eight nine ten", 13, 70, 2)
    assert len(lines) == 2
    assert lines[-1].endswith("…")


def test_only_characters_that_xml_allows_are_printable() -> None:
    assert text.printable("a\x00b\x1b[31m\nc\ud800d") == "a\ufffdb\ufffd[31m c\ufffdd"


def test_wide_characters_count_as_wide() -> None:
    assert text.width("漢字", 10) == pytest.approx(20)
    assert text.width("ii", 10) < text.width("mm", 10)
