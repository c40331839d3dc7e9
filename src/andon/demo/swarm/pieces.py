"""The pieces of the second act: dialects for sqlparse, and how each piece is really done.

One piece settles the contract (a registry of dialects) that the others build on; three add a dialect each. The last two
only break together: `accents` renames a helper of sqlparse.utils and mends all who use it, `same-name` adds somebody new
who uses it. Each is green by itself, git merges them without a word, and together they are red.
Rules: a piece fits sqlparse as published and as the first act leaves it. Must not know: Andon, workers.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from andon.demo.edits import Edit, apply, log_change

TITLE = "Dialect support: words of DuckDB, Snowflake and ClickHouse, and names however they are quoted"
BODY = (
    "Applications feed sqlparse more than ANSI SQL. Let a dialect be a module of its own, and begin with three of them."
)
LIST = "dialects.json"
SHARED = "sqlparse/keywords.py"
CONTRACT, VICTIM, RENAMES, USES = "registry", "duckdb", "accents", "same-name"
OLD_NAME, NEW_NAME = "remove_quotes", "unquote_name"
UTILS = "sqlparse/utils.py"


class Piece(Struct, frozen=True, kw_only=True):
    """One child: key, title and body as in the list, the files that it makes, the edits, the proof (pytest selection).

    scope: what it declares to touch; of the others only their words tell.
    """

    key: str
    title: str
    body: str
    files: dict[str, str]
    scope: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    proof: str = ""


REGISTRY_CODE = '''"""Dialects of SQL: one module each, found by its being here.

A dialect's module may have KEYWORDS, which maps upper case words to token types.
"""

import importlib
import pkgutil


def _load():
    words = {}
    for module in pkgutil.iter_modules(__path__):
        dialect = importlib.import_module(__name__ + '.' + module.name)
        words.update(getattr(dialect, 'KEYWORDS', {}))
    return words


KEYWORDS = _load()


def lookup(word):
    """The token type of an upper case word in any dialect, or None."""
    return KEYWORDS.get(word)
'''

REGISTRY_TEST = """from sqlparse import dialects, keywords, tokens


def test_words_of_a_dialect_are_keywords(monkeypatch):
    monkeypatch.setitem(dialects.KEYWORDS, 'FROBNICATE', tokens.Keyword)
    assert keywords.is_keyword('Frobnicate') == (tokens.Keyword, 'Frobnicate')


def test_words_of_no_dialect_are_names():
    assert dialects.lookup('FROBNICATE') is None
    assert keywords.is_keyword('frobnicate') == (tokens.Name, 'frobnicate')
"""

DIALECT_CODE = '''"""The words of {title}."""

from sqlparse import tokens

KEYWORDS = {{
{words}}}
'''

DIALECT_TEST = """import pytest

import sqlparse
from sqlparse import tokens as T


@pytest.mark.parametrize('word', {words!r})
def test_word_of_{key}(word):
    token = sqlparse.parse('select a ' + word.lower() + ' b')[0].tokens[-3]
    assert token.ttype is T.Keyword
    assert token.normalized == word
"""

SAME_NAME_CODE = '''"""Names of tables and columns, however they are quoted."""

from sqlparse import utils


def same_name(one, other):
    """Whether two names mean the same; unquoted ones are compared without case."""
    if utils.{helper}(one) == one and utils.{helper}(other) == other:
        return one.lower() == other.lower()
    return utils.{helper}(one) == utils.{helper}(other)
'''

SAME_NAME_TEST = """import pytest

from sqlparse.dialects.names import same_name


@pytest.mark.parametrize('one, other, same', [
    ('foo', 'FOO', True),
    ('"foo"', 'foo', True),
    ('"foo"', '"FOO"', False),
    ('foo', 'bar', False),
])
def test_same_name(one, other, same):
    assert same_name(one, other) is same
"""

ACCENTS_TEST = """import sqlparse
from sqlparse import utils


def test_accents_are_removed():
    assert utils.unquote_name('´a b´') == 'a b'
    assert utils.unquote_name('"a b"') == 'a b'
    assert utils.unquote_name('´a b') == '´a b'


def test_names_in_accents_are_unquoted():
    identifier = sqlparse.parse('select ´a b´.´c d´ from foo')[0].tokens[2]
    assert identifier.get_parent_name() == 'a b'
    assert identifier.get_real_name() == 'c d'
