"""Assertions of a Python function, from its syntax tree: what each demands, and what may keep it from failing.

`assert a == b`, `self.assertEqual(a, b)` and `assertEqual(b, a)` are the same fact, so that moving from one style to another is
no change. Must not know what changed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace

from andon.suspicion.records import Fact, cut

SWALLOWED = "errors are swallowed around it"
UNREACHED = "a return or an end of the test stands before it"
CONDITIONAL = "it stands under a condition"
BROAD = frozenset({"Exception", "BaseException", "AssertionError"})
ENDS = frozenset({"exit", "_exit"})
LITERALS = (ast.Constant, ast.Tuple, ast.List, ast.Set, ast.Dict)

OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
METHODS = {
    "assertEqual": "==", "assertEquals": "==", "assert_equal": "==", "eq_": "==", "assertListEqual": "==",
    "assertDictEqual": "==", "assertTupleEqual": "==", "assertSetEqual": "==", "assertSequenceEqual": "==",
    "assertMultiLineEqual": "==", "assert_array_equal": "==", "assert_frame_equal": "==", "assert_series_equal": "==",
    "assertCountEqual": "same items", "assertNotEqual": "!=", "assertIs": "is", "assertIsNot": "is not",
    "assertIn": "in", "assertNotIn": "not in", "assertIsInstance": "isinstance", "assertNotIsInstance": "not isinstance",
    "assertGreater": ">", "assertGreaterEqual": ">=", "assertLess": "<", "assertLessEqual": "<=",
    "assertAlmostEqual": "~=", "assert_allclose": "~=", "assert_almost_equal": "~=", "assertRegex": "matches",
    "assert_called_once_with": "called with", "assert_called_with": "called with", "assert_awaited_once_with": "called with",
    "assert_has_calls": "called with", "assert_called_once": "called once", "assert_called": "called",
}  # fmt: skip
ONE_OPERAND = frozenset({"called with", "called once", "called"})
SYMMETRIC = frozenset({"==", "!=", "is", "is not", "~=", "same items"})
RAISING = frozenset(
    {"raises", "warns", "assertRaises", "assertRaisesRegex", "assertWarns", "assertWarnsRegex", "assertLogs"}
)
CHECKING = ("assert", "check", "verify", "expect")
PLACES_DEFAULT = 7
RELATIVE_DEFAULT = 1e-6


def text_of(node: ast.AST | None) -> str:
    """The source of a node in one canonical form."""
    return "" if node is None else ast.unparse(node)


def last_name(node: ast.AST) -> str:
    """`c` of `a.b.c` and of `c`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


