"""Splitting files: what a forge renders is what counts; every piece of YAML has its place."""

from __future__ import annotations

import pytest

from andon import workflow
from andon.workflow import fields, markdown, yaml_tree
from andon.workflow.markdown import Block
from andon.workflow.problems import Collector

HEAD = "---\nname: t\n---\n"
DIAGRAM = "```mermaid\nstateDiagram-v2\n    [*] --> a\n    a --> [*]\n```\n"


def problems(text: str) -> list[tuple[str, int, int]]:
    return [(x.rule, x.line, x.column) for x in workflow.parse(text, "t").problems]


def step(text: str, name: str = "a") -> tuple[str, int]:
    parsed = workflow.parse(text, "t")
    assert parsed.workflow is not None, parsed.problems
    return parsed.workflow.steps[name].brief, parsed.workflow.steps[name].attempts


def test_sections_and_briefs() -> None:
    text = (
        HEAD + DIAGRAM + "## a\nDo it.\n\n```yaml\nattempts: 7\n```\n\n### How\nWell.\n\n# Afterword\nNot the brief.\n"
    )
    assert step(text) == ("Do it.\n\n\n### How\nWell.", 7)
    assert step(HEAD + DIAGRAM + "## `a` ##\n~~~yaml\nattempts: 2\n~~~\n") == ("", 2)
    assert step(HEAD + DIAGRAM) == ("", 3)


def test_what_is_not_rendered_does_not_count() -> None:
    hidden = "<!--\n## b\n```yaml\nx: [\n-->\n"
    assert problems(HEAD + hidden + DIAGRAM) == []
    assert problems(HEAD + "````markdown\n" + DIAGRAM + "## b\n````\n" + DIAGRAM) == []
    assert problems(HEAD + "<pre>\n## b\n</pre>\n" + DIAGRAM) == []
    # Four spaces make an indented code block, which is no diagram.
    indented = "".join("    " + line + "\n" for line in DIAGRAM.splitlines())
    assert problems(HEAD + indented)[0][0] == "diagram-count"
    assert problems(HEAD + "<div>\n" + DIAGRAM)[0][0] == "diagram-count"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", [("diagram-count", 1, 1), ("no-front-matter", 1, 1)]),
        (DIAGRAM, [("no-front-matter", 1, 1)]),
        ("---\nname: t\n", [("diagram-count", 2, 1), ("no-front-matter", 1, 1)]),
        (HEAD + DIAGRAM + DIAGRAM, [("diagram-count", 9, 1)]),
        (HEAD + "```mermaid\nflowchart TD\n```\n", [("diagram-count", 4, 1)]),
        (HEAD + "```mermaid\nflowchart TD\n```\n" + DIAGRAM, []),
        (HEAD + DIAGRAM[:-4], [("unclosed-fence", 4, 1)]),
        (HEAD + DIAGRAM + "## b\n", [("unknown-step", 9, 4)]),
        (HEAD + DIAGRAM + "## b-c\n", [("unknown-step", 9, 4)]),
        (HEAD + DIAGRAM + "## Some words\n", []),
        (HEAD + DIAGRAM + "## Some words\n```yaml\na: b\n```\n", [("unknown-step", 10, 1)]),
        (HEAD + DIAGRAM + "## a\n## a\n", [("duplicate-section", 10, 4)]),
        (HEAD + DIAGRAM + "## a\n```yaml\n```\n```yaml\n```\n", [("options-count", 12, 1)]),
        (HEAD + DIAGRAM + "bell \x07 here\n", [("bad-character", 9, 6)]),
        (HEAD + DIAGRAM + "right to \u202eleft\n", [("bad-character", 9, 10)]),
        ("---\nname: t\nname: u\n---\n" + DIAGRAM, [("duplicate-key", 3, 1)]),
        ("---\nname: t\nnmae: u\n---\n" + DIAGRAM, [("unknown-key", 3, 1)]),
        ("---\nname: [t\n---\n" + DIAGRAM, [("bad-yaml", 2, 9)]),
        ("---\nname: &x t\n---\n" + DIAGRAM, [("bad-yaml", 2, 7)]),
        ("---\nname: *x\n---\n" + DIAGRAM, [("bad-yaml", 2, 7)]),
        ("---\nname: !!str t\n---\n" + DIAGRAM, [("bad-yaml", 2, 7)]),
        ("---\n- name\n---\n" + DIAGRAM, [("bad-value", 2, 1)]),
        ("---\n? [a]\n: b\n---\n" + DIAGRAM, [("bad-yaml", 2, 3)]),
        (HEAD + DIAGRAM + "## a\n```yaml\nattempts: 3\n  lease: x\n```\n", [("bad-yaml", 12, 8)]),
        (HEAD + DIAGRAM + "## a\n```yaml\nlease: soon\n```\n", [("bad-value", 11, 8)]),
    ],
)
def test_places_of_problems(text: str, wanted: list[tuple[str, int, int]]) -> None:
    assert sorted(problems(text)) == sorted(wanted)


