"""DOT pipelines: a corpus of every construct with the workflow file and the list that each gives, and broken ones.

`ANDON_GOLDEN=write pytest tests/workflow/test_import.py` writes them anew; read the difference before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from andon import workflow
from andon.core.errors import UsageError
from andon.core.workflow import Workflow
from andon.workflow.dot import dialect, import_pipeline
from andon.workflow.dot.draft import CHANGED, LOST, Imported

CORPUS = Path(__file__).parent / "corpus"
# Read here: the tests' own environment holds no ANDON_ variables.
WRITE = os.environ.get("ANDON_GOLDEN") == "write"
PIPELINES = sorted(CORPUS.glob("*.dot"))
BROKEN = sorted((CORPUS / "broken").glob("*.dot"))
NO_WORKFLOW = {"branches-that-share", "endless-loop"}


def imported(path: Path) -> Imported:
    return import_pipeline(path.read_text(encoding="utf-8"), path.name, path.stem)


def expected(path: Path, found: str) -> str:
    if WRITE:
        path.write_text(found, encoding="utf-8")
    return path.read_text(encoding="utf-8")


def listed(made: Imported) -> str:
    lines = [f"{x.line}:{x.column} {x.level} {x.construct}: {x.reason} => {x.instead}" for x in made.findings]
    return "".join(f"{line}\n" for line in (*lines, *(f"added: {x}" for x in made.added), f"carried: {made.carried}"))


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_the_corpus(path: Path) -> None:
    made = imported(path)
    assert listed(made) == expected(path.with_suffix(".findings"), listed(made))
    if path.stem in NO_WORKFLOW:
        assert made.text is None
        assert any(x.construct.startswith("workflow ") for x in made.findings)
        return
    assert made.text is not None
    assert made.text == expected(path.with_suffix(".md"), made.text)
    parsed = workflow.parse(made.text, path.stem)
    assert workflow.errors(workflow.lint(parsed)) == ()
    assert parsed.workflow is not None


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_every_finding_points_at_what_it_names(path: Path) -> None:
    """The place of an attribute's finding holds the attribute."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for finding in imported(path).findings:
        rest = lines[finding.line - 1][finding.column - 1 :]
        assert rest, finding
        key = finding.construct.rpartition(": ")[2].split(" ")[0]
        if key in dialect.DRAWING | set(dialect.NO_EFFECT) | set(dialect.LOST_WORDS):
            assert rest.lstrip('"').startswith(key), finding


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_line_ends_and_a_mark_change_nothing(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    unix = import_pipeline(text, path.name, path.stem)
    assert import_pipeline("\ufeff" + text.replace("\n", "\r\n"), path.name, path.stem) == unix


def test_the_corpus_exercises_every_word() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in PIPELINES)
    assert len(PIPELINES) >= 25
    words = (*dialect.SHAPES, *dialect.NODE_WORDS, *dialect.EDGE_WORDS, *dialect.GRAPH_WORDS)
    seldom = {"join_k", "join_quorum", "post_hook", "tool_hooks.pre", "tool_hooks.post", "llm_provider", "model"}
    for word in (*words, *dialect.NO_EFFECT, *(set(dialect.LOST_WORDS) - seldom)):
        assert word.lower() in text.lower() or word in seldom, word


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_broken_pipelines_say_where(path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        imported(path)
    found = caught.value.message + "\n"
    assert caught.value.kind == "bad_pipeline"
    assert found == expected(path.with_suffix(".error"), found)


# ---------------------------------------------------------------- what a pipeline's words become


def made_of(body: str) -> Imported:
    text = f"digraph G {{\nstart [shape=Mdiamond]; exit [shape=Msquare]\n{body}\n}}\n"
    return import_pipeline(text, "g.dot", "g")


def compiled(body: str) -> Workflow:
    made = made_of(body)
    assert made.text is not None, made.findings
    return workflow.load(made.text, "g")


def edges(body: str) -> set[tuple[str, str, str]]:
    return {(x.source, x.target, x.condition or x.outcome) for x in compiled(body).edges if x.source != "land"}


def lost(body: str) -> list[str]:
    return [x.construct for x in made_of(body).findings if x.level == LOST]


def test_an_agents_goal_gate_without_a_command_fails_closed() -> None:
    made = compiled("a [prompt=x, goal_gate=true]\nstart -> a -> exit")
    assert made.done == ("a_goal",)
    assert made.gates["a_goal"].run.endswith("exit 1")  # type: ignore[union-attr]
    assert made.steps["a"].gates == ("a_goal",)
    assert lost("a [prompt=x, goal_gate=true]\nstart -> a -> exit") == ["node a: goal_gate"]


def test_a_tools_goal_gate_is_its_command() -> None:
    body = 'a [prompt=x]; t [shape=parallelogram, tool_command="make test", goal_gate=true]\nstart -> a -> t -> exit'
    made = compiled(body)
    assert made.done == ("t",)
    assert made.gates["t"].run == made.steps["t"].run == "make test"  # type: ignore[union-attr]
    assert lost(body) == []


def test_the_goal_is_in_every_prompt() -> None:
    made = compiled('goal="fly"; a [prompt="Plan to $goal; ${goal}, not $goals."]\nstart -> a -> exit')
    assert made.steps["a"].brief == "Plan to fly; fly, not $goals."
    assert made.description == "fly"


def test_retries_become_attempts_and_a_retry_target_the_way_after_failure() -> None:
    body = "a [prompt=x, max_retries=2, retry_target=b]; b [prompt=y]\nstart -> b -> a -> exit"
    assert compiled(body).steps["a"].attempts == 3
    assert ("a", "b", "failed") in edges(body)
    assert ("a", "b", "failed") not in edges(body + '\na -> exit [condition="outcome=fail"]')


@pytest.mark.parametrize(
    ("condition", "taken"),
    [
        ("outcome=success", {("passed", "b"), ("failed", "")}),
        ("outcome=fail", {("passed", "c"), ("failed", "b")}),
        ("outcome!=success", {("passed", "c"), ("failed", "b")}),
        ("status=failure", {("passed", "c"), ("failed", "b")}),
        ("outcome=retry", {("passed", "c"), ("failed", ""), ("retry", "b")}),
        ("outcome=success || outcome=retry", {("passed", "b"), ("failed", "")}),
        ("!(outcome=fail)", {("passed", "b"), ("failed", "")}),
        ('preferred_label="Go back"', {("passed", "c"), ("failed", ""), ("go_back", "b")}),
        ("context.x=1", {("passed", "c"), ("failed", ""), ("x_1", "b")}),
        ("outcome=fail && context.x=1", {("passed", "c"), ("failed", ""), ("x_1", "b")}),
        ("outcome=fail && context.x!=1", {("passed", "c"), ("failed", "b")}),
    ],
)
def test_conditions_on_an_agents_edges(condition: str, taken: set[tuple[str, str]]) -> None:
    quoted = condition.replace('"', '\\"')
    body = f'a [prompt=x]; b [prompt=y]; c [prompt=z]\nstart -> a; a -> b [condition="{quoted}"]; a -> c; b -> exit; c -> exit'
    found = {(outcome, target) for source, target, outcome in edges(body) if source == "a"}
    wanted = {(outcome, target) for outcome, target in taken if target}
    assert {way for way in found if way[1] == "b" or way[0] in ("passed", "failed")} == wanted


def test_a_choice_gets_every_outcome_that_it_asks_for() -> None:
    body = (
        'a [prompt=x]; d [shape=diamond]; b [prompt=y]\nstart -> a -> d -> b [condition="outcome=needs_work"]\n'
        'd -> a [condition="outcome=fail"]; d -> exit\nb -> exit'
    ).replace("a -> d -> b [", "a -> d\nd -> b [")
    found = edges(body)
    assert {("a", "d", "passed"), ("a", "d", "failed"), ("a", "d", "needs_work")} <= found
    assert ("d", "b", 'outcome == "needs_work"') in found
    assert ("d", "a", 'outcome == "failed"') in found
    flaky = body + '\nd -> exit [condition="outcome=fail && context.kind=flaky", weight=3]'
    assert ("a", "d", "kind_flaky") in edges(flaky)


def test_expiry_is_not_approval() -> None:
    body = "a [prompt=x]; h [shape=hexagon, human.default_choice={}]\nstart -> a -> h; h -> exit [label=Yes]; h -> a [label=Back]"
    assert compiled(body.format("a")).steps["h"].on_expiry == "back"
    assert compiled(body.format("exit")).steps["h"].on_expiry == "expired"
    assert lost(body.format("exit")) == ["node h: human.default_choice"]


def test_a_fork_has_one_join_and_branches_apart() -> None:
    body = "f [shape=component]; a [prompt=x]; b [prompt=y]; m [prompt=z]\nstart -> f; f -> {a b} -> m -> exit"
    found = edges(body)
    assert {("f", "a", "passed"), ("a", "f_join", "passed"), ("f_join", "m", "passed")} <= found
    assert compiled(body).pseudo == {"f": "fork", "f_join": "join"}


def test_prompts_are_briefs_whatever_they_hold() -> None:
    for prompt in (
        "## a",
        "```yaml\nrole: x\n```",
        "~~~\n",
        "<!--",
        "# one",
        "<div>",
        "---\n",
        "````\n```",
        "[*] --> x",
    ):
        escaped = prompt.replace("\n", "\\n")
        made = compiled(f'a [prompt="{escaped}"]; b [prompt="after"]\nstart -> a -> b -> exit')
        assert prompt.strip("\n") in made.steps["a"].brief
        assert made.steps["b"].brief == "after"


def test_models_are_metadata_without_effect() -> None:
    made = compiled(
        'graph [model_stylesheet="* { llm_model: m; }"]; a [prompt=x, llm_model=big, class=k]\nstart -> a -> exit'
    )
    assert made.metadata == {"dot": {"model_stylesheet": "* { llm_model: m; }"}}
    assert made.steps["a"].metadata == {"llm_model": "big", "class": "k"}
    assert [x for x in made_of("a [llm_model=x]\nstart -> a -> exit").findings if x.level in (LOST, CHANGED)] == []