class Reader:
    """Reads the facts of functions of one file. helpers: name -> assertions in that function of the same file."""

    def __init__(self, helpers: dict[str, int]) -> None:
        self._helpers = helpers

    def facts(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[Fact, ...]:
        return tuple(self._block(function.body, frozenset()))

    # ------------------------------------------------------------ statements

    def _block(self, body: Iterable[ast.stmt], guards: frozenset[str]) -> Iterator[Fact]:
        for statement in body:
            yield from self._statement(statement, guards)
            if leaves(statement):
                guards |= {UNREACHED}

    def _statement(self, node: ast.stmt, guards: frozenset[str]) -> Iterator[Fact]:
        if isinstance(node, ast.Assert):
            yield from (replace(fact, guards=guards) for fact in demands(node.test, node.lineno))
        elif isinstance(node, ast.If):
            yield from self._block(node.body, guards | {CONDITIONAL})
            yield from self._block(node.orelse, guards | {CONDITIONAL})
        elif isinstance(node, ast.Try | ast.TryStar):
            inner = guards | {SWALLOWED} if any(map(swallows, node.handlers)) else guards
            yield from self._block([*node.body, *node.orelse], inner)
            for handler in node.handlers:
                yield from self._block(handler.body, guards | {CONDITIONAL})
            yield from self._block(node.finalbody, guards)
        elif isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                yield from self._calls(item.context_expr, guards)
            inner = guards | {SWALLOWED} if any(suppresses(item.context_expr) for item in node.items) else guards
            yield from self._block(node.body, inner)
        elif isinstance(node, ast.Match):
            for case in node.cases:
                yield from self._block(case.body, guards | {CONDITIONAL})
        elif isinstance(
            node, ast.For | ast.AsyncFor | ast.While | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        ):
            inner = guards | {CONDITIONAL} if isinstance(node, ast.While) and _false(node.test) else guards
            yield from self._block(node.body, inner)
            yield from self._block(getattr(node, "orelse", []), guards)
        else:
            yield from self._calls(node, guards)

    def _calls(self, node: ast.AST, guards: frozenset[str]) -> Iterator[Fact]:
        for call in ast.walk(node):
            if isinstance(call, ast.Call):
                for fact in self._call(call):
                    yield replace(fact, guards=guards)

    # ------------------------------------------------------------ calls

    def _call(self, call: ast.Call) -> Iterator[Fact]:
        name = last_name(call.func)
        arguments = call.args
        if name in RAISING:
            yield raising(call)
        elif name in ("assertTrue", "assert_", "assertFalse") and arguments:
            test = arguments[0]
            yield from demands(test if name != "assertFalse" else ast.UnaryOp(ast.Not(), test), call.lineno)
        elif name in ("assertIsNone", "assertIsNotNone") and arguments:
            op = ast.Is() if name == "assertIsNone" else ast.IsNot()
            yield from demands(ast.Compare(arguments[0], [op], [ast.Constant(None)]), call.lineno)
        elif name in METHODS:
            yield self._method(call, METHODS[name])
        elif name == "fail" and isinstance(call.func, ast.Attribute):
            yield _fact("fails", text_of(call), "", call.lineno)
        elif name in self._helpers or name.lower().lstrip("_").startswith(CHECKING):
            weight = max(self._helpers.get(name, 1), 1)
            yield replace(_fact("checked by", text_of(call), "", call.lineno), weight=weight)

    def _method(self, call: ast.Call, op: str) -> Fact:
        if op in ONE_OPERAND:
            target = call.func.value if isinstance(call.func, ast.Attribute) else call.func
            with_ = ", ".join(text_of(x) for x in [*call.args, *call.keywords])
            return _fact(op, text_of(target), with_, call.lineno)
        left, right = (text_of(x) for x in [*call.args, None, None][:2])
        if op == "==" and len(call.args) > 1:
            first, second = call.args[:2]
            return next(demands(ast.Compare(first, [ast.Eq()], [second]), call.lineno))
        fact = _fact(op, left, right, call.lineno)
        return replace(fact, slack=_slack(call), key=f"{fact.key}|{_slack(call)}") if op == "~=" else fact


def raising(call: ast.Call) -> Fact:
    """`pytest.raises(E, match=M)` and its like. right: how the message must look, or ""."""
    kind = text_of(call.args[0]) if call.args else "Exception"
    match = next((text_of(word.value) for word in call.keywords if word.arg == "match"), "")
    if last_name(call.func).endswith("Regex") and len(call.args) > 1:
        match = text_of(call.args[1])
    return _fact("raises", kind, match, call.lineno)


def demands(test: ast.expr, line: int) -> Iterator[Fact]:
    """The facts of one asserted expression: the parts of an `and` one by one."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        for part in test.values:
            yield from demands(part, line)
        return
    if never := _never(test):
        first = test.values[0] if isinstance(test, ast.BoolOp) else test
        about = text_of(first.left) if isinstance(first, ast.Compare) else text_of(first)
        yield replace(_fact("nothing", about, "", line), shown=cut(f"assert {text_of(test)}"), never=never, weight=0)
        return
    if isinstance(test, ast.Compare):
        left = test.left
        for op, right in zip(test.ops, test.comparators, strict=True):
            yield _comparison(left, OPERATORS[type(op)], right, line)
            left = right
        return
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield _fact("not", text_of(test.operand), "", line)
        return
    if isinstance(test, ast.Call) and last_name(test.func) == "isinstance" and len(test.args) == 2:
        yield _fact("isinstance", text_of(test.args[0]), text_of(test.args[1]), line)
        return
    if isinstance(test, ast.Call) and last_name(test.func) in ("isclose", "allclose") and len(test.args) >= 2:
        slack = _slack(test)
        fact = _fact("~=", text_of(test.args[0]), text_of(test.args[1]), line)
        yield replace(fact, slack=slack, key=f"{fact.key}|{slack}")
        return
    yield _fact("true", text_of(test), "", line)


def _comparison(left: ast.expr, op: str, right: ast.expr, line: int) -> Fact:
    if isinstance(left, ast.Constant) and not isinstance(right, ast.Constant) and op in SYMMETRIC:
        left, right = right, left
    if op in ("==", "is") and isinstance(right, ast.Constant) and isinstance(right.value, bool):
        # `== True` and `is True` become plain truth under every linter; that is no loss.
        return _fact("true" if right.value else "not", text_of(left), "", line)
    if op == "==" and _nothing(right):
        return _fact("not", text_of(left), "", line)
    if op == "==" and isinstance(right, ast.Constant):
        if right.value is None:
            op = "is"
        elif right.value == 0 and isinstance(left, ast.Call) and last_name(left.func) == "len" and left.args:
            return _fact("not", text_of(left.args[0]), "", line)
    for one, other in ((left, right), (right, left)):
        if isinstance(one, ast.Call) and last_name(one.func) == "approx" and one.args and op == "==":
            fact = _fact("~=", text_of(other), text_of(one.args[0]), line)
            slack = _slack(one)
            return replace(fact, slack=slack, key=f"{fact.key}|{slack}")
    weight = min((len(x.elts) for x in (left, right) if isinstance(x, ast.Tuple) and op == "=="), default=1)
    fact = replace(_fact(op, text_of(left), text_of(right), line), weight=max(weight, 1))
    if op in ("==", "is") and fact.left == fact.right:
        return replace(fact, never="it compares a thing with itself")
    return fact


def _fact(op: str, left: str, right: str, line: int) -> Fact:
    operands = sorted((left, right)) if op in SYMMETRIC else [left, right]
    words = {"true": f"{left}", "not": f"not {left}", "raises": f"raises {left}", "checked by": left}
    if op == "raises" and right:
        words["raises"] += f" matching {right}"
    shown = words.get(op, f"{left} {op} {right}".strip())
    return Fact(key="|".join((op, *operands)), line=line, shown=cut(shown), op=op, left=left, right=right)


def _never(test: ast.expr) -> str:
    """Why an asserted expression can't be false, or ""."""
    if isinstance(test, ast.Constant):
        return "a constant is always true" if test.value else ""
    if isinstance(test, ast.Tuple) and test.elts:
        return "a tuple is always true"
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or) and any(_never(part) for part in test.values):
        return "one side of its `or` is always true"
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and _false(test.operand):
        return "a constant is always true"
    if isinstance(test, ast.Compare) and all(isinstance(x, ast.Constant) for x in (test.left, *test.comparators)):
        return "it compares constants"
    return ""


