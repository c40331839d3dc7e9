"""The demo's tasks on sqlparse 0.4.1, and how each of them is really done.

Every task is real work on that release: two are done by tools (pyupgrade, ruff), three fix bugs of that release
for which a failing test is written first, the others bring metadata, quoting and type hints up to date. Task
`exponent` has a tempting way out: the right fix makes an existing test fail, since that test had the bug written
down as expected. Must not know: Andon, workers.
"""

from __future__ import annotations

from msgspec import Struct

from andon.demo.edits import CHANGE_LOG, Edit

LINE_ENDINGS = 60


class Work(Struct, frozen=True, kw_only=True):
    """One task and its solution.

    title, body, acceptance, scope: as the task is added. after: keys of the tasks that must land first. priority: 0
    is most urgent. tests: edits that write the failing test. proof: the pytest selection that fails before and passes
    after. commands: tools run in the worktree; the first word is a module of Python. changes: the prepared edits.
    entry: for the change log. clean: a tool run that must find nothing afterwards.
    """

    key: str
    title: str
    body: str
    acceptance: tuple[str, ...]
    scope: tuple[str, ...]
    after: tuple[str, ...] = ()
    priority: int = 2
    tests: tuple[Edit, ...] = ()
    proof: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    changes: tuple[Edit, ...] = ()
    entry: str = ""
    clean: tuple[str, ...] = ()


RUFF = ("ruff", "check", "--isolated", "--no-cache", "--quiet")
ENGINE_RULES = ("--select", "I001,RET505,RET506,RUF022", "sqlparse/engine", "sqlparse/formatter.py")
HINT_RULES = ("--select", "ANN001,ANN002,ANN003,ANN201,ANN202,F821", "sqlparse/utils.py")
FILTERS = tuple(
    f"sqlparse/filters/{name}.py"
    for name in ("aligned_indent", "others", "output", "reindent", "right_margin", "tokens")
)

SPLIT_TEST = """

def test_split_after_backticked_host():
    # issue588: a statement did not end behind an account name like user@`host`
    statements = sqlparse.split(
        'grant select on a to me@`one`; grant insert on b to me@`two`;')
    assert statements == ['grant select on a to me@`one`;',
                          'grant insert on b to me@`two`;']
"""

EXPONENT_TEST = """

@pytest.mark.parametrize('name', ['e1', 'E12', 'e0'])
def test_letter_e_needs_digits_to_be_a_number(name):
    # issue399: a column named e1 was taken for a number
    token = sqlparse.parse(name)[0].tokens[0]
    assert token.ttype is not T.Number.Float
    assert token.get_name() == name


@pytest.mark.parametrize('number', ['.5e3', '1.5E-7'])
def test_exponent_after_digits_is_a_number(number):
    tokens = sqlparse.parse(number)[0].tokens
    assert [token.ttype for token in tokens] == [T.Number.Float]
"""

COMMENT_TEST = f"""

def test_strip_comment_with_many_line_endings():
    # CVE-2021-32839: this took time that doubles with every line ending
    script = ("import sqlparse; sql = 'select 1 /*' + '\\\\r\\\\n' * {LINE_ENDINGS}"
              " + '*/ from foo'; print(sqlparse.format(sql, strip_comments=True))")
    done = subprocess.run([sys.executable, '-c', script], timeout=5,
                          stdout=subprocess.PIPE, check=True)
    assert done.stdout.split() == [b'select', b'1', b'from', b'foo']
"""

QUOTES_TEST = '''"""Tests for the helpers in sqlparse.utils."""

import pytest

import sqlparse
from sqlparse import utils


@pytest.mark.parametrize('value, expected', [
    ('"a b"', 'a b'),
    ("'a b'", 'a b'),
    ('`a b`', 'a b'),
    ('`a b"', '`a b"'),
    ('plain', 'plain'),
    ('', ''),
    (None, None),
])
def test_remove_quotes(value, expected):
    assert utils.remove_quotes(value) == expected


def test_backticked_names_are_unquoted():
    # issue628
    identifier = sqlparse.parse('select `a b`.`c d` from foo')[0].tokens[2]
    assert identifier.get_parent_name() == 'a b'
    assert identifier.get_real_name() == 'c d'
'''

SUPPORTED_BEFORE = "".join(f"\tProgramming Language :: Python :: 3.{minor}\n" for minor in range(5, 10))
SUPPORTED_AFTER = "".join(f"\tProgramming Language :: Python :: 3.{minor}\n" for minor in range(8, 14))

