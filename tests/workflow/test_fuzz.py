"""No text makes the reader raise or hang, and every problem lies inside the file."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon import workflow
from andon.workflow.diagram import without_places
from andon.workflow.linter import RULES
from andon.workflow.markdown import split_lines

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.md"))
SEEDS = [path.read_text(encoding="utf-8") for path in GOLDEN]
PIECES = [
    "---",
    "```",
    "```yaml",
    "```mermaid",
    "stateDiagram-v2",
    "## implement",
    "##",
    "[*]",
    "-->",
    "--",
    ":",
    ";",
    "{",
    "}",
    "<<fork>>",
    "<<join>>",
    "<<choice>>",
    "[[join]]",
    "state ",
    "note left of ",
    "end note",
    "direction LR",
    "%%",
    "%%{",
    "classDef k fill:red",
    "&a",
    "*a",
    "!!python/object:x",
    "? ",
    "- ",
    "|",
    ">",
    '"',
    "'",
    "[",
    "]",
    ",",
    "\t",
    "\r",
    "\r\n",
    "\x00",
    "\x85",
    "\u2028",
    "\ufeff",
    "\ud800",
    "é",
    "😀",
    "0",
    "1e999",
    "-1",
    "99999999999999999999999",
    "null",
    "none",
    "true",
    "passed",
    "failed",
    "expired",
    "tests",
    "done: ",
    "visits: none",
    "gates: ",
    "require: ",
    "run: ",
    "kind: wait",
    "<!-- ",
    " -->",
    "<pre>",
    "</",
    "#",
    "    ",
    "\n",
    "\n\n",
    "\n---\n",
    "on_expiry: passed",
    "(" * 40,
    "!" * 200,
]


def check(text: str) -> None:
    parsed = workflow.parse(text, "fuzzed")
    problems = workflow.lint(parsed)
    lines = split_lines(text.removeprefix("\ufeff"))
    for problem in problems:
        assert problem.rule in RULES
        assert 1 <= problem.line <= max(len(lines), 1), problem
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1, problem
        assert "\n" not in problem.text()
    assert (parsed.workflow is None) == any(problem.severity == "error" for problem in parsed.problems)
    if parsed.workflow is not None:
        assert parsed.workflow.digest().startswith("sha256:")
        for place in parsed.positions.values():
            assert place[0] <= len(lines)
    if parsed.diagram is not None and not any(problem.severity == "error" for problem in parsed.problems):
        fence = "````"
        again = workflow.parse(f"---\n---\n{fence}mermaid\n{workflow.graph(parsed)}{fence}\n", "again")
        assert again.diagram is not None
        assert without_places(again.diagram) == without_places(parsed.diagram)


def mutate(source: str, chance: random.Random) -> str:
    text = source
    for _ in range(chance.randint(1, 6)):
        at = chance.randint(0, len(text))
        to = min(len(text), at + chance.choice([0, 0, 1, 2, 5, 20, 80]))
        middle = chance.choice(["", chance.choice(PIECES), text[at:to] * 2, chance.choice(SEEDS)[at : at + 40]])
        text = text[:at] + middle + text[to:]
    return text


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_prefix_is_safe(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for end in range(0, len(text), max(1, len(text) // 60)):
        check(text[:end])


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(min_value=0, max_value=2**32))
def test_mutations_of_real_files_are_safe(seed: int) -> None:
    chance = random.Random(seed)
    check(mutate(chance.choice(SEEDS), chance))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=40))
def test_heaps_of_pieces_are_safe(pieces: list[str]) -> None:
    check("".join(pieces))
    check("---\n" + "".join(pieces) + "\n---\n```mermaid\nstateDiagram-v2\n[*] --> a\na --> [*]\n```\n")
    check("---\nname: x\n---\n```mermaid\nstateDiagram-v2\n" + "".join(pieces) + "\n```\n")
    body = "---\nname: x\n---\n```mermaid\nstateDiagram-v2\n[*] --> a\na --> [*]\n```\n## a\n```yaml\n"
    check(body + "".join(pieces) + "\n```\n")


@pytest.mark.parametrize(
    "inner",
    [
        "[" * 100_000,
        "{" * 100_000,
        "- " * 100_000,
        "? " * 50_000,
        "a: " * 50_000,
        "a: &x [*x, *x]",
        "'" * 100_001,
        "x: " + "9" * 100_000,
        "\n".join(f"k{number}: v" for number in range(30_000)),
        "%" * 100_000,
    ],
    ids=lambda text: text[:12],
)
def test_hostile_yaml_ends_soon(inner: str) -> None:
    check(f"---\n{inner}\n---\n```mermaid\nstateDiagram-v2\n[*] --> a\na --> [*]\n```\n")


@pytest.mark.parametrize(
    "inner",
    [
        "\n".join(f"state p{number} {{" for number in range(3000)),
        "\n".join(f"s{number} --> s{number + 1}" for number in range(490)),
        "\n".join(f"f --> s{number}\ns{number} --> j" for number in range(240))
        + "\nstate f <<fork>>\nstate j <<join>>",
        "a --> b : " + "x" * 45_000,
        "a" * 45_000,
        "}" * 45_000,
        "class " + "a," * 20_000,
        "note right of a\n" * 3000,
        '"' * 45_000,
        "state " + '"' * 40_000,
        "\n".join(f"state f{n} <<fork>>\nf{n} --> f{n + 1}\nf{n} --> f{n + 1}" for n in range(100)),
    ],
    ids=lambda text: text[:12],
)
def test_hostile_diagrams_end_soon(inner: str) -> None:
    check(
        f"---\nname: x\ndone: [t]\ngates: {{t: {{run: x}}}}\n---\n"
        f"```mermaid\nstateDiagram-v2\n[*] --> a\n{inner}\n```\n"
    )


HEAD = "---\nname: x\n---\n```mermaid\nstateDiagram-v2\n[*] --> a\na --> [*]\n"
SLOW = {
    "a heading with blanks inside": HEAD + "```\n## a" + " " * 390_000 + "x\n",
    "a heading with many closing marks": HEAD + "```\n## a" + " #" * 190_000 + "x\n",
    "notes without an end": HEAD + "note right of a\n" * 3000 + "```\n",
    "a class line with blanks inside": HEAD + "class a b" + " " * 45_000 + "x\n```\n",
    "titles": HEAD + 'state "' + 'a" as ' * 7000 + "\n```\n",
    "fences": HEAD + "```\n" * 90_000,
    "sections": HEAD + "```\n" + "## a\n" * 60_000,
    "open comments": HEAD + "```\n" + "<!--\n" * 70_000,
    "metadata": "---\nmetadata:\n"
    + "".join(f"  k{n}: [1, {{a: b}}]\n" for n in range(4000))
    + f"---\n{HEAD[16:]}```\n",
    "metadata in metadata": "---\nmetadata: " + "{a: " * 40 + "1" + "}" * 40 + f"\n---\n{HEAD[16:]}```\n",
    "folded text": "---\nname: >\n" + "  a\n\n" * 60_000 + "---\n",
    "blank text": "---\nname: |\n" + " \n" * 190_000 + "---\n",
    "indented keys": "---\n" + "".join(" " * n + "a:\n" for n in range(800)) + "---\n",
}
MAX_SECONDS = 10.0
"""Each takes about a second or less; those that a pattern tried at every blank took hours."""


@pytest.mark.parametrize("name", SLOW)
def test_large_files_are_read_in_bounded_time(name: str) -> None:
    began = time.monotonic()
    check(SLOW[name])
    assert time.monotonic() - began < MAX_SECONDS


def test_closing_marks_of_headings() -> None:
    for heading, name in (("## a ##", "a"), ("## a", "a"), ("##\ta \t###  ", "a"), ("## `a` #", "a")):
        parsed = workflow.parse(f"{HEAD}```\n{heading}\nThe brief.\n", "x")
        assert parsed.workflow is not None, heading
        assert parsed.workflow.steps[name].brief == "The brief."
        assert parsed.positions["section:a"][1] == heading.index("a") + 1
    assert [x.rule for x in workflow.parse(f"{HEAD}```\n## a#\n", "x").problems] == ["unknown-step"]
