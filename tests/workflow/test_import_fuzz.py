"""No pipeline makes the import raise, hang or write a file that does not lint; every place lies inside the text."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.workflow.dot.graph import DotError
from andon.workflow.dot.parser import parse
from tests.workflow.dot_dice import PIECES, Dice, check_pipeline

CORPUS = sorted((Path(__file__).parent / "corpus").glob("**/*.dot"))
TEXTS = [path.read_text(encoding="utf-8") for path in CORPUS]
SEEDS = st.integers(min_value=0, max_value=2**32)
MAX_SECONDS = 10.0
"""Far above what any of these needs, and far below what a search that doubles with each character would."""


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_pipelines_from_the_grammar(seed: int) -> None:
    check_pipeline(Dice(seed).pipeline())


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_mutated_pipelines(seed: int) -> None:
    dice = Dice(seed)
    check_pipeline(dice.mutated(dice.pick([*TEXTS, dice.pipeline()])))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=40), st.sampled_from(["", " ", "\n"]))
def test_heaps_of_pieces(pieces: list[str], gap: str) -> None:
    check_pipeline(gap.join(pieces))
    check_pipeline(
        "digraph G { start [shape=Mdiamond]; exit [shape=Msquare]; start -> a -> exit\n" + gap.join(pieces) + "\n}"
    )


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_every_prefix(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for end in range(0, len(text), max(1, len(text) // 40)):
        check_pipeline(text[:end])
    assert check_pipeline(text) is None or "broken" not in path.parts


@settings(max_examples=200, deadline=None)
@given(SEEDS)
def test_a_character_that_stands_nowhere_is_found_where_it_stands(seed: int) -> None:
    """`@` is no part of DOT outside strings and comments, so it is the error, at its very line and column."""
    chance = random.Random(seed)
    text = chance.choice([text for path, text in zip(CORPUS, TEXTS, strict=True) if "broken" not in path.parts])
    at = chance.randint(0, len(text))
    # Not between the two characters of a mark, which then is another one.
    at += text[max(at - 1, 0) : at + 1] in ("->", "/*", "*/", "//")
    before, after = text[:at], text[at:]
    with_bad = f"{before}@{after}"
    try:
        parse(with_bad)
    except DotError as error:
        wanted = (before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)
        assert error.at == wanted, (error.message, with_bad)
        return
    # It stands in a string or a comment then: taking it out of the text of those gives what was there.
    assert '"' in before or "/" in before or "#" in before


def sound(body: str) -> str:
    return f"digraph G {{ start [shape=Mdiamond]; exit [shape=Msquare]; start -> n0; {body} }}"


HOSTILE = {
    "braces": "{" * 100_000,
    "open subgraphs": "digraph {" + "subgraph {" * 20_000,
    "brackets": "digraph { a " + "[" * 100_000,
    "html": "digraph { a [label=" + "<" * 100_000,
    "html pairs": "digraph { a [label=<" + "<>" * 100_000 + ">] }",
    "quotes": '"' * 100_001,
    "backslashes": 'digraph { a [x="' + "\\" * 100_000,
    "comments": "/*" * 100_000,
    "slashes": "digraph {" + "/ " * 100_000,
    "arrows": "digraph {" + "a->" * 100_000,
    "joined strings": 'digraph { x=' + '"y"+' * 50_000 + '"z" }',
    "attributes": "digraph { a [" + ",".join(f"k{n}=v" for n in range(50_000)) + "] }",
    "edges of subgraphs": "digraph {" + "{a b c d e f g h i j}->" * 1_000 + "z }",
    "nodes": "digraph {" + " ".join(f"n{n}" for n in range(50_000)) + "}",
    "blank": " " * 399_000,
    "lines": "\n" * 399_000,
    "a condition of brackets": sound('n0 -> exit [condition="' + "(" * 1_900 + '"]'),
    "a condition of nots": sound('n0 -> exit [condition="' + "!" * 1_900 + 'a"]'),
    "a condition of clauses": sound('n0 -> exit [condition="' + " && ".join(f"a{n}=b" for n in range(250)) + '"]'),
    "a long chain": sound(" ".join(f"n{n} -> n{n + 1};" for n in range(290)) + "n290 -> exit"),
    "a wide fork": sound("n0 [shape=component]; j [shape=tripleoctagon]; j -> exit;"
                         + " ".join(f"n0 -> b{n} -> j;" for n in range(150))),
    "choices in a row": sound("".join(f"n{n} [shape=diamond]; n{n} -> n{n + 1}; n{n} -> exit [label=l{n}];" for n in range(150))
                              + "n150 -> exit"),
    "forks in a row": sound("".join(f"n{n} [shape=component]; n{n} -> n{n + 1}; n{n} -> m{n}; m{n} -> exit;" for n in range(90))
                            + "n90 -> exit"),
    "everything to everything": sound("{" + " ".join(f"n{n}" for n in range(19)) + "} -> {"
                                      + " ".join(f"n{n}" for n in range(19)) + "}; n0 -> exit"),
    "choices to choices": sound("node [shape=diamond]; {" + " ".join(f"n{n}" for n in range(19)) + "} -> {"
                                + " ".join(f"n{n}" for n in range(19)) + "}; n0 -> exit"),
    "forks to forks": sound("node [shape=component]; {" + " ".join(f"n{n}" for n in range(19)) + "} -> {"
                            + " ".join(f"n{n}" for n in range(19)) + "}; n0 -> exit"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pipelines_end_soon(name: str) -> None:
    began = time.monotonic()
    check_pipeline(HOSTILE[name])
    assert time.monotonic() - began < MAX_SECONDS


@pytest.mark.parametrize("name", ["a long chain", "comments", "strings", "attributes"])
def test_reading_takes_time_in_proportion_to_the_text(name: str) -> None:
    def text(size: int) -> str:
        return {
            "a long chain": "digraph { " + "a -> b; " * (size // 2) + "}",
            "comments": "digraph { " + "/* x */ // y\n" * size + "}",
            "strings": "digraph { " + 'k = "a\\"b"\n' * size + "}",
            "attributes": "digraph { " + 'a [x="y", z=1];\n' * size + "}",
        }[name]

    def seconds(size: int) -> float:
        best = 60.0
        for _ in range(3):
            began = time.process_time()
            parse(text(size))
            best = min(best, time.process_time() - began)
        return best

    assert seconds(8_000) < 40 * seconds(1_000) + 0.05
