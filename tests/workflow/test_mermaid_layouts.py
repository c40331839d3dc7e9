"""Every construct of the Mermaid subset in every layout that is legal, made systematically; Mermaid's npm package judges.

Each layout is a context (what stands before and behind a statement, how lines end) and each construct a few lines. All
pairs are read, must be accepted by both, and mean the same to both. Then a character that stands nowhere is put at
every kind of place, and the error must point there.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from andon import workflow
from andon.workflow import mermaid
from andon.workflow.diagram import without_places
from andon.workflow.markdown import Block, split_lines
from andon.workflow.mermaid_out import print_mermaid
from andon.workflow.problems import Collector, Problem
from tests.workflow.test_mermaid_js import accepted, ask_mermaid, difference

CONSTRUCTS: dict[str, str] = {
    "arrow": "a --> b",
    "tight arrow": "a-->b",
    "wide arrow": "a   -->\tb",
    "start and end": "[*] --> a\na --> [*]",
    "tight start": "[*]-->a",
    "self": "a --> a",
    "label": "a --> b : failed",
    "tight label": "a --> b:failed",
    "label with words": "a --> b : it is done, really",
    "label in another script": "a --> b : größer ✓ 完了",
    "condition": 'a --> b : outcome == "passed" && visits["a"] > 2',
    "label with an arrow": "a --> b : a --> c",
    "label with a brace": "a --> b : } else {",
    "bare state": "a",
    "description": "a : The first one",
    "tight description": "a:The first one",
    "title": 'state "The first one" as a',
    "title in another script": 'state "Prüfen ✓" as a',
    "title of marks": 'state "it\'s (a) 50% = b, c & d" as a',
    "fork and join": "state f <<fork>>\nstate j <<join>>\nf --> a\nf --> b\na --> j\nb --> j",
    "fork and join, other spelling": "state f [[fork]]\nstate j [[join]]\nf --> a\nf --> b\na --> j\nb --> j",
    "fork behind its edges": "f --> a\nf --> b\na --> j\nb --> j\nstate f <<fork>>\nstate j <<join>>",
    "choice": "state c <<choice>>\na --> c\nc --> b : x > 1\nc --> d",
    "tight choice": "state c<<choice>>",
    "phase": "state P {\n[*] --> a\na --> [*]\n}\nP --> b",
    "phase on one line": "state P { a --> b }",
    "phase with a title": 'state "Plan & build" as P {\n[*] --> a\n}',
    "empty phase": "state P {\n}",
    "tight phase": "state P{\na --> b\n}",
    "nested phases": "state P {\n[*] --> Q\nstate Q {\n[*] --> R\nstate R {\n[*] --> a\na --> [*]\n}\n}\n}",
    "phase with a fork": "state P {\nstate f <<fork>>\nstate j <<join>>\n[*] --> f\nf --> a\nf --> b\na --> j\nb --> j\nj --> [*]\n}",
    "phase with a direction": "state P {\ndirection LR\na --> b\n}",
    "phase before its edges": "a --> P\nstate P {\n[*] --> b\n}\nP --> c : failed",
    "direction TB": "direction TB\na",
    "direction BT": "direction BT\na",
    "direction LR": "direction  LR\na",
    "direction RL": "direction RL\na",
    "note right": "a\nnote right of a : mind this",
    "note left": "a\nnote left of a : mind this",
    "long note": "a\nnote right of a\n  two lines: with marks;\n  and more\nend note",
    "note in a phase": "state P {\na\nnote left of a : here\n}",
    "class definition": "classDef hot fill:#f00,color:white\na",
    "class": "a\nb\nclassDef hot fill:#f00\nclass a,b hot",
    "class with a blank": "a\nb\nclassDef hot fill:#f00\nclass a, b hot",
    "class on a state": "classDef hot fill:#f00\na:::hot --> b:::hot",
    "style": "a\nstyle a fill:#fff,stroke:#000",
    "style of two": "a\nb\nstyle a,b fill:#fff",
    "underscores and digits": "_a1 --> b_2\nb_2 --> C3PO",
    "words that begin like keywords": "notes --> stateful\ndirections --> classy\nstyles --> ending",
}

LAYOUTS: dict[str, tuple[str, str, str]] = {
    # before the construct, between its lines, behind it
    "plain": ("", "\n", ""),
    "indented": ("    ", "\n    ", ""),
    "tabs": ("\t", "\n\t", "\t"),
    "blanks at the ends": ("  ", "  \n  ", "   "),
    "empty lines": ("\n\n", "\n\n \n", "\n\n"),
    "comments between": ("%% before\n", "\n%% between --> {\n", "\n%% behind"),
    "indented comments": ("   %% before\n  ", "\n\t%% between : ; <<fork>>\n  ", "\n  %% }"),
    "after another statement": ("zz --> yy\n", "\n", "\nyy --> xx"),
    "inside a phase": ("state Outer {\n", "\n", "\n}"),
    "deep inside phases": ("state Out {\nstate Mid {\n  ", "\n  ", "\n}\n}"),
    "windows": ("", "\r\n", "\r\n"),
}

HEADERS = {
    "plain": "stateDiagram-v2\n",
    "indented": "  stateDiagram-v2  \n",
    "commented": "%% c\n\nstateDiagram-v2 %% d\n",
}


def texts() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for layout, (before, between, behind) in LAYOUTS.items():
        for construct, lines in CONSTRUCTS.items():
            for header, head in HEADERS.items():
                if header != "plain" and layout not in ("plain", "indented"):
                    continue
                text = head + before + lines.replace("\n", between) + behind + "\n"
                found.append((f"{construct} / {layout} / {header}", text))
    return found


def read(text: str) -> tuple[object, tuple[Problem, ...]]:
    lines = split_lines(text)
    problems = Collector("f.md", lines)
    diagram = mermaid.parse(Block(text="\n".join(lines), line=1, at=(1, 1)), problems)
    return without_places(diagram), problems.sorted()


def test_every_construct_in_every_layout_is_read_and_mermaid_agrees() -> None:
    names = [name for name, _ in texts()]
    found = ["\n".join(split_lines(text)) for _, text in texts()]
    readings = [accepted(text) for text in found]
    refused = [name for name, reading in zip(names, readings, strict=True) if reading is None]
    assert refused == []
    assert len(found) > 500
    for name, reading, theirs in zip(names, readings, ask_mermaid(found), strict=True):
        assert reading is not None
        assert difference(reading, theirs) == "", name


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_a_layout_changes_nothing_in_the_meaning(construct: str) -> None:
    wanted, problems = read("stateDiagram-v2\n" + CONSTRUCTS[construct])
    assert problems == ()
    for layout in ("indented", "tabs", "blanks at the ends", "empty lines", "comments between", "windows"):
        before, between, behind = LAYOUTS[layout]
        note = construct == "long note" and layout in ("empty lines", "comments between")
        found, problems = read("stateDiagram-v2\n" + before + CONSTRUCTS[construct].replace("\n", between) + behind)
        assert problems == ()
        # A note of several lines is text: what stands between its lines belongs to it.
        assert note or found == wanted, layout


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_printing_every_construct_reads_back_the_same(construct: str) -> None:
    lines = tuple(("stateDiagram-v2\n" + CONSTRUCTS[construct]).split("\n"))
    diagram = mermaid.parse(Block(text="\n".join(lines), line=1, at=(1, 1)), Collector("f.md", lines))
    again, problems = read(print_mermaid(diagram))
    assert problems == ()
    assert again == without_places(diagram)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_bad_line_is_reported_at_its_own_place(layout: str) -> None:
    """A line that is no statement, put between the lines of a sound diagram, is the one problem, at line and column."""
    before, between, behind = LAYOUTS[layout]
    for construct, lines in CONSTRUCTS.items():
        parts = lines.split("\n")
        for number in range(len(parts) + 1):
            if construct == "long note" and 1 < number < len(parts):
                continue
            broken = [*parts[:number], "  ?? what", *parts[number:]]
            text = "stateDiagram-v2\n" + before + between.join(broken) + behind
            found = split_lines(text)
            wanted = next(n for n, line in enumerate(found, start=1) if line.strip().startswith("?? what"))
            column = found[wanted - 1].index("??") + 1
            _, problems = read(text)
            places = [(problem.line, problem.column) for problem in problems]
            assert places[0] == (wanted, column), (construct, number, problems)
            assert len(places) == 1, (construct, number, problems)


FILES = sorted((Path(__file__).parent / "corpus").glob("*.md"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_bad_token_in_a_whole_file_is_found_on_its_line(path: Path) -> None:
    """In a workflow file's diagram: the line is the token's, the column not before the statement and not behind the token."""
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    first = lines.index("stateDiagram-v2")
    last = next(number for number in range(first, len(lines)) if lines[number] == "```")
    chance = random.Random(path.stem)
    for _ in range(25):
        number = chance.randint(first + 1, last - 1)
        line = lines[number]
        at = chance.randint(len(line) - len(line.lstrip()), len(line))
        broken = [*lines[:number], f"{line[:at]} ?! {line[at:]}", *lines[number + 1 :]]
        problems = workflow.parse("\n".join(broken), path.stem).problems
        if ":" in line[:at] or line[:at].count('"') == 1:
            # Inside a label or a title it is text, and what it means there is not the reader's to say.
            assert all(problem.line >= 1 for problem in problems)
            continue
        errors = [problem for problem in problems if problem.severity == "error"]
        here = [problem for problem in errors if problem.line == number + 1]
        assert here, (broken[number], problems)
        assert here[0].column <= at + 2, (broken[number], here[0])


def test_blocks_are_one() -> None:
    block = "```mermaid\nstateDiagram-v2\n[*] --> a\na --> [*]\n```\n"
    problems = workflow.parse(f"---\nname: t\n---\n{block}text\n{block}", "t").problems
    assert [(x.rule, x.line, x.column) for x in problems] == [("diagram-count", 10, 1)]
    for mark in ("\ufeff", ""):
        for ending in ("\n", "\r\n", "\r"):
            text = mark + f"---\nname: t\n---\n{block}".replace("\n", ending)
            assert workflow.parse(text, "t").problems == ()
    fenced = f"---\nname: t\n---\n~~~~ mermaid\n{block.split(chr(10), 1)[1].replace('```', '~~~~')}"
    assert workflow.parse(fenced, "t").problems == ()