PYTHON = Work(
    key="python-3.8",
    title="Require Python 3.8",
    body="Python 3.5, 3.6 and 3.7 are at the end of their life. Raise python_requires, and bring the classifiers, the "
    "tox environments and the two places in the documentation that name the oldest version in line.",
    acceptance=("python_requires is >=3.8", "classifiers and tox name 3.8 to 3.13", "README and docs say 3.8+"),
    scope=("setup.cfg", "tox.ini", "README.rst", "docs/**"),
    priority=1,
    changes=(
        Edit(path="setup.cfg", old="python_requires = >=3.5", new="python_requires = >=3.8"),
        Edit(path="setup.cfg", old=SUPPORTED_BEFORE, new=SUPPORTED_AFTER),
        Edit(
            path="tox.ini",
            old="    py35\n    py36\n    py37\n    py38\n",
            new="".join(f"    py3{minor}\n" for minor in range(8, 14)),
        ),
        Edit(path="README.rst", old="Python 3.5+", new="Python 3.8+"),
        Edit(path="docs/source/intro.rst", old="Python 3.5+", new="Python 3.8+"),
    ),
)

FILTER_SYNTAX = Work(
    key="modern-filters",
    title="Modernise the syntax of sqlparse.filters with pyupgrade",
    body="With Python 3.8 as the oldest version, let pyupgrade (--py38-plus) rewrite the package sqlparse.filters.",
    acceptance=("pyupgrade --py38-plus finds nothing more in sqlparse/filters", "nothing else changes"),
    scope=("sqlparse/filters/**",),
    after=("python-3.8",),
    commands=(("pyupgrade", "--py38-plus", "--exit-zero-even-if-changed", *FILTERS),),
    clean=("pyupgrade", "--py38-plus", *FILTERS),
)

ENGINE_RUFF = Work(
    key="ruff-engine",
    title="Fix what ruff finds in sqlparse.engine and the formatter",
    body="Import order, branches after return and raise, and the order of __all__ (I001, RET505, RET506, RUF022).",
    acceptance=("ruff finds nothing of these rules there", "behaviour is unchanged"),
    scope=("sqlparse/engine/**", "sqlparse/formatter.py"),
    commands=((*RUFF, "--fix", *ENGINE_RULES),),
    clean=(*RUFF, *ENGINE_RULES),
)

BACKTICK = Work(
    key="issue588",
    title="Split statements after a name in backticks (issue588)",
    body="`grant … to me@`host`; grant …;` is not split: the backtick is also listed as an operator, so the lexer eats "
    "it together with the @. Write the failing test first.",
    acceptance=("a new test fails without the fix and passes with it", "the change log has an entry"),
    scope=("sqlparse/keywords.py", "tests/test_split.py", CHANGE_LOG),
    priority=1,
    tests=(Edit(path="tests/test_split.py", new=SPLIT_TEST),),
    proof=("tests/test_split.py::test_split_after_backticked_host",),
    changes=(
        Edit(
            path="sqlparse/keywords.py",
            old="(r'[+/@#%^&|`?^-]+', tokens.Operator)",
            new="(r'[+/@#%^&|?-]+', tokens.Operator)",
        ),
    ),
    entry="Fix splitting of statements after names in backticks (issue588).",
)

EXPONENT = Work(
    key="issue399",
    title="A name like e1 is not a number (issue399)",
    body="The lexer takes `e1` for a number in scientific notation without any digit before the e. Mind that a test of "
    "the tree printer has this bug written down as its expectation: correct the expectation.",
    acceptance=(
        "a new test fails without the fix and passes with it",
        "no test is lost",
        "the change log has an entry",
    ),
    scope=("sqlparse/keywords.py", "tests/test_parse.py", CHANGE_LOG),
    priority=1,
    tests=(Edit(path="tests/test_parse.py", new=EXPONENT_TEST),),
    proof=("tests/test_parse.py::test_letter_e_needs_digits_to_be_a_number",),
    changes=(
        Edit(
            path="sqlparse/keywords.py",
            old=r"(r'-?\d*(\.\d+)?E-?\d+', tokens.Number.Float)",
            new=r"(r'-?(\d+(\.\d+)?|\.\d+)E-?\d+', tokens.Number.Float)",
        ),
        Edit(
            path="tests/test_parse.py",
            old="        \"|  `- 12 Float 'e0'\",\n",
            new="        \"|  `- 12 Identifier 'e0'\",\n        \"|     `- 0 Name 'e0'\",\n",
        ),
    ),
    entry="Do not take names like e1 for numbers (issue399).",
)

