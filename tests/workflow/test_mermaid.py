"""The Mermaid subset: what is read, what is refused, and where the error is said to be."""

from __future__ import annotations

import pytest

from andon.workflow import mermaid
from andon.workflow.diagram import Declaration, Diagram, Direction, Note, Phase, Styling, Transition, without_places
from andon.workflow.markdown import Block
from andon.workflow.mermaid_out import print_mermaid
from andon.workflow.problems import Collector, Problem


def read(body: str) -> tuple[Diagram, tuple[Problem, ...]]:
    text = "stateDiagram-v2\n" + body
    problems = Collector("f.md", tuple(text.split("\n")))
    return mermaid.parse(Block(text=text, line=1, at=(1, 1)), problems), problems.sorted()


def good(body: str) -> Diagram:
    diagram, problems = read(body)
    assert problems == ()
    return diagram


@pytest.mark.parametrize(
    ("line", "source", "target", "label"),
    [
        ("a --> b", "a", "b", None),
        ("a-->b", "a", "b", None),
        ("\ta  -->\tb  ", "a", "b", None),
        ("[*]-->a", "[*]", "a", None),
        ("a --> [*]:done", "a", "[*]", "done"),
        ("a --> b : failed", "a", "b", "failed"),
        ("a --> b :failed  ", "a", "b", "failed"),
        ("c --> b : x > 3 && y['a'] != \"q\"", "c", "b", "x > 3 && y['a'] != \"q\""),
        ("a --> b : a --> c", "a", "b", "a --> c"),
        ("a:::hot --> b:::cold : go", "a", "b", "go"),
        ("a --> b %% why", "a", "b", None),
        ("a --> a", "a", "a", None),
    ],
)
def test_transitions(line: str, source: str, target: str, label: str | None) -> None:
    (transition,) = good(line).body
    assert isinstance(transition, Transition)
    assert (transition.source.id, transition.target.id, transition.label) == (source, target, label)


def test_places_are_those_of_the_text() -> None:
    diagram = good("  a  --> b : failed\n  state P {\n    [*] --> c\n  }")
    transition, phase = diagram.body
    assert isinstance(transition, Transition)
    assert isinstance(phase, Phase)
    assert (transition.at, transition.source.at, transition.target.at) == ((2, 3), (2, 3), (2, 10))
    assert transition.label_at == (2, 14)
    assert (phase.at, phase.ref.at, phase.end) == ((3, 3), (3, 9), (5, 3))
    assert phase.body[0].at == (4, 5)


def test_every_other_statement() -> None:
    diagram = good(
        "direction LR\n"
        "a\n"
        "a : The first\n"
        'state "The second" as b\n'
        "state f <<fork>>\n"
        "state j [[join]] %% the other spelling\n"
        "state c<<choice>>\n"
        "note left of a : Mind this\n"
        "note right of b\n   two\n   lines; with: marks\nend note\n"
        "classDef hot fill:#f00,color:white\n"
        "class a, b hot\n"
        "style a,b fill:#fff\n"
        "%% a comment, and below an empty line\n"
        "\n"
        'state "Phase one" as P {\n'
        "state Q { a1 --> a2 }\n"
        "}\n"
    )
    kinds = [statement.kind for statement in diagram.body if isinstance(statement, Declaration)]
    assert kinds == ["", "", "", "fork", "join", "choice"]
    titles = [statement.title for statement in diagram.body if isinstance(statement, Declaration)]
    assert titles == [None, "The first", "The second", None, None, None]
    notes = [statement for statement in diagram.body if isinstance(statement, Note)]
    assert [(note.side, note.text) for note in notes] == [("left", "Mind this"), ("right", "two\nlines; with: marks")]
    assert isinstance(diagram.body[0], Direction)
    styling = [statement for statement in diagram.body if isinstance(statement, Styling)]
    assert [[ref.id for ref in style.names] for style in styling] == [[], ["a", "b"], ["a", "b"]]
    phase = diagram.body[-1]
    assert isinstance(phase, Phase)
    assert (phase.title, phase.ref.id) == ("Phase one", "P")
    assert isinstance(phase.body[0], Phase)


def test_printing_round_trips() -> None:
    body = (
        'direction LR\na : first\nstate "T" as b\nstate f <<fork>>\nnote left of a\nx\n\ny\nend note\nclass a hot\n'
        'state "Phase" as P {\n state Q {\n [*] --> q:::hot\n q --> [*] : failed\n }\n[*] --> Q\n}\nb\n'
    )
    diagram = good(body)
    printed = print_mermaid(diagram)
    again = good(printed.removeprefix("stateDiagram-v2\n"))
    assert without_places(again) == without_places(diagram)
    assert print_mermaid(again) == printed


