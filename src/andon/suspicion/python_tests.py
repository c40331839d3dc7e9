"""Tests of a Python file, from its syntax tree: functions that pytest or unittest collect, and helpers that assert.

What is collected follows the runners' defaults: functions `test*`, in classes `Test*` or with a base. A later definition of the
same name replaces an earlier one, as it does when Python runs the file. Must not know what changed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cached_property

from andon.suspicion.languages import TEST_NAME
from andon.suspicion.python_facts import BROAD, Reader, last_name, text_of
from andon.suspicion.records import Fact, Skip, Test, cut

Function = ast.FunctionDef | ast.AsyncFunctionDef
SKIP_MARKS = frozenset({"skip", "skipif", "skipIf", "skipUnless", "xfail", "expectedFailure"})
SKIP_CALLS = frozenset({"skip", "xfail", "skipTest", "SkipTest", "importorskip"})
PATCHERS = frozenset({"patch", "setattr", "object"})
CASES_MAX = 10**6


class PythonTest(Test):
    """A test read from a tree."""

    by_pattern = False

    def __init__(
        self,
        path: str,
        name: str,
        node: Function,
        *,
        skips: tuple[Skip, ...],
        collected: bool,
        reader: Reader,
        module: Module,
    ) -> None:
        self.path = path
        self.name = name
        self.line = node.lineno
        self.collected = collected
        self._node = node
        self._reader = reader
        self._body = _without_docstring(node.body)
        self.body = "\n".join(ast.dump(part) for part in (*self._body, *node.decorator_list, node.args))
        self.skips = (*skips, *_marks(node.decorator_list), *_skips_inside(node))
        self.cases = module.cases(node.decorator_list)
        self.hollow = all(map(_does_nothing, self._body))

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        return self._reader.facts(self._node)

    @cached_property
    def names(self) -> frozenset[str]:
        found: set[str] = set()
        for node in ast.walk(self._node):
            if name := last_name(node):
                found.add(name)
        return frozenset(found)

    @cached_property
    def parts(self) -> frozenset[str]:
        return frozenset(ast.dump(part) for part in self._body)

    @cached_property
    def mocked(self) -> dict[str, int]:
        return _mocked(self._node)


class Module:
    """What the tests of a file refer to by name: lists of cases and helpers that assert."""

    def __init__(self, tree: ast.Module) -> None:
        self.lists: dict[str, int] = {}
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                size = _size(node.value, {})
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    if isinstance(target, ast.Name) and size is not None:
                        self.lists[target.id] = size
        self.helpers: dict[str, int] = {}
        empty = Reader({})
        for function in ast.walk(tree):
            if isinstance(function, Function) and not function.name.startswith("test"):
                count = len([fact for fact in empty.facts(function) if not fact.never])
                if count:
                    self.helpers[function.name] = count

    def cases(self, decorators: Sequence[ast.expr]) -> int | None:
        """How many times the marks `parametrize` make it run; None when that can't be read off."""
        total = 1
        for node in decorators:
            if isinstance(node, ast.Call) and last_name(node.func) == "parametrize":
                values = node.args[1] if len(node.args) > 1 else None
                values = next((word.value for word in node.keywords if word.arg == "argvalues"), values)
                size = _size(values, self.lists) if values is not None else None
                if size is None:
                    return None
                total = min(total * size, CASES_MAX)
        return total


def read(path: str, tree: ast.Module) -> list[Test]:
    """All tests of a file, and the helpers that assert. Raises RecursionError for what is nested too deeply."""
    module = Module(tree)
    bases = {last_name(base) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for base in node.bases}
    reader = Reader(module.helpers)
    found: dict[str, Test] = {}
    # A function in another file of a test directory is nobody's test; a class there may be the base of tests.
    named = bool(TEST_NAME.search(path.rsplit("/", 1)[-1]))

    def visit(body: Sequence[ast.stmt], scope: str, skips: tuple[Skip, ...], collected: bool) -> None:
        skips = (*skips, *_scope_skips(body))
        for node in body:
            if isinstance(node, Function):
                name = f"{scope}{node.name}"
                is_test = collected and node.name.startswith("test") and (bool(scope) or named)
                if is_test or node.name in module.helpers:
                    found[name] = PythonTest(
                        path, name, node, skips=skips, collected=is_test, reader=reader, module=module
                    )
            elif isinstance(node, ast.ClassDef):
                # A class that others inherit from runs in them.
                runs = node.name.startswith("Test") or node.name in bases or any(map(_is_base, node.bases))
                counts = collected and runs and not _opted_out(node.body)
                marks = _marks(node.decorator_list)
                visit(node.body, f"{scope}{node.name}.", (*skips, *marks), counts)
            elif isinstance(node, ast.If | ast.Try | ast.With):
                for part in _inner(node):
                    visit(part, scope, skips, collected)

    visit(tree.body, "", (), not _opted_out(tree.body))
    return list(found.values())