def test_positions_inside_yaml() -> None:
    text = HEAD.replace(
        "name: t",
        'name: t\nroles:\n  maker: {}\ndone: [ok]\ngates:\n  ok:\n    run: "make"\n'
        "    require: >-\n      exit\n      == 0",
    )
    text += DIAGRAM + "## a\n```yaml\nrole: maker\ngates: [ok]\n```\n"
    parsed = workflow.parse(text, "t")
    assert parsed.problems == ()
    wanted = {
        "role:maker": (4, 3),
        "done:ok": (5, 8),
        "gate:ok": (7, 3),
        "gate:ok.run": (8, 10),
        "gate:ok.require": (10, 7),
        "step:a": (15, 13),
        "section:a": (18, 4),
        "step:a.role": (20, 7),
        "step:a.gates.ok": (21, 9),
        "edge:0": (16, 5),
    }
    assert {key: parsed.positions[key] for key in wanted} == wanted


def scalars(text: str) -> object:
    collector = Collector("f", tuple(text.split("\n")))
    node = yaml_tree.read(Block(text=text, line=1, at=(1, 1)), collector)
    assert not collector.failed
    assert isinstance(node, yaml_tree.Sequence)
    return [item.value for item in node.items if isinstance(item, yaml_tree.Scalar)]


def test_only_yaml_1_2_booleans_and_numbers() -> None:
    assert scalars("[true, False, on, yes, no, off, y, n]") == [True, False, "on", "yes", "no", "off", "y", "n"]
    assert scalars("[1, -2, 0x1F, 0o7, 1_000, 1:30, 2024-01-01]") == [
        1,
        -2,
        "0x1F",
        "0o7",
        "1_000",
        "1:30",
        "2024-01-01",
    ]
    assert scalars("[1.5, 1e3, .5, '1', \"true\", null, ~, NaN]") == [1.5, 1000.0, 0.5, "1", "true", None, None, "NaN"]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("90s", 90),
        ("40m", 2400),
        ("4h", 14400),
        ("2d", 172800),
        ("1w", 604800),
        ("1.5h", 5400),
        ("250ms", 0.25),
        (30, 30),
        ("30", None),
        ("4 hours", None),
        ("-1s", None),
        (0, None),
        (True, None),
        ("", None),
        (1e300, None),
    ],
)
def test_durations(value: object, wanted: float | None) -> None:
    assert fields.seconds(value) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("4GiB", 4 * 2**30),
        ("512MB", 512 * 10**6),
        ("1.5 KiB", 1536),
        ("7B", 7),
        (1024, 1024),
        ("1024", None),
        ("4G", None),
        (-1, None),
        (True, None),
        ("9999999TiB", None),
    ],
)
def test_sizes(value: object, wanted: int | None) -> None:
    assert fields.size(value) == wanted


def test_line_numbers_follow_commonmark_only() -> None:
    assert markdown.split_lines("a\r\nb\rc\nd") == ("a", "b", "c", "d")
    assert markdown.split_lines("a\x0bb\x85c\n") == ("a\x0bb\x85c",)
    assert markdown.split_lines("") == ("",)