@pytest.mark.parametrize(
    ("body", "line", "column", "rule", "says"),
    [
        ("a -> b", 2, 3, "bad-diagram", "-->"),
        ("a --> b : x:y", 2, 12, "bad-diagram", "may not hold `:`"),
        ("a --> b : x; y", 2, 12, "bad-diagram", "may not hold `;`"),
        ("a --> b :", 2, 9, "bad-diagram", "missing"),
        ("a --> b : x %% y", 2, 13, "bad-diagram", "comment"),
        ("a --> b : visits.a <b", 2, 20, "bad-diagram", "HTML"),
        ("a --> b c", 2, 9, "bad-diagram", "end of the line"),
        ("a --> b c --> d", 2, 9, "bad-diagram", "end of the line"),
        ("a-b --> c", 2, 2, "bad-diagram", "is no id"),
        ("a.b --> c", 2, 2, "bad-diagram", "`a.b` is no id"),
        ("é --> c", 2, 1, "bad-diagram", "expected a state"),
        ("1a --> c", 2, 1, "bad-diagram", "is no id"),
        ("a -->", 2, 6, "bad-diagram", "expected a state"),
        ("--> a", 2, 1, "bad-diagram", "begin with a state"),
        ("a --> end", 2, 7, "reserved-word", "reserved"),
        ("a --> Note", 2, 7, "reserved-word", "reserved"),
        ("__proto__ --> a", 2, 1, "reserved-word", "reserved"),
        ("a --> b : go direction LR", 2, 14, "bad-diagram", "direction"),
        ("a --> b : direction\nTB --> c", 2, 11, "bad-diagram", "next line"),
        ("direction TD", 2, 1, "bad-diagram", "TB, BT, LR, RL"),
        ("state a", 2, 1, "bad-diagram", "bare"),
        ("state a : text", 2, 9, "bad-diagram", "a : description"),
        ("state a b {\n}", 2, 9, "bad-diagram", "expected `{`"),
        ("state f <<forks>>", 2, 9, "bad-diagram", "<<fork>>"),
        ('state "<<fork>> x" as a <<fork>>', 2, 25, "bad-diagram", "last"),
        ('state "" as a', 2, 7, "bad-diagram", "title"),
        ('state "x" a', 2, 7, "bad-diagram", "title"),
        ('state "x" as a }', 2, 16, "bad-diagram", "expected `{`"),
        ("state P {\na --> b\n", 2, 1, "bad-diagram", "never closed"),
        ("a --> b\n}", 3, 1, "bad-diagram", "closes nothing"),
        ("state P {\na}\n}", 3, 2, "bad-diagram", "`}`"),
        ("--", 2, 1, "concurrency", "concurrent"),
        ("[*]", 2, 1, "bad-diagram", "end of an arrow"),
        ("note left of a : x", 2, 14, "unknown-step", "after it"),
        ("a\nnote over a : x", 3, 1, "bad-diagram", "note right of"),
        ("a\nnote left of a : x:y", 3, 19, "bad-diagram", "may not hold"),
        ("a\nnote left of a\nx\n", 3, 1, "bad-diagram", "end note"),
        ("a\nnote left of a\n: x\nend note", 3, 1, "bad-diagram", "one line"),
        ('note "x" as n', 2, 1, "bad-diagram", "note right of"),
        ("class a", 2, 1, "bad-diagram", "class"),
        ("classDef default fill:red", 2, 1, "bad-diagram", "classDef"),
        ("scale 350 width", 2, 1, "bad-diagram", "scale"),
        ("hide empty description", 2, 1, "bad-diagram", "hide"),
        ("%%{init: {}}%%", 2, 1, "bad-diagram", "directives"),
        ("# a remark", 2, 1, "bad-diagram", "expected a state"),
    ],
)
def test_refused(body: str, line: int, column: int, rule: str, says: str) -> None:
    _, problems = read(body)
    first = problems[0]
    assert (first.line, first.column, first.rule) == (line, column, rule), first.text()
    assert says in first.text()


def test_a_bad_line_hides_nothing_behind_it() -> None:
    diagram, problems = read("a -> b\nstate bad line {\nx --> y\n}\na --> b\nb -> c\n")
    assert [(problem.line, problem.rule) for problem in problems] == [
        (2, "bad-diagram"),
        (3, "bad-diagram"),
        (7, "bad-diagram"),
    ]
    assert len(diagram.body) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("stateDiagram\na --> b", "use stateDiagram-v2"),
        ("flowchart TD\na --> b", "begin the diagram with"),
        ("stateDiagram-v2 a --> b", "alone"),
    ],
)
def test_the_header(text: str, says: str) -> None:
    problems = Collector("f.md", tuple(text.split("\n")))
    mermaid.parse(Block(text=text, line=1, at=(1, 1)), problems)
    assert says in problems.sorted()[0].text()


def test_limits() -> None:
    many = "\n".join(f"s{number} --> s{number + 1}" for number in range(mermaid.MAX_TRANSITIONS + 5))
    assert [problem.rule for problem in read(many)[1]] == ["diagram-too-large"]
    deep = "\n".join(f"state p{number} {{" for number in range(40)) + "\n}" * 40
    assert {problem.rule for problem in read(deep)[1]} == {"bad-diagram"}
    assert [problem.rule for problem in read("a --> b : " + "x" * 60_000)[1]] == ["diagram-too-large"]