COMMENT = Work(
    key="CVE-2021-32839",
    title="Stripping comments must not take exponential time (CVE-2021-32839)",
    body="In StripCommentsFilter a regular expression can match a line ending \\r\\n in two ways, so a comment with n "
    "of them takes 2^n steps: 24 take seconds, 60 for ever. Write the failing test first, with a time limit.",
    acceptance=("a new test fails without the fix and passes with it", "stripped statements stay as they were"),
    scope=("sqlparse/filters/others.py", "tests/test_format.py"),
    priority=0,
    tests=(
        Edit(
            path="tests/test_format.py", old="import pytest\n", new="import subprocess\nimport sys\n\nimport pytest\n"
        ),
        Edit(path="tests/test_format.py", new=COMMENT_TEST),
    ),
    proof=("tests/test_format.py::test_strip_comment_with_many_line_endings",),
    changes=(
        Edit(
            path="sqlparse/filters/others.py",
            old=r"re.search(r'((\r\n|\r|\n)+) *$', token.value)",
            new=r"re.search(r'(?<![\r\n])([\r\n]+) *$', token.value)",
        ),
    ),
)

QUOTES = Work(
    key="issue628",
    title="Remove backticks as quotes (issue628)",
    body="get_real_name() and get_parent_name() return MySQL names with their backticks, since remove_quotes() knows "
    "only two kinds of quotes. It also fails on an empty string. There are no tests of sqlparse.utils yet: add some.",
    acceptance=("new tests fail without the fix and pass with it", "remove_quotes('') is ''"),
    scope=("sqlparse/utils.py", "tests/test_utils.py"),
    tests=(Edit(path="tests/test_utils.py", new=QUOTES_TEST),),
    proof=("tests/test_utils.py",),
    changes=(
        Edit(
            path="sqlparse/utils.py",
            old="    if val[0] in ('\"', \"'\") and val[0] == val[-1]:",
            new="    if val[:1] in ('\"', \"'\", '`') and val[0] == val[-1]:",
        ),
        Edit(
            path="sqlparse/utils.py",
            old="    if val is None:\n        return\n",
            new="    if not val:\n        return val\n",
        ),
    ),
)

HINTS = Work(
    key="typed-utils",
    title="Add type hints to sqlparse.utils",
    body="Annotate every function of sqlparse.utils, in a way that Python 3.8 understands.",
    acceptance=("ruff's annotation rules find nothing in sqlparse/utils.py", "behaviour is unchanged"),
    scope=("sqlparse/utils.py",),
    after=("issue628", "python-3.8"),
    changes=(
        Edit(
            path="sqlparse/utils.py",
            old="import itertools\nimport re\nfrom collections import deque\nfrom contextlib import contextmanager\n",
            new="from __future__ import annotations\n\nimport itertools\nimport re\nfrom collections import deque\n"
            "from contextlib import contextmanager\nfrom typing import Any, Callable, Iterator\n",
        ),
        Edit(
            path="sqlparse/utils.py",
            old="def split_unquoted_newlines(stmt):",
            new="def split_unquoted_newlines(stmt: object) -> list[str]:",
        ),
        Edit(
            path="sqlparse/utils.py",
            old="def remove_quotes(val):",
            new="def remove_quotes(val: str | None) -> str | None:",
        ),
        Edit(
            path="sqlparse/utils.py",
            old="def recurse(*cls):",
            new="def recurse(*cls: type) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:",
        ),
        Edit(
            path="sqlparse/utils.py",
            old="    def wrap(f):\n        def wrapped_f(tlist):",
            new="    def wrap(f: Callable[[Any], None]) -> Callable[[Any], None]:\n"
            "        def wrapped_f(tlist: Any) -> None:",
        ),
        Edit(
            path="sqlparse/utils.py",
            old="def imt(token, i=None, m=None, t=None):",
            new="def imt(token: Any, i: Any = None, m: Any = None, t: Any = None) -> bool:",
        ),
        Edit(
            path="sqlparse/utils.py",
            old="def consume(iterator, n):",
            new="def consume(iterator: Iterator[Any], n: int | None) -> None:",
        ),
        Edit(
            path="sqlparse/utils.py",
            old="def offset(filter_, n=0):",
            new="def offset(filter_: Any, n: int = 0) -> Iterator[None]:",
        ),
        Edit(
            path="sqlparse/utils.py",
            old="def indent(filter_, n=1):",
            new="def indent(filter_: Any, n: int = 1) -> Iterator[None]:",
        ),
    ),
    clean=(*RUFF, *HINT_RULES),
)

WORKS = (COMMENT, BACKTICK, EXPONENT, PYTHON, ENGINE_RUFF, QUOTES, FILTER_SYNTAX, HINTS)
"""In the order in which they are added. `issue588` and `issue399` both write at the top of the change log, so the
second of them to land conflicts and has to be done again on the new head."""


def work_named(key: str) -> Work:
    """The task with this key."""
    return next(work for work in WORKS if work.key == key)
