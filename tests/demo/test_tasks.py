"""The demo's tasks are real: on the real release each bug shows, each change is right, and the cheat is tempting."""

from __future__ import annotations

from pathlib import Path

import pytest

from andon.core.errors import AndonError
from andon.demo import craft, edits, project
from andon.demo.tasks import EXPONENT, WORKS, Work, work_named


def within(path: str, scope: tuple[str, ...]) -> bool:
    return any(path == glob or (glob.endswith("/**") and path.startswith(glob[:-2])) for glob in scope)


def changed(root: Path) -> list[str]:
    return [
        line[3:]
        for line in project.git(root, "-c", "status.renames=false", "status", "--porcelain", "-uall").splitlines()
    ]


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.key)
def test_solution_is_real(work: Work, checkout: Path) -> None:
    for key in work.after:
        craft.make_change(work_named(key), checkout)
    project.git(checkout, "add", "--all")
    project.git(checkout, "commit", "--quiet", "--allow-empty", "-m", "what it depends on")
    if work.clean:
        assert craft.is_clean(work, checkout), "there must be something to find"
    if work.tests:
        assert "failed" in craft.write_tests(work, checkout)
    craft.make_change(work, checkout)
    assert craft.is_clean(work, checkout) == ""
    whole = craft.run_tests(checkout)
    assert whole.exit_code == 0, whole.tail
    paths = changed(checkout)
    assert paths
    assert [path for path in paths if not within(path, work.scope)] == []
    assert edits.CHANGE_LOG in paths or not work.entry


def test_all_solutions_fit_together(checkout: Path) -> None:
    for work in WORKS:
        for edit in work.tests:
            edits.apply(edit, checkout)
        craft.make_change(work, checkout)
    whole = craft.run_tests(checkout)
    assert whole.exit_code == 0, whole.tail
    log = (checkout / edits.CHANGE_LOG).read_text()
    assert log.count("Development Version") == 1
    assert "issue588" in log and "issue399" in log


def test_the_right_fix_breaks_a_test_that_expects_the_bug(checkout: Path) -> None:
    edits.apply(EXPONENT.changes[0], checkout)
    ran = craft.run_tests(checkout)
    assert ran.exit_code == 1
    assert "test_pprint" in ran.tail


def test_dependencies_come_first() -> None:
    seen: set[str] = set()
    for work in WORKS:
        assert set(work.after) <= seen
        seen.add(work.key)


def test_edit_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\nx = 1\n")
    with pytest.raises(AndonError, match="found it 2 times"):
        edits.apply(edits.Edit(path="a.py", old="x = 1", new="x = 2"), tmp_path)
    with pytest.raises(AndonError, match="found it 0 times"):
        edits.apply(edits.Edit(path="a.py", old="y", new="z"), tmp_path)


def test_two_entries_in_the_change_log_conflict(checkout: Path) -> None:
    for branch, entry in (("one", "First."), ("two", "Second.")):
        project.git(checkout, "checkout", "--quiet", "-b", branch, "main")
        edits.log_change(entry, checkout)
        project.git(checkout, "commit", "--quiet", "--all", "-m", entry)
    with pytest.raises(AndonError):
        project.git(checkout, "merge", "one")
    assert edits.has_conflict(checkout / edits.CHANGE_LOG)