"""


def _dialect(key: str, title: str, words: tuple[str, ...]) -> Piece:
    lines = "".join(f"    '{word}': tokens.Keyword,\n" for word in words)
    test = f"tests/test_{key}.py"
    return Piece(
        key=key,
        title=f"Words of {title}: {', '.join(words)}",
        body=f"{SHARED} takes what only {title} reserves for plain names. Its vocabulary belongs in a module of the dialect.",
        files={
            f"sqlparse/dialects/{key}.py": DIALECT_CODE.format(title=title, words=lines),
            test: DIALECT_TEST.format(words=list(words), key=key),
        },
        proof=test,
    )


PIECES = (
    Piece(
        key=CONTRACT,
        title="A registry of dialects that the lexer asks",
        body="is_keyword() of sqlparse/keywords.py asks a fixed chain of tables. Let it ask a registry of dialects last, a "
        "package with one module per dialect.",
        scope=(SHARED, "sqlparse/dialects/__init__.py", "tests/test_dialects.py"),
        files={"sqlparse/dialects/__init__.py": REGISTRY_CODE, "tests/test_dialects.py": REGISTRY_TEST},
        edits=(
            Edit(path=SHARED, old="from sqlparse import tokens\n", new="from sqlparse import dialects, tokens\n"),
            Edit(
                path=SHARED,
                old="            or KEYWORDS.get(val, tokens.Name)), value",
                new="            or KEYWORDS.get(val)\n            or dialects.lookup(val)\n"
                "            or tokens.Name), value",
            ),
        ),
        proof="tests/test_dialects.py",
    ),
    Piece(
        key=RENAMES,
        title="Names between acute accents are unquoted",
        body="sqlparse/keywords.py reads ´a b´ as one name, but get_real_name() keeps the accents: remove_quotes() in "
        "sqlparse/utils.py knows no accents. Teach it, and call it what it is then: unquote_name().",
        files={"tests/test_accents.py": ACCENTS_TEST},
        edits=(
            Edit(
                path=UTILS,
                old="        val = val[1:-1]\n    return val\n",
                new="        val = val[1:-1]\n    elif val[:1] == '´' == val[-1:]:\n        val = val[1:-1]\n"
                "    return val\n",
            ),
        ),
        proof="tests/test_accents.py",
    ),
    Piece(
        key=USES,
        title="same_name() compares spellings of identifiers",
        body="Whatever dialect sqlparse/keywords.py reads: two spellings of one table or column must compare equal.",
        files={"tests/test_names.py": SAME_NAME_TEST},
        proof="tests/test_names.py",
    ),
    _dialect(VICTIM, "DuckDB", ("PIVOT", "UNPIVOT", "ASOF", "SUMMARIZE")),
    _dialect("snowflake", "Snowflake", ("QUALIFY", "CLONE", "UNDROP")),
    _dialect("clickhouse", "ClickHouse", ("PREWHERE", "ENGINE", "SETTINGS")),
)
"""In the order of the list."""


def piece_named(key: str) -> Piece:
    """The piece with this key."""
    return next(piece for piece in PIECES if piece.key == key)


def make(piece: Piece, root: Path) -> None:
    """Make the piece on what stands in `root`, whatever landed there before."""
    for path, text in piece.files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    for edit in piece.edits:
        apply(edit, root)
    if piece.key == RENAMES:
        _rename(root)
    if piece.key == USES:
        helper = NEW_NAME if f"def {NEW_NAME}(" in (root / UTILS).read_text(encoding="utf-8") else OLD_NAME
        (root / "sqlparse" / "dialects" / "names.py").write_text(SAME_NAME_CODE.format(helper=helper), encoding="utf-8")


def _rename(root: Path) -> None:
    """The helper's new name, wherever the project uses the old one."""
    for folder in ("sqlparse", "tests"):
        for path in sorted((root / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if OLD_NAME in text:
                path.write_text(text.replace(OLD_NAME, NEW_NAME), encoding="utf-8")


def finish(root: Path) -> None:
    """What is left for the one who puts it all together: the list has done its work, and users want to hear of it."""
    (root / LIST).unlink(missing_ok=True)
    log_change("Add dialects: words of DuckDB, Snowflake and ClickHouse; unquote names between accents.", root)


def changes(piece: Piece) -> set[str]:
    """Files that must be on the landed head for this piece."""
    more = {"sqlparse/dialects/names.py"} if piece.key == USES else set()
    return set(piece.files) | {edit.path for edit in piece.edits} | more


def listed(piece: Piece) -> dict[str, object]:
    """The piece as an entry of the list."""
    entry: dict[str, object] = {"key": piece.key, "title": piece.title, "body": piece.body}
    return entry | ({"scope": list(piece.scope)} if piece.scope else {})
