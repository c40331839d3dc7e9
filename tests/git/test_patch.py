"""A change's identity: kept by a clean rebase, lost by any edit, and by a move to an equal-looking place."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.git.conftest import Sandbox, make

LINES = [f"line {number}" for number in range(30)]
TWINS = ["def one():", "    x = 1", "    return x", "", "def two():", "    x = 1", "    return x", ""]


def text(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def digest(sandbox: Sandbox, base: str, changed: str) -> str:
    return sandbox.repository.patch_digest(base, sandbox.repository.tree_of(changed))


def test_the_same_change_has_the_same_digest_whatever_else_changes_in_the_file(sandbox: Sandbox) -> None:
    base = sandbox.commit({"f": text(LINES)})
    mine = sandbox.commit({"f": text([*LINES[:20], "mine", *LINES[21:]])}, base=base)
    theirs = sandbox.commit({"f": text(["new", *LINES[:5], "theirs", *LINES[6:]])}, base=base)
    merged = sandbox.repository.merge(theirs, mine)
    assert merged.clean
    assert sandbox.repository.patch_digest(theirs, merged.tree) == digest(sandbox, base, mine)


def test_an_equal_edit_at_an_equal_looking_place_is_another_change(sandbox: Sandbox) -> None:
    base = sandbox.commit({"f": text(TWINS)})
    first = sandbox.commit({"f": text([*TWINS[:1], "    y = 2", *TWINS[1:]])}, base=base)
    moved = sandbox.commit({"f": text([*TWINS[:5], "    y = 2", *TWINS[5:]])}, base=base)
    assert digest(sandbox, base, first) != digest(sandbox, base, moved)
    inner_first = sandbox.commit({"f": text([*TWINS[:2], "    y = 2", *TWINS[2:]])}, base=base)
    inner_moved = sandbox.commit({"f": text([*TWINS[:6], "    y = 2", *TWINS[6:]])}, base=base)
    assert digest(sandbox, base, inner_first) != digest(sandbox, base, inner_moved)


def test_everything_about_a_change_counts(sandbox: Sandbox) -> None:
    base = sandbox.commit({"f": text(LINES), "g": text(LINES), "b": b"\0\1\2"})
    variants = [
        {"f": text(LINES[1:])},
        {"f": text(LINES[:-1])},
        {"f": text(LINES)[:-1]},
        {"g": text(LINES[1:])},
        {"f": None},
        {"new": b"x\n"},
        {"new": b"x"},
        {"new": b""},
        {"b": b"\0\1\3"},
        {"b": b"text now\n"},
        {"f": b"\0binary now"},
        {"f": text(LINES).replace(b"\n", b"\r\n")},
        {"f": None, "h": text(LINES)},
        {"od\nd \udce9": b"x\n"},
    ]
    found = {digest(sandbox, base, sandbox.commit(change, base=base)) for change in variants}  # type: ignore[arg-type]
    assert len(found) == len(variants)
    assert all(len(value) == len("patch:") + 64 for value in found)


def test_a_mode_change_counts(sandbox: Sandbox) -> None:
    base = sandbox.git("rev-parse", "HEAD")
    (sandbox.path / "a.txt").chmod(0o755)
    sandbox.git("commit", "-q", "-am", "executable")
    assert digest(sandbox, base, sandbox.git("rev-parse", "HEAD")) != sandbox.repository.patch_digest(base, base)


def test_settings_and_attributes_have_no_influence(sandbox: Sandbox) -> None:
    base = sandbox.commit({"f": text(LINES)})
    changed = sandbox.commit({"f": text(LINES[1:]), ".gitattributes": b"f -diff\n* binary\n"}, base=base)
    before = digest(sandbox, base, changed)
    for key, value in (("diff.algorithm", "histogram"), ("diff.context", "9"), ("diff.noprefix", "true")):
        sandbox.git("config", key, value)
    (sandbox.path / ".gitattributes").write_text("* -diff\n")
    assert digest(sandbox, base, changed) == before


edits = st.lists(
    st.tuples(st.integers(0, 29), st.sampled_from(["insert", "delete", "replace"])), min_size=1, max_size=4
)


def apply(lines: list[str], changes: list[tuple[int, str]], mark: str) -> list[str]:
    result: list[str] = []
    plan = dict(changes)
    for number, line in enumerate(lines):
        kind = plan.get(number)
        if kind == "insert":
            result += [f"{mark} {number}", line]
        elif kind == "replace":
            result.append(f"{mark} {number}")
        elif kind is None:
            result.append(line)
    return result


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mine=edits, theirs=edits, lines=st.sampled_from([LINES, TWINS * 4]), extra=st.integers(0, 29))
def test_clean_merges_keep_it_and_any_further_edit_changes_it(
    mine: list[tuple[int, str]], theirs: list[tuple[int, str]], lines: list[str], extra: int
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        sandbox = make(Path(directory))
        base = sandbox.commit({"f": text(lines)})
        ours = sandbox.commit({"f": text(apply(lines, mine, "mine"))}, base=base)
        other = sandbox.commit({"f": text(apply(lines, theirs, "theirs"))}, base=base)
        own = digest(sandbox, base, ours)
        merged = sandbox.repository.merge(other, ours)
        if merged.clean and lines is LINES and ours != base and merged.tree != sandbox.repository.tree_of(other):
            # With lines that are all different the identity is exact, unless both sides made the same edit.
            same = set(mine) & set(theirs)
            if not same:
                assert sandbox.repository.patch_digest(other, merged.tree) == own
        edited = apply(lines, mine, "mine")
        edited.insert(min(extra, len(edited)), "a further edit")
        again = sandbox.commit({"f": text(edited)}, base=base)
        assert digest(sandbox, base, again) != own