def _is_base(node: ast.expr) -> bool:
    return last_name(node) not in ("object", "Protocol", "NamedTuple", "Generic", "")


def _inner(node: ast.If | ast.Try | ast.With) -> Iterator[list[ast.stmt]]:
    yield node.body
    if not isinstance(node, ast.With):
        yield node.orelse
    if isinstance(node, ast.Try):
        yield node.finalbody
        for handler in node.handlers:
            yield handler.body


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    return body[1:] if text else body


def _does_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.Pass):
        return True
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Return):
        return node.value is None or isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Assert) and isinstance(node.test, ast.Constant) and bool(node.test.value)


def _marks(decorators: Sequence[ast.expr]) -> tuple[Skip, ...]:
    found = []
    for node in decorators:
        target = node.func if isinstance(node, ast.Call) else node
        if last_name(target) in SKIP_MARKS:
            found.append(_skip(node))
        elif isinstance(node, ast.Call) and last_name(target) == "parametrize":
            for part in ast.walk(node):
                if isinstance(part, ast.keyword) and part.arg == "marks" and _names_skip(part.value):
                    found.append(_skip(part.value))
    return tuple(found)


def _names_skip(node: ast.AST) -> bool:
    return any(last_name(part) in SKIP_MARKS for part in ast.walk(node))


def _skip(node: ast.AST) -> Skip:
    text = text_of(node)
    return Skip(key=text, line=getattr(node, "lineno", 0), shown=cut(text))


def _skips_inside(function: Function) -> tuple[Skip, ...]:
    """Calls that skip. What a handler of an error does is no different: the test does not count then either."""
    return tuple(
        _skip(node)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and last_name(node.func) in SKIP_CALLS and _is_runners(node.func)
    )


def _is_runners(target: ast.expr) -> bool:
    """`pytest.skip`, `self.skipTest`, a bare `skip`; but not `parser.skip`."""
    if isinstance(target, ast.Attribute):
        return isinstance(target.value, ast.Name) and target.value.id in ("pytest", "self", "unittest")
    return target.id in SKIP_CALLS if isinstance(target, ast.Name) else False


def _scope_skips(body: Sequence[ast.stmt]) -> tuple[Skip, ...]:
    """`pytestmark = …` and calls that skip a module, at the level of a module or class."""
    found: list[Skip] = []
    for node in body:
        if isinstance(node, ast.Assign) and any(last_name(target) == "pytestmark" for target in node.targets):
            marks = node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [node.value]
            found += [_skip(mark) for mark in marks if _names_skip(mark)]
        elif isinstance(node, ast.Expr | ast.Raise | ast.Assign):
            value = node.exc if isinstance(node, ast.Raise) else node.value
            if isinstance(value, ast.Call) and last_name(value.func) in SKIP_CALLS and _is_runners(value.func):
                found.append(_skip(value))
    return tuple(found)


def _opted_out(body: Sequence[ast.stmt]) -> bool:
    """`__test__ = False`."""
    return any(
        isinstance(node, ast.Assign)
        and any(last_name(target) == "__test__" for target in node.targets)
        and isinstance(node.value, ast.Constant)
        and not node.value.value
        for node in body
    )


def _size(node: ast.expr, lists: dict[str, int]) -> int | None:
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        if any(isinstance(item, ast.Starred) for item in node.elts):
            return None
        return len(node.elts)
    if isinstance(node, ast.Name):
        return lists.get(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _size(node.left, lists), _size(node.right, lists)
        return None if left is None or right is None else left + right
    return None


def _mocked(function: Function) -> dict[str, int]:
    """Functions that the test calls by name and has replaced: `patch("a.b.f")`, `setattr(module, "f", …)`."""
    called = {last_name(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
    found: dict[str, int] = {}
    for node in [*function.decorator_list, *function.body]:
        for call in ast.walk(node):
            if not isinstance(call, ast.Call) or last_name(call.func) not in PATCHERS:
                continue
            for argument in call.args[:2]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    name = argument.value.rpartition(".")[2]
                    if name in called and name.isidentifier() and name not in BROAD:
                        found.setdefault(name, call.lineno)
    return found
