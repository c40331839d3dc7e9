"""House rules that a linter does not know: sizes, docstrings, no asserts in the package, tests that assert and never skip."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
MAX_MODULE_LINES = 600
MAX_FUNCTION_LINES = 70
ASSERTING_CALLS = {"raises", "refused", "check", "is_red", "is_green"}
"""pytest's, and the helpers of test modules that hold the assertion of many tests."""
SKIPPING = {"skip", "skipif", "importorskip", "xfail", "SkipTest"}


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(module: ast.Module) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(module) if isinstance(node, ast.FunctionDef))


def name_of(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def asserts(function: ast.FunctionDef, helpers: frozenset[str] = frozenset()) -> bool:
    """helpers: functions of the same module that assert themselves."""
    return any(
        isinstance(node, ast.Assert) or (isinstance(node, ast.Call) and name_of(node.func) in ASSERTING_CALLS | helpers)
        for node in ast.walk(function)
    )


def helpers_of(module: ast.Module) -> frozenset[str]:
    return frozenset(x.name for x in functions(module) if not x.name.startswith("test_") and asserts(x))


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="module")
def modules() -> dict[str, ast.Module]:
    return {relative(path): parsed(path) for path in SOURCES}


def test_modules_say_what_they_are_for_and_keep_their_size(modules: dict[str, ast.Module]) -> None:
    assert modules
    assert [name for name, module in modules.items() if not ast.get_docstring(module)] == []
    sizes = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {name: lines for name, lines in sizes.items() if lines > MAX_MODULE_LINES} == {}


def test_a_function_fits_on_a_screen(modules: dict[str, ast.Module]) -> None:
    sizes = {
        f"{name}:{function.lineno} {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for name, module in modules.items()
        for function in functions(module)
    }
    assert {where: lines for where, lines in sizes.items() if lines > MAX_FUNCTION_LINES} == {}


def test_invariants_are_raised_and_never_asserted_away(modules: dict[str, ast.Module]) -> None:
    found = [
        f"{name}:{node.lineno}"
        for name, module in modules.items()
        for node in ast.walk(module)
        if isinstance(node, ast.Assert)
    ]
    assert found == []


def test_every_test_asserts_something() -> None:
    found = [
        f"{relative(path)}:{function.lineno} {function.name}"
        for path in TESTS
        for module in (parsed(path),)
        for function in functions(module)
        if function.name.startswith("test_") and not asserts(function, helpers_of(module))
    ]
    assert found == []


def test_nothing_is_skipped_in_silence() -> None:
    found = [
        f"{relative(path)}:{node.lineno} {node.attr}"
        for path in TESTS
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        and node.attr in SKIPPING
        and name_of(node.value) in ("pytest", "mark", "unittest")
    ]
    assert found == []


@pytest.mark.parametrize("name", ["state", "workflow", "verdict", "swarm", "learning", "imported", "event"])
def test_records_of_the_state_have_types_and_no_texts(name: str) -> None:
    """Annotations that are texts are evaluated in every process when the first record is read (decision 17)."""
    module = parsed(ROOT / "src/andon/core" / f"{name}.py")
    assert not [x for x in module.body if isinstance(x, ast.ImportFrom) and x.module == "__future__"]
