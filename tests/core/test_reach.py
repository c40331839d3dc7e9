"""Which store keeps a learning, and how it is named from the other one."""

from __future__ import annotations

import pytest

from andon.core import reach
from andon.core.learning import ACTIVE, RETIRED, Learning
from andon.core.words import bm25

PLACES = ("api", "0123abcd")


def learning(name: str, **more: object) -> Learning:
    values: dict[str, object] = {"text": "x", "scopes": ("repo",), "status": ACTIVE} | more
    return Learning(id=name, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scopes", "beyond", "one"),
    [
        (("repo",), False, True),
        (("path:src/**",), False, True),
        (("label:network",), True, False),
        (("workspace",), True, False),
        (("path:src/**", "label:network"), True, True),
    ],
)
def test_where_scopes_lead(scopes: tuple[str, ...], beyond: bool, one: bool) -> None:
    assert (reach.reaches_beyond(scopes), reach.is_of_one(scopes)) == (beyond, one)


@pytest.mark.parametrize(
    ("name", "shared"), [("W1", True), ("W12@ab", True), ("L1", False), ("W", False), ("Wx", False), ("T1", False)]
)
def test_whose_an_id_is(name: str, shared: bool) -> None:
    assert reach.is_shared(name) == shared


def test_links_are_seen_under_plain_ids_where_they_can_be_followed() -> None:
    found = learning("W1", supersedes=("L1@api", "L2@web", "W3"), contradicts=("L4@api",), superseded_by="W9@ffff")
    seen = reach.seen(found, PLACES)
    assert seen.supersedes == ("L1", "L2@web", "W3")
    assert (seen.contradicts, seen.superseded_by) == (("L4",), "W9@ffff")
    assert reach.plain(reach.away("W3", "0123abcd"), PLACES) == "W3"
    assert reach.seen(learning("L1"), PLACES) == learning("L1")


def test_what_the_other_store_has_superseded() -> None:
    new = learning("W1", scopes=("workspace",), supersedes=("L1",))
    assert reach.half_superseded([learning("L1"), new]) == {"L1": "W1"}
    # Within one store both are written at once; a retired one is over; what a person accepted waits for a person.
    assert reach.half_superseded([learning("L1"), learning("L2", supersedes=("L1",))]) == {}
    assert reach.half_superseded([learning("L1", status=RETIRED), new]) == {}
    accepted = learning("L1", reviewed_by="ann")
    assert reach.half_superseded([accepted, new]) == {}
    disputed = learning("W1", scopes=("workspace",), supersedes=("L1",), contradicts=("L1",))
    assert reach.half_superseded([learning("L1"), disputed]) == {}
    agreed = learning("W1", scopes=("workspace",), supersedes=("L1",), contradicts=("L1",), reviewed_by="ann")
    assert reach.half_superseded([accepted, agreed]) == {"L1": "W1"}


def test_candidates_of_a_larger_collection_weigh_as_in_it() -> None:
    documents = {str(number): ["filler"] for number in range(20)} | {"a": ["rare", "common"], "b": ["common", "other"]}
    whole = bm25(("rare", "common"), documents)
    part = bm25(("rare", "common"), {name: documents[name] for name in whole}, total=len(documents))
    assert sorted(whole, key=lambda x: -whole[x]) == sorted(part, key=lambda x: -part[x]) == ["a", "b"]
    assert bm25(("rare",), {}, total=5) == {}
