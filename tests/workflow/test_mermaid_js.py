"""Whatever Andon accepts, Mermaid itself reads, and reads the same: states, their phases, edges and labels.

Mermaid's npm package is the judge, over real workflow files and over random diagrams from a fixed seed. Diagrams are
made of tricky pieces; those that Andon refuses are left out, the others must agree.
"""

from __future__ import annotations

import html
import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import andon.workflow
from andon import workflow
from andon.workflow import mermaid
from andon.workflow.diagram import TERMINAL, Diagram, Transition, without_places
from andon.workflow.flatten import ROOT, Flattener
from andon.workflow.markdown import Block
from andon.workflow.mermaid_out import print_mermaid
from andon.workflow.problems import Collector

HERE = Path(__file__).parent
INSTALL = "npm install --no-package-lock --prefix tests/workflow/mermaid_js"
FILES = [
    *sorted((HERE / "golden").glob("*.md")),
    *sorted((HERE / "corpus").glob("*.md")),
    *sorted(Path(andon.workflow.__file__).parent.glob("starters/*.md")),
]
SEED = 20_000
RANDOM_DIAGRAMS = 1500


def ask_mermaid(texts: list[str]) -> list[dict[str, Any]]:
    """What Mermaid draws for each text."""
    node = shutil.which("node")
    if node is None or not (HERE / "mermaid_js" / "node_modules" / "mermaid").is_dir():
        pytest.fail(f"Mermaid's npm package is needed: install Node.js, then: {INSTALL}")
    command = [node, str(HERE / "mermaid_js" / "read.mjs")]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, timeout=120, check=True)
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def accepted(text: str) -> Flattener | None:
    """Andon's reading, None when it refuses the text."""
    problems = Collector("f.md", tuple(text.split("\n")))
    flattener = Flattener(mermaid.parse(Block(text=text, line=1, at=(1, 1)), problems), problems)
    return None if problems.sorted() else flattener


def difference(ours: Flattener, theirs: dict[str, Any]) -> str:
    """Where the two readings differ, or "". Mermaid calls starts and ends PHASE_start and PHASE_end."""
    if not theirs["ok"]:
        return str(theirs["error"])
    notes = {node[0] for node in theirs["nodes"] if "----" in node[0]}
    drawn = {node[0]: node[1] for node in theirs["nodes"] if node[0] not in notes}
    if shapeless := [node[0] for node in theirs["nodes"] if node[2] is None]:
        return f"no shape: {shapeless}"
    for name, home in ours.home.items():
        parent = (ours.scopes[name].parent if name in ours.scopes else home) or None
        if name not in drawn:
            return f"{name} is not drawn"
        if drawn[name] != parent and drawn[name] not in notes:
            return f"{name} is drawn in {drawn[name]}, not in {parent}"
    if extra := [name for name in drawn if name not in ours.home and not name.endswith(("_start", "_end"))]:
        return f"also drawn: {extra}"
    edges = [(start, end, html.unescape(label)) for start, end, label in theirs["edges"] if label is not None]
    mine = [edge(x, scope) for x, scope in ours.statements if isinstance(x, Transition)]
    return "" if edges == mine else f"edges {edges}, not {mine}"


def edge(transition: Transition, scope: str) -> tuple[str, str, str]:
    phase = scope if scope != ROOT else "root"
    source = f"{phase}_start" if transition.source.id == TERMINAL else transition.source.id
    target = f"{phase}_end" if transition.target.id == TERMINAL else transition.target.id
    return source, target, html.unescape(transition.label or "")


def test_workflow_files() -> None:
    texts: list[str] = []
    readings: list[Flattener] = []
    for path in FILES:
        parsed = workflow.parse(path.read_text(encoding="utf-8"), path.name)
        # The starters' YAML has gaps that `andon init` fills; their diagrams are whole.
        if {problem.rule for problem in workflow.errors(parsed.problems)} - {"bad-yaml"}:
            assert path.stem.startswith("broken-")
            continue
        reading = accepted(workflow.graph(parsed))
        assert reading is not None
        texts.append(workflow.graph(parsed))
        readings.append(reading)
    assert len(texts) >= 6
    for text, ours, theirs in zip(texts, readings, ask_mermaid(texts), strict=True):
        assert difference(ours, theirs) == "", text


def test_random_diagrams() -> None:
    chance = Dice(SEED)
    texts: list[str] = []
    readings: list[Flattener] = []
    for _ in range(RANDOM_DIAGRAMS):
        text = chance.diagram()
        reading = accepted(text)
        if reading is None:
            continue
        printed = print_mermaid(read(text))
        assert without_places(read(printed)) == without_places(read(text))
        texts += [text, printed]
        readings += [reading, reading]
    assert len(texts) > RANDOM_DIAGRAMS // 5
    for text, ours, theirs in zip(texts, readings, ask_mermaid(texts), strict=True):
        assert difference(ours, theirs) == "", text


