"""Each format as the tools write it: what is carried over, what is listed, and bad files by their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from andon.core.errors import UsageError
from andon.core.imported import ForeignTask, ForeignTasks, cycle_in
from andon.exchange import FORMATS, detect, read
from andon.exchange.parts import MAX_PROBLEMS, SourceFile

SAMPLES = Path(__file__).parent / "samples"


def sample(*names: str, done: str = "") -> list[SourceFile]:
    return [SourceFile(name=x, text=(SAMPLES / x).read_text(), done=bool(done) and done in x) for x in names]


def text(content: str, name: str = "x.md") -> list[SourceFile]:
    return [SourceFile(name=name, text=content)]


def by_id(found: ForeignTasks) -> dict[str, ForeignTask]:
    return {x.source.partition(":")[2]: x for x in found.tasks}


def lost(found: ForeignTasks, name: str) -> list[str]:
    return [x.field for x in found.lost if x.source.endswith(name)]


BACKLOG = [
    "backlog/tasks/back-3 - Load.md",
    "backlog/tasks/back-7 - Show-the-parent.md",
    "backlog/tasks/back-7.1 - Draw.md",
    "backlog/completed/back-2 - Begin.md",
]


class TestDetection:
    @pytest.mark.parametrize(
        ("names", "form"),
        [
            (["issues.jsonl"], "beads"),
            (["gh.json"], "github"),
            (["rest.json"], "github"),
            (["todo.md"], "markdown"),
            (["001-photo-albums/tasks.md"], "spec-kit"),
            (BACKLOG, "backlog"),
        ],
    )
    def test_the_content_tells(self, names: list[str], form: str) -> None:
        assert detect(sample(*names)) == form

    def test_neither_one_nor_several(self) -> None:
        with pytest.raises(UsageError, match=r"x\.md looks like none of beads"):
            detect(text("# Just words\n"))
        with pytest.raises(UsageError, match=r"several formats: issues\.jsonl is beads, todo\.md is markdown"):
            detect(sample("issues.jsonl", "todo.md"))
        with pytest.raises(UsageError, match="format jira is not known"):
            read(text("- [ ] x"), "jira")

    @pytest.mark.parametrize("form", FORMATS)
    @pytest.mark.parametrize(
        "content", ["", "\x00", "{", "[1]", "[[]]", '{"a": 1}', "---\n---\n", "- [ ]", "\n\n", "- [ ] \x00 x"]
    )
    def test_rubbish_ends_in_plain_words(self, form: str, content: str) -> None:
        try:
            found = read(text(content), form)
        except UsageError as error:
            assert error.kind == "bad_input"
            assert error.next
        else:
            assert all(task.title for task in found.tasks)


class TestBeads:
    def test_what_is_carried_over(self) -> None:
        found = read(sample("issues.jsonl"))
        tasks = by_id(found)
        assert list(tasks) == ["shop-a1", "shop-a1.1", "shop-a1.2", "shop-a1.3", "shop-b2"]
        total = tasks["shop-a1.2"]
        assert total.body == "Sum with tax.\n\n## Design\n\nOne pass.\n\n## Notes\n\nAsk about VAT."
        assert total.acceptance == ("Rounds to cents", "Handles no tax")
        assert total.depends_on == ("beads:shop-a1.1",)
        assert (total.priority, total.labels, total.state) == (2, ("money", "core"), "open")
        assert [tasks[x].state for x in ("shop-a1", "shop-a1.1", "shop-b2")] == ["draft", "closed", "draft"]
        assert lost(found, "shop-a1.2") == ["status", "dependencies", "assignee", "external_ref", "comments"]
        assert lost(found, "shop-a1.3") == ["dependencies"]
        assert lost(found, "beads:vat") == ["_type"]
        assert total.place == "issues.jsonl, line 3"

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("{", "line 2: no JSON"),
            ("[1]", "line 2: it is no JSON object"),
            ('{"title": "x"}', "line 2: it has no id"),
            ('{"id": "b", "priority": 1}', "line 2: it has no title"),
            ('{"id": "b", "title": ""}', "line 2: it has no title"),
            ('{"id": "b", "title": "x", "priority": 7}', "line 2: priority 7"),
            ('{"id": "a", "title": "x"}', "line 2: a is a duplicate of x.jsonl, line 1"),
            ('{"id": "b", "title": "x", "dependencies": [{"type": "blocks"}]}', "line 2: a dependency without"),
            ('{"id": "b", "title": "\\ud800"}', "line 2: "),
        ],
    )
    def test_bad_lines_are_named(self, line: str, words: str) -> None:
        with pytest.raises(UsageError) as caught:
            read(text('{"id": "a", "title": "x"}\n' + line, "x.jsonl"), "beads")
        assert words in caught.value.message

    def test_many_bad_lines_are_counted(self) -> None:
        with pytest.raises(UsageError, match=f"and {100 - MAX_PROBLEMS} more"):
            read(text("x\n" * 100, "x.jsonl"), "beads")

    def test_a_blocked_or_strange_one_is_held_back(self) -> None:
        lines = '{"id": "a", "title": "x", "status": "blocked"}\n{"id": "b", "title": "y", "status": "qa"}'
        assert [x.state for x in read(text(lines), "beads").tasks] == ["draft", "draft"]

    def test_too_long_is_cut_and_said(self) -> None:
        line = '{"id": "a", "title": "%s"}' % ("long " * 150)
        found = read(text(line), "beads")
        assert len(found.tasks[0].title) == 500
        assert found.tasks[0].body.startswith("long long")
        assert lost(found, "a") == ["title"]


class TestMarkdown:
    def test_nesting_headings_bodies_and_references(self) -> None:
        found = read(sample("todo.md"))
        tasks = {x.title: x for x in found.tasks}
        assert list(tasks) == [
            "Rewrite the parser",
            "Read bytes",
            "Measure it",
            "Document it",
            "Fix the flaky test",
            "Buy a cake",
        ]
        parser = tasks["Rewrite the parser"]
        assert parser.body == "It is slow. See `src/parser.py`.\n\n- a plain bullet"
        waits = {tasks["Read bytes"].source, tasks["Measure it"].source, tasks["Document it"].source}
        assert set(parser.depends_on) == waits
        assert parser.labels == ("parser",)
        assert tasks["Fix the flaky test"].labels == ("release-2-0",)
        assert [tasks[x].state for x in ("Measure it", "Buy a cake", "Document it")] == ["closed", "closed", "open"]

    def test_ids_of_their_own(self) -> None:
        found = read(text("- [ ] #7 Seven\n- [ ] #2 Two (depends on #7, #9)\n- [ ] ABC-1: Jira (after #2)\n"))
        tasks = by_id(found)
        assert list(tasks) == ["x.md#7", "x.md#2", "x.md#ABC-1"]
        assert tasks["x.md#2"].depends_on == ("markdown:x.md#7",)
        assert tasks["x.md#ABC-1"].depends_on == ("markdown:x.md#2",)
        assert tasks["x.md#ABC-1"].title == "Jira"
        assert lost(found, "x.md#2") == ["depends_on"]
        with pytest.raises(UsageError, match=r"line 2: x\.md#7 is a duplicate of x\.md, line 1"):
            read(text("- [ ] #7 Seven\n- [ ] #7 Again\n"))

    def test_the_same_title_twice_is_two_tasks(self) -> None:
        assert [x.source for x in read(text("- [ ] x\n- [ ] x\n")).tasks] == ["markdown:x.md#x", "markdown:x.md#x-2"]


class TestSpecKit:
    def test_phases_and_marks(self) -> None:
        found = read(sample("001-photo-albums/tasks.md"))
        tasks = {name.rpartition("/")[2]: x for name, x in by_id(found).items()}

        def waits(name: str) -> list[str]:
            return [x.rpartition("/")[2] for x in tasks[name].depends_on]

        assert list(tasks) == ["T001", "T002", "T003", "T004", "T005", "T006", "T007", "T010", "T012"]
        assert tasks["T004"].source == "spec-kit:001-photo-albums/T004"
        assert tasks["T001"].state == "closed"
        assert [waits(x) for x in ("T002", "T003")] == [[], []]
        assert waits("T004") == ["T002", "T003"]
        assert [waits(x) for x in ("T005", "T006")] == [["T004"], ["T004"]]
        assert waits("T007") == ["T005", "T006"]
        assert waits("T010") == ["T007"]
        assert waits("T012") == ["T010"]
        assert tasks["T012"].labels == ("phase-3", "US1")
        assert tasks["T012"].priority == 1
        assert "Shows the newest first." in tasks["T012"].body
        assert tasks["T007"].title == "Service in src/services/albums.py"
        assert tasks["T004"].scope == ()
        assert lost(found, "T007") == ["depends_on"]

    def test_the_template_itself_is_no_plan(self) -> None:
        with pytest.raises(UsageError, match="line 2: TXXX is a placeholder"):
            read(text("## Phase N\n- [ ] TXXX [P] Documentation\n- [ ] T001 x\n", "a/tasks.md"), "spec-kit")


class TestBacklog:
    def test_front_matter_and_sections(self) -> None:
        found = read(sample(*BACKLOG, done="completed"), "backlog")
        tasks = by_id(found)
        parent = tasks["BACK-7"]
        assert parent.title == "Web: show the parent"
        assert parent.acceptance == ("The parent is shown", "Nothing is shown without one")
        assert parent.body == "The page shows no parent.\n\n## Implementation plan\n\n1. Draw it."
        assert parent.depends_on == ("backlog:BACK-7.1", "backlog:BACK-3")
        assert (parent.priority, parent.labels) == (1, ("web", "cli"))
        assert tasks["BACK-7.1"].title == "on"
        assert [tasks[x].state for x in ("BACK-3", "BACK-7.1", "BACK-2")] == ["draft", "open", "closed"]
        assert lost(found, "BACK-7") == ["acceptance", "assignee", "ordinal"]

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("# no front matter", "x.md, line 1: it has no front matter"),
            ("---\ntitle: x\n---\n", "has no id"),
            ("---\nid: a\ntitle: [\n---\n", "no YAML"),
            ("---\nid: &a x\ntitle: *a\n---\n", "aliases are not read"),
            ("---\nid: a\ntitle: !!python/object:os.system x\n---\n", ""),
            ("---\nid: a\ntitle: " + "[" * 20_000 + "\n---\n", "nested deeper than 10"),
        ],
    )
    def test_bad_front_matter(self, content: str, words: str) -> None:
        try:
            found = read(text(content), "backlog")
        except UsageError as error:
            assert words in error.message
        else:
            assert found.tasks[0].title == "x"


class TestGitHub:
    def test_what_gh_prints(self) -> None:
        found = read(sample("gh.json"))
        tasks = by_id(found)
        export = tasks["acme/shop#12"]
        assert export.acceptance == ("has a header", "quotes commas")
        assert set(export.depends_on) == {f"github:acme/shop#{x}" for x in (9, 10, 11)}
        assert export.labels == ("enhancement", "priority: high", "milestone:v1")
        assert export.priority == 1
        assert tasks["acme/shop#10"].state == "closed"
        assert tasks["acme/shop#10"].reason == "closed on GitHub: completed"
        assert lost(found, "#12") == ["acceptance", "assignees"]

    def test_the_rest_api(self) -> None:
        found = read(sample("rest.json"))
        (task,) = found.tasks
        assert (task.source, task.priority, task.depends_on) == ("github:acme/shop#3", 0, ("github:other/lib#4",))
        assert lost(found, "#4") == ["issue"]
        assert lost(found, "#3") == ["comments"]


def test_cycles() -> None:
    assert cycle_in({"a": ("b",), "b": ("c", "d"), "c": (), "d": ("b",)}) == ["b", "d", "b"]
    assert cycle_in({"a": ("b", "c"), "b": ("c",), "c": ()}) == []
    long = {str(x): (str(x + 1),) for x in range(50_000)}
    assert cycle_in(long) == []
    assert len(cycle_in(long | {"50000": ("0",)})) == 50_002
