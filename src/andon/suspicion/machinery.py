"""Rules about code that knows it is watched, and about test support that can change outcomes.

`environment-detected` reads product code: a name that only a test runner, CI or a sandbox sets has no business there.
`runner-tampered` reads test support: hooks that rewrite results, exits of the process, equality that always holds.
What stood there before, in whatever file of the change, is not new. Must not know paths beyond what is a test.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from andon.core.verdict import Finding
from andon.suspicion.languages import is_product, is_test
from andon.suspicion.python_facts import ENDS, last_name
from andon.suspicion.records import Pair, Side, cut, finding

TELLING = re.compile(
    r"^(?:PYTEST_CURRENT_TEST|PYTEST_VERSION|PYTEST_XDIST_\w+|ANDON_(?:OUT|BASE|GATE)|CI|CONTINUOUS_INTEGRATION|GITHUB_ACTIONS|GITLAB_CI"
    r"|JENKINS_URL|TRAVIS|CIRCLECI|BUILDKITE|TOX_ENV_NAME|NOX_\w+|COVERAGE_RUN|COV_CORE_\w+|JEST_WORKER_ID|VITEST\w*)$"
)
"""Variables that only a watcher sets."""
RUNNERS = frozenset({"pytest", "_pytest", "py.test", "unittest", "nose", "coverage", "tox"})
SANDBOXES = re.compile(r"^(?:/\.dockerenv|/run/\.containerenv|/proc/1/cgroup|/proc/self/cgroup|/andon-work\b.*)$")
OTHERS = re.compile(
    r"process\.env(?:\.|\[['\"])(?:JEST_WORKER_ID|VITEST\w*|CI|GITHUB_ACTIONS|ANDON_(?:OUT|BASE|GATE)|PLAYWRIGHT\w*|CYPRESS\w*|MOCHA\w*)\b"
    r"|process\.env(?:\.|\[['\"])NODE_ENV['\"\]]*\s*={2,3}\s*['\"]test['\"]|import\.meta\.vitest|\btypeof\s+(?:jest|vi|describe)\b"
    r"|\btesting\.Testing\(\)|os\.(?:Getenv|LookupEnv)\(\"(?:CI|GITHUB_ACTIONS|ANDON_(?:OUT|BASE|GATE))\"\)|strings\.HasSuffix\(os\.Args\[0\],\s*\"\.test\""
    r"|\bcfg!\(test\)|(?:env::var|env!|option_env!)\(\"(?:CI|GITHUB_ACTIONS|ANDON_(?:OUT|BASE|GATE))\"\)"
    r"|System\.getenv\(\"(?:CI|GITHUB_ACTIONS|ANDON_(?:OUT|BASE|GATE))\"\)|Class\.forName\(\"org\.junit"
    r"|ENV(?:\.fetch\(|\[)['\"](?:CI|GITHUB_ACTIONS|ANDON_(?:OUT|BASE|GATE))['\"]|defined\?\((?:RSpec|Minitest)\)"
    r"|\bgetenv\(\"(?:CI|GITHUB_ACTIONS|ANDON_(?:OUT|BASE|GATE))\"\)|/\.dockerenv|/proc/(?:1|self)/cgroup"
)
HOOKS = frozenset(
    {
        "pytest_runtest_makereport", "pytest_report_teststatus", "pytest_collection_modifyitems", "pytest_ignore_collect",
        "pytest_sessionfinish", "pytest_deselected", "pytest_runtest_protocol", "pytest_pyfunc_call", "pytest_runtest_call",
        "pytest_unconfigure", "pytest_cmdline_main", "pytest_runtestloop", "pytest_exception_interact",
    }
)  # fmt: skip
IGNORES = frozenset({"collect_ignore", "collect_ignore_glob"})

Sign = tuple[str, int]
"""(what it is, line)."""


def judge(pairs: Sequence[Pair]) -> Iterator[Finding]:
    """Both rules over all changed files."""
    detected = [pair for pair in pairs if is_product(pair.path)]
    yield from _new("environment-detected", detected, "asks whether it is watched")
    support = [pair for pair in pairs if is_test(pair.path) and pair.is_python]
    yield from _new("runner-tampered", support, "can change outcomes")


def _new(rule: str, pairs: Sequence[Pair], what: str) -> Iterator[Finding]:
    signs = {id(pair): list(_of(pair, pair.after, rule)) for pair in pairs}
    known = Counter(sign for pair in pairs for sign, _line in _of(pair, pair.before, rule))
    for pair in pairs:
        for sign, line in signs[id(pair)]:
            if known[sign] > 0:
                known[sign] -= 1
            else:
                yield finding(rule, pair.path, line, f"new code {what}: `{cut(sign)}`")


def _of(pair: Pair, side: Side, rule: str) -> Iterator[Sign]:
    if not side.exists or side.problem:
        return
    if pair.is_python:
        tree = side.tree
        if tree is not None:
            yield from _detections(tree) if rule == "environment-detected" else _tamperings(tree)
    elif rule == "environment-detected":
        for line, text in enumerate(side.lines, 1):
            for found in OTHERS.finditer(text):
                yield found[0], line


# ---------------------------------------------------------------- Python


def _detections(tree: ast.Module) -> Iterator[Sign]:
    """Environment variables of watchers, `"pytest" in sys.modules`, files that only a container has."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and last_name(node.func) in ("get", "getenv", "pop", "__contains__"):
            if _is_environment(node.func) and node.args:
                yield from _variable(node.args[0])
        elif isinstance(node, ast.Subscript) and last_name(node.value) == "environ":
            yield from _variable(node.slice)
        elif isinstance(node, ast.Compare) and any(isinstance(op, ast.In | ast.NotIn) for op in node.ops):
            where = last_name(node.comparators[0])
            if where == "environ":
                yield from _variable(node.left)
            elif where in ("modules", "argv") and _text(node.left) in RUNNERS:
                yield f"{_text(node.left)} in sys.{where}", node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and SANDBOXES.match(node.value):
            yield node.value, node.lineno
        elif isinstance(node, ast.Attribute) and node.attr == "_called_from_test":
            yield "_called_from_test", node.lineno


