"""Which files decide what a gate's command does."""

from __future__ import annotations

import pytest

from andon.core.gate_files import LAST, of_command, protected, simple_commands
from andon.core.globs import Globs
from andon.core.workflow import Environment, RunGate, Step, Workflow


@pytest.mark.parametrize(
    ("command", "pattern"),
    [
        ("sh run-tests.sh", "run-tests.sh"),
        ("./gradlew test", "gradlew"),
        ("./gradlew test", "gradle/**"),
        ("cd web && npm test --silent -- --ci", "web/package.json#scripts"),
        ("cd web; cd ../api; make check", "api/Makefile"),
        ("bash -euc 'make x | tee log'", "Makefile"),
        ("env A=1 timeout -k 5 60 sh x.sh", "x.sh"),
        ("if true; then sh x.sh; fi", "x.sh"),
        ("uv run --frozen pytest -q", "**/conftest.py"),
        ('PATH="$PWD/.venv/bin:$PATH" .venv/bin/python -m pytest', ".venv/bin/python"),
        (".venv/bin/python -m pytest", "**/pyproject.toml#tool.pytest"),
        ("python -W error scripts/t.py a.py", "scripts/t.py"),
        ("python -m pytest", "#modules"),
        ("PYTHONPATH=src:lib pytest", "lib/#modules"),
        ("coverage run -m pytest", "**/pytest.ini"),
        ("make -f ci/rules.mk", "ci/rules.mk"),
        (".venv/bin/ruff check .", "**/pyproject.toml#tool.ruff"),
        ("cargo test", "**/.cargo/**"),
    ],
)
def test_what_a_command_reads(command: str, pattern: str) -> None:
    assert pattern in [found.removesuffix("#file") for found in of_command(command)]


@pytest.mark.parametrize(
    ("command", "pattern"),
    [
        ("bash -euo pipefail ci/test.sh", "ci/test.sh"),
        ("python3 -u ci/check.py", "ci/check.py"),
        ("python -s -m ci.check", "ci/check.py"),
        ("python -m ci.check", "ci/__init__.py"),
        ("sh ./ci.sh # don't", "ci.sh"),
        ("sh 'ci.sh", "ci.sh"),
        ("sh < ci.sh", "ci.sh"),
        ("eval 'sh ci.sh'", "ci.sh"),
        ("ls | xargs sh ci.sh", "ci.sh"),
        ("pytest -c ci/pytest.ini", "ci/pytest.ini"),
        ("pytest --config-file=ci/p.ini", "ci/p.ini"),
        ("make -C sub", "sub/Makefile"),
        ("make --file=ci.mk", "ci.mk"),
        ("npm --prefix web test", "web/package.json#scripts"),
        ("uv run --group test pytest", "**/conftest.py"),
        ("mypy --config-file ci/mypy.ini src", "ci/mypy.ini"),
        ("perl -I lib t/all.t", "t/all.t"),
        ("node -r ./hook.js main.js", "hook.js"),
    ],
)
def test_options_do_not_hide_it(command: str, pattern: str) -> None:
    assert pattern in [found.removesuffix("#file") for found in of_command(command)]


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("bun test", "test/b.test.ts"),
        ("deno test", "test/b.test.ts"),
        ("deno lint", "lint/rules.ts"),
        ("node --test test/", "test/b.test.mjs"),
        ("perl -I lib t/all.t", "lib/New.pm"),
    ],
)
def test_work_of_tasks_is_not_taken_for_a_script(command: str, path: str) -> None:
    rules = [Globs([pattern]) for pattern in of_command(command) if "#" not in pattern]
    assert not [rule for rule in rules if rule.matches(path)]


def test_the_environments_path_is_searched_by_every_python() -> None:
    environment = Environment(env={"PYTHONPATH": "lib"})
    workflow = Workflow(name="w", start="s", gates={"t": RunGate(id="t", run="true")}, environment=environment)
    assert "lib/#modules" in protected(workflow)


@pytest.mark.parametrize("path", ["Evil.DIST-INFO/entry_points.txt", "evil.dist-info", "x/evil.egg-link"])
def test_distributions_are_found_in_any_case_and_as_links(path: str) -> None:
    assert Globs([pattern for pattern in of_command("pytest") if "#" not in pattern]).matches(path)


@pytest.mark.parametrize("command", ["", "sh -c", 'sh "$SCRIPT"', "sh /usr/bin/x", "python -c 1 x.py", "cat f"])
def test_what_is_not_guessed(command: str) -> None:
    assert not [pattern for pattern in of_command(command) if not pattern.startswith("**") and "#" not in pattern]


def test_tests_themselves_stay_free() -> None:
    globs = Globs([pattern for pattern in of_command("python -m pytest tests/unit lib") if "#" not in pattern])
    assert globs.select(["tests/unit/test_new.py", "lib/x.py", "tests/conftest.py"]) == ["tests/conftest.py"]


def test_quotes_and_operators() -> None:
    assert simple_commands("a 'b; c' && d|e\nf") == [["a", "b; c"], ["d"], ["e"], ["f"]]


def test_the_authors_word_comes_after_andons_and_before_the_last() -> None:
    workflow = Workflow(
        name="w",
        start="s",
        gates={"t": RunGate(id="t", run="pytest")},
        steps={"s": Step(id="s", kind="command", run="sh step.sh")},
        environment=Environment(setup=("sh setup.sh",)),
        protect=(LAST, "mine", "!**/conftest.py"),
    )
    found = protected(workflow)
    assert {"step.sh#file", "setup.sh#file", "mine"} <= set(found)
    assert found[-3:] == ("mine", "!**/conftest.py", LAST)
    assert found.index("**/conftest.py") < found.index("!**/conftest.py")


def test_what_holds_the_clients_is_protected_in_every_workflow() -> None:
    rules = Globs(protected(Workflow(name="w", start="s")))
    paths = [
        ".claude/settings.json",
        ".claude/settings.local.json",
        ".github/hooks/mine.json",
        ".agents/skills/andon/SKILL.md",
    ]
    assert rules.select([*paths, "AGENTS.md", ".claude/commands/x.md", ".agents/skills/other/SKILL.md"]) == paths
    free = Globs(protected(Workflow(name="w", start="s", protect=("!.claude/settings.json",))))
    assert free.select(paths) == paths[1:]
