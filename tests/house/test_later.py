"""Modules that are imported at their first use are what the layers' check sees: each `later("X")` stands beside an import of X."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "src" / "andon"
ITSELF = SOURCES / "core" / "later.py"
PLACE = "andon.core.later"


def problems(module: ast.Module) -> list[str]:
    """What the layers' check would not see, or not as it is."""
    found = [f"line {node.lineno}: from {PLACE} import later, and nothing else" for node in _other_imports(module)]
    if not any(isinstance(node, ast.ImportFrom) and node.module == PLACE for node in ast.walk(module)):
        return found
    explained: set[int] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            seen = dict(_imported(node.body))
            for name, value in _assigned(node.orelse):
                called = _called(value)
                if called is not None and seen.get(name) == called:
                    explained.add(id(value.func) if isinstance(value, ast.Call) else 0)
    found += [
        f"line {node.lineno}: no twin of an import under TYPE_CHECKING: {ast.unparse(node)}"
        for node in ast.walk(module)
        if isinstance(node, ast.Name) and node.id == "later" and id(node) not in explained
    ]
    return found


def _other_imports(module: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import) and any(x.name == PLACE for x in node.names):
            yield node
        elif isinstance(node, ast.ImportFrom):
            names = [(f"{node.module}.{x.name}", x.asname) for x in node.names]
            wrong = [
                name for name, alias in names if name.startswith(PLACE) and (name, alias) != (f"{PLACE}.later", None)
            ]
            if wrong or (node.level and any(name.endswith(".later") for name, _ in names)):
                yield node


def _imported(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """(name, module that it is) of whatever is imported from a package."""
    for node in body:
        if isinstance(node, ast.ImportFrom) and not node.level:
            for one in node.names:
                yield one.asname or one.name, f"{node.module}.{one.name}"


def _assigned(body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr]]:
    for node in body:
        for target in node.targets if isinstance(node, ast.Assign) else ():
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            yield from ((name.id, value) for name, value in pairs if isinstance(name, ast.Name))


def _called(value: ast.expr) -> str | None:
    """X of later("X")."""
    match value:
        case ast.Call(func=ast.Name(id="later"), args=[ast.Constant(value=str(module))], keywords=[]):
            return module
    return None


def test_what_comes_later_is_seen_by_the_layers_check() -> None:
    modules = {x: ast.parse(x.read_text(encoding="utf-8")) for x in SOURCES.rglob("*.py") if x != ITSELF}
    assert {str(x): found for x, module in modules.items() if (found := problems(module))} == {}
    assert (
        sum(_called(node) is not None for x in modules.values() for node in ast.walk(x) if isinstance(node, ast.Call))
        > 9
    )


GOOD = """
from andon.core.later import later
if TYPE_CHECKING:
    from andon.engine import people, views
    from andon.engine import runs as started
else:
    people, views = later("andon.engine.people"), later("andon.engine.views")
    started = later("andon.engine.runs")
"""


def test_twins_are_known() -> None:
    assert problems(ast.parse(GOOD)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("from andon.engine import people, views", "from andon.engine import people"),
        ("from andon.engine import people, views", "from andon.core import people, views"),
        ('later("andon.engine.runs")', 'later("andon.store.sqlite")'),
        ('later("andon.engine.runs")', 'later("andon.engine." + "runs")'),
        ('later("andon.engine.runs")', 'later(module="andon.engine.runs")'),
        ("    started = later", "    other = later"),
        ("if TYPE_CHECKING", "if True"),
        ("    started = later", "    pass\nstarted = later"),
        ("    started = later", "    call = later\n    started = call"),
        ("import later", "import later as soon"),
        ("import later", "import Later"),
        ("from andon.core.later import later", "from andon.core import later"),
        ("from andon.core.later import later", "import andon.core.later"),
        ("from andon.core.later import later", "from ..core.later import later"),
    ],
)
def test_whatever_is_no_twin_is_found(old: str, new: str) -> None:
    assert GOOD.replace(old, new) != GOOD
    assert problems(ast.parse(GOOD.replace(old, new))) != []