def _false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and not node.value


def _nothing(node: ast.expr) -> bool:
    """Whether it is an empty literal: `[]`, `{}`, `()`, `""`."""
    if isinstance(node, ast.Constant):
        return node.value in ("", b"")
    if isinstance(node, ast.List | ast.Tuple):
        return not node.elts
    return isinstance(node, ast.Dict) and not node.keys


def _slack(call: ast.Call) -> float:
    """How much may be amiss, as one number that grows with tolerance."""
    words = {word.arg: word.value for word in call.keywords if word.arg}
    given = [
        _number(words[name]) for name in ("rel", "abs", "rel_tol", "abs_tol", "rtol", "atol", "delta") if name in words
    ]
    if last_name(call.func) == "approx":
        given += [_number(value) for value in call.args[1:3]]
    if "places" in words:
        given.append(10.0 ** -min(max(_number(words["places"]), -300), 300))
    elif last_name(call.func) == "assertAlmostEqual" and not given:
        given.append(10.0**-PLACES_DEFAULT)
    return max(given, default=RELATIVE_DEFAULT)


def _number(node: ast.expr) -> float:
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(node, ast.Call) and node.args:
        return _number(node.args[0])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    try:
        return float(value)
    except OverflowError:
        return float("inf")


# ---------------------------------------------------------------- control flow


def leaves(statement: ast.stmt) -> bool:
    """Whether what stands after this statement may not be reached, though nothing failed."""
    if isinstance(statement, ast.Return):
        return True
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return last_name(statement.value.func) in ENDS
    if isinstance(statement, ast.If):
        return any(map(leaves, statement.body)) or any(map(leaves, statement.orelse))
    return False


def swallows(handler: ast.ExceptHandler) -> bool:
    """Whether a handler takes a failed assertion and goes on as if nothing were."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    if not any(kind is None or last_name(kind) in BROAD for kind in kinds):
        return False
    return not any(
        isinstance(node, ast.Raise | ast.Assert)
        or (isinstance(node, ast.Call) and last_name(node.func).lower().startswith(("fail", "assert")))
        for part in handler.body
        for node in ast.walk(part)
    )


def suppresses(context: ast.expr) -> bool:
    """`with suppress(Exception):`."""
    if not isinstance(context, ast.Call) or last_name(context.func) != "suppress":
        return False
    return any(last_name(kind) in BROAD for kind in context.args)


Facts = Callable[[ast.FunctionDef | ast.AsyncFunctionDef], tuple[Fact, ...]]
