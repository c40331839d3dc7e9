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
    assert pattern in of_command(command)


@pytest.mark.parametrize(
    "command", ["", "sh -c", 'sh "$SCRIPT"', "sh /usr/bin/x", "echo 'unclosed", "python -c 1 x.py", "cat f"]
)
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
    assert {"step.sh", "setup.sh", "mine"} <= set(found)
    assert found[-3:] == ("mine", "!**/conftest.py", LAST)
    assert found.index("**/conftest.py") < found.index("!**/conftest.py")
