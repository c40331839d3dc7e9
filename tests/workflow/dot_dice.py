"""Random pipelines: legal ones from DOT's grammar and the pipelines' words, and mutations of them; and what must hold."""

from __future__ import annotations

import random
from itertools import pairwise

from andon import workflow
from andon.core.errors import UsageError
from andon.workflow.dot import import_pipeline
from andon.workflow.dot.draft import CHANGED, DRAWING, LOST, METADATA, Imported
from andon.workflow.markdown import split_lines

_PIECES = """
    digraph { } [ ] = ; , : + -> -- subgraph node edge graph strict cluster_a /* */ // # \\ " ' < > <b> </b> \\" \\n é ✓ \x00 \x7f \u2028
    \ufeff \r \t shape=Mdiamond shape=diamond shape=component shape=tripleoctagon shape=house shape=hexagon goal_gate=true weight=-3
    condition="outcome=success" condition="outcome!=fail&&context.x=1" condition="a||b" condition="!(" retry_target=a prompt="## x"
    prompt="```" label="[A] Approve" label="end" timeout=900s timeout=x max_retries=99999999999 end state note land a b c _ 0 -1 .5
    type="wait.human" tool_command="exit 0" script="x" human.default_choice=a loop_restart=true fidelity=full class="a,b"
"""
PIECES = _PIECES.split()

SHAPES = ["Mdiamond", "Msquare", "box", "hexagon", "diamond", "component", "tripleoctagon", "parallelogram", "house"]
WORDS = [
    "Approve", "[R] Reject", "Y) yes", "F - fix it", "direction LR", "state x", 'say "no"', "a: b; c", "<b>x</b>", "50%% of",
    "ünïcode ✓", "end", "{x}", "x --> y", "passed", "failed", "expired", "stateDiagram-v2", "note right of a", "",
]  # fmt: skip
CONDITIONS = [
    "outcome=success", "outcome=fail", "outcome!=success", "outcome = partial_success", "outcome=retry",
    "preferred_label=Fix", "context.tests=true", "outcome=fail && context.kind=flaky", "outcome=fail && context.kind!=flaky",
    "outcome=success || outcome=partial_success", "!outcome=fail", "(outcome=success)", "tool.output contains \\\"PASS\\\"",
    "internal.retry_count.a >= 3", "context.flag", "outcome=", "&&", "outcome=needs_dod",
]  # fmt: skip
PROMPTS = [
    "Do it", "Plan for $goal.", "## Steps\\n1. one", "```yaml\\nrole: x\\n```", "~~~", "---", "<!-- hidden", "@prompts/a.md", "/cmd x",
    "    indented", "\\n\\n", "a\\tb", "| table |", "# H1", "[*] --> x", "{{x}}", "\\\\", "'single' and \\\"double\\\"",
]  # fmt: skip
COMMANDS = ["make test", "a && b", 'echo \\"x\\"', "x\\ny", "exit 1 # why", "- x", "{a: b}"]
NODE_IDS = [
    "a",
    "b",
    "c",
    "d",
    "e1",
    "plan",
    "end",
    "state",
    "land",
    "two words",
    "1st",
    "ü",
    "note",
    "Build_start",
    "x-y",
]