def read(text: str) -> Diagram:
    return mermaid.parse(Block(text=text, line=1, at=(1, 1)), Collector("f.md", tuple(text.split("\n"))))


class Dice:
    """Random diagrams from pieces that have confused one parser or the other."""

    ids = """
        a b c d Plan Build_1 x9 _u fork join choice note_1 stateful directions styles classy defaults clicks TBx LR
        endx end as left of TB redirection my_direction hide scale
    """
    texts = (
        "passed",
        "x > 3 && y",
        '"q" == outcome',
        "visits['a'] < 3",
        "else",
        "a } b",
        "{ x",
        "a --> b",
        "--",
        "[*]",
        "<<fork>>",
        "note right of a",
        "end note",
        "direction",
        "the TB",
        '"',
        "x  y",
        "#hash",
        "é ✓",
        "direction LR",
        "a,b",
        "%",
        "it is }",
        "`x`",
        "$x",
        "<br/>",
        "a<b",
        "&lt",
        "\\n",
        "x::y",
        "x;y",
        "%% c",
        "%%{",
        "Long title",
    )

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def of(self, *choices: str) -> str:
        return self.random.choice(choices)

    def space(self) -> str:
        return self.of("", " ", " ", "  ", "\t")

    def name(self) -> str:
        return self.of(*self.ids.split())

    def ref(self) -> str:
        return self.of(self.name(), self.name(), self.name(), "[*]", self.name() + ":::k")

    def diagram(self) -> str:
        lines = [self.statement(0) for _ in range(self.random.randint(1, 4))]
        header = self.of("stateDiagram-v2", "  stateDiagram-v2", "stateDiagram-v2 ", "stateDiagram-v2 %% c")
        return self.of("", "%% c\n", "\n") + header + "\n" + "\n".join(lines) + self.of("", "\n")

    def statement(self, depth: int) -> str:
        makers = [self.transition] * 12 + [self.pseudo, self.titled, self.described, self.note, self.styled, self.odd]
        if depth < 4 and self.random.random() < 0.12:
            return self.phase(depth)
        return self.space() + self.random.choice(makers)()

    def transition(self) -> str:
        arrow = self.ref() + self.space() + "-->" + self.space() + self.ref()
        ending = self.of("", "", self.space() + ":" + self.space() + self.of(*self.texts), " %% c", "%% c", " %% }")
        return arrow + ending

    def pseudo(self) -> str:
        kind = self.of("<<fork>>", "<<join>>", "<<choice>>", "[[fork]]", "[[join]]", "<<end>>", "<<fork>> }")
        return "state " + self.name() + self.space() + kind

    def titled(self) -> str:
        ending = self.of("", "", " ", " %% c", " }", " : x", ":::k", " %% {")
        return self.of('state "', 'state  "', 'state"') + self.of(*self.texts) + '" as ' + self.name() + ending

    def described(self) -> str:
        return self.name() + self.of(" : ", ":", " :: ", ":::k : ", "", " }") + self.of(*self.texts, "")

    def note(self) -> str:
        start = "note " + self.of("left of ", "right of ", "over ") + self.name()
        if self.random.random() < 0.5:
            return start + self.of(" : ", ":") + self.of(*self.texts)
        middle = self.of("%% c", "", ":x", "direction LR", "more")
        return f"{start}\n{self.of(*self.texts)}\n{middle}\n{self.of('end note', '  end note', 'end note x')}"

    def styled(self) -> str:
        return self.of(
            "direction LR",
            "direction TD",
            "direction TB %% c",
            "classDef k fill:#f00",
            "classDef default fill:#fff",
            "class a,b k",
            "class a, b k",
            "class a k;",
            "style a,b fill:#f9f",
            "class zz k",
            "class a k }",
        )

    def odd(self) -> str:
        return self.of(
            "%% comment", "%%", "", "# c", "--", "scale 300 width", "}", "{", "%%{init: {}}%%", "accTitle: x"
        )

    def phase(self, depth: int) -> str:
        inner = [self.statement(depth + 1) for _ in range(self.random.randint(0, 4))]
        head = "state " + self.of(self.name(), f'"T t" as {self.name()}') + self.of(" {", "{", "  {", " { ", "\n{")
        gap = self.of("\n", " ")
        return head + gap + "\n".join(inner) + self.of("\n", "\n", " ") + self.of("}", "  }", "} %% c", "}}")