def _is_environment(target: ast.expr) -> bool:
    if last_name(target) == "getenv":
        return True
    return isinstance(target, ast.Attribute) and last_name(target.value) == "environ"


def _variable(node: ast.expr) -> Iterator[Sign]:
    name = _text(node)
    if TELLING.match(name):
        yield name, node.lineno


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _tamperings(tree: ast.Module) -> Iterator[Sign]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name in HOOKS:
                yield node.name, node.lineno
            elif node.name in ("__eq__", "__ne__") and _always(node, node.name == "__eq__"):
                yield f"{node.name} that always says {node.name == '__eq__'}", node.lineno
        elif isinstance(node, ast.Call):
            target = node.func
            if last_name(target) == "_exit" or (last_name(target) in ENDS and _zero(node) and _of_process(target)):
                yield f"{last_name(target)}()", node.lineno
        elif isinstance(node, ast.Assign) and any(last_name(name) in IGNORES for name in node.targets):
            yield next(last_name(name) for name in node.targets if last_name(name) in IGNORES), node.lineno
        elif isinstance(node, ast.Assign) and any(last_name(name) == "exitstatus" for name in node.targets):
            yield "exitstatus = …", node.lineno
        elif isinstance(node, ast.Assign) and any(
            isinstance(name, ast.Attribute) and name.attr == "outcome" for name in node.targets
        ):
            yield "outcome = …", node.lineno


def _of_process(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) or (
        isinstance(target, ast.Attribute) and last_name(target.value) in ("sys", "os")
    )


def _zero(call: ast.Call) -> bool:
    return not call.args or (isinstance(call.args[0], ast.Constant) and not call.args[0].value)


def _always(function: ast.FunctionDef | ast.AsyncFunctionDef, value: bool) -> bool:
    last = function.body[-1]
    simple = len([node for node in function.body if not isinstance(node, ast.Expr)]) == 1
    return (
        simple and isinstance(last, ast.Return) and isinstance(last.value, ast.Constant) and last.value.value is value
    )