class Dice:
    """Pipelines from a seed. Most are sound; some have no exit, two starts, forks that never join."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def pick(self, items: list[str]) -> str:
        return self.random.choice(items)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def quoted(self, name: str) -> str:
        return f'"{name}"' if not (name.isascii() and name.isidentifier()) or self.chance(0.1) else name

    def text(self, word: str) -> str:
        return '"' + word.replace('\\"', '"').replace('"', '\\"') + '"' if '\\"' not in word else f'"{word}"'

    def attributes(self, made: list[str]) -> str:
        if not made:
            return ""
        gap = self.pick([" ", "\n    ", "", "  /* why */ "])
        return f"{gap}[" + self.pick([", ", " ", "; ", ",\n"]).join(made) + "]"

    def node(self, name: str, shape: str) -> str:
        made = [f"shape={shape}"] if shape != "box" or self.chance(0.5) else []
        for share, attribute in (
            (0.5, f"label={self.text(self.pick(WORDS))}"),
            (0.5, f"prompt={self.text(self.pick(PROMPTS))}"),
            (0.2, f"max_retries={self.random.randint(-1, 200)}"),
            (0.2, "goal_gate=true"),
            (0.15, f"retry_target={self.quoted(self.pick(NODE_IDS))}"),
            (0.2, f"timeout={self.pick(['900s', '15m', '2h', '250ms', '10', 'soon'])}"),
            (0.1, 'class="a,b"'),
            (0.1, "color=red"),
            (0.1, "llm_model=x"),
            (0.05, "allow_partial=true"),
            (0.05, "join_policy=first_success"),
            (0.05, "human.default_choice=a"),
            (0.03, 'type="wait.human"'),
            (0.02, "mystery=1"),
        ):
            if self.chance(share):
                made.append(attribute)
        if shape == "parallelogram" and self.chance(0.8):
            made.append("tool_command=" + self.text(self.pick(COMMANDS)))
        return self.quoted(name) + self.attributes(made)

    def edge(self, source: str, target: str) -> str:
        made = []
        for share, attribute in (
            (0.3, f"label={self.text(self.pick(WORDS))}"),
            (0.3, f'condition="{self.pick(CONDITIONS)}"'),
            (0.2, f"weight={self.random.randint(-2, 5)}"),
            (0.05, "loop_restart=true"),
            (0.05, "fidelity=full"),
        ):
            if self.chance(share):
                made.append(attribute)
        return f"{self.quoted(source)} -> {self.quoted(target)}" + self.attributes(made)

    def pipeline(self) -> str:
        names = self.random.sample(NODE_IDS, self.random.randint(1, len(NODE_IDS)))
        lines = [
            "start [shape=Mdiamond]" if self.chance(0.97) else "",
            "exit [shape=Msquare]" if self.chance(0.97) else "",
        ]
        if self.chance(0.5):
            lines.append(f"graph [goal={self.text(self.pick(PROMPTS))}, rankdir={self.pick(['LR', 'TB', 'XX'])}]")
        if self.chance(0.3):
            lines.append("node [shape=box, timeout=900s]")
        if self.chance(0.3):
            lines.append(f"retry_target={self.quoted(self.pick(names))}; default_max_retry=3")
        shapes = {name: self.pick(["box", "box", "box", *SHAPES[2:]]) for name in names}
        open_groups = 0
        for name in names:
            if self.chance(0.15):
                lines.append(f"subgraph {self.pick(['cluster_a', 'cluster_b', '', 'g', 'cluster_plan'])} {{")
                lines += [f"label={self.text(self.pick(WORDS))}"] if self.chance(0.7) else []
                open_groups += 1
            lines.append(self.node(name, shapes[name]))
            if open_groups and self.chance(0.4):
                lines.append("}")
                open_groups -= 1
        lines += ["}"] * open_groups
        order = ["start", *names, "exit"]
        lines += [self.edge(x, y) for x, y in pairwise(order) if self.chance(0.9)]
        for _ in range(self.random.randint(0, len(names))):
            lines.append(self.edge(self.pick(names), self.pick([*names, "exit"])))
        if self.chance(0.2):
            lines.append(f"{self.quoted(self.pick(names))} -> {{ {' '.join(map(self.quoted, names[:3]))} }}")
        end = self.pick(["\n", ";\n", "\r\n", " // c\n", "\n# c\n"])
        head = self.pick(["", "// head\n", "strict "]) + "digraph " + self.pick(["G", "", '"a b"'])
        return head + " {\n" + end.join(lines) + "\n}\n"

    def mutated(self, text: str) -> str:
        for _ in range(self.random.randint(1, 5)):
            at = self.random.randint(0, len(text))
            to = min(len(text), at + self.random.choice([0, 0, 1, 2, 5, 30]))
            text = text[:at] + self.pick(["", self.pick(PIECES), text[at:to] * 2, f" {self.pick(PIECES)} "]) + text[to:]
        return text


def check_pipeline(text: str) -> Imported | None:
    """Import a text. What comes out is a file that lints, or findings and errors that point inside the text."""
    lines = split_lines(text.removeprefix("\ufeff"))
    try:
        made = import_pipeline(text, "f.dot", "made")
    except UsageError as error:
        assert error.kind == "bad_pipeline"
        for line in error.message.split("\n")[1:]:
            _, number, column, _ = line.split(":", 3)
            assert 1 <= int(number) <= max(len(lines), 1)
            assert 1 <= int(column) <= len(lines[int(number) - 1] if lines else "") + 1
        return None
    for finding in made.findings:
        assert 1 <= finding.line <= len(lines), finding
        assert 1 <= finding.column <= len(lines[finding.line - 1]) + 1, finding
        assert finding.level in (LOST, CHANGED, METADATA, DRAWING)
        assert finding.reason
    if made.text is None:
        assert any(finding.construct.startswith("workflow ") for finding in made.findings)
        return made
    parsed = workflow.parse(made.text, "made")
    assert workflow.errors(workflow.lint(parsed)) == ()
    assert not [problem for problem in parsed.problems if problem.rule == "name-mismatch"]
    return made
